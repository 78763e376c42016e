//! Pushes that meet: whoever is second lands again, on top of what the first one pushed.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::TestEnvironment;
use crate::push::{assert_level, flow, remote_and_clones, remote_log, remote_main};
use crate::shim::{environment, script};
use crate::verify::{runs, set_hook};

/// The failpoint at which the second clone lands and pushes: the first one has landed, and is about to push.
pub(crate) fn faster(env: &TestEnvironment) -> String {
    let script = env.root().join("fast");
    let text = "#!/bin/sh\ncd $TEST_ENV/clone1 && env -u JJ_FLOW_FAILPOINT jj-flow done --push\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("pushing={}", script.display())
}

#[test]
fn two_clones_that_race_both_land_and_push() {
    let env = environment();
    let (remote, clones) = remote_and_clones::<2>(&env);
    for (number, clone) in clones.iter().enumerate() {
        flow(clone, "research", &format!("file{number}"), "x\n");
    }
    std::thread::scope(|scope| {
        for clone in &clones {
            scope.spawn(|| clone.flow(&["done", "--push"]).ok());
        }
    });
    let log = remote_log(&remote);
    assert!(["0 1", "1 0"].contains(&log.replace("research:file", "").trim_end_matches(" base")), "{log}");
    assert_eq!(env.rows("SELECT status, count(*) FROM FlowRegistry GROUP BY status"), "merged|2\n");
    for clone in &clones {
        clone.jj(&["git", "fetch"]).ok();
        assert_level(clone, &remote);
    }
}

#[test]
fn a_rejected_push_lands_again_on_what_the_remote_has() {
    let env = environment();
    set_hook(&env, "'echo ran >>$TEST_ENV/runs'");
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "research", "one", "x\n");
    flow(&fast, "docs", "page", "x\n");
    let landed = slow.with("JJ_FLOW_FAILPOINT", &faster(&env)).flow(&["done", "--push"]).ok();
    assert_eq!(
        landed.stdout,
        "Landed a8f0--research on main: 1 change, rebased, verified, pushed to origin.\n"
    );
    assert!(landed.stderr.contains("origin has a newer main: landing again on top of it.\n"), "{landed}");
    assert_eq!(remote_log(&remote), "research:one docs:page base");
    assert_level(&slow, &remote);
    // What landed first was taken back; what landed then was verified for itself.
    let states = "SELECT state, remote FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow \
        WHERE f.intent = 'research' ORDER BY l.id";
    assert_eq!(env.rows(states), "undone|NULL\nlanded|origin\n");
    assert_eq!(runs(&env), 3);
    assert_eq!(env.rows("SELECT count(DISTINCT tree) FROM verifications"), "3\n");
    assert_eq!(slow.commits("@-"), slow.commits("main"));
    assert_eq!(slow.read("page"), "x\n");
}

#[test]
fn what_waits_beneath_a_rejected_landing_comes_along() {
    let env = environment();
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "schema", "table", "x\n");
    slow.flow(&["done"]).ok();
    flow(&slow, "research", "one", "x\n");
    flow(&fast, "docs", "page", "x\n");
    slow.with("JJ_FLOW_FAILPOINT", &faster(&env)).flow(&["done", "--push"]).ok();
    assert_eq!(remote_log(&remote), "research:one schema:table docs:page base");
    assert_level(&slow, &remote);
    assert_eq!((slow.commits("@-"), slow.read("page")), (slow.commits("main"), "x\n".into()));
    assert_eq!(slow.git(&["rev-parse", "main"]).ok().stdout.trim(), remote_main(&remote));
}

#[test]
fn what_conflicts_with_the_faster_one_is_handed_over_on_top_of_it() {
    let env = environment();
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "research", "base", "mine\n");
    flow(&fast, "docs", "base", "theirs\n");
    let refused = slow.with("JJ_FLOW_FAILPOINT", &faster(&env)).flow(&["done", "--push"]).exits(3);
    assert_eq!(slow.commits("main"), [remote_main(&remote)]);
    assert_eq!(slow.changes("a8f0--research & conflicts()").len(), 1);
    assert_eq!(slow.changes("divergent()").len(), 0);
    slow.sh(&refused.hint()).ok();
    slow.write("base", "both\n");
    slow.jj(&["squash", "--use-destination-message"]).ok();
    slow.flow(&["done", "--push", "research"]).ok();
    assert_eq!(remote_log(&remote), "research:base docs:base base");
    assert_level(&slow, &remote);
}

#[test]
fn where_what_waits_beneath_does_not_fit_all_stays_as_it_was() {
    let env = environment();
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "schema", "base", "mine\n");
    slow.flow(&["done"]).ok();
    flow(&slow, "research", "one", "x\n");
    let (main, research) = (slow.commits("main"), slow.commits("a8f0--research"));
    flow(&fast, "docs", "base", "theirs\n");
    let refused = slow.with("JJ_FLOW_FAILPOINT", &faster(&env)).flow(&["--json", "done", "--push"]).exits(1);
    assert_eq!(refused.json()["error"]["code"], "behind-remote", "{refused}");
    assert_eq!((slow.commits("main"), slow.commits("a8f0--research")), (main.clone(), research));
    assert_eq!(remote_log(&remote), "docs:base base");
    assert_eq!(slow.git(&["rev-parse", "main"]).ok().stdout.trim(), main[0]);
    // Asked again, it is refused before it lands, in the same words.
    let again = slow.flow(&["--json", "done", "--push", "research"]).exits(1);
    assert_eq!(again.json()["error"], refused.json()["error"]);
    // The hint is the way on, by hand.
    slow.sh(refused.json()["error"]["hint"].as_str().unwrap()).ok();
    assert_eq!(slow.changes("main & conflicts()").len(), 1);
}

#[test]
fn a_push_that_a_kill_left_unrecorded_is_not_taken_back() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    clone.with("JJ_FLOW_FAILPOINT", "pushed").flow(&["done", "--push"]).exits(137);
    assert_level(&clone, &remote);
    clone.flow(&["done", "--push", "research"]).ok();
    let refused = clone.flow(&["--json", "undo", "research"]).exits(1).json();
    assert_eq!(refused["error"]["code"], "pushed");
    assert_level(&clone, &remote);
}

#[test]
fn what_somebody_put_on_top_of_a_rejected_landing_stays() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    clone.workspace("other");
    let meanwhile = env.root().join("meanwhile");
    script(
        &meanwhile,
        "cd $TEST_ENV/other && jj new main && jj commit --message OTHER && jj bookmark move main --to @-",
    );
    script(&remote.dir("hooks").root().join("pre-receive"), "echo 'closed for today' >&2; exit 1");
    let failpoint = format!("pushing={}", meanwhile.display());
    let refused =
        clone.with("JJ_FLOW_FAILPOINT", &failpoint).flow(&["--json", "done", "--push"]).exits(1).json();
    assert_eq!(refused["error"]["code"], "push-failed", "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("main has moved on, first by ") && message.contains("closed for today"),
        "{message}"
    );
    let seen = clone.sh(refused["error"]["hint"].as_str().unwrap()).ok();
    assert!(seen.stdout.contains("OTHER"), "{seen}");
    assert_eq!(clone.changes("main & description(substring:OTHER)").len(), 1);
    assert_eq!(env.rows("SELECT state, remote FROM landings"), "landed|NULL\n");
    remote.sh("rm hooks/pre-receive").ok();
    clone.flow(&["done", "--push", "research"]).ok();
    assert_level(&clone, &remote);
}
