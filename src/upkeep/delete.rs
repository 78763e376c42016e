//! Deleting the bookmarks of merged flows in jj, and recording it.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::merged::{Going, MergedPlan};
use crate::error::{Failure, Kind};
use crate::event::{Found, What};
use crate::failpoint;
use crate::jj::{self, Jj, Move, OpStore, Step, revset};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, CommitId, OpId};
use crate::name::grammar::FLOW_NAME_REGEX;

/// How many names one command line takes: every system takes 500 of the longest.
const AT_ONCE: usize = 500;

/// The commits with a flow's bookmark that each of these bookmarks holds.
pub(crate) fn load_beneath(
    jj: &Jj,
    op: &OpId,
    parents: Vec<BookmarkName>,
) -> anyhow::Result<HashMap<BookmarkName, HashSet<CommitId>>> {
    let mut beneath = HashMap::new();
    for parent in parents {
        let graph = jj.read_at(op, &revset::flows_beneath(FLOW_NAME_REGEX, &parent))?;
        let commits = graph.changes().iter().map(|change| change.commit.clone()).collect();
        beneath.insert(parent, commits);
    }
    Ok(beneath)
}

/// Deletes what was planned, and gives the operation that did, where the repo still stands where the plan was made. A bookmark that somebody moves at the
/// same moment is theirs: everything is taken back then.
pub(crate) fn delete(
    jj: &Jj,
    ledger: &mut Ledger,
    plan: &MergedPlan,
    now: Timestamp,
) -> anyhow::Result<Option<OpId>> {
    let Some(planned_at) = plan.op.as_ref().filter(|_| !plan.going.is_empty()) else { return Ok(None) };
    // Nobody takes meanwhile for gone, or makes, what is deleted here.
    ledger.begin_making()?;
    failpoint::reach("deleting");
    if jj.repo().load_heads()?.as_slice() != std::slice::from_ref(planned_at) {
        return Err(overtaken());
    }
    failpoint::reach("deleting-now");
    for some in plan.going.chunks(AT_ONCE) {
        let patterns = some.iter().map(|going| jj::pattern(&going.flow));
        let words = ["bookmark", "delete"].map(str::to_owned).into_iter().chain(patterns);
        jj.run(&words.collect::<Vec<_>>())?;
    }
    failpoint::reach("deleted");
    let head = jj.require_head()?;
    let is_ours = |name: &BookmarkName| plan.going.iter().any(|going| going.flow == *name);
    let steps = OpStore::open(jj.repo()).and_then(|store| {
        store.load_steps(std::slice::from_ref(planned_at), std::slice::from_ref(&head), &is_ours)
    });
    if let Some(steps) = &steps
        && steps.iter().flat_map(|step| &step.moves).any(|moved| !is_as_planned(moved, &plan.going))
    {
        return take_back(jj, steps, &plan.going);
    }
    let by_us = |going: &Going| {
        let steps = steps.as_deref().unwrap_or_default().iter();
        let mut steps = steps.filter(|step| step.moves.iter().any(|moved| moved.name == going.flow));
        steps.next().map(|step| (step.operation.id.clone(), step.operation.ended))
    };
    let found = plan.going.iter().map(|going| {
        let (op, at) = by_us(going).unwrap_or_else(|| (head.clone(), now));
        Found { flow: going.flow.clone(), what: What::Deleted {}, op, at, is_cause: true, is_aside: false }
    });
    let found: Vec<Found> = found.collect();
    let operation = found.last().map_or(head, |found| found.op.clone());
    ledger.record_done(|_, _| Ok(found))?;
    Ok(Some(operation))
}

/// Whether a bookmark went from where it was planned to stand.
fn is_as_planned(moved: &Move, plan: &[Going]) -> bool {
    let planned = plan.iter().find(|going| going.flow == moved.name);
    planned.is_some_and(|going| moved.before == [Some(going.at.clone())]) && moved.after == [None]
}

/// Reverts our deletions: what others did to the bookmarks stands.
fn take_back(jj: &Jj, steps: &[Step], plan: &[Going]) -> anyhow::Result<Option<OpId>> {
    let is_ours = |step: &&Step| {
        let deletes =
            |moved: &Move| moved.after == [None] && plan.iter().any(|going| going.flow == moved.name);
        step.operation.description.starts_with("delete bookmark") && step.moves.iter().any(deletes)
    };
    for step in steps.iter().rev().filter(is_ours) {
        jj.run(&["operation", "revert", step.operation.id.as_str()])?;
    }
    Err(overtaken())
}

fn overtaken() -> anyhow::Error {
    Failure::new(Kind::Raced, "Could not delete bookmarks: the repo moved on meanwhile")
        .hint("jj flow gc")
        .into()
}
