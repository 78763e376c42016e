//! `jj flow context`: what an agent is told, and that what it is told to run next runs.

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{TestEnvironment, TestRepo};

fn field(env: &TestEnvironment) -> TestRepo<'_> {
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.commit("notes", "1\n2\n3\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo
}

fn context(repo: &TestRepo<'_>) -> Value {
    repo.flow(&["context", "--siblings", "--json"]).ok().json()
}

/// A flow of somebody else that changes the first line of the notes.
fn other_flow(repo: &TestRepo<'_>, intent: &str, text: &str) {
    let other = repo.with("JJ_FLOW_UID", "b1c4");
    other.flow(&["new", intent]).ok();
    other.commit("notes", text, &format!("{intent}: other"));
}

#[test]
fn one_call_tells_all() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    insta::assert_snapshot!(repo.flow(&["context"]).ok(), @r#"
    You are a8f2 (JJ_FLOW_UID a8f2).
    @ stands on no flow.

    Next: jj flow new research
          @ stands on no flow; say in your own words what for.
    "#);
    other_flow(&repo, "docs", "one\n2\n3\n");
    other_flow(&repo, "schema", "1\n2\nthree\n");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "eins\n2\n3\n", "research: in German");
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("scaling", "x\n", "scaling: x");
    repo.sh("jj new main; echo x >news; jj commit -m 'news from elsewhere'; jj bookmark move main --to=@-")
        .ok();
    repo.jj(&["new", "a8f2--research"]).ok();
    insta::assert_snapshot!(repo.flow(&["context", "--siblings"]).ok(), @r#"
    You are a8f2 (JJ_FLOW_UID a8f2).
    a8f2--research (in-progress) lands on main.
      1 ahead, 1 behind
      + tpwstuno  research: in German
      - qlqnmxly  news from elsewhere
      Sub-flow a8f2--research--scaling (in-progress), 1 change

    b1c4--docs (in-progress) touches notes
      would be in conflict: notes
    b1c4--schema (in-progress) touches notes
    Yours too: a8f2--research--scaling (in-progress)

    Next: jj new 'commit_id(fb8b1787de4ebaea17f7437eb8d016129ae31f6c)'
          its sub-flow a8f2--research--scaling is to be landed first.
    "#);
    let told = context(&repo);
    assert_eq!(
        (&told["flow"]["intent"], &told["flow"]["parent"]["bookmark"]),
        (&json!("research"), &json!("main"))
    );
    assert_eq!(told["flow"]["behind"][0]["description"], "news from elsewhere");
    assert_eq!(told["siblings"].as_array().unwrap().len(), 2, "{told:#}");
    assert_eq!(told["siblings"][0]["conflicts"], json!(["notes"]));
    assert_eq!(told["siblings"][1]["conflicts"], json!([]));
}

#[test]
fn the_forecast_leaves_no_trace() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    other_flow(&repo, "docs", "one\n2\n3\n");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "eins\n2\n3\n", "research: in German");
    let before = repo.state();
    assert_eq!(context(&repo)["siblings"][0]["conflicts"], json!(["notes"]));
    assert_eq!(repo.state(), before);
}

#[test]
fn flows_that_stand_on_one_another_are_no_siblings() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "eins\n2\n3\n", "research: in German");
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("notes", "eins\nzwei\n3\n", "scaling: more German");
    repo.flow(&["sub", "deep"]).ok();
    repo.commit("notes", "eins\nzwei\ndrei\n", "deep: all German");
    assert_eq!(context(&repo)["siblings"], json!([]));
}

