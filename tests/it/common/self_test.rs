//! The harness tested: ids that repeat, readings that leave no trace.

use super::TestEnvironment;

/// A repo where one command starts several jj.
fn play(env: &TestEnvironment) -> String {
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.sh("jj new -m one; jj new -m two; jj bookmark create tip -r @-").ok();
    repo.state()
}

#[test]
fn two_runs_give_the_same_ids() {
    assert_eq!(play(&TestEnvironment::new()), play(&TestEnvironment::new()));
}

#[test]
fn each_process_of_a_command_makes_its_own_change() {
    let env = TestEnvironment::new();
    play(&env);
    insta::assert_snapshot!(env.dir("field").log(), @"
    @  rkouzwol two (empty)
    ○  ukmnwtqk one tip (empty)
    ○  pqyxxrpq (empty)
    ○  mxwusxkz first
    ◆  zzzzzzzz (empty)
    ");
}

#[test]
fn reading_changes_nothing() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    // Two operation heads, which an ordinary reading command would merge.
    let before = repo.op_heads();
    repo.jj(&["describe", "-m", "here"]).ok();
    repo.jj(&["--at-op", &before[0], "bookmark", "create", "there", "-r", "@-"]).ok();
    repo.write("b.txt", "not snapshotted\n");
    let state = repo.state();
    assert_eq!(repo.op_heads().len(), 2, "{state}");
    assert_eq!((repo.log(), repo.state()), (repo.log(), state));
}

#[test]
fn workspaces_share_their_repo() {
    let env = TestEnvironment::new();
    let repo = env.repo_without_git("field");
    let other = repo.workspace("other");
    assert_eq!(repo.op_heads(), other.op_heads());
    assert_eq!(repo.state(), other.dir("deep/down").state());
    assert_eq!(repo.git_refs(), "");
}

#[test]
fn output_shows_what_a_person_sees() {
    let env = TestEnvironment::new();
    let output = env.dir("nowhere").jj(&["log"]);
    insta::assert_snapshot!(output, @r#"
    --- stderr
    Error: There is no jj repo in "."
    --- exit 1
    "#);
    assert_eq!(output.code, 1);
}

#[test]
fn one_repo_for_two_people() {
    let env = TestEnvironment::new();
    env.set("WHO", "anybody");
    let here = env.dir("");
    assert_eq!(here.sh("echo $WHO").ok().stdout, "anybody\n");
    assert_eq!(here.with("WHO", "somebody").sh("echo $WHO").ok().stdout, "somebody\n");
}

#[test]
fn a_killed_process_has_the_code_that_a_shell_gives_it() {
    let env = TestEnvironment::new();
    env.dir("").sh("kill -9 $$").exits(137);
}

#[test]
fn json_is_read() {
    let env = TestEnvironment::new();
    assert_eq!(env.dir("").sh("echo '{\"ok\": true}'").ok().json()["ok"], true);
}
