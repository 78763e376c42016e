//! Which repo a record is of: an identity that stays when the repo is moved, and is not shared by its copies.

use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;

use crate::env;
use crate::jj::{OpStore, Repo};
use crate::journal::{Identity, Journal};
use crate::model::RepoId;
use crate::registry::Registry;

/// The repo's identity; called under the journal's lock. A copy of a repo, whose original is still there, gets
/// one of its own, and so does a repo that has none.
pub(super) fn identify(journal: &Journal, repo: &Repo, registry: &Registry) -> anyhow::Result<RepoId> {
    let (device, inode) = place(repo)?;
    let known = journal.identity();
    if let Some(known) = &known {
        if (known.device, known.inode) == (device, inode) {
            if !is_elsewhere(registry, known, repo)? {
                return Ok(known.id.clone());
            }
        } else if !is_elsewhere(registry, known, repo)? {
            let moved = Identity { id: known.id.clone(), device, inode };
            journal.write_identity(&moved)?;
            return Ok(moved.id);
        }
    }
    let lost = if known.is_none() { find_lost(registry, repo)? } else { None };
    let id = lost.map_or_else(|| env::random_key().map(RepoId::new), Ok)?;
    let new = Identity { id, device, inode };
    journal.write_identity(&new)?;
    Ok(new.id)
}

/// The identity that a repo had before somebody deleted its record: the registry has one for its folder, and an operation
/// of it.
fn find_lost(registry: &Registry, repo: &Repo) -> anyhow::Result<Option<RepoId>> {
    let Some((id, Some(op))) = registry.repo_at(repo.main_root())? else { return Ok(None) };
    Ok(OpStore::open(repo).and_then(|store| store.load_operation(&op)).map(|_| id))
}

/// The repo's folder itself, by whatever path it is reached.
fn place(repo: &Repo) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(repo.dir()).map(|folder| (folder.dev(), folder.ino()))
}

/// Whether the repo that the registry knows under this identity still lies where it did, and is another one than this.
fn is_elsewhere(registry: &Registry, known: &Identity, repo: &Repo) -> anyhow::Result<bool> {
    let Some(root) = registry.repo_root(&known.id)? else { return Ok(false) };
    if root == repo.main_root().as_str() {
        return Ok(false);
    }
    let Some(other) = Repo::at(Utf8Path::new(&root)) else { return Ok(false) };
    // A mount, or a link that was left where it was moved away.
    if place(&other)? == place(repo)? {
        return Ok(false);
    }
    Ok(Journal::of(other.dir()).identity().is_some_and(|identity| identity.id == known.id))
}
