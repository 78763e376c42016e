//! What a reading of a repo on another machine tells of its flows: lines alone, without the operations between this
//! reading and the last. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::diff::diff;
use super::history::{World, history};
use super::lines::Lines;
use crate::config::Trunk;
use crate::event::What;
use crate::graph::Graph;
use crate::journal::short_hash;
use crate::model::{BookmarkName, ChangeId, CommitId, Flow, OpId};
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

/// The events that bring the live rows level with the lines.
pub(crate) fn look(lines: Lines, rows: Vec<Flow>, before: &Before<'_>) -> Seen {
    let is_whole = lines.is_whole();
    let Lines { changes, within, .. } = lines;
    let mut survey = Survey::new(Graph::new(before.op.clone(), changes), rows, before.trunk);
    let mut stood = before.stood.clone();
    let mut events = Vec::new();
    let renames = if is_whole { renames(&survey) } else { Vec::new() };
    if !renames.is_empty() {
        let rows = survey.rows.into_iter().map(|row| as_renamed(row, &renames)).collect();
        survey = Survey::new(survey.graph, rows, before.trunk);
        for (old, new) in renames {
            stood.remove(&old).map(|place| stood.insert(new.clone(), place));
            events.push((old, What::Renamed { to: new }));
        }
    }
    let is_gone = |(_, what): &(BookmarkName, What)| matches!(what, What::Deleted {});
    let (gone, others): (Vec<_>, Vec<_>) =
        differences(&survey, before.component).into_iter().partition(is_gone);
    let missing = if is_whole { Vec::new() } else { gone.iter().map(|(flow, _)| flow.clone()).collect() };
    // First, since a name may come back in another case.
    events.extend(gone.into_iter().filter(|_| is_whole));
    events.extend(others);
    let mut now = Standings::new();
    for flow in &survey.flows {
        let name = flow.name.bookmark();
        let Some(at) = survey.target(flow).single().filter(|at| !at.divergent) else { continue };
        let Some(is_within) = is_within(&survey, &within, flow) else { continue };
        let was = stood.get(&name);
        events.extend(
            landing(&survey, flow, before, was, is_within).into_iter().map(|what| (name.clone(), what)),
        );
        now.insert(name, Stood { change: at.id.clone(), within: is_within });
    }
    // What this reading does not tell of stands where it did.
    let is_live = |name: &BookmarkName| survey.flow(name).is_some() || missing.contains(name);
    stood.retain(|name, _| is_live(name));
    stood.extend(now);
    Seen { events, stood, missing }
}

/// The plain difference, with no operation in between.
fn differences(survey: &Survey, component: &str) -> Vec<(BookmarkName, What)> {
    let world = World {
        rows: &survey.rows,
        merged_by: &HashMap::new(),
        unsettled: &HashSet::new(),
        target: &|name| survey.graph.bookmark(name).single().map(|change| change.commit.clone()),
        tip: &|_| None,
        between: &|_, _| None,
        worked_on: &HashSet::new(),
        trunk: survey.trunk.as_ref(),
        component,
    };
    diff(survey, &history(&[], &world).1, component)
}

/// Each flow that is gone with the new one on its change and of its uid, where neither could be another's.
fn renames(survey: &Survey) -> Vec<(BookmarkName, BookmarkName)> {
    let uid = |name: &BookmarkName| FlowName::parse(name.as_str()).ok().map(|name| name.uid().to_string());
    let is_new = |flow: &&Standing| flow.row.is_none();
    let come: Vec<(BookmarkName, ChangeId)> = survey
        .flows
        .iter()
        .filter(is_new)
        .filter_map(|flow| Some((flow.name.bookmark(), survey.recorded_tip(flow)?.id.clone())))
        .collect();
    let gone: Vec<&Flow> = survey.rows.iter().filter(|row| survey.flow(&row.bookmark).is_none()).collect();
    let fits = |row: &Flow, (name, change): &(BookmarkName, ChangeId)| {
        row.tip.change == *change && uid(&row.bookmark) == uid(name)
    };
    let mut renames = Vec::new();
    for row in &gone {
        let candidates: Vec<_> = come.iter().filter(|new| fits(row, new)).collect();
        let [one] = candidates.as_slice() else { continue };
        if gone.iter().filter(|row| fits(row, one)).count() == 1 {
            renames.push((row.bookmark.clone(), one.0.clone()));
        }
    }
    renames.sort();
    renames
}

/// A row as it is once these are on record.
fn as_renamed(mut row: Flow, renames: &[(BookmarkName, BookmarkName)]) -> Flow {
    let new = |name: &BookmarkName| renames.iter().find(|(old, _)| old == name).map(|(_, new)| new.clone());
    if let Some(name) = new(&row.bookmark) {
        row.bookmark = name;
    }
    if let Some(parent) = row.parent.as_ref().and_then(new) {
        row.parent = Some(parent);
    }
    row
}

/// Whether what a flow lands on has it beneath; none where the lines do not say.
fn is_within(
    survey: &Survey,
    within: &HashMap<CommitId, Vec<BookmarkName>>,
    flow: &Standing,
) -> Option<bool> {
    let parent = survey.landing_parent(flow)?;
    let at = survey.target(flow).single()?;
    let base = survey.graph.bookmark(&parent).single()?;
    let told = within.get(&at.commit);
    let is_told = told.is_some_and(|bases| bases.contains(&parent)) || at.beneath && base.trunk;
    if is_told || survey.graph.is_ancestor(&at.commit, &base.commit) {
        return Some(true);
    }
    told.map(|_| false)
}

/// What has become of a flow's landing: what it lands on has come to have beneath it what it had not at the last
/// reading, or has lost it.
fn landing(
    survey: &Survey,
    flow: &Standing,
    before: &Before<'_>,
    was: Option<&Stood>,
    is_within: bool,
) -> Vec<What> {
    let known = flow.row.as_ref().zip(survey.target(flow).single()).zip(survey.recorded_tip(flow));
    let Some(((row, at), tip)) = known else { return Vec::new() };
    if row.status.is_open() {
        let goes_on = tip.commit != at.commit;
        // That it came there by its own work, and was not put there.
        let beneath = survey.graph.ancestors(&at.commit);
        let has = |id: &ChangeId| beneath.iter().any(|place| survey.graph.changes()[*place].id == *id);
        let came = was.is_some_and(|was| !was.within && (has(&was.change) || has(&row.tip.change)));
        return match survey.landing_parent(flow) {
            Some(parent) if is_within && came && !goes_on => {
                let landing = short_hash(&format!("{} {}", before.op, flow.name));
                vec![What::Elsewhere { landing, parent, tip: tip.tip() }]
            }
            _ => Vec::new(),
        };
    }
    match before.merged_by.get(&row.id) {
        Some(landing) if !is_within && at.id == row.tip.change => {
            let moved = (tip.tip() != row.tip).then(|| What::Moved { tip: tip.tip() });
            std::iter::once(What::TakenBack { landing: landing.clone() }).chain(moved).collect()
        }
        _ => Vec::new(),
    }
}
