//! Sixteen processes at the registry at once: who makes flows, who lands them, who brings all repos level, and a tool that
//! writes the database itself. Nothing is lost, and nobody is told of a lock.

use std::thread;

use crate::common::invariants::assert_rebuilt;
use crate::common::{Output, TestEnvironment, TestRepo};

const ROUNDS: usize = 3;

/// What somebody was told; the answer may be that somebody else was quicker, never that a database is locked.
#[track_caller]
fn heard(output: &Output, codes: &[i32]) {
    assert!(codes.contains(&output.code), "{output}");
    let text = format!("{}{}", output.stdout, output.stderr);
    assert!(!text.contains("locked") && !text.contains("busy"), "{output}");
}

/// Starts flows and lands them.
fn work(workspace: &TestRepo<'_>, uid: &str) {
    for round in 0..ROUNDS {
        heard(&workspace.flow(&["new", &format!("research{round}")]), &[0]);
        workspace.write(&format!("{uid}-{round}"), uid);
        heard(&workspace.jj(&["commit", "-m", &format!("{uid} {round}")]), &[0]);
        heard(&workspace.flow(&["done"]), &[0, 5]);
    }
}

/// Makes bookmarks through the shim, and moves them with plain jj.
fn name(workspace: &TestRepo<'_>, uid: &str) {
    for round in 0..ROUNDS {
        heard(&workspace.shim(&["bookmark", "create", &format!("docs{round}"), "-r", "main"]), &[0]);
        let flow = format!("{uid}--docs{round}");
        heard(&workspace.jj(&["bookmark", "set", &flow, "-r", "@", "--allow-backwards"]), &[0]);
    }
}

#[test]
fn nothing_is_lost_where_sixteen_write_at_once() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "c0de");
    let repos: Vec<TestRepo<'_>> = (0..4)
        .map(|number| {
            let repo = env.repo(&format!("r{number}"));
            repo.commit("a.txt", "a\n", "first");
            repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
            repo
        })
        .collect();
    env.dir("").flow(&["repo", "scan"]).ok();
    repos[3].flow(&["new", "schema"]).ok();
    let place = |repo: usize, uid: String| {
        (repos[repo].workspace(&format!("place-{uid}")).with("JJ_FLOW_UID", &uid), uid)
    };
    let workers: Vec<_> = (0..9).map(|worker| place(worker % 3, format!("a{worker}f0"))).collect();
    let namers: Vec<_> = (0..3).map(|worker| place(3, format!("b{worker}c0"))).collect();
    thread::scope(|scope| {
        for (workspace, uid) in &workers {
            scope.spawn(|| work(workspace, uid));
        }
        for (workspace, uid) in &namers {
            scope.spawn(|| name(workspace, uid));
        }
        for _ in 0..2 {
            let everywhere = env.dir("");
            scope.spawn(move || {
                for _ in 0..ROUNDS * 2 {
                    heard(&everywhere.flow(&["sync", "--all"]), &[0]);
                    heard(&everywhere.flow(&["list", "--all"]), &[0]);
                }
            });
        }
        for status in ["success", "in-progress"] {
            let registry = env.registry();
            scope.spawn(move || {
                let sql = "UPDATE FlowRegistry SET status = ?1 WHERE intent = 'schema' AND status <> ?1";
                for _ in 0..ROUNDS * 10 {
                    registry.execute(sql, [status]).unwrap();
                }
            });
        }
    });
    for repo in &repos {
        repo.jj(&["--config=snapshot.auto-update-stale=true", "status"]).ok();
    }
    env.dir("").flow(&["sync", "--all"]).ok();
    for (number, repo) in repos.iter().enumerate() {
        let bookmarks = repo.bookmarks();
        let names = bookmarks.lines().filter_map(|line| line.split(' ').next());
        let names = names.filter(|name| name.contains("--") && !name.contains('@'));
        let names: std::collections::BTreeSet<&str> = names.collect();
        let rows = env.rows(&format!(
            "SELECT f.bookmark FROM FlowRegistry AS f JOIN repos AS r ON r.id = f.repo \
             WHERE r.component = 'r{number}' AND f.gone_at IS NULL ORDER BY f.bookmark"
        ));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), rows.lines().collect::<Vec<_>>());
        assert_eq!(rows.lines().count(), if number < 3 { 3 * ROUNDS } else { 3 * ROUNDS + 1 });
    }
    // What the tool did is an event each, without a gap.
    let steps = env.rows("SELECT status_from, status_to FROM events WHERE actor = 'sql' ORDER BY id");
    let steps: Vec<Vec<&str>> = steps.lines().map(|line| line.split('|').collect()).collect();
    assert!(steps.windows(2).all(|pair| pair[0][1] == pair[1][0]), "{steps:?}");
    assert_rebuilt(&env, &repos.iter().collect::<Vec<_>>());
}
