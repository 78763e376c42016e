//! The workspaces of a repo: where they are, and what lies in them unsnapshotted.

use camino::{Utf8Path, Utf8PathBuf};

use super::store::load_place;
use super::{Jj, Repo, speculated};
use crate::model::OpId;

/// A workspace other than the one that was asked, its folder there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) name: String,
    pub(crate) root: Utf8PathBuf,
}

/// What jj says before it names the files that are too large for it.
const REFUSED: &str = "Refused to snapshot some files:";

impl Jj {
    /// The same jj in another workspace of this repo; none where no such workspace lies there.
    pub(crate) fn at(&self, root: &Utf8Path) -> Option<Self> {
        let repo = Repo::at(root).filter(|repo| repo.dir() == self.repo.dir())?;
        Some(Self::new(self.program.clone(), repo, self.options.clone()))
    }

    /// Snapshots this workspace, and names the files that were left out. One that somebody else's operation left
    /// stale is brought up to date first, in jj's own way, which keeps what was edited.
    pub(crate) fn snapshot(&self) -> anyhow::Result<Vec<String>> {
        let globals = ["--config=snapshot.auto-update-stale=true".to_owned()];
        let (_, stderr) = self.start(&globals, &["util", "snapshot"])?;
        Ok(left_out(&stderr))
    }

    /// Snapshots this workspace for the reading that comes next, while something else goes on. Where that fails, the
    /// reading meets it again.
    pub(crate) fn snapshot_ahead(&self) {
        self.ahead.replace(self.snapshot().ok());
    }

    /// Snapshots this workspace without publishing it: the operation that has it, where there was anything new.
    pub(crate) fn snapshot_unpublished(&self) -> anyhow::Result<(Option<OpId>, Vec<String>)> {
        let globals = ["--no-integrate-operation".to_owned(), "--config=ui.quiet=false".to_owned()];
        let (_, stderr) = self.start(&globals, &["util", "snapshot"])?;
        Ok((speculated(&stderr), left_out(&stderr)))
    }

    /// The workspaces that an operation knows, and where they lie. One whose folder is not there is left out.
    pub(crate) fn read_workspaces(&self, op: &OpId) -> anyhow::Result<Vec<Workspace>> {
        let listed = self.list_workspaces(op)?.into_iter();
        Ok(listed.filter_map(|(name, root)| Some(Workspace { name, root: root? })).collect())
    }

    /// The same with those whose folder is not there, as far as jj has written down where it was.
    pub(crate) fn read_all_workspaces(&self, op: &OpId) -> anyhow::Result<Vec<Workspace>> {
        let place = |name: &str, root: Option<Utf8PathBuf>| root.or_else(|| load_place(&self.repo, name));
        let listed = self.list_workspaces(op)?.into_iter();
        Ok(listed.filter_map(|(name, root)| Some(Workspace { root: place(&name, root)?, name })).collect())
    }

    fn list_workspaces(&self, op: &OpId) -> anyhow::Result<Vec<(String, Option<Utf8PathBuf>)>> {
        self.read_json(op, &["workspace", "list"], r#""[" ++ json(name) ++ "," ++ json(root) ++ "]\n""#)
    }

    /// Adds a workspace in a folder that is not there yet or is empty, on a new change over a revision.
    pub(crate) fn add_workspace(
        &self,
        name: &str,
        root: &Utf8Path,
        revset: &str,
        message: Option<&str>,
    ) -> anyhow::Result<()> {
        let mut args = ["workspace", "add", "--name", name].map(str::to_owned).to_vec();
        args.push(format!("--revision={revset}"));
        args.extend(message.map(|message| format!("--message={message}")));
        args.extend(["--".to_owned(), root.to_string()]);
        self.run(&args).map(drop)
    }

    /// Has the repo forget a workspace; its folder stays.
    pub(crate) fn forget_workspace(&self, name: &str) -> anyhow::Result<()> {
        self.run(&["--ignore-working-copy", "workspace", "forget", "--", name]).map(drop)
    }
}

/// The files that the snapshot left out; jj tells it in prose alone.
fn left_out(stderr: &str) -> Vec<String> {
    let after = stderr.lines().skip_while(|line| !line.ends_with(REFUSED)).skip(1);
    after.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_were_left_out_are_found_among_other_lines() {
        let stderr = "Warning: Refused to snapshot some files:\n  big: 2.0MiB (2097152 bytes); the maximum size \
            allowed is 1.0MiB (1048576 bytes)\nHint: This is to prevent large files\n  * Add the file\n";
        assert_eq!(left_out(stderr).len(), 1);
        assert!(left_out(stderr)[0].starts_with("big: 2.0MiB"));
        assert_eq!(left_out("Snapshot complete.\n  odd\n"), Vec::<String>::new());
    }
}
