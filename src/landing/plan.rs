//! What a landing would do, from one survey of the repo. Pure: what was planned is what runs.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::check::{check_change, check_others, check_rebase, check_remote};
use crate::error::{Failure, Kind, refuse};
use crate::graph::{Change, Target};
use crate::model::{BookmarkName, ChangeId, CommitId, OpId, Status, Tip};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};
use crate::text::quoted;

/// What somebody asks to land.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) flow: &'a Standing,
    /// Another bookmark than the flow's own parent.
    pub(crate) into: Option<BookmarkName>,
    /// The description for a tip that has none.
    pub(crate) message: Option<String>,
}

/// One landing, ready to be carried out at the operation that it was read at.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) op: OpId,
    pub(crate) flow: FlowName,
    /// What the registry said of the flow.
    pub(crate) status: Status,
    pub(crate) parent: BookmarkName,
    pub(crate) parent_at: CommitId,
    pub(crate) tip: Tip,
    /// The flow's changes, children before parents.
    pub(crate) changes: Vec<Tip>,
    /// Those of them whose parents are none of them.
    pub(crate) roots: Vec<ChangeId>,
    /// Whether they have to be rebased; else the parent only moves forward.
    pub(crate) rebase: bool,
    /// The description that the tip gets.
    pub(crate) describe: Option<String>,
    /// Whether this workspace edits one of the changes, and must get an empty one on top first.
    pub(crate) seal: bool,
    /// Whether the flow's bookmark stands above the tip, on nothing but an idle change.
    pub(crate) lowered: bool,
    /// Whether this workspace's working copy is on the flow's changes or above, and rewritten with them.
    pub(crate) carries_here: bool,
}

impl Plan {
    /// Whether the flow's commits become other commits.
    pub(crate) fn rewrites(&self) -> bool {
        self.rebase || self.describe.is_some()
    }

    /// The plan in one sentence.
    pub(crate) fn summary(&self) -> String {
        let changes = count(self.changes.len());
        let how = if self.rebase { "rebased" } else { "as they are" };
        format!("{} lands on {}: {changes}, {how}.", self.flow, self.parent)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "flow": self.flow,
            "parent": self.parent,
            "operation": self.op,
            "parent_commit": self.parent_at,
            "tip": self.tip,
            "changes": self.changes,
            "rebase": self.rebase,
        })
    }
}

/// `1 change`, `2 changes`.
pub(crate) fn count(changes: usize) -> String {
    format!("{changes} change{}", if changes == 1 { "" } else { "s" })
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
    check_remote(survey, &parent, parent_at)?;
    if let Some(child) = survey.open_children(flow).first() {
        let message = format!("Could not land {name}: its sub-flow {} has not landed", child.name);
        return Err(Failure::new(Kind::OpenSubflows, message)
            .hint(format!("jj flow done {}", child.name))
            .into());
    }
    let top = only(survey.tips(flow), name, "work goes on in")?;
    let mut changes = survey.over(Some(parent_at), top);
    // An empty change without a word on top, such as the one that `jj new` leaves, is not landed.
    let idle = changes.iter().take_while(|change| !change.has_work()).count();
    changes.drain(..idle);
    let Some(&tip) = changes.first() else {
        let message = format!("Could not land {name}: it has no work over {parent}");
        return Err(Failure::new(Kind::NothingToLand, message).hint("jj status").into());
    };
    check_others(survey, flow, &changes, tip)?;
    for change in &changes {
        check_change(request, change, tip)?;
    }
    // Forward is where nothing else would come along.
    let between = survey.graph.between(&[&parent_at.commit], &tip.commit);
    let rebase = between.len() != changes.len() || !survey.graph.is_ancestor(&parent_at.commit, &tip.commit);
    let roots = find_roots(&changes);
    if rebase {
        check_rebase(survey, name, &changes, &roots, parent_at)?;
    }
    let describe = request.message.clone().filter(|_| tip.description.is_empty());
    // A rebase takes along what stands on any of the changes; a description what stands on the tip.
    let rewritten = if rebase { changes.as_slice() } else { &changes[..usize::from(describe.is_some())] };
    let on_top =
        |here: &Change| rewritten.iter().any(|change| survey.graph.is_ancestor(&change.commit, &here.commit));
    Ok(Plan {
        op: survey.graph.op.clone(),
        flow: name.clone(),
        status: flow.status,
        carries_here: survey.graph.here().is_some_and(on_top),
        rebase,
        roots: roots.iter().map(|change| change.id.clone()).collect(),
        seal: changes.iter().any(|change| change.here),
        lowered: survey
            .target(flow)
            .single()
            .is_some_and(|at| at.commit != tip.commit && survey.graph.is_ancestor(&tip.commit, &at.commit)),
        describe,
        parent,
        parent_at: parent_at.commit.clone(),
        tip: tip.tip(),
        changes: changes.iter().map(|change| change.tip()).collect(),
    })
}

