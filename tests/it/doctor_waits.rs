//! What doctor says of what is half done, held or left behind.

use std::fs::{File, OpenOptions};
use std::time::SystemTime;

use crate::common::TestEnvironment;
use crate::conflicts::disagreeing;
use crate::doctor::{doctor, fix};
use crate::shapes::{repo, work};
use crate::shim::environment;

const FLOW: &str = "a8f2--research";

/// A landing that was killed at a step.
fn killed<'e>(env: &'e TestEnvironment, step: &str) -> crate::common::TestRepo<'e> {
    let repo = repo(env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["done"]).exits(137);
    repo
}

#[rstest::rstest]
#[case::before("journalled", "it never happened, and can be made again", "dropped")]
#[case::after("published", "it has happened", "landed")]
fn a_landing_that_was_cut_short_is_settled(#[case] step: &str, #[case] end: &str, #[case] state: &str) {
    let env = environment();
    let repo = killed(&env, step);
    let before = repo.state();
    let found = doctor(&repo);
    assert!(
        found.message("landing-unsettled").starts_with("the landing of a8f2--research on main was cut short")
    );
    assert_eq!((found.hint("landing-unsettled").as_str(), repo.state()), ("jj-flow doctor --fix", before));
    let other = doctor(&env.dir("nowhere"));
    assert_eq!(other.check("landings-elsewhere")["details"]["count"], 1, "{other:#?}");

    let mended = fix(&repo);
    assert_eq!(mended.state("landing-unsettled"), "mended", "{mended:#?}");
    assert!(mended.message("landing-unsettled").ends_with(end), "{mended:#?}");
    assert_eq!(env.rows("SELECT state FROM landings"), format!("{state}\n"));
    assert_eq!(doctor(&repo).codes("landings"), [""; 0]);
}

#[test]
fn elsewhere_it_is_settled_by_the_hint() {
    let env = environment();
    killed(&env, "published");
    let found = doctor(&env.dir("nowhere"));
    env.dir("nowhere").sh(&found.hint("landings-elsewhere")).ok();
    assert_eq!(env.rows("SELECT state FROM landings"), "landed\n");
    assert_eq!(doctor(&env.dir("nowhere")).codes("landings"), [""; 0]);
}

#[test]
fn a_landing_under_way_is_nobodys_to_settle() {
    let env = environment();
    let repo = killed(&env, "published");
    let folder = std::fs::read_dir(repo.root().join(".jj/repo/flow")).unwrap();
    let mut names = folder.map(|entry| entry.unwrap().path());
    let lock = names.find(|path| path.to_str().unwrap().contains("/landing-")).unwrap();
    std::fs::write(&lock, "b1c4 with b1c4--docs").unwrap();
    let held = File::open(&lock).unwrap();
    held.lock().unwrap();
    let found = fix(&repo);
    assert_eq!((found.codes("landings"), found.codes("locks")), (vec![], vec!["lock-held"]), "{found:#?}");
    assert!(found.message("lock-held").starts_with("a landing is under way here, by b1c4 with b1c4--docs"));
    drop(held);
    let found = fix(&repo);
    assert_eq!((found.state("landing-unsettled"), found.codes("locks")), ("mended", vec![]), "{found:#?}");
}

#[test]
fn a_conflict_that_waits_is_told_here_and_elsewhere() {
    let env = environment();
    let repo = disagreeing(&env, ["echo b >f", "echo f >f", "echo p >f"]);
    repo.flow(&["done", "research"]).exits(3);
    let found = doctor(&repo);
    assert_eq!(found.message("conflict-waiting"), "a8f2--research met a conflict with main, and waits");
    assert!(repo.sh(&found.hint("conflict-waiting")).ok().stdout.contains(FLOW));
    let other = doctor(&env.dir("nowhere"));
    assert!(env.dir("nowhere").sh(&other.hint("conflicts-elsewhere")).ok().stdout.contains(FLOW));
    repo.flow(&["abort", "research"]).ok();
    assert_eq!(doctor(&repo).codes("landings"), [""; 0]);
    assert_eq!(doctor(&env.dir("nowhere")).codes("landings"), [""; 0]);
}

#[test]
fn a_conflict_that_a_kill_kept_from_being_is_none() {
    let env = environment();
    let repo = disagreeing(&env, ["echo b >f", "echo f >f", "echo p >f"]);
    repo.with("JJ_FLOW_FAILPOINT", "conflict-journalled").flow(&["done", "research"]).exits(137);
    assert_eq!(env.rows("SELECT state FROM conflicts"), "open\n");
    assert_eq!(doctor(&repo).codes("landings"), [""; 0]);
}

