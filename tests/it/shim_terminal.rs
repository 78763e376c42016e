//! A command that the shim waits for, at a terminal: Ctrl-C, Ctrl-\, Ctrl-Z and hanging up do what they do to jj.

use std::process::Child;

use rstest::rstest;
use rustix::process::{Pid, Signal};

use crate::common::process::{Running, end_of, is_ignored_here};
use crate::common::terminal::Terminal;
use crate::shim::script;
use crate::shim_signals::{Scene, Who, ending, makes, signal};

/// Starts `jj git fetch` with a terminal to itself.
fn alone(scene: &Scene, who: Who) -> (Terminal, Child) {
    let args = ["sh", "-c", "ulimit -c 0; exec jj git fetch"];
    Terminal::start(&scene.repo(), &args, |command| command.env("PATH", scene.path(who)))
}

#[rstest]
#[case::ctrl_c("\x03", Signal::INT)]
#[case::ctrl_backslash("\x1c", Signal::QUIT)]
#[case::hanging_up("", Signal::HUP)]
fn the_terminal_ends_it_as_it_ends_jj(#[case] key: &str, #[case] signal: Signal) {
    if is_ignored_here(signal) {
        return;
    }
    for who in [Who::Jj, Who::Shim] {
        let scene = Scene::new();
        let (mut terminal, mut child) = alone(&scene, who);
        let git = scene.waiting_git();
        let jj = git.parent();
        terminal.send(key);
        let _terminal = if key.is_empty() {
            drop(terminal);
            None
        } else {
            Some(terminal)
        };
        assert_eq!(ending(end_of(&mut child)), makes(signal), "{who:?}");
        jj.ends();
        git.ends();
        assert_eq!(scene.record(), "created");
    }
}

#[rstest]
fn a_signal_from_elsewhere_ends_it_at_a_terminal_too(#[values("HUP", "INT", "QUIT", "TERM")] name: &str) {
    let signal = signal(name);
    if is_ignored_here(signal) {
        return;
    }
    for who in [Who::Jj, Who::Shim] {
        let scene = Scene::new();
        let (_terminal, mut child) = alone(&scene, who);
        let git = scene.waiting_git();
        let jj = git.parent();
        Running::new(Pid::from_child(&child)).kill(signal);
        assert_eq!(ending(end_of(&mut child)), makes(signal), "{who:?}");
        jj.ends();
        // The terminal of a session that has ended hangs up.
        git.ends();
        assert_eq!(scene.record(), "created");
    }
}

/// Starts a shell that somebody types into.
fn shell(scene: &Scene, who: Who) -> (Terminal, Child) {
    let args = ["bash", "--norc", "--noprofile", "--noediting", "-i"];
    let (mut terminal, shell) = Terminal::start(&scene.repo(), &args, |command| {
        command.env("PATH", scene.path(who)).env("PS1", "ready> ").env("HISTFILE", "")
    });
    terminal.expect("ready> ");
    (terminal, shell)
}

/// Everybody who is at work, from git to the one that the shell started.
fn at_work(scene: &Scene, shell: &Child) -> Vec<Running> {
    let mut all = vec![scene.waiting_git()];
    loop {
        let parent = all.last().unwrap().parent();
        if parent.pid == Pid::from_child(shell) {
            return all;
        }
        all.push(parent);
    }
}

/// The shell shows how the last command ended.
#[track_caller]
fn assert_ended(terminal: &mut Terminal, code: i32) {
    terminal.send("echo ended=$?\n");
    terminal.expect(&format!("ended={code}\r\n"));
}

#[rstest]
fn a_job_is_stopped_and_goes_on(#[values(Who::Jj, Who::Shim)] who: Who) {
    let scene = Scene::new();
    let (mut terminal, mut shell) = shell(&scene, who);
    terminal.send("jj git fetch\n");
    let all = at_work(&scene, &shell);
    assert_eq!(all.len(), if who == Who::Shim { 3 } else { 2 });
    for _ in 0..2 {
        terminal.send("\x1a");
        terminal.expect("Stopped");
        all.iter().for_each(Running::stops);
        terminal.expect("ready> ");
        terminal.send("jobs\n");
        terminal.expect("Stopped");
        terminal.expect("ready> ");
        terminal.send("fg\n");
        all.iter().for_each(Running::goes_on);
    }
    scene.go_on();
    assert_ended(&mut terminal, 0);
    // Once more, to be interrupted.
    terminal.send("jj git fetch\n");
    let all = at_work(&scene, &shell);
    terminal.send("\x03");
    all.iter().for_each(Running::ends);
    assert_ended(&mut terminal, 1);
    terminal.send("exit\n");
    end_of(&mut shell);
    assert_eq!(scene.record(), "created,moved");
}

