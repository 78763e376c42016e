//! Asking the registry: filters, pages, formats, views, and every repo at once.

use std::collections::BTreeSet;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::ledger::without_ids;

/// Two repos under different agents, with flows at every status.
fn field(env: &TestEnvironment) -> [TestRepo<'_>; 2] {
    env.set("JJ_FLOW_UID", "a8f2");
    let repos = ["one", "two"].map(|name| {
        let repo = env.repo(name);
        repo.commit("a.txt", "a\n", "first");
        repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
        repo
    });
    let [one, two] = &repos;
    one.flow(&["new", "jj research"]).ok();
    one.write("r.txt", "r\n");
    one.jj(&["commit", "-m", "work"]).ok();
    one.flow(&["sub", "scaling"]).ok();
    one.write("s.txt", "s\n");
    one.flow(&["done", "-m", "scaled"]).ok();
    one.with("JJ_FLOW_UID", "b1c4").flow(&["new", "docs"]).ok();
    one.flow(&["fail", "docs", "--reason", "no \"luck\",\nat all"]).ok();
    two.flow(&["new", "logicBridge"]).ok();
    two.write("b.txt", "b\n");
    two.jj(&["commit", "-m", "bridge"]).ok();
    two.flow(&["list"]).ok();
    let set = "UPDATE FlowRegistry SET status = 'success' WHERE intent = 'logicBridge'";
    assert_eq!(env.registry().execute(set, []).unwrap(), 1);
    two.flow(&["list"]).ok();
    repos
}

fn names(answer: &serde_json::Value) -> Vec<String> {
    let flows = answer["flows"].as_array().unwrap();
    flows.iter().map(|flow| flow["flow"].as_str().unwrap().to_owned()).collect()
}

const RESEARCH: &str = "a8f2--jjResearch";
const SCALING: &str = "a8f2--jjResearch--scaling";

#[rstest]
#[case(&["--all"], &["a8f2--logicBridge", "b1c4--docs", RESEARCH, SCALING])]
#[case(&[], &["b1c4--docs", RESEARCH, SCALING])]
#[case(&["--all", "--status", "success", "--status", "failed"], &["a8f2--logicBridge", "b1c4--docs"])]
#[case(&["--all", "--uid", "a8f2"], &["a8f2--logicBridge", RESEARCH, SCALING])]
#[case(&["--all", "--type", "research"], &[RESEARCH, SCALING])]
#[case(&["--all", "--type", "log"], &[])]
#[case(&["--all", "--component", "two"], &["a8f2--logicBridge"])]
#[case(&["--parent", RESEARCH], &[SCALING])]
#[case(&["--parent", "jjResearch"], &[SCALING])]
#[case(&["--parent", "main"], &["b1c4--docs", RESEARCH])]
#[case(&["--all", "--parent", "main"], &["a8f2--logicBridge", "b1c4--docs", RESEARCH])]
#[case(&["--all", "--parent", "jjresearch"], &[SCALING])]
#[case(&["--all", "--parent", "research"], &[])]
#[case(&["--all", "--text", "LUCK"], &["b1c4--docs"])]
#[case(&["--all", "--text", "100%"], &[])]
#[case(&["--all", "--since", "1h", "--type", "docs"], &["b1c4--docs"])]
#[case(&["--all", "--since", "2030-01-01T00:00:00Z"], &[])]
fn flows_are_listed_by_what_is_asked(#[case] args: &[&str], #[case] expected: &[&str]) {
    let env = TestEnvironment::new();
    let [one, _] = field(&env);
    let answer = one.flow(&[&["list", "--json"], args].concat()).ok().json();
    let found: BTreeSet<String> = names(&answer).into_iter().collect();
    assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect(), "{answer}");
    assert_eq!(answer["next"], serde_json::Value::Null);
    // The tree, which has open flows alone where no status is asked for, has the same ones.
    let tree = names(&one.flow(&[&["--json"], args].concat()).ok().json());
    let open = |flow: &serde_json::Value| flow["status"] != "merged";
    let listed = answer["flows"].as_array().unwrap().iter().filter(|flow| open(flow)).count();
    assert!(args.is_empty() || tree.len() == listed, "{tree:?} {answer}");
}

#[rstest]
#[case(&["list", "--parent", "jjResaerch"], "Error: There is no flow jjResaerch in this repo; did you mean a8f2--jjResearch", 1)]
#[case(&["--parent", "nobody"], "Error: There is no flow nobody in this repo", 1)]
#[case(&["log", "--kind", "bogus"], "Error: invalid value 'bogus' for '--kind <KIND>'", 2)]
fn what_there_is_not_is_refused(#[case] args: &[&str], #[case] says: &str, #[case] exit: i32) {
    let env = TestEnvironment::new();
    let [one, _] = field(&env);
    let refused = one.flow(args).exits(exit);
    assert!(refused.stderr.contains(says), "{refused}");
}

