//! Names and uids on the command line: what is made of a text, what is refused, and hints that run.

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Output, TestEnvironment, TestRepo};

/// Runs the command that an error's `Hint: ` gives, which must be one that can be run.
#[track_caller]
pub(crate) fn run_hint(repo: &TestRepo<'_>, failed: &Output) -> Output {
    let hint = failed.stderr.lines().find_map(|line| line.strip_prefix("Hint: "));
    let hint = hint.unwrap_or_else(|| panic!("no hint:\n{failed}"));
    let output = repo.sh(hint);
    assert!(![2, 126, 127].contains(&output.code), "`{hint}` cannot be run:\n{output}");
    output
}

fn environment() -> TestEnvironment {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    env
}

#[rstest]
#[case("a8f2--jjResearch", Ok("a8f2--jjResearch conforms.\n"))]
#[case("b1c4--docs--x--y2", Ok("b1c4--docs--x--y2 conforms.\n"))]
#[case("research", Err("a8f2--research"))]
#[case("a8f2--", Err("a8f2--logic"))]
#[case("--x", Err("a8f2--logicX"))]
#[case("A8F2--jjResearch", Err("a8f2--jjResearch"))]
#[case("a8f2--foo", Err("a8f2--logicFoo"))]
#[case("", Err("a8f2--logic"))]
#[case("???", Err("a8f2--logic"))]
#[case("a8f2--docs--a--b--c--d--e--f--g--h", Err("a8f2--docs--a--b--c--d--e--f--g"))]
fn a_name_is_checked(#[case] name: &str, #[case] result: Result<&str, &str>) {
    let env = environment();
    let repo = env.repo("field");
    let output = repo.flow(&["name", "check", "--", name]);
    match result {
        Ok(text) => assert_eq!(output.ok().stdout, text),
        Err(good) => {
            let output = output.exits(1);
            assert!(output.stderr.ends_with(&format!("Hint: jj flow name check {good}\n")), "{output}");
            run_hint(&repo, &output).ok();
        }
    }
}

#[rstest]
#[case(&["JJ research"], Ok("a8f2--jjResearch"))]
#[case(&["jj-research"], Ok("a8f2--jjResearch"))]
#[case(&["feature/jj_research"], Ok("a8f2--jjResearch"))]
#[case(&["into", "jj", "research"], Ok("a8f2--intoJjResearch"))]
#[case(&["Saṃskāra logic"], Ok("a8f2--samskaraLogic"))]
#[case(&["foo"], Ok("a8f2--logicFoo"))]
#[case(&["3d research"], Ok("a8f2--research3d"))]
#[case(&["docs--Big table"], Ok("a8f2--docs--bigTable"))]
#[case(&["b1c4--docs"], Ok("b1c4--docs"))]
#[case(&["--x"], Ok("a8f2--logicX"))]
#[case(&["東京 docs"], Ok("a8f2--dongJingDocs"))]
#[case(&["HTTPServer", "docs"], Ok("a8f2--httpServerDocs"))]
#[case(&[""], Err("Could not make a name: it is empty"))]
#[case(&["?!"], Err("Could not make a name: it has no letter or digit left to make a name of"))]
fn a_name_is_made(#[case] text: &[&str], #[case] result: Result<&str, &str>) {
    let env = environment();
    let repo = env.repo("field");
    let output = repo.flow(&[&["name", "make", "--"], text].concat());
    match result {
        Ok(name) => {
            assert_eq!(output.ok().stdout, format!("{name}\n"));
            repo.flow(&["name", "check", name]).ok();
        }
        Err(error) => {
            let output = output.exits(1);
            assert!(output.stderr.starts_with(&format!("Error: {error}\n")), "{output}");
            run_hint(&repo, &output).ok();
        }
    }
}

