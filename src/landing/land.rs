//! Landing, from the plan to the record. Landings on one parent take turns on a lock in the shared repo that dies with
//! its process; hooks run before the lock is taken, once, and after that with it, so that every landing comes to its
//! end. A chain that was overtaken is thrown away, and the plan is made again.

use std::collections::HashSet;

use super::along::{bring_along, seal, snapshot, unseal};
use super::chain::{Chain, look, revision, speculate};
use super::plan::{Goal, Plan};
use super::publish::{Landed, publish, publish_conflict, publish_restack, raced};
use super::resolve::resolve;
use super::strip::{News, Strip};
use super::verify::{Verdict, verify};
use crate::failpoint;
use crate::journal::Held;
use crate::ledger::Ledger;
use crate::text::quoted;

/// How often a plan that was overtaken is made again.
pub(super) const ATTEMPTS: usize = 12;

/// A landing under way: the lock on its parent is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) landed: Landed,
    pub(crate) held: Option<Held>,
}

/// Lands what `plan` gives; it is called again whenever the last plan does not hold any more.
pub(crate) fn land(
    strip: &mut Strip<'_>,
    mut plan: impl FnMut(&Ledger) -> anyhow::Result<Plan>,
) -> anyhow::Result<Done> {
    let mut held = None;
    let mut snapshotted = HashSet::new();
    // Whether a hook has run: from then on the parent stays where it is until this has landed.
    let mut hooked = false;
    let mut overtaken = 0;
    // The plans that workspaces were sealed for.
    let mut sealed = Vec::new();
    loop {
        let planned = plan(strip.ledger)?;
        if overtaken == ATTEMPTS {
            return Err(overtaken_too_often(&planned));
        }
        let has_hooks = strip.config.verify.is_some() || !planned.conflicted.is_empty();
        if held.is_none() && (hooked || !has_hooks) {
            let (lock, waited) = strip.lock(&planned)?;
            held = Some(lock);
            if waited {
                continue;
            }
        }
        failpoint::reach("planned");
        if !planned.conflicted.is_empty() {
            if snapshot(strip.jj, &planned.op, &planned.carried, &mut snapshotted)? {
                continue;
            }
            resolve(strip, &planned)?;
            hooked = true;
            continue;
        }
        let mut chain = speculate(strip.jj, &planned)?;
        if !chain.conflicted.is_empty() {
            match try_tool(strip, &planned, &chain)? {
                Some(clean) => chain = clean,
                None => {
                    if snapshot(strip.jj, &planned.op, &planned.carried, &mut snapshotted)? {
                        continue;
                    }
                    match publish_conflict(strip, &planned, &chain)? {
                        Some(unfinished) => tell_unfinished(strip, &unfinished)?,
                        None => overtaken += 1,
                    }
                    continue;
                }
            }
        }
        // Only now, when nothing but a verification can stand in its way, does anybody's working copy move.
        let snapshot = snapshot(strip.jj, &planned.op, &planned.carried, &mut snapshotted)?;
        let is_sealed = seal(strip.jj, &planned)?;
        if is_sealed || snapshot {
            if is_sealed {
                sealed.push(planned.clone());
            }
            if !planned.carried.others.is_empty() {
                // A snapshot leaves the workspaces above it behind.
                let head = strip.jj.require_head()?;
                tell_unfinished(strip, &bring_along(strip.jj, &planned.carried, &head))?;
            }
            failpoint::reach("sealed");
            continue;
        }
        if planned.goal == Goal::Restack {
            match publish_restack(strip, &planned, &chain)? {
                Some(landed) => return Ok(Done { landed, held }),
                None => overtaken += 1,
            }
            continue;
        }
        let Verdict { proof, ran } = match verify(strip, &planned, &chain) {
            Ok(verdict) => verdict,
            Err(error) => {
                put_back(strip, &sealed)?;
                return Err(error);
            }
        };
        failpoint::reach("verified");
        hooked |= ran;
        if held.is_none() {
            let (lock, waited) = strip.lock(&planned)?;
            held = Some(lock);
            if waited {
                continue;
            }
        }
        match publish(strip, &planned, &chain, proof, overtaken)? {
            Some(landed) => return Ok(Done { landed, held }),
            None => overtaken += 1,
        }
    }
}

/// Whoever edited the flow goes on where they were: what does not pass moves nobody.
fn put_back(strip: &mut Strip<'_>, sealed: &[Plan]) -> anyhow::Result<()> {
    let unfinished = sealed.iter().rev().filter_map(|plan| unseal(strip.jj, plan).err()).collect::<Vec<_>>();
    tell_unfinished(strip, &unfinished)
}

fn overtaken_too_often(plan: &Plan) -> anyhow::Error {
    let Plan { flow, parent, .. } = plan;
    match plan.goal {
        Goal::Land => {
            let parent = quoted(parent.as_str());
            raced("land", ATTEMPTS, format!("jj flow done {flow} --into {parent}"))
        }
        Goal::Restack => raced("restack", ATTEMPTS, format!("jj flow restack {flow}")),
    }
}

/// Tries the merge tool of `flow.conflict-tool` on every conflicted change of an unpublished chain. None where there
/// is none, or where a conflict is left.
fn try_tool(strip: &mut Strip<'_>, plan: &Plan, chain: &Chain) -> anyhow::Result<Option<Chain>> {
    let Some(tool) = strip.config.conflict_tool.clone() else { return Ok(None) };
    if let Err(error) = strip.require_allowed("conflict-tool", &tool.hook) {
        (strip.tell)(News::Note(format!("Warning: {error:#}")))?;
        return Ok(None);
    }
    let mut now =
        Chain { last: chain.last.clone(), tip: chain.tip.clone(), conflicted: chain.conflicted.clone() };
    for _ in 0..plan.changes.len() {
        let Some(first) = now.conflicted.first().map(|change| change.id.clone()) else { break };
        let args = [
            "resolve".to_owned(),
            format!("--tool={}", tool.name),
            format!("--revision={}", revision(&first)),
        ];
        let resolved = strip.jj.run_speculative_watched(&now.last, &args, strip.config.hook_timeout)?;
        let Some(op) = resolved else { return Ok(None) };
        now = look(strip.jj, plan, op)?;
        if now.conflicted.iter().any(|change| change.id == first) {
            return Ok(None);
        }
    }
    if !now.conflicted.is_empty() {
        return Ok(None);
    }
    let resolved: Vec<&str> = chain.conflicted.iter().map(|change| change.id.short()).collect();
    (strip.tell)(News::Note(format!("Resolved with {}: {}.", tool.name, resolved.join(", "))))?;
    Ok(Some(now))
}

fn tell_unfinished(strip: &mut Strip<'_>, unfinished: &[anyhow::Error]) -> anyhow::Result<()> {
    for error in unfinished {
        (strip.tell)(News::Note(format!("Warning: {error:#}")))?;
    }
    Ok(())
}
