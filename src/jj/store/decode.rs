//! The messages of jj's `simple_op_store.proto`.
//!
//! In an operation, fields of a later jj are passed over. In a view they are not: a bookmark could be told there in
//! a new way, so that what is left would be a wrong answer instead of none. Nor are the forms that only jj before
//! 0.34 wrote.

use std::collections::HashSet;

use jiff::Timestamp;

use super::wire::{Field, fields};
use super::{Bookmarks, Operation, RemoteTarget, Target, View, Wanted};
use crate::model::{BookmarkName, CommitId, OpId};

/// The length of an operation's and of a view's id, in bytes.
const HASH: usize = super::ID_LENGTH / 2;
/// The length of a git commit's id.
const COMMIT: usize = 20;

pub(super) fn operation(id: OpId, message: &[u8]) -> Option<Operation> {
    let mut operation = Operation { id, ..Operation::root() };
    let (mut view, mut metadata) = (None, None);
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => once(&mut view, hex(field.bytes()?, HASH)?)?,
            2 => operation.parents.push(OpId::new(hex(field.bytes()?, HASH)?)),
            3 => once(&mut metadata, field.bytes()?)?,
            _ => {}
        }
    }
    operation.view = view?;
    for field in fields(metadata.unwrap_or_default()) {
        let field = field?;
        match field.number {
            1 => operation.started = timestamp(field.bytes()?)?,
            2 => operation.ended = timestamp(field.bytes()?)?,
            3 => operation.description = field.text()?,
            6 => {
                let (name, value) = entry(field.bytes()?)?;
                if name == "args" {
                    once(&mut operation.args, value.map_or(Some(String::new()), Field::text)?)?;
                }
            }
            7 => operation.is_snapshot = field.varint()? != 0,
            8 => once(&mut operation.workspace, field.text()?)?,
            _ => {}
        }
    }
    Some(operation)
}

pub(super) fn view(message: &[u8]) -> Option<View> {
    let mut view = View::default();
    let (mut has_remotes, mut has_legacy_remotes) = (false, false);
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => view.heads.push(commit(field.bytes()?)?),
            5 => has_legacy_remotes |= bookmark(field.bytes()?, &|_| true, &mut view.bookmarks)?,
            8 => {
                let (name, id) = entry(field.bytes()?)?;
                view.working_copies.insert(name, commit(id?.bytes()?)?);
            }
            11 => {
                has_remotes = true;
                remote_view(field.bytes()?, &mut view)?;
            }
            // Git's refs, tags, git's HEAD in three forms, and whether git's tags were migrated.
            3 | 6 | 7 | 9 | 12 | 13 => {}
            _ => return None,
        }
    }
    // Since 0.34 the legacy form repeats what the remotes' own views say.
    (has_remotes || !has_legacy_remotes).then_some(view)
}

/// The local bookmarks of a view, each as it is written: what is the same in two views need not be looked into.
pub(super) fn entries(message: &[u8]) -> Option<HashSet<&[u8]>> {
    let mut found = HashSet::new();
    let mut has_remotes = false;
    for field in fields(message) {
        let field = field?;
        match field.number {
            5 => _ = found.insert(field.bytes()?),
            11 => has_remotes = true,
            1 | 3 | 6 | 7 | 8 | 9 | 12 | 13 => {}
            _ => return None,
        }
    }
    let is_legacy = |entry: &&[u8]| bookmark(entry, &|_| false, &mut Bookmarks::new()) != Some(false);
    (has_remotes || !found.iter().any(is_legacy)).then_some(found)
}

/// Those of the entries that are wanted.
pub(super) fn bookmarks<'a>(
    entries: impl Iterator<Item = &'a &'a [u8]>,
    wanted: Wanted<'_>,
) -> Option<Bookmarks> {
    let mut found = Bookmarks::new();
    for entry in entries {
        bookmark(entry, wanted, &mut found)?;
    }
    Some(found)
}

