//! A walk over commits from the latest down, painting each with the bases that it is an ancestor of.

use std::collections::{BinaryHeap, HashMap, HashSet};

use camino::Utf8Path;

use super::commit::{Commit, load_commit};
use super::{OpStore, is_root};
use crate::model::CommitId;

/// How many commits are read before jj is asked instead: it has an index.
const MOST: usize = 2_000;

/// What has been read of a history, and painted.
pub(super) struct Walk<'a> {
    git_dir: &'a Utf8Path,
    /// None for one that is not at hand.
    pub(super) commits: HashMap<CommitId, Option<Commit>>,
    /// Of which bases each commit is an ancestor, or is it, a bit for each.
    pub(super) masks: HashMap<CommitId, u64>,
    /// The bits of all.
    full: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(git_dir: &'a Utf8Path) -> Self {
        Self { git_dir, commits: HashMap::new(), masks: HashMap::new(), full: 0 }
    }

    pub(super) fn read(&mut self, id: &CommitId) -> Option<&Commit> {
        self.commits.entry(id.clone()).or_insert_with(|| load_commit(self.git_dir, id)).as_ref()
    }

    /// From heads and bases down to what is beneath every base. None where a commit is not at hand, or they are too many;
    /// unless it is `strict`, one that is beneath a base may be missing: git packs whole histories, and what is beneath a
    /// packed base is as packed.
    pub(super) fn run<'c>(
        &mut self,
        bases: &[CommitId],
        heads: impl Iterator<Item = &'c CommitId>,
        strict: bool,
    ) -> Option<()> {
        let bits = u32::try_from(bases.len()).ok().filter(|bases| *bases < 64)?;
        let full = (1_u64 << bits) - 1;
        let is_full = |mask: u64| bits > 0 && mask == full;
        heads.for_each(|head| _ = self.masks.entry(head.clone()).or_default());
        for (bit, base) in bases.iter().enumerate() {
            *self.masks.entry(base.clone()).or_default() |= 1 << bit;
        }
        let mut waiting: HashSet<CommitId> = self.masks.keys().cloned().collect();
        let mut open = waiting.iter().filter(|id| !is_full(self.masks[*id])).count();
        let mut queue: BinaryHeap<(i64, String)> =
            waiting.iter().map(|id| (self.time(id), id.to_string())).collect();
        // Beneath what is beneath every base is nothing else.
        while let Some((_, id)) = queue.pop().filter(|_| open > 0) {
            let id = CommitId::new(id);
            waiting.remove(&id);
            let mask = self.masks.get(&id).copied().unwrap_or_default();
            open -= usize::from(!is_full(mask));
            if is_root(id.as_str()) {
                continue;
            }
            if self.commits.len() > MOST {
                return None;
            }
            let parents = match self.read(&id) {
                Some(commit) => commit.parents.clone(),
                None if is_full(mask) || mask != 0 && !strict => continue,
                None => return None,
            };
            for parent in parents {
                let known = self.masks.get(&parent).copied();
                let all = known.unwrap_or_default() | mask;
                if known == Some(all) {
                    continue;
                }
                self.masks.insert(parent.clone(), all);
                if waiting.insert(parent.clone()) {
                    open += usize::from(!is_full(all));
                    queue.push((self.time(&parent), parent.to_string()));
                } else {
                    open -= usize::from(!is_full(known.unwrap_or_default()) && is_full(all));
                }
            }
        }
        self.full = if bits == 0 { u64::MAX } else { full };
        Some(())
    }

    /// Whether something is not beneath every base.
    pub(super) fn is_between(&self, id: &CommitId) -> bool {
        self.masks.get(id).is_some_and(|mask| *mask != self.full) && !is_root(id.as_str())
    }

    fn time(&mut self, id: &CommitId) -> i64 {
        self.read(id).map_or(0, |commit| commit.committed)
    }

    /// The commits that were read beneath these, and themselves.
    pub(super) fn beneath<'c>(
        &'c self,
        heads: impl IntoIterator<Item = &'c CommitId>,
    ) -> HashSet<&'c CommitId> {
        let (mut seen, mut next) = (HashSet::new(), heads.into_iter().collect::<Vec<_>>());
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(self.commits.get(id).into_iter().flatten().flat_map(|commit| &commit.parents));
            }
        }
        seen
    }
}

/// What two commits do not have beneath them both.
#[derive(Debug, Default)]
pub(crate) struct Between {
    /// Beneath the second one alone, and itself.
    pub(crate) gained: HashSet<CommitId>,
    /// Beneath the first one alone, and itself.
    pub(crate) lost: HashSet<CommitId>,
}

impl OpStore {
    /// What lies between two commits. None where one of it is not at hand, or they are too many.
    pub(crate) fn load_between(&self, from: &CommitId, to: &CommitId) -> Option<Between> {
        let mut walk = Walk::new(self.git_dir.as_ref()?);
        walk.run(&[from.clone(), to.clone()], std::iter::empty(), true)?;
        let mut between = Between::default();
        for (commit, mask) in walk.masks {
            _ = match mask {
                1 => between.lost.insert(commit),
                2 => between.gained.insert(commit),
                _ => false,
            };
        }
        Some(between)
    }
}
