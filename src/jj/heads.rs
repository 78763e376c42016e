//! What a repo's history ends in: bookmarks, tags, working copies, and changes that nothing names. And a repo that is
//! made around a git repo.

use std::path::Path;

use camino::Utf8Path;
use serde::Deserialize;

use super::{Jj, failed, locate};
use crate::error::{Failure, Kind};
use crate::model::{BookmarkName, CommitId, OpId};
use crate::process;

const TEMPLATE: &str = r#""{\"commit\":" ++ json(commit_id) ++ ",\"bookmarks\":" ++ json(local_bookmarks)
    ++ ",\"tags\":" ++ json(local_tags) ++ "}\n""#;

/// Whatever is only at a remote is not this repo's own. What nothing names is a change that somebody works on.
const REVSET: &str =
    "(bookmarks() | tags() | working_copies() | (visible_heads() ~ ::remote_bookmarks())) ~ root()";

/// Commits that a repo's history ends in, and their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) commits: Vec<CommitId>,
    pub(crate) bookmarks: Vec<(BookmarkName, CommitId)>,
    /// Bookmarks with several targets.
    pub(crate) conflicted: Vec<BookmarkName>,
    pub(crate) tags: Vec<(String, CommitId)>,
}

#[derive(Deserialize)]
struct Line {
    commit: CommitId,
    bookmarks: Vec<Ref>,
    tags: Vec<Ref>,
}

#[derive(Deserialize)]
struct Ref {
    name: String,
    target: Vec<Option<CommitId>>,
}

impl Jj {
    /// Snapshots the working copy: the operation that the repo stands at then, and the files that were left out.
    pub(crate) fn run_snapshot(&self) -> anyhow::Result<(OpId, Vec<String>)> {
        let left_out = self.ahead.take().map_or_else(|| self.snapshot(), Ok)?;
        Ok((self.require_head()?, left_out))
    }

    /// What the history ends in at an operation. Names are sorted.
    pub(crate) fn read_heads(&self, op: &OpId) -> anyhow::Result<Heads> {
        let lines: Vec<Line> = self.read_json(op, &["log", "--no-graph", "-r", REVSET], TEMPLATE)?;
        let mut heads = Heads::default();
        for Line { commit, bookmarks, tags } in lines {
            for Ref { name, target } in bookmarks {
                let name = BookmarkName::new(name);
                if target.len() == 1 {
                    heads.bookmarks.push((name, commit.clone()));
                } else {
                    heads.conflicted.push(name);
                }
            }
            let tags = tags.into_iter().filter(|tag| tag.target.len() == 1);
            heads.tags.extend(tags.map(|tag| (tag.name, commit.clone())));
            heads.commits.push(commit);
        }
        heads.bookmarks.sort();
        heads.conflicted.sort();
        heads.conflicted.dedup();
        heads.tags.sort();
        Ok(heads)
    }

    /// The change ids of a revset's commits, for those that do not tell it themselves.
    pub(crate) fn read_change_ids(
        &self,
        op: &OpId,
        heads: &[CommitId],
    ) -> anyhow::Result<Vec<(CommitId, String)>> {
        let heads: Vec<String> = heads.iter().map(super::commit).collect();
        let revset = format!("::({}) ~ root()", heads.join(" | "));
        self.read_json(
            op,
            &["log", "--no-graph", "-r", &revset],
            r#""[" ++ json(commit_id) ++ "," ++ json(change_id) ++ "]\n""#,
        )
    }
}

/// Makes a folder that has a `.git` a jj repo that shares it.
pub(crate) fn run_init(program: &Path, dir: &Utf8Path, options: &[String]) -> anyhow::Result<()> {
    let mut args: Vec<std::ffi::OsString> = vec!["--color=never".into(), "--no-pager".into()];
    args.extend(options.iter().map(Into::into));
    args.extend(["git", "init", "--colocate", "."].map(Into::into));
    let env = [locate::guard_spawn(program)];
    let finished = process::run_captured(program, &args, Some(dir.as_std_path()), &env)
        .map_err(|error| Failure::new(Kind::Jj, format!("Could not start {}: {error}", program.display())))?;
    if finished.status.success() { Ok(()) } else { Err(failed("git init", &finished.stderr).into()) }
}
