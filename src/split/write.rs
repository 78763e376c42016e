//! Makes the commits of a plan, with all that they stand on, as one pack.

use std::collections::{BTreeMap, HashSet};

use gix_object::Kind as ObjectKind;
use gix_object::TreeRefIter;
use gix_object::tree::EntryKind;

use super::plan::Plan;
use super::refs::object_id;
use super::rewrite::{change_id_of, rewrite, rewrite_tag, synthetic_change_id};
use super::scan::{Entry, Found, History};
use crate::error::{Failure, Kind};
use crate::git::{HASH, Location, ObjectId, Objects, PackWriter, Reader};
use crate::model::CommitId;

/// Whatever a change id can be asked of.
pub(crate) type ChangeOf<'a> = &'a (dyn Fn(&ObjectId) -> Option<String> + Sync);

/// What is made, and where from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) objects: &'a Objects,
    pub(crate) history: &'a History,
    pub(crate) found: &'a Found,
    /// The change id that jj has for a commit whose headers have none.
    pub(crate) change: ChangeOf<'a>,
    /// Tags with an object of their own.
    pub(crate) annotated: &'a BTreeMap<String, ObjectId>,
    pub(crate) tags: &'a [(String, CommitId)],
}

/// What was made of a plan.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The new commits, by their places in the plan.
    pub(crate) commits: Vec<ObjectId>,
    /// The new tags that have words of their own.
    pub(crate) tags: BTreeMap<String, ObjectId>,
    /// The pack's size; 0 where nothing was new.
    pub(crate) bytes: u64,
    pub(crate) objects: usize,
    /// How many of the commits were not there before.
    pub(crate) new_commits: usize,
    /// How many commits had a signature.
    pub(crate) signatures: usize,
    /// How many commits of submodules there are.
    pub(crate) submodules: usize,
}

/// Writes the commits of a plan, and the trees and files that they stand on. `name` is what a file is called where the
/// path is no folder's; `tags` are put on kept commits. What `is_there` knows, and what it stands on, is not written again.
pub(crate) fn write(
    source: &Source<'_>,
    plan: &Plan,
    name: &str,
    tags: &[(String, u32)],
    mut pack: PackWriter,
    is_there: &dyn Fn(&ObjectId) -> bool,
) -> anyhow::Result<Written> {
    let mut reader = source.objects.reader();
    let mut written = Written::default();
    let mut below = Below::new(is_there);
    let mut seen: HashSet<ObjectId> = HashSet::new();
    for kept in &plan.kept {
        let entry = source.found.entry(kept.entry);
        let tree = match made_tree(entry, name) {
            None => entry.map(|entry| entry.id),
            Some(made) => {
                let id = gix_object::compute_hash(HASH, ObjectKind::Tree, &made)?;
                if !is_there(&id) && seen.insert(id) {
                    pack.add(id, ObjectKind::Tree, &made)?;
                }
                Some(id)
            }
        };
        let tree = tree.unwrap_or_else(|| ObjectId::empty_tree(HASH));
        if let Some(entry) = entry {
            below.meet(entry.id, entry.mode);
        }
        let old = source.history.ids[kept.source as usize];
        let parents: Vec<ObjectId> = kept.parents.iter().map(|at| written.commits[*at as usize]).collect();
        let change = || (source.change)(&old).unwrap_or_else(|| synthetic_change_id(&old));
        let (new, was_signed) = rewrite(reader.require(&old, ObjectKind::Commit)?, &tree, &parents, change);
        let id = gix_object::compute_hash(HASH, ObjectKind::Commit, &new)?;
        written.commits.push(id);
        written.signatures += usize::from(was_signed);
        if !is_there(&id) && seen.insert(id) {
            written.new_commits += 1;
            pack.add(id, ObjectKind::Commit, &new)?;
        }
    }
    for (name, place) in tags {
        let Some((id, tag, was_signed)) =
            make_tag(source, &mut reader, name, &written.commits[*place as usize])?
        else {
            continue;
        };
        written.signatures += usize::from(was_signed);
        if !is_there(&id) && seen.insert(id) {
            pack.add(id, ObjectKind::Tag, &tag)?;
        }
        written.tags.insert(name.clone(), id);
    }
    below.follow(source.objects, &mut reader)?;
    written.submodules = below.submodules.len();
    below.wanted.sort_unstable();
    for (location, id) in below.wanted {
        if !seen.contains(&id) {
            pack.copy(id, location, &mut reader)?;
        }
    }
    written.objects = pack.len();
    if written.objects == 0 {
        pack.discard()?;
    } else {
        written.bytes = pack.finish()?;
    }
    Ok(written)
}

