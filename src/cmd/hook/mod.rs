//! `jj flow hook`: what an agent runs of jj-flow at certain moments of a session, and putting that into its settings.

mod install;

use camino::Utf8Path;
use clap::{Args, Subcommand};

use super::Call;

/// Have an agent run jj-flow when a session starts, before a command and at the end
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook install --agent claude")]
pub(super) struct HookArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Install(install::InstallArgs),
    Uninstall(install::UninstallArgs),
}

pub(super) fn run(args: &HookArgs, call: Call) -> anyhow::Result<()> {
    match &args.verb {
        Verb::Install(args) => install::run(args, &call),
        Verb::Uninstall(args) => install::run_uninstall(args, &call),
    }
}

/// Which settings have our hooks, and what takes them out there: a line each.
pub(super) fn installed(dir: &Utf8Path) -> Vec<String> {
    install::installed(dir)
}
