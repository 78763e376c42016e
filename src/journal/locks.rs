//! The locks of one repo, in its `flow` folder: each dies with whoever holds it, and works from every workspace.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

use super::{Journal, private};
use crate::model::BookmarkName;

/// A lock that is held until it is dropped, or until its process ends.
#[derive(Debug)]
pub(crate) struct Held {
    file: File,
    path: Utf8PathBuf,
}

/// What the marks of resolvers at work begin with.
const RESOLVING: &str = "resolving-";
/// The lock under which events are decided on and written.
const RECORD: &str = "lock";
/// The lock under which one flow is made at a time.
const MAKING: &str = "making.lock";

/// A lock that somebody has, and what is known of who that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InUse {
    Record { path: Utf8PathBuf },
    Making { path: Utf8PathBuf },
    Landing { path: Utf8PathBuf, who: Option<String> },
    Resolving { path: Utf8PathBuf, flow: Option<String> },
}

impl Held {
    /// Writes into a file that was just locked who has it, or what it is held for.
    fn of(mut file: File, path: Utf8PathBuf, who: &str) -> std::io::Result<Self> {
        file.set_len(0)?;
        file.write_all(who.as_bytes())?;
        Ok(Self { file, path })
    }

    /// Makes sure that it is this very lock, and still the one that others meet.
    pub(super) fn require(&self, path: &Utf8Path) -> std::io::Result<()> {
        if self.path == path && is_at(&self.file, path) {
            return Ok(());
        }
        Err(std::io::Error::other(format!("{path} is not locked")))
    }

