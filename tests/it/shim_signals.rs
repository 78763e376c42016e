//! Signals at a command that the shim waits for: it ends as jj itself would have, leaves nobody behind, and whatever
//! jj has done is on record after the next command.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ExitStatus, Stdio};

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::common::invariants::{Since, assert_rebuilt, assert_sound};
use crate::common::process::{Running, end_of, is_ignored_here};
use crate::common::{TestEnvironment, TestRepo};
use crate::shim::{environment, names, script};

/// Who stands first on PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Jj,
    Shim,
}

/// A repo where `jj git fetch` moves a flow, by a git that waits before it fetches until it may.
pub(crate) struct Scene {
    env: TestEnvironment,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let env = environment();
        env.bare_git("hub.git");
        let repo = env.repo("field");
        repo.commit("a.txt", "a\n", "first");
        repo.shim(&["bookmark", "create", "research", "--revision=@-"]).ok();
        repo.jj(&["git", "remote", "add", "origin", "../hub.git"]).ok();
        repo.jj(&["bookmark", "track", "a8f2--research", "--remote=origin"]).ok();
        repo.jj(&["git", "push", "--bookmark=a8f2--research"]).ok();
        let theirs = "git update-ref $1 $(git commit-tree -p $1 -m theirs $1^{tree})";
        env.dir("hub.git").sh(&theirs.replace("$1", "refs/heads/a8f2--research")).ok();
        let root = env.root().display();
        let git = env.root().join("waiting-git");
        script(
            &git,
            &format!(
                "case \" $* \" in *' fetch '*)\n\
                echo $$ >'{root}/started'; read -r go <'{root}/go' || exit 1;;\nesac\nexec git \"$@\""
            ),
        );
        env.dir("").sh("mkfifo started go").ok();
        env.add_config(&format!("git.executable-path = {:?}\n", git.to_str().unwrap()));
        Self { env }
    }

    pub(crate) fn repo(&self) -> TestRepo<'_> {
        self.env.dir("field")
    }

    /// Starts `jj git fetch` in a process group of its own, with something to do for the shell before that.
    fn start(&self, who: Who, before: &str) -> Child {
        let script = format!("ulimit -c 0; {before} exec jj git fetch");
        let mut command = self.repo().command("sh", &["-c", &script]);
        command.env("PATH", self.path(who)).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn path(&self, who: Who) -> OsString {
        let repo = self.repo();
        let command = if who == Who::Shim { repo.shim_command(&[]) } else { repo.command("jj", &[]) };
        let path = command.get_envs().find_map(|(name, value)| value.filter(|_| name == "PATH"));
        path.unwrap().to_owned()
    }

    /// The git that waits now.
    #[track_caller]
    pub(crate) fn waiting_git(&self) -> Running {
        let pid = self.env.dir("").sh("timeout 60 cat started").ok().stdout;
        Running::new(Pid::from_raw(pid.trim().parse().unwrap()).unwrap())
    }

    /// Lets it go on.
    #[track_caller]
    pub(crate) fn go_on(&self) {
        self.env.dir("").sh("timeout 60 sh -c 'echo go >go'").ok();
    }

    /// The repo is sound, and the registry agrees with it; what is on record of the flow.
    #[track_caller]
    pub(crate) fn record(&self) -> String {
        assert_level(&self.env, &self.repo())
    }
}

/// The repo is sound, and after the next command the registry has each flow where its bookmark is; what happened to
/// flows that are there, by its kind.
#[track_caller]
fn assert_level(env: &TestEnvironment, repo: &TestRepo<'_>) -> String {
    assert_sound(repo, &Since::default());
    repo.jj(&["log"]).ok();
    repo.jj(&["op", "log"]).ok();
    let all = repo.bookmarks();
    let flows: Vec<&str> = all.lines().filter(|line| !line.contains('@')).collect();
    let rows = env.rows(
        "SELECT bookmark || ' ' || commit_id FROM FlowRegistry WHERE gone_at IS NULL ORDER BY bookmark",
    );
    assert_eq!(rows.lines().collect::<Vec<_>>(), flows);
    assert_rebuilt(env, &[repo]);
    kinds(env)
}

