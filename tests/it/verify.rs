//! What a verification may come to: each outcome is told apart, and nothing lands that did not pass.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::shapes::{files, repo, work, work_on_main};
use crate::shim::environment;

/// Sets `flow.hooks.verify` in the user's own config, to a value of TOML.
pub(crate) fn set_hook(env: &TestEnvironment, value: &str) {
    env.add_config(&format!("[flow.hooks]\nverify = {value}\n"));
}

/// A repo with the flow `a8f2--research` in it, of one change.
pub(crate) fn repo_with_flow(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = repo(env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo
}

/// How often a hook that runs `echo ran >>$TEST_ENV/runs` did.
pub(crate) fn runs(env: &TestEnvironment) -> usize {
    std::fs::read_to_string(env.root().join("runs")).unwrap_or_default().lines().count()
}

/// A pipe in the environment's folder that a hook and a test meet at.
pub(crate) fn fifo(env: &TestEnvironment, name: &str) {
    env.dir("").sh(&format!("mkfifo {name}")).ok();
}

/// `jj flow done` does not pass: nothing is published.
#[track_caller]
fn assert_nothing_lands(repo: &TestRepo<'_>) -> Output {
    let before = repo.state();
    let refused = repo.flow(&["done"]).exits(4);
    assert_eq!(repo.state(), before, "{refused}");
    refused
}

const VERIFICATIONS: &str = "SELECT passed, ending FROM verifications ORDER BY id";

#[rstest]
#[case::passing("'true'")]
#[case::a_shell_line("'test -e one && test -e base | cat'")]
#[case::words(r#"["test", "-e", "one"]"#)]
#[case::a_flood_that_passes("'yes 0123456789 | head -c 3000000'")]
#[case::a_group_mate_left_behind("'sleep 100000 & exit 0'")]
fn what_passes_lands(#[case] hook: &str) {
    let env = environment();
    set_hook(&env, hook);
    let repo = repo_with_flow(&env);
    let landed = repo.flow(&["done"]).ok();
    assert_eq!(landed.stdout, "Landed a8f2--research on main: 1 change, fast-forward, verified.\n");
    assert_eq!(env.rows(VERIFICATIONS), "1|exit 0\n");
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
}

#[rstest]
#[case::failing("'echo said; echo cried >&2; exit 7'", "exit 7", "said\ncried\n")]
#[case::failing_words(r#"["sh", "-c", "echo said; exit 7"]"#, "exit 7", "said\n")]
#[case::unknown_to_the_shell("'no-such-program 2>/dev/null'", "exit 127", "")]
#[case::killed("'echo said; kill -9 $$'", "signal 9", "said\n")]
#[case::changing_files("'echo better >one'", "changed files: one", "")]
#[case::deleting_files("'rm one base'", "changed files: base, one", "")]
#[case::committing_what_it_changed(
    "'echo better >one; git -c user.name=x -c user.email=x commit -qam x'",
    "changed files: one",
    ""
)]
#[case::changing_files_and_failing("'echo better >one; exit 1'", "changed files: one", "")]
fn what_does_not_pass_fails_the_flow(#[case] hook: &str, #[case] ending: &str, #[case] tail: &str) {
    let env = environment();
    set_hook(&env, hook);
    let repo = repo_with_flow(&env);
    let refused = assert_nothing_lands(&repo);
    let expected = format!("did not pass: {ending}\nHint: jj flow show a8f2--research\n");
    assert!(refused.stderr.ends_with(&expected), "{refused}");
    assert_eq!(env.rows(VERIFICATIONS), format!("0|{ending}\n"));
    let row = format!("failed|verification: {ending}\n");
    assert_eq!(env.rows("SELECT status, reason FROM FlowRegistry"), row);

    let error = &repo.flow(&["--json", "done"]).exits(4).json()["error"];
    assert_eq!(error["code"], "verification-failed");
    assert_eq!((&error["details"]["ending"], &error["details"]["tail"]), (&ending.into(), &tail.into()));
    let shown = repo.sh(&refused.hint()).ok();
    let last = format!(", {ending}, in ");
    assert!(shown.stdout.contains("\nNot verified: tree ") && shown.stdout.contains(&last), "{shown}");
    assert!(shown.stdout.trim_end().ends_with(tail.trim_end()), "{shown}");
    let shown = repo.flow(&["show", "research", "--json"]).ok().json();
    let newest = &shown["verifications"][0];
    assert_eq!((&newest["passed"], &newest["ending"]), (&false.into(), &ending.into()));
    assert_eq!(shown["landings"], serde_json::json!([]));
    // The log has the verification and what it made of the flow.
    let log = "SELECT kind, status_to FROM events ORDER BY id DESC LIMIT 2";
    assert_eq!(env.rows(log), "status|failed\nverified|NULL\n");
}

