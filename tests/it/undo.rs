//! Taking back exactly one landing: the parent goes back, the flow and everybody else's work stay.

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{repo, work, work_on_main};
use crate::shim::{environment, script};
use crate::verify::repo_with_flow;

const STATES: &str = "SELECT bookmark, status, \
    (SELECT group_concat(state) FROM (SELECT state FROM landings WHERE flow = f.id ORDER BY id)) \
    FROM FlowRegistry AS f ORDER BY f.id";

const ROWS: &str = "SELECT bookmark, status, reason, change_id, commit_id, parent_flow, gone_at FROM FlowRegistry \
    ORDER BY bookmark";

const LANDINGS: &str = "SELECT key, parent, state, base_operation, chain_operation, parent_from, parent_to, \
    tip_change, tip_from, tip_to, changes, rebased, verification, planned_at, settled_at, undone_at FROM landings \
    ORDER BY id";

const EVENTS: &str = "SELECT key, at, kind, status_from, status_to, operation FROM events ORDER BY id";

/// Undoing is refused with this code, and nothing moves; the error's hint.
#[track_caller]
fn assert_refused(repo: &TestRepo<'_>, flow: &str, code: &str) -> String {
    let before = (repo.state(), repo.env().rows(STATES));
    let refused = repo.flow(&["--json", "undo", flow]).exits(1).json();
    assert_eq!((&refused["error"]["code"], (repo.state(), repo.env().rows(STATES))), (&code.into(), before));
    refused["error"]["hint"].as_str().unwrap().to_owned()
}

/// The local bookmarks, with their commits.
fn local(repo: &TestRepo<'_>) -> String {
    repo.bookmarks().lines().filter(|line| !line.contains('@')).map(|line| format!("{line}\n")).collect()
}

/// Git has every bookmark where jj has it.
#[track_caller]
fn assert_git_is_level(repo: &TestRepo<'_>) {
    let refs = repo.git_refs();
    for line in local(repo).lines() {
        let (name, commit) = line.split_once(' ').unwrap();
        assert!(refs.contains(&format!("refs/heads/{name} {commit}\n")), "{line}:\n{refs}");
    }
}

#[test]
fn one_landing_goes_back_and_what_others_did_meanwhile_stays() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    let landed = repo.commits("main");
    let other = repo.workspace("other").with("JJ_FLOW_UID", "b1c2");
    other.flow(&["new", "docs", "--from", "root()+"]).ok();
    work(&other, &["page"]);
    other.jj(&["bookmark", "create", "plain", "--revision=@-"]).ok();
    other.jj(&["describe", "--message=half done"]).ok();
    other.write("unsaved", "edit\n");
    let (bookmarks, changes) = (local(&repo), repo.changes("all()"));
    let undone = repo.flow(&["undo"]).ok();
    let back = &repo.changes("main")[0][..8];
    assert_eq!(undone.stdout, format!("Took back the landing of a8f2--research: main is at {back} again.\n"));
    assert_eq!((repo.commits("main"), repo.commits("a8f2--research")), (main.clone(), landed.clone()));
    assert_eq!(local(&repo).replace(&main[0], &landed[0]), bookmarks);
    assert_eq!(repo.changes("all()"), changes);
    assert_eq!((other.read("unsaved"), other.commits("@-")), ("edit\n".into(), repo.commits("plain")));
    assert_git_is_level(&repo);
    let states = "a8f2--research|success|undone\nb1c2--docs|in-progress|NULL\n";
    assert_eq!(env.rows(STATES), states);

    // It lands again.
    let again = repo.flow(&["done", "research"]).ok();
    assert_eq!(again.stdout, "Landed a8f2--research on main: 1 change, fast-forward.\n");
    assert_eq!(repo.commits("main"), landed);
    assert_eq!(env.rows(STATES), states.replace("success|undone", "merged|undone,landed"));
}

