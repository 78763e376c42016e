//! The store as the real jj writes it, compared with what jj itself says of it.

mod foreign;
mod trail;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::jj::fixture::{Fixture, command};

/// A repo to which everything happened that can happen to a bookmark.
fn eventful() -> Fixture {
    let it = Fixture::new();
    it.write("file", "one");
    it.jj(&["commit", "-m", "one"]);
    it.write("file", "two");
    it.jj(&["commit", "-m", "two"]);
    it.jj(&["describe", "-m", "three"]);

    it.jj(&["bookmark", "create", "main", "-r", "@--"]);
    it.jj(&["bookmark", "create", "at-root", "-r", "root()"]);
    for name in ["größe--日本", "a \"quoted\" 'name' \\ here", "x@y", "🦀", "deep/er/name"] {
        it.jj(&["bookmark", "create", &crate::jj::symbol(&BookmarkName::new(name)), "-r", "@-"]);
    }
    it.jj(&["bookmark", "move", "main", "--to", "@-"]);
    it.jj(&["bookmark", "rename", "'🦀'", "crab"]);
    it.jj(&["bookmark", "delete", "crab"]);
    it.jj(&["bookmark", "set", "many", "-r", "@"]);
    it.jj(&["undo"]);
    it.jj(&["redo"]);
    let before_epoch = [("JJ_OP_TIMESTAMP", "1961-04-12T06:07:00.123-09:30")];
    it.jj_with(&["describe", "-m", "a 'quote', a \"quote\"\nand a line"], &before_epoch);

    // Three ways at once, then a delete against a move.
    it.jj(&["bookmark", "create", "torn", "deleted", "-r", "main"]);
    let head = it.head();
    it.jj(&["bookmark", "set", "torn", "-r", "@"]);
    it.jj(&["--at-op", &head, "bookmark", "set", "torn", "-r", "main-", "--allow-backwards"]);
    it.jj(&["--at-op", &head, "bookmark", "set", "torn", "-r", "root()", "--allow-backwards"]);
    it.jj(&["status"]);
    let head = it.head();
    it.jj(&["bookmark", "delete", "deleted"]);
    it.jj(&["--at-op", &head, "bookmark", "set", "deleted", "-r", "@"]);
    it.jj(&["status"]);

    // A remote: tracked, untracked, ahead, deleted on either side, and tracked before it is there.
    it.jj(&["git", "remote", "add", "origin", "../origin"]);
    it.jj(&["git", "remote", "add", "ödd.remote", "../origin"]);
    it.jj(&["bookmark", "create", "gone-here", "gone-there", "-r", "main"]);
    it.jj(&["git", "push", "--bookmark", "main", "--bookmark", "größe--日本", "--bookmark", "gone-here"]);
    it.jj(&["git", "push", "--bookmark", "gone-there"]);
    it.jj(&["git", "fetch", "--remote", "ödd.remote"]);
    it.jj(&["bookmark", "delete", "gone-here"]);
    let git = it.folder.path().join("origin");
    it.run(command("git".as_ref(), &git).args(["update-ref", "-d", "refs/heads/gone-there"]));
    it.jj(&["git", "fetch"]);
    it.jj(&["bookmark", "track", "many", "--remote", "origin"]);
    it.jj(&["bookmark", "untrack", "größe--日本", "--remote", "origin"]);
    it.jj(&["new", "main", "-m", "four"]);
    it.jj(&["bookmark", "move", "main", "--to", "@"]);
    it.jj(&["tag", "set", "v1", "-r", "main@origin"]);
    it.write("file", "four");
    it.jj(&["status"]);

    it.jj(&["workspace", "add", "../second", "--name", "zweiter ort"]);
    it.jj(&["workspace", "add", "../third"]);
    it.jj(&["--repository", "../third", "bookmark", "create", "from-third"]);
    it.jj(&["workspace", "forget", "third"]);
    it.jj(&["abandon", "main"]);
    it.jj(&["operation", "revert"]);
    it.jj(&["git", "export"]);
    it
}

