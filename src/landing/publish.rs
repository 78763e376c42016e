//! Carrying a plan out: a speculative chain, looked at before anybody else can see it, then published at once.
//!
//! Landings on one parent take turns on a lock in the shared repo that dies with its process. The chain is
//! published only while the repo still stands at the operation that it was planned at; one that was overtaken
//! is thrown away, and the plan is made again.

use serde_json::json;

use super::plan::{Plan, count};
use crate::error::{Failure, Kind};
use crate::event::{Landing, What};
use crate::graph::Target;
use crate::jj::{self, Jj};
use crate::ledger::Ledger;
use crate::model::{ChangeId, OpId, Status, Tip};
use crate::{env, graph::Graph};

/// How often a plan that was overtaken is made again.
const ATTEMPTS: usize = 12;

/// A landing that happened.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) plan: Plan,
    /// The flow's tip as it landed: what the parent moved to.
    pub(crate) tip: Tip,
    /// The operation that the repo stood at afterwards.
    pub(crate) operation: OpId,
}

/// A chain that stands on the plan's operation and that nobody sees yet.
struct Chain {
    last: OpId,
    tip: Tip,
}

/// Lands what `plan` gives; it is called again whenever somebody overtook the last plan.
pub(crate) fn land(
    jj: &Jj,
    ledger: &mut Ledger,
    mut plan: impl FnMut(&Ledger) -> anyhow::Result<Plan>,
    mut wait: impl FnMut(&Plan) -> anyhow::Result<()>,
) -> anyhow::Result<Landed> {
    let mut held = None;
    for _ in 0..ATTEMPTS {
        let planned = plan(ledger)?;
        if held.is_none() {
            held = ledger.journal.try_lock_parent(&planned.parent)?;
            if held.is_none() {
                wait(&planned)?;
                held = Some(ledger.journal.lock_parent(&planned.parent)?);
                continue;
            }
        }
        let Some(chain) = speculate(jj, &planned)? else {
            seal(jj, &planned)?;
            continue;
        };
        if let Some(landed) = publish(jj, ledger, planned, &chain)? {
            return Ok(landed);
        }
    }
    let message = format!("Could not land: other operations overtook {ATTEMPTS} plans");
    Err(Failure::new(Kind::Raced, message).hint("jj flow done").into())
}

/// Describes, rebases and moves the bookmarks, unpublished. None where this workspace edits one of the changes:
/// all would go well, but a late edit would change what has landed.
fn speculate(jj: &Jj, plan: &Plan) -> anyhow::Result<Option<Chain>> {
    let mut last = plan.op.clone();
    let mut step = |args: &[String]| -> anyhow::Result<OpId> {
        if let Some(op) = jj.run_speculative(&last, args)? {
            last = op;
        }
        Ok(last.clone())
    };
    if let Some(message) = &plan.describe {
        step(&["describe".into(), format!("--message={message}"), revision(&plan.tip.change)])?;
    }
    if plan.rebase {
        let mut args = vec!["rebase".to_owned(), format!("--onto={}", jj::commit(&plan.parent_at))];
        args.extend(plan.roots.iter().map(|root| format!("--source={}", revision(root))));
        let rebased = step(&args)?;
        check_clean(jj, plan, &rebased)?;
    }
    if plan.seal {
        return Ok(None);
    }
    let last = step(&[
        "bookmark".into(),
        "move".into(),
        format!("--to={}", revision(&plan.tip.change)),
        jj::pattern(&plan.parent),
        jj::pattern(&plan.flow.bookmark()),
    ])?;
    let tip = if plan.rebase || plan.describe.is_some() {
        let graph = jj.read_at(&last, &revision(&plan.tip.change))?;
        graph.changes().first().map(|change| change.tip()).ok_or_else(|| {
            Failure::new(Kind::Jj, format!("Could not find {} after its rebase", plan.tip.change.short()))
        })?
    } else {
        plan.tip.clone()
    };
    Ok(Some(Chain { last, tip }))
}

