//! What a landing refuses before it begins. Pure: each check names what is in the way, and what mends it.

use super::plan::{Goal, Request, count};
use crate::error::{Failure, Kind};
use crate::graph::Change;
use crate::model::BookmarkName;
use crate::name::FlowName;
use crate::survey::{Standing, Survey};
use crate::text::quoted;

/// A parent that is not on top of what its remote has would overwrite the remote at the next push.
pub(super) fn check_remote(survey: &Survey, parent: &BookmarkName, at: &Change) -> anyhow::Result<()> {
    for change in survey.graph.changes() {
        let tracked = change.remotes.iter().find(|remote| remote.tracked && remote.name == *parent);
        let Some(remote) = tracked.map(|remote| &remote.remote) else { continue };
        if !survey.graph.is_ancestor(&change.commit, &at.commit) {
            let message = format!("{parent} is not on top of {parent}@{remote}");
            let onto = quoted(&format!("{parent}@{remote}"));
            let branch = quoted(parent.as_str());
            let hint = if survey.graph.is_ancestor(&at.commit, &change.commit) {
                format!("jj bookmark move {branch} --to {onto}")
            } else {
                format!("jj rebase --branch {branch} --onto {onto}")
            };
            return Err(Failure::new(Kind::BehindRemote, message).hint(hint).into());
        }
    }
    Ok(())
}

/// Refuses to take another open flow's changes along: those that belong to it, and those beneath its bookmark that
/// are not this flow's own.
pub(super) fn check_others(
    survey: &Survey,
    flow: &Standing,
    changes: &[&Change],
    tip: &Change,
) -> anyhow::Result<()> {
    let is_own = |change: &Change| survey.owner(change).is_some_and(|owner| owner.name == flow.name);
    let foreign: Vec<&&Change> = changes.iter().filter(|change| !is_own(change)).collect();
    let mut others = survey.flows.iter().filter(|other| other.name != flow.name && other.status.is_open());
    let other = others.find(|other| {
        let Some(at) = survey.target(other).single().filter(|_| !foreign.is_empty()) else { return false };
        let stands_on_us = survey.graph.is_ancestor(&tip.commit, &at.commit);
        let beneath = survey.graph.ancestors(&at.commit);
        let holds = |change: &&&Change| {
            survey.owner(change).is_some_and(|owner| owner.name == other.name)
                || survey.graph.place(&change.commit).is_some_and(|place| beneath.contains(&place))
        };
        !stands_on_us && foreign.iter().any(holds)
    });
    let Some(other) = other else { return Ok(()) };
    let message =
        format!("Could not land {}: it stands on changes of {}, which has not landed", flow.name, other.name);
    Err(Failure::new(Kind::OtherFlows, message).hint(format!("jj flow done {}", other.name)).into())
}

/// A rebase gives every root the new parent alone, and rewrites every change: refused where that loses something, or
/// where it would drag an old line of work onto today's.
pub(super) fn check_rebase(
    survey: &Survey,
    request: &Request<'_>,
    changes: &[&Change],
    roots: &[&Change],
    (parent, onto): (&BookmarkName, &Change),
) -> anyhow::Result<()> {
    let name = &request.flow.name;
    if let Some(change) = changes.iter().find(|change| change.immutable) {
        let message = format!("Could not rebase {name}: change {} is immutable", change.id.short());
        let hint = format!("jj log --revisions 'change_id({})::immutable_heads()'", change.id.short());
        return Err(Failure::new(Kind::Immutable, message).hint(hint).into());
    }
    for root in roots.iter().filter(|root| root.parents.len() > 1) {
        if let Some(side) = root.parents.iter().find(|parent| !survey.graph.is_ancestor(parent, &onto.commit))
        {
            let message = format!(
                "Could not rebase {name}: its merge {} has a side, {}, that is not in what it lands on",
                root.id.short(),
                side.short()
            );
            let hint = format!("jj show {}", root.id.short());
            return Err(Failure::new(Kind::OtherFlows, message).hint(hint).into());
        }
    }
    if onto.conflict {
        let message = format!("Could not rebase {name}: {parent} itself has conflicts");
        let hint = format!("jj resolve --list --revision {}", onto.id.short());
        return Err(Failure::new(Kind::Conflicted, message).hint(hint).into());
    }
    let max = request.guard.max_changes;
    if changes.len() > max {
        let message = format!(
            "Could not rebase {name}: {} over {parent}, where flow.guard.max-changes is {max}. \
             Is it an old line of work?",
            count(changes.len(), "change")
        );
        let tip = changes.first().map_or(name.as_str(), |tip| tip.id.short());
        let hint = format!("jj log --revisions {}", quoted(&format!("{}..{tip}", quoted(parent.as_str()))));
        return Err(Failure::new(Kind::DeepRebase, message).hint(hint).into());
    }
    Ok(())
}

/// A file of this workspace that is too large for a change would stay behind without a word.
pub(super) fn check_left_out(survey: &Survey, name: &FlowName, tip: &Change) -> anyhow::Result<()> {
    let works_here =
        survey.graph.here().is_some_and(|here| survey.graph.is_ancestor(&tip.commit, &here.commit));
    let Some(first) = survey.graph.left_out.first().filter(|_| works_here) else { return Ok(()) };
    let path = first.rsplit_once(": ").map_or(first.as_str(), |(path, _)| path);
    let message = format!(
        "Could not land {name}: files are too large for a change, and would stay behind\n  {}",
        survey.graph.left_out.join("\n  ")
    );
    let hint = format!("printf '%s\\n' {} >> \"$(jj root)/.gitignore\"", quoted(&ignore_rule(path)));
    Err(Failure::new(Kind::TooLarge, message).hint(hint).into())
}

/// The line of the topmost `.gitignore` that ignores one path.
fn ignore_rule(path: &str) -> String {
    let special = |character: char| r"\*?[".contains(character) || character == ' ';
    let escape = |character: char| special(character).then_some('\\').into_iter().chain([character]);
    format!("/{}", path.chars().flat_map(escape).collect::<String>())
}

/// Whether one change may land.
pub(super) fn check_change(request: &Request<'_>, change: &Change, tip: &Change) -> anyhow::Result<()> {
    let name = &request.flow.name;
    let id = change.id.short();
    if change.divergent {
        let message = format!("Could not land {name}: change {id} is divergent");
        return Err(Failure::new(Kind::Divergent, message)
            .hint(format!("jj log --revisions 'change_id({id})'"))
            .into());
    }
    if request.goal == Goal::Restack {
        return Ok(());
    }
    let described =
        !change.description.is_empty() || (change.commit == tip.commit && request.message.is_some());
    if !described {
        let message = format!("Could not land {name}: change {id} has no description");
        let hint = if change.commit == tip.commit {
            format!("jj flow done {name} --message 'what it does'")
        } else {
            format!("jj describe {id} --message 'what it does'")
        };
        return Err(Failure::new(Kind::Undescribed, message).hint(hint).into());
    }
    Ok(())
}
