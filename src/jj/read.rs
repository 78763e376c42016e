//! Reading commits through a template: one line of JSON for each.

use serde::Deserialize;

use super::{Between, Jj};
use crate::error::{Failure, Kind};
use crate::graph::{Bookmark, Change, Graph, RemoteBookmark};
use crate::model::{BookmarkName, ChangeId, CommitId, OpId, Tip};

/// One commit as JSON. `json(self)` has neither bookmarks nor flags, so they stand beside it.
pub(super) const TEMPLATE: &str = r#"
    "{\"commit\":" ++ json(self)
    ++ ",\"bookmarks\":" ++ json(local_bookmarks)
    ++ ",\"remotes\":" ++ json(remote_bookmarks)
    ++ ",\"workspaces\":[" ++ working_copies.map(|workspace| json(workspace.name())).join(",") ++ "]"
    ++ ",\"here\":" ++ json(current_working_copy)
    ++ ",\"trunk\":" ++ json(self.contained_in("trunk()"))
    ++ ",\"beneath\":" ++ json(self.contained_in("::trunk()"))
    ++ ",\"empty\":" ++ json(empty)
    ++ ",\"conflict\":" ++ json(conflict)
    ++ ",\"divergent\":" ++ json(divergent)
    ++ ",\"hidden\":" ++ json(hidden)
    ++ ",\"immutable\":" ++ json(immutable)
"#;

/// What ends the object, and the line.
pub(super) const END: &str = r#" ++ "}\n""#;

/// The files that the commit touches, each as `["M","path"]`, of the letters that `jj diff --summary` has.
const TOUCHED: &str = r#"
    ++ ",\"touched\":["
    ++ self.diff().files().map(|f| "[" ++ json(f.status_char()) ++ "," ++ json(stringify(f.path())) ++ "]").join(",")
    ++ "]"
"#;

#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) commit: Commit,
    pub(super) bookmarks: Vec<Ref>,
    pub(super) remotes: Vec<Ref>,
    pub(super) workspaces: Vec<String>,
    pub(super) here: bool,
    pub(super) trunk: bool,
    pub(super) beneath: bool,
    pub(super) empty: bool,
    pub(super) conflict: bool,
    pub(super) divergent: bool,
    #[serde(default)]
    pub(super) hidden: bool,
    pub(super) immutable: bool,
    /// Only where somebody else's jj was asked.
    #[serde(default)]
    pub(super) within: Option<Vec<String>>,
    #[serde(default)]
    pub(super) touched: Vec<(String, String)>,
}

/// Commits with the files that they touch.
#[derive(Debug)]
pub(crate) struct Touching {
    pub(crate) graph: Graph,
    /// For each commit of the graph, in its order: the letter of `jj diff --summary`, and the path.
    pub(crate) touched: Vec<Vec<(String, String)>>,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) commit_id: String,
    pub(super) change_id: String,
    pub(super) parents: Vec<String>,
    description: String,
}

/// A bookmark's targets alternate added, removed, added where it is conflicted, with nulls for absence.
#[derive(Deserialize)]
pub(super) struct Ref {
    pub(super) name: String,
    pub(super) remote: Option<String>,
    pub(super) target: Vec<Option<String>>,
    tracking_target: Option<Vec<Option<String>>>,
}

impl Jj {
    /// Snapshots the working copy and reads the commits of a revset as they stand then. The snapshot is a command of
    /// its own: its words stay in the operation log for people to read.
    pub(crate) fn read_now(&self, revset: &str) -> anyhow::Result<Graph> {
        let left_out = self.ahead.take().map_or_else(|| self.snapshot(), Ok)?;
        let head = self.require_head()?;
        Ok(self.read_at(&head, revset)?.without(left_out))
    }

    /// Reads as [`Self::read_now`] does, and publishes nothing: the working copy is snapshotted on the quiet.
    pub(crate) fn read_unpublished(&self, revset: &str) -> anyhow::Result<Graph> {
        let head = self.require_head()?;
        let (op, left_out) = self.snapshot_unpublished()?;
        Ok(self.read_at(&op.unwrap_or(head), revset)?.without(left_out))
    }

