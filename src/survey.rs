//! A repo's flows as they stand at one operation: jj's bookmarks and history, joined with the registry's rows.

use std::cmp::Reverse;

use crate::config::Trunk;
use crate::graph::{Change, Graph, Target};
use crate::model::{BookmarkName, Flow, Status};
use crate::name::FlowName;

/// One flow as it stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) name: FlowName,
    pub(crate) status: Status,
    /// What it lands on: none for a root flow.
    pub(crate) parent: Option<BookmarkName>,
    /// Its row, where the registry has one.
    pub(crate) row: Option<Flow>,
}

/// All flows of a repo that have a bookmark, in the order of their names.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) graph: Graph,
    pub(crate) flows: Vec<Standing>,
    /// The rows that the registry had before jj was read.
    pub(crate) rows: Vec<Flow>,
    /// The local bookmark that root flows land on, where there is one.
    pub(crate) trunk: Option<BookmarkName>,
}

/// The names that a trunk has where nobody says.
pub(crate) const TRUNKS: [&str; 3] = ["main", "master", "trunk"];

/// The bookmarks that may turn out to be the trunk.
pub(crate) fn trunk_candidates(setting: &Trunk) -> Vec<BookmarkName> {
    match setting {
        Trunk::Named(name) => vec![name.clone()],
        Trunk::Auto | Trunk::None => TRUNKS.map(BookmarkName::new).to_vec(),
    }
}

impl Survey {
    /// Joins what jj and the registry say; a flow without a row is in progress, under the parent in its name.
    pub(crate) fn new(graph: Graph, rows: Vec<Flow>, setting: &Trunk) -> Self {
        let mut names: Vec<FlowName> = graph
            .changes()
            .iter()
            .flat_map(|change| &change.bookmarks)
            .filter_map(|bookmark| FlowName::parse(bookmark.name.as_str()).ok())
            .collect();
        names.sort();
        names.dedup();
        let standing = |name: FlowName| {
            let row = rows.iter().find(|row| row.bookmark.as_str() == name.as_str()).cloned();
            let by_name = || name.parent().map(|parent| parent.bookmark());
            Standing {
                status: row.as_ref().map_or(Status::InProgress, |row| row.status),
                parent: row.as_ref().map_or_else(by_name, |row| row.parent.clone()),
                row,
                name,
            }
        };
        let flows = names.into_iter().map(standing).collect();
        let trunk = find_trunk(&graph, setting);
        Self { graph, flows, rows, trunk }
    }

    pub(crate) fn flow(&self, name: &BookmarkName) -> Option<&Standing> {
        self.flows.iter().find(|flow| flow.name.as_str() == name.as_str())
    }

    /// Where a flow's bookmark points.
    pub(crate) fn target(&self, flow: &Standing) -> Target<'_> {
        self.graph.bookmark(&flow.name.bookmark())
    }

    /// The bookmark that a flow lands on: its parent, or for a root flow the trunk.
    pub(crate) fn landing_parent(&self, flow: &Standing) -> Option<BookmarkName> {
        flow.parent.clone().or_else(|| self.trunk.clone())
    }

    /// The open flow that a change belongs to: the nearest one beneath it, a sub-flow before its parent.
    pub(crate) fn owner(&self, change: &Change) -> Option<&Standing> {
        let holder = self.graph.nearest(&change.commit, |change| self.holds(change).is_some(), |_| false)?;
        self.holds(holder)
    }

    /// The open flow whose bookmark stands on exactly this change; the deepest of several.
    fn holds(&self, change: &Change) -> Option<&Standing> {
        let names = change.bookmarks.iter().filter(|bookmark| !bookmark.conflicted);
        let flows = names.filter_map(|bookmark| self.flow(&bookmark.name));
        flows.filter(|flow| flow.status.is_open()).min_by_key(|flow| (Reverse(flow.name.depth()), &flow.name))
    }

    /// The flow that this workspace works on.
    pub(crate) fn current(&self) -> Option<&Standing> {
        self.owner(self.graph.here()?)
    }

    /// The newest change with work in it, from the flow's bookmark to a working copy on top of it: bookmarks do
    /// not advance by themselves. This workspace's working copy goes before others'.
    pub(crate) fn tip(&self, flow: &Standing) -> Option<&Change> {
        let base = self.target(flow).single()?;
        let mut tops: Vec<&Change> =
            self.graph.changes().iter().filter(|change| change.is_working_copy()).collect();
        tops.sort_by_key(|change| !change.here);
        let on_flow = |top: &&Change| {
            self.graph.nearest(
                &top.commit,
                |change| {
                    change.has_work()
                        && change.commit != base.commit
                        && self.graph.is_ancestor(&base.commit, &change.commit)
                        && self.owner(change).is_some_and(|owner| owner.name == flow.name)
                },
                |change| change.commit == base.commit,
            )
        };
        Some(tops.iter().find_map(on_flow).unwrap_or(base))
    }

    /// The changes that a flow has over its parent, children before parents: `P..F` without what the trunk holds.
    pub(crate) fn ahead(&self, flow: &Standing) -> Vec<&Change> {
        let Some(tip) = self.tip(flow) else { return Vec::new() };
        let parent = self.landing_parent(flow).and_then(|parent| self.graph.bookmark(&parent).single());
        self.over(parent, tip)
    }

    /// `parent..tip` without what the trunk or anything immutable holds.
    pub(crate) fn over(&self, parent: Option<&Change>, tip: &Change) -> Vec<&Change> {
        let trunk = self.trunk.as_ref().and_then(|trunk| self.graph.bookmark(trunk).single());
        let known = self.graph.changes().iter().find(|change| change.trunk);
        let base: Vec<_> =
            [parent, trunk, known].into_iter().flatten().map(|change| &change.commit).collect();
        let mut changes = self.graph.between(&base, &tip.commit);
        changes.retain(|change| !change.immutable);
        changes
    }

    /// The open flows that land on this one.
    pub(crate) fn open_children(&self, flow: &Standing) -> Vec<&Standing> {
        let name = flow.name.bookmark();
        let children = self.flows.iter().filter(|child| child.parent.as_ref() == Some(&name));
        children.filter(|child| child.status.is_open()).collect()
    }
}

/// The local bookmark behind `trunk()`, else the first of the usual names that exists.
fn find_trunk(graph: &Graph, setting: &Trunk) -> Option<BookmarkName> {
    let exists = |name: &BookmarkName| graph.bookmark(name) != Target::Absent;
    match setting {
        Trunk::None => return None,
        Trunk::Named(name) => return exists(name).then(|| name.clone()),
        Trunk::Auto => {}
    }
    let usual = TRUNKS.map(BookmarkName::new);
    let remote = graph.changes().iter().filter(|change| change.trunk).flat_map(|change| &change.remotes);
    let behind: Vec<&BookmarkName> = remote.map(|remote| &remote.name).filter(|name| exists(name)).collect();
    usual
        .iter()
        .find(|name| behind.contains(name))
        .or_else(|| behind.first().copied())
        .or_else(|| usual.iter().find(|name| exists(name)))
        .cloned()
}
