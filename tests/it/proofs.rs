//! What has passed is not run again, and what came with a repo proves and permits nothing.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{repo, work};
use crate::shim::environment;
use crate::verify::{repo_with_flow, runs, set_hook};

const COUNTING: &str = "'echo ran >>$TEST_ENV/runs'";

/// Sets `flow.hooks.verify` in the repo's own config.
fn set_own_hook(repo: &TestRepo<'_>, command: &str) {
    repo.jj(&["config", "set", "--repo", "flow.hooks.verify", command]).ok();
}

#[track_caller]
fn assert_untrusted(repo: &TestRepo<'_>) {
    let before = repo.state();
    let refused = repo.flow(&["--json", "done", "research"]).exits(1).json();
    assert_eq!((&refused["error"]["code"], repo.state()), (&"untrusted-hook".into(), before), "{refused}");
    assert_eq!(refused["error"]["hint"], "jj flow trust --show");
}

#[test]
fn a_tree_that_passed_passes_after_a_crash_an_undo_and_in_another_plan() {
    let env = environment();
    set_hook(&env, COUNTING);
    let repo = repo_with_flow(&env);
    repo.with("JJ_FLOW_FAILPOINT", "verified").flow(&["done"]).exits(137);
    assert_eq!((runs(&env), repo.changes("main & description(exact:'base\n')").len()), (1, 1));
    // Somebody is faster once more: the plan is made again.
    let overtake = env.root().join("overtake");
    std::fs::write(&overtake, "#!/bin/sh\nexec jj new --no-edit main -m else\n").unwrap();
    std::fs::set_permissions(&overtake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let failpoint = format!("verified={}", overtake.display());
    repo.with("JJ_FLOW_FAILPOINT", &failpoint).flow(&["done"]).ok();
    assert_eq!(repo.changes("description(exact:'else\n')").len(), 1);
    repo.flow(&["undo"]).ok();
    let again = repo.flow(&["--json", "done"]).ok().json();
    assert_eq!(runs(&env), 1);
    assert_eq!(again["verification"], env.rows("SELECT key FROM verifications").trim());
}

#[test]
fn another_tree_another_command_and_a_failure_are_run() {
    let env = environment();
    set_hook(&env, "'echo ran >>$TEST_ENV/runs; exit 1'");
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).exits(4);
    repo.flow(&["done"]).exits(4);
    assert_eq!(runs(&env), 2);
    set_hook(&env, COUNTING);
    repo.flow(&["done"]).ok();
    repo.flow(&["undo"]).ok();
    set_hook(&env, "'echo ran >>$TEST_ENV/runs; true'");
    repo.flow(&["done"]).ok();
    assert_eq!(runs(&env), 4);
    repo.flow(&["undo"]).ok();
    repo.commit("one", "another\n", "more");
    repo.flow(&["done", "research"]).ok();
    assert_eq!(runs(&env), 5);
}

#[test]
fn what_passed_for_a_subflow_holds_for_its_parent() {
    let env = environment();
    set_hook(&env, COUNTING);
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.flow(&["done"]).ok();
    repo.flow(&["done"]).ok();
    assert_eq!(
        (runs(&env), env.rows("SELECT count(*) FROM landings WHERE state = 'landed'")),
        (1, "2\n".into())
    );
    // The proof of the parent's landing was made for its sub-flow.
    let shown = repo.flow(&["show", "a8f2--research", "--json"]).ok().json();
    assert_eq!(shown["landings"][0]["verification"]["passed"], true, "{shown}");
}

#[test]
fn a_repos_own_hook_runs_once_it_is_approved() {
    let env = environment();
    let repo = repo_with_flow(&env);
    set_own_hook(&repo, "echo ran >>$TEST_ENV/runs");
    assert_untrusted(&repo);
    insta::assert_snapshot!(repo.flow(&["trust", "--show"]).ok(), @"verify (not approved): echo ran >>$TEST_ENV/runs");
    assert_untrusted(&repo);
    insta::assert_snapshot!(repo.flow(&["trust"]).ok(), @"verify (approved): echo ran >>$TEST_ENV/runs");
    let shown = repo.flow(&["--json", "trust", "--show"]).ok().json();
    assert_eq!(shown["hooks"][0]["approved"], true);

    // One letter more is another command.
    set_own_hook(&repo, "echo ran >>$TEST_ENV/runs ");
    assert_untrusted(&repo);
    set_own_hook(&repo, "echo ran >>$TEST_ENV/runs");
    repo.flow(&["trust", "--revoke"]).ok();
    assert_untrusted(&repo);
    assert_eq!(runs(&env), 0);
    repo.flow(&["trust"]).ok();
    repo.flow(&["done"]).ok();
    assert_eq!(runs(&env), 1);
}

