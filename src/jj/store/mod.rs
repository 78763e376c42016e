//! jj's operation store, read from the disk: an operation and the bookmarks it left, without a jj process.
//!
//! Never writes. The store is jj's own affair, so whatever is missing, of another kind or not fully understood is
//! `None`, and the caller asks a jj process instead.

mod changes;
mod commit;
mod decode;
mod graph;
mod places;
mod trail;
mod walk;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

pub(crate) use changes::ChangeTable;
pub(crate) use graph::Surveyed;
pub(super) use places::{load_name, load_place};
pub(crate) use trail::{Move, Step};
pub(crate) use walk::Between;

use super::Repo;
use crate::model::{BookmarkName, ChangeId, CommitId, OpId};

/// What each part of a repo has to be, as its `type` file tells.
const KINDS: [(&str, &str); 3] =
    [("op_store", "simple_op_store"), ("op_heads", "simple_op_heads_store"), ("store", "git")];

/// The hex digits of an operation's or a view's id.
const ID_LENGTH: usize = 128;

/// How many operations are looked at on the way down to another one, by whoever has time, and by whoever has not.
const REACH: usize = 10_000;
const SHORT_REACH: usize = 500;

/// No file of the store comes near; 10,000 bookmarks take about 2 MB.
const MAX_FILE: u64 = 1 << 26;

/// The operation store of a repo, of the one kind that is understood.
#[derive(Debug)]
pub(crate) struct OpStore {
    dir: Utf8PathBuf,
    git_dir: Option<Utf8PathBuf>,
}

/// What one command, or one snapshot, did to the repo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// In full.
    pub(crate) id: OpId,
    /// None for the root operation alone; several where operations that went on side by side were merged.
    pub(crate) parents: Vec<OpId>,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) description: String,
    /// The command line, where a command is known: quoted for people to read, not to be split again.
    pub(crate) args: Option<String>,
    pub(crate) is_snapshot: bool,
    /// The workspace that the command ran in, where jj noted it.
    pub(crate) workspace: Option<String>,
    view: String,
}

/// Where everything stood after an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// The commits that are visible and have no visible children.
    pub(crate) heads: Vec<CommitId>,
    /// Local bookmarks. One that was deleted is not among them, even while a remote still has it.
    pub(crate) bookmarks: Bookmarks,
    /// By name and remote; in a colocated repo the remote `git` too.
    pub(crate) remote_bookmarks: BTreeMap<(BookmarkName, String), RemoteTarget>,
    /// The working-copy commit of each workspace, by its name.
    pub(crate) working_copies: BTreeMap<String, CommitId>,
}

/// Local bookmarks and where they point.
pub(crate) type Bookmarks = BTreeMap<BookmarkName, Target>;

/// Which bookmarks somebody asks for.
pub(crate) type Wanted<'a> = &'a dyn Fn(&BookmarkName) -> bool;

/// As jj's templates print it: one commit, or added, removed, added… where it is conflicted, `None` for absence.
pub(crate) type Target = Vec<Option<CommitId>>;

/// Where a bookmark was at a remote when last seen there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteTarget {
    /// `[None]` where a bookmark is tracked that the remote does not have yet.
    pub(crate) target: Target,
    pub(crate) tracked: bool,
}

impl OpStore {
    /// The operation that every repo begins with.
    pub(crate) fn root() -> OpId {
        Operation::root().id
    }

    /// The operation store of this repo, where it is of the kind that is understood.
    pub(crate) fn open(repo: &Repo) -> Option<Self> {
        let is = |(part, kind): (&str, &str)| {
            load_file(&repo.dir().join(part).join("type")).is_some_and(|text| text == kind.as_bytes())
        };
        let dir = repo.dir().join("op_store");
        KINDS.into_iter().all(is).then(|| Self { dir, git_dir: repo.git_dir() })
    }

    /// One operation, integrated or not, by its full id or by a prefix that no other shares. A prefix costs a walk
    /// through the names of all operations.
    pub(crate) fn load_operation(&self, id: &OpId) -> Option<Operation> {
        let id = self.load_full_id(id.as_str())?;
        if is_root(&id) {
            return Some(Operation::root());
        }
        let file = load_file(&self.dir.join("operations").join(&id))?;
        let mut operation = decode::operation(OpId::new(id), &file)?;
        if operation.parents.is_empty() {
            // Made by a jj that did not have a root operation yet.
            operation.parents.push(Operation::root().id);
        }
        Some(operation)
    }

    /// Whether an operation has another one beneath it, not too far down.
    pub(crate) fn descends(&self, from: &OpId, base: &OpId) -> bool {
        let mut next = vec![from.clone()];
        let mut seen = HashSet::new();
        while let Some(id) = next.pop() {
            if id == *base {
                return true;
            }
            if seen.len() < SHORT_REACH && seen.insert(id.clone()) {
                next.extend(self.load_operation(&id).into_iter().flat_map(|operation| operation.parents));
            }
        }
        false
    }

    /// The bookmarks and working copies that an operation left.
    pub(crate) fn load_view(&self, operation: &Operation) -> Option<View> {
        decode::view(&self.load_view_file(operation)?)
    }

    /// The same of each of several operations.
    pub(crate) fn load_views(&self, operations: &[OpId]) -> Option<Vec<View>> {
        operations.iter().map(|id| self.load_view(&self.load_operation(id)?)).collect()
    }

    /// The change that a commit is of, where the commit itself tells it and was not packed away.
    pub(crate) fn load_change_id(&self, commit: &CommitId) -> Option<ChangeId> {
        commit::load_commit(self.git_dir.as_ref()?, commit)?.change
    }

    /// The view that an operation left, as it is written.
    fn load_view_file(&self, operation: &Operation) -> Option<Vec<u8>> {
        if is_root(&operation.view) {
            return Some(Vec::new());
        }
        load_file(&self.dir.join("views").join(&operation.view))
    }

    fn load_full_id(&self, prefix: &str) -> Option<String> {
        if is_id(prefix) {
            return Some(prefix.to_owned());
        }
        if prefix.is_empty() || prefix.len() > ID_LENGTH {
            return None;
        }
        // The root operation has no file, but jj's prefixes count it.
        let mut found = is_root(prefix).then(|| "0".repeat(ID_LENGTH));
        for entry in self.dir.join("operations").read_dir().ok()? {
            // Names of another kind are none of jj's operations.
            let Ok(name) = entry.ok()?.file_name().into_string() else { continue };
            if name.starts_with(prefix) && is_id(&name) && found.replace(name).is_some() {
                return None;
            }
        }
        found
    }
}

impl Operation {
    /// The beginning of every repo: it has no file.
    fn root() -> Self {
        Self {
            id: OpId::new("0".repeat(ID_LENGTH)),
            parents: Vec::new(),
            started: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            description: String::new(),
            args: None,
            is_snapshot: false,
            workspace: None,
            view: "0".repeat(ID_LENGTH),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_root(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0')
}

/// The content of a regular file of a sane size: a clone can bring a `.jj` with anything in it.
fn load_file(path: &Utf8Path) -> Option<Vec<u8>> {
    let file = std::fs::metadata(path).ok()?;
    (file.is_file() && file.len() <= MAX_FILE).then(|| std::fs::read(path).ok())?
}
