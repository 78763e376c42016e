//! Completion: `COMPLETE=<shell>`, as jj and every program with clap's dynamic completion speak it.
//!
//! A registration script asks with the words of a command line behind `--`. The shim answers what stands behind
//! `flow` itself, adds `flow` to jj's commands, and leaves everything else to the real jj. Never writes anything, and
//! what keeps it from candidates means none: nothing is said about it into somebody's half-typed line.

mod candidates;
mod line;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::env::{EnvCompleter, Shells};

use self::line::Line;
use super::{Cli, report};
use crate::error::{Failure, Kind};
use crate::output::{Out, raw};
use crate::shim::argv::{Command, scan};
use crate::{env, jj, process};

/// Names the shell, as clap reads it.
const VARIABLE: &str = "COMPLETE";

/// What stands between two candidates, where the shell says it; else a line's end.
const SEPARATOR: &str = "_CLAP_IFS";

/// The shell that asks for completions, where one does.
pub(super) fn shell() -> Option<OsString> {
    env::var_os(VARIABLE).filter(|shell| shell != "0")
}

/// Answers for jj-flow by its own name: the registration script, or the candidates.
pub(super) fn answer(shell: &OsStr, args: &[OsString]) -> ExitCode {
    let shells = Shells::builtins();
    let Some(shell) = find(&shells, shell) else {
        let known: Vec<&str> = shells.names().collect();
        let (shell, known) = (shell.display(), known.join(", "));
        let message = format!("There are no completions for {shell}, only for {known}");
        let failure = Failure::new(Kind::Usage, message).hint("COMPLETE=bash jj-flow");
        return report(&failure.into(), Out::new(false));
    };
    let words = line::words(args);
    if words.is_empty() {
        return print(&registration(shell));
    }
    let line = Line::read(shell.name(), words);
    print(&line.map_or_else(Vec::new, |line| flow_answer(shell, &line, line.before())))
}

/// Answers for `jj`, standing before the real one; None leaves it to that.
pub(super) fn answer_before_jj(shell: &OsStr, args: &[OsString]) -> Option<ExitCode> {
    let words = line::words(args);
    if words.is_empty() {
        return None;
    }
    let shells = Shells::builtins();
    let asked = find(&shells, shell).and_then(|shell| Some((shell, Line::read(shell.name(), words)?)));
    if let Some((shell, line)) = asked {
        // With `flow` at the cursor: is it the command, or does one stand before it?
        let with_flow: Vec<OsString> = line.before().iter().cloned().chain(["flow".into()]).collect();
        match scan(&with_flow).command {
            Command::Flow { rest: [] } => {
                let own = command_answer(shell, &line);
                if !own.is_empty() {
                    return Some(beside_jj(args, &own));
                }
            }
            Command::Flow { rest: [rest @ .., _] } => return Some(print(&flow_answer(shell, &line, rest))),
            _ => {}
        }
    }
    // Here nobody is told that there is no jj.
    jj::locate().is_none().then(|| ExitCode::from(Kind::NoJj.exit()))
}

/// By its name, or by a path such as `$SHELL`.
fn find<'s>(shells: &'s Shells<'_>, shell: &OsStr) -> Option<&'s dyn EnvCompleter> {
    shells.completer(Path::new(shell).file_stem()?.to_str()?)
}

fn registration(shell: &dyn EnvCompleter) -> Vec<u8> {
    let argv0 = env::argv0();
    let named = Path::new(&argv0);
    // A path is found from another folder too.
    let full = env::current_dir().ok().filter(|_| named.components().count() > 1);
    let program = full.map_or_else(|| named.to_owned(), |dir| dir.as_std_path().join(named));
    let (name, program) = ("jj-flow", program.to_string_lossy());
    let mut script = Vec::new();
    let written = shell.write_registration(VARIABLE, name, name, &program, &mut script);
    written.map_or_else(|_| Vec::new(), |()| script)
}

/// What completes a word of jj-flow's command line, in the shell's form. `before` stands before it.
fn flow_answer(shell: &dyn EnvCompleter, line: &Line, before: &[OsString]) -> Vec<u8> {
    let command = candidates::attach(Cli::command(), line.before());
    rendered(shell, command, line, before)
}

/// `flow`, where it completes the word at the cursor.
fn command_answer(shell: &dyn EnvCompleter, line: &Line) -> Vec<u8> {
    let about = "Flows of work: named, recorded, landed";
    let command = clap::Command::new("jj").disable_help_flag(true).disable_help_subcommand(true);
    rendered(shell, command.subcommand(clap::Command::new("flow").about(about)), line, &[])
}

fn rendered(
    shell: &dyn EnvCompleter,
    mut command: clap::Command,
    line: &Line,
    before: &[OsString],
) -> Vec<u8> {
    let dir = env::current_dir().ok();
    let dir = dir.as_ref().map(|dir| dir.as_std_path());
    let mut answer = Vec::new();
    let written = shell.write_complete(&mut command, line.padded(before), dir, &mut answer);
    written.map_or_else(|_| Vec::new(), |()| answer)
}

/// The real jj's answer, and ours behind it where it is not in there by an alias.
fn beside_jj(args: &[OsString], own: &[u8]) -> ExitCode {
    let Some(program) = jj::locate() else { return ExitCode::from(Kind::NoJj.exit()) };
    let Ok(finished) = process::run_captured(&program, args, None, &[jj::guard_spawn(&program)]) else {
        return ExitCode::from(Kind::NoJj.exit());
    };
    let mut all = finished.stdout;
    let status = finished.status;
    if !status.success() {
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        return ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
    }
    let separator = env::var_os(SEPARATOR).unwrap_or_else(|| "\n".into());
    if !has_flow(&all, separator.as_bytes()) {
        if !all.is_empty() && !all.ends_with(separator.as_bytes()) {
            all.extend(separator.as_bytes());
        }
        all.extend(own);
    }
    print(&all)
}

/// Whether `flow` is among the candidates, with a description or without.
fn has_flow(answer: &[u8], separator: &[u8]) -> bool {
    let (answer, separator) = (String::from_utf8_lossy(answer), String::from_utf8_lossy(separator));
    let mut after = answer.split(&*separator).filter_map(|candidate| candidate.strip_prefix("flow"));
    after.any(|rest| rest.is_empty() || rest.starts_with([':', '\t']))
}

fn print(answer: &[u8]) -> ExitCode {
    // A shell that went away has no use for it.
    let _ = raw(answer);
    ExitCode::SUCCESS
}
