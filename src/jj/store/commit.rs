//! The change id of a commit, from the git object that holds the commit.

use std::io::Read as _;

use camino::Utf8Path;
use flate2::read::ZlibDecoder;

use crate::model::{ChangeId, CommitId};

/// How much of a commit is looked at: its headers come first, a signature among them.
const HEADERS: u64 = 64 * 1024;

/// The letters of a change id.
const LENGTH: usize = 32;

/// The change id that a commit's headers tell. None where the commit is packed or lies elsewhere, and where it has no
/// such header: a jj before 0.30 kept the id in a table of its own.
pub(super) fn load_change_id(git_dir: &Utf8Path, commit: &CommitId) -> Option<ChangeId> {
    let (folder, file) = commit.as_str().split_at_checked(2)?;
    let object = std::fs::File::open(git_dir.join("objects").join(folder).join(file)).ok()?;
    let mut text = Vec::new();
    ZlibDecoder::new(object).take(HEADERS).read_to_end(&mut text).ok()?;
    change_id(&text)
}

/// Reads `commit 123\0`, the headers, and an empty line.
fn change_id(object: &[u8]) -> Option<ChangeId> {
    let text = object.strip_prefix(b"commit ")?;
    let headers = &text[text.iter().position(|byte| *byte == 0)? + 1..];
    let lines = headers.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let id = lines.into_iter().find_map(|line| line.strip_prefix(b"change-id "))?;
    let is_id = id.len() == LENGTH && id.iter().all(|letter| (b'k'..=b'z').contains(letter));
    is_id.then(|| ChangeId::new(String::from_utf8_lossy(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_id_is_read_from_the_headers_alone() {
        let id = "kkmpptxzrspxrzommnulwmwkkqwworpl";
        let of = |text: &str| change_id(text.as_bytes()).map(|id| id.as_str().to_owned());
        let people = "tree 1\nauthor a\ncommitter b\n";
        assert_eq!(of(&format!("commit 9\0{people}change-id {id}\n\nText\n")).as_deref(), Some(id));
        assert_eq!(of(&format!("commit 9\0{people}gpgsig x\n y\nchange-id {id}\n\n")).as_deref(), Some(id));
        assert_eq!(of(&format!("commit 9\0{people}\nchange-id {id}\n")), None);
        assert_eq!(of(&format!("commit 9\0{people}change-id {}\n\n", &id[1..])), None);
        assert_eq!(of(&format!("commit 9\0{people}change-id {}\n\n", id.to_uppercase())), None);
        assert_eq!(of(&format!("tree 9\0change-id {id}\n\n")), None);
        assert_eq!(of(""), None);
    }
}
