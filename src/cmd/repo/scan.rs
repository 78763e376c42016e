//! `jj flow repo add` and `scan`: repos become known, and their flows are recorded.

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::super::sync::Office;
use super::Call;
use crate::env;
use crate::error::{Failure, Kind, refuse};
use crate::jj::{Repo, find_repos};
use crate::journal::Journal;
use crate::output::plain;
use crate::projection::Member;
use crate::registry::KnownRepo;
use crate::text::counted;

/// How many folders that could not be looked into are named.
const NAMED: usize = 20;

/// Put repos on record, with the flows that are in them
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow repo add .")]
pub(super) struct AddArgs {
    /// Folders in repos
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<Utf8PathBuf>,
}

/// Find all repos beneath folders, and put them on record
#[derive(Debug, Args)]
#[command(
    after_help = "Hidden and ignored folders are searched too; links are not followed.\n\nExample: jj flow repo scan ."
)]
pub(super) struct ScanArgs {
    /// Where to look
    #[arg(value_name = "ROOT", default_value = ".")]
    roots: Vec<Utf8PathBuf>,
}

pub(super) fn run_add(args: &AddArgs, call: Call) -> anyhow::Result<ExitCode> {
    let mut repos = Vec::new();
    for path in &args.paths {
        let repo = Repo::find(&open(&call, path)?);
        let Some(repo) = repo else { refuse!(NotARepo, "There is no jj repo in {path}") };
        repos.push(Repo::at(repo.main_root()).unwrap_or(repo));
    }
    put_on_record(call, repos, 0)
}

pub(super) fn run_scan(args: &ScanArgs, call: Call) -> anyhow::Result<ExitCode> {
    let (mut repos, mut closed) = (Vec::new(), Vec::new());
    // Hooks run in repos of jj-flow's own.
    let own = env::cache_dir().and_then(|dir| dir.canonicalize_utf8().ok());
    for root in &args.roots {
        let search = find_repos(&open(&call, root)?, own.clone());
        repos.extend(search.repos);
        closed.extend(search.closed);
    }
    for folder in closed.iter().take(NAMED) {
        call.out.note(&plain(&format!("Not looked into: {folder}")))?;
    }
    if closed.len() > NAMED {
        call.out.note(&format!("Not looked into: {} more.", closed.len() - NAMED))?;
    }
    put_on_record(call, repos, closed.len())
}

fn open(call: &Call, path: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    let full = call.place.dir.join(path);
    full.canonicalize_utf8()
        .map_err(|error| Failure::new(Kind::NotARepo, format!("Could not open {path}: {error}")).into())
}

fn put_on_record(mut call: Call, mut repos: Vec<Repo>, closed: usize) -> anyhow::Result<ExitCode> {
    repos.sort_by(|one, other| one.dir().cmp(other.dir()));
    repos.dedup_by(|one, other| one.dir() == other.dir());
    let (office, registry) = Office::open(&mut call)?;
    let known = registry.repos()?;
    let member = |repo: &Repo| Member { root: repo.main_root().to_string(), known: find(&known, repo) };
    let members: Vec<Member> = repos.iter().map(member).collect();
    let new = members.iter().filter(|member| member.known.is_none()).count();
    let done = office.bring_level(call.out, registry, &members, None)?;
    call.out.text_only(&format!("Found {}, {new} of them new.", counted(members.len() as u64, "repo")))?;
    done.answer(call.out, &members, json!({"new": new, "closed": closed}))
}

/// What is on record of a repo: one that was moved or copied here is looked at as a new one.
fn find(known: &[KnownRepo], repo: &Repo) -> Option<KnownRepo> {
    let identity = Journal::of(repo.dir()).identity()?;
    let is_it = |known: &&KnownRepo| known.id == identity.id && known.root == *repo.main_root();
    known.iter().find(is_it).filter(|known| known.forgotten_at.is_none()).cloned()
}
