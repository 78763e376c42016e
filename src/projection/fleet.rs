//! Many repos brought level at once: read side by side, written one after the other, since the registry takes one writer.
//!
//! A repo that stands where its rows do costs a look at two files. Of the others jj's own files are read; jj itself is
//! asked, without a look at the working copy, where they do not tell.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use camino::Utf8Path;
use jiff::Timestamp;

use super::level::{Look, Past, level};
use crate::config::Trunk;
use crate::error::{Failure, Kind};
use crate::graph::Graph;
use crate::jj::{Jj, OpStore, Repo, Surveyed, revset};
use crate::journal::Journal;
use crate::ledger::{Actor, Ledger};
use crate::model::{BookmarkName, CommitId, Flow};
use crate::name::FlowName;
use crate::name::grammar::FLOW_NAME_REGEX;
use crate::registry::{Filter, KnownRepo, Registry};
use crate::survey::{Survey, trunk_candidates};
use crate::text::quoted;

/// How many repos that were read wait to be written.
const WAITING: usize = 64;

/// What a repo's config says that matters here.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) trunk: Trunk,
    /// Whether only jj can tell what `trunk()` is.
    pub(crate) has_own_trunk: bool,
    pub(crate) component: String,
}

/// One repo to be brought level.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The folder of its main workspace.
    pub(crate) root: String,
    /// What is on record of it, where anything is.
    pub(crate) known: Option<KnownRepo>,
}

/// What became of a repo.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It stands where its rows do.
    Unchanged,
    /// So many events were found. Where it had several operations that went on side by side, jj has merged them.
    Level { events: usize, merged_heads: bool },
    /// It could not be read or written.
    Failed(Failure),
}

/// How repos are opened, and by whom.
pub(crate) struct Fleet<'a> {
    pub(crate) jj: &'a (dyn Fn(Repo) -> Jj + Sync),
    pub(crate) configure: &'a (dyn Fn(&Repo) -> anyhow::Result<Setting> + Sync),
    pub(crate) actor: &'a Actor,
    pub(crate) now: Timestamp,
    /// How many repos are read at the same time.
    pub(crate) jobs: usize,
}

/// A repo as it was read.
struct Reading {
    jj: Jj,
    setting: Setting,
    graph: Graph,
    past: Past,
    merged_heads: bool,
}

