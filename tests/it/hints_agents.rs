//! Commands that agents are given: what comes next, what to run in the place of something else, what is left of them.

use serde_json::{Value, json};

use crate::agent_hooks::{answer, told};
use crate::common::{TestEnvironment, TestRepo};
use crate::conflicts::{assert_merged, disagreeing};
use crate::hints::{Met, Site, given, meet};
use crate::hints_conflicts::CONTENT;
use crate::shapes::{repo, work};
use crate::shim::environment;
use crate::verify::{repo_with_flow, set_hook};

/// What comes next is this site's command, for this reason.
#[track_caller]
fn next<'r, 'e>(repo: &'r TestRepo<'e>, why: &str, site: Site) -> Met<'r, 'e> {
    let told = repo.flow(&["context", "--json"]).ok().json()["next"].clone();
    assert!(told["why"].as_str().unwrap().contains(why), "{told}");
    given(repo, "context", told["command"].as_str().unwrap(), site)
}

/// The flow that `@` stands on.
fn here(repo: &TestRepo<'_>) -> String {
    let told = repo.flow(&["context", "--json"]).ok().json();
    told["flow"]["flow"].as_str().unwrap_or_default().to_owned()
}

fn status(env: &TestEnvironment, flow: &str) -> String {
    env.rows(&format!("SELECT status FROM FlowRegistry WHERE bookmark = '{flow}'"))
}

#[test]
fn work_that_is_no_flows_yet_becomes_ones() {
    let env = environment();
    let repo = repo(&env);
    repo.write("begun", "x\n");
    next(&repo, "@ has work", ("cmd/context/next.rs", "jj flow new --here {}")).succeeds();
    assert_eq!((here(&repo).as_str(), repo.read("begun").as_str()), ("a8f2--research", "x\n"));
}

#[test]
fn who_stands_on_a_strangers_flow_starts_elsewhere() {
    let env = environment();
    let repo = repo(&env);
    repo.with("JJ_FLOW_UID", "b1c4").flow(&["new", "docs", "-m", "half"]).ok();
    let site = ("cmd/context/next.rs", "jj flow new {free} --workspace ../{free}");
    next(&repo, "somebody else's", site).succeeds();
    assert_eq!((here(&repo).as_str(), here(&env.dir("research")).as_str()), ("b1c4--docs", "a8f2--research"));
}

#[test]
fn step_by_step_a_flow_lands() {
    let env = environment();
    let repo = repo(&env);
    next(&repo, "say in your own words", ("cmd/context/next.rs", "jj flow new {}")).succeeds();
    assert_eq!(here(&repo), "a8f2--research");
    repo.write("one", "x\n");
    next(&repo, "the newest work", ("cmd/context/next.rs", "jj commit -m 'What it does'")).succeeds();
    assert_eq!(repo.changes("subject(exact:'What it does') & files(one)").len(), 1);
    // Somebody who went on without a word, and edits something else already.
    repo.write("two", "x\n");
    repo.jj(&["new"]).ok();
    repo.commit("three", "x\n", "three");
    repo.write("four", "x\n");
    repo.jj(&["describe", "-m", "four"]).ok();
    let site = ("cmd/context/next.rs", "jj describe {id} -m 'What it does'");
    next(&repo, "has no description", site).succeeds();
    next(&repo, "when it is finished", ("cmd/context/next.rs", "jj flow done {name}")).succeeds();
    assert_eq!(status(&env, "a8f2--research"), "merged\n");
    assert_eq!(repo.changes("main & subject(exact:four)").len(), 1, "{}", repo.log());
}

#[test]
fn work_goes_on_where_the_flow_is() {
    let env = environment();
    let repo = repo_with_flow(&env);
    work(&repo, &["two"]);
    repo.jj(&["new", "main"]).ok();
    next(&repo, "this goes on with a8f2--research", ("cmd/context/next.rs", "jj new {}")).succeeds();
    assert_eq!(here(&repo), "a8f2--research");
    repo.jj(&["new", "subject(exact:one)"]).ok();
    next(&repo, "does not stand on the flow's newest work", ("cmd/context/next.rs", "jj new {}")).succeeds();
    assert_eq!(repo.changes("@- & subject(exact:two)").len(), 1);
    // From elsewhere, it is the same change of the same repo.
    repo.jj(&["new", "main"]).ok();
    let home = env.dir("home");
    let told = home.flow(&["context", "-R", "../field", "--json"]).ok().json();
    let command = told["next"]["command"].as_str().unwrap();
    given(&home, "context", command, ("cmd/context/next.rs", "jj new {}")).succeeds();
    assert_eq!(here(&repo), "a8f2--research");
}

