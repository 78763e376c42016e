//! Workspaces around a landing: sealed before it, so that no edit changes what lands, and brought along after it, so
//! that nobody has to.

use std::collections::HashSet;

use super::chain::revision;
use super::plan::Plan;
use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::graph::Change;
use crate::jj::{self, Jj, revset};
use crate::model::{ChangeId, OpId};

/// The setting by which jj itself brings a workspace up to date that somebody else's operation left behind.
pub(super) const UPDATE_STALE: &str = "--config=snapshot.auto-update-stale=true";

/// Workspaces whose working copies are rewritten with a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Whether this workspace is one.
    pub(crate) here: bool,
    /// The names of the others, the topmost first.
    pub(crate) others: Vec<String>,
}

/// Snapshots every other workspace that is to be rewritten, the topmost first: snapshotting one leaves those above it
/// stale. Whether there was any, and the plan is to be made again. `done` holds those that were looked at before.
pub(super) fn snapshot(
    jj: &Jj,
    op: &OpId,
    carried: &Carried,
    done: &mut HashSet<String>,
) -> anyhow::Result<bool> {
    let names: Vec<String> = carried.others.iter().filter(|name| !done.contains(*name)).cloned().collect();
    let others = find(jj, op, &names)?;
    for (_, other) in &others {
        other.snapshot()?;
    }
    done.extend(names);
    Ok(!others.is_empty())
}

/// Gives each workspace that edits one of the changes an empty change on top: later edits go there. Whether there was
/// any.
pub(super) fn seal(jj: &Jj, plan: &Plan) -> anyhow::Result<bool> {
    let tip = revision(&plan.tip.change);
    let others = find(jj, &plan.op, &plan.seal)?;
    for (_, other) in &others {
        other.run(&[UPDATE_STALE, "new", &tip])?;
        failpoint::reach("sealing");
    }
    if plan.seal_here {
        jj.run(&[UPDATE_STALE, "new", &tip])?;
    }
    Ok(plan.seal_here || !others.is_empty())
}

/// Puts each workspace that was sealed back onto the change that it edited. Edits made meanwhile go into the flow's tip
/// where that is the change; else they stay where they are, and so does whatever somebody has made of the empty change.
pub(super) fn unseal(jj: &Jj, sealed: &Plan) -> anyhow::Result<()> {
    let stood = jj.read_at(&sealed.op, "working_copies()")?;
    let edited = |is_it: &dyn Fn(&Change) -> bool| stood.changes().iter().find(|change| is_it(change));
    let others = find(jj, &sealed.op, &sealed.seal)?;
    // All edits are in their changes before the first one rewrites what others stand on.
    for place in others.iter().map(|(_, other)| other).chain(sealed.seal_here.then_some(jj)) {
        place.run(&[UPDATE_STALE, "log", "--no-graph", "--limit=1", "--template=''"])?;
    }
    for (name, other) in &others {
        if let Some(change) = edited(&|change| change.workspaces.contains(name)) {
            put_back(other, &sealed.tip.change, &change.id)?;
        }
    }
    if let Some(change) = edited(&|change| change.here).filter(|_| sealed.seal_here) {
        put_back(jj, &sealed.tip.change, &change.id)?;
    }
    // Whoever was put back early may have been rewritten since.
    for (_, other) in &others {
        bring(other, &jj.require_head()?)?;
    }
    Ok(())
}

/// Puts one workspace back, so long as it stands on the change that sealing it has made.
fn put_back(jj: &Jj, tip: &ChangeId, edited: &ChangeId) -> anyhow::Result<()> {
    let top = revision(tip);
    let sealing = format!(
        "--revisions=@ & children({top}) & description(exact:'') & heads(all()) ~ merges() ~ bookmarks()"
    );
    let template = "--template=if(empty, 'empty', 'edited')";
    match jj.run(&[UPDATE_STALE, "log", "--no-graph", &sealing, template])?.as_str() {
        "empty" => {}
        "edited" if tip == edited => _ = jj.run(&["squash", "--into", &top])?,
        _ => return Ok(()),
    }
    jj.run(&["edit", &revision(edited)])?;
    Ok(())
}

/// The other workspaces of these names whose folders are there: without one there is nothing that could be edited.
pub(super) fn find(jj: &Jj, op: &OpId, names: &[String]) -> anyhow::Result<Vec<(String, Jj)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let all = jj.read_workspaces(op)?;
    let place = |name: &String| {
        let workspace = all.iter().find(|workspace| workspace.name == *name)?;
        let other = jj.at(&workspace.root)?;
        (other.repo().root() != jj.repo().root()).then(|| (name.clone(), other))
    };
    Ok(names.iter().filter_map(place).collect())
}

/// Brings git's refs level where git works in the repo too: publishing an operation does not. In the default workspace
/// jj exports only when it is told to leave the working copy alone.
pub(super) fn export(jj: &Jj) -> anyhow::Result<()> {
    if jj.repo().is_colocated() {
        jj.run(&["--ignore-working-copy", "git", "export"])?;
    }
    Ok(())
}

/// Brings the files of every workspace along that was rewritten. Each that could not be is told: what was published
/// stands.
pub(super) fn bring_along(jj: &Jj, carried: &Carried, published: &OpId) -> Vec<anyhow::Error> {
    let mut unfinished = Vec::new();
    if carried.here {
        unfinished.extend(bring(jj, published).err());
    }
    match find(jj, published, &carried.others) {
        Ok(others) => unfinished.extend(others.iter().filter_map(|(_, other)| bring(other, published).err())),
        Err(error) => unfinished.push(error),
    }
    unfinished
}

/// Brings one workspace along. An edit that met the landing on the way is in a second copy of its change, on the same
/// new parents: that copy is the newer one, and becomes the only one.
fn bring(jj: &Jj, published: &OpId) -> anyhow::Result<()> {
    let divergent = "--revisions=@ & divergent()";
    let change = jj.run(&[UPDATE_STALE, "log", "--no-graph", divergent, "--template=change_id"])?;
    if change.is_empty() {
        return Ok(());
    }
    let change = ChangeId::new(change);
    let copies = revset::change(&change);
    let ours = jj.read_at(published, &copies)?;
    let now = jj.read_at(&jj.require_head()?, &copies)?;
    let is_ours = |copy: &&Change| ours.changes().iter().any(|ours| ours.commit == copy.commit);
    let (ours, edited): (Vec<&Change>, Vec<&Change>) = now.changes().iter().partition(is_ours);
    let ([ours], [edited]) = (ours.as_slice(), edited.as_slice()) else {
        let message = format!("an edit made meanwhile is in another copy of change {}", change.short());
        return Err(Failure::new(Kind::Divergent, message).into());
    };
    let (ours, edited) = (jj::commit(&ours.commit), jj::commit(&edited.commit));
    jj.run(&["rebase", &format!("--source=children({ours})"), &format!("--onto={edited}")])?;
    jj.run(&["edit", &edited])?;
    jj.run(&["abandon", &format!("{ours} & ::visible_heads()")])?;
    Ok(())
}