impl Fleet<'_> {
    /// Brings every member level; `tell` hears what became of each, by its place, as soon as that is known. Whatever
    /// goes wrong with one is told of that one.
    pub(crate) fn bring_level(
        &self,
        mut registry: Registry,
        members: &[Member],
        tell: &mut dyn FnMut(usize, Outcome) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        let path = registry.path()?;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(WAITING);
            for _ in 0..self.jobs.clamp(1, members.len().max(1)) {
                let (sender, next, path) = (sender.clone(), &next, &path);
                scope.spawn(move || {
                    // Rows only say where less needs to be looked at.
                    let rows = Registry::open_to_read(path).ok().flatten();
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(member) = members.get(place) else { break };
                        // Nobody listens any more where the registry has failed.
                        if sender.send((place, self.read(member, rows.as_ref()))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for (place, reading) in receiver {
                let outcome = match reading {
                    Ok(None) => Outcome::Unchanged,
                    Ok(Some(reading)) => {
                        let (back, outcome) = self.write(registry, reading)?;
                        registry = back;
                        outcome
                    }
                    Err(error) => Outcome::Failed(Failure::of(&error)),
                };
                tell(place, outcome)?;
            }
            Ok(())
        })
    }

    /// Reads a repo; none where nothing has happened there.
    fn read(&self, member: &Member, rows: Option<&Registry>) -> anyhow::Result<Option<Reading>> {
        let Member { root, known } = member;
        let root = Utf8Path::new(root);
        let Some(repo) = Repo::at(root) else { return Err(missing(root, known.as_ref())) };
        let journal = Journal::of(repo.dir());
        let heads = repo.load_heads()?;
        if let Some(known) = known {
            if journal.identity().is_some_and(|identity| identity.id != known.id) {
                let root = quoted(root.as_str());
                let hint = format!("jj flow repo forget {} && jj flow repo add {root}", known.id);
                return Err(Failure::new(Kind::NotARepo, "Another repo lies there now").hint(hint).into());
            }
            let is_level = heads.len() == 1 && heads.first() == known.compared_at.as_ref();
            if is_level && !known.is_pending && journal.size() == known.journal_offset {
                return Ok(None);
            }
        }
        let setting = (self.configure)(&repo)?;
        let store = OpStore::open(&repo);
        let jj = (self.jj)(repo);
        let op = jj.require_head()?;
        let rows = rows_of(known.as_ref(), rows);
        let over: HashSet<&BookmarkName> =
            rows.iter().filter(|row| !row.status.is_open()).map(|row| &row.bookmark).collect();
        let trunks = trunk_candidates(&setting.trunk);
        let by_files = || {
            let is_over = |name: &BookmarkName| over.contains(name);
            let change = |commit: &CommitId| {
                let row = rows.iter().find(|row| row.tip.commit == *commit);
                row.map(|row| row.tip.change.clone())
            };
            let surveyed = Surveyed { is_flow: &is_flow, is_over: &is_over, change: &change, bases: &trunks };
            store.as_ref().filter(|_| !setting.has_own_trunk)?.load_graph(&op, &surveyed)
        };
        let graph = match by_files() {
            Some(graph) => graph,
            None => jj.read_at(&op, &revset::survey(FLOW_NAME_REGEX, &trunks, &[]))?,
        };
        let since = journal.told().or_else(|| known.as_ref()?.compared_at.clone());
        let parents = rows.iter().filter_map(|row| row.parent.clone());
        let past = Past::load(&jj, &setting.trunk, since, &op, parents);
        Ok(Some(Reading { jj, setting, graph, past, merged_heads: heads.len() > 1 }))
    }

    /// Writes what was read. An error is the registry's own; what is the repo's is its outcome.
    fn write(&self, registry: Registry, reading: Reading) -> anyhow::Result<(Registry, Outcome)> {
        let Reading { jj, setting, graph, past, merged_heads } = reading;
        let path = registry.path()?;
        let journal = Journal::of(jj.repo().dir());
        let opened = Ledger::open(registry, journal, jj.repo(), &setting.component, self.now, |_| {
            Ok(self.actor.clone())
        });
        let mut ledger = match opened {
            Ok(ledger) => ledger,
            // The registry went with it.
            Err(error) => return Ok((Registry::open(&path)?, Outcome::Failed(Failure::of(&error)))),
        };
        let written = bring_level(&jj, &setting, graph, past, self.now, &mut ledger);
        let outcome = match written {
            Ok(events) => Outcome::Level { events, merged_heads },
            Err(error) => Outcome::Failed(Failure::of(&error)),
        };
        Ok((ledger.registry, outcome))
    }
}

/// The rows that a repo has by now.
fn rows_of(known: Option<&KnownRepo>, rows: Option<&Registry>) -> Vec<Flow> {
    let filter = known.map(|known| Filter { repo: Some(known.id.clone()), ..Filter::default() });
    rows.zip(filter).and_then(|(rows, filter)| rows.flows(&filter).ok()).unwrap_or_default()
}

fn missing(root: &Utf8Path, known: Option<&KnownRepo>) -> anyhow::Error {
    let message = if root.exists() {
        "There is no jj repo there any more"
    } else {
        "It is not there: moved, deleted, or on a disk that is not mounted"
    };
    let failure = Failure::new(Kind::NotARepo, message);
    match known {
        Some(known) => failure.hint(format!("jj flow repo forget {}", known.id)).into(),
        None => failure.into(),
    }
}

fn bring_level(
    jj: &Jj,
    setting: &Setting,
    graph: Graph,
    past: Past,
    now: Timestamp,
    ledger: &mut Ledger,
) -> anyhow::Result<usize> {
    let mut first = ledger.registry.first_changes(&ledger.repo)?;
    let mut rows = ledger.registry.flows(&Filter { repo: Some(ledger.repo.clone()), ..Filter::default() })?;
    rows.iter_mut().for_each(|row| row.first = first.remove(&row.id));
    let survey = Survey::new(graph, rows, &setting.trunk);
    let look = Look { jj, trunk: &setting.trunk, component: &setting.component, now };
    level(&look, ledger, &survey, Some(past), |flow| jj.has_no_bookmark(flow))
}

fn is_flow(name: &BookmarkName) -> bool {
    FlowName::parse(name.as_str()).is_ok()
}
