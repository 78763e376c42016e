//! A repo's own record, in its shared `.jj/repo/flow` folder: what jj cannot hold, so that losing the registry
//! loses nothing.
//!
//! `journal.ndjson` only grows, by whole lines, each one `write` with O_APPEND; `lock` is held while somebody
//! decides and writes, and dies with its process; `told` names the operation up to which the events tell everything. A line that is torn or not understood is passed over.

mod locks;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub(crate) use locks::{Held, short_hash};

use crate::event::Event;
use crate::model::{OpId, RepoId};

/// The folder `.jj/repo/flow` of one repo.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: Utf8PathBuf,
    /// How long a lock is waited for; without end where nothing is said.
    patience: Option<Duration>,
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
        Self { dir: repo_dir.join("flow"), patience: None }
    }

    /// The journal of a repo on another machine, beside the registry. Touches nothing.
    pub(crate) fn elsewhere(registry: &Utf8Path, repo: &RepoId) -> Self {
        Self { dir: format!("{registry}.elsewhere/{repo}").into(), patience: None }
    }

    /// The same for somebody who must not be kept waiting by whoever has it locked.
    pub(crate) fn within(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    pub(crate) fn path(&self) -> Utf8PathBuf {
        self.dir.join("journal.ndjson")
    }

    /// How long the journal is, in bytes.
    pub(crate) fn size(&self) -> u64 {
        std::fs::metadata(self.path()).map_or(0, |file| file.len())
    }

    /// Makes the folder, private to its owner, where it is missing.
    pub(crate) fn make(&self) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)
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

    /// The operation up to which the events tell everything; none where there is no such word, or none that can be one.
    pub(crate) fn told(&self) -> Option<OpId> {
        let text = std::fs::read_to_string(self.dir.join("told")).ok()?;
        let id = text.trim_end();
        (id.len() == 128 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| OpId::new(id))
    }

    /// Writes down up to which operation the events tell everything, whole or not at all.
    pub(crate) fn set_told(&self, op: &OpId) -> std::io::Result<()> {
        if self.told().as_ref() == Some(op) {
            return Ok(());
        }
        self.replace("told", format!("{op}\n").as_bytes())
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
        self.replace("id.json", &serde_json::to_vec(identity)?)
    }

    /// What is kept of a repo on another machine beside its events; none where there is none, or none that can be read.
    pub(crate) fn memo<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.dir.join(name)).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    pub(crate) fn write_memo<T: Serialize>(&self, name: &str, memo: &T) -> std::io::Result<()> {
        self.replace(name, &serde_json::to_vec(memo)?)
    }

    fn replace(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        let new = self.dir.join(format!("{name}.{}", std::process::id()));
        let mut file = private().create(true).write(true).truncate(true).open(&new)?;
        file.write_all(content)?;
        std::fs::rename(&new, self.dir.join(name))
    }
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
    use crate::model::BookmarkName;

    pub(super) fn journal() -> (tempfile::TempDir, Journal) {
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
            aside: false,
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
}