fn kinds(env: &TestEnvironment) -> String {
    let kinds = env.rows("SELECT group_concat(kind) FROM (SELECT kind FROM events ORDER BY id)");
    kinds.trim_end().to_owned()
}

pub(crate) fn ending(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}

pub(crate) fn signal(name: &str) -> Signal {
    match name {
        "ABRT" => Signal::ABORT,
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "KILL" => Signal::KILL,
        "QUIT" => Signal::QUIT,
        "SEGV" => Signal::SEGV,
        "TERM" => Signal::TERM,
        _ => Signal::USR1,
    }
}

/// What a signal makes of jj: it takes these three as a reason to tidy up.
pub(crate) fn makes(signal: Signal) -> (Option<i32>, Option<i32>) {
    match signal {
        Signal::HUP | Signal::INT | Signal::TERM => (Some(1), None),
        _ => (None, Some(signal.as_raw())),
    }
}

#[rstest]
fn a_signal_to_one_ends_jj_and_then_the_shim(#[values("HUP", "INT", "QUIT", "TERM")] name: &str) {
    let signal = signal(name);
    if is_ignored_here(signal) {
        return;
    }
    for who in [Who::Jj, Who::Shim] {
        let scene = Scene::new();
        let mut child = scene.start(who, "");
        let git = scene.waiting_git();
        let jj = git.parent();
        Running::new(Pid::from_child(&child)).kill(signal);
        assert_eq!(ending(end_of(&mut child)), makes(signal), "{who:?}");
        assert!(!jj.is_there());
        // Nobody told git, with the shim or without it.
        git.kill(Signal::KILL);
        git.ends();
        assert_eq!(scene.record(), "created");
    }
}

#[rstest]
fn a_signal_to_the_group_ends_all(#[values("HUP", "INT", "QUIT", "TERM")] name: &str) {
    let signal = signal(name);
    if is_ignored_here(signal) {
        return;
    }
    for who in [Who::Jj, Who::Shim] {
        let scene = Scene::new();
        let mut child = scene.start(who, "");
        let git = scene.waiting_git();
        let jj = git.parent();
        kill_process_group(Pid::from_child(&child), signal).unwrap();
        assert_eq!(ending(end_of(&mut child)), makes(signal), "{who:?}");
        assert!(!jj.is_there());
        git.ends();
        assert_eq!(scene.record(), "created");
    }
}

#[rstest]
fn the_shim_dies_as_jj_did(
    #[values("ABRT", "HUP", "INT", "KILL", "QUIT", "SEGV", "TERM", "USR1")] name: &str,
) {
    let signal = signal(name);
    if is_ignored_here(signal) {
        return;
    }
    let scene = Scene::new();
    let mut child = scene.start(Who::Shim, "");
    let git = scene.waiting_git();
    let jj = git.parent();
    jj.kill(signal);
    // Rust's own handler of SEGV is gone after the first one.
    while signal == Signal::SEGV && jj.is_there() {
        let _ = kill_process(jj.pid, signal);
    }
    assert_eq!(ending(end_of(&mut child)), makes(signal));
    git.kill(Signal::KILL);
    git.ends();
    assert_eq!(scene.record(), "created");
}

#[test]
fn jj_goes_on_where_the_shim_is_killed() {
    let scene = Scene::new();
    let mut child = scene.start(Who::Shim, "");
    let jj = scene.waiting_git().parent();
    child.kill().unwrap();
    assert_eq!(ending(end_of(&mut child)), (None, Some(9)));
    assert!(jj.is_there());
    scene.go_on();
    jj.ends();
    assert_eq!(scene.record(), "created,moved");
}

#[test]
fn what_was_ignored_stays_ignored() {
    for who in [Who::Jj, Who::Shim] {
        let scene = Scene::new();
        let mut child = scene.start(who, "trap '' HUP QUIT;");
        let (first, git) = (Running::new(Pid::from_child(&child)), scene.waiting_git());
        // jj itself hears HUP, and so git is not kept from it.
        assert_eq!((first.ignores(Signal::HUP), git.ignores(Signal::HUP)), (who == Who::Shim, false));
        for (signal, is_ignored) in [(Signal::QUIT, true), (Signal::TERM, false)] {
            assert_eq!((first.ignores(signal), git.ignores(signal)), (is_ignored, is_ignored));
        }
        kill_process_group(first.pid, Signal::QUIT).unwrap();
        if who == Who::Shim {
            first.kill(Signal::HUP);
        }
        scene.go_on();
        assert_eq!(ending(end_of(&mut child)), (Some(0), None));
        assert_eq!(scene.record(), "created,moved");
    }
}

