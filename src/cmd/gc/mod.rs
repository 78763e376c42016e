//! `jj flow gc`: what nobody needs any more goes, as planned before anything is touched.

mod repo;
mod report;

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use jiff::Timestamp;

use super::Call;
use crate::config::Config;
use crate::env;
use crate::registry::{KeptRepo, Registry, archive_path, size_on_disk};
use crate::session::{Place, Session, require_jj};
use crate::upkeep::{Ground, freed_by, look, pays, take_away};
use report::{Left, Report, Taken};

/// Remove what nobody needs any more: workspaces and old bookmarks of landed flows, moves that others followed
#[derive(Debug, Args)]
#[command(
    after_help = "How long things are kept is set by flow.keep-merged, flow.keep-events and flow.keep-gone.\n\n\
                  Example: jj flow gc --dry-run"
)]
pub(super) struct GcArgs {
    /// In every repo that the registry knows, and repos too that are not there any more
    #[arg(long)]
    all: bool,

    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &GcArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let program = require_jj()?;
    let (config, _) = call.place.load_config(&program)?;
    call.out.follow(config.color.as_deref());
    let path = call.place.registry_path(&config)?;
    if !args.all {
        Session::open(&call.place)?;
    }
    let mut registry = Registry::open(&path)?;
    let space = registry.space()?;
    let mut report = Report::new(args.dry_run, args.all, path.clone(), size_on_disk(&path));
    let now = env::now();

    let gone = if args.all { plan_gone(&registry, &config, now, &mut report)? } else { Vec::new() };
    let roots = if args.all { roots(&registry)? } else { vec![call.place.dir.clone()] };
    for root in roots {
        let place = Place { dir: root.clone(), options: call.place.options.clone() };
        let mut there = Call { place, out: call.out };
        match repo::run(&mut there, args, &mut report) {
            Err(error) if args.all => report.fail(&call, root.as_str(), &error)?,
            other => other?,
        }
    }
    for repo in gone {
        take(&mut registry, &path, repo, &mut report, &call)?;
    }
    report.vacuum = pays(space, report.freed);
    if !args.dry_run {
        tidy(&mut registry, &mut report, &call)?;
        report.after = size_on_disk(&path);
    }
    report.answer(&call)
}

/// The folders of the repos that are looked after: those that are there.
fn roots(registry: &Registry) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let known = registry.repos_here()?.into_iter().filter(|repo| repo.forgotten_at.is_none());
    let roots = known.map(|repo| Utf8PathBuf::from(repo.root));
    Ok(roots.filter(|root| look(root) == Ground::There).collect())
}

/// The repos that have been away for so long that they may go from the record.
fn plan_gone(
    registry: &Registry,
    config: &Config,
    now: Timestamp,
    report: &mut Report,
) -> anyhow::Result<Vec<KeptRepo>> {
    let mut going = Vec::new();
    for repo in registry.repos_here()? {
        let why = match look(Utf8Path::new(&repo.root)) {
            Ground::There => continue,
            Ground::Doubtful(why) => why,
            Ground::Gone if config.keep_gone.until(now).is_some_and(|until| repo.last_seen <= until) => {
                going.push(repo);
                continue;
            }
            Ground::Gone => "it is not there any more, but was seen not long ago".to_owned(),
        };
        report.left.push(Left { root: repo.root, repo: repo.id, last_seen: repo.last_seen, why });
    }
    Ok(going)
}

/// Takes a repo that is gone from the record, or says that it would go.
fn take(
    registry: &mut Registry,
    path: &Utf8Path,
    repo: KeptRepo,
    report: &mut Report,
    call: &Call,
) -> anyhow::Result<()> {
    let mut take = || -> anyhow::Result<Option<Taken>> {
        let Some(record) = registry.record_of(&repo.id)? else { return Ok(None) };
        let bytes = record.events.iter().map(|(_, line)| line.len() as u64).sum();
        report.freed += freed_by(record.events.len(), bytes);
        let (flows, events) = (record.flows, record.events.len());
        let planned = Taken { repo: repo.clone(), flows, events, archive: archive_path(path, &repo.id) };
        if report.dry_run {
            return Ok(Some(planned));
        }
        let away = take_away(registry, path, &repo.id)?;
        Ok(away.map(|away| Taken {
            flows: away.flows,
            events: away.events,
            archive: away.archive,
            ..planned
        }))
    };
    match take() {
        Ok(taken) => report.taken.extend(taken),
        Err(error) => report.fail(call, &repo.root, &error)?,
    }
    Ok(())
}

/// Gives the registry's room back. Where somebody else is at it that is left to the next time.
fn tidy(registry: &mut Registry, report: &mut Report, call: &Call) -> anyhow::Result<()> {
    let path = report.registry.clone();
    let mut tidy = || -> anyhow::Result<()> {
        if report.vacuum {
            report.vacuumed = registry.vacuum()?;
        }
        report.is_busy = !registry.tidy()? || report.vacuum != report.vacuumed;
        Ok(())
    };
    match tidy() {
        Err(error) => report.fail(call, path.as_str(), &error),
        Ok(()) => Ok(()),
    }
}
