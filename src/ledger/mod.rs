//! The record of one repo: its journal, and the registry that follows it.
//!
//! Every event goes to the journal first, then the registry takes in what the journal has grown by. So a crash
//! or a failing registry between the two loses nothing, and a registry that was deleted is read back. The other way
//! round, a journal that has lost lines gets back what the registry knows of them.

mod actor;
mod elsewhere;
mod identity;
mod import;
mod mend;
mod rebuild;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

pub(crate) use actor::Actor;
pub(crate) use elsewhere::{id_elsewhere, take_in_elsewhere};

use crate::config::Hook;
use crate::error::{Failure, Kind};
use crate::event::{Event, Found, Verification, What};
use crate::failpoint;
use crate::jj::{OpStore, Repo};
use crate::journal::{Held, Journal};
use crate::model::{BookmarkName, OpId, RepoId};
use crate::registry::Registry;
use identity::identify;
pub(crate) use import::{Imported, import};
pub(crate) use mend::{Condition, examine, journal_of, mend};
use mend::{take_in, take_in_with};
pub(crate) use rebuild::{Rebuilt, rebuild};

/// Where a repo's events are written.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) registry: Registry,
    pub(crate) journal: Journal,
    pub(crate) repo: RepoId,
    pub(crate) actor: Actor,
    /// Why the registry could not take in what the journal has; it will with the next command.
    pub(crate) behind: Option<anyhow::Error>,
    /// Held while a flow is being made.
    making: Option<Held>,
}

impl Ledger {
    /// Opens a repo's record for writing and brings the registry level with the journal. Fails, before jj is
    /// touched, where either cannot be written.
    pub(crate) fn open(
        mut registry: Registry,
        journal: Journal,
        repo: &Repo,
        component: &str,
        now: Timestamp,
        find_actor: impl FnOnce(&mut Registry) -> anyhow::Result<Actor>,
    ) -> anyhow::Result<Self> {
        let unwritable = |error: std::io::Error| {
            Failure::new(Kind::Registry, format!("Could not write to {}: {error}", journal.path()))
        };
        journal.make().map_err(unwritable)?;
        let lock = journal.lock().map_err(unwritable)?;
        let id = identify(&journal, repo, &registry)?;
        begin(&journal, registry.compared_at(&id)?).map_err(unwritable)?;
        registry.see_repo(&id, repo.main_root().as_str(), component, now)?;
        take_in(&mut registry, &journal, &id)?;
        drop(lock);
        Self::open_level(registry, journal, id, find_actor)
    }

    /// Opens a record that the registry has taken in.
    fn open_level(
        mut registry: Registry,
        journal: Journal,
        id: RepoId,
        find_actor: impl FnOnce(&mut Registry) -> anyhow::Result<Actor>,
    ) -> anyhow::Result<Self> {
        // Now that the registry has what the journal knows of who is who.
        let actor = find_actor(&mut registry)?;
        Ok(Self { registry, journal, repo: id, actor, behind: None, making: None })
    }

    /// Makes this the only process that makes a flow in the repo: nobody takes what is half made for found or gone.
    pub(crate) fn begin_making(&mut self) -> anyhow::Result<()> {
        if self.making.is_none() {
            self.making = Some(self.journal.lock_making()?);
        }
        Ok(())
    }

