//! `jj flow land` and what else lands more than one flow, or lands it elsewhere: cascades, other parents, restacking.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{assert_refused, files, repo, work, work_on_main};
use crate::shim::environment;
use crate::verify::{repo_with_flow, set_hook};

const STATUS: &str = "SELECT bookmark, status FROM FlowRegistry ORDER BY id";

/// The landings in their order.
const LANDINGS: &str = "SELECT f.bookmark, l.parent FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow \
    WHERE l.state = 'landed' ORDER BY l.id";

const CHILDREN_FIRST: &str = "a8f2--research--scaling--deeper|a8f2--research--scaling\n\
    a8f2--research--scaling|a8f2--research\na8f2--research|main\n";

/// Marks flows in the database, as a verification tool does.
fn mark(env: &TestEnvironment, condition: &str) {
    let sql = format!("UPDATE FlowRegistry SET status = 'success' WHERE {condition}");
    env.registry().execute(&sql, []).unwrap();
}

/// A flow of three levels, each with a change.
fn three_levels(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = repo_with_flow(env);
    for (name, file) in [("scaling", "two"), ("deeper", "three")] {
        repo.flow(&["sub", name]).ok();
        work(&repo, &[file]);
    }
    repo
}

#[test]
fn what_is_marked_in_the_database_lands_children_first() {
    let env = environment();
    let repo = three_levels(&env);
    mark(&env, "true");
    repo.flow(&["land"]).ok();
    assert_eq!(env.rows(LANDINGS), CHILDREN_FIRST);
    assert_eq!(files(&repo, "main"), "base one three two");
    assert_eq!(env.rows("SELECT DISTINCT status FROM FlowRegistry"), "merged\n");
    // Who marked it is on record.
    let marked = "SELECT count(*) FROM events WHERE actor = 'sql' AND status_to = 'success'";
    assert_eq!(env.rows(marked), "3\n");
    let before = repo.state();
    insta::assert_snapshot!(repo.flow(&["land"]), @"Nothing waits to land.");
    let json = repo.flow(&["--json", "land"]).ok().json();
    assert_eq!((json["landed"].to_string(), json["failed"].to_string()), ("[]".into(), "[]".into()));
    assert_eq!(repo.state(), before);
}

#[test]
fn what_is_not_marked_stays_and_holds_its_parent_back() {
    let env = environment();
    let repo = three_levels(&env);
    mark(&env, "bookmark NOT LIKE '%deeper'");
    let refused = repo.flow(&["--json", "land"]).exits(1).json();
    let codes: Vec<_> = refused["failed"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["open-subflows", "open-subflows"], "{refused}");
    assert_eq!(refused["landed"], serde_json::json!([]));
    mark(&env, "true");
    repo.flow(&["land"]).ok();
    assert_eq!(env.rows("SELECT DISTINCT status FROM FlowRegistry"), "merged\n");
}

#[test]
fn one_that_fails_stops_no_other_and_gives_its_exit_code() {
    let env = environment();
    set_hook(&env, "'test $JJ_FLOW_NAME != a8f2--docs'");
    let repo = repo(&env);
    for (intent, file) in [("docs", "page"), ("research", "one"), ("schema", "table")] {
        repo.flow(&["new", intent]).ok();
        work(&repo, &[file]);
    }
    // One conflicts as well: the first that fails says how the command ends.
    repo.flow(&["new", "logicLast"]).ok();
    repo.commit("one", "not the same\n", "last");
    mark(&env, "true");
    let landed = repo.flow(&["land"]).exits(4);
    assert_eq!(landed.stdout.matches("Landed ").count(), 2, "{landed}");
    assert!(landed.stderr.contains("a8f2--docs: Could not land a8f2--docs: "), "{landed}");
    assert_eq!(
        env.rows(STATUS),
        "a8f2--docs|failed\na8f2--research|merged\na8f2--schema|merged\na8f2--logicLast|success\n"
    );
    let json = repo.flow(&["--json", "land"]).exits(3).json();
    assert_eq!((&json["ok"], &json["failed"][0]["code"]), (&true.into(), &"conflict".into()), "{json}");
}