#[test]
fn a_name_is_told_in_parts() {
    let env = environment();
    let repo = env.repo("field");
    let name = repo.flow(&["name", "make", "docs--big--table", "--json"]).ok().json();
    let whole = json!({
        "schema": 1, "ok": true, "name": "a8f2--docs--big--table", "uid": "a8f2", "intent": "docs",
        "subflow": "big--table", "parent": "a8f2--docs--big",
    });
    assert_eq!(name, whole);
    let refused = repo.flow(&["name", "check", "x y", "--json"]).exits(1);
    assert_eq!(refused.stderr, "");
    let refused = refused.json();
    assert_eq!(refused["ok"], false);
    assert_eq!(refused["error"]["code"], "name-refused");
    assert_eq!(refused["error"]["hint"], "jj flow name check a8f2--logicXY");
}

#[test]
fn a_text_too_long_for_a_name_comes_with_one_that_fits() {
    let env = environment();
    let repo = env.repo("field");
    let long = "far too long a text ".repeat(30);
    for args in [vec!["name", "make", &long], vec!["name", "check", &long], vec!["new", &long]] {
        let output = repo.flow(&args).exits(1);
        assert!(output.stderr.contains("bytes, and 200 are the most"), "{output}");
        run_hint(&repo, &output).ok();
    }
}

#[rstest]
#[case(&["JJ", "research"], "a8f2--jjResearch")]
#[case(&["--", "--x"], "a8f2--logicX")]
#[case(&["feature/it's   a \"test\"\nof docs"], "a8f2--itsATestOfDocs")]
#[case(&["Größe: naïve ≠ schöne Schema"], "a8f2--grosseNaiveSchoneSchema")]
#[case(&["$(touch /tmp/x); `x` docs"], "a8f2--touchTmpXXDocs")]
#[case(&["b1c4--docs"], "b1c4--docs")]
fn a_flow_is_started_in_ones_own_words(#[case] words: &[&str], #[case] name: &str) {
    let env = environment();
    let repo = env.repo("field");
    let flow = repo.flow(&[&["new", "--json"], words].concat()).ok().json();
    assert_eq!((&flow["ok"], &flow["flow"]["flow"]), (&json!(true), &json!(name)));
    assert_eq!(env.rows("SELECT bookmark, actor FROM FlowRegistry"), format!("{name}|a8f2\n"));
}

#[test]
fn what_cannot_become_a_flow_leaves_the_repo_alone() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let state = repo.state();
    let refused: [(&[&str], &str, i32); 6] = [
        (&["new", "?!"], "name-refused", 1),
        (&["new", ""], "name-refused", 1),
        (&["new", "Research"], "name-taken", 1),
        (&["sub", "?!"], "name-refused", 1),
        (&["new"], "usage", 2),
        (&["new", "docs", "--parent", "nobody"], "unknown-flow", 1),
    ];
    for (args, code, exit) in refused {
        let output = repo.flow(args).exits(exit);
        assert_eq!(output.stdout, "");
        let told = repo.flow(&[args, &["--json"]].concat()).exits(exit).json();
        assert_eq!(
            (&told["ok"], &told["schema"], &told["error"]["code"]),
            (&json!(false), &json!(1), &json!(code))
        );
        let hint = format!("Hint: {}\n", told["error"]["hint"].as_str().unwrap());
        assert!(output.stderr.ends_with(&hint), "{output}");
        assert_eq!(repo.state(), state);
    }
    for (args, ..) in refused {
        run_hint(&repo, &repo.flow(args));
    }
}

#[test]
fn the_hint_of_a_taken_name_is_free() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["sub", "deep"]).ok();
    for _ in 0..2 {
        run_hint(&repo, &repo.flow(&["new", "RESEARCH"]).exits(1)).ok();
        run_hint(&repo, &repo.flow(&["sub", "Deep", "--of", "a8f2--research"]).exits(1)).ok();
    }
    insta::assert_snapshot!(env.rows("SELECT bookmark, parent_flow FROM FlowRegistry ORDER BY id"), @r"
    a8f2--research|NULL
    a8f2--research--deep|a8f2--research
    a8f2--research2|NULL
    a8f2--research--deep2|a8f2--research
    a8f2--research3|NULL
    a8f2--research--deep3|a8f2--research
    ");
}

