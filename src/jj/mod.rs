//! The gate to jj: finds the real one, reads through templates, and writes through ordinary and speculative
//! operations. Knows nothing of flows.

#[cfg(test)]
pub(crate) mod fixture;

mod config;
mod conflicts;
mod find;
mod heads;
mod lines;
mod locate;
mod read;
mod repo;
mod store;
mod version;
mod workspaces;

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use camino::Utf8Path;

pub(crate) use config::{
    Entry, cache_folder, has_own_config, load_config, load_mention, run_merge_tools, user_config_dir,
    user_config_files,
};
pub(crate) use conflicts::{ConflictedPath, IGNORES};
pub(crate) use find::find_repos;
pub(crate) use heads::Heads;
pub(crate) use lines::{Told, line_revset, line_template, parse_line};
pub(crate) use locate::{guard, guard_spawn, locate};
pub(crate) use read::{Touching, revset};
pub(crate) use repo::Repo;
pub(crate) use store::{Between, ChangeTable, Move, OpStore, Operation, Step, Surveyed, Target};
pub(crate) use version::require_supported;
pub(crate) use workspaces::Workspace;

use crate::error::{Failure, Kind};
use crate::model::{BookmarkName, CommitId, OpId};
use crate::process;
use crate::process::watched::{Ending, Task, run_watched};

/// How often several heads are merged before somebody else's haste is an error.
const ATTEMPTS: usize = 16;

/// The real jj, pointed at one workspace.
#[derive(Debug)]
pub(crate) struct Jj {
    program: PathBuf,
    repo: Repo,
    /// `--config=…` and `--config-file=…` that were given to this command.
    options: Vec<String>,
    /// What a snapshot left out that was taken ahead of the first reading.
    ahead: RefCell<Option<Vec<String>>>,
}

impl Jj {
    pub(crate) fn new(program: PathBuf, repo: Repo, options: Vec<String>) -> Self {
        Self { program, repo, options, ahead: RefCell::default() }
    }

    pub(crate) fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The same jj, pointed at another repo.
    pub(crate) fn in_repo(&self, repo: Repo) -> Self {
        Self::new(self.program.clone(), repo, self.options.clone())
    }

    /// The same with one more option, as `--config=NAME=VALUE`.
    pub(crate) fn with_option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// Makes a folder that has a `.git` a repo, and points at it.
    pub(crate) fn init(&self, dir: &Utf8Path) -> anyhow::Result<Self> {
        heads::run_init(&self.program, dir, &self.options)?;
        let made =
            Repo::at(dir).ok_or_else(|| Failure::new(Kind::Jj, format!("Could not make a repo in {dir}")))?;
        Ok(self.in_repo(made))
    }

    /// The one operation that the repo stands at. Several heads are merged first, by jj itself; where many work at
    /// once there may be several again by then.
    pub(crate) fn require_head(&self) -> anyhow::Result<OpId> {
        for _ in 0..ATTEMPTS {
            if let [head] = self.repo.load_heads()?.as_slice() {
                return Ok(head.clone());
            }
            // Whether this working copy is stale is none of the question.
            self.run(&["--ignore-working-copy", "op", "log", "--no-graph", "--limit=1", "--template=''"])?;
        }
        Err(Failure::new(Kind::Raced, "Other operations go on in this repo all the time").into())
    }

    /// Runs an ordinary command: it snapshots the working copy and publishes what it does.
    pub(crate) fn run(&self, args: &[impl AsRef<str>]) -> anyhow::Result<String> {
        self.ahead.take();
        Ok(self.start(&[], args)?.0)
    }

    /// Runs on top of an operation, without looking at the working copy. What it does is published.
    pub(crate) fn run_at(&self, op: &OpId, args: &[impl AsRef<str>]) -> anyhow::Result<String> {
        Ok(self.start(&[format!("--at-operation={op}")], args)?.0)
    }

    /// Runs a command on top of an operation without publishing it: the operation it made, or none where it
    /// changed nothing.
    pub(crate) fn run_speculative(
        &self,
        op: &OpId,
        args: &[impl AsRef<str>],
    ) -> anyhow::Result<Option<OpId>> {
        let (_, stderr) = self.start(&speculative(op), args)?;
        Ok(speculated(&stderr))
    }

    /// The same for a command that runs somebody's tool: it has no terminal, and ends with its timeout. None, too,
    /// where it failed.
    pub(crate) fn run_speculative_watched(
        &self,
        op: &OpId,
        args: &[impl AsRef<str>],
        timeout: Duration,
    ) -> anyhow::Result<Option<OpId>> {
        let all = self.argv(&speculative(op), args);
        let task = Task {
            program: self.program.as_os_str(),
            args: &all,
            dir: self.repo.root().as_std_path(),
            set: &[locate::guard_spawn(&self.program)],
            unset: &[],
            stdin: std::fs::File::open("/dev/null")?,
            timeout,
        };
        let ran = run_watched(task, &mut |_| {})?;
        Ok(if ran.ending == Ending::Exited(0) { speculated(&ran.tail) } else { None })
    }

