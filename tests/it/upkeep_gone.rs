//! `jj flow gc --all`: repos that are not there any more, and the room that the registry takes.

use std::os::unix::fs::PermissionsExt;

use rstest::rstest;

use crate::common::TestEnvironment;
use crate::ledger::{everything, repo};
use crate::upkeep::{land, later};

const REPOS: &str = "SELECT root FROM repos ORDER BY root";

/// Two repos with a landed flow and an open one each; `gone` is taken away.
fn two(env: &TestEnvironment) {
    for name in ["stays", "work/gone"] {
        let repo = repo(env, name);
        land(&repo, "research");
        repo.flow(&["new", "docs"]).ok();
    }
    env.dir("work").write("notes", "of something else\n");
    std::fs::remove_dir_all(env.root().join("work/gone")).unwrap();
}

#[test]
fn a_repo_that_is_gone_is_archived_and_off_the_record() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    std::fs::create_dir(env.root().join("work")).unwrap();
    two(&env);
    let stays = env.dir("stays");
    let of_gone = "repo = (SELECT id FROM repos WHERE root LIKE '%gone')";
    let id = env.rows("SELECT id FROM repos WHERE root LIKE '%gone'").trim().to_owned();
    // What a tool said after the repo had gone is in no journal.
    let sql = format!("UPDATE FlowRegistry SET status = 'success' WHERE intent = 'docs' AND {of_gone}");
    assert_eq!(env.registry().execute(&sql, []).unwrap(), 1);
    let lines =
        env.rows(&format!("SELECT line FROM events WHERE line IS NOT NULL AND {of_gone} ORDER BY id"));
    let before = everything(&env);
    let keep = "--config=flow.keep-merged='forever'";
    insta::assert_snapshot!(stays.flow(&["gc", "--all", keep]).ok(), @r"
    Kept $TEST_ENV/work/gone on record: it is not there any more, but was seen not long ago.
    ");
    later(&stays).flow(&["gc", keep]).ok();
    let forever = "--config=flow.keep-gone='forever'";
    later(&stays).flow(&["gc", "--all", keep, forever]).ok();
    let planned = later(&stays).flow(&["gc", "--all", "--dry-run", keep]).ok();
    assert_eq!(everything(&env), before);
    let done = later(&stays).flow(&["gc", "--all", keep]).ok();
    insta::assert_snapshot!(planned.stdout.replace(&id, "$ID"), @"Would archive $TEST_ENV/work/gone (2 flows, 7 events), which is gone: $TEST_ENV/data/jj-flow/registry.db.archive/$ID.ndjson.");
    let done = done.stdout.replace(&id, "$ID");
    insta::assert_snapshot!(done.lines().take(2).collect::<Vec<_>>().join("\n"), @r"
    Archived $TEST_ENV/work/gone (2 flows, 7 events), which is gone: $TEST_ENV/data/jj-flow/registry.db.archive/$ID.ndjson.
      To bring it back: jj flow import $TEST_ENV/data/jj-flow/registry.db.archive/$ID.ndjson
    ");
    assert_eq!(env.rows(REPOS), "$TEST_ENV/stays\n");
    for table in ["FlowRegistry", "events", "verifications", "proofs", "approvals"] {
        assert_eq!(env.rows(&format!("SELECT count(*) FROM {table} WHERE repo = '{id}'")), "0\n");
    }
    assert_eq!(env.rows("SELECT count(*) FROM landings"), "1\n");
    assert_eq!(env.rows("SELECT takes, repo FROM upkeep"), "NULL|NULL\n");
    let archive = env.data_home().join(format!("jj-flow/registry.db.archive/{id}.ndjson"));
    assert_eq!(std::fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&archive).unwrap();
    let values: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&values[1]["repo"]["id"], &values[1]["repo"]["kind"]), (&id.as_str().into(), &"here".into()));
    let events = &values[2..values.len() - 1];
    let archived: String =
        events.iter().map(|value| env.normalize(&format!("{}\n", value["event"]))).collect();
    assert!(archived.starts_with(&lines));
    assert_eq!(archived.lines().count(), lines.lines().count() + 1);
    assert_eq!(events.last().unwrap()["event"]["actor"], "sql");
    insta::assert_snapshot!(later(&stays).flow(&["gc", "--all", keep]).ok(), @"Nothing is to go.");
    assert_eq!(stays.flow(&["sync", "--all", "--json"]).ok().json()["repos"], 1);
    // The command that is told brings everything back.
    stays.flow(&["import", archive.to_str().unwrap()]).ok();
    let all = "SELECT bookmark, status, change_id FROM FlowRegistry ORDER BY repo, bookmark";
    assert_eq!(env.rows(all).lines().count(), 4);
    assert_eq!(env.rows(&format!("SELECT count(*) FROM events WHERE repo = '{id}'")), "7\n");
}

