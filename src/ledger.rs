//! The record of one repo: its journal, and the registry that follows it.
//!
//! Every event goes to the journal first, then the registry takes in what the journal has grown by. So a crash
//! or a failing registry between the two loses nothing, and a registry that was deleted is read back.

use camino::Utf8Path;
use jiff::Timestamp;

use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Event, What};
use crate::jj::Repo;
use crate::journal::{Identity, Journal};
use crate::model::{BookmarkName, OpId, RepoId};
use crate::name::Uid;
use crate::registry::{Registry, Stretch};

/// Where a repo's events are written.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) registry: Registry,
    pub(crate) journal: Journal,
    pub(crate) repo: RepoId,
    /// Who writes.
    pub(crate) actor: Uid,
}

impl Ledger {
    /// Opens a repo's record for writing and brings the registry level with the journal. Fails, before jj is
    /// touched, where either cannot be written.
    pub(crate) fn open(
        mut registry: Registry,
        repo: &Repo,
        component: &str,
        actor: Uid,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let journal = Journal::of(repo.dir());
        let unwritable = |error: std::io::Error| {
            Failure::new(Kind::Registry, format!("Could not write to {}: {error}", journal.path()))
        };
        journal.make().map_err(unwritable)?;
        let lock = journal.lock().map_err(unwritable)?;
        let id = identify(&journal, repo, &registry)?;
        registry.see_repo(&id, repo.main_root().as_str(), component, now)?;
        drop(lock);
        let mut ledger = Self { registry, journal, repo: id, actor };
        ledger.catch_up()?;
        ledger.write_down_outside_events()?;
        Ok(ledger)
    }

    /// Records what was done to flows. It is refused where somebody else changed a flow meanwhile so that it cannot
    /// be; any other error means that the journal has it and the registry will.
    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        op: Option<&OpId>,
        events: Vec<(BookmarkName, What)>,
    ) -> anyhow::Result<()> {
        let lock = self.journal.lock()?;
        let events = self.write(now, op, events)?;
        drop(lock);
        let known = events.iter().map(|event| self.registry.knows(&self.repo, event));
        if known.collect::<anyhow::Result<Vec<_>>>()?.contains(&false) {
            let message = "Could not record the change: the flow was changed by somebody else meanwhile";
            return Err(Failure::new(Kind::Raced, message).hint("jj flow").into());
        }
        Ok(())
    }

    /// Records what was found rather than done: only what nobody has recorded since it was looked for.
    pub(crate) fn record_found(
        &mut self,
        now: Timestamp,
        op: &OpId,
        mut events: Vec<(BookmarkName, What)>,
    ) -> anyhow::Result<()> {
        let _lock = self.journal.lock()?;
        self.catch_up()?;
        let mut known = Vec::new();
        for (flow, _) in &events {
            known.push(self.registry.flow(&self.repo, flow)?.is_some());
        }
        let mut known = known.into_iter();
        events.retain(|(_, what)| known.next() != Some(matches!(what, What::Created { .. })));
        self.write(now, Some(op), events)?;
        Ok(())
    }

    /// Appends events to the journal and has the registry take them in. Called under the journal's lock.
    fn write(
        &mut self,
        now: Timestamp,
        op: Option<&OpId>,
        events: Vec<(BookmarkName, What)>,
    ) -> anyhow::Result<Vec<Event>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let event = |(flow, what)| {
            let actor = self.actor.to_string();
            Ok(Event { key: env::random_key()?, at: now, actor, flow, op: op.cloned(), what })
        };
        let events: Vec<Event> = events.into_iter().map(event).collect::<anyhow::Result<_>>()?;
        self.journal.append(&events)?;
        self.catch_up()?;
        Ok(events)
    }

    /// Takes in what the journal has grown by since the registry last read it.
    fn catch_up(&mut self) -> anyhow::Result<()> {
        let journal = &self.journal;
        self.registry.take_in(&self.repo, |offset| {
            let (events, end) = journal.read_from(offset)?;
            Ok(Stretch { events, end })
        })
    }

    /// What a verification tool changed in the database gets its line in the journal.
    fn write_down_outside_events(&mut self) -> anyhow::Result<()> {
        if self.registry.unwritten_events(&self.repo)?.is_empty() {
            return Ok(());
        }
        let lock = self.journal.lock()?;
        let events = self.registry.unwritten_events(&self.repo)?;
        self.journal.append(&events)?;
        self.catch_up()?;
        drop(lock);
        Ok(())
    }
}

/// The repo's identity; called under the journal's lock. A copy of a repo, whose original is still there, gets
/// one of its own, and so does a repo that has none.
fn identify(journal: &Journal, repo: &Repo, registry: &Registry) -> anyhow::Result<RepoId> {
    let place = std::fs::metadata(repo.dir())?;
    let (device, inode) = {
        use std::os::unix::fs::MetadataExt;
        (place.dev(), place.ino())
    };
    let known = journal.identity();
    if let Some(known) = &known {
        if (known.device, known.inode) == (device, inode) {
            return Ok(known.id.clone());
        }
        if !is_elsewhere(registry, known, repo)? {
            let moved = Identity { id: known.id.clone(), device, inode };
            journal.write_identity(&moved)?;
            return Ok(moved.id);
        }
    }
    let new = Identity { id: RepoId::new(env::random_key()?), device, inode };
    journal.write_identity(&new)?;
    Ok(new.id)
}

/// Whether the repo that the registry knows under this identity still lies where it did.
fn is_elsewhere(registry: &Registry, known: &Identity, repo: &Repo) -> anyhow::Result<bool> {
    let Some(root) = registry.repo_root(&known.id)? else { return Ok(false) };
    if root == repo.main_root().as_str() {
        return Ok(false);
    }
    let Some(other) = Repo::at(Utf8Path::new(&root)) else { return Ok(false) };
    Ok(Journal::of(other.dir()).identity().is_some_and(|identity| identity.id == known.id))
}
