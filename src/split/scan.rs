//! One pass over a history: its commits, parents before children, and what each has at each path.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use gix_object::Kind as ObjectKind;
use gix_object::TreeRefIter;

use super::paths::{Component, Node, tree};
use super::plan::Parents;
use super::rewrite::{Headers, change_id_of};
use crate::error::{Failure, Kind};
use crate::git::{HASH, ObjectId, Objects, Reader};

/// What a tree has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) id: ObjectId,
    /// As git writes it: 0o40000 for a folder.
    pub(crate) mode: u16,
}

/// The commits of a history by number, parents before their children.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) ids: Vec<ObjectId>,
    numbers: HashMap<ObjectId, u32>,
    /// Where each commit's parents begin in `parents`, and where the last one's end.
    starts: Vec<usize>,
    parents: Vec<u32>,
    trees: Vec<ObjectId>,
    /// The trees of those in conflict.
    conflicts: HashMap<u32, Vec<ObjectId>>,
    /// The commits of each change that was asked for.
    asked: HashMap<String, Vec<u32>>,
}

impl Parents for History {
    fn parents(&self, commit: usize) -> &[u32] {
        &self.parents[self.starts[commit]..self.starts[commit + 1]]
    }
}

/// What a history has at the places of components.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What there is anywhere, by number; 0 is nothing.
    entries: Vec<Entry>,
    /// For each component what each commit has there.
    pub(crate) at: Vec<Vec<u32>>,
    /// For each component the commits that are in conflict there.
    pub(crate) conflicts: Vec<Vec<u32>>,
}

impl Found {
    pub(crate) fn entry(&self, number: u32) -> Option<Entry> {
        Some(self.entries[number.checked_sub(1)? as usize])
    }
}

impl History {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn number(&self, commit: &ObjectId) -> Option<u32> {
        self.numbers.get(commit).copied()
    }

    /// The commits of changes that were asked for when it was loaded.
    pub(crate) fn commits_of<'a>(&'a self, changes: &'a [String]) -> impl Iterator<Item = u32> + 'a {
        changes.iter().filter_map(|change| self.asked.get(change)).flatten().copied()
    }

    /// The history of some commits. Those in `shallow` have no parents here; the commits of changes in `asked` are
    /// noted.
    pub(crate) fn load(
        objects: &Objects,
        heads: &[ObjectId],
        shallow: &HashSet<ObjectId>,
        asked: &HashSet<String>,
        tell: &mut dyn FnMut(usize),
    ) -> anyhow::Result<Self> {
        let mut reader = objects.reader();
        let mut commits: HashMap<ObjectId, Headers> = HashMap::new();
        // A commit is met twice: to go on to its parents, and when they are numbered.
        let mut open: Vec<(ObjectId, bool)> = heads.iter().rev().map(|head| (*head, false)).collect();
        let mut history = Self::default();
        let mut noted: HashMap<ObjectId, String> = HashMap::new();
        while let Some((id, are_parents_done)) = open.pop() {
            if are_parents_done {
                let number = history.push(id, commits.remove(&id).unwrap_or_default())?;
                if let Some(change) = noted.remove(&id) {
                    history.asked.entry(change).or_default().push(number);
                }
                if history.len() % 1000 == 0 {
                    tell(history.len());
                }
                continue;
            }
            if history.numbers.contains_key(&id) || commits.contains_key(&id) {
                continue;
            }
            let text = reader.require(&id, ObjectKind::Commit)?;
            let mut commit = Headers::of(text);
            if !asked.is_empty()
                && let Some(change) = change_id_of(text).filter(|change| asked.contains(*change))
            {
                noted.insert(id, change.to_owned());
            }
            if commit.is_malformed {
                return Err(Failure::new(Kind::Git, format!("Could not read the commit {id}")).into());
            }
            if shallow.contains(&id) {
                commit.parents.clear();
            }
            open.push((id, true));
            open.extend(commit.parents.iter().rev().map(|parent| (*parent, false)));
            commits.insert(id, commit);
        }
        history.starts.push(history.parents.len());
        Ok(history)
    }

    fn push(&mut self, id: ObjectId, commit: Headers) -> anyhow::Result<u32> {
        let number = u32::try_from(self.ids.len())?;
        self.starts.push(self.parents.len());
        for parent in &commit.parents {
            self.parents.extend(self.numbers.get(parent));
        }
        if !commit.conflict.is_empty() {
            self.conflicts.insert(number, commit.conflict);
        }
        self.ids.push(id);
        self.numbers.insert(id, number);
        self.trees.extend(commit.tree);
        Ok(number)
    }

    /// What each commit has at each component.
    pub(crate) fn find(&self, objects: &Objects, components: &[Component]) -> anyhow::Result<Found> {
        let (root, slots) = tree(components);
        let slot_of = |place: &str| slots[place];
        let places: Vec<Vec<usize>> =
            components.iter().map(|component| component.places().map(slot_of).collect()).collect();
        let trees = look_up(objects, &root, self.trees.iter().chain(self.conflicts.values().flatten()))?;
        let pick = |tree: &ObjectId, places: &[usize]| {
            let there = trees.get(tree)?;
            places.iter().find_map(|slot| there[*slot])
        };
        let mut found = Found::default();
        let mut numbers: HashMap<Entry, u32> = HashMap::new();
        for places in &places {
            let (mut at, mut conflicts) = (Vec::with_capacity(self.len()), Vec::new());
            for (commit, tree) in self.trees.iter().enumerate() {
                let commit = u32::try_from(commit)?;
                let entry = match self.conflicts.get(&commit) {
                    None => pick(tree, places),
                    Some(terms) => {
                        let terms: Vec<_> = terms.iter().map(|term| pick(term, places)).collect();
                        resolve(&terms).unwrap_or_else(|| {
                            conflicts.push(commit);
                            None
                        })
                    }
                };
                let next = u32::try_from(found.entries.len() + 1)?;
                at.push(entry.map_or(0, |entry| {
                    *numbers.entry(entry).or_insert_with(|| {
                        found.entries.push(entry);
                        next
                    })
                }));
            }
            found.at.push(at);
            found.conflicts.push(conflicts);
        }
        Ok(found)
    }
}