/// Refuses what the rebase brought into conflict; nothing of it has been published.
fn check_clean(jj: &Jj, plan: &Plan, rebased: &OpId) -> anyhow::Result<()> {
    let all: Vec<String> = plan.changes.iter().map(|tip| revision(&tip.change)).collect();
    let graph = jj.read_at(rebased, &all.join(" | "))?;
    // Children come before parents, and the first conflict on the way up is the one to resolve.
    let conflicted: Vec<_> = graph.changes().iter().rev().filter(|change| change.conflict).collect();
    let Some(first) = conflicted.first() else { return Ok(()) };
    let paths = jj.read_conflicted_paths(rebased, &first.commit)?;
    let (flow, parent) = (&plan.flow, &plan.parent);
    let message = format!(
        "Could not land {flow} on {parent}: {} would be in conflict, first {} ({}) in\n  {}",
        count(conflicted.len()),
        first.id.short(),
        first.subject(),
        paths.join("\n  ")
    );
    let changes: Vec<&ChangeId> = conflicted.iter().map(|change| &change.id).collect();
    let details = json!({"flow": flow, "parent": parent, "changes": changes, "paths": paths});
    let roots: Vec<String> = plan.roots.iter().map(|root| format!("--source {}", root.short())).collect();
    Err(Failure::new(Kind::Conflict, message)
        .hint(format!("jj rebase {} --onto {parent}", roots.join(" ")))
        .details(details)
        .into())
}

/// Puts an empty change on top of the flow and makes it the working copy: later edits go there.
fn seal(jj: &Jj, plan: &Plan) -> anyhow::Result<()> {
    jj.run(&["new".to_owned(), revision(&plan.tip.change)])?;
    Ok(())
}

/// Publishes the chain where the repo still stands at the plan's operation; none where it was overtaken.
fn publish(jj: &Jj, ledger: &mut Ledger, plan: Plan, chain: &Chain) -> anyhow::Result<Option<Landed>> {
    let flow = plan.flow.bookmark();
    let key = env::random_key()?;
    let landing = Landing {
        landing: key.clone(),
        parent: plan.parent.clone(),
        base: plan.op.clone(),
        chain: chain.last.clone(),
        parent_from: plan.parent_at.clone(),
        parent_to: chain.tip.commit.clone(),
        tip: plan.tip.clone(),
        changes: u32::try_from(plan.changes.len())?,
        rebased: plan.rebase,
    };
    let now = env::now();
    let mut events = vec![(flow.clone(), What::Landing(landing))];
    if plan.status != Status::Success {
        let success = What::Status { from: Some(plan.status), to: Status::Success, reason: None };
        events.insert(0, (flow.clone(), success));
    }
    ledger.record(now, None, events)?;
    if jj.repo().load_heads()?.as_slice() != [plan.op.clone()] {
        ledger.record(now, None, vec![(flow, What::Dropped { landing: key })])?;
        return Ok(None);
    }
    jj.integrate(&chain.last)?;
    bring_along(jj, &plan)?;
    let operation = jj.require_head()?;
    let tip = read_back(jj, &operation, &plan, chain)?;
    let landed = What::Landed { landing: key, tip: tip.clone(), operation: Some(operation.clone()) };
    ledger.record(env::now(), Some(&operation), vec![(flow, landed)])?;
    Ok(Some(Landed { plan, tip, operation }))
}

/// Brings this workspace's files along, and git's refs level with jj's: publishing does neither.
fn bring_along(jj: &Jj, plan: &Plan) -> anyhow::Result<()> {
    let (colocated, secondary) = (jj.repo().is_colocated(), jj.repo().is_secondary());
    let rewritten = plan.rebase || plan.describe.is_some();
    if rewritten || (colocated && !secondary) {
        let stands = format!("--revision={}", jj::revset::exactly(&plan.parent));
        let parent = jj::symbol(&plan.parent);
        jj.run(&["--config=snapshot.auto-update-stale=true", "bookmark", "set", &parent, &stands])?;
    }
    if colocated && secondary {
        jj.run(&["git", "export"])?;
    }
    Ok(())
}

/// Looks whether what was published still stands: a command that was under way may have published after us.
fn read_back(jj: &Jj, op: &OpId, plan: &Plan, chain: &Chain) -> anyhow::Result<Tip> {
    let revset = format!("{} | {}", jj::revset::exactly(&plan.parent), jj::commit(&chain.tip.commit));
    let graph: Graph = jj.read_at(op, &revset)?;
    match graph.bookmark(&plan.parent) {
        Target::At(change) if change.commit == chain.tip.commit && !change.divergent => Ok(chain.tip.clone()),
        found => {
            let now = found
                .single()
                .map_or("in conflict".to_owned(), |change| format!("at {}", change.commit.short()));
            let message = format!(
                "{} was published and then changed by somebody else: {} is {now}",
                plan.flow, plan.parent
            );
            Err(Failure::new(Kind::Raced, message).hint("jj flow").into())
        }
    }
}

fn revision(change: &ChangeId) -> String {
    format!("change_id({change})")
}