#[test]
fn in_all_repos_each_flow_lands_in_its_own() {
    let env = environment();
    let one = repo_with_flow(&env);
    let other = env.repo_without_git("other");
    other.commit("base", "x\n", "base");
    other.jj(&["bookmark", "create", "trunk", "--revision=@-"]).ok();
    other.flow(&["new", "docs"]).ok();
    work(&other, &["page"]);
    let gone = env.repo("gone");
    gone.flow(&["new", "schema"]).ok();
    std::fs::remove_dir_all(gone.root()).unwrap();
    mark(&env, "true");
    // Here is one repo, and anywhere is all of them.
    let before = other.state();
    one.flow(&["land"]).ok();
    assert_eq!(other.state(), before);
    let landed = env.dir("anywhere").flow(&["land", "--all"]).exits(1);
    assert_eq!(landed.stdout, "Landed a8f2--docs on trunk: 1 change, fast-forward.\n");
    assert!(landed.stderr.contains("There is no jj repo in $TEST_ENV/gone\n"), "{landed}");
    assert_eq!(files(&other, "trunk"), "base page");
    env.dir("anywhere").flow(&["land"]).exits(1);
}

#[test]
fn watching_lands_what_is_marked_later() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    mark(&env, "bookmark = 'a8f2--research'");
    let mut watch = repo.command("jj-flow", &["land", "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "Landed a8f2--research on main: 1 change, fast-forward.");
    mark(&env, "bookmark = 'a8f2--docs'");
    assert_eq!(lines.next().unwrap(), "Landed a8f2--docs on main: 1 change, rebased.");
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(files(&repo, "main"), "base one page");
}

#[test]
fn watching_tries_again_what_was_in_the_way() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    mark(&env, "bookmark = 'a8f2--research'");
    let mut watch = repo.command("jj-flow", &["--json", "land", "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut passes = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    assert_eq!(passes.next().unwrap()["failed"][0]["code"], "open-subflows");
    repo.flow(&["done", "scaling"]).ok();
    // It may look while the sub-flow is landing, and once more afterwards.
    let landed = passes.find(|pass| pass["landed"] != serde_json::json!([])).unwrap();
    assert_eq!(
        (&landed["landed"][0]["flow"], &landed["landed"][0]["parent"]),
        (&"a8f2--research".into(), &"main".into())
    );
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert_eq!(files(&repo, "main"), "base one two");
}

#[test]
fn a_cascade_lands_the_successes_below_first() {
    let env = environment();
    let repo = three_levels(&env);
    assert_refused(&repo, &["a8f2--research", "--cascade"], "open-subflows");
    mark(&env, "bookmark LIKE '%deeper'");
    assert_refused(&repo, &["a8f2--research", "--cascade"], "open-subflows");
    mark(&env, "bookmark LIKE '%scaling'");
    assert_refused(&repo, &["a8f2--research"], "open-subflows");
    let before = repo.state();
    let dry = repo.flow(&["--json", "done", "a8f2--research", "--cascade", "--dry-run"]).ok().json();
    let below = ["a8f2--research--scaling--deeper", "a8f2--research--scaling"];
    assert_eq!((&dry["cascade"], repo.state()), (&below.to_vec().into(), before));
    repo.flow(&["done", "a8f2--research", "--cascade"]).ok();
    assert_eq!(env.rows(LANDINGS), CHILDREN_FIRST);
    assert_eq!(files(&repo, "main"), "base one three two");
}

#[test]
fn a_flow_lands_on_a_parent_under_another_uid() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let helper = repo.workspace("helper").with("JJ_FLOW_UID", "b1c2");
    helper.flow(&["new", "docs", "--parent", "a8f2--research"]).ok();
    work(&helper, &["page"]);
    assert_refused(&repo, &["a8f2--research"], "open-subflows");
    let landed = helper.flow(&["done"]).ok();
    assert_eq!(landed.stdout, "Landed b1c2--docs on a8f2--research: 1 change, fast-forward.\n");
    repo.flow(&["done", "a8f2--research"]).ok();
    assert_eq!(files(&repo, "main"), "base one page");
    assert_eq!(env.rows(LANDINGS), "b1c2--docs|a8f2--research\na8f2--research|main\n");
}

#[test]
fn into_names_another_bookmark() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.jj(&["bookmark", "create", "release/1", "--revision=main"]).ok();
    let main = repo.commits("main");
    let landed = repo.flow(&["done", "--into", "release/1"]).ok();
    assert_eq!(landed.stdout, "Landed a8f2--research on release/1: 1 change, fast-forward.\n");
    assert_eq!((files(&repo, "release/1"), repo.commits("main")), ("base one".into(), main));
    repo.flow(&["undo"]).ok();
    assert_eq!(repo.commits("release/1"), repo.commits("main"));
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    assert_eq!(repo.flow(&["done", "docs", "--into", "a8f2--docs"]).exits(2).stdout, "");
}