/// What alternately added and removed terms come to where they cancel out; none where they do not: as in jj, a side that
/// is left alone is the outcome.
fn resolve(terms: &[Option<Entry>]) -> Option<Option<Entry>> {
    let mut counts: HashMap<Option<Entry>, i32> = HashMap::new();
    for (at, term) in terms.iter().enumerate() {
        *counts.entry(*term).or_default() += if at % 2 == 0 { 1 } else { -1 };
    }
    counts.retain(|_, count| *count != 0);
    match counts.into_iter().collect::<Vec<_>>()[..] {
        [(term, 1)] => Some(term),
        // Both sides made the same change.
        [(one, count), (_, other)] if count == 2 && other == -1 => Some(one),
        [(_, count), (one, other)] if count == -1 && other == 2 => Some(one),
        _ => None,
    }
}

type Slots = std::rc::Rc<[Option<Entry>]>;

/// What root trees have at every place. Two threads read them in the order in which they lie.
fn look_up<'a>(
    objects: &Objects,
    root: &Node,
    trees: impl Iterator<Item = &'a ObjectId>,
) -> anyhow::Result<HashMap<ObjectId, Box<[Option<Entry>]>>> {
    let mut wanted: Vec<ObjectId> = trees.copied().collect::<HashSet<_>>().into_iter().collect();
    wanted.sort_by_cached_key(|tree| (objects.locate(tree), *tree));
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let share = wanted.len().div_ceil(threads).max(1);
    let all = Mutex::new(HashMap::with_capacity(wanted.len()));
    std::thread::scope(|scope| {
        let read = |share: &[ObjectId]| -> anyhow::Result<()> {
            let mut search = Search { reader: objects.reader(), known: HashMap::new() };
            let mut found = Vec::with_capacity(share.len());
            for tree in share {
                found.push((*tree, Box::from(&*search.find(root, tree)?)));
            }
            all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(found);
            Ok(())
        };
        let readers: Vec<_> = wanted.chunks(share).map(|share| scope.spawn(move || read(share))).collect();
        let ended = |reader: std::thread::ScopedJoinHandle<'_, _>| {
            reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        readers.into_iter().try_for_each(ended)
    })?;
    Ok(all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

struct Search<'a> {
    reader: Reader<'a>,
    /// What trees below the root have, by the node that they stand for.
    known: HashMap<(usize, ObjectId), Slots>,
}

impl Search<'_> {
    /// What a tree, which stands for a node, has at the places below.
    fn find(&mut self, node: &Node, tree: &ObjectId) -> anyhow::Result<Slots> {
        if let Some(known) = self.known.get(&(node.number, *tree)) {
            return Ok(known.clone());
        }
        let mut found: Vec<Option<Entry>> = vec![None; node.slots.len()];
        let mut folders = Vec::new();
        for entry in TreeRefIter::from_bytes(self.reader.require(tree, ObjectKind::Tree)?, HASH) {
            let entry =
                entry.map_err(|_| Failure::new(Kind::Git, format!("Could not read the tree {tree}")))?;
            let Some(child) = node.children.get(entry.filename.as_ref() as &[u8]) else { continue };
            let entry = Entry { id: entry.oid.to_owned(), mode: entry.mode.value() };
            if let Some(slot) = child.ends {
                found[slot - node.slots.start] = Some(entry);
            }
            if entry.mode == gix_object::tree::EntryKind::Tree as u16 && !child.children.is_empty() {
                folders.push((child, entry.id));
            }
        }
        for (child, folder) in folders {
            let below = self.find(child, &folder)?;
            for (at, entry) in below.iter().enumerate() {
                if child.ends != Some(child.slots.start + at) {
                    found[child.slots.start + at - node.slots.start] = *entry;
                }
            }
        }
        let found: Slots = found.into();
        // A root tree is read once.
        if node.number != 0 {
            self.known.insert((node.number, *tree), found.clone());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_elsewhere_is_none_here() {
        let entry = |digit: char| {
            let id = ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap();
            Some(Entry { id, mode: 0o40000 })
        };
        let (a, b, c) = (entry('a'), entry('b'), entry('c'));
        assert_eq!(resolve(&[a, a, a]), Some(a));
        assert_eq!(resolve(&[a, a, b]), Some(b));
        assert_eq!(resolve(&[None, a, a]), Some(None));
        assert_eq!(resolve(&[b, a, b]), Some(b));
        assert_eq!(resolve(&[a, b, c]), None);
        assert_eq!(resolve(&[a, b, None]), None);
        assert_eq!(resolve(&[a, b, c, c, b]), Some(a));
    }
}
