//! What a landing would do, from one survey of the repo. Pure: what was planned is what runs.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::along::Carried;
use super::check::{check_change, check_left_out, check_others, check_rebase, check_remote};
use super::parent::{find_parent, only, single};
use crate::config::Guard;
use crate::error::{Failure, Kind, refuse};
use crate::event::Root;
use crate::graph::Change;
use crate::model::{BookmarkName, CommitId, OpId, Status, Tip};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};

/// How far a plan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Onto the parent, and the parent moves forward.
    Land,
    /// Onto the parent, which stays where it is.
    Restack,
}

/// What somebody asks to land.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) flow: &'a Standing,
    pub(crate) goal: Goal,
    /// Another bookmark than the flow's own parent.
    pub(crate) into: Option<BookmarkName>,
    /// The description for a tip that has none.
    pub(crate) message: Option<String>,
    /// Whether the parent is to be pushed afterwards.
    pub(crate) push: bool,
    pub(crate) guard: Guard,
}

/// One landing, ready to be carried out at the operation that it was read at.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) op: OpId,
    pub(crate) goal: Goal,
    pub(crate) flow: FlowName,
    /// What the registry said of the flow.
    pub(crate) status: Status,
    pub(crate) parent: BookmarkName,
    /// Where it lands, which its bookmark follows.
    pub(crate) parent_at: Tip,
    /// What the parent's bookmark points at.
    pub(crate) parent_target: CommitId,
    pub(crate) tip: Tip,
    /// The flow's changes, children before parents.
    pub(crate) changes: Vec<Tip>,
    /// Those of them whose parents are none of them, with their parents.
    pub(crate) roots: Vec<Root>,
    /// Those of them that are in conflict already, parents before children.
    pub(crate) conflicted: Vec<Tip>,
    /// Whether they have to be rebased; else the parent only moves forward.
    pub(crate) rebase: bool,
    /// The description that the tip gets.
    pub(crate) describe: Option<String>,
    /// Whether the flow's bookmark stands above the tip, on nothing but an idle change.
    pub(crate) lowered: bool,
    /// Whether this workspace edits one of the changes, and must get an empty one on top first.
    pub(crate) seal_here: bool,
    /// The other workspaces that do.
    pub(crate) seal: Vec<String>,
    /// Workspaces whose working copies are on the flow's changes or above, and are rewritten with them.
    pub(crate) carried: Carried,
    /// Open flows that stand on the rewritten changes, and are rewritten with them.
    pub(crate) carried_flows: Vec<FlowName>,
    /// Whether the parent is pushed afterwards.
    pub(crate) push: bool,
    pub(crate) guard: Guard,
}

impl Plan {
    /// Whether the flow's commits become other commits.
    pub(crate) fn rewrites(&self) -> bool {
        self.rebase || self.describe.is_some()
    }

    /// The plan in one sentence.
    pub(crate) fn summary(&self) -> String {
        let changes = count(self.changes.len(), "change");
        let how = if self.rebase { "rebased" } else { "as they are" };
        let verb = if self.goal == Goal::Land { "lands" } else { "is restacked" };
        format!("{} {verb} on {}: {changes}, {how}.", self.flow, self.parent)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "flow": self.flow,
            "parent": self.parent,
            "operation": self.op,
            "parent_commit": self.parent_at.commit,
            "tip": self.tip,
            "changes": self.changes,
            "rebase": self.rebase,
            "conflicted": self.conflicted,
            "describe": self.describe,
            "carried": {"flows": self.carried_flows, "workspaces": self.carried.others},
        })
    }
}

