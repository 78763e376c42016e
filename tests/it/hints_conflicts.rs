//! Hints of landings that meet a conflict, or a verification that does not pass.

use crate::conflicts::{assert_merged, disagreeing};
use crate::hints::{given, meet};
use crate::shim::{environment, script};
use crate::verify::{repo_with_flow, set_hook};

/// What base, flow and parent do to `f`.
pub(crate) const CONTENT: [&str; 3] = ["echo b >f", "echo f >f", "echo p >f"];

#[test]
fn a_conflict_is_seen_given_up_and_resolved_by_its_commands() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    let met = meet(&repo, "done", "conflict", ("landing/packet.rs", "jj new {id}"));
    let commands = met.error["details"]["commands"].clone();
    let command = |name: &str, site| given(&repo, "done", commands[name].as_str().unwrap(), site);
    command("see", ("landing/packet.rs", "jj resolve --list --revision {id}")).succeeds();
    command("abort", ("landing/packet.rs", "jj flow abort {flow}")).succeeds();

    repo.flow(&["done"]).exits(3);
    met.succeeds();
    repo.write("f", "resolved\n");
    command("finish", ("landing/packet.rs", "jj squash --use-destination-message")).succeeds();
    let listed = repo.flow(&["conflicts"]).ok().stdout;
    let then = listed.lines().find_map(|line| line.strip_prefix("Then:       ")).unwrap();
    let shown = repo.flow(&["show", "research"]).ok().stdout;
    let see = shown.lines().last().unwrap().rsplit_once(": ").unwrap().1;
    given(&repo, "show", see, ("cmd/show.rs", "\nIts landing has met a conflict: jj flow conflicts"))
        .succeeds();
    command("resume", ("landing/packet.rs", "jj flow resume {flow}")).succeeds();
    assert_merged(&repo, "resolved\n");
    // Asked once more, it is done.
    given(&repo, "done", then, ("landing/packet.rs", "jj flow resume {flow}")).succeeds();
}

#[test]
fn a_conflict_of_symlinks_begins_as_the_flow_has_it() {
    let env = environment();
    let repo = disagreeing(&env, ["ln -s b f", "ln -sfn f f", "ln -sfn p f"]);
    let met = meet(&repo, "done", "conflict", ("landing/packet.rs", "jj new {id}"));
    met.also(("landing/packet.rs", " && jj restore --from {} {}")).succeeds();
    assert_eq!(std::fs::read_link(repo.root().join("f")).unwrap().to_str(), Some("f"));
}

#[test]
fn a_flow_that_was_in_conflict_before_it_lands() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["rebase", "--source=a8f2--research", "--onto=main"]).ok();
    let met = meet(&repo, "done", "conflict", ("landing/packet.rs", "jj new {id}"));
    let resume = met.error["details"]["commands"]["resume"].as_str().unwrap();
    let resume = given(&repo, "done", resume, ("landing/packet.rs", "jj flow done {flow}"));
    met.succeeds();
    repo.write("f", "resolved\n");
    repo.jj(&["squash", "--use-destination-message"]).ok();
    resume.succeeds();
}

#[test]
fn a_conflict_that_cannot_be_given_up() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).exits(3);
    let before = repo.op_heads().concat();
    repo.jj(&["describe", "a8f2--research", "--message=here"]).ok();
    repo.jj(&["--at-op", &before, "describe", "a8f2--research", "--message=there"]).ok();
    repo.jj(&["bookmark", "set", "a8f2--research", "--revision=subject(exact:here)"]).ok();
    let site = ("landing/back.rs", "jj log --revisions 'change_id({id})'");
    let log = meet(&repo, "abort research", "divergent", site).succeeds();
    assert!(log.stdout.contains("here") && log.stdout.contains("there"), "{log}");
}

#[test]
fn no_conflict_to_go_on_with() {
    let env = environment();
    let repo = repo_with_flow(&env);
    meet(&repo, "resume", "no-conflict", ("cmd/conflicts.rs", "jj flow show {}")).succeeds();
}

