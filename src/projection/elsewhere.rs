//! What a reading of a repo on another machine tells of its flows: lines alone, without the operations between this
//! reading and the last. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::diff::diff;
use super::history::{World, history};
use super::lines::Lines;
use crate::config::Trunk;
use crate::event::What;
use crate::graph::{Change, Graph};
use crate::journal::short_hash;
use crate::model::{BookmarkName, ChangeId, CommitId, Flow, OpId, Status, Tip};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};

/// Where a flow's bookmark was at a reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stood {
    pub(crate) change: ChangeId,
    /// Whether what the flow lands on had it beneath.
    pub(crate) within: bool,
}

/// Where every flow was at a reading.
pub(crate) type Standings = BTreeMap<BookmarkName, Stood>;

/// What is known before a reading.
#[derive(Debug)]
pub(crate) struct Before<'a> {
    /// Stands for the operation that the lines were read at, which they do not tell.
    pub(crate) op: &'a OpId,
    pub(crate) trunk: &'a Trunk,
    pub(crate) component: &'a str,
    /// For rows that are `merged`, by their numbers: the key of the landing.
    pub(crate) merged_by: &'a HashMap<i64, String>,
    /// Where flows were at the last reading.
    pub(crate) stood: &'a Standings,
}

/// What a reading tells.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) events: Vec<(BookmarkName, What)>,
    pub(crate) stood: Standings,
    /// Flows that are missing from lines that are not whole.
    pub(crate) missing: Vec<BookmarkName>,
}

/// The events that bring the live rows level with the lines. With those on record, the same lines tell nothing more.
pub(crate) fn look(lines: Lines, rows: Vec<Flow>, before: &Before<'_>) -> Seen {
    let is_whole = lines.is_whole();
    let Lines { changes, within, firsts, .. } = lines;
    let mut survey = Survey::new(Graph::new(before.op.clone(), changes), rows, before.trunk);
    let mut stood = before.stood.clone();
    let mut events = Vec::new();
    let renames = if is_whole { renames(&survey, &stood) } else { Vec::new() };
    if !renames.is_empty() {
        survey = with_rows(survey, before.trunk, |row| rename(row, &renames));
        for (old, new) in renames {
            stood.remove(&old).map(|place| stood.insert(new.clone(), place));
            events.push((old, What::Renamed { to: new }));
        }
    }
    // What has landed lets other flows' work count otherwise, and so on.
    let sight = Sight { within: &within, is_whole, before };
    for _ in 0..=survey.rows.len() {
        let told: Vec<(BookmarkName, What)> =
            survey.flows.iter().filter_map(|flow| sight.landing(&survey, flow, &stood)).collect();
        if told.is_empty() {
            break;
        }
        survey = with_rows(survey, before.trunk, |row| told.iter().for_each(|told| land(row, told)));
        events.extend(told);
    }
    let is_gone = |(_, what): &(BookmarkName, What)| matches!(what, What::Deleted {});
    let (gone, mut others): (Vec<_>, Vec<_>) =
        differences(&survey, before.component, &firsts).into_iter().partition(is_gone);
    // The work that a row has above its bookmark may stand in a line that is missing.
    let is_there = |row: &Flow| survey.graph.changes().iter().any(|change| change.id == row.tip.change);
    let lacks = |flow: &BookmarkName| survey.rows.iter().any(|row| row.bookmark == *flow && !is_there(row));
    others.retain(|(flow, what)| is_whole || !matches!(what, What::Moved { .. }) || !lacks(flow));
    let missing = if is_whole { Vec::new() } else { gone.iter().map(|(flow, _)| flow.clone()).collect() };
    // First, since a name may come back in another case.
    events.extend(gone.into_iter().filter(|_| is_whole));
    events.extend(others);
    // What this reading does not tell of stands where it did.
    stood.retain(|name, _| survey.flow(name).is_some() || missing.contains(name));
    stood.extend(survey.flows.iter().filter_map(|flow| sight.stands(&survey, flow)));
    Seen { events, stood, missing }
}

fn with_rows(survey: Survey, trunk: &Trunk, change: impl Fn(&mut Flow)) -> Survey {
    let mut rows = survey.rows;
    rows.iter_mut().for_each(change);
    Survey::new(survey.graph, rows, trunk)
}

/// The plain difference, with no operation in between. A conflicted bookmark stands at the first of its targets, as it
/// does where operations tell of it.
fn differences(
    survey: &Survey,
    component: &str,
    firsts: &HashMap<BookmarkName, Tip>,
) -> Vec<(BookmarkName, What)> {
    let world = World {
        rows: &survey.rows,
        merged_by: &HashMap::new(),
        taken_back: &HashMap::new(),
        unsettled: &HashSet::new(),
        target: &|name| survey.graph.bookmark(name).single().map(|change| change.commit.clone()),
        tip: &|_| None,
        between: &|_, _| None,
        worked_on: &HashSet::new(),
        trunk: survey.trunk.as_ref(),
        component,
    };
    let moved = survey.flows.iter().filter_map(|flow| {
        let (name, row) = (flow.name.bookmark(), flow.row.as_ref()?);
        let first = firsts.get(&name).filter(|first| row.status.is_open() && row.tip != **first)?;
        Some((name, What::Moved { tip: first.clone() }))
    });
    let mut events: Vec<(BookmarkName, What)> = moved.collect();
    for (name, mut what) in diff(survey, &history(&[], &world).1, component) {
        if let (What::Created { tip, .. }, Some(first)) = (&mut what, firsts.get(&name)) {
            tip.clone_from(first);
        }
        events.push((name, what));
    }
    events
}

