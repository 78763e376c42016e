//! What operations did to flows, told whole: every change of a bookmark is an event of the operation that made it. A
//! pure replay, so that whoever tells it, and in however many stretches, tells the same.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::trail::renamed;
use crate::event::{Found, Origin, What};
use crate::jj::{Between, Move, Operation, Step, Target};
use crate::journal::short_hash;
use crate::model::{BookmarkName, CommitId, Flow, OpId, Status, Tip, Trouble};
use crate::name::FlowName;

/// What is known of the world of some steps.
pub(crate) struct World<'a> {
    /// The live rows of the repo.
    pub(crate) rows: &'a [Flow],
    /// For rows that are `merged`, by their numbers: the key of the landing.
    pub(crate) merged_by: &'a HashMap<i64, String>,
    /// Landings that jj-flow did and took back, each by its flow: the operation that the parent's move stands on.
    pub(crate) taken_back: &'a HashMap<BookmarkName, Vec<OpId>>,
    /// Rows with a landing that is under way: what becomes of them is told by whoever is at it.
    pub(crate) unsettled: &'a HashSet<BookmarkName>,
    /// Where bookmarks stand at the end.
    pub(crate) target: &'a dyn Fn(&BookmarkName) -> Option<CommitId>,
    /// The change of a commit; where it is unknown, nothing is told.
    pub(crate) tip: &'a dyn Fn(&CommitId) -> Option<Tip>,
    /// What one commit has beneath it and another has not; where it is unknown, no landing is told.
    pub(crate) between: &'a dyn Fn(&CommitId, &CommitId) -> Option<Between>,
    /// Flows whose work goes on above their bookmark.
    pub(crate) worked_on: &'a HashSet<BookmarkName>,
    /// What root flows land on.
    pub(crate) trunk: Option<&'a BookmarkName>,
    pub(crate) component: &'a str,
}

/// A flow as it stands during the replay, and at its end as its row will be.
#[derive(Debug)]
pub(crate) struct Known {
    /// Where its bookmark is.
    at: Option<CommitId>,
    pub(crate) tip: Tip,
    pub(crate) status: Status,
    pub(crate) trouble: Option<Trouble>,
    parent: Option<BookmarkName>,
    /// The landing that made it `merged`.
    landing: Option<String>,
    /// What it was before a landing that is on record, and that is none any more.
    aloft: Option<Status>,
    is_settled: bool,
    /// The row is known to have got where the step before this place brings it.
    accounted: usize,
}

/// The events of these steps, in their order, and the flows as they stand behind them.
pub(crate) fn history(steps: &[Step], world: &World<'_>) -> (Vec<Found>, HashMap<BookmarkName, Known>) {
    let known = world.rows.iter().map(|row| (row.bookmark.clone(), known(row, steps, world))).collect();
    let mut replay = Replay { world, known, gone: HashMap::new(), stood: HashMap::new(), found: Vec::new() };
    for (place, step) in steps.iter().enumerate() {
        replay.take(place, step);
    }
    for known in replay.known.values_mut() {
        known.status = known.aloft.take().unwrap_or(known.status);
    }
    (replay.found, replay.known)
}

fn known(row: &Flow, steps: &[Step], world: &World<'_>) -> Known {
    let of_row = |step: &Step| step.moves.iter().find(|moved| moved.name == row.bookmark).cloned();
    let first = steps.iter().find_map(of_row);
    let brings =
        |step: &Step| of_row(step).is_some_and(|moved| first_of(&moved.after) == Some(&row.tip.commit));
    Known {
        at: first.map_or_else(|| (world.target)(&row.bookmark), |moved| single(&moved.before)),
        tip: row.tip.clone(),
        status: row.status,
        trouble: row.trouble,
        parent: row.parent.clone(),
        landing: world.merged_by.get(&row.id).cloned(),
        aloft: None,
        is_settled: !world.unsettled.contains(&row.bookmark),
        accounted: steps.iter().rposition(brings).map_or(0, |place| place + 1),
    }
}

/// The one commit of a target; none where there is none, or several.
fn single(target: &Target) -> Option<CommitId> {
    if let [one] = target.as_slice() { one.clone() } else { None }
}

/// The commit that stands for a target: the first one that it adds, where it is conflicted.
fn first_of(target: &Target) -> Option<&CommitId> {
    target.iter().step_by(2).flatten().next()
}