#[test]
fn subflows_come_first() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.jj(&["new", "a8f2--research"]).ok();
    next(&repo, "is to be landed first", ("cmd/context/next.rs", "jj new {}")).succeeds();
    assert_eq!(here(&repo), "a8f2--research--scaling");
    repo.jj(&["new", "a8f2--research"]).ok();
    let success = "UPDATE FlowRegistry SET status = 'success' WHERE bookmark = 'a8f2--research--scaling'";
    env.registry().execute(success, []).unwrap();
    let site = ("cmd/context/next.rs", "jj flow done {name} --cascade");
    next(&repo, "its sub-flows are at success", site).succeeds();
    assert_eq!(env.rows("SELECT DISTINCT status FROM FlowRegistry"), "merged\n");
}

#[test]
fn what_has_failed_is_taken_up_again() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["fail", "--reason", "no"]).ok();
    next(&repo, "it was given up", ("cmd/context/next.rs", "jj flow reopen {name}")).succeeds();
    assert_eq!(status(&env, "a8f2--research"), "in-progress\n");
    set_hook(&env, "'test -e two'");
    repo.flow(&["done"]).exits(4);
    let again = next(&repo, "has not passed", ("cmd/context/next.rs", "jj flow done {name}"));
    work(&repo, &["two"]);
    again.succeeds();
    assert_eq!(status(&env, "a8f2--research"), "merged\n");
}

#[test]
fn what_is_resolved_is_landed() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).exits(3);
    next(&repo, "it is in conflict", ("landing/packet.rs", "jj new {id}")).succeeds();
    repo.write("f", "resolved\n");
    repo.jj(&["squash", "--use-destination-message"]).ok();
    next(&repo, "its conflict is resolved", ("cmd/context/next.rs", "jj flow resume {name}")).succeeds();
    assert_merged(&repo, "resolved\n");
}

#[test]
fn what_would_make_a_branch_makes_a_flow() {
    let env = environment();
    let repo = repo(&env);
    let other = env.repo("an other");
    other.commit("base", "x\n", "base");
    let ask = |line: &str, site| {
        let line = line.replace("OTHER", other.root().to_str().unwrap());
        given(&repo, &line, &answer(&repo, &line).unwrap(), site).succeeds();
    };
    ask("git checkout -b docs", ("cmd/hook/pre_tool_use.rs", "jj flow new {}"));
    ask("jj b c schema", ("cmd/hook/pre_tool_use.rs", "jj {}"));
    ask("cd 'OTHER' && git branch research", ("cmd/hook/pre_tool_use.rs", "cd {} && {hint}"));
    let flows = "SELECT component, bookmark FROM FlowRegistry ORDER BY bookmark";
    assert_eq!(env.rows(flows), "field|a8f2--docs\nan other|a8f2--research\n");
    assert!(repo.bookmarks().contains("a8f2--schema "), "{}", repo.bookmarks());
}

#[test]
fn a_session_hears_what_it_has_open() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let said = told(&repo, "session-start", "one", json!({})).ok().stdout;
    let (_, command) = said.trim_end().rsplit_once(": ").unwrap();
    let site = ("cmd/hook/session_start.rs", "Where you stand, and what comes next: jj flow context");
    given(&repo, "session-start", command, site).succeeds();
    // Once the session ends, the commands are for the first flow, here or elsewhere.
    let commands = |repo: &TestRepo<'_>, session: &str| {
        let said: Value = told(repo, "stop", session, json!({})).ok().json();
        let said = said["reason"].as_str().unwrap().to_owned();
        let commands = said.lines().filter_map(|line| Some(line.split_once(" by: ")?.1.to_owned()));
        commands.collect::<Vec<_>>()
    };
    let [done, fail] = commands(&repo, "one").try_into().unwrap();
    given(&repo, "stop", &fail, ("cmd/hook/stop.rs", "jj flow {verb}")).succeeds();
    assert_eq!(status(&env, "a8f2--research"), "failed\n");
    given(&repo, "stop", &done, ("cmd/hook/stop.rs", "jj flow {verb}")).succeeds();
    assert_eq!(status(&env, "a8f2--research"), "merged\n");
    repo.flow(&["new", "docs", "-m", "docs: x"]).ok();
    let home = env.dir("home");
    let [done, _] = commands(&home, "two").try_into().unwrap();
    given(&home, "stop", &done, ("cmd/hook/stop.rs", "jj flow -R {} {verb}")).succeeds();
    assert_eq!(status(&env, "a8f2--docs"), "merged\n");
}

