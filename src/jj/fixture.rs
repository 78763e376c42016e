//! A repo of the real jj's, apart from everything of the person who runs the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use tempfile::TempDir;

use super::{OpStore, Repo};

/// A repo in a folder of its own, and a real jj in a clean environment.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    jj: PathBuf,
}

impl Fixture {
    /// A repo with nothing in it, and a bare git repo beside it.
    pub(crate) fn new() -> Self {
        // In memory, where that can be: most of jj's time goes into files.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let not_us = |jj: &PathBuf| {
            let mut asked = command(jj, folder.path());
            asked.args(["flow", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
            !asked.status().is_ok_and(|status| status.success())
        };
        let jj = which::which_all("jj").unwrap().find(not_us).expect("Could not find the real jj on PATH.");
        let fixture = Self { folder, jj };
        std::fs::write(fixture.folder.path().join("config.toml"), "fsmonitor.backend = 'none'").unwrap();
        std::fs::create_dir(fixture.root()).unwrap();
        let mut git = command("git".as_ref(), fixture.folder.path());
        fixture.run(git.args(["init", "--quiet", "--bare", "origin"]));
        fixture.jj(&["git", "init", "--colocate", "."]);
        fixture
    }

    pub(crate) fn root(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join("repo")
    }

    pub(crate) fn repo(&self) -> Repo {
        Repo::at(&self.root()).unwrap()
    }

    pub(crate) fn store(&self) -> OpStore {
        OpStore::open(&self.repo()).unwrap()
    }

    pub(crate) fn head(&self) -> String {
        self.repo().load_heads().unwrap()[0].to_string()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.root().join(path), text).unwrap();
    }

    /// What jj prints, on stdout and on stderr.
    pub(crate) fn jj(&self, args: &[&str]) -> (String, String) {
        self.jj_with(args, &[])
    }

    pub(crate) fn jj_with(&self, args: &[&str], variables: &[(&str, &str)]) -> (String, String) {
        self.run(self.command().args(args).envs(variables.iter().copied()))
    }

    /// jj in this repo, not started yet.
    pub(crate) fn command(&self) -> Command {
        let mut command = command(&self.jj, self.folder.path());
        command.current_dir(self.root());
        command
    }

    pub(crate) fn run(&self, command: &mut Command) -> (String, String) {
        let output = command.output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{command:?}: {stderr}");
        (stdout, stderr)
    }

    /// The lines of a command that prints JSON, at an operation.
    pub(crate) fn lines<T: for<'a> Deserialize<'a>>(&self, op: &str, args: &[&str]) -> Vec<T> {
        let at = ["--ignore-working-copy", "--at-op", op];
        let (stdout, _) = self.jj(&[&at, args].concat());
        stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs without publishing: the prefix that jj prints.
    pub(crate) fn speculate(&self, op: &str, args: &[&str]) -> String {
        let at = ["--at-op", op, "--no-integrate-operation"];
        let (_, stderr) = self.jj(&[&at, args].concat());
        super::speculated(&stderr).unwrap().to_string()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test starts jj in an environment of its own")]
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    for name in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"] {
        command.env(name, folder);
    }
    command.env("JJ_CONFIG", folder.join("config.toml"));
    command.envs([("JJ_USER", "Test User"), ("JJ_EMAIL", "test.user@example.com")]);
    command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("LC_ALL", "C"), ("TZ", "America/St_Johns")]);
    command.stdin(Stdio::null()).current_dir(folder);
    command
}
