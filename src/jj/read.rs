//! Reading commits through a template: one line of JSON for each.

use serde::Deserialize;

use super::Jj;
use crate::error::{Failure, Kind};
use crate::graph::{Bookmark, Change, Graph, RemoteBookmark};
use crate::model::{BookmarkName, ChangeId, CommitId, OpId};

/// One commit as JSON. `json(self)` has neither bookmarks nor flags, so they stand beside it.
const TEMPLATE: &str = r#"--template=
    "{\"commit\":" ++ json(self)
    ++ ",\"bookmarks\":" ++ json(local_bookmarks)
    ++ ",\"remotes\":" ++ json(remote_bookmarks)
    ++ ",\"workspaces\":[" ++ working_copies.map(|workspace| json(workspace.name())).join(",") ++ "]"
    ++ ",\"here\":" ++ json(current_working_copy)
    ++ ",\"trunk\":" ++ json(self.contained_in("trunk()"))
    ++ ",\"empty\":" ++ json(empty)
    ++ ",\"conflict\":" ++ json(conflict)
    ++ ",\"divergent\":" ++ json(divergent)
    ++ ",\"immutable\":" ++ json(immutable)
    ++ "}\n"
"#;

#[derive(Deserialize)]
struct Line {
    commit: Commit,
    bookmarks: Vec<Ref>,
    remotes: Vec<Ref>,
    workspaces: Vec<String>,
    here: bool,
    trunk: bool,
    empty: bool,
    conflict: bool,
    divergent: bool,
    immutable: bool,
}

#[derive(Deserialize)]
struct Commit {
    commit_id: String,
    change_id: String,
    parents: Vec<String>,
    description: String,
}

/// A bookmark's targets alternate added, removed, added where it is conflicted, with nulls for absence.
#[derive(Deserialize)]
struct Ref {
    name: String,
    remote: Option<String>,
    target: Vec<Option<String>>,
    tracking_target: Option<Vec<Option<String>>>,
}

impl Jj {
    /// Reads the commits of a revset as they stand now. The working copy is snapshotted by a command of its own: its
    /// words stay in the operation log for people to read. One that somebody else's operation left stale is brought
    /// up to date first, in jj's own way, which keeps what was edited.
    pub(crate) fn read_now(&self, revset: &str) -> anyhow::Result<Graph> {
        self.run(&["--config=snapshot.auto-update-stale=true", "util", "snapshot"])?;
        let head = self.require_head()?;
        self.read_at(&head, revset)
    }

    /// Reads the commits of a revset at an operation, published or not.
    pub(crate) fn read_at(&self, op: &OpId, revset: &str) -> anyhow::Result<Graph> {
        Ok(Graph::new(op.clone(), parse(&self.run_at(op, &log(revset))?)?))
    }

    /// The paths that are conflicted in one commit.
    pub(crate) fn read_conflicted_paths(&self, op: &OpId, commit: &CommitId) -> anyhow::Result<Vec<String>> {
        let template = r#"--template=conflicted_files.map(|f| json(stringify(f.path())) ++ "\n").join("")"#;
        let revisions = format!("--revisions={}", super::commit(commit));
        let text = self.run_at(op, &["log", "--no-graph", &revisions, template])?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

fn log(revset: &str) -> [String; 4] {
    ["log".into(), "--no-graph".into(), format!("--revisions={revset}"), TEMPLATE.into()]
}

fn parse(text: &str) -> anyhow::Result<Vec<Change>> {
    let line = |line: &str| {
        serde_json::from_str::<Line>(line).map(change).map_err(|error| {
            let message = format!("Could not understand what jj said of a commit: {error}");
            Failure::new(Kind::Jj, message).into()
        })
    };
    text.lines().map(line).collect()
}

fn change(line: Line) -> Change {
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
        empty: line.empty,
        conflict: line.conflict,
        divergent: line.divergent,
        immutable: line.immutable,
    }
}

/// The revsets that are asked for.
pub(crate) mod revset {
    use crate::model::BookmarkName;

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
