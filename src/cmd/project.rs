//! `jj flow project`: the registry agrees with what another machine's jj has printed.

mod told;

use std::fs::File;
use std::io::{BufReader, stdin};
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value, json};

use self::told::{describe, note_what_was_left, sentence, skipped};
use super::Call;
use crate::config::Trunk;
use crate::env;
use crate::error::{Failure, Kind, refuse};
use crate::event::Found;
use crate::jj;
use crate::journal::Journal;
use crate::ledger::{Ledger, id_elsewhere, take_in_elsewhere};
use crate::model::{BookmarkName, OpId, RepoId};
use crate::name::grammar::FLOW_NAME_REGEX;
use crate::projection::{Before, Lines, Seen, Standings, look};
use crate::registry::{Filter, Registry};
use crate::session::{Place, require_jj};
use crate::survey::trunk_candidates;
use crate::text::plain;

/// Where flows were at the last reading: a file beside the repo's journal.
const STOOD: &str = "stood.json";

/// Make the registry agree with a repo on another machine, from what its jj prints
#[derive(Debug, Args)]
#[command(after_help = "\
The other machine needs jj 0.44 or newer, and no jj-flow:
  ssh build \"cd work/api && $(jj flow project --command)\" | jj flow project --repo build:work/api -

Each line is what --template makes of a commit, or json(self), a tab and json(local_bookmarks). \
Flows that are not in it are taken as deleted, unless a line was left out, the last one has no end, or there is none.

Example: jj flow project --command")]
pub(super) struct ProjectArgs {
    /// What the repo is called here, always the same: host:path, say
    #[arg(long, value_name = "NAME", required_unless_present_any = ["template", "print_revset", "command"])]
    repo: Option<String>,

    /// The component of its flows, instead of the last part of the repo's name
    #[arg(long, requires = "repo")]
    component: Option<String>,

    /// Show what would be recorded
    #[arg(long, short = 'n', requires = "repo")]
    dry_run: bool,

    /// Print the template for `jj log`, to stand in single quotes
    #[arg(long, conflicts_with_all = ["repo", "file", "print_revset", "command"])]
    template: bool,

    /// Print the revset, likewise
    #[arg(long = "revset", conflicts_with_all = ["repo", "file", "command"])]
    print_revset: bool,

    /// Print the whole command for the other machine's shell
    #[arg(long, conflicts_with_all = ["repo", "file"])]
    command: bool,

    /// The lines; - is stdin
    #[arg(value_name = "PATH", default_value = "-", requires = "repo")]
    file: Utf8PathBuf,
}

pub(super) fn run(args: &ProjectArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let program = require_jj()?;
    // No repo's own config says anything of a repo that is elsewhere.
    let nowhere = Place { dir: "/".into(), options: call.place.options.clone() };
    let (config, _) = nowhere.load_config(&program)?;
    call.out.follow(config.color.as_deref());
    let bases = trunk_candidates(&config.trunk);
    let Some(name) = &args.repo else {
        let (key, text) = asked(args, &bases);
        call.out.answer(&text, json!({key: text}))?;
        return Ok(ExitCode::SUCCESS);
    };
    let name = printable("repo", name)?;
    let component = match &args.component {
        Some(component) => printable("component", component)?,
        None => last_part(name),
    };
    let lines = load_lines(&args.file, &bases)?;
    let (here, _) = call.place.load_config(&program)?;
    let mut registry = Registry::open(&call.place.registry_path(&here)?)?;
    let (id, now) = (id_elsewhere(name), env::now());
    take_in_elsewhere(&mut registry, &id)?;
    let read = Reading { op: OpId::new(env::random_key()?), trunk: &config.trunk, component };
    let (whole, skipped_lines, skipped) = (lines.is_whole(), lines.skipped_lines, skipped(&lines));
    let is_empty = lines.changes.is_empty();
    note_what_was_left(&call, &lines)?;
    // What says nothing makes no repo known either.
    let (events, missing) = if args.dry_run || is_empty {
        let journal = Journal::elsewhere(&registry.path()?, &id);
        let seen = read.look(lines, &registry, &id, &journal)?;
        (seen.events, seen.missing)
    } else {
        let find_actor = |registry: &mut Registry| call.place.require_actor(&here, registry, now);
        let mut ledger = Ledger::open_elsewhere(registry, name, component, now, find_actor)?;
        // Of two readings at once each is written down whole.
        ledger.begin_making()?;
        let journal = Journal::elsewhere(&ledger.registry.path()?, &id);
        let (mut stood, mut missing) = (Standings::new(), Vec::new());
        let events = ledger.record_done(|registry, repo| {
            let seen = read.look(lines, registry, repo, &journal)?;
            (stood, missing) = (seen.stood, seen.missing);
            let found = seen.events.into_iter().map(|(flow, what)| Found {
                flow,
                what,
                op: read.op.clone(),
                at: now,
                is_cause: false,
                is_aside: false,
            });
            Ok(found.collect())
        })?;
        journal.write_memo(STOOD, &stood)?;
        (events.into_iter().map(|event| (event.flow, event.what)).collect(), missing)
    };
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(BookmarkName::as_str).collect();
        call.out.note(&plain(&format!("Not taken as deleted, though missing: {}.", names.join(", "))))?;
    }
    let text = if is_empty {
        "Nothing is recorded.".to_owned()
    } else if events.is_empty() {
        "Level: nothing has happened since the last time.".to_owned()
    } else {
        events.iter().map(sentence).collect::<Vec<_>>().join("\n")
    };
    let events: Vec<Value> = events.iter().map(describe).collect();
    let object = json!({
        "repo": id, "name": name, "component": component, "events": events, "skipped": skipped,
        "skipped_lines": skipped_lines, "whole": whole, "missing": missing, "dry_run": args.dry_run,
    });
    call.out.answer(&text, object)?;
    Ok(ExitCode::from(u8::from(!whole)))
}

