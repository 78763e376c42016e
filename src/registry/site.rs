//! Where a damaged registry is replaced: a new one is made beside it and takes its place when it is whole.
//!
//! Everybody who makes a registry's file, or moves one, holds the lock of its folder. The damaged file is renamed, never
//! written or deleted. Killed before `….rebuilt` is there, all is as it was; from then on whoever comes next finishes.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::Registry;
use super::open::folder_of;
use super::salvage::{Salvaged, salvage};
use crate::{env, failpoint};

/// The files of one database: SQLite's log and its index beside it.
const FILES: [&str; 3] = ["", "-wal", "-shm"];

/// Held until the new registry stands.
#[derive(Debug)]
pub(crate) struct Site {
    path: Utf8PathBuf,
    /// The folder that everything is made in; gone when this is.
    work: Utf8PathBuf,
    _lock: File,
}

impl Site {
    /// Waits for whoever is at it, and clears away what a killed one left.
    pub(crate) fn begin(path: &Utf8Path) -> std::io::Result<Self> {
        let lock = File::open(folder_of(path))?;
        lock.lock()?;
        if path.exists() {
            remove(rebuilt(path), |path| std::fs::remove_file(path))?;
        } else {
            finish(path)?;
        }
        let work = work(path);
        remove(work.clone(), |path| std::fs::remove_dir_all(path))?;
        DirBuilder::new().mode(0o700).create(&work)?;
        Ok(Self { path: path.to_owned(), work, _lock: lock })
    }

    /// Reads from a copy what can still be read.
    pub(crate) fn salvage(&self) -> anyhow::Result<Salvaged> {
        if self.path.exists() { salvage(&self.path, &self.work) } else { Ok(Salvaged::default()) }
    }

    /// The new registry, empty.
    pub(crate) fn open(&self) -> anyhow::Result<Registry> {
        Registry::open(&self.made())
    }

    fn made(&self) -> Utf8PathBuf {
        self.work.join("new.db")
    }

    /// Puts the new registry, which nobody has open any more, in its place. Says where the damaged one is now.
    pub(crate) fn finish(self) -> anyhow::Result<Option<Utf8PathBuf>> {
        let log = format!("{}-wal", self.made());
        anyhow::ensure!(
            !Utf8Path::new(&log).exists(),
            "Could not close the new registry: {log} is still there"
        );
        std::fs::rename(self.made(), rebuilt(&self.path))?;
        failpoint::reach("rebuilt");
        Ok(finish(&self.path)?)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.work);
    }
}

/// Puts a registry that was rebuilt in its place, if there is one. Called under the folder's lock.
pub(super) fn finish(path: &Utf8Path) -> std::io::Result<Option<Utf8PathBuf>> {
    let new = rebuilt(path);
    if !new.exists() {
        return Ok(None);
    }
    let is_here = |path: &Utf8Path| std::fs::symlink_metadata(path).is_ok();
    // The file itself goes first: nobody opens the rest without it.
    let aside = if is_here(path) {
        let aside = free_name(path);
        std::fs::rename(path, &aside)?;
        Some(aside)
    } else {
        last_aside(path)?
    };
    failpoint::reach("set-aside");
    for ending in &FILES[1..] {
        let from = Utf8PathBuf::from(format!("{path}{ending}"));
        if is_here(&from) {
            let to = aside.clone().filter(|aside| !is_here(&Utf8PathBuf::from(format!("{aside}{ending}"))));
            let to = to.unwrap_or_else(|| free_name(path));
            std::fs::rename(&from, format!("{to}{ending}"))?;
        }
    }
    std::fs::rename(&new, path)?;
    remove(work(path), |path| std::fs::remove_dir_all(path))?;
    Ok(aside)
}

/// The folder that a new registry is made in.
fn work(path: &Utf8Path) -> Utf8PathBuf {
    format!("{path}.rebuild").into()
}

/// What it is called when it is whole and not in its place yet.
pub(super) fn rebuilt(path: &Utf8Path) -> Utf8PathBuf {
    format!("{path}.rebuilt").into()
}

/// A name with the time in it that no file has.
fn free_name(path: &Utf8Path) -> Utf8PathBuf {
    let now = env::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let names = (1..).map(|number| match number {
        1 => format!("{path}.damaged-{now}"),
        number => format!("{path}.damaged-{now}-{number}"),
    });
    let is_free = |name: &String| {
        FILES.iter().all(|ending| std::fs::symlink_metadata(format!("{name}{ending}")).is_err())
    };
    names.into_iter().find(is_free).unwrap_or_default().into()
}

/// What was set aside last, by whoever was killed then.
fn last_aside(path: &Utf8Path) -> std::io::Result<Option<Utf8PathBuf>> {
    let start = format!("{}.damaged-", path.file_name().unwrap_or_default());
    let mut last = None;
    for entry in folder_of(path).read_dir_utf8()? {
        let entry = entry?;
        let name = entry.file_name();
        let is_one = name.starts_with(&start) && !FILES[1..].iter().any(|ending| name.ends_with(ending));
        if is_one {
            last = last.max(Some((entry.metadata()?.modified()?, folder_of(path).join(name))));
        }
    }
    Ok(last.map(|(_, path)| path))
}

fn remove(path: Utf8PathBuf, how: impl FnOnce(&Utf8Path) -> std::io::Result<()>) -> std::io::Result<()> {
    match how(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
