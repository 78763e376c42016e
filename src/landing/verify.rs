//! Verifying the tree that would land, before it lands, in a folder of its own.

use std::time::Duration;

use super::chain::Chain;
use super::plan::Plan;
use super::strip::{News, Strip};
use crate::config::Hook;
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Verification, What};
use crate::git::Git;
use crate::hook::{self, Run};
use crate::model::Status;
use crate::process::watched::{Ending, Ran};
use crate::slots;

/// The hook's name in config.
pub(crate) const VERIFY: &str = "verify";

/// A tree that may land.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The verification that it has passed; none where none is asked for.
    pub(super) proof: Option<String>,
    /// Whether it was run just now, which takes its time, or had passed before.
    pub(super) ran: bool,
}

/// Whether the chain's tree may land. A tree that fails makes the flow `failed`, and nothing is published.
pub(super) fn verify(strip: &mut Strip<'_>, plan: &Plan, chain: &Chain) -> anyhow::Result<Verdict> {
    if strip.config.verify_is_broken {
        let message = format!("Could not land {}: flow.hooks.verify is no command", plan.flow);
        return Err(Failure::new(Kind::Config, message).hint("jj config list flow.hooks").into());
    }
    let Some(hook) = strip.config.verify.clone() else { return Ok(Verdict::default()) };
    strip.require_allowed(VERIFY, &hook)?;
    let git = strip.jj.repo().git_dir().map(Git::new).ok_or_else(|| {
        Failure::new(Kind::Git, "Could not verify: this repo does not keep its commits in git")
    })?;
    let tree = git.run_tree_of(&chain.tip.commit)?;
    let proof = strip.ledger.registry.proof(&strip.ledger.repo, &tree, &hook.text())?;
    if proof.is_some() {
        return Ok(Verdict { proof, ran: false });
    }
    let (ran, dirty) = run_on(strip, plan, chain, &git, &hook)?;
    let passed = ran.ending == Ending::Exited(0) && dirty.is_empty();
    let verification = Verification {
        verification: env::random_key()?,
        tree,
        commit: chain.tip.commit.clone(),
        command: hook.text(),
        passed,
        ending: match dirty.as_slice() {
            [] => hook::ending(ran.ending),
            files => format!("changed files: {}", files.join(", ")),
        },
        milliseconds: u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX),
        tail: if ran.cut { format!("…\n{}", ran.tail) } else { ran.tail },
    };
    if let Ending::Interrupted(_) = ran.ending {
        let message = format!("Could not land {}: its verification was interrupted", plan.flow);
        return Err(Failure::new(Kind::Interrupted, message).into());
    }
    let (key, now, flow) = (verification.verification.clone(), env::now(), plan.flow.bookmark());
    if passed {
        strip.ledger.record(now, None, vec![(flow, What::Verified(verification.clone()))])?;
        strip.ledger.keep_proof(&verification, now);
        return Ok(Verdict { proof: Some(key), ran: true });
    }
    let reason = format!("verification: {}", verification.ending);
    let failed = What::Status { from: Some(plan.status), to: Status::Failed, reason: Some(reason) };
    let failure = failure(plan, &verification, strip.config.hook_timeout);
    strip.ledger.record(now, None, vec![(flow.clone(), What::Verified(verification)), (flow, failed)])?;
    Err(failure.into())
}

/// Runs the hook on the tree: how it ended, and the files of the tree that it left changed.
fn run_on(
    strip: &mut Strip<'_>,
    plan: &Plan,
    chain: &Chain,
    git: &Git,
    hook: &Hook,
) -> anyhow::Result<(Ran, Vec<String>)> {
    let dir = strip.scratch(VERIFY)?;
    let mut waited = false;
    let slot = slots::take(&dir, strip.config.verify_jobs, || waited = true)?;
    if waited {
        (strip.tell)(News::Note("Waited for other verifications in this repo.".to_owned()))?;
    }
    git.run_checkout(&slot.folder, &chain.tip.commit)?;
    let about = strip.about(plan, &chain.tip.commit, &chain.last);
    (strip.tell)(News::Hook { name: VERIFY, command: hook.text() })?;
    let run = Run {
        hook,
        name: VERIFY,
        dir: &slot.folder,
        about: &about,
        stdin: slot.lock.try_clone()?,
        timeout: strip.config.hook_timeout,
    };
    let ran = hook::run(run, &mut |output| strip.show(output)).map_err(|error| {
        let message = format!("Could not start flow.hooks.verify, {}: {error}", hook.text());
        Failure::new(Kind::Verification, message).hint("jj config list flow.hooks")
    })?;
    let dirty = git.run_changed_files(&slot.folder, &chain.tip.commit)?;
    Ok((ran, dirty))
}

fn failure(plan: &Plan, verification: &Verification, timeout: Duration) -> Failure {
    let flow = &plan.flow;
    let how = match verification.ending.as_str() {
        "timed out" => format!("it took longer than {} s", timeout.as_secs()),
        ending => ending.to_owned(),
    };
    let message = format!("Could not land {flow}: `{}` did not pass: {how}", verification.command);
    let details = serde_json::json!({
        "flow": flow, "command": verification.command, "ending": verification.ending,
        "tree": verification.tree, "tail": verification.tail,
    });
    Failure::new(Kind::Verification, message).hint(format!("jj flow show {flow}")).details(details)
}
