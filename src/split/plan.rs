//! Which commits are kept of one path: pure, from what each commit has there.
//!
//! As git's own history of a path, merges simplified (`git log --full-history --simplify-merges`): a commit is kept where
//! it changes what is there, a merge where both sides do; everything else stands for the commit that it goes back to.

/// A history: commits by number, parents before their children.
pub(crate) trait Parents {
    fn parents(&self, commit: usize) -> &[u32];
}

/// A commit that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its number in the source.
    pub(crate) source: u32,
    /// Its parents, by their places among the kept ones.
    pub(crate) parents: Vec<u32>,
    /// What it has at the path.
    pub(crate) entry: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Parents before their children.
    pub(crate) kept: Vec<Kept>,
    /// What each commit of the source stands for: its place among the kept ones and one, or 0 where the path was never
    /// there before.
    stands_for: Vec<u32>,
}

impl Plan {
    /// The kept commit that a commit of the source stands for.
    pub(crate) fn of(&self, commit: usize) -> Option<u32> {
        self.stands_for[commit].checked_sub(1)
    }

    /// Whether a commit is another's ancestor, or itself.
    pub(crate) fn is_ancestor(&self, one: u32, other: u32) -> bool {
        let mut open = vec![other];
        let mut seen = std::collections::HashSet::new();
        while let Some(commit) = open.pop() {
            if commit == one {
                return true;
            }
            // Parents have smaller numbers: nothing below `one` can lead to it.
            if commit > one && seen.insert(commit) {
                open.extend(&self.kept[commit as usize].parents);
            }
        }
        false
    }
}