#[test]
fn a_disk_that_is_only_not_mounted_is_not_gone() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    std::fs::create_dir(env.root().join("work")).unwrap();
    two(&env);
    std::fs::remove_file(env.root().join("work/notes")).unwrap();
    let keep = "--config=flow.keep-merged='forever'";
    let before = everything(&env);
    insta::assert_snapshot!(later(&env.dir("home")).flow(&["gc", "--all", keep]).ok(), @r"
    Kept $TEST_ENV/work/gone on record: $TEST_ENV/work is empty: perhaps a disk is not mounted there.
    ");
    assert_eq!(everything(&env), before);
}

#[rstest]
#[case::killed(None)]
#[case::back(Some("mkdir $TEST_ENV/work/gone"))]
fn between_archive_and_record(#[case] meanwhile: Option<&str>) {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    std::fs::create_dir(env.root().join("work")).unwrap();
    two(&env);
    let home = env.dir("home");
    let keep = "--config=flow.keep-merged='forever'";
    let before = everything(&env);
    let gc = |step: &str| later(&home).with("JJ_FLOW_FAILPOINT", step).flow(&["gc", "--all", keep]);
    match meanwhile {
        None => _ = gc("archived").exits(137),
        Some(command) => {
            env.dir("").write("meanwhile", &format!("#!/bin/sh\n{command}\n"));
            env.dir("").sh("chmod +x meanwhile").ok();
            let refused = gc(&format!("archived={}", env.root().join("meanwhile").display())).exits(1);
            assert!(refused.stderr.contains("seen again meanwhile"), "{refused}");
            let _ = std::fs::remove_dir(env.root().join("work/gone"));
        }
    }
    assert_eq!(everything(&env), before);
    later(&home).flow(&["gc", "--all", keep]).ok();
    assert_eq!(env.rows(REPOS), "$TEST_ENV/stays\n");
    let folder = env.data_home().join("jj-flow/registry.db.archive");
    let archives: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let text = std::fs::read_to_string(&archives[0]).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let all = lines.len();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!((archives.len(), lines.len()), (1, all));
}

/// Puts so much into the registry that it pays to write it anew once it has gone.
fn fill(env: &TestEnvironment) {
    let registry = env.registry();
    registry.execute_batch("CREATE TABLE ballast (x)").unwrap();
    let some = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
                INSERT INTO ballast SELECT randomblob(1000) FROM n";
    registry.execute(some, []).unwrap();
    registry.execute_batch("DROP TABLE ballast").unwrap();
}

#[test]
fn the_registry_is_written_anew_where_it_pays() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    let before = everything(&env);
    let told = |args: &[&str]| repo.flow(&[&["gc", "--json"], args].concat()).ok().json()["registry"].clone();
    assert_eq!(told(&[])["vacuum"], false);
    fill(&env);
    let plan = told(&["--dry-run"]);
    assert_eq!((&plan["vacuum"], &plan["vacuumed"]), (&true.into(), &false.into()));
    let done = told(&[]);
    assert_eq!(
        (&done["vacuum"], &done["vacuumed"], &done["busy"]),
        (&true.into(), &true.into(), &false.into())
    );
    assert!(done["after"].as_u64().unwrap() * 4 < done["before"].as_u64().unwrap(), "{done}");
    assert_eq!(told(&[])["vacuum"], false);
    assert_eq!(everything(&env), before);
    assert_eq!(env.rows("PRAGMA integrity_check"), "ok\n");
}

#[test]
fn who_uses_the_registry_is_not_kept_waiting() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    std::fs::create_dir(env.root().join("work")).unwrap();
    two(&env);
    std::fs::remove_dir_all(env.root().join("stays")).unwrap();
    fill(&env);
    let writer = env.registry();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let home = env.dir("home");
    let busy = home.flow(&["gc", "--all"]).ok().stdout;
    assert!(busy.contains("The registry is in use, and is written anew another time."), "{busy}");
    writer.execute_batch("COMMIT").unwrap();
    // A reader goes on reading what was there.
    let mut statement = writer.prepare("SELECT key FROM events").unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap().unwrap();
    let told = home.flow(&["gc", "--all", "--json"]).ok().json()["registry"].clone();
    assert_eq!((&told["vacuumed"], &told["busy"]), (&true.into(), &true.into()));
    let mut more = 1;
    while rows.next().unwrap().is_some() {
        more += 1;
    }
    drop(rows);
    assert_eq!(env.rows("SELECT count(*) FROM events"), format!("{more}\n"));
}
