//! The part of a repo's history that a survey of its flows needs, from the disk alone: what `jj log` would give for
//! [`revset::survey`](crate::jj::revset::survey) in 15 ms takes one here.

use std::collections::{HashMap, HashSet};

use super::commit::Commit;
use super::walk::Walk;
use super::{OpStore, Target, View, is_root};
use crate::graph::{Bookmark, Change, Graph, RemoteBookmark};
use crate::model::{BookmarkName, ChangeId, CommitId, OpId};

/// The bookmarks and remotes that jj's own `trunk()` looks for.
const TRUNKS: [&str; 3] = ["main", "master", "trunk"];
const REMOTES: [&str; 2] = ["origin", "upstream"];

/// Which bookmarks a survey is about.
pub(crate) struct Surveyed<'a> {
    /// Whether a bookmark is a flow's.
    pub(crate) is_flow: &'a dyn Fn(&BookmarkName) -> bool,
    /// Whether a flow is over: it is in the survey, and nothing that stands on it is for its sake.
    pub(crate) is_over: &'a dyn Fn(&BookmarkName) -> bool,
    /// The change of a commit, where somebody knows it who has seen the commit before: git may have packed it away since.
    pub(crate) change: &'a dyn Fn(&CommitId) -> Option<ChangeId>,
    /// What flows may land on.
    pub(crate) bases: &'a [BookmarkName],
}

impl OpStore {
    /// The commits of a survey at an operation. There is no working copy in it that is `here`, and only the bookmarks of
    /// flows and bases are sure to be. None where a commit that counts is not at hand, or they are too many.
    pub(crate) fn load_graph(&self, op: &OpId, surveyed: &Surveyed<'_>) -> Option<Graph> {
        let view = self.load_view(&self.load_operation(op)?)?;
        let git_dir = self.git_dir.as_ref()?;
        let mut walk = Walk::new(git_dir);
        let trunk = find_trunk(&view, &mut walk)?;
        let marks = Marks::new(&view, surveyed, trunk.as_ref());
        walk.run(&marks.bases, view.heads.iter().chain(marks.all()), false)?;
        Some(Graph::new(op.clone(), walk.changes(&view, trunk.as_ref(), &marks, surveyed)?))
    }
}

/// What jj's `trunk()` is without anybody's alias: the latest of some remote bookmarks, or the root.
fn find_trunk(view: &View, walk: &mut Walk<'_>) -> Option<Option<CommitId>> {
    let is_one =
        |name: &BookmarkName, remote: &str| TRUNKS.contains(&name.as_str()) && REMOTES.contains(&remote);
    let named = view.remote_bookmarks.iter().filter(|((name, remote), _)| is_one(name, remote));
    let found: HashSet<&CommitId> = named.flat_map(|(_, at)| at.target.iter().step_by(2)).flatten().collect();
    match found.into_iter().collect::<Vec<_>>().as_slice() {
        [] => Some(None),
        [one] => Some(Some((*one).clone())),
        several => {
            let times = several.iter().map(|id| Some(walk.read(id)?.committed));
            let mut times = times.collect::<Option<Vec<_>>>()?;
            let latest =
                several.iter().zip(&times).max_by_key(|(_, time)| **time).map(|(id, _)| (*id).clone());
            // Of several at one moment jj takes the one that its index has last.
            times.sort_unstable();
            let is_clear = times.windows(2).last().is_none_or(|pair| pair[0] != pair[1]);
            is_clear.then_some(latest)
        }
    }
}

/// The commits that a survey starts from.
struct Marks<'a> {
    /// What flows land on, here and at remotes: nothing is looked at that lies beneath all of these.
    bases: Vec<CommitId>,
    flows: HashSet<&'a CommitId>,
    /// Where flows are that are over.
    over: HashSet<&'a CommitId>,
    /// Working copies, and where flows are at remotes.
    others: HashSet<&'a CommitId>,
    /// The bits of the bases that flows land on here.
    trunks: u64,
}