#[test]
fn a_hook_that_hangs_is_ended_with_its_group() {
    let env = environment();
    env.add_config("[flow]\nhook-timeout = \"1s\"\n");
    set_hook(&env, "'exec 3>$TEST_ENV/held; trap \"\" TERM; sleep 100000 & echo waiting; wait; wait'");
    fifo(&env, "held");
    let repo = repo_with_flow(&env);
    // It ends when everybody who had the pipe open is gone.
    let held = env.root().join("held");
    let reader = std::thread::spawn(move || std::fs::read_to_string(held).unwrap());
    let refused = assert_nothing_lands(&repo);
    assert!(refused.stderr.contains("did not pass: it took longer than 1 s\n"), "{refused}");
    assert_eq!(reader.join().unwrap(), "");
    assert_eq!(env.rows(VERIFICATIONS), "0|timed out\n");
    assert_eq!(env.rows("SELECT status, tail FROM FlowRegistry, verifications"), "failed|waiting\n\n");
}

#[test]
fn of_a_flood_the_end_is_kept() {
    let env = environment();
    set_hook(&env, "'yes 0123456789 | head -n 300000; echo the end; exit 1'");
    let repo = repo_with_flow(&env);
    assert_nothing_lands(&repo);
    let tail = env.rows("SELECT tail FROM verifications");
    assert!(tail.starts_with("…\n0123456789\n") && tail.ends_with("0123456789\nthe end\n\n"), "{tail}");
    assert!((10_000..20_000).contains(&tail.len()), "{}", tail.len());
}

#[rstest]
#[case::no_program(r#"["no-such-program", "x"]"#)]
#[case::no_file(r#"["./no/such/file"]"#)]
fn a_hook_that_cannot_start_says_nothing_of_the_flow(#[case] hook: &str) {
    let env = environment();
    set_hook(&env, hook);
    let repo = repo_with_flow(&env);
    let refused = assert_nothing_lands(&repo);
    assert!(refused.stderr.contains("Error: Could not start flow.hooks.verify, "), "{refused}");
    repo.sh(&refused.hint()).ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");
    assert_eq!(env.rows("SELECT count(*) FROM verifications"), "0\n");
}

#[rstest]
#[case::a_truth("true")]
#[case::nothing("''")]
#[case::no_words("[]")]
fn what_is_no_command_lets_nothing_land(#[case] hook: &str) {
    let env = environment();
    set_hook(&env, hook);
    let repo = repo_with_flow(&env);
    let before = repo.state();
    let refused = repo.flow(&["done"]).exits(1);
    assert!(
        refused.stderr.contains("Error: Could not land a8f2--research: flow.hooks.verify is no command\n")
    );
    repo.sh(&refused.hint()).ok();
    assert_eq!(repo.state(), before);
}

#[test]
fn a_flow_that_failed_lands_once_it_passes() {
    let env = environment();
    set_hook(&env, "'test -e two'");
    let repo = repo_with_flow(&env);
    assert_nothing_lands(&repo);
    let told = repo.flow(&["context"]).ok();
    assert!(told.stdout.contains("\nNot verified by test -e two, exit 1\n"), "{told}");
    work(&repo, &["two"]);
    repo.flow(&["done"]).ok();
    assert_eq!(env.rows(VERIFICATIONS), "0|exit 1\n1|exit 0\n");
    assert_eq!(env.rows("SELECT status, reason FROM FlowRegistry"), "merged|NULL\n");
}