#[test]
fn one_that_was_rebased_goes_back_and_stays_where_the_landing_put_it() {
    let env = environment();
    let repo = repo_with_flow(&env);
    work_on_main(&repo, "meanwhile");
    let main = repo.commits("main");
    repo.flow(&["done", "research"]).ok();
    let landed = repo.commits("main");
    let json = repo.flow(&["--json", "undo", "research"]).ok().json();
    assert_eq!((&json["status"], &json["parent"]), (&"success".into(), &"main".into()));
    assert_eq!(json["parent_at"]["commit"], *main[0]);
    assert_eq!((repo.commits("main"), repo.commits("a8f2--research")), (main.clone(), landed.clone()));
    assert_eq!(repo.commits("a8f2--research-"), main);
    assert!(repo.flow(&["done", "research"]).ok().stdout.contains("fast-forward"));
    assert_eq!(repo.commits("main"), landed);
}

#[test]
fn one_with_a_resolved_conflict_goes_back_and_stays_resolved() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    repo.commit("base", "mine\n", "mine");
    work(&repo, &["two"]);
    repo.jj(&["new", "main"]).ok();
    repo.commit("base", "theirs\n", "theirs");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    let main = repo.commits("main");
    let refused = repo.flow(&["done", "research"]).exits(3);
    repo.sh(&refused.hint()).ok();
    repo.write("base", "both\n");
    repo.jj(&["squash", "--use-destination-message"]).ok();
    repo.flow(&["resume", "research"]).ok();
    let landed = repo.commits("main");
    repo.flow(&["undo", "research"]).ok();
    assert_eq!((repo.commits("main"), repo.commits("a8f2--research")), (main, landed));
    assert_eq!(repo.changes("conflicts() | divergent()").len(), 0);
    repo.flow(&["done", "research"]).ok();
    assert_eq!(repo.git(&["show", "main:base"]).ok().stdout, "both\n");
}

#[test]
fn a_subflows_landing_goes_back_off_its_flow() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let research = repo.commits("a8f2--research");
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.flow(&["done"]).ok();
    repo.flow(&["undo", "scaling"]).ok();
    assert_eq!(repo.commits("a8f2--research"), research);
    assert_eq!(env.rows(STATES), "a8f2--research|in-progress|NULL\na8f2--research--scaling|success|undone\n");
    // The flow has a sub-flow again that has not landed.
    let refused = repo.flow(&["done", "a8f2--research"]).exits(1);
    repo.sh(&refused.hint()).ok();
    repo.flow(&["done", "a8f2--research"]).ok();
    assert_eq!(repo.changes("main").len(), 1);
    // What landed with its parent goes back after it.
    let hint = assert_refused(&repo, "scaling", "later-landings");
    assert_eq!(hint, "jj flow undo a8f2--research");
    repo.sh(&hint).ok();
    repo.flow(&["undo", "scaling"]).ok();
    assert_eq!(repo.commits("a8f2--research"), research);
}

#[test]
fn a_subflow_keeps_its_first_change_though_its_bookmark_moved_on() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let research = repo.commits("a8f2--research");
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two", "three"]);
    repo.jj(&["bookmark", "move", "a8f2--research--scaling", "--to=@-"]).ok();
    let landed = repo.flow(&["done"]).ok().stdout;
    assert_eq!(landed, "Landed a8f2--research--scaling on a8f2--research: 2 changes, fast-forward.\n");
    repo.flow(&["undo", "scaling"]).ok();
    assert_eq!(repo.commits("a8f2--research"), research);
    // The flow lands without what has failed on top of it.
    repo.flow(&["fail", "scaling", "--reason=why"]).ok();
    repo.flow(&["done", "a8f2--research"]).ok();
    assert_eq!(repo.commits("main"), research);
}

#[test]
fn beneath_a_later_landing_it_stays_until_that_is_taken_back() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    repo.flow(&["done"]).ok();
    let hint = assert_refused(&repo, "research", "later-landings");
    assert_eq!(hint, "jj flow undo a8f2--docs");
    repo.sh(&hint).ok();
    // What was taken back still stands there, and is in nobody's way.
    repo.flow(&["undo", "research"]).ok();
    assert_eq!(repo.commits("main"), main);
    assert_eq!(env.rows(STATES), "a8f2--research|success|undone\na8f2--docs|success|undone\n");
}

