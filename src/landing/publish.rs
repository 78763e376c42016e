//! Publishing a chain: at once, while the repo still stands at the operation that it was planned at, and journalled
//! before, so that a crash leaves either the state before or the state after.

use anyhow::Context as _;

use super::along::{bring_along, export};
use super::chain::Chain;
use super::mend::{Mended, read_back};
use super::plan::{Goal, Plan};
use super::strip::Strip;
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Conflict, Landing, What};
use crate::failpoint;
use crate::jj::{self, Jj, OpStore, revset};
use crate::model::{OpId, Status, Tip};

/// How often a plan may be overtaken before operations that leave the flow and its parent alone are let pass.
const PATIENCE: usize = 3;

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
    if jj.repo().load_heads()?.as_slice() != [base.clone()] {
        return Ok(false);
    }
    jj.integrate(last)?;
    Ok(true)
}

/// Whether the plan may be published: the repo stands where it was made, or, for one that was overtaken again and
/// again, it has moved on without touching the flow or its parent. jj merges such operations cleanly.
fn holds(jj: &Jj, plan: &Plan, overtaken: usize) -> anyhow::Result<bool> {
    let heads = jj.repo().load_heads()?;
    if heads.as_slice() == [plan.op.clone()] {
        return Ok(true);
    }
    let [head] = heads.as_slice() else { return Ok(false) };
    if overtaken < PATIENCE || !OpStore::open(jj.repo()).is_some_and(|store| store.descends(head, &plan.op)) {
        return Ok(false);
    }
    let own = plan.changes.iter().chain([&plan.parent_at]);
    let ids: Vec<String> = own.clone().map(|tip| revset::change(&tip.change)).collect();
    let graph = jj.read_at(head, &format!("{} | {}", revset::exactly(&plan.parent), ids.join(" | ")))?;
    let is_same = |tip: &Tip| {
        let mut copies = graph.changes().iter().filter(|change| change.id == tip.change);
        copies.next().is_some_and(|copy| copy.commit == tip.commit) && copies.next().is_none()
    };
    let target = graph.bookmark(&plan.parent).single().map(|at| &at.commit);
    Ok(target == Some(&plan.parent_target) && own.into_iter().all(is_same))
}

