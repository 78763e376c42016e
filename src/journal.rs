//! A repo's own record, in its shared `.jj/repo/flow` folder: what jj cannot hold, so that losing the registry
//! loses nothing.
//!
//! `journal.ndjson` only grows, by whole lines, each one `write` with O_APPEND; `lock` is held while somebody
//! decides and writes, and dies with its process. A line that is torn or not understood is passed over.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::model::{BookmarkName, RepoId};

/// The folder `.jj/repo/flow` of one repo.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: Utf8PathBuf,
}

/// A lock that is held until it is dropped, or until its process ends.
#[derive(Debug)]
pub(crate) struct Held {
    file: File,
    path: Utf8PathBuf,
}

/// What the marks of resolvers at work begin with.
const RESOLVING: &str = "resolving-";

impl Held {
    /// Writes into a file that was just locked who has it, or what it is held for.
    fn of(mut file: File, path: Utf8PathBuf, who: &str) -> std::io::Result<Self> {
        file.set_len(0)?;
        file.write_all(who.as_bytes())?;
        Ok(Self { file, path })
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

/// Who a repo is. A copied folder brings its `id` along but lies in another inode.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: RepoId,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Journal {
    /// The journal of the repo whose shared folder (`.jj/repo`) this is. Touches nothing.
    pub(crate) fn of(repo_dir: &Utf8Path) -> Self {
        Self { dir: repo_dir.join("flow") }
    }

    pub(crate) fn path(&self) -> Utf8PathBuf {
        self.dir.join("journal.ndjson")
    }

    /// Makes the folder, private to its owner, where it is missing.
    pub(crate) fn make(&self) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
    }

    /// Waits for and takes the lock under which events are decided on and written.
    pub(crate) fn lock(&self) -> std::io::Result<Held> {
        self.wait_for("lock")
    }

    /// Waits for the lock under which one flow is made at a time: its change, its row and its bookmark.
    pub(crate) fn lock_making(&self) -> std::io::Result<Held> {
        self.wait_for("making.lock")
    }

    fn wait_for(&self, name: &str) -> std::io::Result<Held> {
        let path = self.dir.join(name);
        let file = private().create(true).append(true).open(&path)?;
        file.lock()?;
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

    /// The lock for resolving a flow's conflict. Its file holds the packet, and is the resolver's stdin: so long as a
    /// resolver lives, whoever started it, the lock is held.
    pub(crate) fn try_lock_resolving(
        &self,
        flow: &BookmarkName,
        packet: &str,
    ) -> std::io::Result<Option<Held>> {
        self.try_lock(&format!("{RESOLVING}{}", short_hash(flow.as_str())), packet)
    }

    /// The marks of resolvers that were killed, locked: whoever gets one clears up after it.
    pub(crate) fn lock_left_resolvers(&self) -> std::io::Result<Vec<(String, Held)>> {
        let mut left = Vec::new();
        let entries = match self.dir.read_dir_utf8() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(left),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().strip_prefix(RESOLVING) else { continue };
            let file = match OpenOptions::new().read(true).append(true).open(entry.path()) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                file => file?,
            };
            if file.try_lock().is_ok() && is_at(&file, entry.path()) {
                left.push((name.to_owned(), Held { file, path: entry.path().to_owned() }));
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
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Appends events, each as one line; they are on their way to the disk when this returns.
    pub(crate) fn append(&self, events: &[Event]) -> std::io::Result<()> {
        let mut file = private().create(true).read(true).append(true).open(self.path())?;
        let mut text = String::new();
        if ends_torn(&mut file)? {
            text.push('\n');
        }
        for event in events {
            text.push_str(&event.to_line());
            text.push('\n');
        }
        file.write_all(text.as_bytes())
    }

    /// The events from a byte offset on, and where the last whole line ends. A journal that is shorter than the
    /// offset is another one, and is read from its start.
    pub(crate) fn read_from(&self, offset: u64) -> std::io::Result<(Vec<Event>, u64)> {
        let mut file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
            Err(error) => return Err(error),
        };
        let offset = if file.metadata()?.len() < offset { 0 } else { offset };
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        let events = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Ok((events, offset + whole as u64))
    }

    /// How many lines there are, and how many of them are no events.
    pub(crate) fn count_lines(&self) -> std::io::Result<(usize, usize)> {
        let text = match std::fs::read(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, 0)),
            Err(error) => return Err(error),
        };
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (mut all, mut bad) = (0, 0);
        for line in lines {
            all += 1;
            bad += usize::from(serde_json::from_slice::<Event>(line).is_err());
        }
        Ok((all, bad))
    }

    /// The identity on disk; none where there is none, or one that cannot be read.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let text = std::fs::read(self.dir.join("id.json")).ok()?;
        let identity: Identity = serde_json::from_slice(&text).ok()?;
        let id = identity.id.as_str();
        (id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(identity)
    }

    /// Writes the identity, whole or not at all.
    pub(crate) fn write_identity(&self, identity: &Identity) -> std::io::Result<()> {
        let new = self.dir.join(format!("id.json.{}", std::process::id()));
        let mut file = private().create(true).write(true).truncate(true).open(&new)?;
        file.write_all(&serde_json::to_vec(identity)?)?;
        std::fs::rename(&new, self.dir.join("id.json"))
    }
}

