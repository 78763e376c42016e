//! Hints of what takes a landing back.

use crate::common::TestRepo;
use crate::hints::meet;
use crate::hints_names::tear;
use crate::push::{flow, remote_and_clones};
use crate::shapes::{work, work_on_main};
use crate::shim::{environment, script};
use crate::verify::repo_with_flow;

/// The same repo, in which something happens once in the midst of taking a landing back.
fn meanwhile<'e>(repo: &TestRepo<'e>, text: &str) -> TestRepo<'e> {
    let path = repo.env().root().join("meanwhile");
    script(&path, &format!("unset JJ_FLOW_FAILPOINT; cd $TEST_ENV/field; {text}"));
    repo.with("JJ_FLOW_FAILPOINT", &format!("undo-journalled={}", path.display()))
}

#[test]
fn a_flow_whose_bookmark_is_gone() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    let listed = repo.flow(&["list"]).ok();
    assert_eq!(
        (listed.stdout.as_str(), listed.stderr.as_str()),
        ("No flows.\n", "There are some that are gone: add --gone\n")
    );
    let site = ("cmd/target.rs", "jj bookmark create {name} --revision {at} && jj flow {verb} {name}");
    let met = meet(&repo, "done research", "unknown-flow", site);
    let says = "The bookmark a8f2--research is gone: jj flow gc or somebody has deleted it";
    assert_eq!(met.error["message"], says);
    let met = meet(&repo, "undo research", "unknown-flow", site);
    let undone = met.succeeds();
    assert!(undone.stdout.starts_with("Took back the landing of a8f2--research: main is at "), "{undone}");
}

#[test]
fn what_has_not_landed() {
    let env = environment();
    let repo = repo_with_flow(&env);
    meet(&repo, "undo", "not-landed", ("cmd/undo.rs", "jj flow list --status merged")).succeeds();
    meet(&repo, "undo research", "not-landed", ("cmd/undo.rs", "jj flow show {name}")).succeeds();
}

#[test]
fn what_landed_last_where_this_workspace_stands_beside_it() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    repo.flow(&["done"]).ok();
    repo.jj(&["new", "root()"]).ok();
    let met = meet(&repo, "undo", "not-landed", ("cmd/undo.rs", "jj flow undo {}"));
    assert_eq!(met.hint, "jj flow undo a8f2--docs");
    met.succeeds();
    let met = meet(&repo, "undo", "not-landed", ("cmd/undo.rs", "jj flow undo {}"));
    assert_eq!(met.hint, "jj flow undo a8f2--research");
}

#[test]
fn what_is_in_a_flow_that_has_landed_itself() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.flow(&["done"]).ok();
    repo.flow(&["done"]).ok();
    meet(&repo, "undo scaling", "later-landings", ("cmd/undo.rs", "jj flow undo {}")).mends();
}

#[test]
fn what_is_beneath_a_later_landing() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    repo.flow(&["done"]).ok();
    meet(&repo, "undo research", "later-landings", ("landing/undo.rs", "jj flow undo {later}")).mends();
}

#[test]
fn what_is_beneath_somebodys_own_change() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    work_on_main(&repo, "ahead");
    let site = ("landing/undo.rs", "jj log --revisions {}");
    let log = meet(&repo, "undo research", "later-landings", site).succeeds();
    assert!(log.stdout.contains("ahead") && !log.stdout.contains("base"), "{log}");
}

#[test]
fn what_the_remote_has() {
    let env = environment();
    let (_, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    clone.flow(&["done", "--push"]).ok();
    let site = ("landing/undo.rs", "jj log --revisions {}");
    let log = meet(&clone, "undo research", "pushed", site).succeeds();
    assert!(log.stdout.contains("research: one"), "{log}");
}

#[test]
fn what_landed_on_a_bookmark_that_is_gone_or_torn() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.jj(&["new", "root()"]).ok();
    let at = repo.op_heads().concat();
    repo.jj(&["bookmark", "delete", "main"]).ok();
    let site = ("landing/undo.rs", "jj bookmark list --all-remotes");
    meet(&repo, "undo research", "no-parent", site).succeeds();
    repo.jj(&["op", "restore", &at]).ok();
    tear(&repo, "main");
    let site = ("landing/undo.rs", "jj bookmark list --conflicted");
    let listed = meet(&repo, "undo research", "conflicted-bookmark", site).succeeds();
    assert!(listed.stdout.contains("main"), "{listed}");
}

#[test]
fn what_landed_on_a_change_that_is_gone() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.jj(&["abandon", "main-"]).ok();
    meet(&repo, "undo research", "not-landed", ("landing/undo.rs", "jj op log")).succeeds();
}

#[test]
fn what_somebody_takes_back_at_the_same_moment() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    let repo = meanwhile(&repo, "jj bookmark set --allow-backwards main -r main-");
    let site = ("landing/undo.rs", "jj flow show {flow}");
    meet(&repo, "undo research", "not-landed", site).succeeds();
}
