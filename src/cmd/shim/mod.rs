//! The shim: `jj` itself, standing before the real one. It names and records bookmarks as they are made and moved,
//! hands `jj flow` to jj-flow, and becomes the real jj for everything else.
//!
//! It fails softly: whatever keeps it from its work, jj runs as if it were not there, with one line on stderr.

mod aliases;
#[cfg(test)]
mod fuzz;
mod names;
mod record;
mod watch;

pub(super) use aliases::resolve;
pub(super) use names::{load_existing, renames_no_flow};

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use super::complete;
use crate::error::{Failure, Kind};
use crate::output::Out;
use crate::shim::argv::{Command, ConfigArg, Globals, Scan, scan};
use crate::{env, jj, process};

/// Runs one command line of `jj`, given the name that the program was called by.
pub(crate) fn run(argv0: &OsStr, typed: &[OsString]) -> ExitCode {
    if env::var_os("JJ_FLOW_BYPASS").is_some() {
        return become_jj(argv0, typed);
    }
    if let Some(shell) = complete::shell() {
        return complete::answer_before_jj(&shell, typed).unwrap_or_else(|| become_jj(argv0, typed));
    }
    let resolved = aliases::resolve(typed);
    let args = resolved.as_deref().unwrap_or(typed);
    let Scan { command, globals } = scan(args);
    match command {
        Command::Flow { rest } => super::run(&flow_args(&globals, rest)),
        Command::Watched(watched) => watch::run(argv0, typed, args, &globals, &watched),
        _ => become_jj(argv0, typed),
    }
}

/// `jj -R x --config y flow …` as jj-flow's own command line.
fn flow_args(globals: &Globals<'_>, rest: &[OsString]) -> Vec<OsString> {
    let repository = globals.repository.map(|repository| format!("--repository={repository}"));
    let given = repository.into_iter().chain(options(globals)).map(Into::into);
    given.chain(rest.iter().cloned()).collect()
}

/// The settings that were given on the command line, as options.
fn options(globals: &Globals<'_>) -> Vec<String> {
    let option = |config: &ConfigArg<'_>| match config {
        ConfigArg::Item(item) => format!("--config={item}"),
        ConfigArg::File(path) => format!("--config-file={path}"),
    };
    globals.configs.iter().map(option).collect()
}

/// Becomes the real jj.
fn become_jj(argv0: &OsStr, args: &[OsString]) -> ExitCode {
    let Some(program) = jj::locate() else { return no_jj() };
    let error = process::exec(&program, argv0, args, &[jj::guard(&program)]);
    not_started(&program, &error)
}

fn not_started(program: &std::path::Path, error: &std::io::Error) -> ExitCode {
    let _ = Out::new(false).note(&format!("Error: Could not start {}: {error}", program.display()));
    ExitCode::from(Kind::NoJj.exit())
}

fn no_jj() -> ExitCode {
    let failure = Failure::new(Kind::NoJj, "Could not find jj on PATH, behind jj-flow's shim");
    let _ = Out::new(false).failure(&failure.hint("cargo install --locked jj-cli"));
    ExitCode::from(Kind::NoJj.exit())
}
