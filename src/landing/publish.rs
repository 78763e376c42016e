//! Publishing a chain: at once, while the repo still stands at the operation that it was planned at, and journalled
//! before, so that a crash leaves either the state before or the state after.

use super::along::bring_along;
use super::chain::Chain;
use super::mend::read_back;
use super::plan::Plan;
use super::strip::Strip;
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Conflict, Landing, What};
use crate::failpoint;
use crate::jj::Jj;
use crate::model::{OpId, Status, Tip};

/// A landing that happened.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) plan: Plan,
    /// The landing's key; none for a restack, which is no landing.
    pub(crate) key: Option<String>,
    /// The flow's tip as it landed: what the parent moved to.
    pub(crate) tip: Tip,
    /// The operation that the repo stood at afterwards.
    pub(crate) operation: OpId,
    /// The verification that the landed tree has passed.
    pub(crate) proof: Option<String>,
    /// What had to be put right on the way.
    pub(crate) notes: Vec<String>,
    /// What could not be done after it had been published.
    pub(crate) unfinished: Vec<anyhow::Error>,
}

/// Publishes a chain where the repo still stands at `base`; false where somebody was there first.
pub(super) fn integrate(jj: &Jj, base: &OpId, last: &OpId) -> anyhow::Result<bool> {
    if !stands_at(jj, base)? {
        return Ok(false);
    }
    jj.integrate(last)?;
    Ok(true)
}

fn stands_at(jj: &Jj, base: &OpId) -> anyhow::Result<bool> {
    Ok(jj.repo().load_heads()?.as_slice() == [base.clone()])
}

/// Publishes a landing; none where the plan was overtaken.
pub(super) fn publish(
    strip: &mut Strip<'_>,
    plan: &Plan,
    chain: &Chain,
    proof: Option<String>,
) -> anyhow::Result<Option<Landed>> {
    let jj = strip.jj;
    if !stands_at(jj, &plan.op)? {
        return Ok(None);
    }
    let flow = plan.flow.bookmark();
    let key = env::random_key()?;
    let landing = Landing {
        landing: key.clone(),
        parent: plan.parent.clone(),
        base: plan.op.clone(),
        chain: chain.last.clone(),
        parent_from: plan.parent_at.commit.clone(),
        parent_change: Some(plan.parent_at.change.clone()),
        parent_to: chain.tip.commit.clone(),
        tip: plan.tip.clone(),
        changes: u32::try_from(plan.changes.len())?,
        landed: plan.changes.iter().map(|change| change.change.clone()).collect(),
        rebased: plan.rebase,
        verification: proof.clone(),
    };
    let now = env::now();
    let mut events = vec![(flow.clone(), What::Landing(landing.clone()))];
    if plan.status != Status::Success {
        let success = What::Status { from: Some(plan.status), to: Status::Success, reason: None };
        events.insert(0, (flow.clone(), success));
    }
    strip.ledger.record(now, None, events)?;
    failpoint::reach("journalled");
    if !integrate(jj, &plan.op, &chain.last)? {
        strip.ledger.record(now, None, vec![(flow, What::Dropped { landing: key })])?;
        return Ok(None);
    }
    failpoint::reach("published");
    let mended = read_back(jj, &flow, &landing)?;
    let Some(tip) = mended.tip else {
        strip.ledger.record(env::now(), None, vec![(flow, What::Dropped { landing: key })])?;
        return Ok(None);
    };
    failpoint::reach("read-back");
    // It has landed. What fails from here on is told, and mended by whoever comes next.
    let operation = mended.op;
    let landed = What::Landed { landing: key.clone(), tip: tip.clone(), operation: Some(operation.clone()) };
    let recorded = strip.ledger.record(env::now(), Some(&operation), vec![(flow, landed)]);
    failpoint::reach("recorded");
    let mut unfinished = bring_along(jj, &plan.carried, &chain.last);
    unfinished.extend(recorded.err());
    let notes = mended.notes;
    Ok(Some(Landed { plan: plan.clone(), key: Some(key), tip, operation, proof, notes, unfinished }))
}

/// Publishes a rebase alone; none where the plan was overtaken.
pub(super) fn publish_restack(jj: &Jj, plan: &Plan, chain: &Chain) -> anyhow::Result<Option<Landed>> {
    if plan.rewrites() && !integrate(jj, &plan.op, &chain.last)? {
        return Ok(None);
    }
    let unfinished = if plan.rewrites() { bring_along(jj, &plan.carried, &chain.last) } else { Vec::new() };
    let operation = jj.require_head()?;
    let (tip, plan) = (chain.tip.clone(), plan.clone());
    Ok(Some(Landed { plan, key: None, tip, operation, proof: None, notes: Vec::new(), unfinished }))
}

/// Publishes a rebase that brings a conflict, so that it is jj's own to look at and resolve; the parent does not
/// move. What was left unfinished; none where the plan was overtaken.
pub(super) fn publish_conflict(
    strip: &mut Strip<'_>,
    plan: &Plan,
    chain: &Chain,
) -> anyhow::Result<Option<Vec<anyhow::Error>>> {
    let flow = plan.flow.bookmark();
    let key = env::random_key()?;
    let conflict = conflict_of(plan, chain, key.clone());
    if !stands_at(strip.jj, &plan.op)? {
        return Ok(None);
    }
    strip.ledger.record(env::now(), None, vec![(flow.clone(), What::Conflict(conflict))])?;
    failpoint::reach("conflict-journalled");
    if !integrate(strip.jj, &plan.op, &chain.last)? {
        strip.ledger.record(env::now(), None, vec![(flow, What::Aborted { conflict: key })])?;
        return Ok(None);
    }
    failpoint::reach("conflict-published");
    Ok(Some(bring_along(strip.jj, &plan.carried, &chain.last)))
}

/// What a chain in conflict is recorded as.
pub(super) fn conflict_of(plan: &Plan, chain: &Chain, key: String) -> Conflict {
    Conflict {
        conflict: key,
        parent: plan.parent.clone(),
        parent_at: plan.parent_at.commit.clone(),
        base: plan.op.clone(),
        chain: chain.last.clone(),
        before: plan.changes.clone(),
        roots: plan.roots.clone(),
    }
}

/// A plan that was overtaken too often.
pub(super) fn raced(times: usize) -> anyhow::Error {
    let message = format!("Could not land: other operations overtook {times} plans");
    Failure::new(Kind::Raced, message).hint("jj flow done").into()
}
