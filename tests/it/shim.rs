//! jj-flow under the name `jj`: bookmarks named and recorded as they are made, everything else the real jj's.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};

const ROWS: &str = "SELECT bookmark, status, (SELECT group_concat(kind) FROM \
    (SELECT kind FROM events WHERE flow = FlowRegistry.id ORDER BY id)) FROM FlowRegistry WHERE gone_at IS NULL \
    ORDER BY bookmark";

pub(crate) fn environment() -> TestEnvironment {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    env
}

/// The local bookmarks, one a word.
pub(crate) fn names(repo: &TestRepo<'_>) -> String {
    let bookmarks = repo.bookmarks();
    let local =
        bookmarks.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.contains('@'));
    local.collect::<Vec<_>>().join(" ")
}

/// Writes a program for `sh`.
pub(crate) fn script(path: &std::path::Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_created_bookmark_has_its_name_row_and_event_before_jj_returns() {
    let env = environment();
    let repo = env.repo("field");
    insta::assert_snapshot!(repo.shim(&["bookmark", "create", "research"]).ok(), @r"
    --- stderr
    jj-flow: research is named a8f2--research.
    Warning: Target revision is empty.
    Created 1 bookmarks pointing to mxwusxkz d608d4ad a8f2--research | (empty) (no description set)
    ");
    assert_eq!(names(&repo), "a8f2--research");
    assert_eq!(env.rows(ROWS), "a8f2--research|in-progress|created\n");
    let change = &repo.changes("@")[0];
    let row = "SELECT uid, intent, subflow, parent_flow, component, actor, change_id FROM FlowRegistry";
    assert_eq!(env.rows(row), format!("a8f2|research|NULL|NULL|field|a8f2|{change}\n"));
    let head = &repo.op_heads()[0];
    assert_eq!(env.rows("SELECT operation FROM events"), format!("{head}\n"));
}

#[test]
fn each_of_several_names_is_judged_by_itself() {
    let env = environment();
    let repo = env.repo("field");
    insta::assert_snapshot!(repo.shim(&["bookmark", "create", "main2", "a8f2--jjResearch"]).ok(), @r"
    --- stderr
    jj-flow: main2 is named a8f2--logicMain2.
    Warning: Target revision is empty.
    Created 2 bookmarks pointing to mxwusxkz d608d4ad a8f2--jjResearch a8f2--logicMain2 | (empty) (no description set)
    ");
    assert_eq!(names(&repo), "a8f2--jjResearch a8f2--logicMain2");
    assert_eq!(
        env.rows(ROWS),
        "a8f2--jjResearch|in-progress|created\na8f2--logicMain2|in-progress|created\n"
    );
}

/// The bookmark that there is then, or none, and the hint of a refusal.
#[rstest]
#[case::bare_uid("rewrite", "'a8f2--'", Err("a8f2--logic"))]
#[case::bare_uid("strict", "'a8f2--'", Err("a8f2--logic"))]
#[case::bare_uid("warn", "'a8f2--'", Ok("a8f2--"))]
#[case::bare_uid("off", "'a8f2--'", Ok("a8f2--"))]
#[case::no_uid("rewrite", "'--x'", Ok("a8f2--logicX"))]
#[case::no_uid("strict", "'--x'", Err("a8f2--logicX"))]
#[case::no_uid("warn", "'--x'", Ok("--x"))]
#[case::no_uid("off", "'--x'", Ok("--x"))]
#[case::shouted("rewrite", "A8F2--jjResearch", Ok("a8f2--jjResearch"))]
#[case::shouted("strict", "A8F2--jjResearch", Err("a8f2--jjResearch"))]
#[case::shouted("warn", "A8F2--jjResearch", Ok("A8F2--jjResearch"))]
#[case::shouted("off", "A8F2--jjResearch", Ok("A8F2--jjResearch"))]
fn a_policy_decides(#[case] policy: &str, #[case] asked: &str, #[case] result: Result<&str, &str>) {
    let env = environment();
    env.add_config(&format!("flow.policy = '{policy}'"));
    let repo = env.repo("field");
    let before = repo.state();
    let output = repo.shim(&["bookmark", "create", "--", asked]);
    match result {
        Ok(name) => {
            output.ok();
            assert_eq!(names(&repo).trim_matches('"'), name);
        }
        Err(name) => {
            let output = output.exits(1);
            assert!(output.stderr.starts_with("Error: Could not create the bookmark "), "{output}");
            assert!(output.stderr.ends_with(&format!("Hint: jj bookmark create -- {name}\n")), "{output}");
            assert_eq!(repo.state(), before);
            repo.shim(&["bookmark", "create", name]).ok();
        }
    }
}

#[test]
fn what_jj_itself_cannot_read_is_left_to_jj() {
    let env = environment();
    let repo = env.repo("field");
    for name in ["a8f2--", "--x", "a b", ""] {
        let args = ["bookmark", "create", "--", name];
        let (real, shim) = (repo.jj(&args).exits(2), repo.shim(&args).exits(2));
        assert_eq!(shim.stderr, real.stderr);
    }
    assert_eq!(names(&repo), "");
}

#[rstest]
#[case("rewrite", false)]
#[case("strict", false)]
#[case("warn", true)]
#[case("off", true)]
fn a_name_of_300_bytes_is_refused_with_one_that_would_do(#[case] policy: &str, #[case] passed_on: bool) {
    let env = environment();
    env.add_config(&format!("flow.policy = '{policy}'"));
    let repo = env.repo_without_git("field");
    let long = "research".to_owned() + &"x".repeat(292);
    let output = repo.shim(&["bookmark", "create", &long]);
    assert_eq!(names(&repo) == long, passed_on, "{output}");
    assert_eq!(output.stderr.contains("200 are the most"), policy != "off", "{output}");
    if !passed_on {
        let hint = output.exits(1).stderr;
        let name = hint.trim_end().rsplit(' ').next().unwrap();
        assert!(name.starts_with("a8f2--logicResearch") && name.len() <= 200, "{name}");
        repo.shim(&["bookmark", "create", name]).ok();
        assert_eq!(names(&repo), name);
    }
}

#[test]
fn exempt_names_and_bookmarks_that_are_there_stay() {
    let env = environment();
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.jj(&["bookmark", "create", "feature", "-r", "@-"]).ok();
    for name in ["main", "release/1", "push-x"] {
        repo.shim(&["bookmark", "create", name]).ok();
    }
    repo.shim(&["bookmark", "set", "feature", "main", "-r", "@"]).ok();
    repo.shim(&["bookmark", "create", "feature"]).exits(1);
    assert_eq!(names(&repo), "feature main push-x release/1");
    assert_eq!(repo.commits("feature"), repo.commits("@"));
    assert!(!env.data_home().join("jj-flow").exists(), "nothing was recorded");
}

#[rstest]
#[case::letters(&["b", "c", "foo"])]
#[case::letter(&["bookmark", "c", "foo"])]
#[case::set(&["b", "s", "foo"])]
#[case::options_between(&["--quiet", "bookmark", "--color=never", "create", "-r@", "foo", "--no-pager"])]
#[case::after_dashes(&["bookmark", "create", "--", "foo"])]
#[case::alias(&["bc", "foo"])]
#[case::alias_of_an_alias(&["bcc", "foo"])]
#[case::alias_with_the_name(&["bfoo"])]
#[case::alias_in_a_table(&["bt", "foo"])]
#[case::quoted(&["bookmark", "create", "'foo'"])]
#[case::where_the_repo_stands(&["bookmark", "create", "foo", "--at-op=@"])]
fn every_spelling_of_the_verb_is_known(#[case] args: &[&str]) {
    let env = environment();
    env.add_config(
        "[aliases]\nbc = ['bookmark', 'create']\nbcc = ['--no-pager', 'bc']\nbfoo = ['b', 's', 'foo']\n\
        [aliases.bt]\ndefinition = ['bookmark', 'create']\n",
    );
    let repo = env.repo("field");
    repo.shim(args).ok();
    assert_eq!(names(&repo), "a8f2--logicFoo");
    assert_eq!(env.rows(ROWS), "a8f2--logicFoo|in-progress|created\n");
}

#[test]
fn another_repo_is_named_by_an_option() {
    let env = environment();
    let (here, other) = (env.dir("elsewhere"), env.repo("other"));
    here.shim(&["-R", "../other", "bookmark", "create", "foo"]).ok();
    here.shim(&["bookmark", "set", "foo", "--allow-backwards", "-r@", "-R../other"]).ok();
    assert_eq!(names(&other), "a8f2--logicFoo");
    assert_eq!(env.rows("SELECT root FROM repos"), "$TEST_ENV/other\n");
    here.shim(&["bookmark", "create", "foo"]).exits(1);
}

#[test]
fn settings_on_the_command_line_hold() {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["--config", "flow.policy='strict'", "bookmark", "create", "foo"]).exits(1);
    repo.shim(&["bookmark", "create", "--config=flow.policy='off'", "foo"]).ok();
    repo.shim(&["bookmark", "create", "bar", "--config=flow.default-type='docs'"]).ok();
    repo.write("flow.toml", "flow.policy = 'off'\n");
    repo.shim(&["--config-file=flow.toml", "bookmark", "create", "baz"]).ok();
    assert_eq!(names(&repo), "a8f2--docsBar baz foo");
}

#[test]
fn jj_flow_needs_no_alias_behind_the_shim() {
    let env = environment();
    let (here, other) = (env.dir("elsewhere"), env.repo("other"));
    std::fs::write(env.config_home().join("jj/config.toml"), "user.email = 'a@example.org'\n").unwrap();
    here.shim(&["-R", "../other", "flow", "new", "research"]).ok();
    let list = here.shim(&["--repository=../other", "flow", "list", "--json"]).ok().json();
    assert_eq!(list["flows"][0]["flow"], "a8f2--research");
    here.shim(&["flow", "list", "-R", "../other"]).ok();
    here.shim(&["-R.", "flow", "-R../other", "list"]).ok();
    other.shim(&["--config=flow.default-type='docs'", "flow", "new", "x"]).ok();
    assert_eq!(names(&other), "a8f2--docsX a8f2--research");
    here.shim(&["flow", "list"]).exits(1);
    here.shim(&["flow", "no-such-verb"]).exits(2);
}

#[test]
fn create_and_then_set_is_one_flow() {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["bookmark", "create", "foo"]).ok();
    repo.commit("a.txt", "a\n", "first");
    repo.shim(&["bookmark", "set", "foo"]).ok();
    repo.shim(&["bookmark", "set", "FOO"]).ok();
    repo.shim(&["bookmark", "create", "foo"]).exits(1);
    assert_eq!(names(&repo), "a8f2--logicFoo");
    assert_eq!(env.rows(ROWS), "a8f2--logicFoo|in-progress|created,moved\n");
    let change = &repo.changes("@")[0];
    assert_eq!(env.rows("SELECT change_id FROM FlowRegistry"), format!("{change}\n"));
}

#[test]
fn a_renamed_flow_keeps_its_row_and_history() {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["bookmark", "create", "foo"]).ok();
    repo.flow(&["fail", "--reason", "no luck"]).ok();
    repo.flow(&["sub", "deeper"]).ok();
    repo.shim(&["bookmark", "rename", "a8f2--logicFoo", "bar research"]).exits(2);
    repo.shim(&["bookmark", "rename", "a8f2--logicFoo", "barResearch"]).ok();
    assert_eq!(names(&repo), "a8f2--barResearch a8f2--logicFoo--deeper");
    assert_eq!(
        env.rows(ROWS),
        "a8f2--barResearch|failed|created,status,renamed\na8f2--logicFoo--deeper|in-progress|created\n"
    );
    let parents = "SELECT bookmark, intent, parent_flow FROM FlowRegistry ORDER BY id";
    insta::assert_snapshot!(env.rows(parents), @r"
    a8f2--barResearch|barResearch|NULL
    a8f2--logicFoo--deeper|logicFoo|a8f2--barResearch
    ");
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry WHERE gone_at IS NOT NULL"), "0\n");
}

#[test]
fn a_flow_renamed_while_the_registry_was_away_keeps_its_row() {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["bookmark", "create", "foo"]).ok();
    repo.flow(&["fail", "--reason", "no luck"]).ok();
    let away = repo.with("JJ_FLOW_REGISTRY", "/proc/nowhere/registry.db");
    away.shim(&["bookmark", "rename", "a8f2--logicFoo", "docs"]).ok();
    repo.flow(&["reopen", "docs"]).ok();
    assert_eq!(env.rows(ROWS), "a8f2--docs|in-progress|created,status,renamed,status\n");
}

#[test]
fn what_jj_refuses_is_not_recorded() {
    let env = environment();
    let repo = env.repo("field");
    let real = repo.jj(&["bookmark", "create", "foo", "-r", "nowhere"]);
    let shim = repo.shim(&["bookmark", "create", "foo", "-r", "nowhere"]).exits(real.code);
    assert!(shim.stderr.ends_with(&real.stderr), "{shim}");
    repo.shim(&["bookmark", "rename", "foo", "bar"]).exits(1);
    assert_eq!((names(&repo).as_str(), env.rows(ROWS).as_str()), ("", ""));
}

#[test]
fn what_is_not_integrated_is_not_recorded() {
    let env = environment();
    let repo = env.repo("field");
    let state = repo.state();
    repo.shim(&["bookmark", "create", "foo", "--no-integrate-operation"]).ok();
    repo.shim(&["--no-integrate-operation", "b", "c", "foo"]).ok();
    assert_eq!(repo.state(), state);
    assert!(!env.data_home().join("jj-flow").exists(), "nothing was recorded");
}
