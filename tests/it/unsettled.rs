//! Landings that a kill cut short: each has happened or it never did, and the next command says which.

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{repo, work};
use crate::shim::environment;

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
