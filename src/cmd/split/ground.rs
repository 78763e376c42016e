//! The folder that results go to.

use std::fs::{File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::super::Call;
use super::SplitArgs;
use crate::error::{Failure, Kind, refuse};
use crate::jj::Repo;
use crate::split::{FOLDER, clear_unfinished};

#[derive(Debug)]
pub(super) struct Ground {
    pub(super) dir: Utf8PathBuf,
    /// Held while results are written here; none where nothing is.
    _lock: Option<File>,
}

impl Ground {
    /// Makes the folder where it is missing, keeps others out of it, and removes what a run left that was killed. For a
    /// dry run nothing is made.
    pub(super) fn open(args: &SplitArgs, call: &Call, source: &Repo) -> anyhow::Result<Self> {
        let dir = full(&call.place.dir.join(&args.into))?;
        if dir.starts_with(source.root()) || dir.starts_with(source.main_root()) {
            refuse!(
                Usage,
                "Could not split into {dir}: it lies in the repo itself, which would take the results in"
            );
        }
        if args.dry_run {
            return Ok(Self { dir, _lock: None });
        }
        let unwritable =
            |error: std::io::Error| Failure::new(Kind::Io, format!("Could not write to {dir}: {error}"));
        std::fs::create_dir_all(&dir).map_err(unwritable)?;
        let own = dir.join(FOLDER);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&own).map_err(unwritable)?;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(own.join("lock"))
            .map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                refuse!(Busy, "Could not split into {dir}: another `jj flow split` is at work there")
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(error).into()),
        }
        clear_unfinished(&dir).map_err(unwritable)?;
        Ok(Self { dir, _lock: Some(lock) })
    }
}

/// The path in full, without links, whether it is there yet or not.
fn full(path: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    let mut missing = Vec::new();
    let mut there = path;
    loop {
        if let Ok(found) = there.canonicalize_utf8() {
            return Ok(missing.into_iter().rev().fold(found, |path: Utf8PathBuf, part| path.join(part)));
        }
        match (there.parent(), there.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name);
                there = parent;
            }
            _ => return Err(Failure::new(Kind::Io, format!("Could not tell where {path} is")).into()),
        }
    }
}