/// jj itself hears HUP under `nohup` too.
#[test]
fn under_nohup_jj_ends_as_it_does() {
    let endings = [Who::Jj, Who::Shim].map(|who| {
        let scene = Scene::new();
        let mut child = scene.start(who, "trap '' HUP;");
        let git = scene.waiting_git();
        kill_process_group(Pid::from_child(&child), Signal::HUP).unwrap();
        let ending = ending(end_of(&mut child));
        git.ends();
        assert_eq!(scene.record(), "created");
        ending
    });
    assert_eq!(endings[1], endings[0]);
}

/// Between jj's end and the record, nothing but KILL ends the shim.
#[rstest]
fn a_signal_that_comes_while_the_shim_records_is_late(
    #[values("HUP", "INT", "QUIT", "TERM")] name: &str,
    #[values(("a8f2--research", 0), ("a8f2--docs", 1))] (bookmark, code): (&str, i32),
) {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["bookmark", "create", "docs"]).ok();
    let late = env.root().join("late");
    script(&late, &format!("kill -{name} $PPID"));
    let step = format!("jj-ended={}", late.display());
    repo.with("JJ_FLOW_FAILPOINT", &step).shim(&["bookmark", "create", bookmark]).exits(code);
    assert_eq!(kinds(&env), if code == 0 { "created,created" } else { "created" });
    assert_level(&env, &repo);
}

/// The command, the bookmarks that there are then, and what is on record.
#[rstest]
#[case::create(&["bookmark", "create", "docs"], "a8f2--docs a8f2--research", "created,status,created")]
#[case::set(&["bookmark", "set", "a8f2--research"], "a8f2--research", "created,status,moved")]
#[case::moved(&["bookmark", "move", "--from=@-", "--to=@"], "a8f2--research", "created,status,moved")]
#[case::deleted(&["bookmark", "delete", "a8f2--research"], "", "created,status,deleted")]
#[case::undo(&["undo"], "", "created,status,deleted")]
#[case::renamed(&["bookmark", "rename", "a8f2--research", "docs"], "a8f2--docs", "created,status,renamed")]
fn killed_before_it_records(#[case] command: &[&str], #[case] bookmarks: &str, #[case] record: &str) {
    let env = environment();
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.shim(&["bookmark", "create", "research", "--revision=@-"]).ok();
    repo.flow(&["fail", "research", "--reason=no luck"]).ok();
    repo.with("JJ_FLOW_FAILPOINT", "jj-ended").shim(command).exits(137);
    assert_eq!(names(&repo), bookmarks);
    assert_eq!(kinds(&env), "created,status");
    assert_eq!(assert_level(&env, &repo), record);
    let kept = "SELECT count(*) FROM FlowRegistry WHERE status = 'failed' AND reason = 'no luck'";
    assert_eq!(env.rows(kept), "1\n");
}

#[test]
fn sub_flows_of_a_flow_renamed_by_a_killed_shim_follow_it() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["sub", "deeper"]).ok();
    let killed = repo.with("JJ_FLOW_FAILPOINT", "jj-ended");
    killed.shim(&["bookmark", "rename", "a8f2--research", "docs"]).exits(137);
    // Somebody uses the old name anew before anything is recorded.
    repo.jj(&["bookmark", "create", "a8f2--research", "--revision=root()+"]).ok();
    assert_level(&env, &repo);
    let rows = "SELECT bookmark, parent_flow, gone_at FROM FlowRegistry ORDER BY id";
    insta::assert_snapshot!(env.rows(rows), @r"
    a8f2--docs|NULL|NULL
    a8f2--research--deeper|a8f2--docs|NULL
    a8f2--research|NULL|NULL
    ");
}
