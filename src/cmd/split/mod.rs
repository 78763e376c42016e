//! `jj flow split`: folders of a monorepo become repos of their own.

mod flows;
mod ground;
mod look;
mod remove;
mod report;
mod work;

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Args;

use super::Call;
use super::desk::{Desk, open_to_work};
use crate::error::{Failure, Kind, refuse};
use crate::output::plain;
use crate::session::Session;
use crate::split::{Component, MANIFEST, Manifest};
use ground::Ground;

/// Make repos of their own out of folders of this one, with their history
#[derive(Debug, Args)]
#[command(
    after_help = "Commits keep their authors, dates, descriptions and change ids. This repo is only read, but for \
    --remove. Run again, it adds what is new, and never moves what somebody moved in a result.\n\n\
    Example: jj flow split Components/api Components/web --into ../repos"
)]
pub(super) struct SplitArgs {
    /// Folders or files; without any, those that DIR/components.toml has
    #[arg(value_name = "PATH")]
    paths: Vec<String>,

    /// Where the repos and components.toml go
    #[arg(long, value_name = "DIR")]
    into: Utf8PathBuf,

    /// A path that was somewhere else before, as in old/api=Components/api
    #[arg(long, value_name = "OLD=PATH")]
    follow: Vec<String>,

    /// What becomes each repo's origin, as in git@host:me/{component}.git; nothing is pushed
    #[arg(long, value_name = "URL")]
    remote_template: Option<String>,

    /// Then remove the paths from this repo, in one new change that adds components.toml
    #[arg(long, conflicts_with = "dry_run")]
    remove: bool,

    /// Only say what each repo would hold, and how long it would take to write
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &SplitArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    if args.remote_template.as_ref().is_some_and(|url| !url.contains("{component}")) {
        refuse!(Usage, "Could not use --remote-template: it has no {{component}} in it");
    }
    let mut session = open_to_work(&mut call)?;
    let ground = Ground::open(args, &call, session.repo())?;
    let mut manifest = Manifest::load(&ground.dir.join(MANIFEST))?;
    let components = components(args, &call, &session, &manifest)?;
    let (op, left_out) = session.jj.run_snapshot()?;
    if !left_out.is_empty() {
        let text = format!("Warning: too large for jj to snapshot, and so left out: {}", left_out.join(", "));
        call.out.note(&plain(&text))?;
    }
    let mut report = report::Report::new(&ground.dir, &op, args.dry_run);
    let jobs = look::look(&session, &ground, &components, &manifest, &op, &mut report)?;
    if let Some(jobs) = jobs {
        let mut desk = Desk::of(&call, session)?;
        work::run(args, &call, &mut desk, &ground, jobs, &mut manifest, &mut report)?;
        session = desk.session;
    }
    if args.remove && !report.has_failed() {
        report.removed = remove::run(&call, &session, &ground, &components, &manifest)?;
    }
    report.answer(&call)
}

/// The components that are asked for; without a path, all of the manifest.
fn components(
    args: &SplitArgs,
    call: &Call,
    session: &Session,
    manifest: &Manifest,
) -> anyhow::Result<Vec<Component>> {
    let members = manifest.members();
    let below = call.place.dir.strip_prefix(session.repo().root()).unwrap_or("".into());
    let mut paths: Vec<String> = args.paths.iter().map(|path| below.join(path).into_string()).collect();
    let mut follow = Vec::new();
    for pair in &args.follow {
        let Some((old, new)) = pair.split_once('=') else {
            refuse!(Usage, "Could not follow {pair}: it is to be OLD=PATH");
        };
        follow.push((old.to_owned(), new.to_owned()));
    }
    if paths.is_empty() {
        paths = members.iter().map(|member| member.path.clone()).collect();
    }
    if paths.is_empty() {
        refuse!(Usage, "Could not tell what to split: no path is given, and there is no {MANIFEST} with any");
    }
    let asked = |error: crate::split::PathError| Failure::new(Kind::Usage, error.to_string());
    let mut components = Component::all(&paths, &follow).map_err(asked)?;
    for component in &mut components {
        let known = members.iter().find(|member| member.id == component.name);
        if let Some(known) = known {
            if known.path != component.path {
                refuse!(
                    PathTaken,
                    "Could not split {}: {MANIFEST} has {} from {} already",
                    component.path,
                    known.id,
                    known.path
                );
            }
            // What was followed the last time is followed again.
            if component.before.is_empty() {
                component.before.clone_from(&known.before);
            }
        }
    }
    Ok(components)
}
