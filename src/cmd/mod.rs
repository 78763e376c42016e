//! The command line: one file a verb.

mod adopt;
mod agents;
mod begin;
mod complete;
mod config;
mod conflicts;
mod context;
mod desk;
mod doctor;
mod done;
mod edit;
mod export;
mod fail;
mod gc;
mod hook;
mod import;
mod install;
mod land;
mod landing;
mod list;
mod log;
mod name;
mod new;
mod own_config;
mod project;
mod query;
mod repo;
mod restack;
mod schema;
pub(crate) mod shim;
mod show;
mod skill;
mod split;
mod sub;
mod sync;
mod target;
mod tree;
mod trust;
mod uid;
mod undo;
mod uninstall;
mod usage;
mod waiting;
mod which;

use std::ffi::OsString;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand};

use crate::env;
use crate::error::{self, Failure};
use crate::output::Out;
use crate::session::Place;
use crate::text::quoted;

/// Flows of work in jj repos: named, recorded, landed.
#[derive(Debug, Parser)]
#[command(
    name = "jj-flow",
    bin_name = "jj flow",
    version,
    disable_help_subcommand = true,
    after_help = "Without a command it shows the flows of this repo.\n\nExample: jj flow new research"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    which: which::Which,

    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,

    /// The repo to work in
    #[arg(long, short = 'R', global = true, value_name = "PATH", overrides_with = "repository")]
    repository: Option<Utf8PathBuf>,

    /// A setting of jj's config for this command
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    config: Vec<String>,

    /// A file of settings for this command
    #[arg(long, global = true, value_name = "PATH")]
    config_file: Vec<String>,

    /// Started by jj's own alias, which tells the workspace
    #[arg(long, hide = true)]
    via_jj: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::NewArgs),
    Sub(sub::SubArgs),
    Done(done::DoneArgs),
    Undo(undo::UndoArgs),
    Restack(restack::RestackArgs),
    Land(land::LandArgs),
    Conflicts(conflicts::ConflictsArgs),
    Resume(conflicts::ResumeArgs),
    Abort(conflicts::AbortArgs),
    Fail(fail::FailArgs),
    Reopen(fail::ReopenArgs),
    Adopt(adopt::AdoptArgs),
    Context(context::ContextArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Log(log::LogArgs),
    Query(query::QueryArgs),
    Sync(sync::SyncArgs),
    Project(project::ProjectArgs),
    Repo(repo::RepoArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Gc(gc::GcArgs),
    Split(split::SplitArgs),
    Name(name::NameArgs),
    Uid(uid::UidArgs),
    Schema(schema::SchemaArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    Trust(trust::TrustArgs),
    Skill(skill::SkillArgs),
    Hook(hook::HookArgs),
    Install(install::InstallArgs),
    Uninstall(uninstall::UninstallArgs),
}

/// What every command is given.
#[derive(Debug)]
struct Call {
    place: Place,
    out: Out,
}

/// Runs the command line (without the program's name) and gives its exit status.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    if let Some(shell) = complete::shell() {
        return complete::answer(&shell, args);
    }
    let wants_json = args.iter().any(|arg| arg == "--json");
    let args = &usage::with_help(args);
    let full = std::iter::once(OsString::from("jj-flow")).chain(args.iter().cloned());
    let cli = match Cli::try_parse_from(full) {
        Ok(cli) => cli,
        // An agent takes 2 for a refusal of what it was about to do.
        Err(error) if error.use_stderr() && hook::is_event(args) => {
            usage::answer(error, args, Out::new(wants_json));
            return ExitCode::FAILURE;
        }
        Err(error) => return usage::answer(error, args, Out::new(wants_json)),
    };
    let out = Out::new(cli.json);
    let place = match find_place(&cli) {
        Ok(place) => place,
        Err(error) => return report(&error, out),
    };
    let dir = place.dir.clone();
    match dispatch(cli, Call { place, out }) {
        Ok(status) => status,
        Err(error) => report(&told_here(error, &dir), out),
    }
}