/// One reading, and what is known beside its lines.
struct Reading<'a> {
    /// Stands for the operation that nobody tells.
    op: OpId,
    trunk: &'a Trunk,
    component: &'a str,
}

impl Reading<'_> {
    fn look(
        &self,
        lines: Lines,
        registry: &Registry,
        repo: &RepoId,
        journal: &Journal,
    ) -> anyhow::Result<Seen> {
        let rows = registry.flows(&Filter { repo: Some(repo.clone()), ..Filter::default() })?;
        let (merged_by, stood) = (registry.merged_by(repo)?, journal.memo(STOOD).unwrap_or_default());
        let before = Before {
            op: &self.op,
            trunk: self.trunk,
            component: self.component,
            merged_by: &merged_by,
            stood: &stood,
        };
        Ok(look(lines, rows, &before))
    }
}

/// What the other machine is to be asked.
fn asked(args: &ProjectArgs, bases: &[BookmarkName]) -> (&'static str, String) {
    let (template, revset) = (jj::line_template(bases), jj::line_revset(FLOW_NAME_REGEX, bases));
    if args.template {
        ("template", template)
    } else if args.print_revset {
        ("revset", revset)
    } else {
        let command = "jj --color=never --no-pager log --no-graph";
        ("command", format!("{command} -r '{revset}' -T '{template}'"))
    }
}

fn load_lines(file: &Utf8Path, bases: &[BookmarkName]) -> anyhow::Result<Lines> {
    let read = || {
        if file == "-" {
            return Lines::read(stdin().lock(), bases);
        }
        Lines::read(BufReader::new(File::open(file)?), bases)
    };
    read().map_err(|error| Failure::new(Kind::Io, format!("Could not read {file}: {error}")).into())
}

fn printable<'a>(what: &str, name: &'a str) -> anyhow::Result<&'a str> {
    let is_printable = plain(name) == name && !name.contains('\n');
    if !is_printable || name.trim().is_empty() || name.chars().count() > 200 {
        refuse!(
            Usage,
            "The name of the {what} has 1 to 200 printable characters, and not `{}`",
            name.escape_debug()
        );
    }
    Ok(name)
}

/// `api`, of `build:work/api`.
fn last_part(name: &str) -> &str {
    name.rsplit(['/', ':']).find(|part| !part.trim().is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("build:work/api", "api")]
    #[case("build:api", "api")]
    #[case("/srv/work/api/", "api")]
    #[case("api", "api")]
    #[case("//", "//")]
    fn a_component_is_called_as_the_repos_folder(#[case] name: &str, #[case] component: &str) {
        assert_eq!(last_part(name), component);
    }

    #[rstest]
    #[case("")]
    #[case("  ")]
    #[case("a\nb")]
    #[case("a\u{1b}[31m")]
    #[case("a\u{202e}b")]
    #[case(&"x".repeat(201))]
    fn a_name_is_printable(#[case] name: &str) {
        assert!(printable("repo", name).is_err());
    }
}