#[test]
fn names_and_the_uid_need_no_repo() {
    let env = TestEnvironment::new();
    env.add_config("flow.types = ['ops']");
    let outside = env.dir("outside");
    let (own, source, value) = uid(&outside);
    assert_eq!((source.as_str(), value.as_str()), ("user", "test.user@example.com $TEST_ENV/outside"));
    let made = format!("{own}--opsRoom\n");
    assert_eq!(outside.flow(&["name", "make", "ops", "room"]).ok().stdout, made);
    assert_eq!(outside.flow(&["name", "check", "a8f2--opsRoom"]).ok().stdout, "a8f2--opsRoom conforms.\n");
    run_hint(&outside, &outside.flow(&["name", "check", "ops room"]).exits(1)).ok();
    let agent = outside.with("JJ_FLOW_UID", "b1c4");
    assert_eq!(uid(&agent).0, "b1c4");
    assert_eq!(agent.flow(&["name", "make", "ops"]).ok().stdout, "b1c4--ops\n");
}

/// The uid, and what it is of.
#[track_caller]
fn uid(repo: &TestRepo<'_>) -> (String, String, String) {
    let told = repo.flow(&["uid", "--json"]).ok().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(repo.flow(&["uid"]).ok().stdout, format!("{}\n", text(&told["uid"])));
    (text(&told["uid"]), text(&told["context"]["source"]), text(&told["context"]["value"]))
}

#[test]
fn the_uid_comes_from_the_first_context_that_there_is() {
    let env = TestEnvironment::new();
    env.add_config("flow.session-env = ['MY_AGENT', 'OTHER_AGENT']");
    let repo = env.repo("field");
    let person = uid(&repo);
    assert_eq!((person.1.as_str(), person.2), ("user", "test.user@example.com $TEST_ENV/field".to_owned()));
    let mut agent = repo.clone();
    let mut seen = vec![person.0];
    for variable in
        ["OTHER_AGENT", "MY_AGENT", "CODEX_THREAD_ID", "CLAUDE_CODE_SESSION_ID", "JJ_FLOW_SESSION"]
    {
        agent = agent.with(variable, "1");
        let (uid, source, value) = uid(&agent);
        assert_eq!((source.as_str(), value.as_str()), (variable, "1"));
        assert!(!seen.contains(&uid), "{uid}");
        seen.push(uid);
    }
    assert_eq!(seen[5], "6d37");
    let named = uid(&agent.with("JJ_FLOW_UID", "c0ffee"));
    assert_eq!((named.0.as_str(), named.1.as_str()), ("c0ffee", "JJ_FLOW_UID"));
    agent.flow(&["new", "docs"]).ok();
    assert_eq!(env.rows("SELECT uid, actor FROM FlowRegistry"), "6d37|6d37\n");
}

#[rstest]
#[case("xyz")]
#[case("a8")]
#[case("A8F2")]
#[case("a8f2a8f2a")]
fn a_uid_from_outside_is_validated(#[case] text: &str) {
    let env = environment();
    let repo = env.repo("field").with("JJ_FLOW_UID", text);
    let state = repo.state();
    let output = repo.flow(&["uid"]).exits(2);
    assert!(output.stderr.starts_with("Error: Could not take the uid from JJ_FLOW_UID: `"), "{output}");
    assert_eq!(run_hint(&repo, &output).ok().stdout, "a8f2\n");
    repo.flow(&["new", "research"]).exits(2);
    assert_eq!(repo.state(), state);
}

/// The sessions 147 and 258 have the same first four digits: the second one's uid grows.
#[test]
fn a_context_keeps_the_uid_that_it_was_given() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let (first, second) = (repo.with("JJ_FLOW_SESSION", "147"), repo.with("JJ_FLOW_SESSION", "258"));
    let (one, two) = (uid(&first).0, uid(&second).0);
    assert_eq!((one.len(), two.len()), (4, 5));
    assert_eq!(one, two[..4]);
    assert_eq!((uid(&second).0, uid(&first).0), (two, one));
}
