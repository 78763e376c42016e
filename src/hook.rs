//! The gate to hooks: programs that the config names for a step of a landing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use camino::Utf8Path;

use crate::config::{Hook, HookCommand};
use crate::env;
use crate::git::LOCAL_VARIABLES;
use crate::process::run_captured;
use crate::process::watched::{Ending, Ran, Task, run_watched};

/// Variables of ours and jj's that mean something else inside a hook.
const OURS: &[&str] = &["JJ_WORKSPACE_ROOT", "JJ_FLOW_SHIM"];

/// One run of a hook.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) hook: &'a Hook,
    /// Its name in config: `verify`, `on-conflict`.
    pub(crate) name: &'a str,
    pub(crate) dir: &'a Utf8Path,
    /// What it is told, beside `JJ_FLOW_HOOK`: `JJ_FLOW_PARENT` and the like.
    pub(crate) about: &'a [(&'a str, String)],
    /// A lock that is held for as long as the hook or what it leaves behind lives, or something to read.
    pub(crate) stdin: File,
    pub(crate) timeout: Duration,
}

/// Runs a hook in a process group of its own, which ends with it. An error says that it could not start.
pub(crate) fn run(run: Run<'_>, show: &mut dyn FnMut(&[u8])) -> std::io::Result<Ran> {
    let (program, args): (&OsStr, Vec<OsString>) = match &run.hook.command {
        HookCommand::Line(line) => ("sh".as_ref(), vec!["-c".into(), line.into()]),
        HookCommand::Words(words) => (words[0].as_ref(), words[1..].iter().map(Into::into).collect()),
    };
    let mut set = vec![("JJ_FLOW_HOOK", OsString::from(run.name))];
    set.extend(run.about.iter().map(|(name, value)| (*name, value.into())));
    let unset = [LOCAL_VARIABLES, OURS].concat();
    let task = Task {
        program,
        args: &args,
        dir: run.dir.as_std_path(),
        set: &set,
        unset: &unset,
        stdin: run.stdin,
        timeout: run.timeout,
    };
    run_watched(task, show)
}

/// What stands in the way of a program that a hook starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is nowhere on PATH, or not where its path says.
    Missing,
    /// It is there, and may not be run.
    NotExecutable(PathBuf),
    /// It is a script for another program, which is missing.
    NoInterpreter(PathBuf, String),
    /// `sh` does not understand the line; what it says.
    Syntax(String),
}

/// Looks for a program as [`run`] does: a path from `dir` on, any other name on PATH.
pub(crate) fn find_obstacle(program: &str, dir: &Path) -> Option<Obstacle> {
    let Ok(found) = which::which_in(program, env::var_os("PATH"), dir) else {
        let path = dir.join(program);
        let is_there = program.contains('/') && path.is_file();
        return Some(if is_there { Obstacle::NotExecutable(path) } else { Obstacle::Missing });
    };
    let interpreter = load_interpreter(&found)?;
    let is_missing = which::which_in(&interpreter, env::var_os("PATH"), dir).is_err();
    is_missing.then_some(Obstacle::NoInterpreter(found, interpreter))
}

/// Looks at a line for `sh`, and at the program that it begins with where that is one: a plain word, or a path from `dir`
/// on. Nothing of the line is run.
pub(crate) fn run_find_obstacle(line: &str, dir: &Path) -> std::io::Result<Option<Obstacle>> {
    let sh = |args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        run_captured(Path::new("sh"), &args, Some(dir), &[])
    };
    // As an argument, just as it is run, and with -n, so that it is only read.
    let read = sh(&["-n", "-c", line])?;
    if !read.status.success() {
        return Ok(Some(Obstacle::Syntax(read.stderr.trim().to_owned())));
    }
    let first = line.split_whitespace().next().unwrap_or_default();
    if !first.chars().all(|sign| sign.is_ascii_alphanumeric() || "._+-/".contains(sign)) {
        return Ok(None);
    }
    if first.contains('/') {
        return Ok(find_obstacle(first, dir));
    }
    // The shell alone knows its own words. This one is its argument, and never part of what it reads.
    let known = sh(&["-c", "command -v -- \"$1\"", "sh", first])?;
    Ok((!known.status.success()).then_some(Obstacle::Missing))
}

/// The program that a script names in its first line, behind `env` too.
fn load_interpreter(script: &Path) -> Option<String> {
    let mut start = [0; 256];
    let length = File::open(script).and_then(|mut file| file.read(&mut start)).ok()?;
    let line = start[..length].strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let program = words.next()?;
    let is_env = program.rsplit('/').next() == Some("env");
    let behind = words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env);
    Some(behind.unwrap_or(program).to_owned())
}

/// `exit 1`, `signal 9`, `timed out`, `interrupted`.
pub(crate) fn ending(ending: Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exit {code}"),
        Ending::Killed(signal) => format!("signal {signal}"),
        Ending::TimedOut => "timed out".to_owned(),
        Ending::Interrupted(_) => "interrupted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("true", None)]
    #[case("cd sub && ./check", None)]
    #[case("if true; then echo; fi", None)]
    #[case("A=1 nowhere-to-be-found", None)]
    #[case("\"$CARGO\" test", None)]
    #[case("nowhere-to-be-found --all", Some(Obstacle::Missing))]
    #[case("./missing", Some(Obstacle::Missing))]
    #[case("./script && true", None)]
    fn the_first_program_of_a_line_is_looked_for(#[case] line: &str, #[case] expected: Option<Obstacle>) {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(run_find_obstacle(line, dir.path()).unwrap(), expected);
    }

    #[rstest]
    #[case("touch ran; then")]
    #[case("touch ran; echo 'open")]
    #[case("touch ran")]
    fn a_line_is_read_and_not_run(#[case] line: &str) {
        let dir = tempfile::tempdir().unwrap();
        let found = run_find_obstacle(line, dir.path()).unwrap();
        assert_eq!(matches!(found, Some(Obstacle::Syntax(_))), line != "touch ran", "{found:?}");
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    #[rstest]
    #[case("#!/bin/sh\n", None)]
    #[case("#!/usr/bin/env sh\n", None)]
    #[case("#!/usr/bin/env -S A=1 sh -e\n", None)]
    #[case("no script", None)]
    #[case("#!/bin/nowhere -x\n", Some("/bin/nowhere"))]
    #[case("#!/usr/bin/env nowhere-to-be-found\n", Some("nowhere-to-be-found"))]
    fn a_script_needs_its_interpreter(#[case] text: &str, #[case] missing: Option<&str>) {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let expected =
            missing.map(|name| Obstacle::NoInterpreter(dir.path().join("./script"), name.to_owned()));
        assert_eq!(find_obstacle("./script", dir.path()), expected);
    }

    #[test]
    fn a_file_that_may_not_be_run_is_told_from_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("script"), "#!/bin/sh\n").unwrap();
        let found = find_obstacle("./script", dir.path());
        assert_eq!(found, Some(Obstacle::NotExecutable(dir.path().join("./script"))));
        assert_eq!(find_obstacle("nowhere-to-be-found", dir.path()), Some(Obstacle::Missing));
    }
}
