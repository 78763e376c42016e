//! The change ids that jj keeps beside commits which have none themselves: made by an older jj, or by another program.
//!
//! A table is a chain of files, each with sorted keys of a commit id's length, offsets and values behind them. As with
//! the rest of jj's store: what is not understood is `None`, and jj is asked instead.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use camino::Utf8Path;

use super::wire::fields;
use crate::jj::Repo;

/// The bytes of a commit id, and of a change id.
const KEY: usize = 20;
const CHANGE: usize = 16;
/// In a commit's message: its change id.
const CHANGE_FIELD: u32 = 4;
/// What a head or a file is called: hex digits.
const NAME: usize = 128;

/// What jj keeps beside commits.
#[derive(Debug)]
pub(crate) struct ChangeTable {
    files: Vec<Vec<u8>>,
}

impl ChangeTable {
    pub(crate) fn load(repo: &Repo) -> Option<Self> {
        let dir = repo.dir().join("store/extra");
        let mut open: Vec<String> = Vec::new();
        for head in dir.join("heads").read_dir_utf8().ok()? {
            let name = head.ok()?.file_name().to_owned();
            if is_name(&name) {
                open.push(name);
            }
        }
        let mut files: HashMap<String, Vec<u8>> = HashMap::new();
        while let Some(name) = open.pop() {
            if let Entry::Vacant(place) = files.entry(name) {
                let (parent, file) = load_file(&dir.join(place.key()))?;
                open.extend(parent);
                place.insert(file);
            }
        }
        Some(Self { files: files.into_values().collect() })
    }

    /// The change id of a commit, in bytes; none where there is nothing beside the commit itself.
    pub(crate) fn get(&self, commit: &[u8]) -> Option<[u8; CHANGE]> {
        let value = self.files.iter().find_map(|file| value(file, commit))?;
        let field = fields(value).find_map(|field| field.filter(|field| field.number == CHANGE_FIELD))?;
        field.bytes()?.try_into().ok()
    }
}

fn is_name(name: &str) -> bool {
    name.len() == NAME && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A file without its head, and the name of the one beneath it.
fn load_file(path: &Utf8Path) -> Option<(Option<String>, Vec<u8>)> {
    let mut file = std::fs::read(path).ok()?;
    let length = number(&file, 0)?;
    let parent = match length {
        0 => None,
        length => {
            Some(str::from_utf8(file.get(4..4 + length)?).ok()?.to_owned()).filter(|name| is_name(name))
        }
    };
    if length != 0 && parent.is_none() {
        return None;
    }
    file.drain(..4 + length);
    let entries = number(&file, 0)?;
    (file.len() >= 4 + entries.checked_mul(KEY + 4)?).then_some((parent, file))
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// The value that a file has for a key.
fn value<'a>(file: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let entries = number(file, 0)?;
    let (keys, values) = file[4..].split_at(entries * (KEY + 4));
    let entry = |at: usize| &keys[at * (KEY + 4)..(at + 1) * (KEY + 4)];
    let (mut low, mut high) = (0, entries);
    while low < high {
        let middle = usize::midpoint(low, high);
        if &entry(middle)[..KEY] < key { low = middle + 1 } else { high = middle }
    }
    if low == entries || &entry(low)[..KEY] != key {
        return None;
    }
    let end = if low + 1 == entries { values.len() } else { number(entry(low + 1), KEY)? };
    values.get(number(entry(low), KEY)?..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_key() {
        let key = |digit: u8| [digit; KEY];
        let mut file = 3_u32.to_le_bytes().to_vec();
        for (digit, offset) in [(1_u8, 0_u32), (5, 2), (9, 2)] {
            file.extend(key(digit));
            file.extend(offset.to_le_bytes());
        }
        file.extend(b"abcd");
        assert_eq!(value(&file, &key(1)), Some(b"ab".as_slice()));
        assert_eq!(value(&file, &key(5)), Some(b"".as_slice()));
        assert_eq!(value(&file, &key(9)), Some(b"cd".as_slice()));
        assert_eq!(
            (value(&file, &key(0)), value(&file, &key(7)), value(&file, &key(10))),
            (None, None, None)
        );
    }
}
