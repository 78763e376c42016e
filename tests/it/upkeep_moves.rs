//! `jj flow gc`: moves of a flow that later ones followed.

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{TestEnvironment, TestRepo};
use crate::ledger::repo;
use crate::upkeep::{LATER, land, later};

const JOURNAL: &str = ".jj/repo/flow/journal.ndjson";
const MOVES: &str = "SELECT count(*) FROM events WHERE kind = 'moved'";

fn count_moves(env: &TestEnvironment) -> u64 {
    env.rows(MOVES).trim().parse().unwrap()
}

/// A flow that moves so often, each move on record.
fn moves(repo: &TestRepo<'_>, times: usize) {
    for time in 0..times {
        repo.write("work", &format!("{time}\n"));
        repo.jj(&["status"]).ok();
        repo.flow(&[]).ok();
    }
}

/// One flow that moved five times, one that moved, went and came back, one that landed.
fn history(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = repo(env, "field");
    repo.flow(&["new", "research"]).ok();
    moves(&repo, 2);
    repo.flow(&["fail", "--reason", "why"]).ok();
    repo.flow(&["reopen"]).ok();
    moves(&repo, 3);
    repo.jj(&["commit", "-m", "research"]).ok();
    repo.flow(&["new", "docs"]).ok();
    moves(&repo, 2);
    repo.jj(&["commit", "-m", "docs"]).ok();
    repo.write("on-top", "on top\n");
    repo.jj(&["commit", "-m", "docs: on top"]).ok();
    repo.flow(&[]).ok();
    repo.jj(&["bookmark", "delete", "a8f2--docs"]).ok();
    repo.flow(&[]).ok();
    repo.jj(&["undo"]).ok();
    repo.flow(&[]).ok();
    moves(&repo, 2);
    land(&repo, "schema");
    repo
}

#[test]
fn superseded_moves_go_from_registry_and_journal() {
    let env = TestEnvironment::new();
    let repo = history(&env);
    let before = (count_moves(&env), repo.read(JOURNAL));
    assert_eq!(repo.flow(&["gc", "--json"]).ok().json()["repos"][0]["events"], 0);
    let keep = "--config=flow.keep-merged='forever'";
    let plan = later(&repo).flow(&["gc", "--dry-run", "--json", keep]).ok().json();
    assert_eq!((count_moves(&env), repo.read(JOURNAL)), before);
    let rows = |sql: &str| env.rows(sql);
    let flows = "SELECT * FROM FlowRegistry ORDER BY id";
    let others = "SELECT * FROM events WHERE kind <> 'moved' ORDER BY id";
    let kept = (rows(flows), rows(others));
    let done = later(&repo).flow(&["gc", "--json", keep]).ok().json();
    let done = &done["repos"][0];
    assert_eq!(done["events"], plan["repos"][0]["events"]);
    let went = done["events"].as_u64().unwrap();
    assert!(went >= 5, "{done}");
    assert_eq!((rows(flows), rows(others)), kept);
    assert_eq!(count_moves(&env), before.0 - went);
    // What is left of the journal is as it was, and in its order.
    let journal = repo.read(JOURNAL);
    assert_eq!(before.1.lines().count() as u64 - went, journal.lines().count() as u64);
    let mut lines = before.1.lines();
    assert!(journal.lines().all(|line| lines.any(|before| before == line)));
    assert_eq!(rows("SELECT journal_offset FROM repos"), format!("{}\n", journal.len()));
    assert_eq!(done["journal"], serde_json::json!({"before": before.1.len(), "after": journal.len()}));
    insta::assert_snapshot!(later(&repo).flow(&["gc", keep]).ok(), @"Nothing is to go.");
    assert_rebuilt(&env, &[&repo]);
}

/// A rebase that was undone before anybody looked stands in the log alone: the row is where the move before it went.
#[test]
fn a_move_that_was_told_aside_follows_no_other() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.write("work", "work\n");
    repo.jj(&["commit", "-m", "research"]).ok();
    repo.flow(&["fail", "--reason", "why"]).ok();
    repo.jj(&["rebase", "-s", "a8f2--research", "-o", "root()"]).ok();
    repo.jj(&["undo"]).ok();
    repo.flow(&["sync"]).ok();
    let aside = "SELECT count(*) FROM events WHERE kind = 'moved' AND json_extract(line, '$.aside')";
    assert_eq!(env.rows(aside), "1\n");
    later(&repo).flow(&["gc"]).ok();
    assert_rebuilt(&env, &[&repo]);
}