#[test]
fn pages_have_every_flow_once() {
    let env = TestEnvironment::new();
    let [one, _] = field(&env);
    // All at one moment.
    for number in 0..25 {
        one.jj(&["bookmark", "create", &format!("c0de--research--n{number}"), "-r", "main"]).ok();
    }
    let outside = env.dir("outside");
    one.flow(&["list"]).ok();
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut args = vec!["list", "--all", "--json", "--limit", "4", "--uid", "c0de"];
        args.extend(after.as_ref().map(|after| ["--after", after]).into_iter().flatten());
        let page = outside.flow(&args).ok().json();
        assert!(names(&page).len() <= 4);
        seen.extend(names(&page));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    let all = names(&outside.flow(&["list", "--all", "--json", "--uid", "c0de"]).ok().json());
    assert_eq!((seen.len(), seen), (25, all));
    let shown = one.flow(&["list", "--limit", "2"]).ok();
    assert!(shown.stderr.starts_with("There are more: add --after 2001-"), "{shown}");
    one.flow(&["list", "--after", "nonsense"]).exits(2);
}

#[test]
fn the_log_is_of_one_flow_of_one_repo_or_of_all() {
    let env = TestEnvironment::new();
    let [one, two] = field(&env);
    let log = |repo: &TestRepo<'_>, args: &[&str]| without_ids(&repo.flow(&[&["log"], args].concat()).ok());
    insta::assert_snapshot!(log(&one, &["--all", "--kind", "status", "--actor", "a8f2"]), @r#"
    2001-02-03 04:05:18  a8f2      b1c4--docs  in-progress -> failed: no "luck", at all  [one]
    2001-02-03 04:05:16  a8f2      a8f2--jjResearch--scaling  in-progress -> success  [one]
    "#);
    insta::assert_snapshot!(log(&two, &["docs", "--all"]), @r#"
    2001-02-03 04:05:18  a8f2      b1c4--docs  in-progress -> failed: no "luck", at all  [one]
    2001-02-03 04:05:17  b1c4      b1c4--docs  created (************)  [one]
    "#);
    insta::assert_snapshot!(log(&one, &["--text", "scaling", "--kind", "landed"]), @r#"
    2001-02-03 04:05:16  a8f2      a8f2--jjResearch--scaling  landed (************)
    "#);
    let events = two.flow(&["log", "--all", "--json", "--limit", "3"]).ok().json();
    let all = events["events"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["component"]), (3, &"two".into()));
    let next = events["next"].as_str().unwrap();
    let more = two.flow(&["log", "--all", "--json", "--after", next]).ok().json();
    assert!(more["events"].as_array().unwrap().iter().all(|event| !all.contains(event)));
}

#[test]
fn a_flow_is_shown_from_whatever_repo() {
    let env = TestEnvironment::new();
    let [one, two] = field(&env);
    let outside = env.dir("outside");
    assert!(outside.flow(&["show", "--all", "bridge"]).exits(1).stderr.contains("There is no flow bridge"));
    let shown = outside.flow(&["show", "--all", "logicBridge"]).ok();
    assert!(shown.stdout.starts_with("a8f2--logicBridge (success)\n"), "{shown}");
    outside.flow(&["show", "logicBridge"]).exits(1);
    two.jj(&["bookmark", "create", "a8f2--jjResearch--scaling"]).ok();
    two.flow(&["list"]).ok();
    let torn = outside.flow(&["show", "--all", "scaling"]).exits(1);
    let said = "scaling may be any of a8f2--jjResearch--scaling in $TEST_ENV/one, a8f2--jjResearch--scaling in $TEST_ENV/two";
    assert!(torn.stderr.contains(said), "{torn}");
    crate::names::run_hint(&one, &torn).ok();
}

#[test]
fn the_tree_is_of_every_repo() {
    let env = TestEnvironment::new();
    let [one, _] = field(&env);
    insta::assert_snapshot!(env.dir("outside").flow(&["--all"]).ok(), @r#"
    $TEST_ENV/one
    ├─ a8f2--jjResearch   in-progress  one  now
    └─ b1c4--docs         failed       one  now
    $TEST_ENV/two
    └─ a8f2--logicBridge  success      two  now
    "#);
    insta::assert_snapshot!(one.flow(&["--text", "scaling", "--status", "merged"]).ok(), @r#"
    main
    └─ a8f2--jjResearch              in-progress  2 ahead  now
       └─ a8f2--jjResearch--scaling  merged       0 ahead  now
    "#);
    assert!(one.flow(&["--all", "list"]).exits(2).stderr.contains("stands behind its command"));
    assert!(env.dir("outside").flow(&[]).exits(1).stderr.contains("There is no jj repo"));
}

#[test]
fn a_query_is_answered_in_every_format() {
    let env = TestEnvironment::new();
    let [one, _] = field(&env);
    let sql =
        "SELECT bookmark, reason, 1.5 AS n, '' AS e, char(27) AS esc FROM FlowRegistry WHERE uid = 'b1c4'";
    let ask = |format: &str| one.flow(&["query", sql, "--format", format]).ok().stdout;
    insta::assert_snapshot!(ask("table"), @r#"
    BOOKMARK    REASON             N    E  ESC
    b1c4--docs  no "luck", at all  1.5     \u{1b}
    "#);
    insta::assert_snapshot!(ask("csv").replace('\r', "<cr>").replace('\u{1b}', "<esc>"), @r#"
    bookmark,reason,n,e,esc<cr>
    b1c4--docs,"no ""luck"",
    at all",1.5,"",<esc><cr>
    "#);
    insta::assert_snapshot!(ask("ndjson"), @r#"
    {"bookmark":"b1c4--docs","reason":"no \"luck\",\nat all","n":1.5,"e":"","esc":"\u001b"}
    "#);
    insta::assert_snapshot!(ask("json"), @r#"
    {"schema":1,"ok":true,"columns":["bookmark","reason","n","e","esc"],"rows":[{"bookmark":"b1c4--docs","reason":"no \"luck\",\nat all","n":1.5,"e":"","esc":"\u001b"}]}
    "#);
    assert_eq!(ask("json"), one.flow(&["query", sql, "--json"]).ok().stdout);
    let stdin =
        one.flow_with(&["query", "-", "--format", "csv"], |command| command.write_stdin("SELECT 1 AS x"));
    assert_eq!(stdin.ok().stdout, "x\r\n1\r\n");
    // What is refused has no answer, and what takes too long ends.
    for (sql, code) in [("DELETE FROM events", 2), ("SELECT x", 2)] {
        let refused = one.flow(&["query", sql, "--format", "csv"]).exits(code);
        assert_eq!(refused.stdout, "");
    }
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
    let late = one.flow(&["query", endless, "--timeout", "50ms"]).exits(1);
    assert_eq!(late.stderr, "Error: Could not finish the query in 0.05 s; --timeout gives it more\n");
    for nothing in ["", " ; ", "/* nothing */"] {
        let refused = one.flow(&["query", nothing]).exits(2);
        assert!(
            refused.stderr.starts_with("Error: Could not run the query: there is no SQL in it\n"),
            "{refused}"
        );
    }
    one.flow(&["query", "SELECT 1", "--timeout", "soon"]).exits(2);
}

#[test]
fn the_views_answer_the_common_questions() {
    let env = TestEnvironment::new();
    let [one, two] = field(&env);
    two.flow(&["sub", "deck", "--of", "logicBridge"]).ok();
    env.add_config("flow.hooks.verify = ['sh', '-c', 'echo broken; exit 3']");
    one.flow(&["done", "jjResearch"]).exits(4);
    let who =
        "SELECT uid, bookmark, component, status, days_untouched >= 0 FROM open_flows ORDER BY bookmark";
    insta::assert_snapshot!(env.rows(who), @r#"
    a8f2|a8f2--jjResearch|one|failed|1
    a8f2|a8f2--logicBridge|two|success|1
    a8f2|a8f2--logicBridge--deck|two|in-progress|1
    b1c4|b1c4--docs|one|failed|1
    "#);
    let why = "SELECT bookmark, reason, ending, trim(tail, char(10)) FROM failed_flows ORDER BY bookmark";
    insta::assert_snapshot!(env.rows(why), @r#"
    a8f2--jjResearch|verification: exit 3|exit 3|broken
    b1c4--docs|no "luck",
    at all|NULL|NULL
    "#);
    let what = "SELECT bookmark, component, parent_flow, open_subflows, met_conflict FROM waiting_flows";
    insta::assert_snapshot!(env.rows(what), @r#"
    a8f2--logicBridge|two|NULL|1|0
    "#);
    let long = "SELECT bookmark, parent, state, changes, round(days * 86400) FROM landed_flows";
    insta::assert_snapshot!(env.rows(long), @r#"
    a8f2--jjResearch--scaling|a8f2--jjResearch|landed|1|1
    "#);
}
