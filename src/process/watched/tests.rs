use std::io::{BufRead, BufReader, Write as _};
use std::process::Stdio;

use proptest::prelude::*;
use rstest::rstest;

use super::super::signals;
use super::*;

const LONG: Duration = Duration::from_secs(600);

fn shell(script: &str) -> [OsString; 2] {
    ["-c".into(), script.into()]
}

fn task(args: &[OsString]) -> Task<'_> {
    let stdin = File::open("/dev/null").unwrap();
    let (program, dir) = (OsStr::new("sh"), Path::new("/"));
    Task { program, args, dir, set: &[], unset: &[], stdin, timeout: LONG }
}

/// Of a script that ends by itself.
fn run(script: &str) -> Ran {
    run_watched(task(&shell(script)), &mut |_| ()).unwrap()
}

#[rstest]
#[case::passes("true", Ending::Exited(0))]
#[case::fails("exit 7", Ending::Exited(7))]
#[case::is_killed("kill -KILL $$", Ending::Killed(9))]
#[case::is_terminated("kill -TERM $$", Ending::Killed(15))]
#[case::ends_its_own_group("kill -TERM 0", Ending::Killed(15))]
#[case::closes_its_output_first("exec >&- 2>&-; exit 3", Ending::Exited(3))]
fn a_program_ends(#[case] script: &str, #[case] ending: Ending) {
    assert_eq!(run(script).ending, ending);
}

#[test]
fn stdout_and_stderr_come_in_order() {
    let mut shown = Vec::new();
    let script = shell("echo one; echo two >&2; echo three; printf four >&2");
    let ran = run_watched(task(&script), &mut |bytes| shown.extend_from_slice(bytes)).unwrap();
    assert_eq!((ran.tail.as_str(), ran.cut), ("one\ntwo\nthree\nfour", false));
    assert_eq!(String::from_utf8(shown).unwrap(), ran.tail);
}

#[test]
fn a_flood_is_shown_whole_and_kept_in_part() {
    let mut shown = 0;
    let script = shell("yes flood | head -c 50000000; echo the end");
    let ran = run_watched(task(&script), &mut |bytes| shown += bytes.len()).unwrap();
    assert_eq!((ran.ending, ran.cut, shown), (Ending::Exited(0), true, 50_000_008));
    assert!(ran.tail.starts_with("flood\nflood\n") && ran.tail.ends_with("flood\nflthe end\n"));
    assert!(ran.tail.len() <= KEPT && ran.tail.len() > KEPT - "flood\n".len());
}

#[rstest]
#[case::sleeps("sleep 1000")]
#[case::floods("exec yes")]
#[case::ignores_term("trap '' TERM; sleep 1000; sleep 1000")]
#[case::stops("kill -STOP $$")]
#[case::exits_well_on_term("trap 'exit 0' TERM; while :; do :; done")]
fn a_program_that_does_not_end_is_ended(#[case] script: &str) {
    let script = shell(script);
    let timeout = Duration::from_millis(200);
    let ran = run_watched(Task { timeout, ..task(&script) }, &mut |_| ()).unwrap();
    assert_eq!(ran.ending, Ending::TimedOut);
    assert!(ran.took >= timeout);
}

#[test]
fn the_longest_timeout_is_none() {
    let script = shell("exit 1");
    let task = Task { timeout: Duration::MAX, ..task(&script) };
    assert_eq!(run_watched(task, &mut |_| ()).unwrap().ending, Ending::Exited(1));
}

#[test]
fn stdin_is_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"from the file\n").unwrap();
    let stdin = file.reopen().unwrap();
    let script = shell("cat");
    let ran = run_watched(Task { stdin, ..task(&script) }, &mut |_| ()).unwrap();
    assert_eq!(ran.tail, "from the file\n");
}

/// Runs a script whose stdin is a locked file; with the file again, which can be locked when nobody has that stdin.
fn run_locked(script: &str, timeout: Duration) -> (Ran, File) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let stdin = file.reopen().unwrap();
    stdin.lock().unwrap();
    let ran = run_watched(Task { stdin, timeout, ..task(&shell(script)) }, &mut |_| ()).unwrap();
    (ran, file.reopen().unwrap())
}

#[rstest]
#[case("(trap '' TERM HUP; sleep 1000) >/dev/null 2>&1 & exit 4", LONG, Ending::Exited(4))]
#[case("(trap '' TERM; sleep 1000) & sleep 1000", Duration::from_millis(200), Ending::TimedOut)]
fn a_group_mate_left_behind_is_ended(
    #[case] script: &str,
    #[case] timeout: Duration,
    #[case] ending: Ending,
) {
    let (ran, file) = run_locked(&format!("exec 3<&0; {script}"), timeout);
    assert_eq!(ran.ending, ending);
    file.lock().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_daemon_is_let_go_with_its_lock() {
    let daemon = "setsid sh -c 'sleep 1000 >&9 2>&9 & echo $!'";
    let (ran, file) = run_locked(&format!("exec 3<&0 9>&1; echo $({daemon})"), LONG);
    let pid = Pid::from_raw(ran.tail.trim().parse().unwrap()).unwrap();
    assert_eq!(ran.ending, Ending::Exited(0));
    assert!(file.try_lock().is_err());
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    file.lock().unwrap();
}

#[test]
fn the_environment_is_set_and_unset() {
    let set = [("GIVEN", "a b".into()), ("BOTH", "set".into())];
    let program = OsStr::new("/usr/bin/env");
    let task = Task { program, set: &set, unset: &["PATH", "BOTH"], ..task(&[]) };
    let tail = run_watched(task, &mut |_| ()).unwrap().tail;
    let has = |start: &str| tail.lines().any(|line| line.starts_with(start));
    assert!(has("GIVEN=a b") && has("BOTH=set") && !has("PATH="), "{tail}");
}

#[test]
fn it_runs_in_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let script = shell("pwd -P");
    let ran = run_watched(Task { dir: dir.path(), ..task(&script) }, &mut |_| ()).unwrap();
    assert_eq!(ran.tail.trim_end(), dir.path().canonicalize().unwrap().to_str().unwrap());
}