#[rstest]
fn a_stopped_job_goes_on_in_the_background(#[values(Who::Jj, Who::Shim)] who: Who) {
    let scene = Scene::new();
    let (mut terminal, mut shell) = shell(&scene, who);
    terminal.send("jj git fetch\n");
    let all = at_work(&scene, &shell);
    terminal.send("\x1a");
    terminal.expect("Stopped");
    terminal.send("bg\n");
    terminal.expect("jj git fetch &\r\n");
    // Ctrl-C is for whoever is in the foreground.
    terminal.send("\x03");
    terminal.expect("ready> ");
    scene.go_on();
    all.iter().for_each(Running::ends);
    terminal.send("wait %1\n");
    assert_ended(&mut terminal, 0);
    terminal.send("exit\n");
    end_of(&mut shell);
    assert_eq!(scene.record(), "created,moved");
}

#[rstest]
#[case::running("jj git fetch\n", "", None)]
#[case::stopped("jj git fetch\n", "\x1a", Some("Stopped"))]
#[case::in_the_background("jj git fetch &\n", "", None)]
#[case::in_a_pipe("jj git fetch 2>&1 | cat\n", "", None)]
fn nothing_is_left_of_a_job_whose_terminal_hangs_up(
    #[case] line: &str,
    #[case] keys: &str,
    #[case] shown: Option<&str>,
    #[values(Who::Jj, Who::Shim)] who: Who,
) {
    if is_ignored_here(Signal::HUP) {
        return;
    }
    let scene = Scene::new();
    let (mut terminal, mut shell) = shell(&scene, who);
    terminal.send(line);
    let all = at_work(&scene, &shell);
    terminal.send(keys);
    shown.iter().for_each(|shown| terminal.expect(shown));
    drop(terminal);
    end_of(&mut shell);
    all.iter().for_each(Running::ends);
    assert_eq!(scene.record(), "created");
}

#[rstest]
fn a_job_is_killed_by_the_shell(#[values(false, true)] is_stopped: bool) {
    for who in [Who::Jj, Who::Shim] {
        let scene = Scene::new();
        let (mut terminal, mut shell) = shell(&scene, who);
        terminal.send(if is_stopped { "jj git fetch\n" } else { "jj git fetch &\n" });
        let all = at_work(&scene, &shell);
        if is_stopped {
            terminal.send("\x1a");
            terminal.expect("Stopped");
        }
        terminal.send("kill %1\n");
        all.iter().for_each(Running::ends);
        // The shell says it now, if it has not said it yet.
        terminal.send("jobs\n");
        terminal.expect("Exit 1 ");
        terminal.send("exit\n");
        end_of(&mut shell);
        assert_eq!(scene.record(), "created");
    }
}

/// A program in jj's place counts.
#[rstest]
fn ctrl_c_reaches_jj_once(#[values(Who::Jj, Who::Shim)] who: Who) {
    if is_ignored_here(Signal::INT) {
        return;
    }
    let scene = Scene::new();
    let root = scene.repo().env().root().to_owned();
    let counting = format!(
        "cd '{}'\ntrap 'echo heard >>heard' INT\necho $$ >started\nuntil read -r go <go; do :; done 2>/dev/null",
        root.display()
    );
    std::fs::remove_file(root.join("bin/jj")).unwrap();
    script(&root.join("bin/jj"), &counting);
    let (mut terminal, mut child) = alone(&scene, who);
    let _jj = scene.waiting_git();
    terminal.send("\x03");
    scene.go_on();
    assert_eq!(ending(end_of(&mut child)), (Some(0), None));
    assert_eq!(std::fs::read_to_string(root.join("heard")).unwrap(), "heard\n");
}