/// Each flow that is gone with the new one on its change and of its uid, where neither could be another's.
fn renames(survey: &Survey, stood: &Standings) -> Vec<(BookmarkName, BookmarkName)> {
    let come: Vec<&Standing> = survey.flows.iter().filter(|flow| flow.row.is_none()).collect();
    let gone: Vec<&Flow> = survey.rows.iter().filter(|row| survey.flow(&row.bookmark).is_none()).collect();
    let fits = |row: &Flow, new: &Standing| {
        let uid = FlowName::parse(row.bookmark.as_str()).ok().map(|name| name.uid().clone());
        let tip = survey.recorded_tip(new).map(|tip| &tip.id);
        let at = survey.target(new).single().map(|at| &at.id);
        let stood = stood.get(&row.bookmark).map(|stood| &stood.change);
        uid.as_ref() == Some(new.name.uid()) && (tip == Some(&row.tip.change) || at.is_some() && at == stood)
    };
    let mut renames = Vec::new();
    for row in &gone {
        let candidates: Vec<_> = come.iter().filter(|new| fits(row, new)).collect();
        let [one] = candidates.as_slice() else { continue };
        if gone.iter().filter(|row| fits(row, one)).count() == 1 {
            renames.push((row.bookmark.clone(), one.name.bookmark()));
        }
    }
    renames.sort();
    renames
}

/// A row as it is once these are on record.
fn rename(row: &mut Flow, renames: &[(BookmarkName, BookmarkName)]) {
    let new = |name: &BookmarkName| renames.iter().find(|(old, _)| old == name).map(|(_, new)| new.clone());
    if let Some(name) = new(&row.bookmark) {
        row.bookmark = name;
    }
    if let Some(parent) = row.parent.as_ref().and_then(new) {
        row.parent = Some(parent);
    }
}

/// A row as it is once this is on record.
fn land(row: &mut Flow, (flow, what): &(BookmarkName, What)) {
    match what {
        What::Elsewhere { tip, .. } if row.bookmark == *flow => {
            (row.status, row.tip) = (Status::Merged, tip.clone());
        }
        What::TakenBack { .. } if row.bookmark == *flow => row.status = Status::InProgress,
        _ => {}
    }
}

/// How landings are told from lines.
struct Sight<'a> {
    /// The bookmarks to land on that have a commit beneath them.
    within: &'a HashMap<CommitId, Vec<BookmarkName>>,
    /// Else what lies between two commits may only be missing.
    is_whole: bool,
    before: &'a Before<'a>,
}

impl Sight<'_> {
    /// What has become of a flow's landing since it stood where it did.
    fn landing(&self, survey: &Survey, flow: &Standing, stood: &Standings) -> Option<(BookmarkName, What)> {
        let (row, name) = (flow.row.as_ref()?, flow.name.bookmark());
        let parent = survey.landing_parent(flow)?;
        let what = match row.status.is_open() {
            true => self.landed(survey, flow, row, &parent, stood.get(&name)?)?,
            false => self.taken_back(survey, row, &parent)?,
        };
        Some((name, what))
    }

    /// What it lands on has come to have it beneath, by the flow's own work.
    fn landed(
        &self,
        survey: &Survey,
        flow: &Standing,
        row: &Flow,
        parent: &BookmarkName,
        was: &Stood,
    ) -> Option<What> {
        let (at, tip) = (survey.target(flow).single()?, survey.recorded_tip(flow)?);
        let is_new = !was.within && !at.divergent && self.is_within(survey, at, parent)?;
        if !is_new || tip.commit != at.commit {
            return None;
        }
        // A bookmark that was only put there has nothing beneath it of what the flow had.
        let beneath = survey.graph.ancestors(&at.commit);
        let mut ids = beneath.iter().map(|place| &survey.graph.changes()[*place].id);
        let landing = short_hash(&format!("{} {}", self.before.op, flow.name));
        ids.any(|id| *id == was.change || *id == row.tip.change).then(|| What::Elsewhere {
            landing,
            parent: parent.clone(),
            tip: tip.tip(),
        })
    }

    /// What had landed is not beneath what it landed on any more.
    fn taken_back(&self, survey: &Survey, row: &Flow, parent: &BookmarkName) -> Option<What> {
        let landing = self.before.merged_by.get(&row.id)?.clone();
        let copies = survey.graph.changes().iter().filter(|change| change.id == row.tip.change);
        let within: Vec<_> = copies.map(|change| self.is_within(survey, change, parent)).collect();
        let is_out = !within.is_empty() && within.iter().all(|within| *within == Some(false));
        is_out.then_some(What::TakenBack { landing })
    }

    /// Where a flow stands; none where the lines do not say.
    fn stands(&self, survey: &Survey, flow: &Standing) -> Option<(BookmarkName, Stood)> {
        let at = survey.target(flow).single().filter(|at| !at.divergent)?;
        let within = self.is_within(survey, at, &survey.landing_parent(flow)?)?;
        Some((flow.name.bookmark(), Stood { change: at.id.clone(), within }))
    }

    /// Whether a bookmark has a change beneath it; none where the lines do not say.
    fn is_within(&self, survey: &Survey, change: &Change, parent: &BookmarkName) -> Option<bool> {
        let base = survey.graph.bookmark(parent).single()?;
        let told = self.within.get(&change.commit);
        let is_told = told.is_some_and(|bases| bases.contains(parent)) || change.beneath && base.trunk;
        if is_told || survey.graph.is_ancestor(&change.commit, &base.commit) {
            return Some(true);
        }
        told.filter(|_| self.is_whole).map(|_| false)
    }
}
