//! The registry as a public table, the event log, the journal, and what tells of them.

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{TestEnvironment, TestRepo};
use crate::workspaces::meanwhile;

pub(crate) fn repo<'e>(env: &'e TestEnvironment, name: &str) -> TestRepo<'e> {
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo(name);
    repo.commit("a.txt", "a\n", "first");
    repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    repo
}

/// All that the registry knows, in an order and with names that do not hang on its own numbers.
pub(crate) fn everything(env: &TestEnvironment) -> String {
    let queries = [
        "SELECT repo, bookmark, uid, component, intent, subflow, status, change_id, commit_id, parent_flow, actor, \
         reason, created_at, updated_at, gone_at FROM FlowRegistry ORDER BY repo, created_at, bookmark",
        "SELECT e.repo, e.key, f.bookmark, f.created_at, e.at, e.actor, e.kind, e.status_from, e.status_to, e.reason, \
         e.operation, e.line FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow ORDER BY e.key",
        "SELECT f.bookmark, l.key, l.parent, l.state, l.base_operation, l.chain_operation, l.operation, l.parent_from, \
         l.parent_to, l.tip_change, l.tip_from, l.tip_to, l.changes, l.rebased, l.planned_at, l.settled_at \
         FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow ORDER BY l.key",
    ];
    queries.map(|query| env.rows(query)).join("\n")
}

/// Ids hang on how many processes a command starts: they are not what these snapshots are about.
pub(crate) fn without_ids(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    let is_id = |word: &str, range: &[std::ops::RangeInclusive<char>]| {
        [8, 12].contains(&word.len()) && word.chars().all(|c| range.iter().any(|range| range.contains(&c)))
    };
    let word = |word: &str| {
        let bare = word.trim_matches(['(', ')', '\n']);
        let is_id = is_id(bare, &['k'..='z']) || is_id(bare, &['0'..='9', 'a'..='f']);
        if is_id { word.replace(bare, &"*".repeat(bare.len())) } else { word.to_owned() }
    };
    text.split_inclusive('\n').map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_status_set_in_sql_is_an_event_and_later_a_journal_line() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["new", "docs"]).ok();
    let journal = ".jj/repo/flow/journal.ndjson";
    let before = repo.read(journal);
    let set = "UPDATE FlowRegistry SET status = 'success' WHERE intent = 'research'";
    assert_eq!(env.registry().execute(set, []).unwrap(), 1);
    let events = "SELECT actor, kind, status_from, status_to, line IS NULL FROM events WHERE kind = 'status'";
    assert_eq!(env.rows(events), "sql|status|in-progress|success|1\n");
    assert_eq!(repo.read(journal), before);
    repo.flow(&["reopen", "docs"]).ok();
    assert_eq!(env.rows(events), "sql|status|in-progress|success|0\n");
    let lines = repo.read(journal);
    let line = lines.strip_prefix(&before).unwrap();
    assert_eq!(line.lines().count(), 1);
    assert!(
        line.contains(
            r#""actor":"sql","flow":"a8f2--research","kind":"status","from":"in-progress","to":"success""#
        ),
        "{line}"
    );
    // A journal line is written once.
    repo.flow(&["reopen", "docs"]).ok();
    assert_eq!(repo.read(journal), lines);
    let flow = repo.flow(&["show", "research", "--json"]).ok().json();
    assert_eq!(
        (flow["flow"]["status"].as_str(), flow["events"][0]["actor"].as_str()),
        (Some("success"), Some("sql"))
    );
}

