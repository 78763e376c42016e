//! Which names a component gets: pure, from those of the source and what their commits stand for.

use std::collections::HashSet;

use super::plan::{Parents, Plan};
use super::scan::History;
use crate::git::ObjectId;
use crate::jj::Heads;
use crate::model::{BookmarkName, CommitId};
use crate::name::FlowName;

/// The names of a component, each on a kept commit by its place in the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) bookmarks: Vec<(BookmarkName, u32)>,
    pub(crate) tags: Vec<(String, u32)>,
    /// Heads that no name reaches.
    pub(crate) nameless: Vec<u32>,
    /// Bookmarks that are left out, since git cannot have them or they have several targets.
    pub(crate) left_out: Vec<BookmarkName>,
    /// What a working copy begins on: the trunk, where the component is in it.
    pub(crate) start: Option<u32>,
}

/// The names of the source that lead into a component. A flow's does where its own work is in it: its commit is kept, or
/// stands for one that the trunk does not have.
pub(crate) fn names(heads: &Heads, trunks: &[BookmarkName], history: &History, plan: &Plan) -> Names {
    let place = |commit: &CommitId| {
        let number = history.number(&object_id(commit)?)?;
        Some((plan.of(number as usize)?, number))
    };
    let find = |name: &BookmarkName| {
        let (_, commit) = heads.bookmarks.iter().find(|(other, _)| other == name)?;
        place(commit).map(|(at, _)| at)
    };
    let start = trunks.iter().find_map(find);
    let in_trunk = start.map(|start| reach(plan, [start])).unwrap_or_default();
    let mut names = Names { left_out: heads.conflicted.clone(), start, ..Names::default() };
    for (name, commit) in &heads.bookmarks {
        let Some((at, number)) = place(commit) else { continue };
        let is_own = plan.kept[at as usize].source == number || !in_trunk.contains(&at);
        if FlowName::parse(name.as_str()).is_ok() && !is_own {
            continue;
        }
        // Git has no folder and file of one name.
        let is_in_the_way = |(other, _): &(BookmarkName, u32)| {
            name.as_str().strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        if is_for_git(name.as_str()) && !names.bookmarks.iter().any(is_in_the_way) {
            names.bookmarks.push((name.clone(), at));
        } else {
            names.left_out.push(name.clone());
        }
    }
    for (name, commit) in &heads.tags {
        if let Some((at, _)) = place(commit).filter(|_| is_for_git(name)) {
            names.tags.push((name.clone(), at));
        }
    }
    let named = names.bookmarks.iter().map(|(_, at)| *at).chain(names.tags.iter().map(|(_, at)| *at));
    let mut reached = reach(plan, named);
    let mut others: Vec<u32> = heads.commits.iter().filter_map(place).map(|(at, _)| at).collect();
    // Children have higher places: what one reaches is no head.
    others.sort_unstable_by(|one, other| other.cmp(one));
    for at in others {
        if !reached.contains(&at) {
            names.nameless.push(at);
            reached.extend(reach(plan, [at]));
        }
    }
    names.start = names.start.or_else(|| u32::try_from(plan.kept.len()).ok()?.checked_sub(1));
    names
}

/// Kept commits and all that they stand on.
fn reach(plan: &Plan, from: impl IntoIterator<Item = u32>) -> HashSet<u32> {
    let mut seen = HashSet::new();
    let mut open: Vec<u32> = from.into_iter().collect();
    while let Some(at) = open.pop() {
        if seen.insert(at) {
            open.extend(&plan.kept[at as usize].parents);
        }
    }
    seen
}

pub(crate) fn object_id(commit: &CommitId) -> Option<ObjectId> {
    ObjectId::from_hex(commit.as_str().as_bytes()).ok()
}

/// Whether git can have a ref of that name: as `git check-ref-format` has it.
fn is_for_git(name: &str) -> bool {
    let is_bad = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.contains(is_bad)
        && name.split('/').all(is_part)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.starts_with('-')
        && name != "@"
        && name != "HEAD"
}

/// Treats what a removal took away as if it were still there: neither it nor what follows changes the component.
pub(crate) fn without_removals(history: &History, removed: &[u32], entries: &mut [u32]) {
    let mut after = vec![false; entries.len()];
    removed.iter().for_each(|commit| after[*commit as usize] = true);
    for commit in 0..entries.len() {
        let parents = history.parents(commit);
        after[commit] |= parents.iter().any(|parent| after[*parent as usize]);
        if after[commit] && entries[commit] == 0 {
            let there = parents.iter().map(|parent| entries[*parent as usize]).find(|entry| *entry != 0);
            entries[commit] = there.unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("main", true)]
    #[case("a8f2--research", true)]
    #[case("release/1.0", true)]
    #[case("weird name", false)]
    #[case("a..b", false)]
    #[case("a.lock/b", false)]
    #[case("/a", false)]
    #[case("a//b", false)]
    #[case("x@{1}", false)]
    #[case("-x", false)]
    #[case("ends.", false)]
    fn names_that_git_can_have(#[case] name: &str, #[case] can: bool) {
        assert_eq!(is_for_git(name), can);
    }
}
