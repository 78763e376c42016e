//! Killed from outside: the jj that a landing works with, and jj-flow in the midst of a transaction. And another
//! version's hand in the same registry.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;
use rusqlite::TransactionBehavior;

use crate::common::invariants::{Since, assert_rebuilt, assert_sound};
use crate::common::{TestEnvironment, TestRepo, real_jj};
use crate::shapes::{repo, work};
use crate::shim::environment;

/// Puts a jj in the real one's place that is killed at its `KILLED`th turn, before or after its work.
fn mortal_jj(env: &TestEnvironment) {
    let script = format!(
        r#"#!/bin/sh
[ -z "$KILLED" ] && exec '{jj}' "$@"
[ "$1" = --version ] && exec '{jj}' "$@"
set -C
turn=1
until {{ true >"$TURNS/$turn"; }} 2>/dev/null; do turn=$((turn + 1)); done
[ $turn -lt "$KILLED" ] && exec '{jj}' "$@"
[ $turn -gt "$KILLED" ] && exec '{jj}' "$@"
[ -n "$AFTERWARDS" ] && '{jj}' "$@" >/dev/null 2>&1
kill -9 $$
"#,
        jj = real_jj().display()
    );
    let jj = env.root().join("bin/jj");
    std::fs::write(&jj, script).unwrap();
    std::fs::set_permissions(&jj, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether the jj that was to be killed had its turn.
fn land_with_a_killed_jj(repo: &TestRepo<'_>, since: &mut Since, number: usize, afterwards: &str) -> bool {
    repo.jj(&["new", "main"]).ok();
    repo.flow(&["new", &format!("research{number}")]).ok();
    let text = format!("mine {number}\n");
    repo.write("shared", &text);
    repo.jj(&["commit", "--message=mine"]).ok();
    // The parent moves, so that a landing rebases.
    repo.jj(&["new", "main"]).ok();
    repo.commit(&format!("theirs{number}"), &format!("theirs {number}\n"), "theirs");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    since.texts.extend([text, format!("theirs {number}\n")]);
    let turns = format!("turns/{number}");
    let turns = repo.env().dir(&turns).root().to_str().unwrap().to_owned();
    let mortal =
        repo.with("KILLED", &number.to_string()).with("TURNS", &turns).with("AFTERWARDS", afterwards);
    let flow = format!("research{number}");
    let output = mortal.flow(&["done", &flow]);
    let had_its_turn = std::path::Path::new(&turns).join(number.to_string()).exists();
    if output.code != 0 {
        let is_said = output.stderr.starts_with("Error: ") || output.stderr.contains("\nError: ");
        assert!(output.code == 1 && is_said, "at turn {number}: {output}");
    }
    repo.flow(&[]).ok();
    repo.flow(&["done", &flow]).ok();
    assert_eq!(repo.op_heads().len(), 1);
    assert_eq!(repo.env().rows("SELECT DISTINCT status FROM FlowRegistry"), "merged\n");
    had_its_turn
}

#[rstest]
#[case::before_its_work("")]
#[case::after_its_work("yes")]
fn a_jj_that_is_killed_during_a_landing_loses_nothing(#[case] afterwards: &str) {
    let env = environment();
    let repo = repo(&env);
    mortal_jj(&env);
    let mut since = Since::now(&repo, &["main"]);
    let turns = (1..30).take_while(|number| land_with_a_killed_jj(&repo, &mut since, *number, afterwards));
    let turns = turns.count();
    assert!((3..29).contains(&turns), "a landing takes {turns} turns of jj");
    assert_sound(&repo, &since);
}

#[rstest]
#[case::made(&["new", "docs"])]
#[case::marked(&["fail", "research", "--reason=why"])]
#[case::landed(&["done", "research"])]
fn killed_within_a_transaction_the_next_command_takes_it_in(#[case] command: &[&str]) {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["sync"]).ok();
    let rows = env.rows("SELECT id, status FROM FlowRegistry");
    repo.with("JJ_FLOW_FAILPOINT", "taking-in").flow(command).exits(137);
    // Nothing of it is there, and nothing is locked.
    assert_eq!(env.rows("SELECT id, status FROM FlowRegistry"), rows);
    assert_eq!(env.rows("PRAGMA integrity_check"), "ok\n");
    repo.flow(&["sync"]).ok();
    match command[0] {
        // Its bookmark was never made.
        "new" => assert_eq!(env.rows("SELECT count(*) FROM open_flows"), "1\n"),
        "fail" => assert_eq!(env.rows("SELECT status, reason FROM FlowRegistry"), "failed|why\n"),
        _ => assert_sound(&repo, &Since::default()),
    }
    repo.flow(command).ok();
    assert_rebuilt(&env, &[&repo]);
}

#[test]
fn an_older_version_leaves_a_newer_registry_alone_and_jj_goes_on() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    env.registry().pragma_update(None, "user_version", 99).unwrap();
    let before = env.rows("SELECT count(*), max(id) FROM events");
    for command in [&["new", "docs"][..], &["done"], &["list"], &["gc"]] {
        let output = repo.flow(command).exits(6);
        assert!(output.stderr.contains("it was written by a newer jj-flow"), "{output}");
    }
    let output = repo.shim(&["bookmark", "create", "schema"]).ok();
    let warnings = output.stderr.lines().filter(|line| line.starts_with("Warning: jj-flow"));
    assert_eq!(warnings.count(), 1, "{output}");
    assert!(repo.bookmarks().contains("a8f2--schema "), "{}", repo.bookmarks());
    repo.shim(&["log"]).ok();
    assert_eq!(env.rows("SELECT count(*), max(id) FROM events"), before);
    // Back under the newer one, what happened meanwhile is there.
    env.registry().pragma_update(None, "user_version", 5).unwrap();
    assert!(repo.flow(&["list"]).ok().stdout.contains("a8f2--schema"));
}

#[test]
fn a_migration_is_waited_for() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    // An older registry: whoever comes first brings it up to date, and waits for who is at it.
    let mut registry = env.registry();
    registry.pragma_update(None, "user_version", 4).unwrap();
    let migration = registry.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| repo.flow(&["fail", "research", "--reason=why"]));
        migration.pragma_update(None, "user_version", 5).unwrap();
        migration.commit().unwrap();
        waiting.join().unwrap().ok();
    });
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "failed\n");
}

#[test]
fn lines_of_a_newer_version_stay_in_the_journal() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    let journal = ".jj/repo/flow/journal.ndjson";
    let line = |kind: &str| {
        let rest = r#""at":"2001-02-03T04:05:06Z","actor":"a8f2","flow":"a8f2--research""#;
        format!("{{\"key\":\"{kind}\",{rest},\"kind\":\"{kind}\",\"more\":{{\"x\":[1]}}}}\n")
    };
    let text = repo.read(journal) + &line("unheard-of");
    repo.write(journal, &text);
    repo.flow(&["fail", "--reason=why"]).ok();
    repo.flow(&["gc"]).ok();
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    repo.flow(&["reopen"]).ok();
    let _ = repo.flow(&["doctor", "--fix"]);
    assert!(repo.read(journal).starts_with(&text), "{}", repo.read(journal));
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");
}
