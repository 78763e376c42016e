//! `jj flow repo`: which repos the registry is about.

mod forget;
mod list;
mod scan;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Call;

/// Say which repos the registry is about
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow repo scan .")]
pub(super) struct RepoArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(scan::AddArgs),
    Scan(scan::ScanArgs),
    List(list::ListArgs),
    Forget(forget::ForgetArgs),
}

pub(super) fn run(args: &RepoArgs, call: Call) -> anyhow::Result<ExitCode> {
    match &args.verb {
        Verb::Add(args) => scan::run_add(args, call),
        Verb::Scan(args) => scan::run_scan(args, call),
        Verb::List(args) => list::run(args, call).map(|()| ExitCode::SUCCESS),
        Verb::Forget(args) => forget::run(args, call).map(|()| ExitCode::SUCCESS),
    }
}
