//! A commit, read from the git object that holds it: a loose one, since git packs nothing that is new.

use std::io::Read as _;

use camino::Utf8Path;
use flate2::read::ZlibDecoder;

use crate::model::{ChangeId, CommitId};

/// How much of a commit is read: its headers come first, a signature among them.
const MOST: u64 = 256 * 1024;

/// The letters of a change id.
const LENGTH: usize = 32;

/// What a commit says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// None where an older jj kept it in a table of its own, or another program made the commit.
    pub(super) change: Option<ChangeId>,
    pub(super) parents: Vec<CommitId>,
    /// Its trees, one unless it has a conflict: equal where the files are.
    pub(super) trees: Vec<u8>,
    pub(super) is_conflicted: bool,
    /// Seconds since 1970.
    pub(super) committed: i64,
    pub(super) description: String,
}

/// Reads a commit. None where it is packed or lies elsewhere, and where it is not understood.
pub(super) fn load_commit(git_dir: &Utf8Path, commit: &CommitId) -> Option<Commit> {
    let (folder, file) = commit.as_str().split_at_checked(2)?;
    let object = std::fs::File::open(git_dir.join("objects").join(folder).join(file)).ok()?;
    let mut text = Vec::new();
    ZlibDecoder::new(object).take(MOST).read_to_end(&mut text).ok()?;
    parse(&text)
}

/// Reads `commit 123\0`, the headers, an empty line, and the description.
fn parse(object: &[u8]) -> Option<Commit> {
    let text = object.strip_prefix(b"commit ")?;
    let mut rest = &text[text.iter().position(|byte| *byte == 0)? + 1..];
    let mut commit = Commit {
        change: None,
        parents: Vec::new(),
        trees: Vec::new(),
        is_conflicted: false,
        committed: 0,
        description: String::new(),
    };
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
        let value = &value[1..];
        match name {
            b"tree" => commit.trees.extend_from_slice(value),
            b"parent" => commit.parents.push(CommitId::new(str::from_utf8(value).ok()?)),
            b"committer" => commit.committed = seconds(value)?,
            b"change-id" if is_change_id(value) => {
                commit.change = Some(ChangeId::new(str::from_utf8(value).ok()?));
            }
            b"jj:trees" => {
                commit.is_conflicted = true;
                commit.trees.extend_from_slice(value);
            }
            _ => {}
        }
    }
    commit.description = String::from_utf8_lossy(rest).trim_end().to_owned();
    Some(commit)
}

/// `Ada Agent <ada@example.com> 1700000000 +0100`
fn seconds(person: &[u8]) -> Option<i64> {
    let mut words = person.rsplit(|byte| *byte == b' ');
    str::from_utf8(words.nth(1)?).ok()?.parse().ok()
}

fn is_change_id(id: &[u8]) -> bool {
    id.len() == LENGTH && id.iter().all(|letter| (b'k'..=b'z').contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_read_from_its_headers() {
        let (tree, id) = ("4b825dc642cb6eb9a060e54bf8d69288fbee4904", "kkmpptxzrspxrzommnulwmwkkqwworpl");
        let people = "author a <a> 1 +0000\ncommitter b c <b> 1700000000 -0500\n";
        let text = format!(
            "commit 9\0tree {tree}\nparent {tree}\nparent {id}\n{people}gpgsig x\n y\nchange-id {id}\n\nTwo\nlines\n"
        );
        let commit = parse(text.as_bytes()).unwrap();
        assert_eq!(commit.change.unwrap().as_str(), id);
        assert_eq!(commit.parents, [CommitId::new(tree), CommitId::new(id)]);
        assert_eq!((commit.trees.as_slice(), commit.is_conflicted), (tree.as_bytes(), false));
        assert_eq!((commit.committed, commit.description.as_str()), (1_700_000_000, "Two\nlines"));
    }

    #[test]
    fn a_change_id_is_read_from_the_headers_alone() {
        let id = "kkmpptxzrspxrzommnulwmwkkqwworpl";
        let of = |text: &str| parse(text.as_bytes())?.change.map(|id| id.as_str().to_owned());
        let people = "tree 1\nauthor a\ncommitter b 1 +0000\n";
        assert_eq!(of(&format!("commit 9\0{people}change-id {id}\n\nText\n")).as_deref(), Some(id));
        assert_eq!(of(&format!("commit 9\0{people}gpgsig x\n y\nchange-id {id}\n\n")).as_deref(), Some(id));
        assert_eq!(of(&format!("commit 9\0{people}\nchange-id {id}\n")), None);
        assert_eq!(of(&format!("commit 9\0{people}change-id {}\n\n", &id[1..])), None);
        assert_eq!(of(&format!("commit 9\0{people}change-id {}\n\n", id.to_uppercase())), None);
        assert_eq!(of(&format!("tree 9\0change-id {id}\n\n")), None);
        assert_eq!(of(""), None);
    }
}