/// A tool's word that falls between what a command has found and its line: the journal has both in the registry's order.
#[test]
fn a_status_set_in_sql_while_something_else_is_written_comes_first_in_both() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("r.txt", "r\n", "a result");
    let ends = ["found-out", "go-on"].map(|name| env.root().join(name));
    ends.iter().for_each(|end| _ = env.dir("").sh(&format!("mkfifo {}", end.display())).ok());
    let waiting = meanwhile(&repo, "found", "echo >$TEST_ENV/found-out; cat $TEST_ENV/go-on");
    std::thread::scope(|scope| {
        let sync = scope.spawn(|| waiting.flow(&["sync"]));
        std::fs::read(&ends[0]).unwrap();
        let set = "UPDATE FlowRegistry SET status = 'success'";
        assert_eq!(env.registry().execute(set, []).unwrap(), 1);
        std::fs::write(&ends[1], "").unwrap();
        sync.join().unwrap().ok();
    });
    assert!(env.rows("SELECT kind FROM events ORDER BY id").contains("status\nmoved\n"));
    assert_rebuilt(&env, &[&repo]);
}

#[rstest]
#[case::no_status("UPDATE FlowRegistry SET status = 'banana'", "CHECK constraint failed")]
#[case::not_null("UPDATE FlowRegistry SET status = NULL", "NOT NULL constraint failed")]
#[case::merged("UPDATE FlowRegistry SET status = 'merged'", "only a landing makes a flow merged")]
#[case::delete("DELETE FROM FlowRegistry", "a flow keeps its row")]
#[case::replace("REPLACE INTO FlowRegistry SELECT * FROM FlowRegistry WHERE intent = 'docs'", "jj-flow: ")]
#[case::insert_or_replace(
    "INSERT OR REPLACE INTO FlowRegistry SELECT * FROM FlowRegistry WHERE intent = 'docs'",
    "jj-flow: "
)]
#[case::upsert(
    "INSERT INTO FlowRegistry SELECT * FROM FlowRegistry WHERE intent = 'docs' ON CONFLICT DO UPDATE SET status = 'success'",
    "jj-flow: "
)]
#[case::update_or_replace(
    "UPDATE OR REPLACE FlowRegistry SET id = 2 WHERE id = 1",
    "a row keeps its identity"
)]
#[case::replaced_name("UPDATE OR REPLACE FlowRegistry SET bookmark = 'a8f2--docs'", "jj-flow: ")]
#[case::rename("UPDATE FlowRegistry SET bookmark = 'a8f2--x'", "only status and reason may be set")]
#[case::tip(
    "UPDATE FlowRegistry SET status = 'success', change_id = 'zzzz' WHERE intent = 'docs'",
    "only status and reason may be set"
)]
#[case::gone("UPDATE FlowRegistry SET gone_at = '2001'", "only status and reason may be set")]
#[case::events_deleted("DELETE FROM events", "the event log only grows")]
#[case::events_changed("UPDATE events SET actor = 'me'", "the event log only grows")]
#[case::events_replaced("REPLACE INTO events SELECT * FROM events", "the event log only grows")]
#[case::landings("DELETE FROM landings", "a landing stays on record")]
#[case::forged_landing(
    "INSERT INTO landings (flow, key, parent, state, tip_change, planned_at) VALUES (2, 'k', 'main', 'landed', 'x', 'y')",
    "a landing is planned before it lands"
)]
#[case::unannounced(
    "UPDATE FlowRegistry SET status = 'failed', last_event = NULL WHERE intent = 'docs'",
    "jj-flow: "
)]
#[case::repos("DELETE FROM repos", "a repo with flows stays on record")]
#[case::row_from_outside(
    "INSERT INTO FlowRegistry (repo, bookmark, uid, component, intent, change_id, commit_id, actor, created_at, updated_at) \
     SELECT repo, 'zzz', uid, component, intent, change_id, commit_id, actor, created_at, updated_at FROM FlowRegistry",
    "a flow is made by jj-flow"
)]
fn the_database_refuses_what_would_lose_history(#[case] sql: &str, #[case] message: &str) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.write("r.txt", "r\n");
    repo.flow(&["done", "-m", "a result"]).ok();
    repo.flow(&["new", "docs"]).ok();
    repo.flow(&["new", "schema"]).ok();
    let before = everything(&env);
    let sql = sql.replace("'merged'", "'merged' WHERE intent = 'docs'");
    let registry = env.registry();
    // What the database does by itself, whoever opens it.
    registry.pragma_update(None, "foreign_keys", false).unwrap();
    let error = registry.execute(&sql, []).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
    assert_eq!(everything(&env), before);
}