    /// Reads the commits of a revset at an operation, published or not.
    pub(crate) fn read_at(&self, op: &OpId, revset: &str) -> anyhow::Result<Graph> {
        let text = self.run_at(op, &log(revset, ""))?;
        Ok(Graph::new(op.clone(), parse(&text)?.into_iter().map(change).collect()))
    }

    /// The changes of commits, visible or not; those that jj does not know are left out.
    pub(crate) fn read_tips(&self, op: &OpId, commits: &[CommitId]) -> anyhow::Result<Vec<Tip>> {
        let mut tips = Vec::new();
        for some in commits.chunks(1_000) {
            let revset = some.iter().map(super::commit).collect::<Vec<_>>().join(" | ");
            let template =
                r#""{\"change\":" ++ json(change_id) ++ ",\"commit\":" ++ json(commit_id) ++ "}\n""#;
            tips.extend(self.read_json::<Tip>(op, &["log", "--no-graph", "-r", &revset], template)?);
        }
        Ok(tips)
    }

    /// What two commits do not have beneath them both.
    pub(crate) fn read_between(&self, op: &OpId, from: &CommitId, to: &CommitId) -> anyhow::Result<Between> {
        let beneath = |one: &CommitId, other: &CommitId| {
            self.read_json(
                op,
                &["log", "--no-graph", "-r", &revset::between(one, other)],
                r#"json(commit_id) ++ "\n""#,
            )
        };
        let all = |found: Vec<CommitId>| found.into_iter().collect();
        Ok(Between { gained: all(beneath(from, to)?), lost: all(beneath(to, from)?) })
    }

    /// Whether there is no local bookmark of this name now.
    pub(crate) fn has_no_bookmark(&self, name: &BookmarkName) -> anyhow::Result<bool> {
        let head = self.require_head()?;
        Ok(self.read_at(&head, &revset::exactly(name))?.changes().is_empty())
    }

    /// The commits of a revset at an operation with the files that each touches.
    pub(crate) fn read_touching(&self, op: &OpId, revset: &str) -> anyhow::Result<Touching> {
        let mut lines = parse(&self.run_at(op, &log(revset, TOUCHED))?)?;
        let touched = lines.iter_mut().map(|line| std::mem::take(&mut line.touched)).collect();
        let graph = Graph::new(op.clone(), lines.into_iter().map(change).collect());
        Ok(Touching { graph, touched })
    }

