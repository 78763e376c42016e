//! A commit's own words, carried over byte for byte: only its tree and parents are others, what no longer holds is left
//! out, and its change id is written down.

use crate::git::ObjectId;

/// The header that holds jj's change id.
const CHANGE: &[u8] = b"change-id";
/// The header that holds the trees of a conflict, alternately added and removed.
const TREES: &[u8] = b"jj:trees";
/// What signs the commit as it was, or another that was merged.
const SIGNATURES: [&[u8]; 3] = [b"gpgsig", b"gpgsig-sha256", b"mergetag"];
/// How the signature of a tag begins, at its end.
const TAG_SIGNATURES: [&[u8]; 3] =
    [b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN SSH SIGNATURE-----", b"-----BEGIN SIGNED MESSAGE-----"];
/// What tells of the trees of a conflict.
const LABELS: &[u8] = b"jj:conflict-labels";

/// What a commit says of itself in its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    pub(crate) tree: Option<ObjectId>,
    pub(crate) parents: Vec<ObjectId>,
    /// The trees of a conflict, alternately added and removed; empty where there is none.
    pub(crate) conflict: Vec<ObjectId>,
    pub(crate) is_malformed: bool,
}

impl Headers {
    pub(crate) fn of(commit: &[u8]) -> Self {
        let mut found = Self::default();
        for (name, value) in headers(commit).0 {
            match name {
                b"tree" => found.tree = id(value),
                b"parent" => match id(value) {
                    Some(parent) => found.parents.push(parent),
                    None => found.is_malformed = true,
                },
                TREES => {
                    let terms: Option<Vec<_>> = value.split(|byte| *byte == b' ').map(id).collect();
                    found.conflict = terms.unwrap_or_default();
                    found.is_malformed |= found.conflict.len() < 3 || found.conflict.len() % 2 == 0;
                }
                _ => {}
            }
        }
        found.is_malformed |= found.tree.is_none();
        found
    }
}

fn id(hex: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(hex).ok().filter(|id| id.kind() == crate::git::HASH)
}

type Header<'a> = (&'a [u8], &'a [u8]);

/// The headers, each with what follows its name, lines that go on included; and the description.
fn headers(commit: &[u8]) -> (Vec<Header<'_>>, &[u8]) {
    let mut found = Vec::new();
    let mut rest = commit;
    while let Some(end) = end_of_header(rest) {
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            return (found, rest);
        }
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        found.push((&line[..space], line.get(space + 1..).unwrap_or_default()));
    }
    (found, rest)
}

/// Where a header ends: at the newline that no space follows.
fn end_of_header(text: &[u8]) -> Option<usize> {
    let ends = |at: &usize| text[*at] == b'\n' && text.get(at + 1) != Some(&b' ');
    let end = (0..text.len()).find(ends);
    end.or_else(|| (!text.is_empty()).then_some(text.len()))
}

/// The change id that a commit's headers hold, in jj's letters.
pub(crate) fn change_id_of(commit: &[u8]) -> Option<&str> {
    let (headers, _) = headers(commit);
    let (_, value) = headers.into_iter().find(|(name, _)| *name == CHANGE)?;
    let is_one = value.len() == 32 && value.iter().all(|letter| (b'k'..=b'z').contains(letter));
    if is_one { str::from_utf8(value).ok() } else { None }
}

/// The change id that jj gives a commit which has none: the end of its id, bit by bit from behind.
pub(crate) fn synthetic_change_id(commit: &ObjectId) -> String {
    let bytes = &commit.as_slice()[4..];
    reverse_hex(bytes.iter().rev().map(|byte| byte.reverse_bits()))
}

/// Bytes in jj's letters: `z` is 0, `k` is 15.
pub(crate) fn reverse_hex(bytes: impl Iterator<Item = u8>) -> String {
    bytes.flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(b'z' - digit)).collect()
}

/// The commit with another tree and other parents, and whether it had a signature. `change` is written down where the
/// commit has no change id.
pub(crate) fn rewrite(
    commit: &[u8],
    tree: &ObjectId,
    parents: &[ObjectId],
    change: impl FnOnce() -> String,
) -> (Vec<u8>, bool) {
    let (headers, description) = headers(commit);
    let mut text = format!("tree {tree}\n").into_bytes();
    parents.iter().for_each(|parent| text.extend(format!("parent {parent}\n").bytes()));
    let mut was_signed = false;
    for (name, value) in headers {
        match name {
            b"tree" | b"parent" | CHANGE | TREES | LABELS => {}
            _ if SIGNATURES.contains(&name) => was_signed = true,
            _ => {
                text.extend(name);
                text.push(b' ');
                text.extend(value);
                text.push(b'\n');
            }
        }
    }
    let change = change_id_of(commit).map_or_else(change, str::to_owned);
    text.extend(format!("change-id {change}\n\n").bytes());
    text.extend(description);
    (text, was_signed)
}

