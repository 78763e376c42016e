//! Against dragging an old line of work onto today's, and against leaving work behind; and what a dry run does not do.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{assert_refused, files, repo, work, work_on_main};
use crate::shim::environment;
use crate::verify::{repo_with_flow, runs, set_hook};

fn set_guard(env: &TestEnvironment, line: &str) {
    env.add_config(&format!("[flow.guard]\n{line}\n"));
}

/// What `jj flow done` is refused with: the message, after its hint has run.
#[track_caller]
fn deep_rebase(repo: &TestRepo<'_>) -> String {
    assert_refused(repo, &["research"], "deep-rebase");
    let refused = repo.flow(&["done", "research"]).exits(1);
    assert_eq!(repo.flow(&["done", "research", "--dry-run"]).exits(1).stderr, refused.stderr);
    repo.sh(&refused.hint()).ok();
    refused.stderr.lines().next().unwrap().to_owned()
}

#[test]
fn more_changes_than_allowed_are_not_rebased() {
    let env = environment();
    set_guard(&env, "max-changes = 2");
    let repo = repo_with_flow(&env);
    work(&repo, &["two", "three"]);
    work_on_main(&repo, "meanwhile");
    insta::assert_snapshot!(
        deep_rebase(&repo),
        @"Error: Could not rebase a8f2--research: 3 changes over main, where flow.guard.max-changes is 2. Is it an old line of work?"
    );
    set_guard(&env, "max-changes = 3");
    repo.flow(&["done", "research"]).ok();
    assert_eq!(files(&repo, "main"), "base meanwhile one three two");
}

#[test]
fn more_files_than_allowed_are_not_rebased() {
    let env = environment();
    set_guard(&env, "max-files = 2");
    let repo = repo_with_flow(&env);
    repo.write("two", "x\n");
    work(&repo, &["three"]);
    // A file that two changes touch is one file.
    repo.commit("one", "more\n", "one again");
    work_on_main(&repo, "meanwhile");
    insta::assert_snapshot!(
        deep_rebase(&repo),
        @"Error: Could not rebase a8f2--research: it touches 3 files over main, where flow.guard.max-files is 2. Is it an old line of work?"
    );
    repo.flow(&["done", "research", "--config=flow.guard.max-files=3"]).ok();
    assert_eq!(files(&repo, "main"), "base meanwhile one three two");
}

#[test]
fn what_only_moves_forward_is_not_guarded() {
    let env = environment();
    set_guard(&env, "max-changes = 1\nmax-files = 1");
    let repo = repo_with_flow(&env);
    work(&repo, &["two", "three"]);
    repo.flow(&["done"]).ok();
    assert_eq!(files(&repo, "main"), "base one three two");
}

/// A flow from before `.gitignore`, with a built file in it, and a parent that ignores such files since.
fn ancient(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = repo_with_flow(env);
    repo.write("target/debug/object", "built\n");
    repo.commit("target/debug/other", "built\n", "two");
    repo.jj(&["new", "main"]).ok();
    repo.commit(".gitignore", "/target/\n", "ignore what is built");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    repo
}

#[test]
fn what_the_parent_ignores_since_is_not_brought_back() {
    let env = environment();
    let repo = ancient(&env);
    let refused = deep_rebase(&repo);
    assert!(
        refused.ends_with("would bring back what main ignores: target/debug/object and 1 more"),
        "{refused}"
    );
    // The hint took it out of the change.
    repo.flow(&["done", "research"]).ok();
    assert_eq!(files(&repo, "main"), ".gitignore base one");
}

#[test]
fn what_the_parent_ignores_comes_where_that_is_allowed() {
    let env = environment();
    let repo = ancient(&env);
    repo.flow(&["done", "research", "--config=flow.guard.allow-ignored=true"]).ok();
    assert_eq!(files(&repo, "main"), ".gitignore base one target/debug/object target/debug/other");
}

#[test]
fn a_file_that_was_ignored_all_along_and_is_tracked_is_no_fault() {
    let env = environment();
    let repo = repo(&env);
    repo.commit(".gitignore", "*.log\n", "ignore logs");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.write("kept.log", "x\n");
    repo.jj(&["file", "track", "--include-ignored", "kept.log"]).ok();
    repo.jj(&["commit", "--message=keep one"]).ok();
    work_on_main(&repo, "meanwhile");
    repo.flow(&["done", "research"]).ok();
    assert_eq!(files(&repo, "main"), ".gitignore base kept.log meanwhile");
}

