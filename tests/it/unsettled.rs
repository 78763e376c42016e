//! Landings that a kill cut short: each has happened or it never did, and the next command says which.

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{TestEnvironment, TestRepo};
use crate::landing::repo_with_history;
use crate::shapes::{repo, work};
use crate::shim::environment;
use crate::verify::repo_with_flow;

const LANDINGS: &str = "SELECT f.bookmark, f.status, l.state, f.gone_at IS NOT NULL FROM landings AS l \
    JOIN FlowRegistry AS f ON f.id = l.flow ORDER BY l.id";

/// Takes the last line off the journal and the registry away: what a kill between publishing and recording leaves.
fn forget_the_last_event(env: &TestEnvironment, repo: &TestRepo<'_>) {
    let journal = repo.read(".jj/repo/flow/journal.ndjson");
    let lines: Vec<&str> = journal.lines().collect();
    assert!(lines.last().unwrap().contains(r#""kind":"landed""#), "{journal}");
    repo.write(".jj/repo/flow/journal.ndjson", &(lines[..lines.len() - 1].join("\n") + "\n"));
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
}

#[test]
fn a_landing_that_was_published_but_not_recorded_is_found() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["done"]).ok();
    forget_the_last_event(&env, &repo);
    repo.flow(&["done", "research"]).ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
    assert_eq!(env.rows("SELECT state FROM landings"), "landed\n");
}

#[test]
fn a_landing_that_was_never_published_is_dropped_and_made_again() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    let before = repo.op_heads().concat();
    repo.flow(&["done"]).ok();
    repo.jj(&["op", "restore", &before]).ok();
    forget_the_last_event(&env, &repo);
    repo.flow(&["reopen", "research"]).ok();
    assert_eq!(env.rows("SELECT state FROM landings"), "dropped\n");
    repo.flow(&["done"]).ok();
    assert_eq!(env.rows("SELECT state FROM landings ORDER BY id"), "dropped\nlanded\n");
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
}

#[test]
fn a_landing_is_found_though_its_tip_was_described_anew() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["done"]).ok();
    repo.jj(&["describe", "main", "--message=better"]).ok();
    forget_the_last_event(&env, &repo);
    repo.flow(&["done", "research"]).ok();
    assert_eq!(env.rows("SELECT status, state FROM landings, FlowRegistry"), "merged|landed\n");
}

#[test]
fn a_parent_that_moved_on_at_once_has_the_landing_in_it() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    // Somebody's command gets in right behind the one that publishes.
    env.dir("between").write(
        "jj",
        "#!/bin/sh\n\
         \"$TEST_ENV/bin/jj\" \"$@\" || exit\n\
         case \"$*\" in *'bookmark move --to='*)\n\
           \"$TEST_ENV/bin/jj\" new --no-edit main -m 'right behind' &&\n\
           \"$TEST_ENV/bin/jj\" bookmark move main --to 'main+ & description(substring:behind)'\n\
         esac\n",
    );
    env.dir("between").sh("chmod +x jj").ok();
    repo.sh("PATH=$TEST_ENV/between:$PATH jj-flow done").ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
    assert_eq!(repo.changes("main & description(substring:behind)").len(), 1);
    assert_eq!(repo.changes("::main & description(substring:'research: one')").len(), 1);
}

#[test]
fn operations_that_leave_the_flow_alone_do_not_hold_a_landing_up() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    repo.flow(&["new", "docs"]).ok();
    repo.commit("guide", "two\n", "docs: two");
    // Somebody's command overtakes every plan, whenever it is made.
    env.dir("between").write(
        "jj",
        "#!/bin/sh\n\
         \"$TEST_ENV/bin/jj\" \"$@\" || exit\n\
         case \"$*\" in *'--at-operation='*' log '*)\n\
           \"$TEST_ENV/bin/jj\" --quiet --ignore-working-copy new --no-edit 'root()' -m elsewhere\n\
         esac\n",
    );
    env.dir("between").sh("chmod +x jj").ok();
    repo.sh("PATH=$TEST_ENV/between:$PATH jj-flow done research").ok();
    repo.sh("PATH=$TEST_ENV/between:$PATH jj-flow done docs").ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\nmerged\n");
    assert_eq!(repo.op_heads().len(), 1);
    assert_eq!(repo.changes("::main & description(regex:'^(research|docs): ')").len(), 2);
    assert_eq!(repo.changes("divergent()").len(), 0);
    assert!(repo.changes("description(substring:elsewhere)").len() > 3);
}

