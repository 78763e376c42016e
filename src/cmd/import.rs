//! `jj flow import`: takes in what another registry has exported.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;
use super::export::Counts;
use crate::error::{Failure, Kind, refuse};
use crate::event::Event;
use crate::ledger::{Imported, import};
use crate::model::RepoId;
use crate::name::Uid;
use crate::output::{Out, plain};
use crate::registry::{ContextRow, EXPORT_FORMAT, Registry, RepoRow};
use crate::session::require_jj;
use crate::text::counted;

/// Take in what `jj flow export` has written, here or on another machine
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow import flows.ndjson\n\n\
    What is known already is passed over. A repo that lies on this machine gets the events into its own record; any \
    other is kept beside the registry.")]
pub(super) struct ImportArgs {
    /// The file, or - for stdin
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
}

pub(super) fn run(args: &ImportArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let (config, _) = call.place.load_config(&require_jj()?)?;
    call.out.follow(config.color.as_deref());
    let path = call.place.registry_path(&config)?;
    let lines = open(&args.file)?;
    let mut import = Import::new(Registry::open(&path)?, path, call.out);
    let is_complete = import.read(lines, &args.file)?;
    import.tell(is_complete)
}

fn open(file: &Utf8Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let refused = |error| Failure::new(Kind::Io, format!("Could not open {file}: {error}"));
    Ok(Box::new(BufReader::new(File::open(file).map_err(refused)?)))
}

/// One line: one of these is there.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "jj-flow-export")]
    format: Option<u32>,
    repo: Option<RepoRow>,
    event: Option<Event>,
    of: Option<RepoId>,
    context: Option<ContextRow>,
    end: Option<Counts>,
}

/// An import under way. A repo's events are taken in together, when the next repo begins.
struct Import {
    registry: Registry,
    path: Utf8PathBuf,
    out: Out,
    repo: Option<RepoRow>,
    /// Each with the number of its line.
    events: Vec<(usize, Event)>,
    seen: Counts,
    new: usize,
    elsewhere: u64,
    skipped: Vec<Value>,
}

impl Import {
    fn new(registry: Registry, path: Utf8PathBuf, out: Out) -> Self {
        let seen = Counts::default();
        let (repo, events, skipped) = (None, Vec::new(), Vec::new());
        Self { registry, path, out, repo, events, seen, new: 0, elsewhere: 0, skipped }
    }

    /// Reads to the end. Whether the last line was there and all that it tells of.
    fn read(&mut self, mut from: Box<dyn BufRead>, file: &Utf8Path) -> anyhow::Result<bool> {
        let mut told = None;
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            if from.read_until(b'\n', &mut bytes)? == 0 && number > 1 {
                break;
            }
            let line = serde_json::from_slice::<Line>(&bytes);
            match line {
                Ok(Line { format: Some(EXPORT_FORMAT), .. }) if number == 1 => {}
                Ok(Line { format: Some(newer), .. }) if number == 1 && newer > EXPORT_FORMAT => {
                    refuse!(
                        Usage,
                        "Could not import {file}: a newer jj-flow has written it (format {newer})"
                    );
                }
                _ if number == 1 => {
                    refuse!(Usage, "Could not import {file}: no export of jj-flow begins like that")
                }
                Ok(Line { end: Some(counts), .. }) => told = Some(counts),
                Ok(line) => self.take(number, line)?,
                Err(error) => self.skip(number, &format!("it is not understood: {error}"))?,
            }
        }
        self.flush()?;
        let sum = |counts: Counts| counts.repos + counts.events + counts.contexts;
        Ok(told.is_some_and(|told| sum(told) <= sum(self.seen) + self.skipped.len() as u64))
    }

    fn take(&mut self, number: usize, line: Line) -> anyhow::Result<()> {
        match line {
            Line { repo: Some(repo), .. } => {
                if let Some(fault) = repo.fault() {
                    return self.skip(number, fault);
                }
                self.seen.repos += 1;
                self.begin(repo)
            }
            Line { event: Some(event), of: Some(of), .. } => {
                if self.repo.as_ref().is_none_or(|repo| repo.id != of) {
                    match self.registry.repo(&of)?.filter(|_| of.is_valid()) {
                        Some(repo) => self.begin(repo)?,
                        None => return self.skip(number, "the repo that the event is of is not known"),
                    }
                }
                if !is_key(&event.key) {
                    return self.skip(number, "the event's key is not 16 hex digits");
                }
                self.seen.events += 1;
                self.events.push((number, event));
                Ok(())
            }
            Line { context: Some(context), .. } => self.take_context(number, &context),
            _ => self.skip(number, "it tells of nothing that is known"),
        }
    }

    fn take_context(&mut self, number: usize, context: &ContextRow) -> anyhow::Result<()> {
        if Uid::parse(&context.uid).is_err() || context.since.parse::<Timestamp>().is_err() {
            return self.skip(number, "its uid or its time is none");
        }
        self.flush()?;
        if !self.registry.add_context(context)? {
            let says = format!("the uid {} or its context is somebody else's here", context.uid);
            return self.skip(number, &says);
        }
        self.seen.contexts += 1;
        Ok(())
    }

    fn begin(&mut self, repo: RepoRow) -> anyhow::Result<()> {
        self.flush()?;
        self.repo = Some(repo);
        Ok(())
    }

    /// Takes in the repo that was read last.
    fn flush(&mut self) -> anyhow::Result<()> {
        let Some(repo) = self.repo.take() else { return Ok(()) };
        let (numbers, events): (Vec<usize>, Vec<Event>) = self.events.drain(..).unzip();
        let Imported { new, refused, elsewhere } = import(&mut self.registry, &self.path, &repo, &events)?;
        self.new += new;
        self.elsewhere += u64::from(elsewhere);
        for index in refused {
            self.skip(numbers[index], "the event cannot have happened to its flow as the registry has that")?;
        }
        Ok(())
    }

    /// One line on stderr for each problem; the rest goes on.
    fn skip(&mut self, number: usize, why: &str) -> anyhow::Result<()> {
        self.out.note(&plain(&format!("Warning: line {number} is passed over: {why}.")))?;
        self.skipped.push(json!({"line": number, "message": why}));
        Ok(())
    }

    fn tell(&self, is_complete: bool) -> anyhow::Result<ExitCode> {
        let Counts { repos, events, contexts } = self.seen;
        let has_failed = !(is_complete && self.skipped.is_empty());
        let known = format!("{} of {}", counted(events, "event"), counted(repos, "repo"));
        let mut text = match self.new {
            0 => format!("Imported no new event; {known} are known."),
            new => format!("Imported {} ({known}).", counted(new as u64, "new event")),
        };
        if !self.skipped.is_empty() {
            text.push_str(&format!(" Passed over {}.", counted(self.skipped.len() as u64, "line")));
        }
        if !is_complete {
            self.out.note("Warning: the export is cut off: its last line is not there, or tells of more.")?;
        }
        let object = json!({
            "repos": repos, "elsewhere": self.elsewhere, "events": events, "new": self.new, "contexts": contexts,
            "skipped": self.skipped, "complete": is_complete,
        });
        self.out.answer(&text, object)?;
        Ok(ExitCode::from(u8::from(has_failed)))
    }
}

fn is_key(key: &str) -> bool {
    key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit())
}