fn find_place(cli: &Cli) -> anyhow::Result<Place> {
    let files = cli.config_file.iter().map(|path| format!("--config-file={path}"));
    let options = cli.config.iter().map(|item| format!("--config={item}")).chain(files).collect();
    Place::find(cli.repository.as_deref(), cli.via_jj, options)
}

/// A failure of a command that works elsewhere than in the current folder: its hint goes there first.
fn told_here(error: anyhow::Error, dir: &Utf8Path) -> anyhow::Error {
    let mut failure = Failure::of(&error);
    match failure.hint.take() {
        Some(hint) => failure.hint(run_there(hint, dir)).into(),
        None => error,
    }
}

/// A command that is run in a folder, whether or not that is the current one. One that goes somewhere itself does so.
fn run_there(hint: String, dir: &Utf8Path) -> String {
    let is_elsewhere = !hint.starts_with("cd /") && env::current_dir().is_ok_and(|here| here != dir);
    if is_elsewhere { format!("cd {} && {hint}", quoted(dir.as_str())) } else { hint }
}

fn dispatch(cli: Cli, call: Call) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(_) if cli.which.is_given() => {
            error::refuse!(
                Usage,
                "What restricts a listing stands behind its command, as in `jj flow list --all`"
            )
        }
        None => tree::run(&cli.which, call),
        Some(Command::New(args)) => new::run(args, call),
        Some(Command::Sub(args)) => sub::run(args, call),
        Some(Command::Done(args)) => done::run(args, call),
        Some(Command::Undo(args)) => undo::run(args, call),
        Some(Command::Restack(args)) => restack::run(args, call),
        Some(Command::Land(args)) => return land::run(args, call),
        Some(Command::Conflicts(args)) => conflicts::run_conflicts(args, call),
        Some(Command::Resume(args)) => conflicts::run_resume(args, call),
        Some(Command::Abort(args)) => conflicts::run_abort(args, call),
        Some(Command::Fail(args)) => fail::run_fail(args, call),
        Some(Command::Reopen(args)) => fail::run_reopen(args, call),
        Some(Command::Adopt(args)) => adopt::run(args, call),
        Some(Command::Context(args)) => context::run(args, call),
        Some(Command::List(args)) => list::run(args, call),
        Some(Command::Show(args)) => show::run(args, call),
        Some(Command::Log(args)) => log::run(args, call),
        Some(Command::Query(args)) => query::run(args, call),
        Some(Command::Sync(args)) => return sync::run(args, call),
        Some(Command::Project(args)) => return project::run(args, call),
        Some(Command::Repo(args)) => return repo::run(args, call),
        Some(Command::Export(args)) => export::run(args, call),
        Some(Command::Import(args)) => return import::run(args, call),
        Some(Command::Gc(args)) => return gc::run(args, call),
        Some(Command::Split(args)) => return split::run(args, call),
        Some(Command::Name(args)) => name::run(args, call),
        Some(Command::Uid(args)) => uid::run(args, call),
        Some(Command::Schema(args)) => schema::run(args, call),
        Some(Command::Doctor(args)) => return doctor::run(args, call),
        Some(Command::Config(args)) => config::run(args, call),
        Some(Command::Trust(args)) => trust::run(args, call),
        Some(Command::Skill(args)) => skill::run(args, call),
        Some(Command::Hook(args)) => return hook::run(args, call),
        Some(Command::Install(args)) => install::run(args, call),
        Some(Command::Uninstall(args)) => uninstall::run(args, call),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Shows a failure and gives its exit status; a closed pipe is nobody's failure.
fn report(error: &anyhow::Error, out: Out) -> ExitCode {
    let closed = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    if closed.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let failure = Failure::of(error);
    // Where even stderr is closed, the exit status is all that is left to say.
    let _ = out.failure(&failure);
    ExitCode::from(failure.kind.exit())
}