#[test]
fn a_missing_program_is_an_error() {
    let task = Task { program: OsStr::new("/nowhere/hook"), ..task(&[]) };
    let error = run_watched(task, &mut |_| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

fn lines(chunks: &[&[u8]]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut show = |bytes: &[u8]| shown.push(String::from_utf8_lossy(bytes).into_owned());
    let mut output = Output::new(&mut show);
    chunks.iter().for_each(|chunk| output.take(chunk));
    output.finish();
    shown
}

#[test]
fn whole_lines_are_shown() {
    assert_eq!(lines(&[b"a", b"b\nc", b"", b"\n\nd", b"e"]), ["ab\n", "c\n\n", "de"]);
    let long = [b'x'; LONG_LINE];
    assert_eq!(
        lines(&[b"a\n", &long, b"y\n"]).iter().map(String::len).collect::<Vec<_>>(),
        [2, LONG_LINE, 2]
    );
}

proptest! {
    #[test]
    fn the_tail_is_the_end(chunks in prop::collection::vec(("[a\n]{0,3}", 0..KEPT), 0..8)) {
        let chunks: Vec<String> = chunks.into_iter().map(|(text, times)| text.repeat(times)).collect();
        let all = chunks.concat();
        let mut shown = Vec::new();
        let mut show = |bytes: &[u8]| shown.extend_from_slice(bytes);
        let mut output = Output::new(&mut show);
        for chunk in &chunks {
            output.take(chunk.as_bytes());
            prop_assert!(output.end.len() <= 4 * KEPT && output.line.len() < LONG_LINE);
        }
        let (tail, cut) = output.finish();
        prop_assert!(all.ends_with(&tail) && tail.len() <= KEPT);
        prop_assert_eq!(cut, all.len() > KEPT);
        prop_assert_eq!(cut, tail.len() < all.len());
        let before = &all[..all.len() - tail.len()];
        let whole_lines = before.is_empty() || before.ends_with('\n');
        prop_assert!(whole_lines || tail.len() == KEPT && !tail[..KEPT - 1].contains('\n'));
        prop_assert_eq!(shown, all.into_bytes());
    }
}

/// What [`signals_are_heard_and_then_are_what_they_were`] starts: a process to be sent signals.
#[test]
#[ignore = "a program for another test"]
fn program() {
    let say = |text: &[u8]| std::io::stdout().write_all(text).unwrap();
    let script = shell("trap 'echo cleaned up; exit 0' TERM; echo started; sleep 1000 & wait");
    let ran = run_watched(task(&script), &mut |bytes| say(bytes)).unwrap();
    say(format!("{:?}\n", ran.ending).as_bytes());
    let (_sender, never) = channel::<()>();
    let _ = never.recv_timeout(LONG);
}

#[rstest]
fn signals_are_heard_and_then_are_what_they_were(#[values("HUP", "INT", "QUIT", "TERM")] name: &str) {
    let signal = match name {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        _ => Signal::TERM,
    };
    if signals::ignored() >> (signal.as_raw() - 1) & 1 == 1 {
        return; // As in a job in the background of a script: a shell cannot undo that.
    }
    let mut program = start_program("exec");
    let pid = Pid::from_child(&program);
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line == "started"));
    rustix::process::kill_process(pid, signal).unwrap();
    assert_eq!(said.next().unwrap(), "cleaned up");
    assert_eq!(said.next().unwrap(), format!("Interrupted({})", signal.as_raw()));
    rustix::process::kill_process(pid, signal).unwrap();
    assert_eq!(program.wait().unwrap().signal(), Some(signal.as_raw()));
}

#[test]
#[cfg(target_os = "linux")]
fn an_ignored_signal_stays_ignored() {
    let mut program = start_program("trap '' HUP; exec");
    let pid = Pid::from_child(&program);
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line == "started"));
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!((said.next().unwrap(), said.next().unwrap()), ("cleaned up".into(), "Interrupted(15)".into()));
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(program.wait().unwrap().signal(), Some(15));
}

/// Starts [`program`] in a process of its own, by the shell's word `how`.
#[expect(clippy::disallowed_methods, reason = "this module is the gate")]
fn start_program(how: &str) -> Child {
    let name = concat!(module_path!(), "::program").split_once("::").unwrap().1;
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{how} \"$0\" --ignored --nocapture --exact {name}"));
    command.arg(std::env::current_exe().unwrap()).stdout(Stdio::piped()).spawn().unwrap()
}