/// Reads a local bookmark, and whether it has remote ones in the legacy form.
fn bookmark(message: &[u8], wanted: Wanted<'_>, found: &mut Bookmarks) -> Option<bool> {
    let (mut name, mut target, mut has_legacy_remotes) = (None, None, false);
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => once(&mut name, BookmarkName::new(field.text()?))?,
            2 => once(&mut target, field.bytes()?)?,
            3 => has_legacy_remotes = true,
            _ => return None,
        }
    }
    if let Some(target) = target {
        let name = name?;
        if wanted(&name) {
            let target = conflict(target)?;
            if target != [None] {
                found.insert(name, target);
            }
        }
    }
    Some(has_legacy_remotes)
}

/// A local target: the removes and the adds apart, of which there is one more.
fn conflict(message: &[u8]) -> Option<Target> {
    let mut conflict = None;
    for field in fields(message) {
        let field = field?;
        match field.number {
            3 => once(&mut conflict, field.bytes()?)?,
            _ => return None,
        }
    }
    let (mut removes, mut adds) = (Vec::new(), Vec::new());
    for field in fields(conflict?) {
        let field = field?;
        match field.number {
            1 => removes.push(term(field.bytes()?)?),
            2 => adds.push(term(field.bytes()?)?),
            _ => return None,
        }
    }
    if adds.len() != removes.len() + 1 {
        return None;
    }
    let mut adds = adds.into_iter();
    let mut target = vec![adds.next()?];
    target.extend(removes.into_iter().zip(adds).flat_map(|(remove, add)| [remove, add]));
    Some(target)
}

fn remote_view(message: &[u8], view: &mut View) -> Option<()> {
    let (mut remote, mut bookmarks) = (None, Vec::new());
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => once(&mut remote, field.text()?)?,
            2 => bookmarks.push(remote_bookmark(field.bytes()?)?),
            // Tags.
            3 => {}
            _ => return None,
        }
    }
    let remote = remote?;
    let keyed = bookmarks.into_iter().map(|(name, target)| ((name, remote.clone()), target));
    view.remote_bookmarks.extend(keyed);
    Some(())
}

fn remote_bookmark(message: &[u8]) -> Option<(BookmarkName, RemoteTarget)> {
    let (mut name, mut target, mut tracked) = (None, Vec::new(), false);
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => once(&mut name, field.text()?)?,
            2 => target.push(term(field.bytes()?)?),
            3 => {
                tracked = match field.varint()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    let target = (target.len() % 2 == 1).then_some(target)?;
    Some((BookmarkName::new(name?), RemoteTarget { target, tracked }))
}

/// One commit of a target, or the absence of one.
fn term(message: &[u8]) -> Option<Option<CommitId>> {
    let mut value = None;
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => once(&mut value, commit(field.bytes()?)?)?,
            _ => return None,
        }
    }
    Some(value)
}

/// One pair of a map.
fn entry(message: &[u8]) -> Option<(String, Option<Field<'_>>)> {
    let (mut name, mut value) = (None, None);
    for field in fields(message) {
        let field = field?;
        match field.number {
            1 => once(&mut name, field.text()?)?,
            2 => once(&mut value, field)?,
            _ => {}
        }
    }
    Some((name.unwrap_or_default(), value))
}

fn timestamp(message: &[u8]) -> Option<Timestamp> {
    let mut millis = 0;
    for field in fields(message) {
        let field = field?;
        if field.number == 1 {
            millis = field.integer()?;
        }
    }
    Timestamp::from_millisecond(millis).ok()
}

/// Keeps what jj writes only once. A second one would have to be merged with the first.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

fn commit(id: &[u8]) -> Option<CommitId> {
    hex(id, COMMIT).map(CommitId::new)
}

fn hex(bytes: &[u8], length: usize) -> Option<String> {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut text = String::with_capacity(2 * length);
    text.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
    (bytes.len() == length).then_some(text)
}
