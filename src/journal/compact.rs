//! The journal without lines that nobody needs any more: written beside it, and put in its place whole.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::{Held, Journal, private};

/// A journal that is ready to take the place of the one that it was made from. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Compacted {
    new: Utf8PathBuf,
    path: Utf8PathBuf,
    /// Where the last whole line of it ends.
    pub(crate) end: u64,
    is_in_place: bool,
}

#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    key: std::borrow::Cow<'a, str>,
}

impl Journal {
    /// Writes the journal without the events of these keys, on to the disk; none where it has none of them. Whoever
    /// appends waits for the lock that is `held`, and opens the journal after it.
    pub(crate) fn write_without(
        &self,
        gone: &HashSet<&str>,
        held: &Held,
    ) -> std::io::Result<Option<Compacted>> {
        held.require(&self.dir.join("lock"))?;
        let bytes = self.read()?;
        let stays = |line: &&[u8]| match serde_json::from_slice::<Keyed<'_>>(line) {
            Ok(keyed) => !gone.contains(&*keyed.key),
            // What is not understood is not ours to take away.
            Err(_) => true,
        };
        let kept = bytes.split_inclusive(|byte| *byte == b'\n').filter(stays).collect::<Vec<_>>().concat();
        if kept.len() == bytes.len() {
            return Ok(None);
        }
        let end = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1) as u64;
        // One name: what a crash left here is written over.
        let new = self.dir.join("journal.ndjson.new");
        let mut file = private().create(true).write(true).truncate(true).open(&new)?;
        let compacted = Compacted { new, path: self.path(), end, is_in_place: false };
        file.write_all(&kept)?;
        file.sync_all()?;
        Ok(Some(compacted))
    }
}

impl Compacted {
    /// Puts it in the journal's place. After a power cut the one or the other is there.
    pub(crate) fn put_in_place(mut self) -> std::io::Result<()> {
        std::fs::rename(&self.new, &self.path)?;
        self.is_in_place = true;
        let folder = self.path.parent().map_or("/", |folder| folder.as_str());
        File::open(folder)?.sync_all()
    }
}

impl Drop for Compacted {
    fn drop(&mut self) {
        if !self.is_in_place {
            // Where it stays it is in nobody's way.
            let _ = std::fs::remove_file(&self.new);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::PermissionsExt;

    use super::super::tests::{event, journal};
    use super::*;

    #[test]
    fn only_what_is_named_goes() {
        let (_dir, journal) = journal();
        journal.append(&[event("one"), event("two")]).unwrap();
        let foreign = "not understood\n{\"key\":\"two\",\"kind\":\"unheard-of\"}\n{\"torn";
        OpenOptions::new().append(true).open(journal.path()).unwrap().write_all(foreign.as_bytes()).unwrap();
        let held = journal.lock().unwrap();
        assert!(journal.write_without(&HashSet::from(["nobody"]), &held).unwrap().is_none());
        let before = std::fs::read(journal.path()).unwrap();
        drop(journal.write_without(&HashSet::from(["one"]), &held).unwrap().unwrap());
        assert_eq!(std::fs::read(journal.path()).unwrap(), before);
        let compacted = journal.write_without(&HashSet::from(["one"]), &held).unwrap().unwrap();
        let end = compacted.end;
        compacted.put_in_place().unwrap();
        let after = std::fs::read_to_string(journal.path()).unwrap();
        assert_eq!(after, format!("{}\n{foreign}", event("two").to_line()));
        assert_eq!(end as usize, after.len() - "{\"torn".len());
        assert_eq!(std::fs::metadata(journal.path()).unwrap().permissions().mode() & 0o777, 0o600);
        // A reader who knew the longer journal begins anew.
        journal.append(&[event("three"), event("four")]).unwrap();
        assert_eq!(journal.read_from(before.len() as u64).unwrap(), None);
        let (events, _) = journal.read_from(0).unwrap().unwrap();
        assert_eq!(events, [event("two"), event("three"), event("four")]);
    }
}
