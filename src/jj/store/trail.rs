//! What happened to bookmarks since some operations: each later operation, and what it did to them.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

use super::{Bookmarks, OpStore, Operation, REACH, Target, Wanted};
use crate::model::{BookmarkName, OpId};

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
        let mut views: HashMap<String, Bookmarks> = HashMap::new();
        let mut bookmarks_of = |operation: &Operation| -> Option<Bookmarks> {
            if let Some(known) = views.get(&operation.view) {
                return Some(known.clone());
            }
            let bookmarks = self.load_bookmarks(operation, wanted)?;
            views.insert(operation.view.clone(), bookmarks.clone());
            Some(bookmarks)
        };
        let mut steps = Vec::new();
        for operation in self.load_later(since, heads)? {
            let after = bookmarks_of(&operation)?;
            let mut before = Vec::new();
            for parent in &operation.parents {
                before.push(bookmarks_of(&self.load_operation(parent)?)?);
            }
            let moves = moves(&before, &after);
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
    let mut missing: HashSet<OpId> = operations.iter().map(|operation| operation.id.clone()).collect();
    let (mut ordered, mut rest) = (Vec::new(), operations);
    while !rest.is_empty() {
        let ready = |operation: &Operation| !operation.parents.iter().any(|parent| missing.contains(parent));
        let (now, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(ready);
        if now.is_empty() {
            break;
        }
        now.iter().for_each(|operation| _ = missing.remove(&operation.id));
        ordered.extend(now);
        rest = later;
    }
    ordered
}

fn moves(before: &[Bookmarks], after: &Bookmarks) -> Vec<Move> {
    let names: BTreeSet<&BookmarkName> = before.iter().flat_map(BTreeMap::keys).chain(after.keys()).collect();
    let changed = |name: &&BookmarkName| before.iter().all(|before| before.get(*name) != after.get(*name));
    let of = |name: &BookmarkName| Move {
        name: name.clone(),
        before: target(before.first(), name),
        after: target(Some(after), name),
    };
    names.into_iter().filter(changed).map(of).collect()
}

fn target(bookmarks: Option<&Bookmarks>, name: &BookmarkName) -> Target {
    bookmarks.and_then(|bookmarks| bookmarks.get(name)).cloned().unwrap_or_else(|| vec![None])
}