/// The change id that a commit of the source has in its headers, or that jj gives it.
pub(crate) fn change_of(
    objects: &Objects,
    history: &History,
    commit: u32,
    change: ChangeOf<'_>,
) -> anyhow::Result<String> {
    let id = history.ids[commit as usize];
    let mut reader = objects.reader();
    let text = reader.require(&id, ObjectKind::Commit)?;
    let told = change_id_of(text).map(str::to_owned).or_else(|| change(&id));
    Ok(told.unwrap_or_else(|| synthetic_change_id(&id)))
}

/// The object of a tag on its new commit, where it had one of its own.
fn make_tag(
    source: &Source<'_>,
    reader: &mut Reader<'_>,
    name: &str,
    commit: &ObjectId,
) -> anyhow::Result<Option<(ObjectId, Vec<u8>, bool)>> {
    let old = source.tags.iter().find(|(other, _)| other == name).and_then(|(_, commit)| object_id(commit));
    let (Some(old), Some(tag)) = (old, source.annotated.get(name)) else { return Ok(None) };
    let Some((text, was_signed)) = rewrite_tag(reader.require(tag, ObjectKind::Tag)?, &old, commit) else {
        return Ok(None);
    };
    Ok(Some((gix_object::compute_hash(HASH, ObjectKind::Tag, &text)?, text, was_signed)))
}

/// The tree around what is no folder: the file, link or submodule alone, or nothing.
fn made_tree(entry: Option<Entry>, name: &str) -> Option<Vec<u8>> {
    match entry {
        None => Some(Vec::new()),
        Some(entry) if is(entry.mode, EntryKind::Tree) => None,
        Some(entry) => {
            let mut tree = format!("{:o} {name}\0", entry.mode).into_bytes();
            tree.extend(entry.id.as_slice());
            Some(tree)
        }
    }
}

fn is(mode: u16, kind: EntryKind) -> bool {
    mode & 0o170_000 == kind as u16 & 0o170_000
}

/// What trees stand on: read level by level, each in the order in which it lies.
struct Below<'a> {
    is_there: &'a dyn Fn(&ObjectId) -> bool,
    seen: HashSet<ObjectId>,
    trees: Vec<ObjectId>,
    files: Vec<ObjectId>,
    submodules: HashSet<ObjectId>,
    wanted: Vec<(Location, ObjectId)>,
}

impl<'a> Below<'a> {
    fn new(is_there: &'a dyn Fn(&ObjectId) -> bool) -> Self {
        Self {
            is_there,
            seen: HashSet::new(),
            trees: Vec::new(),
            files: Vec::new(),
            submodules: HashSet::new(),
            wanted: Vec::new(),
        }
    }

    fn meet(&mut self, id: ObjectId, mode: u16) {
        if is(mode, EntryKind::Commit) {
            self.submodules.insert(id);
        } else if self.seen.insert(id) && !(self.is_there)(&id) {
            let list = if is(mode, EntryKind::Tree) { &mut self.trees } else { &mut self.files };
            list.push(id);
        }
    }

    fn follow(&mut self, objects: &Objects, reader: &mut Reader<'_>) -> anyhow::Result<()> {
        while !self.trees.is_empty() {
            let level = located(objects, std::mem::take(&mut self.trees))?;
            for (_, tree) in &level {
                for entry in TreeRefIter::from_bytes(reader.require(tree, ObjectKind::Tree)?, HASH) {
                    let entry = entry
                        .map_err(|_| Failure::new(Kind::Git, format!("Could not read the tree {tree}")))?;
                    self.meet(entry.oid.to_owned(), entry.mode.value());
                }
            }
            self.wanted.extend(level);
        }
        self.wanted.extend(located(objects, std::mem::take(&mut self.files))?);
        Ok(())
    }
}

fn located(objects: &Objects, ids: Vec<ObjectId>) -> anyhow::Result<Vec<(Location, ObjectId)>> {
    let locate = |id: ObjectId| match objects.locate(&id) {
        Some(location) => Ok((location, id)),
        None => Err(Failure::new(Kind::Git, format!("Could not find the object {id}")).into()),
    };
    let mut found = ids.into_iter().map(locate).collect::<anyhow::Result<Vec<_>>>()?;
    found.sort_unstable();
    Ok(found)
}
