//! A damaged registry made anew: from the journals, and from what can still be read of it.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::mend::{journal_of, put_back};
use crate::event::Event;
use crate::failpoint;
use crate::journal::{Journal, Known};
use crate::model::RepoId;
use crate::registry::{Health, Registry, RepoKind, RepoRow, Salvaged, Site, Stretch, Table};

/// What was found, kept and lost.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rebuilt {
    /// Where the damaged file is now.
    pub(crate) set_aside: Option<Utf8PathBuf>,
    pub(crate) repos: usize,
    /// Repos that do not lie where they did: their events come from the damaged file alone.
    pub(crate) missing: Vec<String>,
    /// Repos whose journals could not be read or written, and why.
    pub(crate) failed: Vec<(String, String)>,
    /// Events that the new registry has.
    pub(crate) events: u64,
    /// Lines that journals lacked and have again.
    pub(crate) restored: usize,
    /// Events that could be read and not taken in.
    pub(crate) refused: usize,
    pub(crate) contexts: u32,
    pub(crate) approvals: u32,
    pub(crate) proofs: u32,
    /// Tables that could not be read from one end to the other.
    pub(crate) broken: Vec<Table>,
}

/// Makes the registry anew where it is damaged, or gone while there are repos elsewhere. `more` are repos that are
/// known otherwise.
pub(crate) fn rebuild(path: &Utf8Path, more: Vec<RepoRow>) -> anyhow::Result<Option<Rebuilt>> {
    let site = Site::begin(path)?;
    // Somebody else may have made it meanwhile.
    match Registry::examine(path)? {
        Health::Sound => return Ok(None),
        Health::Missing if Journal::load_elsewhere(path)?.is_empty() => return Ok(None),
        Health::Missing | Health::Damaged(_) => {}
    }
    let mut salvaged = site.salvage()?;
    failpoint::reach("salvaged");
    let repos = all_repos(path, &salvaged, more)?;
    let mut registry = site.open()?;
    let mut rebuilt = take_in_all(&mut registry, path, &repos, &salvaged)?;
    [rebuilt.contexts, rebuilt.approvals, rebuilt.proofs] = registry.keep(&salvaged)?;
    rebuilt.events = registry.count_events()?;
    rebuilt.broken = std::mem::take(&mut salvaged.tables);
    rebuilt.broken.retain(|table| table.unreadable > 0 || table.broken.is_some());
    drop(registry);
    failpoint::reach("taken-in");
    rebuilt.set_aside = site.finish()?;
    Ok(Some(rebuilt))
}

/// Takes in the journals of these repos, with the events that they lack. One that cannot be done fails alone.
fn take_in_all(
    registry: &mut Registry,
    path: &Utf8Path,
    repos: &[RepoRow],
    salvaged: &Salvaged,
) -> anyhow::Result<Rebuilt> {
    let mut rebuilt = Rebuilt { repos: repos.len(), ..Rebuilt::default() };
    for repo in repos {
        registry.add_repo(repo)?;
        let events = salvaged.events.get(&repo.id).map(Vec::as_slice).unwrap_or_default();
        match journal_of(path, repo) {
            None => rebuilt.missing.push(repo.root.clone()),
            Some(journal) => match take_in_one(registry, &journal, repo, events) {
                Ok(restored) => rebuilt.restored += restored,
                Err(error) => rebuilt.failed.push((repo.root.clone(), format!("{error:#}"))),
            },
        }
        // Where there is no journal to be had, the registry alone has them, as before.
        let unknown = unknown(registry, &repo.id, events)?;
        if !unknown.is_empty() {
            let end = registry.journal_offset(&repo.id)?;
            registry.take_in(&repo.id, |_, _| Ok(Some(Stretch { events: unknown.clone(), end })))?;
            rebuilt.refused += self::unknown(registry, &repo.id, &unknown)?.len();
        }
    }
    Ok(rebuilt)
}

fn unknown(registry: &Registry, repo: &RepoId, events: &[Event]) -> anyhow::Result<Vec<Event>> {
    let mut unknown = Vec::new();
    for event in events {
        if !registry.knows(repo, event)? {
            unknown.push(event.clone());
        }
    }
    Ok(unknown)
}

fn take_in_one(
    registry: &mut Registry,
    journal: &Journal,
    repo: &RepoRow,
    events: &[Event],
) -> anyhow::Result<usize> {
    journal.make()?;
    if repo.kind == RepoKind::Elsewhere {
        write_about(journal, repo)?;
    }
    let _lock = journal.lock()?;
    let known: Vec<Known> = events.iter().map(|event| (event.key.clone(), event.to_line())).collect();
    put_back(registry, journal, &repo.id, &known, false)
}

/// What the damaged file had, what lies beside the registry, what is known otherwise, and whatever has events.
fn all_repos(path: &Utf8Path, salvaged: &Salvaged, more: Vec<RepoRow>) -> anyhow::Result<Vec<RepoRow>> {
    let mut repos = salvaged.repos.clone();
    let mut add = |repo: RepoRow| {
        if repos.iter().all(|known| known.id != repo.id) {
            repos.push(repo);
        }
    };
    more.into_iter().for_each(&mut add);
    for id in Journal::load_elsewhere(path)? {
        let about = Journal::elsewhere(path, &id).about();
        let told: Option<RepoRow> = about.and_then(|about| serde_json::from_slice(&about).ok());
        add(told
            .filter(|told| told.id == id && told.fault().is_none())
            .unwrap_or_else(|| nameless(&id, &[])));
    }
    for (id, events) in &salvaged.events {
        add(nameless(id, events));
    }
    repos.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    Ok(repos)
}

/// A repo of which only events are left: it is told of, until it is seen.
fn nameless(id: &RepoId, events: &[Event]) -> RepoRow {
    let at = events.first().map(|event| event.at).unwrap_or_default();
    RepoRow { kind: RepoKind::Elsewhere, ..RepoRow::here(id.clone(), id.as_str(), "unknown", at) }
}

/// Writes down beside its journal what a repo elsewhere is.
pub(super) fn write_about(journal: &Journal, repo: &RepoRow) -> anyhow::Result<()> {
    let about = serde_json::to_vec(repo)?;
    if journal.about().as_ref() != Some(&about) {
        journal.write_about(&about)?;
    }
    Ok(())
}
