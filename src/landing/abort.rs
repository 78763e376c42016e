//! Giving a conflict up: the flow goes back to where it was before its rebase, and what is stacked on it goes along.
//! Change ids stay, and so do descriptions that somebody wrote meanwhile, unless a change has gone.

use std::collections::HashSet;

use super::along::{Carried, bring_along, export, snapshot};
use super::back::{Beneath, bring_back, divergent, put_back};
use super::chain::revision;
use super::land::ATTEMPTS;
use super::publish::{integrate, raced};
use super::strip::Strip;
use crate::env;
use crate::event::{Conflict, What};
use crate::failpoint;
use crate::model::{OpId, Tip};
use crate::name::FlowName;

/// A conflict that was given up.
#[derive(Debug)]
pub(crate) struct Aborted {
    /// The operation that the repo stood at afterwards.
    pub(crate) operation: OpId,
    /// The one before, which has what was given up: a resolution that somebody had begun, say.
    pub(crate) given_up: OpId,
    /// What could not be done after it had been published.
    pub(crate) unfinished: Vec<anyhow::Error>,
}

/// Brings a flow back to where it was. `carried` tells, at an operation that it is given along with, which workspaces
/// stand on the flow.
pub(crate) fn abort(
    strip: &mut Strip<'_>,
    flow: &FlowName,
    conflict: &Conflict,
    mut look: impl FnMut() -> anyhow::Result<(OpId, Carried)>,
) -> anyhow::Result<Aborted> {
    let (_held, _) =
        strip.lock_parent(&conflict.parent, &format!("{} with {flow}", strip.ledger.actor.uid))?;
    let mut snapshotted = HashSet::new();
    for _ in 0..ATTEMPTS {
        let (op, carried) = look()?;
        if snapshot(strip.jj, &op, &carried, &mut snapshotted)? {
            continue;
        }
        let last = speculate(strip, &op, flow, conflict)?;
        if !integrate(strip.jj, &op, &last)? {
            continue;
        }
        failpoint::reach("abort-published");
        let operation = strip.jj.require_head()?;
        let aborted = What::Aborted { conflict: conflict.conflict.clone() };
        let recorded = strip.ledger.record(env::now(), Some(&operation), vec![(flow.bookmark(), aborted)]);
        failpoint::reach("abort-recorded");
        let mut unfinished = bring_along(strip.jj, &carried, &last);
        unfinished.extend(export(strip.jj).err());
        unfinished.extend(recorded.err());
        return Ok(Aborted { operation, given_up: op, unfinished });
    }
    Err(raced("give the conflict up", ATTEMPTS, format!("jj flow abort {flow}")))
}

/// The chain that brings the flow back to where it was, or onto what that has become.
fn speculate(strip: &Strip<'_>, op: &OpId, flow: &FlowName, conflict: &Conflict) -> anyhow::Result<OpId> {
    let all: Vec<String> = conflict.before.iter().map(|tip| revision(&tip.change)).collect();
    let now = strip.jj.read_at(op, &all.join(" | "))?;
    if let Some(change) = now.changes().iter().find(|change| change.divergent) {
        return Err(divergent(flow, &change.id));
    }
    let beneath = Beneath::read(strip.jj, op, flow, conflict)?;
    let is_there = |tip: &Tip| now.changes().iter().any(|change| change.id == tip.change);
    let mut last = op.clone();
    match conflict.before.iter().all(is_there) {
        true => put_back(strip.jj, &mut last, conflict, &now)?,
        false => bring_back(strip.jj, &mut last, conflict, &now)?,
    }
    beneath.follow(strip.jj, &mut last)?;
    Ok(last)
}
