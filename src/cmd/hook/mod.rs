//! `jj flow hook`: what an agent runs of jj-flow at certain moments of a session, and putting that into its settings.
//!
//! An event says what it has to say in the agent's own form, or nothing, and is in nobody's way: what goes wrong is one
//! line on stderr and the exit status 1, which agents pass over. (2 would stop them.)

mod install;
mod memo;
mod payload;
mod pre_tool_use;
mod session_start;
mod stop;

use std::ffi::OsString;
use std::process::ExitCode;

use camino::Utf8Path;
use clap::{Args, Subcommand};
use serde_json::Value;

pub(super) use memo::folder as memo_folder;

use super::Call;
use crate::error::Failure;
use crate::output::{plain, record};
use payload::Payload;

/// Have an agent run jj-flow when a session starts, before a command and at the end
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook install --agent claude")]
pub(super) struct HookArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    SessionStart(session_start::SessionStartArgs),
    PreToolUse(pre_tool_use::PreToolUseArgs),
    Stop(stop::StopArgs),
    Install(install::InstallArgs),
    Uninstall(install::UninstallArgs),
}

pub(super) fn run(args: &HookArgs, call: Call) -> anyhow::Result<ExitCode> {
    let hear = match &args.verb {
        Verb::SessionStart(_) => session_start::run,
        Verb::PreToolUse(_) => pre_tool_use::run,
        Verb::Stop(_) => stop::run,
        Verb::Install(args) => return install::run(args, &call).map(|()| ExitCode::SUCCESS),
        Verb::Uninstall(args) => return install::run_uninstall(args, &call).map(|()| ExitCode::SUCCESS),
    };
    match hear(&Payload::read().unwrap_or_default(), &call) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            call.out.note(&plain(&format!("jj-flow: {}", Failure::of(&error).message)))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Whether a command line is one that an agent runs at some moment, of this version or of a later one.
pub(super) fn is_event(args: &[OsString]) -> bool {
    let mut words = args.iter().filter(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    let is_hook = words.any(|word| word == "hook");
    is_hook && words.next().is_some_and(|verb| verb != "install" && verb != "uninstall")
}

/// Says what there is to say to the agent; with `--json` the object to whoever asks.
fn say(call: &Call, text: Option<&str>, object: Value) -> anyhow::Result<()> {
    if call.out.is_json() {
        return Ok(call.out.json(object)?);
    }
    Ok(text.map_or(Ok(()), |text| record(&format!("{text}\n")))?)
}

/// Which settings have our hooks, and what takes them out there: a line each.
pub(super) fn installed(dir: &Utf8Path) -> Vec<String> {
    install::installed(dir)
}