/// `1 change`, `2 changes`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Plans the landing, or says why it cannot be and what mends it.
pub(crate) fn plan(survey: &Survey, request: &Request<'_>) -> anyhow::Result<Plan> {
    let flow = request.flow;
    let name = &flow.name;
    if flow.status == Status::Merged {
        refuse!(IllegalTransition, "Could not land {name}: it is merged already");
    }
    single(survey, &name.bookmark())?;
    let (parent, parent_at) = find_parent(survey, request)?;
    let lands = request.goal == Goal::Land;
    if lands {
        check_remote(survey, &parent, parent_at)?;
        if let Some(child) = survey.open_children(flow).first() {
            let message = format!("Could not land {name}: its sub-flow {} has not landed", child.name);
            return Err(Failure::new(Kind::OpenSubflows, message)
                .hint(format!("jj flow done {}", child.name))
                .into());
        }
    }
    let top = only(survey.tips(flow), name, "work goes on in")?;
    let mut changes = survey.over(Some(parent_at), top);
    // An empty change without a word on top, such as the one that `jj new` leaves, is not landed.
    let idle = changes.iter().take_while(|change| !change.has_work()).count();
    changes.drain(..idle);
    // Where it has none, what lies beneath is another open flow's, unless both bookmarks stand there.
    let is_held = |tip: &Change| survey.target(flow).single().is_some_and(|at| at.commit == tip.commit);
    let is_others = |tip: &Change| survey.owner(tip).is_some_and(|owner| owner.name != *name);
    let Some(&tip) = changes.first().filter(|tip| is_held(tip) || !is_others(tip)) else {
        let message = format!("Could not land {name}: it has no work over {parent}");
        return Err(Failure::new(Kind::NothingToLand, message).hint("jj status").into());
    };
    check_others(survey, flow, &changes, tip)?;
    for change in &changes {
        check_change(request, change, tip)?;
    }
    if lands {
        check_left_out(survey, name, tip)?;
    }
    // Forward is where nothing else would come along.
    let between = survey.graph.between(&[&parent_at.commit], &tip.commit);
    let rebase = between.len() != changes.len() || !survey.graph.is_ancestor(&parent_at.commit, &tip.commit);
    let roots = find_roots(&changes);
    if rebase {
        check_rebase(survey, request, &changes, &roots, (&parent, parent_at))?;
    }
    let describe = request.message.clone().filter(|_| tip.description.is_empty());
    let seal = if lands { workspaces(changes.iter().copied()).others } else { Vec::new() };
    // A rebase or a resolution takes along what stands on any of the changes, and so does the snapshot of a workspace
    // that is to be sealed; a description what stands on the tip.
    let whole = rebase || changes.iter().any(|change| change.conflict) || !seal.is_empty();
    let rewritten = if whole { changes.as_slice() } else { &changes[..usize::from(describe.is_some())] };
    let carried = find_carried(survey, rewritten);
    let landing: HashSet<&CommitId> = changes.iter().map(|change| &change.commit).collect();
    let carried_flows = survey.flows.iter().filter(|other| {
        let at = survey.target(other).single();
        other.status.is_open()
            && other.name != *name
            && at.is_some_and(|at| {
                !landing.contains(&at.commit) && carried.iter().any(|change| change.commit == at.commit)
            })
    });
    Ok(Plan {
        op: survey.graph.op.clone(),
        goal: request.goal,
        flow: name.clone(),
        status: flow.status,
        rebase,
        roots: roots
            .iter()
            .map(|change| Root { change: change.id.clone(), parents: change.parents.clone() })
            .collect(),
        conflicted: changes
            .iter()
            .rev()
            .filter(|change| change.conflict)
            .map(|change| change.tip())
            .collect(),
        seal_here: lands && changes.iter().any(|change| change.here),
        seal,
        carried: workspaces(carried.iter().copied()),
        carried_flows: carried_flows.map(|other| other.name.clone()).collect(),
        lowered: survey
            .target(flow)
            .single()
            .is_some_and(|at| at.commit != tip.commit && survey.graph.is_ancestor(&tip.commit, &at.commit)),
        describe,
        parent_target: single(survey, &parent)?.commit.clone(),
        parent,
        parent_at: parent_at.tip(),
        tip: tip.tip(),
        changes: changes.iter().map(|change| change.tip()).collect(),
        push: request.push,
        guard: request.guard,
    })
}

/// The workspaces that a rewrite of these changes, and of all that stands on them, takes along.
pub(crate) fn carried_by(survey: &Survey, changes: &[&Change]) -> Carried {
    workspaces(find_carried(survey, changes))
}

/// The workspaces whose working copies these changes are. Where another one shares this workspace's change, both
/// names are among the others; whoever goes there leaves this one out.
pub(super) fn workspaces<'a>(changes: impl IntoIterator<Item = &'a Change> + Clone) -> Carried {
    let elsewhere = changes.clone().into_iter().filter(|change| !change.here || change.workspaces.len() > 1);
    Carried {
        here: changes.into_iter().any(|change| change.here),
        others: elsewhere.flat_map(|change| change.workspaces.clone()).collect(),
    }
}

/// What is rewritten where these are: they and all that stands on them, children before parents.
fn find_carried<'a>(survey: &'a Survey, rewritten: &[&Change]) -> Vec<&'a Change> {
    let graph = &survey.graph;
    let mut carried: HashSet<usize> =
        rewritten.iter().filter_map(|change| graph.place(&change.commit)).collect();
    if carried.is_empty() {
        return Vec::new();
    }
    for place in (0..graph.changes().len()).rev() {
        if graph.parents(place).any(|parent| carried.contains(&parent)) {
            carried.insert(place);
        }
    }
    let is_carried = |(place, change)| carried.contains(&place).then_some(change);
    graph.changes().iter().enumerate().filter_map(is_carried).collect()
}

/// Those of the changes whose parents are none of them.
fn find_roots<'a>(changes: &[&'a Change]) -> Vec<&'a Change> {
    let own: HashSet<&CommitId> = changes.iter().map(|change| &change.commit).collect();
    let is_root = |change: &&&Change| !change.parents.iter().any(|parent| own.contains(parent));
    changes.iter().filter(is_root).copied().collect()
}
