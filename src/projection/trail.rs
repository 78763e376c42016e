//! What operations did to flows, told as events: a pure replay of their effects on the rows.

use std::collections::{HashMap, HashSet};

use crate::event::{Found, Origin, What};
use crate::jj::{Move, Operation, Step, Target};
use crate::model::{BookmarkName, CommitId, Flow, Tip};
use crate::name::FlowName;

/// How jj's descriptions of operations begin in which a bookmark that goes and one that comes are the same one. jj has
/// no other mark of them; `tests/it/shim_watch.rs` pins these.
const RENAMING: [&str; 4] = ["rename bookmark ", "undo: ", "redo: ", "revert operation "];

/// What is asked of the world during a replay.
pub(crate) struct Replay<'a> {
    /// The rows of the repo; without them a bookmark that was there before had one.
    pub(crate) rows: Option<&'a [Flow]>,
    /// The change of a commit; where it is unknown, nothing is told.
    pub(crate) tip: &'a dyn Fn(&CommitId) -> Option<Tip>,
    /// How a flow came to be that an operation made.
    pub(crate) origin: &'a dyn Fn(&Operation, &BookmarkName) -> Origin,
    /// Whose operations are told. What the others did counts, and is told by somebody else.
    pub(crate) is_told: &'a dyn Fn(&Operation) -> bool,
    pub(crate) component: &'a str,
}

/// The events of these steps, in their order, and whether a flow was met that had no row though it was there before. Of
/// a flow that several of them moved only the last move is told, and nothing that somebody else's operation has
/// overtaken. Where operations went on side by side, what they did to one flow is left to whoever looks at the end.
pub(crate) fn replay(steps: &[Step], world: &Replay<'_>) -> (Vec<Found>, bool) {
    let rows = world.rows.unwrap_or_default();
    let mut known: HashMap<BookmarkName, Option<&Flow>> =
        rows.iter().map(|row| (row.bookmark.clone(), Some(row))).collect();
    let doubtful = doubtful(steps);
    let (mut found, mut missed) = (Vec::new(), false);
    for (place, step) in steps.iter().enumerate() {
        let is_told = (world.is_told)(&step.operation);
        let mut tell = |flow: &BookmarkName, what| {
            if is_told {
                found.push(Found {
                    flow: flow.clone(),
                    what,
                    op: step.operation.id.clone(),
                    at: step.operation.ended,
                    is_cause: true,
                    is_aside: false,
                });
            }
        };
        if world.rows.is_none() {
            let before = step.moves.iter().filter(|moved| moved.before != [None]);
            known.extend(before.map(|moved| (moved.name.clone(), None)));
        }
        let renamed =
            renamed(step).filter(|(old, new)| known.contains_key(*old) && !known.contains_key(*new));
        if let Some((old, new)) = renamed {
            tell(old, What::Renamed { to: new.clone() });
            let row = known.remove(old).flatten();
            known.insert(new.clone(), row);
        }
        for Move { name, before, after } in &step.moves {
            let [after] = after.as_slice() else { continue };
            let later = &steps[place + 1..];
            let by_others = |operation: &Operation| !(world.is_told)(operation);
            let is_overtaken = doubtful.contains(name) || touches(later, name, &by_others);
            let Some(commit) = after else {
                if known.remove(name).is_some() && !is_overtaken {
                    tell(name, What::Deleted {});
                }
                continue;
            };
            let Some(tip) = (world.tip)(commit) else { continue };
            match known.get(name) {
                None if is_overtaken => {}
                None if world.rows.is_some() && *before != [None] => missed = true,
                None => {
                    let parent = FlowName::parse(name.as_str()).ok().and_then(|name| name.parent());
                    let parent = parent.map(|parent| parent.bookmark());
                    let origin = (world.origin)(&step.operation, name);
                    tell(name, What::created(tip, parent, world.component, origin));
                    known.insert(name.clone(), None);
                }
                Some(Some(row)) if row.tip == tip || !row.status.is_open() => {}
                Some(_) if renamed.is_some_and(|(_, new)| new == name) => {}
                Some(_) if is_overtaken || touches(later, name, &|_| true) => {}
                Some(_) => tell(name, What::Moved { tip }),
            }
        }
    }
    (found, missed)
}

/// The operation that last changed each bookmark.
pub(crate) fn causes(steps: &[Step]) -> HashMap<&BookmarkName, &Operation> {
    steps.iter().flat_map(|step| step.moves.iter().map(|moved| (&moved.name, &step.operation))).collect()
}

/// The flows to which something was done in several operations that did not know of one another.
fn doubtful(steps: &[Step]) -> HashSet<&BookmarkName> {
    let mut standing: HashMap<&BookmarkName, &Target> = HashMap::new();
    let moves = steps.iter().flat_map(|step| &step.moves);
    let torn = moves.filter(|Move { name, before, after }| {
        standing.insert(name, after).is_some_and(|standing| standing != before)
    });
    torn.map(|moved| &moved.name).collect()
}

/// Whether a later operation, of those that count, did something to the flow.
fn touches(later: &[Step], name: &BookmarkName, counts: &dyn Fn(&Operation) -> bool) -> bool {
    let has = |step: &&Step| step.moves.iter().any(|moved| moved.name == *name);
    later.iter().filter(has).any(|step| counts(&step.operation))
}

/// The one flow that went in this step, and the one that came in its place.
pub(super) fn renamed(step: &Step) -> Option<(&BookmarkName, &BookmarkName)> {
    if !RENAMING.iter().any(|beginning| step.operation.description.starts_with(beginning)) {
        return None;
    }
    let gone = step.moves.iter().filter(|moved| moved.after == [None]);
    let come = step.moves.iter().filter(|moved| moved.before == [None]);
    match (gone.collect::<Vec<_>>().as_slice(), come.collect::<Vec<_>>().as_slice()) {
        ([old], [new]) if old.before == new.after => Some((&old.name, &new.name)),
        _ => None,
    }
}
