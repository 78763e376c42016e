//! Files that nobody promised: of another jj, cut off, with wrong bytes in them.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::decode;
use crate::jj::fixture::Fixture;
use crate::model::{BookmarkName, CommitId, OpId};

/// A field of bytes, the lengths of which are short.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

#[test]
fn a_view_in_a_form_that_is_not_known_is_not_read() {
    let id = [7; 20];
    let current = field(3, &field(2, &field(1, &id)));
    let bookmark = |target: &[u8], more: &[u8]| {
        decode::view(&field(5, &[&field(1, b"main"), &field(2, target), more].concat()))
    };
    let read = bookmark(&current, &[]).unwrap();
    assert_eq!(read.bookmarks[&BookmarkName::new("main")], [Some(CommitId::new("07".repeat(20)))]);
    // The targets of jj before 0.9, and one of a jj to come.
    assert_eq!(bookmark(&field(1, &id), &[]), None);
    assert_eq!(bookmark(&field(2, &field(2, &id)), &[]), None);
    assert_eq!(bookmark(&field(4, &id), &[]), None);
    assert_eq!(bookmark(&[], &[]), None);
    // A conflict without its odd side, a commit id of another length.
    assert_eq!(bookmark(&field(3, &field(1, &field(1, &id))), &[]), None);
    assert_eq!(bookmark(&field(3, &field(2, &field(1, &[7; 32]))), &[]), None);
    // The remotes of jj before 0.34, where nothing else tells of them.
    assert_eq!(bookmark(&current, &field(3, &field(1, b"origin"))), None);
    // The working copy of a jj that had but one, and fields of a jj to come.
    assert_eq!(decode::view(&field(2, &id)), None);
    assert_eq!(decode::view(&field(14, &id)), None);
    assert_eq!(bookmark(&current, &field(4, &id)), None);
    // A remote's state that is neither.
    let remote = |state: u8| {
        let bookmark = [&field(1, b"main")[..], &field(2, &field(1, &id)), &[3 << 3, state]].concat();
        decode::view(&field(11, &[field(1, b"origin"), field(2, &bookmark)].concat()))
    };
    let key = (BookmarkName::new("main"), "origin".to_owned());
    assert!(remote(1).unwrap().remote_bookmarks[&key].tracked);
    assert_eq!(remote(2), None);
}

#[test]
fn an_operation_of_a_later_jj_is_read_and_one_without_a_view_is_not() {
    let id = OpId::new("a".repeat(128));
    let read = |message: &[u8]| decode::operation(id.clone(), message);
    let metadata = field(3, &[field(3, b"what was done"), field(15, b"more")].concat());
    let operation = read(&[field(1, &[1; 64]), metadata.clone(), field(15, b"more")].concat()).unwrap();
    assert_eq!((operation.description.as_str(), operation.view), ("what was done", "01".repeat(64)));
    assert_eq!(read(&metadata), None);
    assert_eq!(read(&field(1, &[1; 32])), None);
    assert_eq!(read(&[field(1, &[1; 64]), field(2, b"short")].concat()), None);
}

/// Operations and views as jj wrote them, with a conflicted bookmark and one at the remote `git`.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let it = Fixture::new();
    let head = it.head();
    it.jj(&["bookmark", "create", "torn", "whole", "-r", "@"]);
    it.jj(&["--at-op", &head, "bookmark", "create", "torn", "-r", "root()"]);
    it.jj(&["status"]);
    let folders = ["operations", "views"].map(|name| it.repo().dir().join("op_store").join(name));
    let paths = folders.iter().flat_map(|folder| folder.read_dir_utf8().unwrap());
    paths.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
});

fn decode_both(bytes: &[u8]) {
    let _ = decode::operation(OpId::new("a".repeat(128)), bytes);
    let _ = decode::view(bytes);
}

#[test]
fn a_file_that_is_cut_off_anywhere_does_no_harm() {
    for file in &*FILES {
        (0..file.len()).for_each(|length| decode_both(&file[..length]));
    }
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        decode_both(&bytes);
    }

    #[test]
    fn real_files_with_wrong_bytes_do_no_harm(
        file in any::<prop::sample::Index>(),
        wrong in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = file.get(&FILES).clone();
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        decode_both(&bytes);
    }
}
