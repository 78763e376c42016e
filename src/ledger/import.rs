//! What another registry has of a repo comes into its journal here, and from there into the registry.

use std::collections::HashSet;

use camino::Utf8Path;

use super::mend::{journal_at, take_in};
use super::rebuild::write_about;
use crate::event::Event;
use crate::journal::Journal;
use crate::registry::{Registry, RepoKind, RepoRow};

/// What became of a repo's events.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// How many were new.
    pub(crate) new: usize,
    /// The places of those that the registry could not take in.
    pub(crate) refused: Vec<usize>,
    pub(crate) elsewhere: bool,
}

/// Appends the events that a repo's journal lacks and takes them in. A repo that does not lie on this machine is one
/// elsewhere, with its journal beside the registry at `path`.
pub(crate) fn import(
    registry: &mut Registry,
    path: &Utf8Path,
    repo: &RepoRow,
    events: &[Event],
) -> anyhow::Result<Imported> {
    let known = registry.repo_root(&repo.id)?;
    let roots = known.iter().chain([&repo.root]).map(Utf8Path::new);
    let here = roots.into_iter().find_map(|root| Some((root, journal_at(root, &repo.id)?)));
    let (journal, row) = match here {
        Some((root, journal)) => {
            (journal, RepoRow { kind: RepoKind::Here, root: root.to_string(), ..repo.clone() })
        }
        None => (Journal::elsewhere(path, &repo.id), RepoRow { kind: RepoKind::Elsewhere, ..repo.clone() }),
    };
    journal.make()?;
    let _lock = journal.lock()?;
    let elsewhere = row.kind == RepoKind::Elsewhere;
    registry.add_repo(&row)?;
    if elsewhere && let Some(row) = registry.repo(&repo.id)? {
        write_about(&journal, &RepoRow { kind: RepoKind::Elsewhere, ..row })?;
    }
    take_in(registry, &journal, &repo.id)?;
    let mut there: HashSet<String> = journal.look()?.keys.into_iter().collect();
    let is_new: Vec<bool> = events.iter().map(|event| there.insert(event.key.clone())).collect();
    let new: Vec<Event> =
        events.iter().zip(&is_new).filter(|(_, new)| **new).map(|(event, _)| event.clone()).collect();
    if !new.is_empty() {
        journal.append(&new)?;
        take_in(registry, &journal, &repo.id)?;
    }
    let mut refused = Vec::new();
    for (index, event) in events.iter().enumerate() {
        if is_new[index] && !registry.knows(&repo.id, event)? {
            refused.push(index);
        }
    }
    Ok(Imported { new: new.len(), refused, elsewhere })
}