struct Replay<'a> {
    world: &'a World<'a>,
    known: HashMap<BookmarkName, Known>,
    /// Flows whose bookmarks went on the way, as they were.
    gone: HashMap<BookmarkName, Known>,
    /// Where bookmarks last had one target.
    stood: HashMap<BookmarkName, CommitId>,
    found: Vec<Found>,
}

impl Replay<'_> {
    fn take(&mut self, place: usize, step: &Step) {
        let renaming = renamed(step).filter(|(old, new)| {
            self.known.contains_key(*old) && !self.known.contains_key(*new) && is_flow(new)
        });
        if let Some((old, new)) = renaming {
            self.tell(step, old, What::Renamed { to: new.clone() }, false);
            let known = self.known.remove(old);
            self.known.extend(known.map(|known| (new.clone(), known)));
        }
        for moved in &step.moves {
            if is_flow(&moved.name) && renaming.is_none_or(|(_, new)| moved.name != *new) {
                self.take_move(place, step, moved);
            }
        }
        for moved in &step.moves {
            // One that was conflicted in between has gone from where it was before that.
            let from = single(&moved.before).or_else(|| self.stood.get(&moved.name).cloned());
            if let (Some(from), Some(to)) = (from, single(&moved.after)) {
                self.take_landings(place, step, &moved.name, &from, &to);
            }
            self.stood.extend(single(&moved.after).map(|to| (moved.name.clone(), to)));
        }
    }

    fn take_move(&mut self, place: usize, step: &Step, Move { name, before, after }: &Move) {
        let Some(commit) = first_of(after) else {
            if let Some(known) = self.known.remove(name) {
                self.gone.insert(name.clone(), known);
                self.tell(step, name, What::Deleted {}, false);
            }
            return;
        };
        let Some(tip) = (self.world.tip)(commit) else { return };
        // Of operations that went on side by side one may have deleted what the other moves.
        if !self.known.contains_key(name) {
            match self.gone.remove(name).filter(|gone| gone.at.is_some() && gone.at == single(after)) {
                // One that comes back where it went from, by `jj undo` say, goes on as it was.
                Some(gone) => return self.bring_back(step, name, gone),
                None => self.create(step, name, &tip),
            }
        }
        let Some(known) = self.known.get_mut(name) else { return };
        known.at = single(after);
        // What was told before is only missing in the log, and the row of what has landed stays as it landed.
        let is_aside = place < known.accounted || !known.status.is_open();
        // A row that was there before its bookmark came is of whoever made both.
        let is_told = place + 1 == known.accounted || is_aside && *before == [None];
        let mut events = Vec::new();
        if !is_told && known.tip != tip {
            if !is_aside {
                known.tip = tip.clone();
            }
            events.push((What::Moved { tip }, is_aside));
        }
        let was_conflicted = known.trouble == Some(Trouble::Conflicted);
        if known.at.is_none() && !was_conflicted {
            known.trouble = Some(Trouble::Conflicted);
            events.push((What::Conflicted { targets: after.clone() }, false));
        } else if known.at.is_some() && was_conflicted {
            known.trouble = None;
            events.push((What::Clear {}, false));
        }
        for (what, is_aside) in events {
            self.tell(step, name, what, is_aside);
        }
    }

    fn create(&mut self, step: &Step, name: &BookmarkName, tip: &Tip) {
        let parent = FlowName::parse(name.as_str()).ok().and_then(|name| name.parent());
        let parent = parent.map(|parent| parent.bookmark());
        let what = What::created(tip.clone(), parent.clone(), self.world.component, Origin::Found);
        self.tell(step, name, what, false);
        let known = Known {
            at: Some(tip.commit.clone()),
            tip: tip.clone(),
            status: Status::InProgress,
            trouble: None,
            parent,
            landing: None,
            aloft: None,
            is_settled: true,
            accounted: 0,
        };
        self.known.insert(name.clone(), known);
    }

    fn bring_back(&mut self, step: &Step, name: &BookmarkName, gone: Known) {
        let (tip, parent) = (gone.tip.clone(), gone.parent.clone());
        let what = What::created(tip, parent, self.world.component, Origin::Found);
        self.tell(step, name, what, false);
        self.known.insert(name.clone(), gone);
    }

    /// A bookmark has moved: what it has gained has landed on it, what it has lost was taken back.
    fn take_landings(
        &mut self,
        place: usize,
        step: &Step,
        parent: &BookmarkName,
        from: &CommitId,
        to: &CommitId,
    ) {
        let lands_here = |(name, known): &(&BookmarkName, &Known)| {
            let is_asked = known.at.is_some() && known.is_settled && known.trouble.is_none();
            is_asked && *name != parent && self.landing_parent(known) == Some(parent)
        };
        let names = self.known.iter().filter(lands_here).map(|(name, _)| name.clone());
        let names: BTreeSet<BookmarkName> = names.collect();
        if names.is_empty() {
            return;
        }
        let Some(between) = (self.world.between)(from, to) else { return };
        for name in names {
            let Some(known) = self.known.get_mut(&name) else { continue };
            let Some(at) = known.at.clone() else { continue };
            let own = step.moves.iter().find(|moved| moved.name == name);
            let was = own.and_then(|moved| single(&moved.before)).unwrap_or_else(|| at.clone());
            // The work on top of a bookmark counts, as far as it is known.
            let tip = match (self.world.tip)(&at) {
                Some(at) if !between.gained.contains(&known.tip.commit) => at,
                _ => known.tip.clone(),
            };
            let has_come = between.gained.contains(&at) || between.gained.contains(&tip.commit);
            let has_gone = between.lost.contains(&was)
                || known.landing.is_some() && between.lost.contains(&known.tip.commit);
            let goes_on =
                self.world.worked_on.contains(&name) && (self.world.target)(&name).as_ref() == Some(&at);
            let what = match (&known.landing, known.status.is_open()) {
                (None, true) if has_come && is_own(step, self.world.taken_back.get(&name)) => {
                    known.aloft = Some(std::mem::replace(&mut known.status, Status::Merged));
                    continue;
                }
                (None, false) if has_gone && !has_come => {
                    known.status = known.aloft.take().unwrap_or(known.status);
                    continue;
                }
                (None, true) if has_come && !has_gone && !goes_on => {
                    let landing = short_hash(&format!("{} {name}", step.operation.id));
                    (known.status, known.landing) = (Status::Merged, Some(landing.clone()));
                    known.tip = tip.clone();
                    What::Elsewhere { landing, parent: parent.clone(), tip }
                }
                (Some(landing), false) if has_gone && !has_come => {
                    let landing = landing.clone();
                    (known.status, known.landing) = (Status::InProgress, None);
                    What::TakenBack { landing }
                }
                _ => continue,
            };
            let is_taken_back = matches!(what, What::TakenBack { .. });
            self.tell(step, &name, what, false);
            if is_taken_back {
                self.take_along(place, step, &name);
            }
        }
    }

    /// What took a landing back may have moved the flow too: its row, open again, goes along.
    fn take_along(&mut self, place: usize, step: &Step, name: &BookmarkName) {
        let Some(known) = self.known.get_mut(name).filter(|known| place >= known.accounted) else { return };
        let is_move = |found: &Found| {
            found.flow == *name && found.op == step.operation.id && matches!(found.what, What::Moved { .. })
        };
        let Some(at) = self.found.iter().rposition(is_move) else { return };
        let found = self.found.remove(at);
        if let What::Moved { tip } = &found.what {
            known.tip = tip.clone();
        }
        self.found.push(Found { is_aside: false, ..found });
    }

    /// The bookmark that a flow lands on, or has landed on.
    fn landing_parent<'k>(&'k self, known: &'k Known) -> Option<&'k BookmarkName> {
        let mut parent = known.parent.as_ref();
        for _ in 0..=self.known.len() {
            match parent.and_then(|parent| self.known.get(parent)) {
                Some(above) if !above.status.is_open() => parent = above.parent.as_ref(),
                _ => break,
            }
        }
        parent.or(self.world.trunk)
    }

    fn tell(&mut self, step: &Step, flow: &BookmarkName, what: What, is_aside: bool) {
        let Operation { id, ended, .. } = &step.operation;
        let (op, at) = (id.clone(), *ended);
        self.found.push(Found { flow: flow.clone(), what, op, at, is_cause: true, is_aside });
    }
}

/// Whether an operation published one of these landings.
fn is_own(step: &Step, chains: Option<&Vec<OpId>>) -> bool {
    let Operation { id, parents, .. } = &step.operation;
    let stands_on =
        |chain: &OpId| parents.iter().chain([id]).any(|op| op.as_str().starts_with(chain.as_str()));
    chains.is_some_and(|chains| chains.iter().any(stands_on))
}

fn is_flow(name: &BookmarkName) -> bool {
    FlowName::parse(name.as_str()).is_ok()
}
