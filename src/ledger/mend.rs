//! Journals that have lost lines: what the registry knows of them comes back.
//!
//! Everything here is done under the journal's lock. The registry first writes down that it does not trust the journal
//! any more, and trusts it again once it has read it from its start: a kill in between leaves that to the next one.

use std::collections::HashSet;

use camino::Utf8Path;

use crate::event::Event;
use crate::failpoint;
use crate::jj::Repo;
use crate::journal::{Journal, Known, Look};
use crate::model::RepoId;
use crate::registry::{Registry, RepoKind, RepoRow, Stretch};

/// How a repo's journal and the registry agree.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    pub(crate) look: Look,
    /// Lines that the registry knows and the journal lacks.
    pub(crate) lacking: usize,
    /// Events of another repo.
    pub(crate) foreign: usize,
    /// The registry has not taken in all of it.
    pub(crate) behind: bool,
}

impl Condition {
    /// Whether [`mend`] has something to do.
    pub(crate) fn is_broken(&self) -> bool {
        self.look.torn || self.lacking > 0 || self.foreign > 0 || self.behind
    }
}

/// The journal of a repo: in it, where it still lies there and is that one, or beside the registry.
pub(crate) fn journal_of(registry: &Utf8Path, repo: &RepoRow) -> Option<Journal> {
    match repo.kind {
        RepoKind::Elsewhere => Some(Journal::elsewhere(registry, &repo.id)),
        RepoKind::Here => journal_at(Utf8Path::new(&repo.root), &repo.id),
    }
}

/// The journal in the repo at this root, where that is the repo with this id.
pub(crate) fn journal_at(root: &Utf8Path, id: &RepoId) -> Option<Journal> {
    let repo = Repo::at(root).filter(Repo::is_default_workspace)?;
    let journal = Journal::of(repo.dir());
    (journal.identity()?.id == *id).then_some(journal)
}

/// Compares a journal with what the registry knows of it. Writes nothing.
pub(crate) fn examine(registry: &Registry, journal: &Journal, repo: &RepoId) -> anyhow::Result<Condition> {
    let look = journal.look()?;
    let known = registry.written_lines(repo)?;
    let there: HashSet<&String> = look.keys.iter().collect();
    let lacking = known.iter().filter(|(key, _)| !there.contains(key)).count();
    let foreign = foreign(registry, repo, &look, &known)?.len();
    let grown = journal.read_from(registry.journal_offset(repo)?)?;
    let behind = grown.is_none_or(|(events, _)| !events.is_empty());
    Ok(Condition { look, lacking, foreign, behind })
}

/// Gives a journal the lines back that it has lost, ends a torn one, and takes in what the registry does not know yet.
/// Says how many came back.
pub(crate) fn mend(registry: &mut Registry, journal: &Journal, repo: &RepoId) -> anyhow::Result<usize> {
    journal.make()?;
    let _lock = journal.lock()?;
    restore(registry, journal, repo)
}

/// Takes in what the journal has grown by since the registry last read it; one that has lost lines gets them back
/// first. What was made in the database itself is written down. Called under its lock.
pub(super) fn take_in(registry: &mut Registry, journal: &Journal, repo: &RepoId) -> anyhow::Result<()> {
    take_in_with(registry, journal, repo, |outside| journal.append(&outside))
}

/// The same where there is something to write down: `append` does that, behind the events that it is given.
pub(super) fn take_in_with(
    registry: &mut Registry,
    journal: &Journal,
    repo: &RepoId,
    append: impl FnOnce(Vec<Event>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    ensure_whole(registry, journal, repo)?;
    let grow = |offset, outside| append(outside).and_then(|()| read(journal, offset));
    if !registry.take_in(repo, grow)? {
        restore(registry, journal, repo)?;
    }
    Ok(())
}

/// Puts lines back where the journal does not reach as far as it was read, or is another repo's from there on. Called
/// under its lock, before anything is written: what comes back comes first.
fn ensure_whole(registry: &mut Registry, journal: &Journal, repo: &RepoId) -> anyhow::Result<()> {
    let offset = registry.journal_offset(repo)?;
    let last = journal.load_key_before(offset)?;
    let is_anothers = match &last {
        Some(last) => !registry.events_of_others(repo, [last].into_iter())?.is_empty(),
        None => offset > 0 && read(journal, offset)?.is_none(),
    };
    if is_anothers {
        restore(registry, journal, repo)?;
    }
    Ok(())
}

fn restore(registry: &mut Registry, journal: &Journal, repo: &RepoId) -> anyhow::Result<usize> {
    registry.distrust_journal(repo)?;
    failpoint::reach("distrusted");
    let known = registry.written_lines(repo)?;
    put_back(registry, journal, repo, &known, true)
}

/// Puts these lines back into the journal where it lacks them, and takes it in from its start. Where they are all that
/// is known, lines of another repo can be told.
pub(super) fn put_back(
    registry: &mut Registry,
    journal: &Journal,
    repo: &RepoId,
    known: &[Known],
    is_all: bool,
) -> anyhow::Result<usize> {
    let foreign = if is_all { foreign(registry, repo, &journal.look()?, known)? } else { HashSet::new() };
    let restored = journal.restore(known, &foreign)?;
    failpoint::reach("restored");
    registry.take_in(repo, |_, _| read(journal, 0))?;
    Ok(restored)
}

/// The events of a journal that are another repo's: somebody has put that one's file here. A repo that nothing is known
/// of may be a copy, whose events are the original's.
fn foreign(
    registry: &Registry,
    repo: &RepoId,
    look: &Look,
    known: &[Known],
) -> anyhow::Result<HashSet<String>> {
    if known.is_empty() {
        return Ok(HashSet::new());
    }
    let own: HashSet<&String> = known.iter().map(|(key, _)| key).collect();
    let strange = look.keys.iter().filter(|key| !own.contains(key));
    Ok(registry.events_of_others(repo, strange)?.into_iter().collect())
}

fn read(journal: &Journal, offset: u64) -> std::io::Result<Option<Stretch>> {
    Ok(journal.read_from(offset)?.map(|(events, end)| Stretch { events, end }))
}
