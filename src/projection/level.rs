//! Brings a repo's record level with what was read of it: every change of a bookmark since the last time as an event of
//! its operation, then whatever else differs, in one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::diff::diff;
use super::history::{World, history};
use super::trail::causes;
use crate::config::Trunk;
use crate::event::{Found, What};
use crate::jj::{Between, Jj, OpStore, Step};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, CommitId, OpId, Tip};
use crate::name::FlowName;
use crate::survey::{Standing, Survey, trunk_candidates};

/// Where and how somebody looks.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    /// Asked for what jj's files do not tell.
    pub(crate) jj: &'a Jj,
    pub(crate) trunk: &'a Trunk,
    pub(crate) component: &'a str,
    pub(crate) now: Timestamp,
}

/// What operations did since the record was last level.
#[derive(Debug)]
pub(crate) struct Past {
    since: Option<OpId>,
    /// None where that cannot be told any more.
    steps: Option<Vec<Step>>,
    /// The changes of the commits that flows moved to. One that git has collected is not among them.
    tips: HashMap<CommitId, Tip>,
}

impl Past {
    /// Reads the operations from `since` to `op`. `more` are bookmarks that flows land on, beside flows and trunks.
    pub(crate) fn load(
        jj: &Jj,
        trunk: &Trunk,
        since: Option<OpId>,
        op: &OpId,
        more: impl IntoIterator<Item = BookmarkName>,
    ) -> Self {
        let store = OpStore::open(jj.repo());
        let mut bases: HashSet<BookmarkName> = trunk_candidates(trunk).into_iter().collect();
        bases.extend(more);
        let wanted = |name: &BookmarkName| is_flow(name) || bases.contains(name);
        let load = |store: &OpStore, since: &OpId| {
            store.load_steps(std::slice::from_ref(since), std::slice::from_ref(op), &wanted)
        };
        let steps = store.as_ref().zip(since.as_ref()).and_then(|(store, since)| load(store, since));
        let tips = load_tips(jj, store.as_ref(), op, steps.as_deref().unwrap_or_default());
        Self { since, steps, tips }
    }
}

/// Brings the record level with a survey, and gives how many events that took. `past` was read ahead, or is read now.
/// `is_gone` looks again whether a bookmark is.
pub(crate) fn level(
    look: &Look<'_>,
    ledger: &mut Ledger,
    survey: &Survey,
    past: Option<Past>,
    is_gone: impl Fn(&BookmarkName) -> anyhow::Result<bool>,
) -> anyhow::Result<usize> {
    let op = &survey.graph.op;
    let since = ledger.told()?;
    let past = past.filter(|past| past.since == since).unwrap_or_else(|| {
        let more = survey.rows.iter().filter_map(|row| row.parent.clone());
        Past::load(look.jj, look.trunk, since, op, more)
    });
    let found = find(look, ledger, survey, &past)?;
    ledger.record_found(op, found, is_gone)
}

fn find(look: &Look<'_>, ledger: &Ledger, survey: &Survey, past: &Past) -> anyhow::Result<Vec<Found>> {
    let op = &survey.graph.op;
    let steps = past.steps.as_deref().unwrap_or_default();
    let rows = &survey.rows;
    let has_merged = rows.iter().any(|row| !row.status.is_open()) && !steps.is_empty();
    let merged_by = if has_merged { ledger.registry.merged_by(&ledger.repo)? } else { HashMap::new() };
    let taken_back =
        if steps.is_empty() { HashMap::new() } else { ledger.registry.taken_back(&ledger.repo)? };
    let unsettled = ledger.registry.unsettled_landings(&ledger.repo)?;
    let store = OpStore::open(look.jj.repo());
    let world = World {
        rows,
        merged_by: &merged_by,
        taken_back: &taken_back,
        unsettled: &unsettled.into_iter().map(|landing| landing.flow).collect(),
        target: &|name| survey.graph.bookmark(name).single().map(|change| change.commit.clone()),
        tip: &|commit| {
            let here = || Some(survey.graph.changes()[survey.graph.place(commit)?].tip());
            past.tips.get(commit).cloned().or_else(here)
        },
        between: &|from, to| load_between(look.jj, store.as_ref(), op, from, to),
        worked_on: &worked_on(survey),
        trunk: survey.trunk.as_ref(),
        component: look.component,
    };
    let (mut found, known) = history(steps, &world);
    let causes = causes(steps);
    let seen = diff(survey, &known, look.component).into_iter().map(|(flow, what)| {
        let cause = causes.get(&flow).map(|operation| (operation.id.clone(), operation.ended));
        // Work on top of a bookmark is some operation's of these; what came and went in none of them is nobody's.
        let is_cause = cause.is_some() || past.steps.is_some() && matches!(what, What::Moved { .. });
        let (op, at) = cause.unwrap_or_else(|| (op.clone(), look.now));
        Found { flow, what, op, at, is_cause, is_aside: false }
    });
    found.extend(seen);
    Ok(found)
}

/// The flows with work above their bookmarks.
fn worked_on(survey: &Survey) -> HashSet<BookmarkName> {
    let goes_on = |flow: &&Standing| {
        let at = survey.target(flow).single().map(|change| &change.commit);
        survey.recorded_tip(flow).map(|change| &change.commit) != at
    };
    survey.flows.iter().filter(goes_on).map(|flow| flow.name.bookmark()).collect()
}

/// Those that git has packed away take one process.
pub(crate) fn load_tips(
    jj: &Jj,
    store: Option<&OpStore>,
    op: &OpId,
    steps: &[Step],
) -> HashMap<CommitId, Tip> {
    let moves = steps.iter().flat_map(|step| &step.moves).filter(|moved| is_flow(&moved.name));
    let targets: BTreeSet<&CommitId> =
        moves.flat_map(|moved| moved.after.iter().step_by(2).flatten()).collect();
    let (mut tips, mut unknown) = (HashMap::new(), Vec::new());
    for commit in targets {
        match store.and_then(|store| store.load_change_id(commit)) {
            Some(change) => _ = tips.insert(commit.clone(), Tip { change, commit: commit.clone() }),
            None => unknown.push(commit.clone()),
        }
    }
    // Where git has collected one of them, only where things stand in the end is told.
    let asked = if unknown.is_empty() { Vec::new() } else { jj.read_tips(op, &unknown).unwrap_or_default() };
    tips.extend(asked.into_iter().map(|tip| (tip.commit.clone(), tip)));
    tips
}

/// What lies between two commits; jj is asked where git has packed them away. Unknown where one is gone.
fn load_between(
    jj: &Jj,
    store: Option<&OpStore>,
    op: &OpId,
    from: &CommitId,
    to: &CommitId,
) -> Option<Between> {
    let known = store.and_then(|store| store.load_between(from, to));
    known.or_else(|| jj.read_between(op, from, to).ok())
}

fn is_flow(name: &BookmarkName) -> bool {
    FlowName::parse(name.as_str()).is_ok()
}