/// The next command settles it, the one after that has nothing to tell, and the journal says the same.
#[track_caller]
fn assert_settles(repo: &TestRepo<'_>, landings: &str) {
    let env = repo.env();
    repo.flow(&["sync"]).ok();
    let events = env.rows("SELECT count(*) FROM events");
    let next = repo.flow(&["sync"]).ok();
    assert_eq!((next.stderr.as_str(), env.rows("SELECT count(*) FROM events")), ("", events));
    assert_eq!(env.rows(LANDINGS), landings);
    assert_rebuilt(env, &[repo]);
}

#[rstest]
#[case("published", "landed")]
#[case("journalled", "dropped")]
fn one_whose_flow_got_another_name_is_settled(#[case] step: &str, #[case] state: &str) {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["done", "research"]).exits(137);
    repo.shim(&["bookmark", "rename", "a8f2--research", "a8f2--docs"]).ok();
    let status = if state == "landed" { "merged" } else { "success" };
    assert_settles(&repo, &format!("a8f2--docs|{status}|{state}|0\n"));
    repo.flow(&["done", "docs"]).ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
}

#[rstest]
#[case("published", "landed", "merged")]
#[case("journalled", "dropped", "success")]
fn one_whose_flow_was_deleted_is_settled(#[case] step: &str, #[case] state: &str, #[case] status: &str) {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["done", "research"]).exits(137);
    repo.shim(&["bookmark", "delete", "a8f2--research"]).ok();
    assert_settles(&repo, &format!("a8f2--research|{status}|{state}|1\n"));
}

#[test]
fn one_whose_flow_was_deleted_and_told_of_from_elsewhere_is_settled() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.with("JJ_FLOW_FAILPOINT", "published").flow(&["done", "research"]).exits(137);
    repo.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    env.dir("anywhere").flow(&["sync", "--all"]).ok();
    assert_settles(&repo, "a8f2--research|merged|landed|1\n");
}

#[test]
fn one_whose_name_another_flow_has_now_is_settled_for_its_own() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.with("JJ_FLOW_FAILPOINT", "published").flow(&["done", "research"]).exits(137);
    repo.shim(&["bookmark", "delete", "a8f2--research"]).ok();
    env.dir("anywhere").flow(&["sync", "--all"]).ok();
    work(&repo, &["other"]);
    repo.shim(&["bookmark", "create", "research", "--revision=@-"]).ok();
    assert_settles(&repo, "a8f2--research|merged|landed|1\n");
    let live = "SELECT bookmark, status FROM FlowRegistry WHERE gone_at IS NULL";
    assert_eq!(env.rows(live), "a8f2--research|in-progress\n");
}

#[test]
fn one_on_a_flow_that_got_another_name_is_found_there() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.with("JJ_FLOW_FAILPOINT", "published").flow(&["done", "scaling"]).exits(137);
    repo.shim(&["bookmark", "rename", "a8f2--research", "a8f2--docs"]).ok();
    assert_settles(&repo, "a8f2--research--scaling|merged|landed|0\n");
}

#[test]
fn one_that_cannot_be_settled_stands_in_nobodys_way() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.with("JJ_FLOW_FAILPOINT", "journalled").flow(&["done", "research"]).exits(137);
    let journal = repo.read(".jj/repo/flow/journal.ndjson");
    repo.write(".jj/repo/flow/journal.ndjson", &journal.replace("\"landed\":[\"", "\"landed\":[\"no such "));
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    let started = repo.flow(&["new", "docs"]).ok();
    let warning = "Warning: could not tell what came of the landing of a8f2--research on main: ";
    assert!(started.stderr.contains(warning), "{started}");
    assert_eq!(env.rows(LANDINGS), "a8f2--research|success|planned|0\n");
}
