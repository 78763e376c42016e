//! Landing and pushing in one: onto what the remote has by then, or not at all.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{assert_refused, files, work, work_on_main};
use crate::shim::environment;
use crate::verify::repo_with_flow;

/// A bare remote with one commit on `main`, and so many clones of it, each with a uid of its own.
pub(crate) fn remote_and_clones<const COUNT: usize>(
    env: &TestEnvironment,
) -> (TestRepo<'_>, [TestRepo<'_>; COUNT]) {
    let remote = env.bare_git("remote.git");
    let seed = env.repo("seed");
    seed.commit("base", "x\n", "base");
    seed.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    seed.jj(&["git", "remote", "add", "origin", remote.root().to_str().unwrap()]).ok();
    seed.jj(&["git", "push", "--bookmark=main"]).ok();
    let clones = std::array::from_fn(|number| {
        env.dir("").jj(&["git", "clone", "remote.git", &format!("clone{number}")]).ok();
        env.dir(&format!("clone{number}")).with("JJ_FLOW_UID", &format!("a8f{number}"))
    });
    (remote, clones)
}

/// A flow with a change of this file.
pub(crate) fn flow(repo: &TestRepo<'_>, intent: &str, path: &str, text: &str) {
    repo.flow(&["new", intent]).ok();
    repo.commit(path, text, &format!("{intent}: {path}"));
}

/// The subjects of the remote's `main`, newest first, one a word; it has no merges.
pub(crate) fn remote_log(remote: &TestRepo<'_>) -> String {
    assert_eq!(remote.git(&["log", "--merges", "--format=%s", "main"]).ok().stdout, "");
    let log = remote.git(&["log", "--format=%s", "main"]).ok().stdout;
    log.replace(": ", ":").lines().collect::<Vec<_>>().join(" ")
}

pub(crate) fn remote_main(remote: &TestRepo<'_>) -> String {
    remote.git(&["rev-parse", "main"]).ok().stdout.trim().to_owned()
}

/// The parent is where its remote is, and nothing is torn.
#[track_caller]
pub(crate) fn assert_level(repo: &TestRepo<'_>, remote: &TestRepo<'_>) {
    assert_eq!(repo.commits("main"), [remote_main(remote)]);
    assert_eq!(repo.commits("main@origin"), [remote_main(remote)]);
    assert_eq!(repo.changes("divergent() | conflicts()").len(), 0);
}

#[test]
fn what_landed_is_pushed_and_recorded() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    let landed = clone.flow(&["done", "--push"]).ok();
    assert_eq!(landed.stdout, "Landed a8f0--research on main: 1 change, fast-forward, pushed to origin.\n");
    assert_eq!(remote_log(&remote), "research:one base");
    assert_level(&clone, &remote);
    assert_eq!(env.rows("SELECT state, remote FROM landings"), "landed|origin\n");
    assert!(clone.flow(&["show", "research"]).ok().stdout.contains(", pushed to origin\n"));
    assert_eq!(remote.git(&["branch", "--list"]).ok().stdout, "* main\n");
}

#[test]
fn with_the_setting_every_landing_on_the_trunk_is_pushed() {
    let env = environment();
    env.add_config("[flow]\npush = true\n");
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    clone.flow(&["sub", "scaling"]).ok();
    work(&clone, &["two"]);
    // A sub-flow lands on a flow, which nobody has to see.
    assert!(!clone.flow(&["done"]).ok().stdout.contains("pushed"));
    assert_eq!(remote_log(&remote), "base");
    env.registry().execute("UPDATE FlowRegistry SET status = 'success' WHERE subflow IS NULL", []).unwrap();
    assert!(clone.flow(&["land"]).ok().stdout.ends_with(", pushed to origin.\n"));
    assert_eq!(remote_log(&remote), "two research:one base");
    assert_level(&clone, &remote);
}

#[test]
fn landings_that_wait_to_be_pushed_come_along() {
    let env = environment();
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "schema", "table", "x\n");
    slow.flow(&["done"]).ok();
    flow(&fast, "docs", "page", "x\n");
    fast.flow(&["done", "--push"]).ok();
    flow(&slow, "research", "one", "x\n");
    slow.flow(&["done", "--push"]).ok();
    assert_eq!(remote_log(&remote), "research:one schema:table docs:page base");
    assert_level(&slow, &remote);
    assert_eq!(slow.commits("@-"), slow.commits("main"));
}