#[rstest]
fn killed_anywhere_the_next_one_finishes(
    #[values("compacted", "rereading", "replaced", "removed")] step: &str,
    #[values(false, true)] goes_on: bool,
) {
    let env = TestEnvironment::new();
    let repo = history(&env);
    let keep = "--config=flow.keep-merged='forever'";
    let flows = "SELECT * FROM FlowRegistry ORDER BY id";
    let before = env.rows(flows);
    let moves_before = count_moves(&env);
    later(&repo).with("JJ_FLOW_FAILPOINT", step).flow(&["gc", keep]).exits(137);
    assert_eq!(env.rows(flows), before);
    if goes_on {
        // Somebody works on, and more than was taken away.
        repo.flow(&["new", "logic"]).ok();
        moves(&repo, 8);
    }
    let registry = env.rows(flows);
    repo.flow(&[]).ok();
    assert_eq!(env.rows(flows), registry);
    later(&repo).flow(&["gc", keep]).ok();
    assert_eq!(env.rows(flows), registry);
    assert!(goes_on || count_moves(&env) + 5 <= moves_before);
    let dir = repo.root().join(".jj/repo/flow");
    assert!(!dir.join("journal.ndjson.new").exists());
    insta::allow_duplicates! {
        insta::assert_snapshot!(later(&repo).flow(&["gc", keep]).ok(), @"Nothing is to go.");
    }
    assert_rebuilt(&env, &[&repo]);
}

#[test]
fn sixteen_who_write_meanwhile_lose_no_line() {
    let env = TestEnvironment::new();
    let repo = history(&env);
    let keep = "--config=flow.keep-merged='forever'";
    std::thread::scope(|scope| {
        for number in 0..16 {
            let repo = repo.with("JJ_FLOW_UID", &format!("b1c{number:x}"));
            scope.spawn(move || {
                for _ in 0..3 {
                    repo.flow(&["fail", "a8f2--research", "--reason", &format!("reason of {number}")]).ok();
                    repo.flow(&["reopen", "a8f2--research"]).ok();
                }
            });
        }
        for _ in 0..4 {
            let repo = later(&repo);
            scope.spawn(move || repo.flow(&["gc", keep]).ok());
        }
    });
    later(&repo).flow(&["gc", keep]).ok();
    let said = env.rows("SELECT reason, count(*) FROM events WHERE reason LIKE 'reason of%' GROUP BY reason");
    assert_eq!(said.lines().count(), 16, "{said}");
    assert_eq!(env.rows(&format!("SELECT max(at) < '{LATER}' FROM events")), "1\n");
    let lines = repo.read(JOURNAL);
    assert_eq!(env.rows("SELECT count(*) FROM events"), format!("{}\n", lines.lines().count()));
    assert_rebuilt(&env, &[&repo]);
}

#[rstest]
#[case::the_last("events", "moves", "id = (SELECT max(id) FROM events WHERE kind = 'moved')", "only grows")]
#[case::before_it_went(
    "events",
    "moves",
    "kind = 'moved' AND id = (SELECT max(m.id) FROM events AS m JOIN events AS d ON d.flow = m.flow \
     AND d.kind = 'deleted' AND m.kind = 'moved' AND m.id < d.id)",
    "only grows"
)]
#[case::another_kind("events", "moves", "kind = 'created'", "only grows")]
#[case::a_flow("FlowRegistry", "moves", "TRUE", "keeps its row")]
#[case::a_landing("landings", "moves", "TRUE", "a landing stays")]
#[case::another_repo("events", "repo", "TRUE", "only grows")]
#[case::another_repos_flow("FlowRegistry", "repo", "TRUE", "keeps its row")]
#[case::another_repos_landing("landings", "repo", "TRUE", "a landing stays")]
#[case::the_announcement("upkeep", "repo", "TRUE", "what is deleted is announced")]
fn only_what_was_announced_goes(
    #[case] table: &str,
    #[case] takes: &str,
    #[case] which: &str,
    #[case] message: &str,
) {
    let env = TestEnvironment::new();
    history(&env);
    let registry = env.registry();
    registry.pragma_update(None, "foreign_keys", false).unwrap();
    let repo = if takes == "repo" { "'another'" } else { "(SELECT id FROM repos)" };
    registry.execute(&format!("UPDATE upkeep SET takes = '{takes}', repo = {repo}"), []).unwrap();
    assert_ne!(env.rows(&format!("SELECT count(*) FROM {table} WHERE {which}")), "0\n");
    let error = registry.execute(&format!("DELETE FROM {table} WHERE {which}"), []).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}