/// Publishes a landing; none where the plan was overtaken.
pub(super) fn publish(
    strip: &mut Strip<'_>,
    plan: &Plan,
    chain: &Chain,
    proof: Option<String>,
    overtaken: usize,
) -> anyhow::Result<Option<Landed>> {
    let jj = strip.jj;
    if !holds(jj, plan, overtaken)? {
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
    if !holds(jj, plan, overtaken)? {
        strip.ledger.record(now, None, vec![(flow, What::Dropped { landing: key })])?;
        return Ok(None);
    }
    move_parent(jj, plan, chain)?;
    failpoint::reach("published");
    let mended = match untouched(jj, plan, chain) {
        Some(op) => Mended { op, tip: Some(chain.tip.clone()), notes: Vec::new() },
        // Published it is. Where that cannot be read back now, the next command says what came of it.
        None => read_back(jj, &flow, &landing).with_context(|| {
            format!("Could not tell whether {flow} has landed; `jj flow show {flow}` will")
        })?,
    };
    let Some(tip) = mended.tip else {
        strip.ledger.record(env::now(), None, vec![(flow, What::Dropped { landing: key })])?;
        return Ok(None);
    };
    failpoint::reach("read-back");
    // It has landed. What fails from here on is told, and mended by whoever comes next.
    let operation = mended.op;
    // Before the record: so long as there is none, whoever comes next brings along what a kill left behind.
    let mut unfinished = Vec::new();
    if !jj.repo().is_default_workspace() {
        unfinished.extend(export(jj).err());
    }
    unfinished.extend(bring_along(jj, &plan.carried, &chain.last));
    failpoint::reach("brought-along");
    let landed = What::Landed { landing: key.clone(), tip: tip.clone(), operation: Some(operation.clone()) };
    let recorded = strip.ledger.record(env::now(), Some(&operation), vec![(flow, landed)]);
    failpoint::reach("recorded");
    // Where no command has looked since, the chain's base is among the heads still.
    unfinished.extend(jj.require_head().err());
    unfinished.extend(recorded.err());
    let notes = mended.notes;
    Ok(Some(Landed { plan: plan.clone(), key: Some(key), tip, operation, proof, notes, unfinished }))
}

/// Moves the parent forward to the flow's tip, and the flow's bookmark with it, in one published operation on top of
/// the chain: that publishes the chain too. In the default workspace jj exports to git in the same breath, since the
/// command is told to leave the working copy alone.
fn move_parent(jj: &Jj, plan: &Plan, chain: &Chain) -> anyhow::Result<()> {
    let to = format!("--to={}", jj::commit(&chain.tip.commit));
    let (parent, flow) = (jj::pattern(&plan.parent), jj::pattern(&plan.flow.bookmark()));
    let flow = if plan.lowered { &parent } else { &flow };
    jj.run_at(&chain.last, &["bookmark", "move", &to, &parent, flow])?;
    Ok(())
}

/// The operation that the repo stands at, where that is the one that was just published on top of the chain, and both
/// bookmarks are where it put them. None where that cannot be told, and what is there has to be read back by jj.
fn untouched(jj: &Jj, plan: &Plan, chain: &Chain) -> Option<OpId> {
    let mut heads = jj.repo().load_heads().ok()?;
    // A chain leaves its base among the heads until the next command looks.
    heads.retain(|head| *head != plan.op);
    let [head] = heads.as_slice() else { return None };
    let store = OpStore::open(jj.repo())?;
    let published = store.load_operation(head)?;
    let [parent] = published.parents.as_slice() else { return None };
    let view = store.load_view(&published)?;
    let tip = Some(vec![Some(chain.tip.commit.clone())]);
    let moved =
        [&plan.parent, &plan.flow.bookmark()].iter().all(|name| view.bookmarks.get(name) == tip.as_ref());
    (parent.as_str().starts_with(chain.last.as_str()) && moved).then(|| head.clone())
}

/// Publishes a rebase alone; none where the plan was overtaken.
pub(super) fn publish_restack(
    strip: &mut Strip<'_>,
    plan: &Plan,
    chain: &Chain,
) -> anyhow::Result<Option<Landed>> {
    let jj = strip.jj;
    if plan.rewrites() && !integrate(jj, &plan.op, &chain.last)? {
        return Ok(None);
    }
    failpoint::reach("restacked");
    let mut unfinished = Vec::new();
    if plan.rewrites() {
        unfinished.extend(export(jj).err());
        unfinished.extend(bring_along(jj, &plan.carried, &chain.last));
    }
    let operation = jj.require_head()?;
    // A conflict that it met before is behind it.
    let flow = plan.flow.bookmark();
    let met = strip.ledger.registry.open_conflict(&strip.ledger.repo, &flow)?;
    if let Some(met) = met.filter(|met| !met.lands) {
        let resolved = What::Resolved { conflict: met.conflict };
        strip.ledger.record(env::now(), Some(&operation), vec![(flow, resolved)])?;
    }
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
    if strip.jj.repo().load_heads()?.as_slice() != [plan.op.clone()] {
        return Ok(None);
    }
    strip.ledger.record(env::now(), None, vec![(flow.clone(), What::Conflict(conflict))])?;
    failpoint::reach("conflict-journalled");
    if !integrate(strip.jj, &plan.op, &chain.last)? {
        strip.ledger.record(env::now(), None, vec![(flow, What::Aborted { conflict: key })])?;
        return Ok(None);
    }
    failpoint::reach("conflict-published");
    let mut unfinished = bring_along(strip.jj, &plan.carried, &chain.last);
    unfinished.extend(export(strip.jj).err());
    Ok(Some(unfinished))
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
        lands: plan.goal == Goal::Land,
        push: plan.push,
    }
}

/// Plans that were overtaken too often; `command` is what to ask for again.
pub(super) fn raced(what: &str, times: usize, command: String) -> anyhow::Error {
    let message = format!("Could not {what}: other operations overtook {times} plans");
    Failure::new(Kind::Raced, message).hint(command).into()
}
