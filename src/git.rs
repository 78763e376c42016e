//! The gate to git, for what jj has no command for: the tree of a commit, and a folder that holds just that tree.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Failure, Kind};
use crate::model::CommitId;
use crate::process;

/// Variables by which whoever started us may have pointed git elsewhere. No program that we start has them.
pub(crate) const LOCAL_VARIABLES: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CEILING_DIRECTORIES",
];

/// The git repo in which jj keeps a repo's commits.
#[derive(Debug)]
pub(crate) struct Git {
    dir: Utf8PathBuf,
}

impl Git {
    pub(crate) fn new(dir: Utf8PathBuf) -> Self {
        Self { dir }
    }

    /// The tree of a commit, published or not: 40 hex digits.
    pub(crate) fn run_tree_of(&self, commit: &CommitId) -> anyhow::Result<String> {
        let git_dir = format!("--git-dir={}", self.dir);
        let tree = run(None, &[&git_dir, "rev-parse", "--verify", "--quiet", &format!("{commit}^{{tree}}")])?;
        Ok(tree.trim().to_owned())
    }

    /// Makes `folder` hold the tree of a commit. The folder is a git repo of its own, which borrows this one's
    /// objects and has no remote: what git does in it stays in it. An empty `.jj` keeps jj from looking further up.
    /// What git ignores stays from the last time; everything else is as in the commit.
    pub(crate) fn run_checkout(&self, folder: &Utf8Path, commit: &CommitId) -> anyhow::Result<()> {
        let own = folder.join(".git");
        if !own.join("fenced").exists() {
            make_private(folder)?;
            run(Some(folder), &["init", "--quiet", "--template="])?;
            make_private(&own.join("info"))?;
            make_private(&own.join("objects/info"))?;
            std::fs::write(own.join("info/exclude"), "/.jj/\n")?;
            std::fs::write(own.join("fenced"), "")?;
        }
        make_private(&folder.join(".jj"))?;
        std::fs::write(own.join("objects/info/alternates"), format!("{}\n", self.dir.join("objects")))?;
        // A git that was killed here leaves its lock behind; nobody else works here now.
        let _ = std::fs::remove_file(own.join("index.lock"));
        std::fs::write(own.join("HEAD"), format!("{commit}\n"))?;
        run(Some(folder), &["reset", "--hard", "--quiet", commit.as_str()])?;
        run(Some(folder), &["clean", "-ffdq"])?;
        Ok(())
    }

    /// The files of the commit that are no longer as they were checked out.
    pub(crate) fn run_changed_files(&self, folder: &Utf8Path) -> anyhow::Result<Vec<String>> {
        let text = run(Some(folder), &["diff", "--no-ext-diff", "--name-only", "-z", "HEAD"])?;
        Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }
}

fn make_private(folder: &Utf8Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Runs git without the hooks and filters that config or an earlier visitor may have left.
fn run(folder: Option<&Utf8Path>, args: &[&str]) -> anyhow::Result<String> {
    let mut all: Vec<OsString> =
        ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"].map(Into::into).into();
    all.extend(args.iter().map(Into::into));
    let env = [("GIT_CONFIG_GLOBAL", "/dev/null".into()), ("GIT_CONFIG_NOSYSTEM", "1".into())];
    let ran = process::run_without(
        LOCAL_VARIABLES,
        Path::new("git"),
        &all,
        folder.map(Utf8Path::as_std_path),
        &env,
    );
    let finished = ran.map_err(|error| Failure::new(Kind::Git, format!("Could not start git: {error}")))?;
    if finished.status.success() {
        return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
    }
    let verb = args.iter().find(|arg| !arg.starts_with('-')).unwrap_or(&"");
    let said = finished.stderr.trim();
    Err(Failure::new(Kind::Git, format!("Could not run `git {verb}`: {said}")).into())
}
