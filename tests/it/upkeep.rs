//! `jj flow gc`: bookmarks of flows that landed long ago.

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{Output, TestEnvironment, TestRepo};
use crate::ledger::{everything, repo};

/// What everything here is long past by.
pub(crate) const LATER: &str = "2001-08-01T00:00:00Z";

/// The same repo half a year later.
pub(crate) fn later<'e>(repo: &TestRepo<'e>) -> TestRepo<'e> {
    repo.with("JJ_FLOW_TIMESTAMP", LATER)
}

/// Lands a flow of this name with one file.
pub(crate) fn land(repo: &TestRepo<'_>, name: &str) {
    repo.flow(&["new", name]).ok();
    repo.write(name, &format!("{name}\n"));
    repo.flow(&["done", "-m", name]).ok();
}

fn gc(repo: &TestRepo<'_>, args: &[&str]) -> Output {
    later(repo).flow(&[&["gc"], args].concat())
}

/// The flows that were deleted, or would be, and why the others stay.
fn told(output: &Output) -> (Vec<String>, Vec<String>) {
    let json = output.json();
    let list = |name: &str, field: &str| {
        let all = json["repos"].as_array().unwrap().iter().flat_map(|repo| repo[name].as_array().unwrap());
        all.map(|it| it[field].as_str().unwrap().to_owned()).collect()
    };
    (list("deleted", "flow"), list("kept", "reason"))
}

fn bookmarks(repo: &TestRepo<'_>) -> Vec<String> {
    repo.bookmarks().lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

#[test]
fn bookmarks_of_flows_that_landed_long_ago_go() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    land(&repo, "research");
    land(&repo, "docs");
    repo.flow(&["new", "schema"]).ok();
    insta::assert_snapshot!(repo.flow(&["gc"]).ok(), @"Nothing is to go.");
    let before = (repo.state(), everything(&env));
    let planned = gc(&repo, &["--dry-run"]).ok();
    insta::assert_snapshot!(planned, @"Would delete 2 bookmarks of merged flows: a8f2--docs, a8f2--research.");
    assert_eq!((repo.state(), everything(&env)), before);
    insta::assert_snapshot!(gc(&repo, &["--config=flow.keep-merged='forever'"]).ok(), @"Nothing is to go.");
    let heads = repo.op_heads();
    let told = gc(&repo, &["--json"]).ok().json();
    let done = &told["repos"][0];
    assert_eq!((done["deleted"].as_array().unwrap().len(), &done["kept"]), (2, &serde_json::json!([])));
    assert_eq!(bookmarks(&repo), ["a8f2--schema", "a8f2--schema@git", "main", "main@git"]);
    assert!(!repo.git_refs().contains("docs"));
    // One operation, and it is on record.
    assert_ne!(repo.op_heads(), heads);
    assert_eq!([done["operation"].as_str().unwrap()], repo.op_heads().as_slice());
    let operations = env.rows("SELECT DISTINCT operation FROM events WHERE kind = 'deleted'");
    assert_eq!(operations, format!("{}\n", repo.op_heads()[0]));
    let rows = "SELECT bookmark, status, gone_at IS NOT NULL FROM FlowRegistry ORDER BY id";
    assert_eq!(env.rows(rows), "a8f2--research|merged|1\na8f2--docs|merged|1\na8f2--schema|in-progress|0\n");
    assert!(repo.flow(&["log", "research"]).ok().stdout.contains("deleted"));
    assert!(repo.flow(&["list", "--gone"]).ok().stdout.contains("a8f2--docs (gone)"));
    let tree = repo.flow(&[]).ok().stdout;
    assert!(tree.contains("a8f2--schema") && !tree.contains("merged"), "{tree}");
    insta::assert_snapshot!(gc(&repo, &[]).ok(), @"Nothing is to go.");
    assert_rebuilt(&env, &[&repo]);
}

#[rstest]
#[case::undo(&["undo"])]
#[case::revert(&["op", "revert", "@"])]
fn jj_brings_them_back(#[case] command: &[&str]) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    land(&repo, "research");
    land(&repo, "docs");
    // Work of nobody's on top, as it is after a landing.
    repo.write("more", "more\n");
    repo.jj(&["status"]).ok();
    let before = (bookmarks(&repo), repo.flow(&["list", "--json"]).ok().json()["flows"].clone());
    gc(&repo, &[]).ok();
    repo.jj(command).ok();
    repo.flow(&[]).ok();
    let after = repo.flow(&["list", "--json"]).ok().json()["flows"].clone();
    let told = |flows: &serde_json::Value| {
        let flow = |flow: &serde_json::Value| {
            ["flow", "status", "change_id", "gone_at"].map(|name| flow[name].clone())
        };
        let mut all: Vec<_> = flows.as_array().unwrap().iter().map(flow).collect();
        all.sort_by_key(|flow| flow[0].to_string());
        all
    };
    assert_eq!((bookmarks(&repo), told(&after)), (before.0, told(&before.1)));
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry"), "2\n");
    assert_rebuilt(&env, &[&repo]);
}

