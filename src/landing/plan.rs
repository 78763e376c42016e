//! What a landing would do, from one survey of the repo. Pure: what was planned is what runs.

use serde_json::{Value, json};

use crate::error::{Failure, Kind, refuse};
use crate::graph::{Change, Target};
use crate::model::{BookmarkName, ChangeId, CommitId, OpId, Status, Tip};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};

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
    let base = single(survey, &name.bookmark())?;
    let (parent, parent_at) = find_parent(survey, request)?;
    check_remote(survey, &parent, parent_at)?;
    let children = survey.open_children(flow);
    if let Some(child) = children.first() {
        let message = format!("Could not land {name}: its sub-flow {} has not landed", child.name);
        return Err(Failure::new(Kind::OpenSubflows, message)
            .hint(format!("jj flow done {}", child.name))
            .into());
    }
    let tip = survey.tip(flow).unwrap_or(base);
    let mut changes = survey.over(Some(parent_at), tip);
    // An empty change without a word, such as the one that `jj new` leaves, is not landed for its own sake.
    let lands_work = changes.iter().any(|change| change.has_work())
        || (request.message.is_some() && changes.iter().any(|change| !change.empty));
    if !lands_work {
        let message = format!("Could not land {name}: it has no work over {parent}");
        return Err(Failure::new(Kind::NothingToLand, message).hint("jj flow").into());
    }
    changes.retain(|change| change.has_work() || change.commit != tip.commit);
    for change in &changes {
        check_change(survey, request, change, tip)?;
    }
    let own: Vec<&CommitId> = changes.iter().map(|change| &change.commit).collect();
    let is_root = |change: &&&Change| !change.parents.iter().any(|parent| own.contains(&parent));
    let rebase = !survey.graph.is_ancestor(&parent_at.commit, &tip.commit);
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
        roots: changes.iter().filter(is_root).map(|change| change.id.clone()).collect(),
        seal: changes.iter().any(|change| change.here),
        describe,
        parent,
        parent_at: parent_at.commit.clone(),
        tip: tip.tip(),
        changes: changes.iter().map(|change| change.tip()).collect(),
    })
}

/// The bookmark to land on, and where it stands.
fn find_parent<'a>(survey: &'a Survey, request: &Request<'_>) -> anyhow::Result<(BookmarkName, &'a Change)> {
    let name = &request.flow.name;
    let Some(parent) = request.into.clone().or_else(|| survey.landing_parent(request.flow)) else {
        let message = format!("Could not land {name}: this repo has no trunk to land on");
        return Err(Failure::new(Kind::NoParent, message)
            .hint(format!("jj bookmark create main --revision 'parents({name})'"))
            .into());
    };
    if parent == name.bookmark() {
        refuse!(Usage, "Could not land {name} on itself");
    }
    let at = single(survey, &parent)?;
    Ok((parent, at))
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
            Err(Failure::new(Kind::ConflictedBookmark, message)
                .hint(format!("jj bookmark list 'exact:{name}'"))
                .into())
        }
    }
}

/// A parent that is not on top of what its remote has would overwrite the remote at the next push.
fn check_remote(survey: &Survey, parent: &BookmarkName, at: &Change) -> anyhow::Result<()> {
    for change in survey.graph.changes() {
        let tracked = change.remotes.iter().find(|remote| remote.tracked && remote.name == *parent);
        let Some(remote) = tracked.map(|remote| &remote.remote) else { continue };
        if !survey.graph.is_ancestor(&change.commit, &at.commit) {
            let message = format!("{parent} is not on top of {parent}@{remote}");
            let hint = format!("jj rebase --branch {parent} --onto {parent}@{remote}");
            return Err(Failure::new(Kind::BehindRemote, message).hint(hint).into());
        }
    }
    Ok(())
}

/// Whether one change may land.
fn check_change(survey: &Survey, request: &Request<'_>, change: &Change, tip: &Change) -> anyhow::Result<()> {
    let name = &request.flow.name;
    let id = change.id.short();
    if change.divergent {
        let message = format!("Could not land {name}: change {id} is divergent");
        return Err(Failure::new(Kind::Divergent, message)
            .hint(format!("jj log --revisions 'change_id({id})'"))
            .into());
    }
    if change.conflict {
        let message = format!("Could not land {name}: change {id} has conflicts");
        return Err(Failure::new(Kind::Conflicted, message)
            .hint(format!("jj resolve --list --revision {id}"))
            .into());
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
    if let Some(workspace) = change.workspaces.iter().find(|_| !change.here) {
        let message = format!("Could not land {name}: the workspace {workspace} edits change {id}");
        return Err(Failure::new(Kind::EditedElsewhere, message).hint("jj workspace list").into());
    }
    let other = change.bookmarks.iter().filter(|bookmark| bookmark.name.as_str() != name.as_str());
    let other = other.filter_map(|bookmark| survey.flow(&bookmark.name)).find(|flow| flow.status.is_open());
    if let Some(other) = other {
        let message =
            format!("Could not land {name}: it stands on changes of {}, which has not landed", other.name);
        return Err(Failure::new(Kind::OtherFlows, message)
            .hint(format!("jj flow done {}", other.name))
            .into());
    }
    Ok(())
}
