//! Pushing what has landed. The landing and its push are one: where the push fails for good, the landing is taken back.

use std::collections::HashSet;

use super::along::{Carried, bring_along, export, snapshot};
use super::chain::step;
use super::land::{Done, land};
use super::plan::{Plan, count};
use super::publish::{Landed, integrate, raced};
use super::strip::{News, Strip};
use super::undo::take_back;
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::What;
use crate::failpoint;
use crate::graph::{Change, Graph};
use crate::jj::{self, revset};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, OpId, Tip};
use crate::name::FlowName;
use crate::registry::KnownLanding;
use crate::text::quoted;

/// How often a landing is made again because the remote has moved.
const ATTEMPTS: usize = 5;

/// Lands on what the remote has now and pushes the parent. Where somebody else's push was first: fetches, lands again
/// on top of it, and pushes again.
pub(crate) fn land_and_push(
    strip: &mut Strip<'_>,
    name: &FlowName,
    parent: &BookmarkName,
    remote: &str,
    mut plan: impl FnMut(&Ledger) -> anyhow::Result<Plan>,
) -> anyhow::Result<Landed> {
    let fetch = ["git", "fetch", "--remote", &format!("exact:{remote:?}")];
    let local = read_followed(strip, parent, remote)?;
    strip.jj.run(&fetch).map_err(|error| {
        let message = format!("Could not fetch {parent} from {remote}, so nothing was landed: {error:#}");
        Failure::new(Kind::Push, message).hint(format!("jj git fetch --remote {}", quoted(remote)))
    })?;
    // What was fetched may be the first that is known of it.
    read_followed(strip, parent, remote)?;
    level(strip, name, parent, remote, local)?;
    for _ in 0..ATTEMPTS {
        let Done { landed, held } = land(strip, &mut plan)?;
        let Some(key) = landed.key.clone() else { return Ok(landed) };
        let flow = landed.plan.flow.bookmark();
        let before = read(strip, &revset::at_remote(parent, remote))?;
        failpoint::reach("pushing");
        let Err(error) = push(strip, remote, &flow, parent, &key) else { return Ok(landed) };
        let fetched = strip.jj.run(&fetch);
        let now = read(strip, &revset::at_remote(parent, remote))?;
        let known = strip.known_landing(&flow, &key)?;
        let parent_at = landed.plan.parent_at.clone();
        if let Err(stays) = take_back(strip, &known, Some(&parent_at)) {
            let stays = Failure::of(&stays);
            let message = format!("{}. Its push to {remote} had failed: {error:#}", stays.message);
            return Err(Failure { kind: Kind::Push, message, ..stays }.into());
        }
        if fetched.is_err() || now == before {
            let message = format!("Could not push {parent} to {remote}, so {flow} was not landed");
            let failure = Failure::new(Kind::Push, format!("{message}: {error:#}"));
            let hint = format!("jj git push --dry-run --remote {}", quoted(remote));
            return Err(failure.hint(hint).into());
        }
        (strip.tell)(News::Note(format!("{remote} has a newer {parent}: landing again on top of it.")))?;
        level(strip, name, parent, remote, Some(parent_at))?;
        drop(held);
    }
    Err(again(name, parent))
}

/// Pushes what landed before, where a kill came between the landing and its push.
pub(crate) fn push_landed(strip: &mut Strip<'_>, remote: &str, known: &KnownLanding) -> anyhow::Result<()> {
    let KnownLanding { flow, landing, .. } = known;
    let parent = &landing.parent;
    let (_held, _) = strip.lock_parent(parent, &format!("{} pushing {flow}", strip.ledger.actor.uid))?;
    read_followed(strip, parent, remote)?;
    push(strip, remote, flow, parent, &landing.landing).map_err(|error| {
        let message =
            format!("{flow} has landed on {parent}, and could not be pushed to {remote}: {error:#}");
        Failure::new(Kind::Push, message).hint(format!("jj flow undo {flow}")).into()
    })
}

fn push(
    strip: &mut Strip<'_>,
    remote: &str,
    flow: &BookmarkName,
    parent: &BookmarkName,
    landing: &str,
) -> anyhow::Result<()> {
    strip.jj.run(&["git", "push", "--remote", remote, "--bookmark", &jj::pattern(parent)])?;
    failpoint::reach("pushed");
    let pushed = What::Pushed { landing: landing.to_owned(), remote: remote.to_owned() };
    strip.ledger.record(env::now(), None, vec![(flow.clone(), pushed)])
}

/// Where the parent is, where it is in one place; refused where the remote has a bookmark of its name that it does not
/// follow: jj pushes to none such.
fn read_followed(strip: &Strip<'_>, parent: &BookmarkName, remote: &str) -> anyhow::Result<Option<Tip>> {
    let either = format!("{} | {}", revset::exactly(parent), revset::at_remote(parent, remote));
    let graph = strip.jj.read_at(&strip.jj.require_head()?, &either)?;
    let mut remotes = graph.changes().iter().flat_map(|change| &change.remotes);
    if remotes.any(|other| other.name == *parent && other.remote == remote && !other.tracked) {
        let message = format!("Could not push {parent} to {remote}: it does not follow {parent}@{remote}");
        let (parent, remote) = (quoted(parent.as_str()), quoted(remote));
        return Err(Failure::new(Kind::NoRemote, message)
            .hint(format!("jj bookmark track {parent} --remote {remote}"))
            .into());
    }
    let is_at = |change: &&Change| change.bookmarks.iter().any(|bookmark| bookmark.name == *parent);
    let mut targets = graph.changes().iter().filter(is_at);
    Ok(targets.next().filter(|_| targets.next().is_none()).map(Change::tip))
}