#[test]
fn beneath_somebodys_own_change_it_stays() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    work_on_main(&repo, "more");
    let hint = assert_refused(&repo, "research", "later-landings");
    assert!(repo.sh(&hint).ok().stdout.contains("more"));
    // Once the parent is somewhere else altogether, the landing is not in it.
    repo.jj(&["bookmark", "set", "main", "--allow-backwards", "--revision=root()+"]).ok();
    repo.flow(&["list"]).ok();
    assert_eq!(env.rows(STATES), "a8f2--research|in-progress|undone\n");
    repo.sh(&assert_refused(&repo, "research", "not-landed")).ok();
}

#[test]
fn what_has_not_landed_is_not_taken_back() {
    let env = environment();
    let repo = repo_with_flow(&env);
    assert_eq!(assert_refused(&repo, "research", "not-landed"), "jj flow show a8f2--research");
    repo.flow(&["done"]).ok();
    repo.flow(&["undo"]).ok();
    repo.sh(&assert_refused(&repo, "research", "not-landed")).ok();
    assert_refused(&repo, "nothing", "unknown-flow");
    repo.jj(&["new", "main"]).ok();
    let refused = repo.flow(&["undo"]).exits(1);
    repo.sh(&refused.hint()).ok();
}

#[test]
fn what_the_remote_has_is_not_taken_back() {
    let env = environment();
    env.bare_git("remote.git");
    let repo = repo_with_flow(&env);
    repo.jj(&["git", "remote", "add", "origin", env.root().join("remote.git").to_str().unwrap()]).ok();
    repo.flow(&["done"]).ok();
    repo.jj(&["git", "push", "--bookmark=main"]).ok();
    let hint = assert_refused(&repo, "research", "pushed");
    repo.sh(&hint).ok();
}

#[test]
fn from_another_workspace_git_hears_of_it_too() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let other = repo.workspace("other");
    other.jj(&["new", "main"]).ok();
    let main = repo.commits("main");
    other.flow(&["done", "research"]).ok();
    assert_git_is_level(&repo);
    other.flow(&["undo", "research"]).ok();
    assert_eq!(repo.commits("main"), main);
    assert_git_is_level(&repo);
    let state = repo.state();
    repo.jj(&["status"]).ok();
    assert_eq!(repo.state(), state);
}

#[test]
fn a_registry_that_was_deleted_is_read_back_with_what_was_undone() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.flow(&["undo"]).ok();
    repo.flow(&["done", "research"]).ok();
    repo.flow(&["undo"]).ok();
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    repo.flow(&["done", "--into=main"]).ok();
    repo.flow(&["list"]).ok();
    let all = |env: &TestEnvironment| [ROWS, LANDINGS, EVENTS].map(|sql| env.rows(sql));
    let before = all(&env);
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    repo.flow(&["list"]).ok();
    assert_eq!(all(&env), before);
}

#[rstest]
#[case::journalled("undo-journalled", false, "landed")]
#[case::published("undo-published", true, "undone")]
fn one_that_a_kill_cut_short_is_settled(#[case] step: &str, #[case] is_back: bool, #[case] state: &str) {
    let env = environment();
    let repo = repo_with_flow(&env);
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["undo"]).exits(137);
    assert_eq!(repo.commits("main") == main, is_back);
    repo.flow(&["new", "docs"]).ok();
    let status = if is_back { "success" } else { "merged" };
    assert_eq!(env.rows(STATES).lines().next().unwrap(), format!("a8f2--research|{status}|{state}"));
    assert_git_is_level(&repo);
    // Where it was not taken back it can be, and where it was it lands again.
    let next = if is_back { "done" } else { "undo" };
    repo.flow(&[next, "research"]).ok();
    assert_git_is_level(&repo);
}

#[test]
fn one_that_was_overtaken_is_taken_back_all_the_same() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    env.dir("between").write("new", "#!/bin/sh\nexec jj new --no-edit 'root()' -m else\n");
    env.dir("between")
        .write("top", "#!/bin/sh\njj new --no-edit main -m top && jj bookmark set main -r main+\n");
    env.dir("between").sh("chmod +x *").ok();
    let at = |script: &str| format!("undo-journalled={}/between/{script}", env.root().display());
    // On top of it somebody works on: then it stays.
    repo.jj(&["new", "root()"]).ok();
    let refused = repo.with("JJ_FLOW_FAILPOINT", &at("top")).flow(&["--json", "undo", "research"]).exits(1);
    assert_eq!(refused.json()["error"]["code"], "later-landings");
    assert_eq!(env.rows(STATES), "a8f2--research|merged|landed\n");
    repo.jj(&["bookmark", "set", "main", "--allow-backwards", "--revision=main-"]).ok();
    repo.with("JJ_FLOW_FAILPOINT", &at("new")).flow(&["undo", "research"]).ok();
    assert_eq!(repo.commits("main"), main);
    assert_eq!(repo.changes("description(exact:'else\n')").len(), 1);
    assert_eq!(env.rows(STATES), "a8f2--research|success|undone\n");
}

