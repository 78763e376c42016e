//! `jj flow sync`: the registry agrees with what jj holds.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Call;
use super::desk::Desk;
use crate::config::Config;
use crate::env;
use crate::error::Failure;
use crate::jj::{self, Jj, Repo};
use crate::journal::Journal;
use crate::ledger::{Actor, take_in_elsewhere};
use crate::output::{Out, Progress, plain};
use crate::projection::{Fleet, Member, Outcome, Setting};
use crate::registry::Registry;
use crate::session::{Place, component, require_jj};
use crate::text::counted;

/// Make the registry agree with what jj holds, in this repo or in all
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow sync --all")]
pub(super) struct SyncArgs {
    /// Every repo that is known, without a look at their working copies
    #[arg(long)]
    all: bool,

    /// How many repos are read at the same time, instead of one for each core
    #[arg(long, value_name = "N", requires = "all")]
    jobs: Option<std::num::NonZeroUsize>,
}

pub(super) fn run(args: &SyncArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    if !args.all {
        let mut desk = Desk::open_quietly(&mut call)?;
        let events = desk.sync()?;
        let text = match events {
            0 => "Level: nothing has happened since the last time.".to_owned(),
            _ => format!("Recorded {}.", counted(events as u64, "event")),
        };
        desk.answer(&call, &text, json!({"events": events}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (office, mut registry) = Office::open(&mut call)?;
    for repo in Journal::load_elsewhere(&registry.path()?)? {
        take_in_elsewhere(&mut registry, &repo)?;
    }
    let known = registry.repos()?;
    let wanted = known.into_iter().filter(|repo| repo.is_here && repo.forgotten_at.is_none());
    let members: Vec<Member> =
        wanted.map(|repo| Member { root: repo.root.clone(), known: Some(repo) }).collect();
    let done = office.bring_level(call.out, registry, &members, args.jobs.map(Into::into))?;
    done.answer(call.out, &members, json!({}))
}

/// What a command needs that works in many repos.
#[derive(Debug)]
pub(super) struct Office {
    program: PathBuf,
    options: Vec<String>,
    /// The user's own config, without any repo's.
    config: Config,
    /// Whether the user's own config may mean another thing in each repo.
    is_conditional: bool,
    actor: Actor,
    pub(super) now: Timestamp,
}

impl Office {
    pub(super) fn open(call: &mut Call) -> anyhow::Result<(Self, Registry)> {
        let program = require_jj()?;
        let (here, _) = call.place.load_config(&program)?;
        call.out.follow(here.color.as_deref());
        let options = call.place.options.clone();
        let nowhere = Place { dir: "/".into(), options: options.clone() };
        let (config, _) = nowhere.load_config(&program)?;
        let mentions = |option: &String| option.contains("--when");
        let is_conditional = options.iter().any(mentions) || jj::load_mention(&nowhere.dir, "--when");
        let mut registry = Registry::open(&call.place.registry_path(&here)?)?;
        let now = env::now();
        let actor = call.place.require_actor(&here, &mut registry, now)?;
        Ok((Self { program, options, config, is_conditional, actor, now }, registry))
    }

    /// What a repo's config says; jj is asked only where the repo has one of its own.
    fn configure(&self, repo: &Repo) -> anyhow::Result<Setting> {
        let config = if self.is_conditional || jj::has_own_config(repo) {
            let place = Place { dir: repo.root().to_owned(), options: self.options.clone() };
            place.load_config(&self.program)?.0
        } else {
            self.config.clone()
        };
        let component = component(&config, repo, repo.main_root());
        Ok(Setting { trunk: config.trunk, has_own_trunk: config.has_own_trunk, component })
    }

    /// Brings repos level, with a bar on a terminal and a line for each that failed.
    pub(super) fn bring_level(
        &self,
        out: Out,
        registry: Registry,
        members: &[Member],
        jobs: Option<usize>,
    ) -> anyhow::Result<Done> {
        let cores = || std::thread::available_parallelism().map_or(1, Into::into);
        let fleet = Fleet {
            jj: &|repo| Jj::new(self.program.clone(), repo, self.options.clone()),
            configure: &|repo| self.configure(repo),
            actor: &self.actor,
            now: self.now,
            jobs: jobs.unwrap_or_else(cores),
        };
        let progress = Progress::new(out, members.len(), "repos");
        let mut done = Done::default();
        let finished = fleet.bring_level(registry, members, &mut |place, outcome| {
            progress.step();
            if let Some(line) = done.take(&members[place], place, outcome) {
                progress.note(&plain(&line))?;
            }
            Ok(())
        });
        progress.finish();
        finished.context("Could not go on with the other repos")?;
        Ok(done)
    }
}

/// What became of many repos.
#[derive(Debug, Default)]
pub(super) struct Done {
    unchanged: usize,
    level: usize,
    events: usize,
    merged: Vec<usize>,
    failed: Vec<(usize, Failure)>,
}

impl Done {
    /// Counts an outcome; what is to be said of it at once.
    fn take(&mut self, member: &Member, place: usize, outcome: Outcome) -> Option<String> {
        match outcome {
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Level { events, merged_heads } => {
                (self.level, self.events) = (self.level + 1, self.events + events);
                if merged_heads {
                    self.merged.push(place);
                    return Some(format!(
                        "Operations had gone on side by side, and jj has merged them: {}",
                        member.root
                    ));
                }
            }
            Outcome::Failed(failure) => {
                let what = failure.message.replace('\n', " ");
                let hint = failure.hint.as_ref().map(|hint| format!(" (run: {hint})")).unwrap_or_default();
                let line = format!("Failed: {}: {what}{hint}", member.root);
                self.failed.push((place, failure));
                return Some(line);
            }
        }
        None
    }

    /// The summary, and exit status 1 where a repo failed. `more` stands in the object too.
    pub(super) fn answer(&self, out: Out, members: &[Member], more: Value) -> anyhow::Result<ExitCode> {
        let mut parts = vec![format!("{} unchanged", self.unchanged)];
        if self.level > 0 {
            parts.insert(
                0,
                format!("{} brought level ({})", self.level, counted(self.events as u64, "event")),
            );
        }
        if !self.failed.is_empty() {
            parts.push(format!("{} failed", self.failed.len()));
        }
        let text = format!("{}: {}.", counted(members.len() as u64, "repo"), parts.join(", "));
        let failed = self.failed.iter().map(|(place, failure)| {
            let member = &members[*place];
            let id = member.known.as_ref().map(|known| &known.id);
            json!({"repo": id, "root": member.root, "message": failure.message, "hint": failure.hint})
        });
        let failed: Vec<Value> = failed.collect();
        let merged: Vec<&String> = self.merged.iter().map(|place| &members[*place].root).collect();
        let mut object = json!({
            "repos": members.len(), "unchanged": self.unchanged, "level": self.level, "events": self.events,
            "merged_heads": merged, "failed": failed,
        });
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        out.answer(&text, object)?;
        Ok(ExitCode::from(u8::from(!self.failed.is_empty())))
    }
}