#[test]
fn a_conflict_with_what_the_remote_has_is_handed_over_there() {
    let env = environment();
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "research", "base", "mine\n");
    flow(&fast, "docs", "base", "theirs\n");
    fast.flow(&["done", "--push"]).ok();
    let refused = slow.flow(&["done", "--push"]).exits(3);
    assert_eq!(slow.commits("main"), [remote_main(&remote)]);
    assert_eq!(env.rows("SELECT status FROM FlowRegistry WHERE intent = 'research'"), "in-progress\n");
    slow.sh(&refused.hint()).ok();
    slow.write("base", "both\n");
    slow.jj(&["squash", "--use-destination-message"]).ok();
    slow.flow(&["done", "--push", "research"]).ok();
    assert_eq!(remote_log(&remote), "research:base docs:base base");
    assert_eq!(remote.git(&["show", "main:base"]).ok().stdout, "both\n");
    assert_level(&slow, &remote);
}

#[test]
fn where_the_push_fails_the_landing_is_taken_back() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    let (main, refs) = (clone.commits("main"), remote_main(&remote));
    // The remote takes nothing: fetching works, pushing does not.
    remote.write("hooks/pre-receive", "#!/bin/sh\necho 'closed for today' >&2; exit 1\n");
    remote.sh("chmod +x hooks/pre-receive").ok();
    let refused = clone.flow(&["--json", "done", "--push"]).exits(1);
    assert_eq!(refused.json()["error"]["code"], "push-failed", "{refused}");
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("closed for today"), "{refused}");
    assert_eq!((clone.commits("main"), remote_main(&remote)), (main.clone(), refs));
    assert_eq!(clone.git(&["rev-parse", "main"]).ok().stdout.trim(), main[0]);
    assert_eq!(
        env.rows("SELECT f.status, l.state FROM FlowRegistry AS f, landings AS l"),
        "success|undone\n"
    );
    remote.sh("rm hooks/pre-receive").ok();
    clone.flow(&["done", "--push", "research"]).ok();
    assert_level(&clone, &remote);
}

#[test]
fn where_the_remote_is_gone_nothing_lands() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    let main = clone.commits("main");
    std::fs::rename(remote.root(), env.root().join("away.git")).unwrap();
    let refused = clone.flow(&["--json", "done", "--push"]).exits(1);
    assert_eq!(refused.json()["error"]["code"], "push-failed", "{refused}");
    assert_eq!(clone.commits("main"), main);
    std::fs::rename(env.root().join("away.git"), remote.root()).unwrap();
    clone.flow(&["done", "--push", "research"]).ok();
    assert_level(&clone, &remote);
}

#[test]
fn without_a_remote_nothing_lands() {
    let env = environment();
    let repo = crate::verify::repo_with_flow(&env);
    let before = repo.state();
    let refused = repo.flow(&["--json", "done", "--push"]).exits(1).json();
    assert_eq!((&refused["error"]["code"], repo.state()), (&"no-remote".into(), before), "{refused}");
}

#[test]
fn a_bookmark_that_the_remote_has_not_is_made_there() {
    let env = environment();
    let remote = env.bare_git("remote.git");
    let repo = crate::verify::repo_with_flow(&env);
    repo.jj(&["git", "remote", "add", "origin", remote.root().to_str().unwrap()]).ok();
    let landed = repo.flow(&["done", "--push"]).ok();
    assert!(landed.stdout.ends_with(", pushed to origin.\n"), "{landed}");
    assert_eq!(remote_log(&remote), "one base");
    assert_level(&repo, &remote);
    assert_eq!(files(&repo, "main@origin"), "base one");
}