#[test]
fn a_merged_flow_stays_merged() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.write("r.txt", "r\n");
    repo.flow(&["done", "-m", "a result"]).ok();
    for status in ["in-progress", "success", "failed"] {
        let error = env.registry().execute("UPDATE FlowRegistry SET status = ?1", [status]).unwrap_err();
        assert!(error.to_string().contains("cannot go from its status to that one"), "{error}");
    }
    for command in [&["fail", "research", "--reason", "why"][..], &["reopen", "research"]] {
        let output = repo.flow(command).exits(1);
        crate::names::run_hint(&repo, &output).ok();
    }
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
}

#[rstest]
#[case("UPDATE FlowRegistry SET status = 'success'")]
#[case("UPDATE FlowRegistry SET status = 'success' RETURNING *")]
#[case("ATTACH 'other.db' AS other")]
#[case("VACUUM INTO 'other.db'")]
#[case("VACUUM")]
#[case("PRAGMA journal_mode = delete")]
#[case("PRAGMA user_version = 7")]
#[case("PRAGMA writable_schema = on")]
#[case("CREATE TEMP TABLE x (y)")]
#[case("BEGIN IMMEDIATE")]
#[case("SELECT 1; DELETE FROM events")]
#[case("SELECT load_extension('x')")]
#[case("WITH x AS (SELECT 1) DELETE FROM FlowRegistry")]
#[case("")]
#[case("nonsense")]
fn a_query_only_reads(#[case] sql: &str) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    let settings = || env.rows("PRAGMA journal_mode") + &env.rows("PRAGMA user_version");
    let before = (everything(&env), settings());
    let output = repo.flow(&["query", sql]).exits(2);
    assert_eq!(output.stdout, "");
    crate::names::run_hint(&repo, &output).ok();
    assert_eq!((everything(&env), settings()), before);
    assert!(!repo.root().join("other.db").exists());
}

#[test]
fn a_query_answers() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    let sql = "SELECT uid, intent, NULL AS none, 1.5 AS n, x'00ff' AS bytes FROM FlowRegistry";
    insta::assert_snapshot!(repo.flow(&["query", sql]).ok(), @r"
    UID   INTENT    NONE  N    BYTES
    a8f2  research        1.5  00ff
    ");
    let answer = repo.flow(&["query", sql, "--json"]).ok().json();
    assert_eq!(answer["rows"][0]["intent"], "research");
    assert!(answer["rows"][0]["none"].is_null());
}

