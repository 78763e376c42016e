//! Hints of what has to do with a remote.

use crate::common::{TestEnvironment, TestRepo};
use crate::hints::{given, meet};
use crate::push::{flow, remote_and_clones, remote_log};
use crate::push_races::faster;
use crate::shapes::{repo, work, work_on_main};
use crate::shim::{environment, script};
use crate::upkeep::later;
use crate::verify::{repo_with_flow, set_hook};

/// A repo with a flow in it and two remotes, of which `up` has `main`, if that is said.
fn two_remotes(env: &TestEnvironment, has_main: bool) -> TestRepo<'_> {
    let repo = repo_with_flow(env);
    for name in ["up", "down"] {
        let remote = env.bare_git(name);
        repo.jj(&["git", "remote", "add", name, remote.root().to_str().unwrap()]).ok();
    }
    if has_main {
        repo.jj(&["git", "push", "--remote=up", "--bookmark=main"]).ok();
        repo.jj(&["bookmark", "untrack", "main", "--remote=up"]).ok();
    }
    repo
}

/// The remote takes nothing any more: fetching works, pushing does not.
fn close(remote: &TestRepo<'_>) {
    script(&remote.dir("hooks").root().join("pre-receive"), "echo 'closed for today' >&2; exit 1");
}

#[test]
fn a_bookmark_that_follows_no_remote() {
    let env = environment();
    let repo = two_remotes(&env, true);
    let site = ("cmd/landing.rs", "jj bookmark track {parent} --remote {remote}");
    meet(&repo, "done --push", "no-remote", site).mends();
    let env = environment();
    let repo = two_remotes(&env, false);
    let listed = meet(&repo, "done --push", "no-remote", ("cmd/landing.rs", "jj git remote list")).succeeds();
    assert!(listed.stdout.contains("up ") && listed.stdout.contains("down "), "{listed}");
}

#[test]
fn a_bookmark_that_follows_several_remotes() {
    let env = environment();
    let repo = two_remotes(&env, true);
    ["up", "down"].iter().for_each(|name| _ = repo.jj(&["bookmark", "track", "main", "--remote", name]).ok());
    repo.jj(&["git", "push", "--remote=down", "--bookmark=main"]).ok();
    let site = ("cmd/landing.rs", "jj config set --repo git.push {}");
    meet(&repo, "done --push", "no-remote", site).mends();
}

#[test]
fn a_bookmark_that_does_not_follow_its_only_remote() {
    let env = environment();
    let (_, [clone]) = remote_and_clones(&env);
    clone.jj(&["bookmark", "untrack", "main", "--remote=origin"]).ok();
    flow(&clone, "research", "one", "x\n");
    let site = ("landing/push.rs", "jj bookmark track {parent} --remote {remote}");
    meet(&clone, "done --push", "no-remote", site).mends();
}

#[test]
fn a_remote_that_is_gone() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    std::fs::rename(remote.root(), env.root().join("away.git")).unwrap();
    let met = meet(&clone, "done --push", "push-failed", ("landing/push.rs", "jj git fetch --remote {}"));
    met.runs().exits(1);
    std::fs::rename(env.root().join("away.git"), remote.root()).unwrap();
    met.mends();
}

#[test]
fn a_remote_that_takes_nothing() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    close(&remote);
    let site = ("landing/push.rs", "jj git push --dry-run --remote {}");
    meet(&clone, "done --push", "push-failed", site).succeeds();
}

#[test]
fn a_remote_that_takes_nothing_when_all_has_landed() {
    let env = environment();
    let (remote, [clone]) = remote_and_clones(&env);
    flow(&clone, "research", "one", "x\n");
    clone.with("JJ_FLOW_FAILPOINT", "pushing").flow(&["done", "--push"]).exits(137);
    clone.flow(&[]).ok();
    close(&remote);
    let site = ("landing/push.rs", "jj flow undo {flow}");
    meet(&clone, "done research --push", "push-failed", site).succeeds();
}

#[test]
fn what_does_not_fit_the_remote() {
    let env = environment();
    let (_, [slow, fast]) = remote_and_clones(&env);
    flow(&slow, "schema", "base", "mine\n");
    slow.flow(&["done"]).ok();
    flow(&slow, "research", "one", "x\n");
    flow(&fast, "docs", "base", "theirs\n");
    let racing = slow.with("JJ_FLOW_FAILPOINT", &faster(&env));
    let site = ("landing/push.rs", "jj rebase --branch {} --onto {other}");
    let met = meet(&racing, "done research --push", "behind-remote", site);
    met.leads_to("conflict");
}

#[test]
fn others_who_are_always_faster_to_push() {
    let env = environment();
    let (remote, [slow, _]) = remote_and_clones(&env);
    flow(&slow, "research", "one", "x\n");
    let hook = env.root().join("hook");
    script(
        &hook,
        "cd $TEST_ENV/clone1 && jj git fetch && jj new main && echo $$ >faster && jj commit -m faster && \
         jj bookmark move main --to @- && jj git push --bookmark main",
    );
    set_hook(&env, &format!("[{hook:?}]"));
    let site = ("landing/push.rs", "jj flow done {flow} --into {onto} --push");
    let met = meet(&slow, "done research --push", "raced", site);
    set_hook(&env, "'true'");
    met.mends();
    assert!(remote_log(&remote).starts_with("research:one faster "));
}

#[test]
fn a_parent_behind_its_remote_or_beside_it() {
    let env = environment();
    let (_, [clone, other]) = remote_and_clones(&env);
    work_on_main(&other, "theirs");
    other.jj(&["git", "push", "--bookmark=main"]).ok();
    clone.jj(&["git", "fetch"]).ok();
    clone.jj(&["bookmark", "set", "main", "--revision=main-", "--allow-backwards"]).ok();
    flow(&clone, "research", "one", "x\n");
    let site = ("landing/check.rs", "jj bookmark move {branch} --to {onto}");
    meet(&clone, "done research", "behind-remote", site).mends();
    clone.jj(&["bookmark", "set", "main", "--revision=main@origin-", "--allow-backwards"]).ok();
    work_on_main(&clone, "mine");
    flow(&clone, "docs", "page", "x\n");
    let site = ("landing/check.rs", "jj rebase --branch {branch} --onto {onto}");
    meet(&clone, "done docs", "behind-remote", site).mends();
}

#[test]
fn a_trunk_that_only_the_remote_has() {
    let env = environment();
    let (_, [clone]) = remote_and_clones(&env);
    clone.jj(&["bookmark", "forget", "main"]).ok();
    flow(&clone, "research", "one", "x\n");
    let site = ("landing/parent.rs", "jj bookmark track {} --remote {}");
    meet(&clone, "done", "no-parent", site).mends();
}

#[test]
fn an_old_bookmark_that_the_remote_has() {
    let env = environment();
    let remote = env.bare_git("up");
    let repo = repo(&env);
    repo.jj(&["git", "remote", "add", "up", remote.root().to_str().unwrap()]).ok();
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.jj(&["bookmark", "track", "a8f2--research", "--remote=up"]).ok();
    repo.jj(&["git", "push", "--remote=up", "--bookmark=a8f2--research"]).ok();
    repo.flow(&["done"]).ok();
    let kept = later(&repo).flow(&["gc", "--json"]).ok().json()["repos"][0]["kept"][0].clone();
    let site =
        ("upkeep/merged.rs", "jj bookmark delete {name} && jj git push --remote {at} --bookmark {name}");
    given(&repo, "gc", kept["hint"].as_str().unwrap(), site).succeeds();
    assert!(!repo.bookmarks().contains("research"), "{}", repo.bookmarks());
}
