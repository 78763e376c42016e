//! Folders that are kept warm between commands and that one process at a time works in.
//!
//! A turn limits how many work at once and ends with this process. A folder's lock is shared with the program that
//! runs in it, so that what outlives us there is not disturbed; the next one takes another folder.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};

/// A folder that is ours until the lock is let go.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) folder: Utf8PathBuf,
    /// An empty file. Whoever has it open holds the folder.
    pub(crate) lock: File,
    _turn: File,
}

/// Takes a turn, of which there are `turns`, and the first free folder under `dir`. `wait` is called once where all
/// turns are taken.
pub(crate) fn take(dir: &Utf8Path, turns: usize, wait: impl FnOnce()) -> io::Result<Slot> {
    make_private(dir)?;
    let turn = |number| open(&dir.join(format!("turn-{number}.lock")));
    let mut taken = None;
    for number in 0..turns {
        taken = try_lock(turn(number)?)?;
        if taken.is_some() {
            break;
        }
    }
    let turn = match taken {
        Some(turn) => turn,
        None => {
            wait();
            let turn = turn(std::process::id() as usize % turns.max(1))?;
            turn.lock()?;
            turn
        }
    };
    for number in 0_usize.. {
        if let Some(lock) = try_lock(open(&dir.join(format!("{number}.lock")))?)? {
            return Ok(Slot { folder: dir.join(number.to_string()), lock, _turn: turn });
        }
    }
    unreachable!("there is always one more number")
}

/// Removes the folders under `dir` that nobody works in, and those beside them that bear their numbers (`0.git`). The
/// locks stay, so that whoever comes next meets the same.
pub(crate) fn clear(dir: &Utf8Path) -> io::Result<()> {
    for entry in dir.read_dir_utf8()? {
        let entry = entry?;
        let number = entry.file_name().split('.').next().unwrap_or_default();
        let is_slot = number.parse::<usize>().is_ok();
        if !is_slot || !entry.file_type()?.is_dir() {
            continue;
        }
        if let Some(_held) = try_lock(open(&dir.join(format!("{number}.lock")))?)? {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a whole folder of such folders, unless somebody works in one. Whether it is gone.
pub(crate) fn remove(dir: &Utf8Path) -> io::Result<bool> {
    clear(dir)?;
    let mut entries = dir.read_dir_utf8()?;
    if entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir())) {
        return Ok(false);
    }
    std::fs::remove_dir_all(dir)?;
    Ok(true)
}

/// Makes a folder, and those above it, for its owner alone.
pub(crate) fn make_private(dir: &Utf8Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn open(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)
}

fn try_lock(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_its_turn_keeps_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().join("slots");
        let first = take(&dir, 1, || panic!("nobody else is here")).unwrap();
        let survivor = first.lock.try_clone().unwrap();
        let folder = first.folder.clone();
        drop(first);
        let second = take(&dir, 1, || panic!("the turn has ended")).unwrap();
        assert_ne!(second.folder, folder);
        drop((second, survivor));
        assert_eq!(take(&dir, 1, || panic!("the turn has ended")).unwrap().folder, folder);
    }

    #[test]
    fn what_somebody_works_in_is_not_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let slot = take(dir, 1, || panic!("nobody else is here")).unwrap();
        for folder in ["0", "0.git", "1", "1.git", "other"] {
            std::fs::create_dir(dir.join(folder)).unwrap();
        }
        clear(dir).unwrap();
        let there = |name: &str| dir.join(name).exists();
        assert!(there("0") && there("0.git") && there("other") && !there("1") && !there("1.git"));
        drop(slot);
        clear(dir).unwrap();
        assert!(!dir.join("0").exists());
        assert!(!remove(dir).unwrap() && dir.exists());
        std::fs::remove_dir(dir.join("other")).unwrap();
        assert!(remove(dir).unwrap() && !dir.exists());
    }
}
