//! A repo's own record, in its shared `.jj/repo/flow` folder: what jj cannot hold, so that losing the registry
//! loses nothing.
//!
//! `journal.ndjson` grows by whole lines, each one `write` with O_APPEND; `lock` is held while somebody decides and
//! writes, and dies with its process; `told` names the operation up to which the events tell everything. A line that is
//! torn or not understood is passed over. Lines that it has lost come back by a new file in its place, and upkeep puts one
//! there without some of its lines, both under the lock: whoever holds that opens the journal anew.

mod compact;
mod lines;
mod locks;
mod notes;

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) use lines::{Known, Look};
pub(crate) use locks::{Held, InUse, short_hash};
pub(crate) use notes::Identity;

use crate::event::Event;
use crate::model::RepoId;

/// The folder `.jj/repo/flow` of one repo.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: Utf8PathBuf,
    /// How long a lock is waited for; without end where nothing is said.
    patience: Option<Duration>,
}

/// How much is read to find one line.
const LONG: u64 = 1 << 14;

impl Journal {
    /// The journal of the repo whose shared folder (`.jj/repo`) this is. Touches nothing.
    pub(crate) fn of(repo_dir: &Utf8Path) -> Self {
        Self { dir: repo_dir.join("flow"), patience: None }
    }

    /// The journal of a repo that is only told of: beside the registry, so that a registry that was deleted has lost
    /// nothing of it either. Touches nothing.
    pub(crate) fn elsewhere(registry: &Utf8Path, repo: &RepoId) -> Self {
        Self { dir: folder_of_others(registry).join(repo.as_str()), patience: None }
    }

    /// The repos whose journals lie beside the registry.
    pub(crate) fn load_elsewhere(registry: &Utf8Path) -> std::io::Result<Vec<RepoId>> {
        let entries = match folder_of_others(registry).read_dir_utf8() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(RepoId::new(entry?.file_name())));
        let mut repos = names.collect::<std::io::Result<Vec<_>>>()?;
        repos.retain(RepoId::is_valid);
        repos.sort();
        Ok(repos)
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

    /// Appends events, each as one line; they are on their way to the disk when this returns. Called under the lock.
    pub(crate) fn append(&self, events: &[Event]) -> std::io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut file = private().create(true).read(true).append(true).open(self.path())?;
        let mut text = String::new();
        let end = file.metadata()?.len();
        if !ends_line(&mut file, end)? {
            // A write that a full disk or a kill cut short.
            text.push('\n');
        }
        for event in events {
            text.push_str(&event.to_line());
            text.push('\n');
        }
        file.write_all(text.as_bytes())
    }

    /// The events from a byte offset on, and where the last whole line ends. None where no line ends at the offset: the
    /// journal has become shorter, or is another one.
    pub(crate) fn read_from(&self, offset: u64) -> std::io::Result<Option<(Vec<Event>, u64)>> {
        let mut file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((offset == 0).then(|| (Vec::new(), 0)));
            }
            Err(error) => return Err(error),
        };
        if !ends_line(&mut file, offset)? {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        let events = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Ok(Some((events, offset + whole as u64)))
    }

    /// The key of the event whose line ends at a byte offset: none for a line that is no event, or a long one.
    pub(crate) fn load_key_before(&self, offset: u64) -> std::io::Result<Option<String>> {
        let mut file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < offset {
            return Ok(None);
        }
        let start = offset.saturating_sub(LONG);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(offset - start).read_to_end(&mut bytes)?;
        let line = bytes.strip_suffix(b"\n").unwrap_or_default();
        let begin = line.iter().rposition(|byte| *byte == b'\n').map(|before| before + 1);
        let begin = begin.or_else(|| (start == 0).then_some(0));
        Ok(begin.and_then(|begin| lines::key(&line[begin..])))
    }

    /// What its lines are.
    pub(crate) fn look(&self) -> std::io::Result<Look> {
        Ok(lines::look(&self.read()?))
    }

    /// Puts lines back that it has lost, each behind the one that it followed, ends a torn line, and moves those of
    /// `foreign` into a file of their own. Called under the lock. Says how many came back.
    pub(crate) fn restore(&self, known: &[Known], foreign: &HashSet<String>) -> std::io::Result<usize> {
        let text = self.read()?;
        let merged = lines::merge(&text, known, foreign);
        if !merged.aside.is_empty() {
            let foreign = self.dir.join("journal.foreign.ndjson");
            private().create(true).append(true).open(foreign)?.write_all(&merged.aside)?;
        }
        match merged.text.strip_prefix(text.as_slice()) {
            Some([]) => {}
            Some(rest) => private().create(true).append(true).open(self.path())?.write_all(rest)?,
            None => self.replace("journal.ndjson", &merged.text, true)?,
        }
        Ok(merged.restored)
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        match std::fs::read(self.path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }
}