fn is_at(file: &File, path: &Utf8Path) -> bool {
    let inode =
        |metadata: std::io::Result<std::fs::Metadata>| metadata.ok().map(|file| (file.dev(), file.ino()));
    inode(file.metadata()) == inode(std::fs::metadata(path)) && path.exists()
}

/// A parent's name may be anything that git allows, so its hash names the file.
fn parent_lock(parent: &BookmarkName) -> String {
    format!("landing-{}.lock", short_hash(parent.as_str()))
}

/// 16 hex digits that stand for a name of any length and any characters.
pub(crate) fn short_hash(name: &str) -> String {
    Sha256::digest(name).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Whether the last line lacks its newline: a write that a full disk or a kill cut short.
fn ends_torn(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::What;

    fn journal() -> (tempfile::TempDir, Journal) {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::of(Utf8Path::from_path(dir.path()).unwrap());
        journal.make().unwrap();
        (dir, journal)
    }

    fn event(key: &str) -> Event {
        Event {
            key: key.into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            actor: "a8f2".into(),
            flow: BookmarkName::new("a8f2--research"),
            op: None,
            what: What::Deleted {},
        }
    }

    #[test]
    fn what_is_appended_is_read_back_from_any_line_on() {
        let (_dir, journal) = journal();
        assert_eq!(journal.read_from(0).unwrap(), (vec![], 0));
        journal.append(&[event("one")]).unwrap();
        let (_, end) = journal.read_from(0).unwrap();
        journal.append(&[event("two"), event("three")]).unwrap();
        assert_eq!(journal.read_from(end).unwrap().0, [event("two"), event("three")]);
        assert_eq!(journal.read_from(u64::MAX).unwrap().0.len(), 3);
    }

    #[test]
    fn a_torn_line_is_not_read_and_spoils_no_other() {
        let (_dir, journal) = journal();
        journal.append(&[event("one")]).unwrap();
        let torn = r#"{"key":"tw"#;
        OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(torn.as_bytes()).unwrap();
        assert_eq!(journal.read_from(0).unwrap().0, [event("one")]);
        journal.append(&[event("three")]).unwrap();
        assert_eq!(journal.read_from(0).unwrap().0, [event("one"), event("three")]);
        assert_eq!(journal.count_lines().unwrap(), (3, 1));
    }

    #[test]
    fn a_parents_lock_is_for_one_at_a_time() {
        let (_dir, journal) = journal();
        let (main, dev) = (BookmarkName::new("main"), BookmarkName::new("../dev"));
        let held = journal.lock_parent(&main, "a8f2").unwrap();
        assert!(journal.try_lock_parent(&main, "b1c4").unwrap().is_none());
        assert_eq!(journal.parent_holder(&main).as_deref(), Some("a8f2"));
        assert!(journal.try_lock_parent(&dev, "b1c4").unwrap().is_some());
        drop(held);
        assert!(journal.try_lock_parent(&main, "b1c4").unwrap().is_some());
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