#[rstest]
#[case::at_the_top("large", "large")]
#[case::below_with_a_space("deep/a large one", "deep/a large one")]
fn a_file_too_large_for_a_change_is_told_and_not_left_behind(#[case] path: &str, #[case] shown: &str) {
    let env = environment();
    env.add_config("[snapshot]\nmax-new-file-size = \"1KiB\"\n");
    let repo = repo_with_flow(&env);
    repo.write(path, &"x".repeat(5000));
    work(&repo, &["two"]);
    assert_refused(&repo, &[], "too-large");
    let refused = repo.flow(&["done"]).exits(1);
    assert!(refused.stderr.contains(&format!("\n  {shown}: 4.9KiB")), "{refused}");
    assert_eq!(repo.flow(&["done", "--dry-run"]).exits(1).stderr, refused.stderr);
    repo.sh(&refused.hint()).ok();
    repo.jj(&["squash", "--use-destination-message"]).ok();
    repo.flow(&["done"]).ok();
    assert_eq!(files(&repo, "main"), ".gitignore base one two");
    assert_eq!(repo.read(path).len(), 5000);
}

#[test]
fn a_file_too_large_that_may_come_along_does() {
    let env = environment();
    env.add_config("[snapshot]\nmax-new-file-size = \"1KiB\"\n");
    let repo = repo_with_flow(&env);
    repo.write("large", &"x".repeat(5000));
    let larger = "--config=snapshot.max-new-file-size=10000";
    repo.flow(&["done", "--message=large", larger]).ok();
    assert_eq!(files(&repo, "main"), "base large one");
}

/// What a dry run could leave behind.
fn traces(repo: &TestRepo<'_>) -> (String, String, String, usize) {
    let env = repo.env();
    let rows = env.rows("SELECT status, change_id, commit_id, updated_at FROM FlowRegistry ORDER BY id");
    let events = env.rows("SELECT count(*), (SELECT count(*) FROM landings) FROM events");
    (repo.state(), rows + &events, repo.read(".jj/repo/flow/journal.ndjson"), runs(env))
}

#[rstest]
#[case::forward(false, "a8f2--research lands on main: 2 changes, as they are.\n")]
#[case::rebased(true, "a8f2--research lands on main: 2 changes, rebased.\n")]
fn a_dry_run_tells_and_leaves_nothing_behind(#[case] main_moves: bool, #[case] told: &str) {
    let env = environment();
    set_hook(&env, "'echo ran >>$TEST_ENV/runs'");
    let repo = repo_with_flow(&env);
    repo.jj(&["describe", "--message=two"]).ok();
    if main_moves {
        let here = repo.changes("@").concat();
        work_on_main(&repo, "meanwhile");
        repo.jj(&["edit", &here]).ok();
    }
    // It is on disk alone.
    repo.write("two", "x\n");
    repo.flow(&["list"]).ok();
    repo.write("three", "x\n");
    let before = traces(&repo);
    let said = repo.flow(&["done", "--dry-run"]).ok();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), (told, ""));
    let plan = &repo.flow(&["--json", "done", "--dry-run"]).ok().json()["plan"];
    assert_eq!((&plan["flow"], &plan["parent"]), (&"a8f2--research".into(), &"main".into()));
    assert_eq!((&plan["rebase"], plan["changes"].as_array().unwrap().len()), (&main_moves.into(), 2));
    assert_eq!(traces(&repo), before);
    let landed = repo.flow(&["--json", "done"]).ok().json();
    let planned: Vec<_> = plan["changes"].as_array().unwrap().iter().map(|tip| &tip["change"]).collect();
    assert_eq!(landed["changes"].as_array().unwrap().iter().collect::<Vec<_>>(), planned);
    let there = if main_moves { "base meanwhile one three two" } else { "base one three two" };
    assert_eq!(files(&repo, "main"), there);
}

#[test]
fn a_dry_run_foretells_the_conflict_and_leaves_nothing_behind() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    repo.commit("base", "mine\n", "mine");
    let here = repo.changes("@-").concat();
    repo.jj(&["new", "main"]).ok();
    repo.commit("base", "theirs\n", "theirs");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    repo.jj(&["new", &here]).ok();
    repo.flow(&["list"]).ok();
    let before = traces(&repo);
    let told = repo.flow(&["done", "--dry-run"]).exits(3);
    let says = "a8f2--research would meet a conflict with main in change";
    let says = format!("{says} {} (mine)\n  base  flow: changed, parent: changed\n", &here[..8]);
    assert_eq!(told.stdout, says, "{told}");
    assert!(told.stderr.contains("it would meet a conflict in change"), "{told}");
    assert_eq!(told.hint(), "jj flow done a8f2--research");
    let into = repo.flow(&["done", "--into=main", "--dry-run"]).exits(3);
    assert_eq!(into.hint(), "jj flow done a8f2--research --into main");
    let error = &repo.flow(&["--json", "done", "--dry-run"]).exits(3).json()["error"];
    assert_eq!((&error["code"], &error["details"]["change"]["change"]), (&"conflict".into(), &here.into()));
    let details = error["details"].as_object().unwrap();
    assert!(!details.contains_key("commands"), "{error}");
    assert_eq!(details["operation"], repo.op_heads().concat());
    assert_eq!(traces(&repo), before);
}