    /// Records what was done to flows. It is refused where somebody else changed a flow meanwhile so that it cannot
    /// be. A registry that cannot take it in now is left behind: the journal has it.
    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        op: Option<&OpId>,
        events: Vec<(BookmarkName, What)>,
    ) -> anyhow::Result<()> {
        let events = self.actor.events(now, op, events)?;
        let lock = self.journal.lock()?;
        let taken_in = self.grow(&events)?;
        drop(lock);
        let known = taken_in.and_then(|()| {
            let known = events.iter().map(|event| self.registry.knows(&self.repo, event));
            known.collect::<anyhow::Result<Vec<_>>>()
        });
        match known {
            Ok(known) if known.contains(&false) => {
                let message = "Could not record the change: the flow was changed by somebody else meanwhile";
                Err(Failure::new(Kind::Raced, message).hint("jj flow").into())
            }
            Ok(_) => Ok(()),
            Err(error) => {
                self.behind = Some(error);
                Ok(())
            }
        }
    }

    /// The operation up to which the repo's record tells everything. None where that is not known any more.
    pub(crate) fn told(&self) -> anyhow::Result<Option<OpId>> {
        match self.journal.told() {
            None => self.registry.compared_at(&self.repo),
            told => Ok(told),
        }
    }

    /// Records what was found rather than done: only what nobody has recorded since it was looked for, and how much that
    /// is. The record then tells everything up to `op`. `is_gone` looks again whether a bookmark is, now that nobody
    /// makes one: a flow's row is there before its bookmark.
    pub(crate) fn record_found(
        &mut self,
        op: &OpId,
        mut found: Vec<Found>,
        is_gone: impl Fn(&BookmarkName) -> anyhow::Result<bool>,
    ) -> anyhow::Result<usize> {
        let mut recorded = 0;
        if !found.is_empty() {
            let _making = if self.making.is_none() { Some(self.journal.lock_making()?) } else { None };
            let mut stands = Vec::new();
            for Found { flow, what, is_cause, .. } in &found {
                stands.push(*is_cause || !matches!(what, What::Deleted {}) || is_gone(flow)?);
            }
            let mut stands = stands.into_iter();
            found.retain(|_| stands.next() == Some(true));
            let _lock = self.journal.lock()?;
            self.catch_up()?;
            recorded = self.append_new(found)?.len();
        }
        self.journal.set_told(op)?;
        self.registry.set_compared_at(&self.repo, op)?;
        Ok(recorded)
    }

    /// Records what operations did. `find` tells it from the rows as they are now that nobody else writes any; what was
    /// recorded before is not again. Gives what is new.
    pub(crate) fn record_done(
        &mut self,
        find: impl FnOnce(&Registry, &RepoId) -> anyhow::Result<Vec<Found>>,
    ) -> anyhow::Result<Vec<Event>> {
        let _lock = self.journal.lock()?;
        self.catch_up()?;
        let found = find(&self.registry, &self.repo)?;
        self.append_new(found)
    }

    /// Appends the events that are not there yet, and whose flow is there, or is not, as they have it. Called under the
    /// journal's lock.
    fn append_new(&mut self, found: Vec<Found>) -> anyhow::Result<Vec<Event>> {
        let mut live = HashSet::new();
        let mut merged = HashSet::new();
        for flow in found.iter().map(|found| &found.flow).collect::<HashSet<_>>() {
            if let Some(row) = self.registry.flow(&self.repo, flow)? {
                merged.extend((!row.status.is_open()).then(|| flow.clone()));
                live.insert(flow.clone());
            }
        }
        let is_landing = |what: &What| matches!(what, What::Elsewhere { .. } | What::TakenBack { .. });
        let unsettled: HashSet<BookmarkName> = if found.iter().any(|found| is_landing(&found.what)) {
            self.registry.unsettled_landings(&self.repo)?.into_iter().map(|landing| landing.flow).collect()
        } else {
            HashSet::new()
        };
        let mut events = Vec::new();
        for event in self.actor.found(self.leave_out_ended(found)?) {
            let is_new = matches!(event.what, What::Created { .. });
            if live.contains(&event.flow) == is_new || self.registry.knows(&self.repo, &event)? {
                continue;
            }
            match &event.what {
                What::Created { .. } => _ = live.insert(event.flow.clone()),
                What::Deleted {} => _ = live.remove(&event.flow),
                // Somebody may have landed it, or taken it back, since it was looked at.
                what if is_landing(what) => {
                    let lands = matches!(what, What::Elsewhere { .. });
                    if unsettled.contains(&event.flow) || merged.contains(&event.flow) == lands {
                        continue;
                    }
                    _ = if lands { merged.insert(event.flow.clone()) } else { merged.remove(&event.flow) };
                }
                What::Renamed { to } => {
                    live.remove(&event.flow);
                    live.insert(to.clone());
                    if merged.remove(&event.flow) {
                        merged.insert(to.clone());
                    }
                }
                _ => {}
            }
            events.push(event);
        }
        failpoint::reach("found");
        if !events.is_empty() {
            self.grow(&events)??;
        }
        Ok(events)
    }

    /// Leaves out the coming of flows whose going is on record by now. So is their coming then, though by another key:
    /// whoever makes a flow writes it down before there is an operation that has its bookmark.
    fn leave_out_ended(&self, found: Vec<Found>) -> anyhow::Result<Vec<Found>> {
        // Whatever came, and where it went again.
        let (mut ends, mut over) = (HashMap::new(), Vec::new());
        for (place, Found { flow, what, op, .. }) in found.iter().enumerate().rev() {
            match what {
                What::Deleted {} | What::Renamed { .. } => _ = ends.insert(flow, op),
                What::Created { .. } => {
                    over.extend(ends.remove(flow).map(|end| (place, (flow.clone(), end.clone()))));
                }
                _ => {}
            }
        }
        if over.is_empty() {
            return Ok(found);
        }
        let known = self.registry.known_ends(&self.repo)?;
        let over: HashSet<usize> =
            over.into_iter().filter(|(_, end)| known.contains(end)).map(|(place, _)| place).collect();
        let left = found.into_iter().enumerate().filter(|(place, _)| !over.contains(place));
        Ok(left.map(|(_, found)| found).collect())
    }

    /// Writes events down, behind what was changed in the database before, and takes them in. The journal has them where
    /// the registry fails. Called under the journal's lock.
    fn grow(&mut self, events: &[Event]) -> std::io::Result<anyhow::Result<()>> {
        let (journal, mut appended) = (&self.journal, None);
        let taken_in = take_in_with(&mut self.registry, journal, &self.repo, |outside| {
            let done = journal.append(&[outside, events.to_vec()].concat());
            let answer = if done.is_ok() { Ok(()) } else { Err(std::io::Error::other("not written")) };
            appended = Some(done);
            answer
        });
        appended.unwrap_or_else(|| journal.append(events))?;
        Ok(taken_in)
    }

    /// Whether a hook may run here: the user's own may, one from a repo's config once it was approved.
    pub(crate) fn is_allowed(&self, name: &str, hook: &Hook) -> anyhow::Result<bool> {
        Ok(hook.personal || self.registry.is_approved(&self.repo, name, &hook.text())?)
    }

    /// Keeps that a tree has passed; where the registry cannot, the next landing verifies it again.
    pub(crate) fn keep_proof(&mut self, verification: &Verification, now: Timestamp) {
        if let Err(error) = self.registry.keep_proof(&self.repo, verification, now) {
            self.behind = Some(error);
        }
    }

    /// Takes in what the journal has grown by, and writes down what a verification tool changed in the database. Called under
    /// its lock.
    pub(crate) fn catch_up(&mut self) -> anyhow::Result<()> {
        take_in(&mut self.registry, &self.journal, &self.repo)
    }
}

/// A record that begins tells nothing yet, but for what the registry knows: its repo may have been there for long.
fn begin(journal: &Journal, compared_at: Option<OpId>) -> std::io::Result<()> {
    if journal.told().is_none() && !journal.path().exists() {
        journal.set_told(&compared_at.unwrap_or_else(OpStore::root))?;
    }
    Ok(())
}

/// Writes what operations did to a repo's journal alone, where there is no registry to be had.
pub(crate) fn write_down(journal: &Journal, actor: &Actor, found: Vec<Found>) -> std::io::Result<()> {
    journal.make()?;
    let _lock = journal.lock()?;
    begin(journal, None)?;
    journal.append(&actor.found(found))
}
