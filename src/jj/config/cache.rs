//! What jj has answered about its config, kept under a key of all that the answer depends on: a process less (9 ms)
//! for every command after the first. Whatever fails here is no error: jj is asked again.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use camino::Utf8PathBuf;

use super::Entry;
use crate::env;

/// More answers than this are forgotten, all at once: most belong to files that have changed since.
const MOST: usize = 5_000;

/// The folder of the answers, one file each.
pub(crate) fn folder() -> Option<Utf8PathBuf> {
    Some(env::cache_dir()?.join("config"))
}

pub(super) fn load(key: &str) -> Option<Vec<Entry>> {
    let text = std::fs::read(folder()?.join(key)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Keeps an answer, whole or not at all.
pub(super) fn keep(key: &str, entries: &[Entry]) {
    let Some(folder) = folder() else { return };
    let new = folder.join(format!("{key}.{}", std::process::id()));
    let _ = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    if folder.read_dir().is_ok_and(|files| files.count() > MOST) {
        let files = folder.read_dir().into_iter().flatten().flatten();
        files.for_each(|file| _ = std::fs::remove_file(file.path()));
    }
    let written = serde_json::to_vec(entries).map_err(Into::into).and_then(|text| std::fs::write(&new, text));
    if written.and_then(|()| std::fs::rename(&new, folder.join(key))).is_err() {
        let _ = std::fs::remove_file(&new);
    }
}
