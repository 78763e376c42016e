//! A part of a repo's history at one operation, held in memory: changes, their parents and their bookmarks.

use std::collections::{HashMap, HashSet};

use crate::model::{BookmarkName, ChangeId, CommitId, OpId, Tip};

/// One commit of the part that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: ChangeId,
    pub(crate) commit: CommitId,
    pub(crate) parents: Vec<CommitId>,
    pub(crate) description: String,
    pub(crate) bookmarks: Vec<Bookmark>,
    pub(crate) remotes: Vec<RemoteBookmark>,
    /// The workspaces whose working copy this is; jj names them only where a repo has several.
    pub(crate) workspaces: Vec<String>,
    /// Whether it is the working copy of the workspace that was asked.
    pub(crate) here: bool,
    /// Whether it is what `trunk()` names.
    pub(crate) trunk: bool,
    /// Whether `trunk()` has it beneath itself, or is it.
    pub(crate) beneath: bool,
    pub(crate) empty: bool,
    pub(crate) conflict: bool,
    pub(crate) divergent: bool,
    /// Whether only a remote has it still: it was rewritten or abandoned here.
    pub(crate) hidden: bool,
    pub(crate) immutable: bool,
}

/// A local bookmark as it stands on one of its commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    pub(crate) name: BookmarkName,
    /// Whether it has more than one target, or none that is sure.
    pub(crate) conflicted: bool,
}

/// A remote's bookmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteBookmark {
    pub(crate) name: BookmarkName,
    pub(crate) remote: String,
    /// Whether the local bookmark follows it.
    pub(crate) tracked: bool,
}

/// Where a local bookmark points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Absent,
    At(&'a Change),
    Conflicted,
}

impl<'a> Target<'a> {
    /// The one commit, where there is one.
    pub(crate) fn single(self) -> Option<&'a Change> {
        match self {
            Target::At(change) => Some(change),
            Target::Absent | Target::Conflicted => None,
        }
    }
}

impl Change {
    pub(crate) fn tip(&self) -> Tip {
        Tip { change: self.id.clone(), commit: self.commit.clone() }
    }

    /// Whether it holds work: a description or a difference to its parents.
    pub(crate) fn has_work(&self) -> bool {
        !self.empty || !self.description.is_empty()
    }

    /// Whether somebody in another workspace works on it and has not said what it is.
    pub(crate) fn is_in_other_hands(&self) -> bool {
        self.description.is_empty() && !self.here && !self.workspaces.is_empty()
    }

    pub(crate) fn subject(&self) -> &str {
        self.description.lines().next().unwrap_or_default()
    }
}

/// The part that was read, children before parents as jj gave it.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) op: OpId,
    /// Files of the working copy that are too large to be in any change, with what jj says of each.
    pub(crate) left_out: Vec<String>,
    changes: Vec<Change>,
    by_commit: HashMap<CommitId, usize>,
}

impl Graph {
    pub(crate) fn new(op: OpId, changes: Vec<Change>) -> Self {
        let by_commit =
            changes.iter().enumerate().map(|(place, change)| (change.commit.clone(), place)).collect();
        Self { op, left_out: Vec::new(), changes, by_commit }
    }

    /// The same, read where a snapshot had left these files out.
    pub(crate) fn without(self, left_out: Vec<String>) -> Self {
        Self { left_out, ..self }
    }

    /// Every change that was read, children before parents.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The working copy of the workspace that was asked.
    pub(crate) fn here(&self) -> Option<&Change> {
        self.changes.iter().find(|change| change.here)
    }

    pub(crate) fn bookmark(&self, name: &BookmarkName) -> Target<'_> {
        let mut found = Target::Absent;
        for change in &self.changes {
            for bookmark in change.bookmarks.iter().filter(|bookmark| bookmark.name == *name) {
                found = match found {
                    Target::Absent if !bookmark.conflicted => Target::At(change),
                    _ => Target::Conflicted,
                };
            }
        }
        found
    }

    /// Every commit that a local bookmark may point to: several where it is conflicted.
    pub(crate) fn targets(&self, name: &BookmarkName) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.bookmarks.iter().any(|bookmark| bookmark.name == *name))
    }

    /// The places of a commit and all its ancestors that were read.
    pub(crate) fn ancestors(&self, commit: &CommitId) -> HashSet<usize> {
        let mut seen = HashSet::new();
        let mut next: Vec<usize> = self.by_commit.get(commit).copied().into_iter().collect();
        while let Some(place) = next.pop() {
            if seen.insert(place) {
                next.extend(self.parents(place));
            }
        }
        seen
    }

    /// Whether `ancestor` is `commit` or one of its ancestors, as far as the part that was read shows.
    pub(crate) fn is_ancestor(&self, ancestor: &CommitId, commit: &CommitId) -> bool {
        self.by_commit.get(ancestor).is_some_and(|place| self.ancestors(commit).contains(place))
    }

    /// `base..head` within what was read, children before parents.
    pub(crate) fn between(&self, base: &[&CommitId], head: &CommitId) -> Vec<&Change> {
        let hidden: HashSet<usize> = base.iter().flat_map(|base| self.ancestors(base)).collect();
        let mut places: Vec<usize> = self.ancestors(head).difference(&hidden).copied().collect();
        places.sort_unstable();
        places.into_iter().map(|place| &self.changes[place]).collect()
    }

    /// Where a commit stands among [`Self::changes`].
    pub(crate) fn place(&self, commit: &CommitId) -> Option<usize> {
        self.by_commit.get(commit).copied()
    }

    /// The places of a change's parents, as far as they were read.
    pub(crate) fn parents(&self, place: usize) -> impl Iterator<Item = usize> {
        self.changes[place].parents.iter().filter_map(|parent| self.by_commit.get(parent).copied())
    }
}
