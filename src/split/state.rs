//! What a run leaves for the next one, beside the manifest: for each component which commit of the source became which,
//! and where its bookmarks were put. A file is a line of JSON, 40 bytes for each kept commit, and a checksum.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Failure, Kind};
use crate::git::ObjectId;
use crate::jj::Heads;

/// The folder beside the manifest, private to its owner.
pub(crate) const FOLDER: &str = ".jj-flow";

const VERSION: u32 = 1;
const ID: usize = 20;
const SUM: usize = 32;

/// What a component was made of, the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) before: Vec<String>,
    /// The operation that the source was at, and everything that its history ended in.
    pub(crate) operation: String,
    pub(crate) heads: String,
    /// Where the bookmarks were put, as commits of the component.
    pub(crate) bookmarks: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Commits of the component that no name leads to.
    pub(crate) nameless: Vec<String>,
    /// How many commits it has.
    #[serde(default)]
    pub(crate) kept: usize,
    /// The changes of the source that removed the path.
    #[serde(default)]
    pub(crate) removed: Vec<String>,
    /// Each kept commit of the source with the new one, parents first.
    #[serde(skip)]
    pub(crate) map: Vec<(ObjectId, ObjectId)>,
}

pub(crate) fn path_of(dir: &Utf8Path, name: &str) -> Utf8PathBuf {
    dir.join(FOLDER).join(format!("{name}.map"))
}

impl State {
    pub(crate) fn new(path: &str, before: &[String]) -> Self {
        Self { version: VERSION, path: path.to_owned(), before: before.to_vec(), ..Self::default() }
    }

    /// The state without its map; none where there is no file.
    pub(crate) fn load_head(path: &Utf8Path) -> anyhow::Result<Option<Self>> {
        use std::io::BufRead as _;
        let file = match std::fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut line = Vec::new();
        std::io::BufReader::new(file).read_until(b'\n', &mut line)?;
        parse(path, &line).map(Some)
    }

    /// All of it, checked; none where there is no file.
    pub(crate) fn load(path: &Utf8Path) -> anyhow::Result<Option<Self>> {
        let file = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let wrong = || wrong(path, "its checksum is wrong");
        let (content, sum) = file.split_at_checked(file.len().saturating_sub(SUM)).ok_or_else(wrong)?;
        if Sha256::digest(content).as_slice() != sum {
            return Err(wrong());
        }
        let end = content.iter().position(|byte| *byte == b'\n').ok_or_else(wrong)?;
        let mut state = parse(path, &content[..end])?;
        let (pairs, rest) = content[end + 1..].as_chunks::<{ 2 * ID }>();
        if !rest.is_empty() {
            return Err(wrong());
        }
        let pair = |pair: &[u8; 2 * ID]| {
            let (old, new) = pair.split_at(ID);
            (ObjectId::from_bytes_or_panic(old), ObjectId::from_bytes_or_panic(new))
        };
        state.map = pairs.iter().map(pair).collect();
        Ok(Some(state))
    }

    /// Writes the file anew, whole or not at all.
    pub(crate) fn save(&self, path: &Utf8Path) -> anyhow::Result<()> {
        let mut content = serde_json::to_vec(self)?;
        content.push(b'\n');
        for (old, new) in &self.map {
            content.extend(old.as_slice());
            content.extend(new.as_slice());
        }
        let sum = Sha256::digest(&content);
        content.extend(sum.as_slice());
        let unfinished = path.with_extension("map.new");
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&content)?;
        file.sync_data()?;
        std::fs::rename(&unfinished, path)?;
        Ok(())
    }

    /// Whether what was made then is what is made now: every commit that is still there became the same.
    pub(crate) fn fits(&self, now: &[(ObjectId, ObjectId)]) -> bool {
        let now: std::collections::HashMap<_, _> = now.iter().copied().collect();
        self.map.iter().all(|(old, new)| now.get(old).is_none_or(|other| other == new))
    }
}

/// Everything that a history ends in, as one short text.
pub(crate) fn digest(heads: &Heads) -> String {
    let mut hash = Sha256::new();
    let mut add = |kind: &str, name: &str, commit: &str| hash.update(format!("{kind} {name:?} {commit}\n"));
    heads.bookmarks.iter().for_each(|(name, commit)| add("bookmark", name.as_str(), commit.as_str()));
    heads.conflicted.iter().for_each(|name| add("conflicted", name.as_str(), ""));
    heads.tags.iter().for_each(|(name, commit)| add("tag", name, commit.as_str()));
    let mut commits: Vec<_> = heads.commits.iter().collect();
    commits.sort();
    commits.iter().for_each(|commit| add("commit", "", commit.as_str()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(path: &Utf8Path, line: &[u8]) -> anyhow::Result<State> {
    let state: State = serde_json::from_slice(line).map_err(|error| wrong(path, &error.to_string()))?;
    if state.version == VERSION {
        return Ok(state);
    }
    Err(wrong(path, &format!("it is of version {}, and this jj-flow knows {VERSION}", state.version)))
}

fn wrong(path: &Utf8Path, why: &str) -> anyhow::Error {
    Failure::new(Kind::Io, format!("Could not read {path}: {why}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("a.map");
        assert_eq!(State::load(&path).unwrap(), None);
        let mut state = State::new("Components/a", &["old/a".to_owned()]);
        state.map = vec![(id('1'), id('a')), (id('2'), id('b'))];
        state.bookmarks.insert("main".into(), id('b').to_string());
        state.save(&path).unwrap();
        assert_eq!(State::load(&path).unwrap().as_ref(), Some(&state));
        assert_eq!(State::load_head(&path).unwrap().unwrap(), State { map: Vec::new(), ..state.clone() });
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 40;
        bytes[last] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(State::load(&path).unwrap_err().to_string().contains("checksum"));
        std::fs::write(&path, "").unwrap();
        assert!(State::load(&path).is_err());
    }

    #[test]
    fn a_map_fits_where_nothing_became_another() {
        let state = State { map: vec![(id('1'), id('a')), (id('2'), id('b'))], ..State::default() };
        assert!(state.fits(&[(id('1'), id('a')), (id('3'), id('c'))]));
        assert!(!state.fits(&[(id('1'), id('c'))]));
    }
}
