//! What operations did to flows, told as events: a pure replay of their effects on the rows.

use std::collections::HashMap;

use crate::event::{Found, Origin, What};
use crate::jj::{Move, Operation, Step};
use crate::model::{BookmarkName, CommitId, Flow, Tip};
use crate::name::FlowName;

/// How the descriptions of operations begin in which a bookmark that goes and one that comes are the same one.
const RENAMING: [&str; 4] = ["rename bookmark ", "undo: ", "redo: ", "revert operation "];

/// What is asked of the world during a replay.
pub(crate) struct Replay<'a> {
    /// The rows of the repo; without them a bookmark that was there before had one.
    pub(crate) rows: Option<&'a [Flow]>,
    /// The change of a commit; where it is unknown, nothing is told.
    pub(crate) tip: &'a dyn Fn(&CommitId) -> Option<Tip>,
    /// How a flow came to be that is new.
    pub(crate) origin: &'a dyn Fn(&BookmarkName) -> Origin,
    pub(crate) component: &'a str,
}

/// The events of these steps, in their order. Of a flow that several of them moved only the last move is told.
pub(crate) fn replay(steps: &[Step], world: &Replay<'_>) -> Vec<Found> {
    let rows = world.rows.unwrap_or_default();
    let mut known: HashMap<BookmarkName, Option<&Flow>> =
        rows.iter().map(|row| (row.bookmark.clone(), Some(row))).collect();
    let mut found = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let mut tell = |flow: &BookmarkName, what| found.push(happened(&step.operation, flow, what));
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
        for Move { name, after, .. } in &step.moves {
            let [after] = after.as_slice() else { continue };
            let Some(commit) = after else {
                if known.remove(name).is_some() {
                    tell(name, What::Deleted {});
                }
                continue;
            };
            let Some(tip) = (world.tip)(commit) else { continue };
            match known.get(name) {
                None => {
                    let parent = FlowName::parse(name.as_str()).ok().and_then(|name| name.parent());
                    let parent = parent.map(|parent| parent.bookmark());
                    tell(name, What::created(tip, parent, world.component, (world.origin)(name)));
                    known.insert(name.clone(), None);
                }
                Some(Some(row)) if row.tip == tip || !row.status.is_open() => {}
                Some(_) if renamed.is_some_and(|(_, new)| new == name) => {}
                Some(_) if moves_again(&steps[place + 1..], name) => {}
                Some(_) => tell(name, What::Moved { tip }),
            }
        }
    }
    found
}

/// The operation that last changed each bookmark.
pub(crate) fn causes(steps: &[Step]) -> HashMap<&BookmarkName, &Operation> {
    steps.iter().flat_map(|step| step.moves.iter().map(|moved| (&moved.name, &step.operation))).collect()
}

fn happened(operation: &Operation, flow: &BookmarkName, what: What) -> Found {
    Found { flow: flow.clone(), what, op: operation.id.clone(), at: operation.ended }
}

fn moves_again(later: &[Step], name: &BookmarkName) -> bool {
    later.iter().any(|step| step.moves.iter().any(|moved| moved.name == *name))
}

/// The one flow that went in this step, and the one that came in its place.
fn renamed(step: &Step) -> Option<(&BookmarkName, &BookmarkName)> {
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
