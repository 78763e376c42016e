//! Several agents name, move and delete bookmarks of one repo at once, through the shim.

use std::collections::BTreeSet;

use crate::common::{TestEnvironment, TestRepo};

const AGENTS: u32 = 6;
const ROUNDS: u32 = 6;

/// What one agent does, each with an exit status of its own: jj refuses some where others are as fast.
fn work(repo: &TestRepo<'_>) {
    for round in 0..ROUNDS {
        let (made, moved) = (format!("docs{round}"), format!("research{round}"));
        let _ = repo.shim(&["bookmark", "create", &made, "-r@"]);
        let _ = repo.shim(&["commit", "-m", &made]);
        let _ = repo.shim(&["bookmark", "move", &made, "--to=@"]);
        match round % 3 {
            0 => _ = repo.shim(&["bookmark", "rename", &made, &moved]),
            1 => _ = repo.shim(&["bookmark", "delete", &made]),
            _ => _ = repo.flow(&["list"]),
        }
    }
}

#[test]
fn every_flow_is_on_record_as_its_makers() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let agents: Vec<TestRepo<'_>> = (0..AGENTS)
        .map(|number| {
            repo.workspace(&format!("agent{number}")).with("JJ_FLOW_UID", &format!("a{number}a{number}"))
        })
        .collect();
    std::thread::scope(|scope| {
        agents.iter().for_each(|agent| _ = scope.spawn(|| work(agent)));
    });
    // jj brings together what went on side by side, and jj-flow what was missed.
    repo.jj(&["log"]).ok();
    repo.with("JJ_FLOW_UID", "f00d").flow(&["list"]).ok();
    let bookmarks = repo.bookmarks();
    let flows: BTreeSet<&str> = bookmarks
        .lines()
        .filter(|line| line.contains("--") && !line.contains('@') && !line.ends_with(" conflict"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(flows.len() >= (AGENTS * ROUNDS / 3) as usize, "{bookmarks}");
    let rows = env.rows("SELECT bookmark FROM FlowRegistry WHERE gone_at IS NULL");
    let rows: BTreeSet<&str> = rows.lines().collect();
    assert_eq!(flows.difference(&rows).collect::<Vec<_>>(), Vec::<&&str>::new(), "flows without a row");
    let gone: Vec<&&str> = rows.iter().filter(|row| !bookmarks.contains(&format!("{row} "))).collect();
    assert_eq!(gone, Vec::<&&str>::new(), "rows without a bookmark");
    let others = "SELECT f.bookmark, e.actor FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow \
        WHERE e.kind = 'created' AND e.line LIKE '%\"origin\":\"bookmark\"%' AND e.actor <> f.uid";
    assert_eq!(env.rows(others), "");
    let by_makers =
        "SELECT count(*) FROM events WHERE kind = 'created' AND line LIKE '%\"origin\":\"bookmark\"%'";
    let by_makers: u32 = env.rows(by_makers).trim().parse().unwrap();
    eprintln!("{} flows, {by_makers} made by the shim, {} rows", flows.len(), rows.len());
    assert!(by_makers >= AGENTS * ROUNDS / 2, "{by_makers}");
}