impl<'a> Marks<'a> {
    fn new(view: &'a View, surveyed: &Surveyed<'_>, trunk: Option<&CommitId>) -> Self {
        let is_base = |name: &BookmarkName| surveyed.bases.contains(name);
        let local = |wanted: &dyn Fn(&BookmarkName) -> bool| {
            view.bookmarks
                .iter()
                .filter(|(name, _)| wanted(name))
                .flat_map(|(_, target)| added(target))
                .collect()
        };
        let remote = |wanted: &dyn Fn(&BookmarkName) -> bool| {
            let tracked =
                view.remote_bookmarks.iter().filter(|((_, remote), at)| at.tracked && remote != "git");
            let wanted = tracked.filter(|((name, _), _)| wanted(name));
            wanted.flat_map(|(_, at)| added(&at.target)).collect::<HashSet<_>>()
        };
        let is_live = |name: &BookmarkName| (surveyed.is_flow)(name) && !(surveyed.is_over)(name);
        let is_over = |name: &BookmarkName| (surveyed.is_flow)(name) && (surveyed.is_over)(name);
        let here: HashSet<&CommitId> = local(&is_base);
        let own: HashSet<&CommitId> = here.iter().copied().chain(trunk).collect();
        let bases: Vec<CommitId> = own.union(&remote(&is_base)).map(|base| (*base).clone()).collect();
        let bits = bases.iter().enumerate().filter(|(_, base)| own.contains(base));
        let trunks = bits.fold(0, |bits, (place, _)| bits | 1_u64.checked_shl(place as u32).unwrap_or(0));
        let mut others = remote(&is_live);
        others.extend(view.working_copies.values());
        Self { bases, flows: local(&is_live), over: local(&is_over), others, trunks }
    }

    fn all(&self) -> impl Iterator<Item = &CommitId> {
        self.bases.iter().chain(self.flows.iter().copied()).chain(self.others.iter().copied())
    }
}

/// The commits that a target adds.
fn added(target: &Target) -> impl Iterator<Item = &CommitId> {
    target.iter().step_by(2).flatten()
}