#[rstest]
#[case::untouched_meanwhile("", "base ok one")]
#[case::edited_meanwhile("echo x >$JJ_FLOW_REPO/meanwhile; ", "base meanwhile ok one")]
fn whoever_edits_the_flow_goes_on_there_and_asks_again(#[case] meanwhile: &str, #[case] landed: &str) {
    let env = environment();
    set_hook(&env, &format!("'{meanwhile}test -e ok'"));
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    repo.write("one", "x\n");
    repo.jj(&["status"]).ok();
    let before = repo.log();
    repo.flow(&["done", "--message=Add one"]).exits(4);
    assert_eq!(repo.log(), before);
    repo.write("ok", "x\n");
    repo.flow(&["done", "--message=Add one"]).ok();
    assert_eq!(files(&repo, "main"), landed);
}

#[test]
fn whoever_edits_the_flow_in_another_workspace_goes_on_there() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    let there = repo.workspace("there");
    for place in [&repo, &there] {
        place.jj(&["edit", "a8f2--research"]).ok();
    }
    let before = repo.log();
    let root = there.root().to_str().unwrap();
    set_hook(
        &env,
        &format!("'for at in $JJ_FLOW_REPO {root}; do echo x >$at/in-$(basename $at); done; false'"),
    );
    repo.flow(&["done", "research"]).exits(4);
    assert_eq!(repo.log(), before);
    for place in [&repo, &there] {
        let status = place.jj(&["status"]).ok();
        assert!(!status.stderr.contains("stale"), "{status}");
    }
    assert_eq!((repo.log(), files(&repo, "a8f2--research").as_str()), (before, "base in-field in-there one"));
}

#[test]
fn what_became_something_else_while_it_was_verified_stays() {
    let env = environment();
    set_hook(&env, "'jj -R $JJ_FLOW_REPO describe -m mine; false'");
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.jj(&["edit", "a8f2--research"]).ok();
    repo.flow(&["done"]).exits(4);
    assert_eq!(repo.changes("@- & a8f2--research & description(substring:'one')").len(), 1, "{}", repo.log());
    assert_eq!(repo.changes("@ & description(substring:'mine')").len(), 1, "{}", repo.log());
}

#[rstest]
#[case::forward(false)]
#[case::rebased(true)]
fn the_tree_that_passed_is_the_tree_that_landed(#[case] main_moves: bool) {
    let env = environment();
    set_hook(&env, "'git write-tree >$TEST_ENV/tree; ls | tr \"\\n\" \" \"'");
    let repo = repo_with_flow(&env);
    if main_moves {
        work_on_main(&repo, "meanwhile");
    }
    let landed = repo.flow(&["--json", "done", "research"]).ok().json();
    let tree = repo.git(&["rev-parse", "main^{tree}"]).ok().stdout;
    assert_eq!(std::fs::read_to_string(env.root().join("tree")).unwrap(), tree);
    let proof = "SELECT v.tree FROM landings AS l JOIN verifications AS v ON v.key = l.verification";
    assert_eq!(env.rows(proof), tree);
    assert_eq!(env.rows("SELECT key FROM verifications").trim(), landed["verification"]);
    let shown = repo.flow(&["show", "research", "--json"]).ok().json();
    assert_eq!(shown["landings"][0]["verification"]["tree"], tree.trim());
    let seen = if main_moves { "base meanwhile one " } else { "base one " };
    assert_eq!(shown["landings"][0]["verification"]["tail"], seen);
    let text = repo.flow(&["show", "research"]).ok().stdout;
    assert!(
        text.contains(&format!("\n           Verified: tree {} by git write-tree", &tree[..8])),
        "{text}"
    );
}

#[test]
fn an_interrupt_ends_the_hook_and_decides_nothing() {
    let env = environment();
    set_hook(&env, "'exec 3>$TEST_ENV/held; echo up >&3; sleep 100000 & wait'");
    fifo(&env, "held");
    let repo = repo_with_flow(&env);
    let before = repo.state();
    let mut done = repo.command("jj-flow", &["done"]);
    let done =
        done.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut held = std::fs::File::open(env.root().join("held")).unwrap();
    let mut up = [0; 3];
    held.read_exact(&mut up).unwrap();
    repo.sh(&format!("kill -INT {}", done.id())).ok();
    let output = done.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.status.signal()), (Some(130), None), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("Error: Could not land a8f2--research: its verification was interrupted\n"),
        "{said}"
    );
    // Nobody of the hook's group has the pipe any more.
    let mut rest = String::new();
    held.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), repo.state()), ("", before));
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");
    assert_eq!(env.rows("SELECT count(*) FROM verifications"), "0\n");
}