/// What only the remote has still is nobody's work: nothing goes on there. Whoever looks, through jj or at its files,
/// finds the same.
#[test]
fn a_flow_that_was_rewritten_since_it_was_pushed_has_one_end() {
    let env = environment();
    let (_, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    clone.commit("two", "x\n", "research: two");
    clone.jj(&["bookmark", "move", "a8f0--research", "--to=@-"]).ok();
    clone.jj(&["git", "push", "--bookmark=a8f0--research"]).ok();
    clone.jj(&["bookmark", "move", "a8f0--research", "--to=@--", "--allow-backwards"]).ok();
    clone.jj(&["describe", "@--", "--message=said better"]).ok();
    clone.flow(&["sync"]).ok();
    let tip = || env.rows("SELECT change_id, commit_id, trouble FROM FlowRegistry");
    let seen = tip();
    clone.jj(&["bookmark", "create", "something", "--revision=main"]).ok();
    clone.flow(&["sync", "--all"]).ok();
    assert_eq!(tip(), seen);
    let landed = clone.flow(&["done"]).ok();
    assert_eq!(landed.stdout, "Landed a8f0--research on main: 2 changes, fast-forward.\n");
}

#[rstest]
#[case::by_the_setting("[flow]\npush = true\n", &["done"])]
#[case::as_it_was_asked("", &["done", "--push"])]
fn what_was_to_be_pushed_is_once_its_conflict_is_resolved(#[case] config: &str, #[case] done: &[&str]) {
    let env = environment();
    env.add_config(config);
    let (remote, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "research", "base", "mine\n");
    flow(&fast, "docs", "base", "theirs\n");
    fast.flow(&["done", "--push"]).ok();
    let refused = slow.flow(done).exits(3);
    slow.sh(&refused.hint()).ok();
    slow.write("base", "both\n");
    slow.jj(&["squash", "--use-destination-message"]).ok();
    // The journal knows.
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    let landed = slow.flow(&["resume", "research"]).ok();
    assert!(landed.stdout.ends_with(", pushed to origin.\n"), "{landed}");
    assert_eq!(remote_log(&remote), "research:base docs:base base");
    assert_level(&slow, &remote);
}

#[test]
fn of_several_remotes_the_one_that_jj_pushes_to_is_meant_else_origin() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let remotes = ["down", "origin", "up"].map(|name| {
        let remote = env.bare_git(name);
        repo.jj(&["git", "remote", "add", name, remote.root().to_str().unwrap()]).ok();
        repo.jj(&["bookmark", "track", "main", "--remote", name]).ok();
        repo.jj(&["git", "push", "--remote", name, "--bookmark=main"]).ok();
        remote
    });
    repo.jj(&["config", "set", "--repo", "git.push", "up"]).ok();
    assert!(repo.flow(&["done", "--push"]).ok().stdout.ends_with(", pushed to up.\n"));
    repo.jj(&["config", "unset", "--repo", "git.push"]).ok();
    flow(&repo, "docs", "page", "x\n");
    assert!(repo.flow(&["done", "--push"]).ok().stdout.ends_with(", pushed to origin.\n"));
    assert_eq!(remotes.each_ref().map(remote_log), ["base", "docs:page one base", "one base"]);
}

#[test]
fn a_trunk_that_does_not_follow_the_remote_is_left_alone() {
    let env = environment();
    let (remote, [other]) = remote_and_clones(&env);
    env.dir("").git(&["clone", "remote.git", "mine"]).ok();
    let repo = env.dir("mine");
    repo.jj(&["git", "init", "--colocate"]).ok();
    flow(&repo, "docs", "page", "x\n");
    work_on_main(&other, "theirs");
    other.jj(&["git", "push", "--bookmark=main"]).ok();
    assert_refused(&repo, &["--push"], "no-remote");
    // Nor once it is known where the remote is.
    repo.jj(&["git", "fetch"]).ok();
    assert_refused(&repo, &["--push"], "no-remote");
    let hint = repo.flow(&["done", "--push"]).exits(1).hint();
    assert_eq!(hint, "jj bookmark track main --remote origin");
    repo.sh(&hint).ok();
    repo.flow(&["done", "--push"]).ok();
    assert_eq!(remote_log(&remote), "docs:page theirs base");
    assert_level(&repo, &remote);
}

#[test]
fn a_trunk_that_the_first_fetch_finds_at_the_remote_is_left_alone() {
    let env = environment();
    let (_, [other]) = remote_and_clones(&env);
    env.dir("").git(&["clone", "remote.git", "mine"]).ok();
    let repo = env.dir("mine");
    repo.git(&["remote", "remove", "origin"]).ok();
    repo.jj(&["git", "init", "--colocate"]).ok();
    repo.jj(&["git", "remote", "add", "origin", "../remote.git"]).ok();
    flow(&repo, "docs", "page", "x\n");
    work_on_main(&other, "theirs");
    other.jj(&["git", "push", "--bookmark=main"]).ok();
    let before = repo.commits("main | a8f2--docs");
    let refused = repo.flow(&["--json", "done", "--push"]).exits(1).json();
    assert_eq!(refused["error"]["code"], "no-remote", "{refused}");
    assert_eq!(repo.commits("main | a8f2--docs"), before);
    assert_eq!(env.rows("SELECT count(*) FROM landings"), "0\n");
}
