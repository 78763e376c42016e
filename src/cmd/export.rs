//! `jj flow export`: all that the registry knows, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Call;
use super::desk::open_registry;
use crate::env;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::journal::Journal;
use crate::model::RepoId;
use crate::output::{plain, raw};
use crate::registry::{EXPORT_FORMAT, Registry, Told};
use crate::text::{counted, plain_json};

/// How much is written at once.
const CHUNK: usize = 1 << 16;

/// Write all repos, flows and events as lines of JSON
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow export -o flows.ndjson\n\n\
    Approved hooks and what has passed verification stay here: they are this machine's own word.")]
pub(super) struct ExportArgs {
    /// Only what is recorded of the repo there
    #[arg(long, value_name = "PATH")]
    repo: Option<Utf8PathBuf>,

    /// Every repo, as without --repo
    #[arg(long, conflicts_with = "repo")]
    all: bool,

    /// Write into a file, private to you, and not to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

/// How much was told: the last line has it, so that a file that was cut off is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) repos: u64,
    pub(super) events: u64,
    pub(super) contexts: u64,
}

pub(super) fn run(args: &ExportArgs, mut call: Call) -> anyhow::Result<()> {
    if let Some(repo) = &args.repo {
        call.place.dir = repo
            .canonicalize_utf8()
            .map_err(|error| Failure::new(Kind::NotARepo, format!("Could not open {repo}: {error}")))?;
    }
    let in_repo = args.repo.is_some() || Repo::find(&call.place.dir).is_some();
    let mut registry = open_registry(&mut call, in_repo)?;
    let only = if args.repo.is_some() { Some(id_of(&call.place.dir)?) } else { None };
    let mut sink = Sink::open(args.output.as_deref())?;
    let counts = write(&mut registry, only.as_ref(), &mut sink)?;
    sink.finish()?;
    let Some(output) = &args.output else { return Ok(()) };
    let Counts { repos, events, contexts } = counts;
    let text = format!(
        "Exported {} of {} to {}.",
        counted(events, "event"),
        counted(repos, "repo"),
        plain(output.as_str())
    );
    let object = json!({"file": output, "repos": repos, "events": events, "contexts": contexts});
    Ok(call.out.answer(&text, object)?)
}

fn id_of(dir: &Utf8Path) -> anyhow::Result<RepoId> {
    let identity = Repo::find(dir).and_then(|repo| Journal::of(repo.dir()).identity());
    let identity = identity.ok_or_else(|| {
        Failure::new(Kind::UnknownFlow, format!("Nothing is recorded of the repo {dir}"))
            .hint("jj flow list --all")
    })?;
    Ok(identity.id)
}

fn write(registry: &mut Registry, only: Option<&RepoId>, sink: &mut Sink) -> anyhow::Result<Counts> {
    let version = env!("CARGO_PKG_VERSION");
    sink.line(&json!({"jj-flow-export": EXPORT_FORMAT, "at": env::now(), "version": version}).to_string())?;
    let mut counts = Counts::default();
    registry.export(only, &mut |told| match told {
        Told::Repo(repo) => {
            counts.repos += 1;
            sink.line(&json!({"repo": repo}).to_string())
        }
        // The line is JSON as it stands.
        Told::Event(repo, line) => {
            counts.events += 1;
            sink.line(&format!(r#"{{"event":{line},"of":"{repo}"}}"#))
        }
        Told::Context(context) => {
            counts.contexts += 1;
            sink.line(&json!({"context": context}).to_string())
        }
    })?;
    sink.line(&json!({"end": counts}).to_string())?;
    Ok(counts)
}

/// Where the lines go. A file takes the place of an older one when it is whole.
struct Sink {
    buffer: Vec<u8>,
    file: Option<File>,
    /// The name that the file gets when it is whole, and the one that it has until then.
    names: Option<(Utf8PathBuf, Utf8PathBuf)>,
}

impl Sink {
    fn open(output: Option<&Utf8Path>) -> anyhow::Result<Self> {
        let mut sink = Self { buffer: Vec::new(), file: None, names: None };
        let Some(output) = output else { return Ok(sink) };
        let is_other = std::fs::metadata(output).is_ok_and(|file| !file.is_file());
        let new: Utf8PathBuf = format!("{output}.{}", std::process::id()).into();
        let opened = if is_other {
            OpenOptions::new().write(true).open(output)
        } else {
            sink.names = Some((output.to_owned(), new.clone()));
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)
        };
        let refused = |error| Failure::new(Kind::Io, format!("Could not write {output}: {error}"));
        sink.file = Some(opened.map_err(refused)?);
        Ok(sink)
    }

    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.buffer.extend_from_slice(plain_json(line).as_bytes());
        self.buffer.push(b'\n');
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(&self.buffer)?,
            None => raw(&self.buffer)?,
        }
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        if let (Some((name, new)), Some(file)) = (self.names.take(), &self.file) {
            file.sync_all()?;
            std::fs::rename(new, name)?;
        }
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some((_, new)) = &self.names {
            let _ = std::fs::remove_file(new);
        }
    }
}