#[test]
fn what_somebody_may_still_need_stays_and_it_is_said_why() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    env.bare_git("hub.git");
    repo.jj(&["git", "remote", "add", "origin", "../hub.git"]).ok();
    // Taken in the order of their names.
    land(&repo, "docsConflicted");
    land(&repo, "docsMoved");
    repo.flow(&["new", "docsParent"]).ok();
    repo.write("parent", "parent\n");
    repo.jj(&["describe", "-m", "parent"]).ok();
    repo.flow(&["sub", "open"]).ok();
    repo.flow(&["done", "docsParent", "-m", "parent"]).exits(1);
    repo.write("open", "open\n");
    repo.jj(&["commit", "-m", "open"]).ok();
    repo.flow(&["fail", "open", "--reason", "later"]).ok();
    repo.flow(&["done", "docsParent"]).ok();
    land(&repo, "docsPlain");
    land(&repo, "docsRemote");
    repo.jj(&["bookmark", "track", "a8f2--docsRemote", "--remote=origin"]).ok();
    repo.jj(&["git", "push", "--remote=origin", "--bookmark=a8f2--docsRemote"]).ok();
    land(&repo, "docsWorkspace");
    land(&repo, "docsZoo");
    let other = repo.workspace("other");
    other.jj(&["edit", "--ignore-immutable", "a8f2--docsWorkspace"]).ok();
    // Each in the way in which it comes about.
    repo.jj(&["bookmark", "set", "--allow-backwards", "a8f2--docsMoved", "--revision=root()+"]).ok();
    let at = repo.op_heads().concat();
    repo.jj(&["bookmark", "set", "--allow-backwards", "a8f2--docsConflicted", "--revision=root()+"]).ok();
    repo.jj(&["--at-op", &at, "bookmark", "set", "a8f2--docsConflicted", "--revision=a8f2--docsZoo"]).ok();
    let told = gc(&repo, &["--dry-run", "--json"]).ok();
    let went = gc(&repo, &["--json"]).ok();
    assert_eq!(self::told(&told), self::told(&went));
    let kept = [
        "its bookmark is conflicted",
        "its bookmark was moved since it landed",
        "the open flow a8f2--docsParent--open has it as its parent",
        "the remote origin has it",
        "a workspace stands on it",
    ];
    let deleted = ["a8f2--docsPlain", "a8f2--docsZoo"];
    assert_eq!(self::told(&went), (deleted.map(str::to_owned).into(), kept.map(str::to_owned).into()));
    let hint = went.json()["repos"][0]["kept"][3]["hint"].as_str().unwrap().to_owned();
    repo.sh(&hint).ok();
    assert!(!repo.bookmarks().contains("docsRemote"), "{}", repo.bookmarks());
}

#[test]
fn what_its_parent_has_lost_stays() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    land(&repo, "research");
    land(&repo, "docs");
    // Taken back by hand: that the row has it as merged does not count.
    repo.jj(&["bookmark", "set", "--allow-backwards", "main", "--revision=a8f2--research"]).ok();
    assert_eq!(told(&gc(&repo, &["--json"]).ok()).0, ["a8f2--research"]);
    assert!(repo.bookmarks().contains("a8f2--docs"));
}

#[rstest]
#[case::before("deleting")]
#[case::at_the_same_moment("deleting-now")]
fn a_bookmark_that_moves_meanwhile_is_whose_it_is(#[case] step: &str) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    land(&repo, "research");
    land(&repo, "docs");
    let script = format!("#!/bin/sh\ncd {}/field && jj bookmark set a8f2--docs -r @\n", env.root().display());
    env.dir("").write("meanwhile", &script);
    env.dir("").sh("chmod +x meanwhile").ok();
    let program = env.root().join("meanwhile");
    let meanwhile = later(&repo).with("JJ_FLOW_FAILPOINT", &format!("{step}={}", program.display()));
    let told = told(&meanwhile.flow(&["gc", "--json"]).ok());
    assert_eq!(told.0, ["a8f2--research"]);
    assert_eq!(told.1, ["its bookmark was moved since it landed"]);
    assert_eq!(repo.changes("bookmarks(exact:'a8f2--docs')"), repo.changes("@"));
    assert_eq!(repo.op_heads().len(), 1);
    assert_rebuilt(&env, &[&repo]);
}

#[rstest]
fn killed_anywhere_the_next_one_finishes(#[values("deleting", "deleting-now", "deleted")] step: &str) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    land(&repo, "research");
    later(&repo).with("JJ_FLOW_FAILPOINT", step).flow(&["gc"]).exits(137);
    gc(&repo, &[]).ok();
    assert_eq!(bookmarks(&repo), ["main", "main@git"]);
    assert_eq!(env.rows("SELECT status, gone_at IS NOT NULL FROM FlowRegistry"), "merged|1\n");
    assert_rebuilt(&env, &[&repo]);
}

#[test]
fn in_every_repo_and_what_fails_in_one_stops_no_other() {
    let env = TestEnvironment::new();
    let names = ["broken", "one", "two"];
    for name in names {
        land(&repo(&env, name), "research");
    }
    std::fs::remove_dir_all(env.root().join("broken/.jj/repo/op_heads/heads")).unwrap();
    let home = env.dir("home");
    let gc = later(&home).flow(&["gc", "--all"]).exits(1);
    insta::assert_snapshot!(gc.stdout, @r"
    $TEST_ENV/one:
      Deleted 1 bookmark of merged flows: a8f2--research.
    $TEST_ENV/two:
      Deleted 1 bookmark of merged flows: a8f2--research.
    ");
    assert!(gc.stderr.starts_with("$TEST_ENV/broken: "), "{gc}");
    for name in &names[1..] {
        assert_eq!(bookmarks(&env.dir(name)), ["main", "main@git"]);
    }
    later(&home).flow(&["gc"]).exits(1);
}