#[test]
fn with_the_trunk_none_only_subflows_land() {
    let env = environment();
    env.add_config("[flow]\ntrunk = \"none\"\n");
    let repo = three_levels(&env);
    let main = repo.commits("main");
    mark(&env, "true");
    repo.flow(&["land"]).ok();
    assert_eq!(repo.commits("main"), main);
    assert_eq!(
        env.rows(STATUS),
        "a8f2--research|success\na8f2--research--scaling|merged\na8f2--research--scaling--deeper|merged\n"
    );
    let state = repo.state();
    repo.flow(&["land"]).ok();
    repo.flow(&["done", "a8f2--research", "--dry-run"]).ok();
    assert_eq!(repo.state(), state);
    // It lands where somebody says.
    repo.flow(&["done", "a8f2--research", "--into=main"]).ok();
    assert_eq!(files(&repo, "main"), "base one three two");
}

#[test]
fn restacking_brings_a_flow_and_what_stands_on_it_onto_the_new_parent() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    let before = repo.state();
    insta::assert_snapshot!(repo.flow(&["restack", "a8f2--research"]), @"a8f2--research is on top of main already.");
    assert_eq!(repo.state(), before);
    work_on_main(&repo, "meanwhile");
    let main = repo.commits("main");
    repo.jj(&["new", "a8f2--research--scaling"]).ok();
    let restacked = repo.flow(&["restack", "a8f2--research"]).ok();
    assert_eq!(
        restacked.stdout,
        "Restacked a8f2--research on main: 1 change. Carried along: a8f2--research--scaling.\n"
    );
    assert_eq!(repo.commits("main"), main);
    assert_eq!(repo.commits("a8f2--research-"), main);
    assert_eq!(repo.commits("a8f2--research--scaling-"), repo.commits("a8f2--research"));
    assert_eq!((repo.read("meanwhile"), repo.read("two")), ("x\n".into(), "x\n".into()));
    assert_eq!(env.rows("SELECT DISTINCT status FROM FlowRegistry"), "in-progress\n");
    assert_eq!(env.rows("SELECT count(*) FROM landings"), "0\n");
    // A sub-flow comes onto its flow's newest work.
    repo.jj(&["new", "a8f2--research"]).ok();
    work(&repo, &["three"]);
    repo.flow(&["restack", "scaling"]).ok();
    assert_eq!(files(&repo, "a8f2--research--scaling"), "base meanwhile one three two");
}

#[test]
fn what_stands_on_another_that_lands_later_lands_after_it() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["new", "docs", "--from", "a8f2--research"]).ok();
    work(&repo, &["page"]);
    assert_refused(&repo, &["docs"], "other-flows-beneath");
    mark(&env, "bookmark = 'a8f2--docs'");
    mark(&env, "bookmark = 'a8f2--research'");
    let landed = repo.flow(&["land"]).ok();
    assert_eq!(landed.stderr, "");
    assert_eq!(env.rows(LANDINGS), "a8f2--research|main\na8f2--docs|main\n");
}

#[test]
fn watching_goes_on_in_a_registry_that_was_made_anew() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    mark(&env, "bookmark = 'a8f2--research'");
    let mut watch = repo.command("jj-flow", &["land", "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "Landed a8f2--research on main: 1 change, fast-forward.");
    for end in ["-wal", "-shm", ""] {
        let _ = std::fs::remove_file(env.data_home().join(format!("jj-flow/registry.db{end}")));
    }
    repo.flow(&["sync"]).ok();
    mark(&env, "bookmark = 'a8f2--docs'");
    assert_eq!(lines.next().unwrap(), "Landed a8f2--docs on main: 1 change, rebased.");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn in_a_repo_that_was_moved_its_flows_land() {
    let env = environment();
    let repo = repo_with_flow(&env);
    mark(&env, "true");
    std::fs::rename(repo.root(), env.root().join("moved")).unwrap();
    let landed = env.dir("moved").flow(&["land"]).ok();
    assert_eq!(landed.stdout, "Landed a8f2--research on main: 1 change, fast-forward.\n");
}

#[test]
fn in_all_repos_is_not_in_those_that_were_forgotten() {
    let env = environment();
    let repo = repo_with_flow(&env);
    mark(&env, "true");
    repo.flow(&["repo", "forget", repo.root().to_str().unwrap()]).ok();
    let before = repo.state();
    assert_eq!(env.dir("anywhere").flow(&["land", "--all"]).ok().stdout, "Nothing waits to land.\n");
    assert_eq!(repo.state(), before);
    repo.flow(&["land"]).ok();
    assert_eq!(env.rows(LANDINGS), "a8f2--research|main\n");
}
