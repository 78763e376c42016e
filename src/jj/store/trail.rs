//! What happened to bookmarks since some operations: each later operation, and what it did to them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use super::{Bookmarks, OpStore, Operation, REACH, Target, Wanted, decode};
use crate::model::{BookmarkName, OpId};

/// How many view files are kept at hand.
const KEPT: usize = 8;

/// One operation and the local bookmarks that it changed: those that are other than after each of its parents.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) operation: Operation,
    pub(crate) moves: Vec<Move>,
}

/// A bookmark before and after an operation; no commit where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) name: BookmarkName,
    pub(crate) before: Target,
    pub(crate) after: Target,
}

impl OpStore {
    /// The operations from `since` (left out, with what lies beneath) up to `heads`, parents before children, as far
    /// as they changed bookmarks that are `wanted`. None where an operation is missing, or they are too many.
    pub(crate) fn load_steps(&self, since: &[OpId], heads: &[OpId], wanted: Wanted<'_>) -> Option<Vec<Step>> {
        let mut views = Views { store: self, kept: HashMap::new() };
        let mut steps = Vec::new();
        for operation in self.load_later(since, heads)? {
            let after = views.load(&operation)?;
            let parents = operation.parents.iter().map(|parent| views.load(&self.load_operation(parent)?));
            let parents = parents.collect::<Option<Vec<_>>>()?;
            let moves = load_moves(&parents, &after, wanted)?;
            if !moves.is_empty() {
                steps.push(Step { operation, moves });
            }
        }
        Some(steps)
    }

    /// The operations that `heads` have beneath them and `since` have not, in an order that parents come first in.
    fn load_later(&self, since: &[OpId], heads: &[OpId]) -> Option<Vec<Operation>> {
        // From the latest to the earliest: by then every child of an operation has been looked at, unless clocks
        // disagree. What is then counted as later by mistake is an operation that was known before.
        let mut waiting = BinaryHeap::new();
        let mut loaded = HashMap::new();
        let mut known: HashSet<OpId> = since.iter().cloned().collect();
        for id in heads.iter().chain(since) {
            self.wait_for(id, &mut waiting, &mut loaded)?;
        }
        let mut later = Vec::new();
        let mut seen = HashSet::new();
        while let Some((_, id)) = waiting.pop() {
            let id = OpId::new(id);
            if !seen.insert(id.clone()) {
                continue;
            }
            let operation: Operation = loaded.remove(&id)?;
            for parent in &operation.parents {
                if known.contains(&id) {
                    known.insert(parent.clone());
                }
                if !seen.contains(parent) {
                    self.wait_for(parent, &mut waiting, &mut loaded)?;
                }
            }
            if !known.contains(&id) {
                later.push(operation);
            }
            if waiting.iter().all(|(_, id)| known.contains(&OpId::new(id.as_str()))) {
                break;
            }
            if seen.len() > REACH {
                return None;
            }
        }
        later.sort_by_key(|operation| (operation.ended, operation.started));
        Some(in_order(later))
    }

    fn wait_for(
        &self,
        id: &OpId,
        waiting: &mut BinaryHeap<(jiff::Timestamp, String)>,
        loaded: &mut HashMap<OpId, Operation>,
    ) -> Option<()> {
        if !loaded.contains_key(id) {
            let operation = self.load_operation(id)?;
            waiting.push((operation.ended, id.to_string()));
            loaded.insert(id.clone(), operation);
        }
        Some(())
    }
}

/// Parents before children, else as they come.
fn in_order(operations: Vec<Operation>) -> Vec<Operation> {
    let places: HashMap<OpId, usize> =
        operations.iter().enumerate().map(|(place, operation)| (operation.id.clone(), place)).collect();
    let mut waits_for: Vec<usize> = Vec::new();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); operations.len()];
    for (place, operation) in operations.iter().enumerate() {
        let parents: Vec<usize> =
            operation.parents.iter().filter_map(|parent| places.get(parent).copied()).collect();
        parents.iter().for_each(|parent| children[*parent].push(place));
        waits_for.push(parents.len());
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..operations.len()).filter(|place| waits_for[*place] == 0).map(Reverse).collect();
    let mut rest: Vec<Option<Operation>> = operations.into_iter().map(Some).collect();
    let mut ordered = Vec::new();
    while let Some(Reverse(place)) = ready.pop() {
        ordered.extend(rest[place].take());
        for child in &children[place] {
            waits_for[*child] -= 1;
            if waits_for[*child] == 0 {
                ready.push(Reverse(*child));
            }
        }
    }
    ordered
}

/// View files, of which an operation's children need the same ones soon after.
struct Views<'a> {
    store: &'a OpStore,
    kept: HashMap<String, Rc<Vec<u8>>>,
}

impl Views<'_> {
    fn load(&mut self, operation: &Operation) -> Option<Rc<Vec<u8>>> {
        if let Some(known) = self.kept.get(&operation.view) {
            return Some(Rc::clone(known));
        }
        if self.kept.len() > KEPT {
            self.kept.clear();
        }
        let file = Rc::new(self.store.load_view_file(operation)?);
        self.kept.insert(operation.view.clone(), Rc::clone(&file));
        Some(file)
    }
}

/// What differs between a view and each of its parents'. Only entries that are not written alike are looked into.
fn load_moves(parents: &[Rc<Vec<u8>>], after: &Rc<Vec<u8>>, wanted: Wanted<'_>) -> Option<Vec<Move>> {
    if parents.iter().any(|parent| Rc::ptr_eq(parent, after)) {
        return Some(Vec::new());
    }
    let all_after = decode::entries(after)?;
    let all_before = parents.iter().map(|parent| decode::entries(parent)).collect::<Option<Vec<_>>>()?;
    let is_new = |entry: &&&[u8]| all_before.iter().all(|before| !before.contains(*entry));
    let new = decode::bookmarks(all_after.iter().filter(is_new), wanted)?;
    let gone = |before: &HashSet<&[u8]>| {
        decode::bookmarks(before.iter().filter(|entry| !all_after.contains(*entry)), wanted)
    };
    let gone = all_before.iter().map(gone).collect::<Option<Vec<_>>>()?;
    // In every parent it was another one, or was not there.
    let differs =
        |name: &&BookmarkName| gone.iter().all(|gone| gone.contains_key(*name)) || new.contains_key(*name);
    let names: BTreeSet<&BookmarkName> = gone.iter().flat_map(BTreeMap::keys).chain(new.keys()).collect();
    let moved = |name: &BookmarkName| Move {
        name: name.clone(),
        before: target(gone.first(), name),
        after: target(Some(&new), name),
    };
    let changed = |moved: &Move| gone.iter().all(|gone| target(Some(gone), &moved.name) != moved.after);
    Some(names.into_iter().filter(differs).map(moved).filter(changed).collect())
}

fn target(bookmarks: Option<&Bookmarks>, name: &BookmarkName) -> Target {
    bookmarks.and_then(|bookmarks| bookmarks.get(name)).cloned().unwrap_or_else(|| vec![None])
}