#[test]
fn list_shows_what_its_filters_ask_for() {
    let env = TestEnvironment::new();
    let one = repo(&env, "one");
    one.flow(&["new", "research"]).ok();
    one.flow(&["sub", "deep"]).ok();
    one.flow(&["fail", "--reason", "no luck"]).ok();
    one.with("JJ_FLOW_UID", "b1c4").flow(&["new", "docs"]).ok();
    let two = env.repo("two");
    two.flow(&["new", "docstring", "logic", "--config", "flow.component='engine'"]).ok();
    let list = |args: &[&str]| {
        let list = one.flow(&[&["list", "--json"], args].concat()).ok().json();
        let names: Vec<_> = list["flows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|flow| flow["flow"].as_str().unwrap().to_owned())
            .collect();
        names.join(" ")
    };
    assert_eq!(list(&[]), "b1c4--docs a8f2--research--deep a8f2--research");
    assert_eq!(list(&["--all"]), "a8f2--docstringLogic b1c4--docs a8f2--research--deep a8f2--research");
    assert_eq!(list(&["--all", "--limit", "1"]), "a8f2--docstringLogic");
    assert_eq!(list(&["--status", "failed"]), "a8f2--research--deep");
    assert_eq!(list(&["--all", "--status", "failed", "--status", "merged"]), "a8f2--research--deep");
    assert_eq!(list(&["--uid", "b1c4"]), "b1c4--docs");
    assert_eq!(list(&["--all", "--type", "docs", "--limit", "5"]), "b1c4--docs");
    assert_eq!(list(&["--all", "--component", "engine"]), "a8f2--docstringLogic");
    assert_eq!(list(&["--component", "one", "--type", "research"]), "a8f2--research--deep a8f2--research");
    assert_eq!(list(&["--all", "--since", "2001-02-03T04:05:06Z", "--uid", "b1c4"]), "b1c4--docs");
    assert_eq!(list(&["--since", "2002-01-01T00:00:00Z"]), "");
    one.jj(&["bookmark", "delete", "b1c4--docs"]).ok();
    one.flow(&["reopen", "deep"]).ok();
    assert_eq!(list(&["--uid", "b1c4"]), "");
    assert_eq!(list(&["--uid", "b1c4", "--gone"]), "b1c4--docs");
    for wrong in
        [&["list", "--status", "banana"][..], &["list", "--since", "soon"], &["list", "--limit", "x"]]
    {
        one.flow(wrong).exits(2);
    }
    insta::assert_snapshot!(without_ids(&one.flow(&["list", "--all", "--gone"]).ok()), @r"
    FLOW                  STATUS       COMPONENT  PARENT          CHANGE    AGE  REPO
    a8f2--research--deep  in-progress  one        a8f2--research  ********  now  $TEST_ENV/one
    b1c4--docs (gone)     in-progress  one                        ********  now  $TEST_ENV/one
    a8f2--docstringLogic  in-progress  engine                     ********  now  $TEST_ENV/two
    a8f2--research        in-progress  one                        ********  now  $TEST_ENV/one
    ");
}

#[test]
fn fail_reopen_and_adopt_are_events() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.jj(&["bookmark", "create", "feature/JJ-research"]).ok();
    insta::assert_snapshot!(repo.flow(&["adopt", "feature/JJ-research"]).ok(), @"Adopted feature/JJ-research as a8f2--jjResearch.");
    repo.flow(&["fail", "jjResearch", "--reason", "it does not scale"]).ok();
    repo.flow(&["reopen", "a8f2--jjResearch"]).ok();
    repo.flow(&["reopen"]).ok();
    repo.flow(&["adopt", "a8f2--jjResearch"]).ok();
    repo.flow(&["fail", "--reason", " "]).exits(2);
    insta::assert_snapshot!(without_ids(&repo.flow(&["log"]).ok()), @r"
    2001-02-03 04:05:13  a8f2      a8f2--jjResearch  failed -> in-progress
    2001-02-03 04:05:12  a8f2      a8f2--jjResearch  in-progress -> failed: it does not scale
    2001-02-03 04:05:11  a8f2      a8f2--jjResearch  created (************)
    ");
    insta::assert_snapshot!(without_ids(&repo.flow(&["show", "jjResearch"]).ok()), @r"
    a8f2--jjResearch (in-progress)
    Lands on:  the trunk
    Component: field
    Change:    ******** ********
    Repo:      $TEST_ENV/field
    Started:   just now by a8f2

    2001-02-03 04:05:13  a8f2      a8f2--jjResearch  failed -> in-progress
    2001-02-03 04:05:12  a8f2      a8f2--jjResearch  in-progress -> failed: it does not scale
    2001-02-03 04:05:11  a8f2      a8f2--jjResearch  created (************)
    ");
    for refused in [&["adopt", "main"][..], &["adopt", "nothing"], &["show", "nothing"], &["log", "nothing"]]
    {
        crate::names::run_hint(&repo, &repo.flow(refused).exits(1));
    }
}
