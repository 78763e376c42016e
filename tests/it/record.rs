//! The record that a repo keeps of its flows: whatever becomes of the registry, the bookmarks or the folder, nothing
//! of it is lost or made up.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{TestEnvironment, TestRepo};
use crate::ledger::{everything, repo};

/// The registry is deleted, and the next command that records brings back what was in it.
#[track_caller]
fn assert_comes_back(env: &TestEnvironment, repo: &TestRepo<'_>, open: &str) {
    repo.flow(&["reopen", open]).ok();
    let before = everything(env);
    std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    repo.flow(&["reopen", open]).ok();
    assert_eq!(everything(env), before);
}

#[test]
fn a_deleted_registry_comes_back_whole() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.write("r.txt", "r\n");
    repo.flow(&["sub", "deep"]).ok();
    repo.write("d.txt", "d\n");
    repo.flow(&["done", "-m", "deep work"]).ok();
    repo.flow(&["fail", "--reason", "no luck"]).ok();
    repo.flow(&["reopen"]).ok();
    repo.with("JJ_FLOW_UID", "b1c4").flow(&["new", "docs", "--parent", "a8f2--research"]).ok();
    env.registry().execute("UPDATE FlowRegistry SET status = 'success' WHERE uid = 'b1c4'", []).unwrap();
    repo.flow(&["new", "schema"]).ok();
    repo.shim(&["bookmark", "rename", "a8f2--schema", "a8f2--newSchema"]).ok();
    repo.jj(&["bookmark", "delete", "a8f2--newSchema"]).ok();
    repo.flow(&["new", "schema"]).ok();
    repo.jj(&["bookmark", "create", "feature"]).ok();
    repo.flow(&["adopt", "feature"]).ok();
    assert_eq!(everything(&env).matches("|merged|").count(), 1 + 1);
    assert_comes_back(&env, &repo, "schema");
    assert_comes_back(&env, &repo, "schema");
}

#[rstest]
#[case::persons(None)]
#[case::one_session(Some("1"))]
fn sixteen_at_once_are_all_recorded(#[case] session: Option<&str>) {
    let env = TestEnvironment::new();
    session.iter().for_each(|session| env.set("JJ_FLOW_SESSION", session));
    let repos: Vec<TestRepo<'_>> = (0..16).map(|number| env.repo(&format!("repo{number}"))).collect();
    std::thread::scope(|scope| {
        let start = |repo| scope.spawn(move || TestRepo::flow(repo, &["new", "research"]));
        for started in repos.iter().map(start).collect::<Vec<_>>() {
            started.join().unwrap().ok();
        }
    });
    assert_eq!(env.rows("SELECT count(*), count(DISTINCT repo) FROM FlowRegistry"), "16|16\n");
    assert_eq!(env.rows("SELECT count(*) FROM events WHERE kind = 'created'"), "16\n");
    let uids = if session.is_some() { 1 } else { 16 };
    assert_eq!(env.rows("SELECT count(DISTINCT uid) FROM FlowRegistry"), format!("{uids}\n"));
    assert_eq!(env.rows("SELECT count(*) FROM contexts"), format!("{uids}\n"));
}

#[rstest]
#[case::failed(&["status = 'failed', reason = 'why'"])]
#[case::failed_and_then_not(&["status = 'failed', reason = 'why'", "status = 'success'"])]
#[case::a_reason_alone(&["reason = 'why'"])]
fn what_was_set_in_sql_comes_back(#[case] set: &[&str]) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    for set in set {
        env.registry().execute(&format!("UPDATE FlowRegistry SET {set}"), []).unwrap();
    }
    repo.flow(&["sub", "x", "--of", "research"]).ok();
    assert_comes_back(&env, &repo, "x");
}

