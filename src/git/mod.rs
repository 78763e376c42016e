//! The gate to git, for what jj has no command for: the tree of a commit, a folder that holds just that tree, and objects
//! read and written by the thousand.

mod objects;
mod pack;
mod repo;

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) use objects::{HASH, Location, ObjectId, Objects, Reader};
pub(crate) use pack::PackWriter;
pub(crate) use repo::{ignoring, load_shallow, make_repo, run_annotated_tags, run_read_ref, run_update_ref};

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

    /// Makes `folder` hold the tree of a commit. What git ignores stays from the last time; everything else is as in
    /// the commit. The `.git` in it is a repo of its own, made anew, which borrows this one's objects and has no
    /// remote: what git does in it stays in it. An empty `.jj` keeps jj from looking further up.
    pub(crate) fn run_checkout(&self, folder: &Utf8Path, commit: &CommitId) -> anyhow::Result<()> {
        let (own, theirs, fence) = (beside(folder), folder.join(".git"), folder.join(".jj"));
        remove_all(&theirs)?;
        remove_all(&fence)?;
        make_private(&fence)?;
        self.make_repo(&own, commit)?;
        // A git that was killed here leaves its lock behind; nobody else works here now.
        let _ = std::fs::remove_file(own.join("index.lock"));
        run_in(folder, &["reset", "--hard", "--quiet", commit.as_str()])?;
        run_in(folder, &["clean", "-ffdq"])?;
        self.make_repo(&theirs, commit)?;
        std::fs::copy(own.join("index"), theirs.join("index"))?;
        Ok(())
    }

    /// The files of the commit that are no longer as they were checked out, whatever the `.git` there says of them.
    pub(crate) fn run_changed_files(
        &self,
        folder: &Utf8Path,
        commit: &CommitId,
    ) -> anyhow::Result<Vec<String>> {
        let text = run_in(folder, &["diff", "--no-ext-diff", "--name-only", "-z", commit.as_str()])?;
        Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// The least that git takes for a repo, at a commit of this one. An index in it stays.
    fn make_repo(&self, dir: &Utf8Path, commit: &CommitId) -> std::io::Result<()> {
        for part in ["refs", "info", "objects/info"] {
            make_private(&dir.join(part))?;
        }
        let config = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";
        std::fs::write(dir.join("config"), config)?;
        std::fs::write(dir.join("info/exclude"), "/.jj/\n")?;
        std::fs::write(dir.join("objects/info/alternates"), alternate(&self.dir.join("objects")))?;
        std::fs::write(dir.join("HEAD"), format!("{commit}\n"))
    }
}

/// A line of `objects/info/alternates`. Not everybody who reads it knows quotes, so they are there where they have to be.
fn alternate(objects: &Utf8Path) -> String {
    if !objects.as_str().contains('\n') {
        return format!("{objects}\n");
    }
    let path = objects.as_str().replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    format!("\"{path}\"\n")
}

/// Our own git repo for a folder. It is beside it: what a hook tells git there does not outlive the hook.
fn beside(folder: &Utf8Path) -> Utf8PathBuf {
    folder.with_extension("git")
}

fn remove_all(path: &Utf8Path) -> std::io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(entry) if entry.is_dir() => std::fs::remove_dir_all(path),
        _ => std::fs::remove_file(path),
    };
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn make_private(folder: &Utf8Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Runs git in a folder with our own repo for it.
fn run_in(folder: &Utf8Path, args: &[&str]) -> anyhow::Result<String> {
    let (git, work) = (format!("--git-dir={}", beside(folder)), format!("--work-tree={folder}"));
    run(Some(folder), &[&[git.as_str(), work.as_str()], args].concat())
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
