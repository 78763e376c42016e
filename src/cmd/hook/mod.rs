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
    let heard = match &args.verb {
        Verb::SessionStart(_) => session_start::run(&Payload::read(), &call),
        Verb::PreToolUse(_) => pre_tool_use::run(&Payload::read(), &call),
        Verb::Stop(_) => stop::run(&Payload::read(), &call),
        Verb::Install(args) => return install::run(args, &call).map(|()| ExitCode::SUCCESS),
        Verb::Uninstall(args) => return install::run_uninstall(args, &call).map(|()| ExitCode::SUCCESS),
    };
    match heard {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            call.out.note(&plain(&format!("jj-flow: {}", Failure::of(&error).message)))?;
            Ok(ExitCode::FAILURE)
        }
    }
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