/// `fail` reads the row, the database is changed, `fail` records: both are on record, in the order they came.
#[test]
fn what_was_set_in_sql_while_a_command_ran_comes_back() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["new", "docs"]).ok();
    // A jj that says when it is first asked for the history, and answers once it may.
    let (bin, real) = (env.root().join("slow"), env.root().join("bin"));
    std::fs::create_dir(&bin).unwrap();
    let jj = format!(
        "#!/bin/sh\ncase $* in *log*) mkdir {0}/once && echo >{0}/asked && read go <{0}/answer;; esac\nPATH={1}:$PATH exec jj \"$@\"\n",
        bin.display(),
        real.display()
    );
    std::fs::write(bin.join("jj"), jj).unwrap();
    std::fs::set_permissions(bin.join("jj"), std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.sh(&format!("mkfifo {0}/asked {0}/answer", bin.display())).ok();
    let slow = repo.with("PATH", &format!("{}:{}:/usr/bin:/bin", bin.display(), real.display()));
    std::thread::scope(|scope| {
        let failing = scope.spawn(|| slow.flow(&["fail", "research", "--reason=late"]));
        std::fs::read(bin.join("asked")).unwrap();
        let set = "UPDATE FlowRegistry SET status = 'success' WHERE intent = 'research'";
        env.registry().execute(set, []).unwrap();
        std::fs::write(bin.join("answer"), "go\n").unwrap();
        failing.join().unwrap().ok();
    });
    assert_comes_back(&env, &repo, "docs");
}

#[test]
fn a_context_keeps_its_uid_though_the_registry_is_gone() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    // The uids of these two begin alike.
    let (first, second) = (repo.with("JJ_FLOW_SESSION", "147"), repo.with("JJ_FLOW_SESSION", "258"));
    first.flow(&["new", "research"]).ok();
    second.flow(&["new", "docs"]).ok();
    let before = second.flow(&["uid"]).ok().stdout;
    std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    assert_eq!(second.flow(&["uid"]).ok().stdout, before);
}

#[test]
fn a_bookmark_that_undo_brings_back_has_its_row_again() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "docs"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["fail", "research", "--reason=why"]).ok();
    let row = "SELECT status, reason, gone_at IS NULL FROM FlowRegistry WHERE intent = 'research'";
    repo.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    repo.flow(&["reopen", "docs"]).ok();
    assert_eq!(env.rows(row), "failed|why|0\n");
    repo.jj(&["undo"]).ok();
    repo.flow(&["reopen", "docs"]).ok();
    assert_eq!(env.rows(row), "failed|why|1\n");
}

#[test]
fn a_copied_repo_is_another_repo_though_the_registry_is_gone() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    env.dir("").sh("cp -r field copy").ok();
    env.dir("copy").flow(&["new", "docs"]).ok();
    repo.flow(&["new", "schema"]).ok();
    let rows =
        "SELECT root, bookmark FROM FlowRegistry JOIN repos ON repos.id = repo ORDER BY root, bookmark";
    insta::assert_snapshot!(env.rows(rows), @r"
    $TEST_ENV/copy|a8f2--docs
    $TEST_ENV/copy|a8f2--research
    $TEST_ENV/field|a8f2--research
    $TEST_ENV/field|a8f2--schema
    ");
}

#[test]
fn a_flow_whose_bookmark_comes_back_on_another_commit_goes_on() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["fail", "--reason=too hard"]).ok();
    repo.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    repo.flow(&["list"]).ok();
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry WHERE gone_at IS NULL"), "0\n");
    repo.jj(&["describe", "--message=not so hard"]).ok();
    repo.jj(&["bookmark", "create", "a8f2--research"]).ok();
    repo.flow(&["list"]).ok();
    let row = env.rows("SELECT status, reason, commit_id FROM FlowRegistry WHERE gone_at IS NULL");
    assert_eq!(row, format!("failed|too hard|{}\n", repo.commits("@").concat()));
}

#[test]
fn a_flow_that_is_begun_again_is_at_work() {
    let env = crate::shim::environment();
    let repo = crate::shapes::repo(&env);
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["fail", "--reason", "no luck"]).ok();
    repo.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    repo.flow(&["new", "research", "--here"]).ok();
    let rows = "SELECT bookmark, status, reason FROM FlowRegistry WHERE gone_at IS NULL";
    assert_eq!(env.rows(rows), "a8f2--research|in-progress|NULL\n");
    assert_rebuilt(&env, &[&repo]);
}
