//! The speculative chain of a landing: described and rebased where nobody sees it, and looked at there.

use super::guard::check_touched;
use super::plan::{Goal, Plan};
use crate::error::{Failure, Kind};
use crate::graph::Change;
use crate::jj::{self, Jj, revset};
use crate::model::{ChangeId, OpId, Tip};

/// A chain that stands on the plan's operation and that nobody sees yet.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Its last operation: what the parent's move is published on top of.
    pub(crate) last: OpId,
    /// The flow's tip in it.
    pub(crate) tip: Tip,
    /// The flow's changes that are in conflict in it, parents before children.
    pub(crate) conflicted: Vec<Change>,
}

/// Describes and rebases.
pub(super) fn speculate(jj: &Jj, plan: &Plan) -> anyhow::Result<Chain> {
    let mut last = plan.op.clone();
    if let Some(message) = &plan.describe {
        step(
            jj,
            &mut last,
            &["describe".into(), format!("--message={message}"), revision(&plan.tip.change)],
        )?;
    }
    if plan.rebase {
        let mut args = vec!["rebase".to_owned(), format!("--onto={}", jj::commit(&plan.parent_at.commit))];
        args.extend(plan.roots.iter().map(|root| format!("--source={}", revision(&root.change))));
        step(jj, &mut last, &args)?;
    }
    if plan.lowered && plan.goal == Goal::Land {
        let to = format!("--to={}", revision(&plan.tip.change));
        let flow = jj::pattern(&plan.flow.bookmark());
        let back = "--allow-backwards".to_owned();
        step(jj, &mut last, &["bookmark".to_owned(), "move".to_owned(), back, to, flow])?;
    }
    look(jj, plan, last)
}

/// The outcome of a rebase at an operation.
pub(super) fn look(jj: &Jj, plan: &Plan, op: OpId) -> anyhow::Result<Chain> {
    if !plan.rewrites() {
        return Ok(Chain { last: op, tip: plan.tip.clone(), conflicted: Vec::new() });
    }
    let mut all: Vec<String> = plan.changes.iter().map(|tip| revision(&tip.change)).collect();
    if plan.rebase {
        // The newest change of what is ignored since the flow began, where there is one.
        let from: Vec<String> = plan.roots.iter().flat_map(|root| &root.parents).map(jj::commit).collect();
        let since = format!("({})..{}", from.join(" | "), jj::commit(&plan.parent_at.commit));
        all.push(format!("latest(({since}) & files({}))", jj::IGNORES));
    }
    let read = jj.read_touching(&op, &all.join(" | "))?;
    if plan.rebase {
        check_touched(jj, plan, &read)?;
    }
    let mut own = read.graph.changes().iter().filter(|change| is_own(plan, &change.id));
    let tip = own.clone().find(|change| change.id == plan.tip.change).map(Change::tip).ok_or_else(|| {
        Failure::new(Kind::Jj, format!("Could not find {} after its rebase", plan.tip.change.short()))
    })?;
    // Children came before parents, and the first conflict on the way up is the one to resolve.
    let mut conflicted: Vec<Change> = own.by_ref().filter(|change| change.conflict).cloned().collect();
    conflicted.reverse();
    Ok(Chain { last: op, tip, conflicted })
}

pub(super) fn is_own(plan: &Plan, change: &ChangeId) -> bool {
    plan.changes.iter().any(|own| own.change == *change)
}

/// One more operation on the chain; none where the command changes nothing.
pub(super) fn step(jj: &Jj, last: &mut OpId, args: &[String]) -> anyhow::Result<()> {
    if let Some(op) = jj.run_speculative(last, args)? {
        *last = op;
    }
    Ok(())
}

pub(super) fn revision(change: &ChangeId) -> String {
    revset::change(change)
}