    /// Puts something else into the file.
    pub(crate) fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())
    }

    /// The file at its start, for a process that holds the lock for as long as it lives.
    pub(crate) fn share(&self) -> std::io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Removes the file and lets go of it.
    pub(crate) fn remove(self) -> std::io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Journal {
    /// Waits for and takes the lock under which events are decided on and written.
    pub(crate) fn lock(&self) -> std::io::Result<Held> {
        self.wait_for(RECORD)
    }

    /// Waits for the lock under which one flow is made at a time: its change, its row and its bookmark.
    pub(crate) fn lock_making(&self) -> std::io::Result<Held> {
        self.wait_for(MAKING)
    }

    fn wait_for(&self, name: &str) -> std::io::Result<Held> {
        let path = self.dir.join(name);
        let file = private().create(true).append(true).open(&path)?;
        match self.patience {
            None => file.lock()?,
            Some(patience) => lock_within(&file, patience, File::try_lock)?,
        }
        Ok(Held { file, path })
    }

    /// The lock for landings on one parent, with who has it written into it; none where somebody else has it.
    pub(crate) fn try_lock_parent(&self, parent: &BookmarkName, who: &str) -> std::io::Result<Option<Held>> {
        self.try_lock(&parent_lock(parent), who)
    }

    /// Waits for the lock for landings on one parent.
    pub(crate) fn lock_parent(&self, parent: &BookmarkName, who: &str) -> std::io::Result<Held> {
        let path = self.dir.join(parent_lock(parent));
        let file = private().create(true).read(true).append(true).open(&path)?;
        file.lock()?;
        Held::of(file, path, who)
    }

    /// Who has the lock for landings on one parent, as they said when they took it.
    pub(crate) fn parent_holder(&self, parent: &BookmarkName) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.join(parent_lock(parent))).ok()?;
        text.lines().next().map(str::to_owned)
    }

    /// Whether somebody lands on a parent right now.
    pub(crate) fn is_parent_locked(&self, parent: &BookmarkName) -> std::io::Result<bool> {
        let path = self.dir.join(parent_lock(parent));
        let is_it = |lock: &InUse| matches!(lock, InUse::Landing { path: other, .. } if *other == path);
        Ok(self.locks_in_use(Duration::ZERO)?.iter().any(is_it))
    }

    /// The lock for resolving a flow's conflict. Its file holds the packet, and is the resolver's stdin: so long as a
    /// resolver lives, whoever started it, the lock is held.
    pub(crate) fn try_lock_resolving(
        &self,
        flow: &BookmarkName,
        packet: &str,
    ) -> std::io::Result<Option<Held>> {
        self.try_lock(&format!("{RESOLVING}{}", short_hash(flow.as_str())), packet)
    }

    /// The locks that somebody has right now; those that are never held for long, once they have been for `patience`. Takes
    /// each for a moment together with whoever else only looks.
    pub(crate) fn locks_in_use(&self, patience: Duration) -> std::io::Result<Vec<InUse>> {
        let mut found = Vec::new();
        for path in self.files()? {
            let name = path.file_name().unwrap_or_default();
            let is_landing = name.starts_with("landing-") && name.ends_with(".lock");
            let is_short = [RECORD, MAKING].contains(&name);
            if !(is_landing || is_short || name.starts_with(RESOLVING)) {
                continue;
            }
            let file = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            let patience = if is_short { patience } else { Duration::ZERO };
            match lock_within(&file, patience, File::try_lock_shared) {
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                other => {
                    other?;
                    continue;
                }
            }
            // What is in it is read only for words: it may be written just now.
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            found.push(match name {
                RECORD => InUse::Record { path },
                MAKING => InUse::Making { path },
                _ if is_landing => InUse::Landing { path, who: text.lines().next().map(str::to_owned) },
                _ => InUse::Resolving { path, flow: flow_of(&text) },
            });
        }
        Ok(found)
    }

    /// The flows whose resolvers were killed, as far as their marks tell. Clears up after nobody.
    pub(crate) fn left_resolvers(&self) -> std::io::Result<Vec<Option<String>>> {
        let mut left = Vec::new();
        for (_, held) in self.lock_left_resolvers()? {
            left.push(flow_of(&std::fs::read_to_string(&held.path)?));
        }
        Ok(left)
    }

    fn files(&self) -> std::io::Result<Vec<Utf8PathBuf>> {
        let entries = match self.dir.read_dir_utf8() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files =
            entries.map(|entry| Ok(entry?.path().to_owned())).collect::<std::io::Result<Vec<_>>>()?;
        files.sort();
        Ok(files)
    }

    /// The marks of resolvers that were killed, locked: whoever gets one clears up after it.
    pub(crate) fn lock_left_resolvers(&self) -> std::io::Result<Vec<(String, Held)>> {
        let mut left = Vec::new();
        for path in self.files()? {
            let name = path.file_name().and_then(|name| name.strip_prefix(RESOLVING)).map(str::to_owned);
            let Some(name) = name else { continue };
            let file = match OpenOptions::new().read(true).append(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            if file.try_lock().is_ok() && is_at(&file, &path) {
                left.push((name, Held { file, path }));
            }
        }
        Ok(left)
    }

    fn try_lock(&self, name: &str, who: &str) -> std::io::Result<Option<Held>> {
        let path = self.dir.join(name);
        let file = private().create(true).read(true).append(true).open(&path)?;
        match file.try_lock() {
            // Between opening and locking somebody may have removed it: such a lock holds nothing.
            Ok(()) if !is_at(&file, &path) => self.try_lock(name, who),
            Ok(()) => Held::of(file, path, who).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn is_at(file: &File, path: &Utf8Path) -> bool {
    let inode =
        |metadata: std::io::Result<std::fs::Metadata>| metadata.ok().map(|file| (file.dev(), file.ino()));
    inode(file.metadata()) == inode(std::fs::metadata(path)) && path.exists()
}

/// Asks again and again: a lock cannot be waited for with a limit.
fn lock_within(
    file: &File,
    patience: Duration,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> std::io::Result<()> {
    let until = Instant::now() + patience;
    loop {
        match try_lock(file) {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                let message = "somebody else has had the repo's record locked for too long";
                return Err(std::io::Error::new(ErrorKind::TimedOut, message));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// The flow that a packet is about.
fn flow_of(packet: &str) -> Option<String> {
    let packet: serde_json::Value = serde_json::from_str(packet).ok()?;
    packet["flow"]["bookmark"].as_str().map(str::to_owned)
}

/// A parent's name may be anything that git allows, so its hash names the file.
fn parent_lock(parent: &BookmarkName) -> String {
    format!("landing-{}.lock", short_hash(parent.as_str()))
}

/// 16 hex digits that stand for a name of any length and any characters.
pub(crate) fn short_hash(name: &str) -> String {
    Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::tests::journal;
    use super::*;

    #[test]
    fn a_parents_lock_is_for_one_at_a_time() {
        let (_dir, journal) = journal();
        let (main, dev) = (BookmarkName::new("main"), BookmarkName::new("../dev"));
        let held = journal.lock_parent(&main, "a8f2").unwrap();
        assert!(journal.try_lock_parent(&main, "b1c4").unwrap().is_none());
        assert_eq!(journal.parent_holder(&main).as_deref(), Some("a8f2"));
        let in_use = journal.locks_in_use(Duration::ZERO).unwrap();
        let path = journal.dir.join(parent_lock(&main));
        assert_eq!(in_use, [InUse::Landing { path, who: Some("a8f2".to_owned()) }]);
        assert!(journal.try_lock_parent(&dev, "b1c4").unwrap().is_some());
        drop(held);
        assert!(journal.try_lock_parent(&main, "b1c4").unwrap().is_some());
        assert_eq!(journal.locks_in_use(Duration::ZERO).unwrap(), []);
    }

    #[test]
    fn a_resolvers_mark_is_left_once_everybody_who_held_it_is_gone() {
        let (_dir, journal) = journal();
        let flow = BookmarkName::new("a8f2--research");
        let held = journal.try_lock_resolving(&flow, "packet").unwrap().unwrap();
        let mut child = held.share().unwrap();
        let mut text = String::new();
        child.read_to_string(&mut text).unwrap();
        assert_eq!(text, "packet");
        drop(held);
        assert_eq!(journal.lock_left_resolvers().unwrap().len(), 0);
        drop(child);
        let left = journal.lock_left_resolvers().unwrap();
        assert_eq!(left[0].0, short_hash("a8f2--research"));
        left.into_iter().next().unwrap().1.remove().unwrap();
        assert_eq!(journal.lock_left_resolvers().unwrap().len(), 0);
    }
}