/// Plans for `entries`, what each commit has at the path: the same number is the same, and 0 is nothing.
pub(crate) fn plan(history: &impl Parents, entries: &[u32]) -> Plan {
    let mut plan = Plan { kept: Vec::new(), stands_for: Vec::with_capacity(entries.len()) };
    for (commit, &entry) in entries.iter().enumerate() {
        let mut parents: Vec<u32> = Vec::new();
        for &parent in history.parents(commit) {
            let Some(parent) = plan.of(parent as usize) else { continue };
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
        if parents.len() > 1 {
            parents = independent(&plan, &parents, entry);
        }
        let stands_for = match parents.as_slice() {
            [] if entry == 0 => 0,
            [parent] if plan.kept[*parent as usize].entry == entry => parent + 1,
            _ => {
                plan.kept.push(Kept { source: number(commit), parents, entry });
                number(plan.kept.len())
            }
        };
        plan.stands_for.push(stands_for);
    }
    plan
}

/// Without the parents that others have among their ancestors; one stays that has what the merge has, where any had.
fn independent(plan: &Plan, parents: &[u32], entry: u32) -> Vec<u32> {
    let is_below = |one: u32| parents.iter().any(|&other| other != one && plan.is_ancestor(one, other));
    let below: Vec<bool> = parents.iter().map(|&one| is_below(one)).collect();
    let has_same = |at: &usize| plan.kept[parents[*at] as usize].entry == entry;
    let mut same = (0..parents.len()).filter(has_same);
    let first = same.next();
    let spared = first.filter(|first| below[*first] && same.all(|at| below[at]));
    let stays = (0..parents.len()).filter(|at| !below[*at] || spared == Some(*at));
    stays.map(|at| parents[at]).collect()
}

/// A history has fewer commits than 32 bits count: the scan refuses longer ones.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Graph(Vec<Vec<u32>>);

    impl Parents for Graph {
        fn parents(&self, commit: usize) -> &[u32] {
            &self.0[commit]
        }
    }

    /// What is kept: the commit in the source, and the kept parents as their commits in the source.
    fn kept(commits: &[(&[u32], u32)]) -> Vec<(u32, Vec<u32>)> {
        let graph = Graph(commits.iter().map(|(parents, _)| parents.to_vec()).collect());
        let entries: Vec<u32> = commits.iter().map(|(_, entry)| *entry).collect();
        let plan = plan(&graph, &entries);
        let source = |place: &u32| plan.kept[*place as usize].source;
        plan.kept.iter().map(|kept| (kept.source, kept.parents.iter().map(source).collect())).collect()
    }

    #[test]
    fn only_what_changes_the_path_is_kept() {
        let line = [(&[][..], 0), (&[0][..], 1), (&[1][..], 1), (&[2][..], 2), (&[3][..], 0), (&[4][..], 0)];
        assert_eq!(kept(&line), [(1, vec![]), (3, vec![1]), (4, vec![3])]);
    }

    #[test]
    fn a_merge_is_kept_where_both_sides_matter() {
        let both = [(&[][..], 1), (&[0][..], 2), (&[0][..], 3), (&[1, 2][..], 4)];
        assert_eq!(kept(&both), [(0, vec![]), (1, vec![0]), (2, vec![0]), (3, vec![1, 2])]);
        // Also where it has what one of them has: the other side's work is part of the history.
        let ours = [(&[][..], 1), (&[0][..], 2), (&[0][..], 3), (&[1, 2][..], 2)];
        assert_eq!(kept(&ours).last(), Some(&(3, vec![1, 2])));
    }

    #[test]
    fn a_merge_is_dropped_where_one_side_does_not_matter() {
        let one = [(&[][..], 1), (&[0][..], 2), (&[0][..], 1), (&[1, 2][..], 2), (&[3][..], 5)];
        assert_eq!(kept(&one), [(0, vec![]), (1, vec![0]), (4, vec![1])]);
        let none = [(&[][..], 1), (&[0][..], 1), (&[0][..], 1), (&[1, 2][..], 1)];
        assert_eq!(kept(&none), [(0, vec![])]);
    }

    #[test]
    fn a_merge_that_changes_something_itself_is_kept() {
        let evil = [(&[][..], 1), (&[0][..], 2), (&[0][..], 1), (&[1, 2][..], 9)];
        assert_eq!(kept(&evil), [(0, vec![]), (1, vec![0]), (3, vec![1])]);
    }

    #[test]
    fn a_merge_that_goes_back_keeps_what_it_goes_back_to() {
        let back = [(&[][..], 1), (&[0][..], 2), (&[0][..], 1), (&[1, 2][..], 1)];
        assert_eq!(kept(&back), [(0, vec![]), (1, vec![0]), (3, vec![1, 0])]);
    }

    #[test]
    fn histories_without_the_path_come_to_nothing() {
        let two = [(&[][..], 0), (&[][..], 1), (&[0, 1][..], 1), (&[0][..], 0)];
        assert_eq!(kept(&two), [(1, vec![])]);
    }

    proptest::proptest! {
        /// What a commit stands for has what it has, and nothing kept is like its only parent.
        #[test]
        fn every_commit_stands_for_the_same(
            commits in proptest::collection::vec((proptest::collection::vec(0_usize..64, 0..4), 0_u32..4), 1..64)
        ) {
            let parents = |(at, (parents, _)): (usize, &(Vec<usize>, u32))| {
                parents.iter().filter(|_| at > 0).map(|parent| u32::try_from(parent % at.max(1)).unwrap()).collect()
            };
            let graph = Graph(commits.iter().enumerate().map(parents).collect());
            let entries: Vec<u32> = commits.iter().map(|(_, entry)| *entry).collect();
            let plan = plan(&graph, &entries);
            for (commit, entry) in entries.iter().enumerate() {
                let stands_for = plan.of(commit).map_or(0, |place| plan.kept[place as usize].entry);
                proptest::prop_assert_eq!(stands_for, *entry);
            }
            for kept in &plan.kept {
                if let [parent] = kept.parents[..] {
                    proptest::prop_assert_ne!(plan.kept[parent as usize].entry, kept.entry);
                }
            }
        }
    }
}
