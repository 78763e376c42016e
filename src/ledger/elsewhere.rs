//! The record of a repo on another machine, which nobody here works in: its journal lies beside the registry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Actor, Ledger, take_in};
use crate::error::{Failure, Kind};
use crate::journal::{Journal, short_hash};
use crate::model::RepoId;
use crate::registry::Registry;

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
        let called = Called { name: name.to_owned(), component: component.to_owned() };
        let write = || {
            journal.make()?;
            let _lock = journal.lock()?;
            journal.write_memo(CALLED, &called)
        };
        write().map_err(|error| {
            Failure::new(Kind::Registry, format!("Could not write to {}: {error}", journal.path()))
        })?;
        registry.see_repo_elsewhere(&id, name, component, now)?;
        Self::catch_up_and_open(registry, journal, id, find_actor)
    }
}

/// What a repo on another machine is called; kept beside its journal.
#[derive(Debug, Serialize, Deserialize)]
struct Called {
    name: String,
    component: String,
}

/// The file of it.
const CALLED: &str = "repo.json";

/// The identity of a repo on another machine: the same name is the same repo for ever.
pub(crate) fn id_elsewhere(name: &str) -> RepoId {
    RepoId::new(short_hash(name))
}

/// Reads back what is on record of a repo on another machine. False where nothing is.
pub(crate) fn take_in_elsewhere(
    registry: &mut Registry,
    repo: &RepoId,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let journal = Journal::elsewhere(&registry.path()?, repo);
    let Some(Called { name, component }) = journal.memo(CALLED) else { return Ok(false) };
    registry.see_repo_elsewhere(repo, &name, &component, now)?;
    take_in(registry, &journal, repo)?;
    Ok(true)
}