impl Walk<'_> {
    /// The commits of flows, and everything on top of one.
    fn above<'s>(&'s self, marks: &Marks<'s>) -> HashSet<&'s CommitId> {
        let mut children: HashMap<&CommitId, Vec<&CommitId>> = HashMap::new();
        for (id, commit) in &self.commits {
            let parents = commit.iter().flat_map(|commit| &commit.parents).filter(|_| self.is_between(id));
            parents.for_each(|parent| children.entry(parent).or_default().push(id));
        }
        let mut above = marks.flows.clone();
        let mut next: Vec<&CommitId> = above.iter().copied().collect();
        while let Some(id) = next.pop() {
            for child in children.get(id).into_iter().flatten().copied() {
                if above.insert(child) {
                    next.push(child);
                }
            }
        }
        above
    }

    /// The commits that a survey has, children before parents: those that it starts from, everything on top of a flow,
    /// and what lies between these and what is beneath every base.
    fn keep(&self, marks: &Marks<'_>, above: &HashSet<&CommitId>) -> Vec<CommitId> {
        let starts: HashSet<&CommitId> = marks.all().collect();
        // Each one behind all that is beneath it.
        let mut heads: Vec<&CommitId> = starts.iter().chain(above).chain(&marks.over).copied().collect();
        heads.sort();
        let (mut kept, mut seen) = (Vec::new(), HashSet::new());
        let mut stack: Vec<(&CommitId, bool)> = heads.into_iter().map(|head| (head, false)).collect();
        while let Some((id, is_done)) = stack.pop() {
            if is_done {
                kept.push(id.clone());
                continue;
            }
            if !seen.insert(id) {
                continue;
            }
            stack.push((id, true));
            let parents = self.commits.get(id).into_iter().flatten().flat_map(|commit| &commit.parents);
            let counts = parents.filter(|parent| self.is_between(parent) || starts.contains(parent));
            stack.extend(counts.map(|parent| (parent, false)));
        }
        kept.reverse();
        kept
    }

    fn changes(
        &self,
        view: &View,
        trunk: Option<&CommitId>,
        marks: &Marks<'_>,
        surveyed: &Surveyed<'_>,
    ) -> Option<Vec<Change>> {
        let above = self.above(marks);
        let kept = self.keep(marks, &above);
        let mut on: HashMap<&CommitId, Vec<Bookmark>> = HashMap::new();
        for (name, target) in &view.bookmarks {
            for commit in added(target) {
                let bookmark = Bookmark { name: name.clone(), conflicted: target.len() != 1 };
                on.entry(commit).or_default().push(bookmark);
            }
        }
        let mut remotes: HashMap<&CommitId, Vec<RemoteBookmark>> = HashMap::new();
        for ((name, remote), at) in view.remote_bookmarks.iter().filter(|((_, remote), _)| remote != "git") {
            for commit in added(&at.target) {
                let bookmark =
                    RemoteBookmark { name: name.clone(), remote: remote.clone(), tracked: at.tracked };
                remotes.entry(commit).or_default().push(bookmark);
            }
        }
        let mut copies: HashMap<&ChangeId, usize> = HashMap::new();
        // Where commits beneath a head are packed away, what stands on them is told by its bookmark.
        let local = view.bookmarks.values().flat_map(added);
        let visible = self.beneath(view.heads.iter().chain(local).chain(view.working_copies.values()));
        let between = visible.iter().filter(|id| self.is_between(id));
        for change in between.filter_map(|id| self.commits.get(id)?.as_ref()?.change.as_ref()) {
            *copies.entry(change).or_default() += 1;
        }
        let is_alone = view.working_copies.len() < 2;
        let mut changes = Vec::new();
        for id in kept {
            let commit = self.commits.get(&id).and_then(Option::as_ref);
            let change = commit.and_then(|commit| commit.change.clone()).or_else(|| (surveyed.change)(&id));
            // Of what another program made only jj knows the change. What trunks have is looked at by its commit.
            let is_work = above.contains(&id) || self.masks.get(&id) == Some(&0) && !is_root(id.as_str());
            if change.is_none() && is_work {
                return None;
            }
            let workspaces = view.working_copies.iter().filter(|(_, at)| **at == id && !is_alone);
            changes.push(Change {
                divergent: change
                    .as_ref()
                    .is_some_and(|change| copies.get(change).is_some_and(|all| *all > 1)),
                hidden: self.is_between(&id) && !visible.contains(&id),
                id: change.unwrap_or_else(|| ChangeId::new("")),
                parents: commit.map(parents_of).unwrap_or_default(),
                description: commit.map(|commit| commit.description.clone()).unwrap_or_default(),
                bookmarks: on.remove(&id).unwrap_or_default(),
                remotes: remotes.remove(&id).unwrap_or_default(),
                workspaces: workspaces.map(|(name, _)| name.clone()).collect(),
                here: false,
                trunk: trunk == Some(&id),
                beneath: self.masks.get(&id).is_some_and(|mask| mask & marks.trunks != 0),
                empty: commit.map_or(Some(false), |commit| self.is_empty(commit, marks))?,
                conflict: commit.is_some_and(|commit| commit.is_conflicted),
                immutable: !self.is_between(&id),
                commit: id,
            });
        }
        Some(changes)
    }

    /// Whether a commit has the files of its parent. Of a described merge it is not asked: that is work either way.
    fn is_empty(&self, commit: &Commit, marks: &Marks<'_>) -> Option<bool> {
        match commit.parents.as_slice() {
            [] => Some(commit.trees == EMPTY_TREE),
            [parent] => match self.commits.get(parent).and_then(Option::as_ref) {
                Some(parent) => Some(parent.trees == commit.trees),
                None if !commit.description.is_empty() => Some(false),
                // On what is packed away and no flow's: if a flow has it, it is the flow's tip either way.
                None => (!marks.flows.contains(parent)).then_some(true),
            },
            _ => (!commit.description.is_empty()).then_some(false),
        }
    }
}

/// As jj has them: what git has no parent of stands on the root.
fn parents_of(commit: &Commit) -> Vec<CommitId> {
    match commit.parents.as_slice() {
        [] => vec![CommitId::new("0".repeat(40))],
        parents => parents.to_vec(),
    }
}

/// What git calls a tree without files.
const EMPTY_TREE: &[u8] = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904";
