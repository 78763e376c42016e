//! Carrying a plan out: a speculative chain, looked at before anybody else can see it, then published at once.
//!
//! Landings on one parent take turns on a lock in the shared repo that dies with its process. The chain is
//! published only while the repo still stands at the operation that it was planned at; one that was overtaken
//! is thrown away, and the plan is made again.

use serde_json::json;

use super::plan::{Plan, count};
use super::settle::{landed_tip, read_landing};
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Landing, What};
use crate::graph::{Change, Graph};
use crate::jj::{self, Jj};
use crate::ledger::Ledger;
use crate::model::{ChangeId, OpId, Status, Tip};
use crate::text::quoted;

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
    /// What could not be done after it had been published.
    pub(crate) unfinished: Vec<anyhow::Error>,
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

/// Refuses a plan whose rebase would bring a conflict. Publishes nothing.
pub(crate) fn forecast(jj: &Jj, plan: &Plan) -> anyhow::Result<()> {
    speculate(jj, plan).map(drop)
}

/// Describes, rebases and moves the bookmarks, unpublished, and looks at the outcome. None where all would go well
/// but this workspace edits one of the changes: a late edit would change what has landed.
fn speculate(jj: &Jj, plan: &Plan) -> anyhow::Result<Option<Chain>> {
    let flow = plan.flow.bookmark();
    let mut last = plan.op.clone();
    let mut step = |args: &[String]| -> anyhow::Result<()> {
        if let Some(op) = jj.run_speculative(&last, args)? {
            last = op;
        }
        Ok(())
    };
    if let Some(message) = &plan.describe {
        step(&["describe".into(), format!("--message={message}"), revision(&plan.tip.change)])?;
    }
    if plan.rebase {
        let mut args = vec!["rebase".to_owned(), format!("--onto={}", jj::commit(&plan.parent_at))];
        args.extend(plan.roots.iter().map(|root| format!("--source={}", revision(root))));
        step(&args)?;
    }
    step(&[
        "bookmark".into(),
        "move".into(),
        format!("--to={}", revision(&plan.tip.change)),
        jj::pattern(&plan.parent),
        jj::pattern(if plan.lowered { &plan.parent } else { &flow }),
    ])?;
    if plan.lowered {
        let to = format!("--to={}", revision(&plan.tip.change));
        step(&["bookmark".into(), "move".into(), "--allow-backwards".into(), to, jj::pattern(&flow)])?;
    }
    let mut tip = plan.tip.clone();
    if plan.rewrites() {
        let all: Vec<String> = plan.changes.iter().map(|tip| revision(&tip.change)).collect();
        let graph = jj.read_at(&last, &all.join(" | "))?;
        check_clean(jj, plan, &graph)?;
        let landed = graph.changes().iter().find(|change| change.id == tip.change);
        tip = landed.map(Change::tip).ok_or_else(|| {
            Failure::new(Kind::Jj, format!("Could not find {} after its rebase", plan.tip.change.short()))
        })?;
    }
    Ok((!plan.seal).then_some(Chain { last, tip }))
}

/// Refuses what the rebase brought into conflict; nothing of it has been published.
fn check_clean(jj: &Jj, plan: &Plan, rebased: &Graph) -> anyhow::Result<()> {
    // Children come before parents, and the first conflict on the way up is the one to resolve.
    let conflicted: Vec<_> = rebased.changes().iter().rev().filter(|change| change.conflict).collect();
    let Some(first) = conflicted.first() else { return Ok(()) };
    let paths = jj.read_conflicted_paths(&rebased.op, &first.commit)?;
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
        .hint(format!("jj rebase {} --onto {}", roots.join(" "), quoted(&jj::revset::exactly(parent))))
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
    if jj.repo().load_heads()?.as_slice() != [plan.op.clone()] {
        return Ok(None);
    }
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
    let mut events = vec![(flow.clone(), What::Landing(landing.clone()))];
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
    let operation = jj.require_head()?;
    let tip = read_back(jj, &operation, &landing)?;
    // It has landed. What fails from here on is told, and mended by whoever comes next.
    let landed = What::Landed { landing: key, tip: tip.clone(), operation: Some(operation.clone()) };
    let recorded = ledger.record(env::now(), Some(&operation), vec![(flow, landed)]);
    let along = bring_along(jj, &plan);
    let unfinished = [recorded, along].into_iter().filter_map(Result::err).collect();
    Ok(Some(Landed { plan, tip, operation, unfinished }))
}

/// Brings git's refs level with jj's, and this workspace's files along: publishing does neither. In the default
/// workspace jj exports only when it is told to leave the working copy alone.
fn bring_along(jj: &Jj, plan: &Plan) -> anyhow::Result<()> {
    if jj.repo().is_colocated() {
        jj.run(&["--ignore-working-copy", "git", "export"])?;
    }
    if plan.carries_here {
        // Reading brings a stale working copy along, and says whether an edit met the landing on the way.
        let divergent = jj.run(&[
            "--config=snapshot.auto-update-stale=true",
            "log",
            "--no-graph",
            "--revisions=@ & divergent()",
            "--template=change_id.short(8)",
        ])?;
        if !divergent.is_empty() {
            let message = format!("an edit made meanwhile is in another copy of change {divergent}");
            let hint = format!("jj log --revisions 'change_id({divergent})'");
            return Err(Failure::new(Kind::Divergent, message).hint(hint).into());
        }
    }
    Ok(())
}

/// Looks whether what was published still stands: a command that was under way may have published after us. A parent
/// that somebody has moved on since has the landing in it all the same.
fn read_back(jj: &Jj, op: &OpId, landing: &Landing) -> anyhow::Result<Tip> {
    let graph = read_landing(jj, op, landing)?;
    let single = graph.bookmark(&landing.parent).single();
    single.and_then(|_| landed_tip(&graph, landing)).ok_or_else(|| {
        let message = format!("{} was changed by somebody else as the landing was published", landing.parent);
        Failure::new(Kind::Raced, message).hint("jj flow").into()
    })
}

fn revision(change: &ChangeId) -> String {
    format!("change_id({change})")
}