#[test]
fn what_plain_jj_takes_back_beside_other_work_is_told_once() {
    let env = environment();
    let repo = repo_with_flow(&env);
    work(&repo, &["above the bookmark"]);
    repo.flow(&["done"]).ok();
    let op = |template: &str| {
        let args = ["--ignore-working-copy", "op", "log", "--no-graph", "--template", template];
        repo.jj(&args).ok().stdout
    };
    let operations = op(r#"id ++ " " ++ description.first_line() ++ "\n""#);
    let (landed, _) = operations.split_once(' ').unwrap();
    let moved = operations.lines().find(|line| line.contains(" point bookmark ")).unwrap();
    let before = format!("{}-", moved.split(' ').next().unwrap());
    repo.jj(&["--ignore-working-copy", "op", "restore", &before]).ok();
    repo.jj(&["--at-operation", landed, "--ignore-working-copy", "describe", "--message=other"]).ok();
    repo.jj(&["status"]).ok();
    repo.flow(&["sync"]).ok();
    // The flow goes back with its landing: its row is open before it moves.
    let told = "SELECT kind FROM events WHERE operation = (SELECT operation FROM events WHERE kind = 'taken-back') \
                AND flow = (SELECT id FROM FlowRegistry WHERE bookmark = 'a8f2--research') ORDER BY id";
    assert_eq!(env.rows(told), "taken-back\nmoved\n");
    let journal = std::fs::read_to_string(repo.shared().join("flow/journal.ndjson")).unwrap();
    let key = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].to_string();
    let keys: std::collections::HashSet<String> = journal.lines().map(key).collect();
    assert_eq!(keys.len(), journal.lines().count());
}

#[rstest]
#[case::by_adopting_it("jj-flow adopt a8f2--research --as docs")]
#[case::by_jj_itself("jj bookmark rename a8f2--research a8f2--docs")]
fn one_whose_flow_got_another_name_goes_back(#[case] rename: &str) {
    let env = environment();
    let repo = repo_with_flow(&env);
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    repo.sh(rename).ok();
    repo.flow(&["undo", "docs"]).ok();
    assert_eq!((repo.commits("main"), env.rows(STATES)), (main, "a8f2--docs|success|undone\n".into()));
    repo.flow(&["done", "docs"]).ok();
    assert_eq!(env.rows(STATES), "a8f2--docs|merged|undone,landed\n");
    assert_rebuilt(&env, &[&repo]);
}

#[test]
fn one_on_a_flow_that_got_another_name_goes_back_off_that() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let research = repo.commits("a8f2--research");
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.flow(&["done"]).ok();
    repo.jj(&["bookmark", "rename", "a8f2--research", "a8f2--docs"]).ok();
    let undone = repo.flow(&["undo", "scaling"]).ok();
    assert!(undone.stdout.contains(": a8f2--docs is at "), "{undone}");
    assert_eq!(repo.commits("a8f2--docs"), research);
    assert_rebuilt(&env, &[&repo]);
}

#[test]
fn one_whose_flow_somebody_deletes_at_the_same_moment_goes_back() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    let meanwhile = env.root().join("meanwhile");
    script(&meanwhile, "unset JJ_FLOW_FAILPOINT; jj bookmark delete a8f2--research; jj flow");
    let failpoint = format!("undo-published={}", meanwhile.display());
    repo.with("JJ_FLOW_FAILPOINT", &failpoint).flow(&["undo", "research"]).ok();
    assert_eq!((repo.commits("main"), env.rows(STATES)), (main, "a8f2--research|success|undone\n".into()));
    assert_rebuilt(&env, &[&repo]);
}