    /// Runs a template over the commits of a revset at an operation: one line of JSON for each value.
    pub(super) fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        op: &OpId,
        args: &[&str],
        template: &str,
    ) -> anyhow::Result<Vec<T>> {
        let template = format!("--template={template}");
        // Before `--`, where there is one.
        let (verb, rest) =
            args.split_at(args.iter().position(|arg| arg.starts_with('-')).unwrap_or(args.len()));
        let text = self.run_at(op, &[verb, &[&template], rest].concat())?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

fn log(revset: &str, more: &str) -> [String; 4] {
    let template = format!("--template={TEMPLATE}{more}{END}");
    ["log".into(), "--no-graph".into(), format!("--revisions={revset}"), template]
}

fn parse(text: &str) -> anyhow::Result<Vec<Line>> {
    let line = |line: &str| {
        serde_json::from_str::<Line>(line).map_err(|error| {
            let message = format!("Could not understand what jj said of a commit: {error}");
            Failure::new(Kind::Jj, message).into()
        })
    };
    text.lines().map(line).collect()
}

pub(super) fn change(line: Line) -> Change {
    let bookmarks = line.bookmarks.into_iter().map(|bookmark| Bookmark {
        conflicted: bookmark.target.len() != 1,
        name: BookmarkName::new(bookmark.name),
    });
    let remotes = line.remotes.into_iter().filter_map(|bookmark| {
        let tracked = bookmark.tracking_target.is_some();
        // `git` is how jj names the refs of a colocated repo; nobody fetches from it.
        let remote = bookmark.remote.filter(|remote| remote != "git")?;
        Some(RemoteBookmark { name: BookmarkName::new(bookmark.name), remote, tracked })
    });
    Change {
        id: ChangeId::new(line.commit.change_id),
        commit: CommitId::new(line.commit.commit_id),
        parents: line.commit.parents.into_iter().map(CommitId::new).collect(),
        description: line.commit.description.trim_end().to_owned(),
        bookmarks: bookmarks.collect(),
        remotes: remotes.collect(),
        workspaces: line.workspaces,
        here: line.here,
        trunk: line.trunk,
        beneath: line.beneath,
        empty: line.empty,
        conflict: line.conflict,
        divergent: line.divergent,
        hidden: line.hidden,
        immutable: line.immutable,
    }
}

/// The revsets that are asked for.
pub(crate) mod revset {
    use super::super::commit;
    use crate::model::{BookmarkName, ChangeId, CommitId};

    /// A change, whatever bookmark is called the same; every copy of it where it is divergent.
    pub(crate) fn change(id: &ChangeId) -> String {
        format!("change_id({id})")
    }

    /// What a survey of a repo's flows needs: every bookmark with a flow's name and what stands on it, every working
    /// copy, the trunk and other bookmarks to land on, here and at their remotes, and whatever lies between those
    /// and what the latter have in common.
    pub(crate) fn survey(flow_names: &str, trunks: &[BookmarkName], also: &[BookmarkName]) -> String {
        let flow_names = quoted(flow_names);
        let mut bases = vec!["trunk()".to_owned()];
        for name in trunks.iter().chain(also) {
            bases.extend([exactly(name), format!("tracked_remote_{}", exactly(name))]);
        }
        let bases = format!("(({}) ~ root())", bases.join(" | "));
        let heads = [
            bases.clone(),
            format!("bookmarks(regex:{flow_names})"),
            format!("(bookmarks(regex:{flow_names}):: & mutable())"),
            format!("tracked_remote_bookmarks(regex:{flow_names})"),
            "working_copies()".to_owned(),
        ];
        let heads = heads.join(" | ");
        format!("{heads} | (fork_point({bases})..({heads}))")
    }

    /// The bookmark of exactly this name: nothing where there is none, every target where it is conflicted.
    pub(crate) fn exactly(name: &BookmarkName) -> String {
        format!("bookmarks(exact:{})", quoted(name.as_str()))
    }

    /// What one commit has beneath it and another has not.
    pub(crate) fn between(from: &CommitId, to: &CommitId) -> String {
        format!("{}..{}", commit(from), commit(to))
    }

    /// The commits that merge exactly these two, and perhaps others.
    pub(crate) fn merge_of(one: &CommitId, other: &CommitId) -> String {
        format!("{}+ & {}+", commit(one), commit(other))
    }

    /// The commits with a flow's bookmark that the bookmark of exactly this name holds.
    pub(crate) fn flows_beneath(flow_names: &str, name: &BookmarkName) -> String {
        format!("bookmarks(regex:{}) & ::{}", quoted(flow_names), exactly(name))
    }

    /// Where a remote has the bookmark of exactly this name, as last fetched.
    pub(crate) fn at_remote(name: &BookmarkName, remote: &str) -> String {
        format!("remote_bookmarks(exact:{}, exact:{})", quoted(name.as_str()), quoted(remote))
    }

    /// The same of every remote.
    pub(crate) fn at_remotes(name: &BookmarkName) -> String {
        format!("remote_bookmarks(exact:{})", quoted(name.as_str()))
    }

    /// A string literal of jj's revset language.
    pub(in crate::jj) fn quoted(text: &str) -> String {
        let mut literal = String::from("\"");
        for character in text.chars() {
            match character {
                '"' | '\\' => literal.extend(['\\', character]),
                character if character.is_ascii_control() => {
                    literal.push_str(&format!("\\x{:02x}", u32::from(character)));
                }
                character => literal.push(character),
            }
        }
        literal.push('"');
        literal
    }
}