/// What `json(self)` says of an operation.
#[derive(Deserialize)]
struct ToldOperation {
    id: String,
    parents: Vec<OpId>,
    time: ToldTime,
    description: String,
    is_snapshot: bool,
    workspace_name: Option<String>,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ToldTime {
    start: Timestamp,
    end: Timestamp,
}

/// What `json(self)` says of a bookmark.
#[derive(Deserialize)]
struct ToldBookmark {
    name: BookmarkName,
    remote: Option<String>,
    target: Target,
    tracking_target: Option<Target>,
}

/// Compares an operation and its view with what jj says.
fn compare(it: &Fixture, told: &ToldOperation) -> View {
    let store = it.store();
    let operation = store.load_operation(&OpId::new(&told.id)).unwrap();
    assert_eq!(operation.id.as_str(), told.id);
    assert_eq!(operation.parents, told.parents);
    assert_eq!((operation.started, operation.ended), (told.time.start, told.time.end));
    assert_eq!(operation.description, told.description);
    assert_eq!(operation.args.as_ref(), told.attributes.get("args"));
    assert_eq!(operation.is_snapshot, told.is_snapshot);
    assert_eq!(operation.workspace, told.workspace_name);

    let mut expected = View::default();
    for line in it.lines(&told.id, &["bookmark", "list", "--all-remotes", "-T", r#"json(self) ++ "\n""#]) {
        let ToldBookmark { name, remote, target, tracking_target } = line;
        match remote {
            // Listed for what its remotes have of it.
            None if target == [None] => {}
            None => assert_eq!(expected.bookmarks.insert(name, target), None),
            Some(remote) => {
                let remote_target = RemoteTarget { target, tracked: tracking_target.is_some() };
                assert_eq!(expected.remote_bookmarks.insert((name, remote), remote_target), None);
            }
        }
    }
    let template = r#""[" ++ json(name) ++ "," ++ json(target.commit_id()) ++ "]\n""#;
    expected.working_copies.extend(it.lines::<(_, _)>(&told.id, &["workspace", "list", "-T", template]));
    // Of the beginning it has none, where jj says that it is the root.
    let heads = ["log", "--no-graph", "-r", "visible_heads() ~ root()", "-T", r#"json(commit_id) ++ "\n""#];
    expected.heads = it.lines(&told.id, &heads);
    expected.heads.sort();
    let mut view = store.load_view(&operation).unwrap();
    view.heads.retain(|head| !is_root(head.as_str()));
    view.heads.sort();
    assert_eq!(view, expected, "after {} ({})", told.description, told.id);
    view
}

fn log(it: &Fixture, op: &str) -> Vec<ToldOperation> {
    it.lines(op, &["operation", "log", "--no-graph", "-T", r#"json(self) ++ "\n""#])
}

#[test]
fn every_operation_is_read_as_jj_reads_it() {
    let it = eventful();
    let operations = log(&it, &it.head());
    assert!(operations.len() >= 50, "{}", operations.len());
    let views: Vec<View> = operations.iter().map(|told| compare(&it, told)).collect();
    // All that is compared did come up.
    let local = |met: &dyn Fn(&Target) -> bool| views.iter().any(|view| view.bookmarks.values().any(met));
    assert!(local(&|target| target.len() == 5));
    assert!(local(&|target| target.len() == 3 && target.contains(&None)));
    let remote = |met: &dyn Fn(&RemoteTarget) -> bool| {
        views.iter().any(|view| view.remote_bookmarks.values().any(met))
    };
    assert!(remote(&|remote| !remote.tracked));
    assert!(remote(&|remote| remote.tracked && remote.target == [None]));
    assert!(views.iter().any(|view| view.working_copies.len() == 3));
    assert!(operations.iter().any(|told| told.parents.len() == 3));
    assert!(operations.iter().any(|told| told.time.start < Timestamp::UNIX_EPOCH));
    assert!(operations.iter().any(|told| told.is_snapshot));
    assert_eq!(operations.last().unwrap().parents, []);
}

#[test]
fn a_speculative_operation_is_read_by_the_prefix_that_jj_prints() {
    let it = Fixture::new();
    let head = it.head();
    let first = it.speculate(&head, &["bookmark", "create", "one", "-r", "@"]);
    let second = it.speculate(&first, &["bookmark", "create", "two", "-r", "@"]);
    assert_eq!(first.len(), 12);
    let told = log(&it, &second);
    assert_eq!(compare(&it, &told[0]).bookmarks.len(), 2);
    let by_prefix = it.store().load_operation(&OpId::new(&second)).unwrap();
    assert_eq!(by_prefix.id.as_str(), told[0].id);
    assert_eq!(it.head(), head);
    let root = it.store().load_operation(&OpId::new("000000000000")).unwrap();
    assert_eq!(root, Operation::root());
    for none in
        ["", "nothing", "../operations", &told[0].id.to_uppercase(), &"1".repeat(128), &"0".repeat(129)]
    {
        assert_eq!(it.store().load_operation(&OpId::new(none)), None, "{none}");
    }
    // No longer the only one.
    let twin = format!("{second}{}", "f".repeat(116));
    std::fs::write(it.repo().dir().join("op_store/operations").join(twin), "").unwrap();
    assert_eq!(it.store().load_operation(&OpId::new(&second)), None);
}

#[test]
fn another_kind_of_store_is_not_opened() {
    let it = Fixture::new();
    for (part, _) in KINDS {
        let path = it.repo().dir().join(part).join("type");
        let kind = std::fs::read(&path).unwrap();
        assert!(OpStore::open(&it.repo()).is_some());
        for other in ["", "other", "git2", "simple_op_store\n"] {
            std::fs::write(&path, other).unwrap();
            assert!(OpStore::open(&it.repo()).is_none(), "{path}: {other}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(OpStore::open(&it.repo()).is_none());
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(OpStore::open(&it.repo()).is_none());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, kind).unwrap();
    }
}
