//! The record of a repo on another machine, which nobody here works in: its journal lies beside the registry.

use jiff::Timestamp;

use super::mend::take_in;
use super::rebuild::write_about;
use super::{Actor, Ledger};
use crate::error::{Failure, Kind};
use crate::journal::{Journal, short_hash};
use crate::model::RepoId;
use crate::registry::{Registry, RepoKind, RepoRow};

impl Ledger {
    /// Opens the record of a repo on another machine, whose name is all that it is known by.
    pub(crate) fn open_elsewhere(
        mut registry: Registry,
        name: &str,
        component: &str,
        now: Timestamp,
        find_actor: impl FnOnce(&mut Registry) -> anyhow::Result<Actor>,
    ) -> anyhow::Result<Self> {
        let id = id_elsewhere(name);
        let journal = Journal::elsewhere(&registry.path()?, &id);
        let row = RepoRow { kind: RepoKind::Elsewhere, ..RepoRow::here(id.clone(), name, component, now) };
        let unwritable = |error: std::io::Error| {
            Failure::new(Kind::Registry, format!("Could not write to {}: {error}", journal.path()))
        };
        journal.make().map_err(unwritable)?;
        let lock = journal.lock().map_err(unwritable)?;
        write_about(&journal, &row)?;
        registry.see_repo_elsewhere(&id, name, component, now)?;
        take_in(&mut registry, &journal, &id)?;
        drop(lock);
        Self::open_level(registry, journal, id, find_actor)
    }
}

/// The identity of a repo on another machine: the same name is the same repo for ever.
pub(crate) fn id_elsewhere(name: &str) -> RepoId {
    RepoId::new(short_hash(name))
}

/// Reads back what is on record of a repo on another machine. False where nothing is.
pub(crate) fn take_in_elsewhere(registry: &mut Registry, repo: &RepoId) -> anyhow::Result<bool> {
    let journal = Journal::elsewhere(&registry.path()?, repo);
    let row: Option<RepoRow> = journal.about().and_then(|about| serde_json::from_slice(&about).ok());
    let Some(row) = row.filter(|row| row.id == *repo && row.fault().is_none()) else { return Ok(false) };
    registry.add_repo(&RepoRow { kind: RepoKind::Elsewhere, ..row })?;
    let _lock = journal.lock()?;
    take_in(registry, &journal, repo)?;
    Ok(true)
}