#[test]
fn what_agents_have_is_taken_out_again() {
    let env = environment();
    let repo = repo(&env);
    let files = || repo.sh("find . $HOME -path ./.jj -prune -o -path ./.git -prune -o -type f -print").ok();
    let before = files().stdout;
    repo.flow(&["skill", "install"]).ok();
    repo.flow(&["hook", "install"]).ok();
    repo.flow(&["hook", "install", "--project"]).ok();
    let told = repo.flow(&["uninstall"]).ok().stdout;
    let mut lines = told.lines().filter(|line| line.starts_with("Left the "));
    let mut take = |site| {
        let command = lines.next().unwrap().split_once(": ").unwrap().1;
        given(&repo, "uninstall", command, site).succeeds();
    };
    take(("cmd/skill.rs", "jj-flow skill uninstall --dir {}"));
    take(("cmd/hook/install.rs", "jj-flow hook uninstall"));
    take(("cmd/hook/install.rs", "jj-flow hook uninstall --project"));
    assert_eq!(files().stdout, before);
}

#[test]
fn there_is_no_project_outside_of_a_repo() {
    let env = environment();
    let plain = env.dir("plain");
    meet(&plain, "hook install --project", "not-a-repo", ("session/mod.rs", "jj git init")).mends();
    let git = env.dir("git");
    git.git(&["init", "--quiet"]).ok();
    let site = ("session/mod.rs", "cd {} && jj git init --colocate");
    meet(&git.dir("deep"), "hook install --project", "not-a-repo", site).mends();
    assert!(git.root().join(".claude/settings.json").exists());
}

#[test]
fn a_folder_for_a_flow() {
    let env = environment();
    let repo = repo(&env);
    env.dir("my research").write("mine", "x\n");
    let site = ("cmd/begin.rs", "jj flow new {typed} --workspace {free}");
    meet(&repo, "new research --workspace '../my research'", "path-taken", site).succeeds();
    let own = env.dir("my research2");
    assert_eq!((here(&own).as_str(), own.read("base").as_str()), ("a8f2--research", "x\n"));
    let site = ("cmd/begin.rs", "jj flow sub {typed} --workspace {free}");
    meet(&own, "sub scaling --workspace '../my research'", "path-taken", site).succeeds();
    assert_eq!(here(&env.dir("my research3")), "a8f2--research--scaling");
    env.dir("my research3").flow(&["fail", "--reason", "no"]).ok();

    work(&own, &["one"]);
    let done = own.flow(&["done"]).ok().stdout;
    let (_, command) = done.trim_end().rsplit_once(": ").unwrap();
    given(&env.dir("home"), "done", command, ("cmd/done.rs", "cd {main} && jj flow gc")).succeeds();
    assert!(!own.root().exists());
}

#[test]
fn a_workspace_of_the_flows_name_elsewhere() {
    let env = environment();
    let repo = repo(&env);
    repo.jj(&["workspace", "add", "--name", "a8f2--research", "../mine"]).ok();
    let met =
        meet(&repo, "new research --workspace ../other", "path-taken", ("cmd/begin.rs", "jj workspace list"));
    assert!(met.succeeds().stdout.contains("a8f2--research: ../mine"));
}

#[test]
fn a_schema_of_no_command() {
    let env = environment();
    let home = env.dir("home");
    let met = meet(&home, "schema nothing", "usage", ("cmd/schema.rs", "jj flow schema"));
    assert!(met.succeeds().json()["$defs"].is_object());
}
