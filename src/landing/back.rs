//! The ways back for a flow whose conflict is given up, on a chain that nobody sees yet. As a rule its changes are put
//! back in place. Where one of them has gone, folded into another or abandoned, the commits of old are brought back, and
//! what stands on their later copies moves over to them. What anybody made since stays, as a change of its own.

use super::along::find;
use super::chain::{revision, step};
use crate::error::{Failure, Kind};
use crate::event::Conflict;
use crate::graph::{Change, Graph};
use crate::jj::{self, Jj};
use crate::model::{ChangeId, CommitId, OpId};
use crate::name::FlowName;

/// The whole stack back onto what it stood on, then each change's files as they were.
pub(super) fn put_back(jj: &Jj, last: &mut OpId, conflict: &Conflict, now: &Graph) -> anyhow::Result<()> {
    for root in &conflict.roots {
        let now = now.changes().iter().find(|change| change.id == root.change);
        if now.is_some_and(|now| now.parents != root.parents) {
            rebase(jj, last, &revision(&root.change), &root.parents)?;
        }
    }
    // Parents before children: each restore carries what is above it along.
    for tip in conflict.before.iter().rev() {
        if !now.changes().iter().any(|change| change.commit == tip.commit) {
            let (from, into) = (jj::commit(&tip.commit), revision(&tip.change));
            step(jj, last, &["restore".to_owned(), format!("--from={from}"), format!("--into={into}")])?;
        }
    }
    Ok(())
}

/// The commits as they were in place of what `now` has of them, with their bookmarks and working copies.
pub(super) fn bring_back(jj: &Jj, last: &mut OpId, conflict: &Conflict, now: &Graph) -> anyhow::Result<()> {
    let commits = any(conflict.before.iter().map(|tip| jj::commit(&tip.commit)));
    let base = jj.read_at(&conflict.base, &format!("{commits} | children({commits})"))?;
    let is_old = |commit: &CommitId| conflict.before.iter().any(|tip| tip.commit == *commit);
    let copies: Vec<&Change> = now.changes().iter().filter(|change| !is_old(&change.commit)).collect();
    let old = |copy: &Change| conflict.before.iter().find(|tip| tip.change == copy.id).map(|tip| &tip.commit);
    let copied = any(copies.iter().map(|copy| jj::commit(&copy.commit)));
    let above = jj.read_at(&now.op, &format!("children({copied}) ~ {copied}"))?;

    // What a bookmark stands on can be seen, with all that is beneath it.
    let mark = format!("jj-flow-abort-{}", conflict.conflict);
    if let Some(tip) = conflict.before.first() {
        step(jj, last, &set(&jj::quoted(&mark), &tip.commit))?;
    }
    for copy in &copies {
        for bookmark in copy.bookmarks.iter().filter(|bookmark| !bookmark.conflicted) {
            let mut were = base.changes().iter().filter(|was| is_old(&was.commit));
            let was = were.find(|was| was.bookmarks.contains(bookmark)).map(|was| &was.commit);
            if let Some(to) = was.or(old(copy)) {
                step(jj, last, &set(&jj::symbol(&bookmark.name), to))?;
            }
        }
    }
    // Children before parents, so that none is rewritten before its turn.
    for change in above.changes() {
        let stood = base.changes().iter().find(|was| was.id == change.id && was.parents.iter().all(is_old));
        let moved = |parent: &CommitId| {
            let copy = copies.iter().find(|copy| copy.commit == *parent);
            copy.and_then(|copy| old(copy)).unwrap_or(parent).clone()
        };
        let parents =
            stood.map_or_else(|| change.parents.iter().map(moved).collect(), |was| was.parents.clone());
        rebase(jj, last, &jj::commit(&change.commit), &parents)?;
    }
    for copy in &copies {
        let Some(old) = old(copy) else { continue };
        let edit = ["edit".to_owned(), jj::commit(old)];
        if copy.here {
            step(jj, last, &edit)?;
        }
        for (_, other) in find(jj, &now.op, &copy.workspaces)? {
            step(&other, last, &edit)?;
        }
    }
    let own = any(conflict.before.iter().map(|tip| revision(&tip.change)));
    step(jj, last, &["abandon".to_owned(), format!("{own} ~ {commits}")])?;
    step(jj, last, &["bookmark".to_owned(), "forget".to_owned(), format!("exact:{}", jj::quoted(&mark))])
}