/// What comes next, from what there is; and the command runs.
#[rstest]
#[case("true", "jj flow new research", "@ stands on no flow")]
#[case("jj flow new research; jj commit -m x; jj flow done", "jj flow new research2", "@ stands on no flow")]
#[case("echo x >x", "jj flow new --here research", "@ has work and stands on no flow")]
#[case("jj flow new research", "", "there is no work in it yet")]
#[case(
    "jj flow new research; echo x >x",
    "jj commit -m 'What it does'",
    "the newest work has no description"
)]
#[case("jj flow new research; jj commit -m x", "jj flow done a8f2--research", "when it is finished")]
#[case(
    "jj flow new research; jj new main",
    "jj new 'commit_id(",
    "@ stands on no flow; this goes on with a8f2--research"
)]
#[case("jj flow new research; jj flow sub a; jj new a8f2--research", "jj new 'commit_id(", "its sub-flow")]
#[case(
    "jj flow new research; jj commit -m x; jj flow sub a; jj commit -m y; jj new a8f2--research; \
     sqlite3_success a8f2--research--a",
    "jj flow done a8f2--research --cascade",
    "its sub-flows are at success"
)]
#[case(
    "jj flow new research; jj commit -m x; jj flow fail --reason no",
    "jj flow reopen a8f2--research",
    "it was given up"
)]
#[case("jj flow new research; jj flow fail --reason no", "jj flow reopen a8f2--research", "it was given up")]
#[case("jj flow new docs; jj flow fail --reason no; jj new main", "jj flow new research", "@ stands on no")]
#[case(
    "JJ_FLOW_UID=b1c4 jj flow new docs; jj flow new research; jj new b1c4--docs",
    "jj new 'commit_id(",
    "@ stands on a flow of somebody else's; this goes on with a8f2--research"
)]
#[case(
    "JJ_FLOW_UID=b1c4 jj flow new docs -m half",
    "jj flow new research --workspace ../research",
    "@ stands on a flow of somebody else's"
)]
#[case(
    "jj flow new research --workspace ../research",
    "cd ",
    "@ stands on no flow; this goes on with a8f2--"
)]
#[case(
    "jj flow new research; jj flow sub a --workspace ../a; jj new a8f2--research",
    "cd ",
    "its sub-flow a8f2--research--a is to be landed first"
)]
#[case(
    "jj config set --user flow.trunk none; jj flow new research; jj commit -m x; jj flow done",
    "",
    "it is at success, and lands on nothing here"
)]
fn what_comes_next(#[case] script: &str, #[case] command: &str, #[case] why: &str) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let (script, marked) = match script.split_once("; sqlite3_success ") {
        Some((script, flow)) => (script, Some(flow)),
        None => (script, None),
    };
    repo.sh(&format!("set -e; {script}")).ok();
    if let Some(flow) = marked {
        let sql = "UPDATE FlowRegistry SET status = 'success' WHERE bookmark = ?1";
        assert_eq!(env.registry().execute(sql, [flow]).unwrap(), 1);
    }
    let told = context(&repo);
    let next = &told["next"];
    assert!(next["why"].as_str().unwrap().starts_with(why), "{told:#}");
    let told_command = next["command"].as_str().unwrap_or_default();
    assert!(told_command.starts_with(command), "{told:#}");
    repo.sh(told_command).ok();
}

#[test]
fn a_conflict_and_a_failed_verification_are_told_with_what_to_do() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "eins\n2\n3\n", "research: in German");
    repo.jj(&["config", "set", "--user", "flow.hooks.verify", "echo no good; false"]).ok();
    repo.flow(&["done"]).exits(4);
    let told = context(&repo);
    assert_eq!(told["failure"]["verification"]["tail"], "no good\n");
    assert_eq!(told["next"]["command"], "jj flow done a8f2--research");
    insta::assert_snapshot!(repo.flow(&["context"]).ok(), @r#"
    You are a8f2 (JJ_FLOW_UID a8f2).
    a8f2--research (failed) lands on main.
      1 ahead, 0 behind
      + zvxzllrr  research: in German

    It failed: verification: exit 1.
    Not verified by echo no good; false, exit 1:
      no good

    Next: jj flow done a8f2--research
          the verification has not passed: mend what it says, commit, and land again.
    "#);
    repo.jj(&["config", "unset", "--user", "flow.hooks.verify"]).ok();
    repo.sh("jj new main; echo one >notes; jj commit -m english; jj bookmark move main --to=@-").ok();
    repo.flow(&["done", "a8f2--research"]).exits(3);
    repo.jj(&["new", "a8f2--research"]).ok();
    let told = context(&repo);
    assert_eq!(told["conflicts"][0]["state"], "conflicted");
    assert_eq!(told["next"]["command"], told["conflicts"][0]["packet"]["commands"]["resolve"]);
    repo.sh(told["next"]["command"].as_str().unwrap()).ok();
    repo.write("notes", "eins\none\n");
    repo.jj(&["squash", "--use-destination-message"]).ok();
    let told = context(&repo);
    assert_eq!(
        (&told["conflicts"][0]["state"], &told["next"]["command"]),
        (&json!("resolved"), &json!("jj flow resume a8f2--research"))
    );
    repo.sh("jj flow resume a8f2--research").ok();
    assert_eq!(context(&repo)["conflicts"], json!([]));
}
