//! The paths that are split off, and how they are found in a tree: every tree is read once, for all of them together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::manifest::FILE as MANIFEST;
use super::state::FOLDER;

/// A path that becomes a repo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    /// The last part of its path.
    pub(crate) name: String,
    pub(crate) path: String,
    /// Where it was before, the newest first: what is there counts where the path itself is not.
    pub(crate) before: Vec<String>,
}

/// Why paths cannot be split off together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// It names nothing below the repo's root.
    Odd(String),
    /// Two components would have one name.
    Clash(String, String),
    /// It would be called like what lies beside the results.
    Reserved(String),
    /// `--follow` for a path that is not split off.
    NotSplit(String),
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Odd(path) => write!(f, "Could not split {path:?}: it is not a path below the repo's root"),
            Self::Clash(one, other) => {
                write!(f, "Could not split {one} and {other} together: both would be called the same")
            }
            Self::Reserved(path) => {
                write!(f, "Could not split {path}: something else beside the results is called so")
            }
            Self::NotSplit(path) => {
                write!(f, "Could not follow to {path}: it is not one of the paths to split")
            }
        }
    }
}

/// A path below the root, without `.` or a `/` at its end.
pub(crate) fn clean(path: &str) -> Result<String, PathError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_odd = |part: &&str| matches!(*part, ".." | ".git" | ".jj");
    if parts.is_empty() || path.starts_with('/') || parts.iter().any(is_odd) {
        return Err(PathError::Odd(path.to_owned()));
    }
    Ok(parts.join("/"))
}

impl Component {
    /// The components of paths and of `(old, new)` pairs, in the order of the paths; a path that is told twice is one.
    pub(crate) fn all(paths: &[String], follow: &[(String, String)]) -> Result<Vec<Self>, PathError> {
        let mut all: Vec<Self> = Vec::new();
        for path in paths {
            let path = clean(path)?;
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            if [FOLDER, MANIFEST].contains(&name.as_str()) {
                return Err(PathError::Reserved(path));
            }
            // On some disks names that differ in case only are one.
            if let Some(other) = all.iter().find(|other| other.name.to_lowercase() == name.to_lowercase()) {
                if other.path == path {
                    continue;
                }
                return Err(PathError::Clash(other.path.clone(), path));
            }
            all.push(Self { name, path, before: Vec::new() });
        }
        for (old, new) in follow {
            let (old, new) = (clean(old)?, clean(new)?);
            let component = all.iter_mut().find(|component| component.path == new);
            let before = &mut component.ok_or(PathError::NotSplit(new))?.before;
            if !before.contains(&old) {
                before.push(old);
            }
        }
        Ok(all)
    }

    /// Its places, the one that counts most first.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str()).chain(self.before.iter().map(String::as_str))
    }
}

/// Paths as a tree of names. Each has a number, its place among all paths in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) children: BTreeMap<Vec<u8>, Node>,
    /// The number of the path that ends here.
    pub(super) ends: Option<usize>,
    /// The numbers of this path and those below.
    pub(super) slots: Range<usize>,
    /// What tells nodes apart.
    pub(super) number: usize,
}

/// The tree of all places of components, and each place's number.
pub(super) fn tree(components: &[Component]) -> (Node, BTreeMap<String, usize>) {
    let places: BTreeSet<&str> = components.iter().flat_map(Component::places).collect();
    let mut root = Node::default();
    for place in &places {
        let mut node = &mut root;
        for part in place.split('/') {
            node = node.children.entry(part.as_bytes().to_vec()).or_default();
        }
        // Any number: they are given in order below.
        node.ends = Some(0);
    }
    let (mut slots, mut nodes) = (0, 0);
    number(&mut root, &mut slots, &mut nodes);
    let mut numbers = BTreeMap::new();
    for place in places {
        let node = place.split('/').try_fold(&root, |node, part| node.children.get(part.as_bytes()));
        if let Some(slot) = node.and_then(|node| node.ends) {
            numbers.insert(place.to_owned(), slot);
        }
    }
    (root, numbers)
}

fn number(node: &mut Node, slots: &mut usize, nodes: &mut usize) {
    node.number = *nodes;
    *nodes += 1;
    let first = *slots;
    if let Some(slot) = &mut node.ends {
        *slot = *slots;
        *slots += 1;
    }
    node.children.values_mut().for_each(|child| number(child, slots, nodes));
    node.slots = first..*slots;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(paths: &[&str], follow: &[(&str, &str)]) -> Result<Vec<Component>, PathError> {
        let follow: Vec<_> = follow.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        Component::all(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>(), &follow)
    }

    #[test]
    fn a_component_is_called_like_the_end_of_its_path() {
        let found = all(&["Components/a/", "./b.txt", "Components/a"], &[("old/a", "Components/a")]).unwrap();
        let told: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.path.as_str())).collect();
        assert_eq!(told, [("a", "Components/a"), ("b.txt", "b.txt")]);
        assert_eq!(found[0].places().collect::<Vec<_>>(), ["Components/a", "old/a"]);
    }

    #[test]
    fn paths_that_cannot_be_split_off_together_are_refused() {
        assert_eq!(all(&["x/a", "y/A"], &[]), Err(PathError::Clash("x/a".into(), "y/A".into())));
        for odd in ["", "/", ".", "/etc", "a/../b", ".git", "x/.jj"] {
            assert_eq!(all(&[odd], &[]), Err(PathError::Odd(odd.into())), "{odd}");
        }
        assert_eq!(all(&["x/components.toml"], &[]), Err(PathError::Reserved("x/components.toml".into())));
        assert_eq!(all(&["a"], &[("c", "b")]), Err(PathError::NotSplit("b".into())));
    }

    #[test]
    fn paths_below_a_name_stand_together() {
        let (root, numbers) = tree(&all(&["x/a", "x/a/b", "y"], &[("x", "y")]).unwrap());
        let numbers: Vec<_> = numbers.iter().map(|(path, slot)| (path.as_str(), *slot)).collect();
        assert_eq!(numbers, [("x", 0), ("x/a", 1), ("x/a/b", 2), ("y", 3)]);
        let x = &root.children[b"x".as_slice()];
        assert_eq!((root.slots.clone(), x.slots.clone(), x.ends), (0..4, 0..3, Some(0)));
    }
}