/// The one commit of a revset.
fn read(strip: &Strip<'_>, revset: &str) -> anyhow::Result<Option<Tip>> {
    let graph = strip.jj.read_at(&strip.jj.require_head()?, revset)?;
    Ok(match graph.changes() {
        [one] => Some(one.tip()),
        _ => None,
    })
}

/// Brings the parent on top of what was just fetched: with `local`, which it was at before, and all that lies on the
/// way there and that the remote does not have. Where those do not fit the parent goes back to `local`, and is refused.
fn level(
    strip: &mut Strip<'_>,
    flow: &FlowName,
    parent: &BookmarkName,
    remote: &str,
    local: Option<Tip>,
) -> anyhow::Result<()> {
    let mut snapshotted = HashSet::new();
    for _ in 0..ATTEMPTS {
        let (now, at) =
            (read(strip, &revset::at_remote(parent, remote))?, read(strip, &revset::exactly(parent))?);
        let (Some(now), Some(local)) = (now, &local) else { return Ok(()) };
        let op = strip.jj.require_head()?;
        let (new, old) = (jj::commit(&now.commit), jj::commit(&local.commit));
        if let Some(at) = &at
            && !strip.jj.read_at(&op, &format!("{new} & ::{}", jj::commit(&at.commit)))?.changes().is_empty()
        {
            return Ok(());
        }
        let ours = strip.jj.read_at(&op, &format!("{new}..{old}"))?;
        let mut last = op.clone();
        let to = rebase_onto(strip, &mut last, &ours, &now, local)?;
        let set = |to: &Tip| {
            let revision = format!("--revision={}", jj::commit(&to.commit));
            ["bookmark", "set", "--allow-backwards", &revision, &jj::symbol(parent)].map(str::to_owned)
        };
        let carried = read_carried(strip, &op, &format!("({new}..{old}):: ~ {new}"), &ours)?;
        if to.is_some() && snapshot(strip.jj, &op, &carried, &mut snapshotted)? {
            continue;
        }
        // What does not fit is left as it was, and so is the parent.
        if to.is_none() {
            last = op.clone();
        }
        step(strip.jj, &mut last, &set(to.as_ref().unwrap_or(local)))?;
        if !integrate(strip.jj, &op, &last)? {
            continue;
        }
        failpoint::reach("remote-beneath");
        export(strip.jj)?;
        if to.is_none() {
            let other = quoted(&format!("{parent}@{remote}"));
            let message =
                format!("Could not bring {parent} on top of {parent}@{remote}: they are in conflict");
            let hint = format!("jj rebase --branch {} --onto {other}", quoted(parent.as_str()));
            return Err(Failure::new(Kind::BehindRemote, message).hint(hint).into());
        }
        for error in bring_along(strip.jj, &carried, &last) {
            (strip.tell)(News::Note(format!("Warning: {error:#}")))?;
        }
        if !ours.changes().is_empty() {
            let changes = count(ours.changes().len(), "change");
            let note = format!("{parent} is on top of {parent}@{remote} now: {changes} rebased.");
            (strip.tell)(News::Note(note))?;
        }
        return Ok(());
    }
    Err(again(flow, parent))
}

fn again(flow: &FlowName, parent: &BookmarkName) -> anyhow::Error {
    let onto = quoted(parent.as_str());
    raced(&format!("push {parent}"), ATTEMPTS, format!("jj flow done {flow} --into {onto} --push"))
}

/// Rebases, unpublished, what is ours alone onto what the remote has: what `local` becomes, or none where that brings
/// a conflict.
fn rebase_onto(
    strip: &Strip<'_>,
    last: &mut OpId,
    ours: &Graph,
    now: &Tip,
    local: &Tip,
) -> anyhow::Result<Option<Tip>> {
    if ours.changes().is_empty() {
        return Ok(Some(now.clone()));
    }
    let ids: Vec<String> = ours.changes().iter().map(|change| revset::change(&change.id)).collect();
    let own = ids.join(" | ");
    let (source, onto) = (format!("--source=roots({own})"), format!("--onto={}", jj::commit(&now.commit)));
    step(strip.jj, last, &["rebase".to_owned(), source, onto])?;
    let rebased = strip.jj.read_at(last, &own)?;
    if rebased.changes().iter().any(|change| change.conflict) {
        return Ok(None);
    }
    Ok(rebased.changes().iter().find(|change| change.id == local.change).map(Change::tip))
}

/// The workspaces that stand on what is rebased.
fn read_carried(strip: &Strip<'_>, op: &OpId, revset: &str, ours: &Graph) -> anyhow::Result<Carried> {
    if ours.changes().is_empty() {
        return Ok(Carried::default());
    }
    let graph = strip.jj.read_at(op, &format!("({revset}) & working_copies()"))?;
    let elsewhere = graph.changes().iter().filter(|change| !change.here);
    Ok(Carried {
        here: graph.changes().iter().any(|change| change.here),
        others: elsewhere.flat_map(|change| change.workspaces.clone()).collect(),
    })
}
