//! A folder of a test environment, as a rule a jj repo, and what is done in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Output, TestEnvironment, contract, tools};

/// The whole history, as [`TestRepo::log`] shows it.
const LOG: &str = r#"separate(" ",
    change_id.short(8), description.first_line(), bookmarks, working_copies,
    if(conflict, "(conflict)"), if(divergent, "(divergent)"), if(empty, "(empty)")) ++ "\n""#;

/// Everything of a change that a command could change.
const CHANGE: &str = r#"separate(" ", change_id, commit_id, parents.map(|c| c.commit_id()), working_copies,
    if(conflict, "conflict"), description.escape_json()) ++ "\n""#;

const BOOKMARK: &str = r#"separate(" ", if(remote, name ++ "@" ++ remote, name),
    if(conflict, "conflict", if(present, normal_target.commit_id(), "absent"))) ++ "\n""#;

#[derive(Clone, Debug)]
pub(crate) struct TestRepo<'e> {
    env: &'e TestEnvironment,
    root: PathBuf,
    variables: Vec<(String, String)>,
}

impl<'e> TestRepo<'e> {
    pub(super) fn new(env: &'e TestEnvironment, root: PathBuf) -> Self {
        Self { env, root, variables: Vec::new() }
    }

    pub(crate) fn env(&self) -> &'e TestEnvironment {
        self.env
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The same repo for somebody else: `repo.with("JJ_FLOW_UID", "b1c2")`.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.variables.push((name.into(), value.into()));
        other
    }

    /// A folder of this repo, made where it is missing.
    pub(crate) fn dir(&self, path: &str) -> Self {
        let root = self.root.join(path);
        std::fs::create_dir_all(&root).unwrap();
        Self { root, ..self.clone() }
    }

    /// A new workspace of this repo beside it: the folder `name` in the environment.
    pub(crate) fn workspace(&self, name: &str) -> Self {
        let root = self.env.root().join(name);
        self.jj(&["workspace", "add", root.to_str().unwrap()]).ok();
        Self { root, ..self.clone() }
    }

    // What people and agents run.

    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn jj(&self, args: &[&str]) -> Output {
        self.jj_with(args, |command| command)
    }

    /// `jj` with more to it: `|command| command.env("COLUMNS", "40").write_stdin("…")`.
    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn jj_with(&self, args: &[&str], configure: impl FnOnce(&mut Cmd) -> &mut Cmd) -> Output {
        self.run(self.command("jj", args), configure)
    }

    /// jj-flow itself, without jj before it.
    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn flow(&self, args: &[&str]) -> Output {
        self.flow_with(args, |command| command)
    }

    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn flow_with(&self, args: &[&str], configure: impl FnOnce(&mut Cmd) -> &mut Cmd) -> Output {
        self.run(self.command(tools::JJ_FLOW, args), configure)
    }

    /// jj-flow under the name `jj`, first on PATH.
    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn shim(&self, args: &[&str]) -> Output {
        self.shim_with(args, |command| command)
    }

    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn shim_with(&self, args: &[&str], configure: impl FnOnce(&mut Cmd) -> &mut Cmd) -> Output {
        self.run(self.shim_command(args), configure)
    }

    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn git(&self, args: &[&str]) -> Output {
        self.run(self.command("git", args), |command| command)
    }

    /// A line of shell, as a hook or a person would run it.
    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn sh(&self, script: &str) -> Output {
        self.run(self.command("sh", &["-c", script]), |command| command)
    }

    /// A process to start by hand, where a test has to hold it while it runs.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        self.in_place(self.env.command(program), args)
    }

    /// The same for `jj` as the shim.
    pub(crate) fn shim_command(&self, args: &[&str]) -> Command {
        let mut command = self.command("jj", args);
        command.env("PATH", tools::path(self.env.root(), true));
        command
    }

    fn in_place(&self, mut command: Command, args: &[&str]) -> Command {
        command.args(args).current_dir(&self.root);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, command: Command, configure: impl FnOnce(&mut Cmd) -> &mut Cmd) -> Output {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let shown = self.env.normalize(&words.join(" "));
        let mut command = Cmd::from_std(command);
        let output = configure(&mut command).output().unwrap();
        contract::check(&words, &String::from_utf8_lossy(&output.stdout));
        Output::new(self.env, shown, output)
    }

    // Files and changes.

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file and commits everything; `@` is an empty change on top then.
    pub(crate) fn commit(&self, path: &str, text: &str, message: &str) {
        self.write(path, text);
        self.jj(&["commit", "-m", message]).ok();
    }

    // What is there. None of these snapshots, merges operations or takes a tick of the clock.

    /// The operations that are heads, sorted.
    pub(crate) fn op_heads(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.shared().join("op_heads/heads")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut heads: Vec<String> = names.filter(|name| name != "lock").collect();
        heads.sort();
        heads
    }

    /// Every bookmark and the commit it is on, by name, one a line.
    pub(crate) fn bookmarks(&self) -> String {
        self.read_jj(&["bookmark", "list", "--all-remotes", "-T", BOOKMARK])
    }

    /// The history as a graph, for snapshots.
    pub(crate) fn log(&self) -> String {
        self.read_jj(&["log", "-r", "all()", "-T", LOG])
    }

    /// The full ids of the changes of a revset, newest first.
    pub(crate) fn changes(&self, revset: &str) -> Vec<String> {
        self.ids(revset, "change_id ++ \"\\n\"")
    }

    /// The full ids of the commits of a revset, newest first.
    pub(crate) fn commits(&self, revset: &str) -> Vec<String> {
        self.ids(revset, "commit_id ++ \"\\n\"")
    }

    /// Git's own view of its refs: empty in a repo that is not colocated.
    pub(crate) fn git_refs(&self) -> String {
        if !self.root.join(".git").exists() {
            return String::new();
        }
        let format = "--format=%(refname) %(objectname)";
        let command = self.env.reading_command("git");
        let command =
            self.in_place(command, &["for-each-ref", format, "refs/heads", "refs/tags", "refs/remotes"]);
        self.run(command, |command| command).ok().stdout
    }

    /// The whole state of the repo as jj holds it. Where it is the same before and after, nothing was changed.
    pub(crate) fn state(&self) -> String {
        let changes = self.read_jj(&["log", "--no-graph", "-r", "all()", "-T", CHANGE]);
        format!("{}\n{}{changes}{}", self.op_heads().join("\n"), self.bookmarks(), self.git_refs())
    }

    fn ids(&self, revset: &str, template: &str) -> Vec<String> {
        let text = self.read_jj(&["log", "--no-graph", "-r", revset, "-T", template]);
        text.lines().map(str::to_owned).collect()
    }

    /// Runs a jj that reads, at each operation head by itself.
    fn read_jj(&self, args: &[&str]) -> String {
        let read_at = |head: String| {
            let at = ["--ignore-working-copy", "--at-op", &head];
            let command = self.in_place(self.env.reading_command("jj"), &[&at, args].concat());
            self.run(command, |command| command).ok().stdout
        };
        self.op_heads().into_iter().map(read_at).collect()
    }

    /// The git repo that holds its commits.
    pub(crate) fn git_dir(&self) -> String {
        let store = self.shared().join("store");
        let target = std::fs::read_to_string(store.join("git_target")).unwrap();
        store.join(target).canonicalize().unwrap().to_str().unwrap().to_owned()
    }

    /// The repo's own folder, which all of its workspaces share.
    pub(crate) fn shared(&self) -> PathBuf {
        let workspace = self.root.ancestors().find(|folder| folder.join(".jj").is_dir());
        let jj = workspace.expect("not in a jj repo").join(".jj");
        let repo = jj.join("repo");
        if repo.is_dir() { repo } else { jj.join(std::fs::read_to_string(repo).unwrap()) }
    }
}

/// The command that a `…_with` configures.
pub(crate) type Cmd = assert_cmd::Command;