#[test]
fn a_conflict_that_waits_elsewhere() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).exits(3);
    repo.jj(&["new", "main"]).ok();
    let own = ("cmd/conflicts.rs", "jj flow {verb} {}");
    meet(&repo, "resume", "no-current-flow", own).runs().exits(3);
    let other = repo.with("JJ_FLOW_UID", "b1c4");
    let all = ("cmd/conflicts.rs", "jj flow conflicts");
    let listed = meet(&other, "resume", "no-current-flow", all).succeeds();
    assert!(listed.stdout.contains("jj flow resume a8f2--research"), "{listed}");
    meet(&repo, "abort", "no-current-flow", own).succeeds();
    meet(&repo, "resume", "no-current-flow", ("cmd/target.rs", "jj flow new {}")).succeeds();
}

#[test]
fn a_conflict_that_a_dry_run_foretells() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    let met = meet(&repo, "done --dry-run", "conflict", ("cmd/done.rs", "jj flow done {flow}"));
    let refused = met.runs().exits(3);
    assert!(refused.stdout.contains("Then:       jj flow resume a8f2--research"), "{refused}");
}

#[test]
fn a_conflict_that_somebody_else_is_resolving() {
    let env = environment();
    env.add_config(
        "flow.hooks.on-conflict = 'touch $TEST_ENV/began; until [ -e $TEST_ENV/go ]; do :; done; echo r >f'\n",
    );
    let repo = disagreeing(&env, CONTENT);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| repo.flow(&["done"]).ok());
        repo.sh("until [ -e $TEST_ENV/began ]; do sleep 0.05; done").ok();
        let met = meet(&repo, "resume research", "busy", ("landing/resolve.rs", "jj flow show {flow}"));
        let shown = met.runs();
        repo.sh("touch $TEST_ENV/go").ok();
        shown.ok();
        first.join().unwrap();
    });
}

#[test]
fn a_verification_that_does_not_pass_or_is_none() {
    let env = environment();
    let repo = repo_with_flow(&env);
    set_hook(&env, "'echo no good; false'");
    let site = ("landing/verify.rs", "jj flow show {flow}");
    let shown = meet(&repo, "done", "verification-failed", site).succeeds();
    assert!(shown.stdout.contains("no good"), "{shown}");
    for (hook, code) in [("['/nowhere/at/all']", "verification-failed"), ("7", "config")] {
        set_hook(&env, hook);
        let site = match hook {
            "7" => ("landing/verify.rs", "jj config list flow.hooks"),
            _ => ("landing/verify.rs", "jj config list flow.hooks"),
        };
        let listed = meet(&repo, "done", code, site).succeeds();
        assert!(listed.stdout.starts_with("flow.hooks.verify = "), "{listed}");
    }
}

#[test]
fn a_hook_that_nobody_has_approved_is_shown_and_not_approved() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.jj(&["config", "set", "--repo", "flow.hooks.verify", "touch ../ran"]).ok();
    let met = meet(&repo, "done", "untrusted-hook", ("landing/strip.rs", "jj flow trust --show"));
    let shown = met.succeeds();
    assert!(shown.stdout.contains("touch ../ran"), "{shown}");
    meet(&repo, "done", "untrusted-hook", ("landing/strip.rs", "jj flow trust --show"));
}

#[test]
fn a_component_whose_history_is_in_conflict() {
    let env = environment();
    let repo = env.repo("mono");
    repo.commit("api/lib", "base\n", "base");
    repo.commit("api/lib", "one\n", "one");
    repo.jj(&["new", "@--"]).ok();
    repo.write("api/lib", "two\n");
    repo.jj(&["new", "subject(exact:one)", "@", "-m", "both"]).ok();
    let site = ("cmd/split/work.rs", "jj log -r {change}");
    let shown = meet(&repo, "split api --into ../out", "already-conflicted", site).succeeds();
    assert!(shown.stdout.contains("both"), "{shown}");
}

#[test]
fn a_flow_that_somebody_deletes_at_the_same_moment() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    let path = env.root().join("meanwhile");
    script(&path, "unset JJ_FLOW_FAILPOINT; jj bookmark delete a8f2--research; jj flow");
    let repo = repo.with("JJ_FLOW_FAILPOINT", &format!("conflict-journalled={}", path.display()));
    meet(&repo, "done research", "raced", ("ledger/mod.rs", "jj flow")).succeeds();
}
