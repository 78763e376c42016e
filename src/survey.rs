//! A repo's flows as they stand at one operation: jj's bookmarks and history, joined with the registry's rows.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::config::Trunk;
use crate::graph::{Change, Graph, Target};
use crate::model::{BookmarkName, ChangeId, Flow, Status};
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
    /// The trunk's name where one is set, whether there is such a bookmark or not.
    pub(crate) trunk_name: Option<BookmarkName>,
    /// For each change of the graph the open flow that it belongs to.
    owners: Vec<Option<usize>>,
}

/// The names that a trunk has where nobody says.
const TRUNKS: [&str; 3] = ["main", "master", "trunk"];

/// The bookmarks that may turn out to be the trunk, the likeliest first.
pub(crate) fn trunk_candidates(setting: &Trunk) -> Vec<BookmarkName> {
    let usual = TRUNKS.map(BookmarkName::new);
    match setting {
        Trunk::Named(name) => vec![name.clone()],
        Trunk::Auto(Some(name)) => std::iter::once(name.clone()).chain(usual).collect(),
        Trunk::Auto(None) | Trunk::None => usual.to_vec(),
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
        let mut survey =
            Self { graph, flows, rows, trunk, trunk_name: setting.named().cloned(), owners: Vec::new() };
        survey.owners = survey.find_owners();
        survey
    }

    /// One pass from parents to children: a change belongs to the open flow whose bookmark stands on it, else to the
    /// one that began with it, else to the one that its parent belongs to. A flow whose bookmark the trunk has left
    /// behind owns nothing any more, and nobody owns what only a remote has still.
    fn find_owners(&self) -> Vec<Option<usize>> {
        let trunk = self.trunk_change();
        let behind = trunk.map(|trunk| self.graph.ancestors(&trunk.commit)).unwrap_or_default();
        // Of several flows that began with one change the deepest comes last, and has it.
        let open = self.flows.iter().enumerate().filter(|(_, flow)| flow.status.is_open());
        let first: HashMap<&ChangeId, usize> =
            open.filter_map(|(place, flow)| Some((flow.row.as_ref()?.first.as_ref()?, place))).collect();
        let mut owners = vec![None; self.graph.changes().len()];
        for (place, change) in self.graph.changes().iter().enumerate().rev() {
            if change.hidden {
                continue;
            }
            let is_trunk = trunk.is_some_and(|trunk| trunk.commit == change.commit);
            let is_behind = (behind.contains(&place) || change.beneath) && !is_trunk && trunk.is_some();
            let began = || first.get(&change.id).copied().filter(|_| !is_trunk && !change.divergent);
            let holder = if is_behind { None } else { self.holder(change).or_else(began) };
            owners[place] = holder.or_else(|| self.graph.parents(place).find_map(|parent| owners[parent]));
        }
        owners
    }

    /// The open flow whose bookmark stands on exactly this change; the deepest of several.
    fn holder(&self, change: &Change) -> Option<usize> {
        let names = change.bookmarks.iter().filter(|bookmark| !bookmark.conflicted);
        let places = names.filter_map(|bookmark| {
            self.flows.binary_search_by(|flow| flow.name.as_str().cmp(bookmark.name.as_str())).ok()
        });
        places
            .filter(|place| self.flows[*place].status.is_open())
            .min_by_key(|place| (Reverse(self.flows[*place].name.depth()), *place))
    }

    pub(crate) fn flow(&self, name: &BookmarkName) -> Option<&Standing> {
        let place = self.flows.binary_search_by(|flow| flow.name.as_str().cmp(name.as_str())).ok()?;
        Some(&self.flows[place])
    }

    /// Where a flow's bookmark points.
    pub(crate) fn target(&self, flow: &Standing) -> Target<'_> {
        self.graph.bookmark(&flow.name.bookmark())
    }

    /// Where the trunk's bookmark points.
    fn trunk_change(&self) -> Option<&Change> {
        self.graph.bookmark(self.trunk.as_ref()?).single()
    }

    /// The bookmark that a flow lands on: the nearest of its parents that has not landed itself, else the trunk.
    pub(crate) fn landing_parent(&self, flow: &Standing) -> Option<BookmarkName> {
        let mut parent = flow.parent.clone();
        for _ in 0..=self.flows.len() {
            let above = match parent.as_ref().and_then(|parent| self.flow(parent)) {
                Some(above) if !above.status.is_open() => above.parent.clone(),
                _ => break,
            };
            parent = above;
        }
        parent.or_else(|| self.trunk.clone())
    }

    /// The open flow that a change belongs to: the nearest one beneath it, a sub-flow before its parent.
    pub(crate) fn owner(&self, change: &Change) -> Option<&Standing> {
        Some(&self.flows[self.owners[self.graph.place(&change.commit)?]?])
    }

    /// The flow that this workspace works on.
    pub(crate) fn current(&self) -> Option<&Standing> {
        self.owner(self.graph.here()?)
    }

    /// The newest changes of a flow with work in them: what belongs to it and has none of its work on top. One, as
    /// bookmarks do not advance by themselves, or several where its work went on in several places. What another
    /// workspace has not described yet is still in somebody's hands.
    pub(crate) fn tips(&self, flow: &Standing) -> Vec<&Change> {
        self.tops(flow, |change| change.has_work() && !change.is_in_other_hands())
    }

    fn tops(&self, flow: &Standing, counts: impl Fn(&Change) -> bool) -> Vec<&Change> {
        let Some(base) = self.target(flow).single() else { return Vec::new() };
        let mut covered = vec![false; self.owners.len()];
        let mut tops = Vec::new();
        for (place, change) in self.graph.changes().iter().enumerate() {
            let is_own = self.owners[place].is_some_and(|owner| self.flows[owner].name == flow.name);
            let counted = is_own && counts(change);
            if counted && !covered[place] {
                tops.push(change);
            }
            if counted || covered[place] {
                self.graph.parents(place).for_each(|parent| covered[parent] = true);
            }
        }
        if tops.is_empty() { vec![base] } else { tops }
    }

    /// The one tip, or of several the one that this workspace stands on, else the first.
    pub(crate) fn tip(&self, flow: &Standing) -> Option<&Change> {
        let tips = self.tips(flow);
        let here = self.graph.here().map(|here| self.graph.ancestors(&here.commit)).unwrap_or_default();
        let stands_on =
            |tip: &&&Change| self.graph.place(&tip.commit).is_some_and(|place| here.contains(&place));
        tips.iter().find(stands_on).or(tips.first()).copied()
    }

    /// The tip that goes on record: whoever looks, from whatever workspace, sees the same. Where its work goes on in
    /// several places it is what the bookmark stands on.
    pub(crate) fn recorded_tip(&self, flow: &Standing) -> Option<&Change> {
        match self.tops(flow, Change::has_work).as_slice() {
            [one] => Some(one),
            _ => self.target(flow).single(),
        }
    }

    /// Where work lands on a flow: its newest described changes. Undescribed work is still in somebody's hands.
    pub(crate) fn landing_places(&self, flow: &Standing) -> Vec<&Change> {
        self.tops(flow, |change| !change.description.is_empty())
    }

    /// The changes that a flow has over what it lands on, children before parents.
    pub(crate) fn ahead(&self, flow: &Standing) -> Vec<&Change> {
        let Some(tip) = self.tip(flow) else { return Vec::new() };
        let parent = self.landing_parent(flow).and_then(|parent| self.graph.bookmark(&parent).single());
        self.over(parent, tip)
    }

    /// `parent..tip` without what the trunk holds, here or at its remote.
    pub(crate) fn over(&self, parent: Option<&Change>, tip: &Change) -> Vec<&Change> {
        let known = self.graph.changes().iter().find(|change| change.trunk);
        let base: Vec<_> =
            [parent, self.trunk_change(), known].into_iter().flatten().map(|change| &change.commit).collect();
        let mut changes = self.graph.between(&base, &tip.commit);
        changes.retain(|change| !change.parents.is_empty());
        changes
    }

    /// The flows that are to land on this one and have neither landed nor failed.
    pub(crate) fn open_children(&self, flow: &Standing) -> Vec<&Standing> {
        let name = flow.name.bookmark();
        let children = self.flows.iter().filter(|child| child.parent.as_ref() == Some(&name));
        children.filter(|child| matches!(child.status, Status::InProgress | Status::Success)).collect()
    }
}

/// The bookmark that is set, else the local one behind `trunk()`, else the first of the usual names that exists.
fn find_trunk(graph: &Graph, setting: &Trunk) -> Option<BookmarkName> {
    let exists = |name: &BookmarkName| graph.bookmark(name) != Target::Absent;
    let alias = match setting {
        Trunk::None => return None,
        Trunk::Named(name) => return exists(name).then(|| name.clone()),
        Trunk::Auto(alias) => alias.as_ref(),
    };
    if let Some(alias) = alias {
        return exists(alias).then(|| alias.clone());
    }
    let usual = TRUNKS.map(BookmarkName::new);
    let remote = graph.changes().iter().filter(|change| change.trunk).flat_map(|change| &change.remotes);
    let behind: Vec<&BookmarkName> = remote.map(|remote| &remote.name).filter(|name| exists(name)).collect();
    let usual_behind = usual.iter().find(|name| behind.contains(name));
    usual_behind.or(behind.first().copied()).or_else(|| usual.iter().find(|name| exists(name))).cloned()
}