/// Those of the changes whose parents are none of them.
fn find_roots<'a>(changes: &[&'a Change]) -> Vec<&'a Change> {
    let own: HashSet<&CommitId> = changes.iter().map(|change| &change.commit).collect();
    let is_root = |change: &&&Change| !change.parents.iter().any(|parent| own.contains(parent));
    changes.iter().filter(is_root).copied().collect()
}

/// The bookmark to land on, and where: a flow's newest work, which its bookmark follows, else the bookmark itself.
fn find_parent<'a>(survey: &'a Survey, request: &Request<'_>) -> anyhow::Result<(BookmarkName, &'a Change)> {
    let name = &request.flow.name;
    let Some(parent) = request.into.clone().or_else(|| survey.landing_parent(request.flow)) else {
        let message = format!("Could not land {name}: this repo has no trunk to land on");
        let known = survey.graph.changes().iter().filter(|change| change.trunk);
        let named = survey.trunk_name.as_ref();
        let mut remotes = known.flat_map(|change| &change.remotes);
        let remote = remotes.find(|remote| named.is_none_or(|named| remote.name == *named));
        let hint = match remote {
            Some(remote) => format!(
                "jj bookmark track {} --remote {}",
                quoted(remote.name.as_str()),
                quoted(&remote.remote)
            ),
            None => {
                let trunk = quoted(named.map_or("main", BookmarkName::as_str));
                format!("jj bookmark create {trunk} --revision 'parents({name})'")
            }
        };
        return Err(Failure::new(Kind::NoParent, message).hint(hint).into());
    };
    if parent == name.bookmark() {
        refuse!(Usage, "Could not land {name} on itself");
    }
    let at = single(survey, &parent)?;
    match survey.flow(&parent).filter(|flow| flow.status.is_open()) {
        Some(flow) => Ok((parent, only(survey.landing_places(flow), &flow.name, "work goes on in")?)),
        None => Ok((parent, at)),
    }
}

/// The one change that a bookmark points at.
fn single<'a>(survey: &'a Survey, name: &BookmarkName) -> anyhow::Result<&'a Change> {
    match survey.graph.bookmark(name) {
        Target::At(change) => Ok(change),
        Target::Absent => {
            let message = format!("Could not find the bookmark {name}");
            Err(Failure::new(Kind::NoParent, message).hint("jj bookmark list --all-remotes").into())
        }
        Target::Conflicted => {
            let message = format!("The bookmark {name} is conflicted: it has more than one target");
            let hint = format!("jj bookmark list {}", quoted(&format!("exact:{:?}", name.as_str())));
            Err(Failure::new(Kind::ConflictedBookmark, message).hint(hint).into())
        }
    }
}

/// The only one of a flow's newest changes: nobody can tell which of several is meant.
fn only<'a>(tips: Vec<&'a Change>, name: &FlowName, what: &str) -> anyhow::Result<&'a Change> {
    let [tip] = tips.as_slice() else {
        let several: Vec<&str> = tips.iter().map(|tip| tip.id.short()).collect();
        let message = format!("{name} has several ends: its {what} {}", several.join(", "));
        let hint = format!("jj new {} --message 'merge them'", several.join(" "));
        return Err(Failure::new(Kind::SeveralTips, message).hint(hint).into());
    };
    Ok(tip)
}