#[test]
fn a_resolver_that_was_killed_is_cleared_up_after() {
    let env = environment();
    env.add_config("[flow]\nhooks.on-conflict = 'echo both >f'\n");
    let repo = disagreeing(&env, ["echo b >f", "echo f >f", "echo p >f"]);
    repo.with("JJ_FLOW_FAILPOINT", "resolver-added").flow(&["done", "research"]).exits(137);
    let found = doctor(&repo);
    assert!(found.message("resolver-left").contains("at the conflict of a8f2--research"), "{found:#?}");
    let mended = fix(&repo);
    assert_eq!(mended.state("resolver-left"), "mended", "{mended:#?}");
    assert!(!repo.jj(&["workspace", "list"]).ok().stdout.contains("flow-resolver"));
    assert_eq!(doctor(&repo).state("resolver-left"), "");
}

#[test]
fn whoever_holds_a_lock_is_told() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    assert_eq!(doctor(&repo).codes("locks"), [""; 0]);
    let record = OpenOptions::new().append(true).open(repo.root().join(".jj/repo/flow/lock")).unwrap();
    record.lock().unwrap();
    let registry = env.registry();
    registry.execute_batch("BEGIN IMMEDIATE").unwrap();
    let found = doctor(&repo);
    assert_eq!(found.codes("locks"), ["registry-locked", "lock-held"], "{found:#?}");
    // Where the system tells, it is this very process.
    let own = format!("(process {})", std::process::id());
    let tells = std::fs::read_to_string("/proc/locks")
        .is_ok_and(|locks| locks.contains(&format!(" {} ", std::process::id())));
    for code in ["registry-locked", "lock-held"] {
        assert_eq!(found.message(code).ends_with(&own), tells, "{found:#?}");
        assert_eq!(found.check(code)["hint"].is_string(), tells, "{found:#?}");
    }
    if tells {
        repo.sh(&found.hint("registry-locked")).ok();
    }
    registry.execute_batch("ROLLBACK").unwrap();
    drop(record);
    assert_eq!(doctor(&repo).codes("locks"), [""; 0]);
}

#[test]
fn a_lock_that_git_has_left_is_told_and_stays() {
    let env = environment();
    let repo = repo(&env);
    let locks = [".git/index.lock", ".git/refs/heads/deep/x.lock"].map(|path| {
        repo.write(path, "");
        repo.root().join(path)
    });
    // Just now somebody may be at work.
    assert_eq!(doctor(&repo).codes("locks"), [""; 0]);
    let old = SystemTime::UNIX_EPOCH;
    for lock in &locks {
        File::options().append(true).open(lock).unwrap().set_modified(old).unwrap();
    }
    let found = fix(&repo);
    assert_eq!(found.codes("locks"), ["git-lock", "git-lock"], "{found:#?}");
    assert!(found.message("git-lock").contains("/.git/index.lock has been there for 31y"), "{found:#?}");
    assert!(locks.iter().all(|lock| lock.exists()));
}

#[test]
fn folders_of_repos_that_are_gone_are_removed() {
    let env = environment();
    env.add_config("[flow]\nhooks.verify = 'true'\n");
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["done"]).ok();
    assert_eq!(doctor(&repo).codes("folders"), [""; 0]);
    let cache = env.root().join("cache/jj-flow");
    let warm =
        || std::fs::read_dir(cache.join("verify")).unwrap().map(|entry| entry.unwrap().path().join("0"));
    assert!(warm().all(|folder| folder.exists()) && warm().count() == 1);
    std::fs::create_dir_all(cache.join("on-conflict/0123456789abcdef/0123")).unwrap();
    std::fs::rename(repo.root(), env.root().join("away")).unwrap();

    let here = env.dir("nowhere");
    assert_eq!(doctor(&here).codes("folders"), ["folder-left", "folder-left"]);
    let mended = fix(&here);
    assert_eq!(mended.state("folder-left"), "mended", "{mended:#?}");
    assert!(!warm().any(|folder| folder.exists()));
    // Of a resolver nothing is known: a person says.
    let found = doctor(&here);
    assert_eq!(found.codes("folders"), ["folder-left"]);
    here.sh(&found.hint("folder-left")).ok();
    assert_eq!(doctor(&here).codes("folders"), [""; 0]);
}
