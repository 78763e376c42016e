//! Which bookmarks of merged flows may go. Pure.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::graph::Target;
use crate::model::{BookmarkName, CommitId, OpId, Status};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};

/// When a flow has landed, and on what; by the number of its row.
pub(crate) type Landed = HashMap<i64, (Timestamp, BookmarkName)>;

/// A bookmark that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Going {
    pub(crate) flow: BookmarkName,
    /// Where it stands.
    pub(crate) at: CommitId,
    pub(crate) landed_at: Timestamp,
}

/// A bookmark that is old enough to go and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stays {
    pub(crate) flow: BookmarkName,
    pub(crate) why: String,
    /// What takes it away all the same.
    pub(crate) hint: Option<String>,
}

/// What becomes of the bookmarks of merged flows, as they stand at one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MergedPlan {
    /// None where there was no need to look.
    pub(crate) op: Option<OpId>,
    pub(crate) going: Vec<Going>,
    pub(crate) stays: Vec<Stays>,
}

/// The bookmarks that may hold what old flows brought: what those landed on, and what they would land on today.
pub(crate) fn parents_asked(survey: &Survey, landed: &Landed, until: Timestamp) -> Vec<BookmarkName> {
    let mut asked: Vec<BookmarkName> = Vec::new();
    for (flow, (_, parent)) in old(survey, landed, until) {
        asked.extend(holders(survey, flow, parent));
    }
    asked.sort();
    asked.dedup();
    asked
}

/// What goes of the flows that landed until then. `beneath` has, of each bookmark that was asked for, the commits of
/// flows that it holds.
pub(crate) fn plan_merged(
    survey: &Survey,
    landed: &Landed,
    until: Timestamp,
    beneath: &HashMap<BookmarkName, HashSet<CommitId>>,
) -> MergedPlan {
    let needed = needed(survey);
    let mut plan = MergedPlan { op: Some(survey.graph.op.clone()), ..MergedPlan::default() };
    for (flow, (landed_at, parent)) in old(survey, landed, until) {
        let name = flow.name.bookmark();
        match judge(survey, flow, parent, &needed, beneath) {
            Ok(at) => plan.going.push(Going { flow: name, at: at.clone(), landed_at: *landed_at }),
            Err((why, hint)) => plan.stays.push(Stays { flow: name, why, hint }),
        }
    }
    plan
}

/// The merged flows that landed until then.
fn old<'a>(
    survey: &'a Survey,
    landed: &'a Landed,
    until: Timestamp,
) -> impl Iterator<Item = (&'a Standing, &'a (Timestamp, BookmarkName))> {
    let merged = survey.flows.iter().filter(|flow| flow.status == Status::Merged);
    merged.filter_map(move |flow| {
        let landed = landed.get(&flow.row.as_ref()?.id)?;
        (landed.0 <= until).then_some((flow, landed))
    })
}

fn holders(survey: &Survey, flow: &Standing, parent: &BookmarkName) -> Vec<BookmarkName> {
    let today = survey.landing_parent(flow);
    std::iter::once(parent.clone()).chain(today).chain(survey.trunk.clone()).collect()
}

/// Where the bookmark stands that may go; else why it stays, and what takes it away all the same.
fn judge<'a>(
    survey: &'a Survey,
    flow: &Standing,
    parent: &BookmarkName,
    needed: &HashMap<BookmarkName, &FlowName>,
    beneath: &HashMap<BookmarkName, HashSet<CommitId>>,
) -> Result<&'a CommitId, (String, Option<String>)> {
    let name = flow.name.bookmark();
    let stays = |why: String| Err((why, None));
    let at = match survey.target(flow) {
        Target::At(at) => at,
        Target::Absent | Target::Conflicted => return stays("its bookmark is conflicted".to_owned()),
    };
    if flow.row.as_ref().is_none_or(|row| row.tip.change != at.id) {
        return stays("its bookmark was moved since it landed".to_owned());
    }
    if at.here || !at.workspaces.is_empty() {
        return stays("a workspace stands on it".to_owned());
    }
    if let Some(open) = needed.get(&name) {
        return stays(format!("the open flow {open} has it as its parent"));
    }
    let holders = holders(survey, flow, parent);
    let holds =
        |holder: &BookmarkName| beneath.get(holder).is_some_and(|commits| commits.contains(&at.commit));
    if !holders.iter().any(|holder| *holder != name && holds(holder)) {
        return stays(format!("{parent} does not hold what it brought any more"));
    }
    let remotes = survey.graph.changes().iter().flat_map(|change| &change.remotes);
    if let Some(remote) = remotes.into_iter().find(|remote| remote.tracked && remote.name == name) {
        let at = crate::text::quoted(&remote.remote);
        let hint = format!("jj bookmark delete {name} && jj git push --remote {at} --bookmark {name}");
        return Err((format!("the remote {} has it", remote.remote), Some(hint)));
    }
    Ok(&at.commit)
}

/// The merged flows by which an open one finds what it lands on, each with one that does.
fn needed(survey: &Survey) -> HashMap<BookmarkName, &FlowName> {
    let mut needed = HashMap::new();
    for flow in survey.flows.iter().filter(|flow| flow.status.is_open()) {
        let mut parent = flow.parent.clone();
        for _ in 0..=survey.flows.len() {
            let Some(above) = parent.as_ref().and_then(|parent| survey.flow(parent)) else { break };
            if above.status.is_open() {
                break;
            }
            needed.insert(above.name.bookmark(), &flow.name);
            parent.clone_from(&above.parent);
        }
    }
    needed
}
