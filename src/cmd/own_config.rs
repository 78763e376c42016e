//! The user's own settings beside jj-flow's file. `jj config set --user` writes to the first of the user's files that is
//! there, which would be jj-flow's where there is no other.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use toml_edit::{DocumentMut, Item, Table};

use super::edit::{load, replace};
use crate::jj;

/// The user's own file where they had none, so that what they set goes there. It goes with jj-flow, unless used.
const EMPTY: &str = "# Your own config of jj: `jj config set --user` writes it here.\n";

/// The user's own file, beside the folder that ours is in.
fn own_file(ours: &Utf8Path) -> Option<Utf8PathBuf> {
    Some(ours.parent()?.parent()?.join("config.toml"))
}

/// Makes the user's own file where jj would take ours for it.
pub(super) fn make(program: &Path, ours: &Utf8Path) -> anyhow::Result<()> {
    let first = jj::user_config_files(program)?.into_iter().find_map(|file| first_file(&file));
    let Some(own) = own_file(ours).filter(|_| first.is_none_or(|first| first == ours)) else {
        return Ok(());
    };
    replace(own, None, EMPTY.to_owned())
}

/// A file that is there, or the first that jj reads of a folder.
fn first_file(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let Ok(entries) = path.read_dir_utf8() else { return path.is_file().then(|| path.to_owned()) };
    let files = entries.flatten().map(camino::Utf8DirEntry::into_path);
    files.filter(|file| file.extension() == Some("toml")).min()
}

/// Moves what is the user's in our file to their own, before ours is written anew or removed. Gives where it went.
pub(super) fn rescue(ours: &Utf8Path, current: &str) -> anyhow::Result<Option<Utf8PathBuf>> {
    let text = load(ours)?.unwrap_or_default();
    let (Some(theirs), Some(own)) = (settings_beside(&text, current), own_file(ours)) else {
        return Ok(None);
    };
    let had = load(&own)?;
    let text = had.as_deref().unwrap_or_default();
    let mut document: DocumentMut = text.parse().with_context(|| format!("Could not read {own}"))?;
    merge(document.as_table_mut(), theirs);
    replace(own.clone(), had, document.to_string())?;
    Ok(Some(own))
}

/// Removes the user's own file where it has nothing of theirs in it.
pub(super) fn remove_unused(ours: &Utf8Path) -> anyhow::Result<()> {
    match own_file(ours).filter(|own| fs::read(own).is_ok_and(|text| text == EMPTY.as_bytes())) {
        Some(own) => fs::remove_file(&own).with_context(|| format!("Could not remove {own}")),
        None => Ok(()),
    }
}

/// What a text sets that the other does not; none where that is nothing, or the text cannot be read.
fn settings_beside(text: &str, other: &str) -> Option<Table> {
    let text: DocumentMut = text.parse().ok()?;
    let other: DocumentMut = other.parse().ok()?;
    let mut rest = text.as_table().clone();
    leave_out(&mut rest, other.as_table());
    (!rest.is_empty()).then_some(rest)
}

fn leave_out(table: &mut Table, other: &Table) {
    for (key, item) in other {
        match (table.get_mut(key), item) {
            (Some(Item::Table(inner)), Item::Table(other)) => {
                leave_out(inner, other);
                if inner.is_empty() {
                    table.remove(key);
                }
            }
            _ => _ = table.remove(key),
        }
    }
}

fn merge(table: &mut Table, other: Table) {
    for (key, item) in other {
        match (table.get_mut(&key), item) {
            (Some(Item::Table(inner)), Item::Table(other)) => merge(inner, other),
            (_, item) => _ = table.insert(&key, item),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_neither_version_is_the_users() {
        let text =
            "[aliases]\nflow = ['old']\nst = ['status']\n[colors]\nflow = 'red'\n[user]\nname = 'Ada'\n";
        let current = "[aliases]\nflow = ['new']\n[colors]\nflow = 'blue'\n";
        let mut own: DocumentMut = "[user]\nemail = 'a@b'\n".parse().expect("TOML");
        merge(own.as_table_mut(), settings_beside(text, current).expect("there are some"));
        assert_eq!(own.to_string(), "[user]\nemail = 'a@b'\nname = 'Ada'\n[aliases]\nst = ['status']\n");
        assert!(settings_beside(current, current).is_none());
    }
}