/// What a flow stood on and what has been rewritten since: to bring the flow back onto that would bring it back as well.
#[derive(Debug)]
pub(super) struct Beneath {
    /// The flow's lowest changes, and what the commits beneath them have become.
    roots: Vec<(ChangeId, Vec<CommitId>)>,
    /// The commits that nobody sees any more.
    unseen: Vec<CommitId>,
}

impl Beneath {
    /// As it is at an operation; refused where there are several to choose from.
    pub(super) fn read(jj: &Jj, op: &OpId, flow: &FlowName, conflict: &Conflict) -> anyhow::Result<Self> {
        let parents = any(conflict.roots.iter().flat_map(|root| &root.parents).map(jj::commit));
        let seen = "::(visible_heads() | remote_bookmarks() | tags())";
        let unseen = jj.read_at(op, &format!("::{parents} ~ {seen}"))?;
        let mut beneath = Self {
            roots: Vec::new(),
            unseen: unseen.changes().iter().map(|was| was.commit.clone()).collect(),
        };
        if beneath.unseen.is_empty() {
            return Ok(beneath);
        }
        let now = jj.read_at(op, &any(unseen.changes().iter().map(|was| revision(&was.id))))?;
        for root in &conflict.roots {
            let mut parents = Vec::new();
            for parent in &root.parents {
                find_now(flow, parent, (&unseen, &now), &mut parents)?;
            }
            if parents != root.parents {
                beneath.roots.push((root.change.clone(), parents));
            }
        }
        Ok(beneath)
    }

    /// Moves the flow, which is back where it was, onto what is there now.
    pub(super) fn follow(&self, jj: &Jj, last: &mut OpId) -> anyhow::Result<()> {
        for (root, parents) in &self.roots {
            rebase(jj, last, &revision(root), parents)?;
        }
        if !self.roots.is_empty() {
            step(jj, last, &["abandon".to_owned(), any(self.unseen.iter().map(jj::commit))])?;
        }
        Ok(())
    }
}

/// What a commit has become: where its change has gone, what has become of its parents, as for whatever stands on what
/// jj abandons.
fn find_now(
    flow: &FlowName,
    commit: &CommitId,
    (unseen, now): (&Graph, &Graph),
    found: &mut Vec<CommitId>,
) -> anyhow::Result<()> {
    let Some(place) = unseen.place(commit) else {
        if !found.contains(commit) {
            found.push(commit.clone());
        }
        return Ok(());
    };
    let was = &unseen.changes()[place];
    let copies: Vec<&Change> = now.changes().iter().filter(|change| change.id == was.id).collect();
    match copies.as_slice() {
        [] => was.parents.iter().try_for_each(|parent| find_now(flow, parent, (unseen, now), found)),
        [one] => {
            if !found.contains(&one.commit) {
                found.push(one.commit.clone());
            }
            Ok(())
        }
        _ => Err(divergent(flow, &was.id)),
    }
}

pub(super) fn divergent(flow: &FlowName, change: &ChangeId) -> anyhow::Error {
    let id = change.short();
    let message = format!("Could not bring {flow} back: change {id} is divergent");
    Failure::new(Kind::Divergent, message).hint(format!("jj log --revisions 'change_id({id})'")).into()
}

fn rebase(jj: &Jj, last: &mut OpId, source: &str, onto: &[CommitId]) -> anyhow::Result<()> {
    let mut args = vec!["rebase".to_owned(), format!("--source={source}")];
    args.extend(onto.iter().map(|parent| format!("--onto={}", jj::commit(parent))));
    step(jj, last, &args)
}

fn set(bookmark: &str, to: &CommitId) -> Vec<String> {
    let revision = format!("--revision={}", jj::commit(to));
    ["bookmark", "set", "--allow-backwards", &revision, bookmark].map(str::to_owned).to_vec()
}

/// All of these revsets in one.
fn any(revsets: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = revsets.collect();
    if all.is_empty() { "none()".to_owned() } else { format!("({})", all.join(" | ")) }
}