/// A tag's own object on another commit, and whether it had a signature. None for a tag of something else.
pub(crate) fn rewrite_tag(tag: &[u8], old: &ObjectId, new: &ObjectId) -> Option<(Vec<u8>, bool)> {
    let head = format!("object {old}\ntype commit\n");
    let rest = tag.strip_prefix(head.as_bytes())?;
    let mut text = format!("object {new}\ntype commit\n").into_bytes();
    let begins = |at: &usize| {
        let is_at_start = *at == 0 || rest[at - 1] == b'\n';
        is_at_start && TAG_SIGNATURES.iter().any(|begin| rest[*at..].starts_with(begin))
    };
    let end = (0..rest.len()).find(begins);
    text.extend(&rest[..end.unwrap_or(rest.len())]);
    Some((text, end.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: &str = "kkmpptxzrspxrzommnulwmwkkqwworpl";

    fn any(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    #[test]
    fn everything_but_tree_and_parents_stays_as_it_is() {
        let people = "author Ä <a@x> 1 +0545\ncommitter b c <b> 1700000000 -0500\nencoding ISO-8859-1\n";
        let other = "odd with\n two lines\n";
        let old = format!(
            "tree {}\nparent {}\n{people}gpgsig -----BEGIN\n \n a b\n -----END\n{other}change-id {CHANGE}\n\n",
            any('1'),
            any('2')
        );
        let mut old = old.into_bytes();
        old.extend(b"caf\xe9\n\n  spaces \n");
        let (new, was_signed) = rewrite(&old, &any('a'), &[any('b'), any('c')], || unreachable!());
        let mut expected = format!(
            "tree {}\nparent {}\nparent {}\n{people}{other}change-id {CHANGE}\n\n",
            any('a'),
            any('b'),
            any('c')
        )
        .into_bytes();
        expected.extend(b"caf\xe9\n\n  spaces \n");
        assert_eq!(String::from_utf8_lossy(&new), String::from_utf8_lossy(&expected));
        assert_eq!((new, was_signed), (expected, true));
    }

    #[test]
    fn a_commit_without_a_change_id_gets_the_one_that_jj_gives_it() {
        let old = format!("tree {}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\n", any('1'));
        let (new, was_signed) = rewrite(old.as_bytes(), &any('a'), &[], || CHANGE.to_owned());
        assert_eq!((change_id_of(&new), was_signed), (Some(CHANGE), false));
        let id = ObjectId::from_hex(b"0123456789abcdef0123456789abcdef01234567").unwrap();
        assert_eq!(synthetic_change_id(&id), "ltpxnvrzksowmuqy".repeat(2));
    }

    #[test]
    fn a_tag_keeps_its_words_and_loses_its_signature() {
        let words = "tag v1\ntagger a <a> 1 +0000\n\nWords -----BEGIN PGP SIGNATURE----- within\n";
        let old = format!("object {}\ntype commit\n{words}", any('1'));
        let new = format!("object {}\ntype commit\n{words}", any('2')).into_bytes();
        assert_eq!(rewrite_tag(old.as_bytes(), &any('1'), &any('2')), Some((new.clone(), false)));
        let signed = old + "-----BEGIN SSH SIGNATURE-----\nabc\n";
        assert_eq!(rewrite_tag(signed.as_bytes(), &any('1'), &any('2')), Some((new, true)));
        assert_eq!(rewrite_tag(signed.as_bytes(), &any('3'), &any('2')), None);
    }

    #[test]
    fn a_conflict_tells_its_trees() {
        let old =
            format!("tree {}\njj:trees {} {} {}\nauthor a\n\nx", any('1'), any('2'), any('3'), any('4'));
        let found = Headers::of(old.as_bytes());
        assert_eq!((found.tree, found.is_malformed), (Some(any('1')), false));
        assert_eq!(found.conflict, [any('2'), any('3'), any('4')]);
        assert!(Headers::of(format!("tree {}\njj:trees {}\n\n", any('1'), any('2')).as_bytes()).is_malformed);
        assert!(Headers::of(b"author a\n\n").is_malformed);
    }
}