    /// Publishes a speculative operation and the whole chain that it stands on.
    pub(crate) fn integrate(&self, op: &OpId) -> anyhow::Result<()> {
        self.start(&["--ignore-working-copy".to_owned()], &["operation", "integrate", op.as_str()])?;
        Ok(())
    }

    fn argv(&self, globals: &[String], args: &[impl AsRef<str>]) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["--color=never".into(), "--no-pager".into()];
        all.extend(self.options.iter().map(Into::into));
        all.extend(globals.iter().map(Into::into));
        all.extend(args.iter().map(|arg| arg.as_ref().into()));
        all
    }

    /// Starts jj with its output captured; a failure carries what jj said.
    fn start(&self, globals: &[String], args: &[impl AsRef<str>]) -> anyhow::Result<(String, String)> {
        let all = self.argv(globals, args);
        let finished = process::run_captured(
            &self.program,
            &all,
            Some(self.repo.root().as_std_path()),
            &[locate::guard_spawn(&self.program)],
        )
        .map_err(|error| {
            Failure::new(Kind::Jj, format!("Could not start {}: {error}", self.program.display()))
        })?;
        if !finished.status.success() {
            let verb = args.first().map_or("", AsRef::as_ref);
            return Err(failed(verb, &finished.stderr).into());
        }
        Ok((String::from_utf8_lossy(&finished.stdout).into_owned(), finished.stderr))
    }
}

/// The options of a command on top of an operation that nobody else is to see. The new operation's id is only told
/// where jj is not quiet.
fn speculative(op: &OpId) -> [String; 3] {
    [
        format!("--at-operation={op}"),
        "--no-integrate-operation".to_owned(),
        "--config=ui.quiet=false".to_owned(),
    ]
}

/// What jj said, without its own `Error: ` and its hints, which speak of commands that the user did not type.
fn failed(verb: &str, stderr: &str) -> Failure {
    let said: Vec<&str> = stderr
        .lines()
        .skip_while(|line| {
            !line.starts_with("Error")
                && !line.starts_with("Internal error")
                && !line.starts_with("Config error")
        })
        .take_while(|line| !line.starts_with("Hint:") && !line.starts_with("For help"))
        .collect();
    let text = if said.is_empty() { stderr.trim().to_owned() } else { said.join("\n") };
    let mut text = text.strip_prefix("Error: ").unwrap_or(&text).to_owned();
    // Why a push was refused comes before the error.
    let refused = |line: &&str| line.starts_with("remote: ") || line.contains(" (reason: ");
    stderr.lines().filter(refused).for_each(|line| text += &format!("\n  {}", line.trim()));
    text.truncate(text.trim_end().len());
    let file = stderr.lines().find_map(|line| line.strip_prefix("Hint: Check the config file: "));
    text += &file.map(|file| format!("\nin {}", file.trim())).unwrap_or_default();
    Failure::new(Kind::Jj, format!("Could not run `jj {verb}`: {text}"))
}

/// The id that jj tells on stderr; the only prose of jj's that is read.
fn speculated(stderr: &str) -> Option<OpId> {
    let told = "Operation left uncommitted because --no-integrate-operation was requested: ";
    let id = stderr.lines().find_map(|line| line.strip_prefix(told))?.trim();
    Some(OpId::new(id))
}

/// The commit, as a revset that no bookmark can hide.
pub(crate) fn commit(id: &CommitId) -> String {
    format!("commit_id({id})")
}

/// A bookmark's name where jj reads a revset symbol, as in `bookmark create`.
pub(crate) fn symbol(name: &BookmarkName) -> String {
    revset::quoted(name.as_str())
}

/// A text where jj reads a string literal, as in filesets.
pub(crate) fn quoted(text: &str) -> String {
    revset::quoted(text)
}

/// A bookmark's name where jj reads a string pattern, as in `bookmark move`.
pub(crate) fn pattern(name: &BookmarkName) -> String {
    format!("exact:{}", revset::quoted(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speculative_operations_id_is_found_among_other_lines() {
        let stderr = "Rebased 1 commits to destination.\n\
            Operation left uncommitted because --no-integrate-operation was requested: c8fc3cdda631\n";
        assert_eq!(speculated(stderr), Some(OpId::new("c8fc3cdda631")));
        assert_eq!(speculated("Nothing changed.\n"), None);
    }

    #[test]
    fn a_failure_says_what_jj_said() {
        let failure =
            failed("rebase", "Warning: x\nError: Commit abc is immutable\nHint: Pass --ignore-immutable\n");
        assert_eq!(failure.message, "Could not run `jj rebase`: Commit abc is immutable");
        let stderr = "remote: closed        \nWarning: The remote rejected the following updates:\n  \
            refs/heads/main (reason: hook declined)\nHint: x\nError: Failed to push some bookmarks\n";
        assert_eq!(
            failed("git", stderr).message,
            "Could not run `jj git`: Failed to push some bookmarks\n  remote: closed\n  \
             refs/heads/main (reason: hook declined)"
        );
    }
}