fn folder_of_others(registry: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{registry}.elsewhere"))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Whether a line ends right before an offset, as one does before the first.
fn ends_line(file: &mut File, offset: u64) -> std::io::Result<bool> {
    if offset == 0 || file.metadata()?.len() < offset {
        return Ok(offset == 0);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(offset - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
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

    pub(super) fn event(key: &str) -> Event {
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
        let read = |offset| journal.read_from(offset).unwrap().unwrap();
        assert_eq!(read(0), (vec![], 0));
        journal.append(&[event("one")]).unwrap();
        let (_, end) = read(0);
        journal.append(&[event("two"), event("three")]).unwrap();
        assert_eq!(read(end).0, [event("two"), event("three")]);
        for not_there in [end - 1, end + 1, u64::MAX] {
            assert_eq!(journal.read_from(not_there).unwrap(), None);
        }
        let key = |offset| journal.load_key_before(offset).unwrap();
        assert_eq!([key(end), key(read(0).1)].map(Option::unwrap), ["one", "three"]);
        assert_eq!((key(0), key(end + 1)), (None, None));
        std::fs::remove_file(journal.path()).unwrap();
        assert_eq!(journal.read_from(end).unwrap(), None);
    }

    /// Every file of `corpus` is read as a journal. The keys of its events begin with `good`.
    #[test]
    fn the_events_of_every_odd_journal_are_read() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/src/journal/corpus");
        let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() > 10);
        for file in files {
            let (_dir, journal) = journal();
            let text = std::fs::read(&file).unwrap();
            std::fs::write(journal.path(), &text).unwrap();
            let good = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
            let good = good.filter(|line| line.starts_with(b"{\"key\":\"good-")).count();
            let (events, end) = journal.read_from(0).unwrap().unwrap();
            assert_eq!((events.len(), end <= text.len() as u64), (good, true), "{file:?}");
            journal.look().unwrap();
            journal.load_key_before(end).unwrap();
            // What comes behind it is read, and nothing before it is lost.
            journal.append(&[event("next")]).unwrap();
            assert_eq!(journal.read_from(0).unwrap().unwrap().0.len(), good + 1, "{file:?}");
            journal.restore(&[("lost".into(), event("lost").to_line())], &HashSet::new()).unwrap();
            let after = std::fs::read(journal.path()).unwrap();
            assert!(after.windows(text.len().max(1)).any(|part| part == text) || text.is_empty(), "{file:?}");
            assert_eq!(journal.read_from(0).unwrap().unwrap().0.len(), good + 2, "{file:?}");
        }
    }

    #[test]
    fn a_torn_line_is_not_read_and_spoils_no_other() {
        let (_dir, journal) = journal();
        journal.append(&[event("one")]).unwrap();
        let torn = r#"{"key":"tw"#;
        OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(torn.as_bytes()).unwrap();
        assert_eq!(journal.read_from(0).unwrap().unwrap().0, [event("one")]);
        journal.append(&[event("three")]).unwrap();
        assert_eq!(journal.read_from(0).unwrap().unwrap().0, [event("one"), event("three")]);
        assert_eq!(journal.look().unwrap().bad, [2]);
    }

    #[test]
    fn what_came_back_is_there_and_nothing_else_is_touched() {
        let (dir, journal) = journal();
        let known: Vec<Known> =
            ["one", "two"].map(|key| (key.to_owned(), event(key).to_line())).into_iter().collect();
        assert_eq!(journal.restore(&known, &HashSet::new()).unwrap(), 2);
        assert_eq!(journal.restore(&known, &HashSet::new()).unwrap(), 0);
        std::fs::write(journal.path(), event("three").to_line()).unwrap();
        assert_eq!(journal.restore(&known, &HashSet::new()).unwrap(), 2);
        let read = journal.read_from(0).unwrap().unwrap().0;
        assert_eq!(read, [event("one"), event("two"), event("three")]);
        let left = std::fs::read_dir(dir.path().join("flow")).unwrap().count();
        assert_eq!(left, 1);
    }
}