#[test]
fn an_approval_counts_in_one_repo_and_for_a_hook_that_has_no_other_owner() {
    let env = environment();
    let one = repo_with_flow(&env);
    set_own_hook(&one, "exit 0");
    one.flow(&["trust"]).ok();
    let other = env.repo("other");
    other.commit("base", "x\n", "base");
    other.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    other.flow(&["new", "research"]).ok();
    work(&other, &["one"]);
    set_own_hook(&other, "exit 0");
    assert_untrusted(&other);
    // The user's own config, and the command line, need nobody's word; the repo's comes before the former.
    set_hook(&env, "'true'");
    assert_untrusted(&other);
    other.flow(&["done", "--config=flow.hooks.verify='true'"]).ok();
    one.flow(&["done"]).ok();
}

#[test]
fn words_and_a_line_of_the_same_letters_are_two_commands() {
    let env = environment();
    let repo = repo_with_flow(&env);
    set_own_hook(&repo, r#"["true"]"#);
    repo.flow(&["trust"]).ok();
    // As a string it is for the shell, where a bracket is a program.
    set_own_hook(&repo, r#"'["true"]'"#);
    assert_untrusted(&repo);
}

#[test]
fn a_proof_is_not_taken_from_a_journal() {
    let env = environment();
    set_hook(&env, COUNTING);
    let repo = repo_with_flow(&env);
    repo.flow(&["done"]).ok();
    repo.flow(&["undo"]).ok();
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    repo.flow(&["list"]).ok();
    // What was written down is on record, and proves nothing.
    assert_eq!(env.rows("SELECT passed FROM verifications"), "1\n");
    assert_eq!(env.rows("SELECT count(*) FROM proofs"), "0\n");
    repo.flow(&["done"]).ok();
    assert_eq!(runs(&env), 2);
}

#[test]
fn a_forged_journal_and_a_copy_of_a_repo_prove_and_permit_nothing() {
    let env = environment();
    let repo = repo_with_flow(&env);
    set_own_hook(&repo, "exit 1");
    repo.flow(&["trust"]).ok();
    repo.flow(&["done"]).exits(4);
    // The failed verification is forged into one that passed.
    let journal = repo.read(".jj/repo/flow/journal.ndjson");
    let verified = journal.lines().find(|line| line.contains(r#""kind":"verified""#)).unwrap();
    let forged = verified.replace(r#""passed":false"#, r#""passed":true"#).replace("exit 1", "exit 0");
    assert_ne!(forged, verified);
    let mut forged: serde_json::Value = serde_json::from_str(&forged).unwrap();
    forged["key"] = "0123456789abcdef".into();
    forged["verification"] = "fedcba9876543210".into();
    repo.write(".jj/repo/flow/journal.ndjson", &format!("{journal}{forged}\n"));
    repo.flow(&["reopen", "research"]).ok();
    repo.flow(&["done"]).exits(4);

    env.dir("").sh("cp -r field copy").ok();
    let copy: TestRepo<'_> = env.dir("copy");
    set_own_hook(&copy, "exit 1");
    assert_untrusted(&copy);
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    assert_untrusted(&repo);
    assert_eq!(env.rows("SELECT count(*) FROM proofs"), "0\n");
}

#[test]
fn a_repo_that_sets_no_hooks_says_so() {
    let env: TestEnvironment = environment();
    set_hook(&env, COUNTING);
    let repo = repo(&env);
    insta::assert_snapshot!(repo.flow(&["trust"]).ok(), @"This repo's own config sets no hooks.");
}
