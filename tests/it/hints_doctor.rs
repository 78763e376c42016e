//! Hints of doctor: each is run where doctor gave it, and doctor does not give it any more then.

use crate::common::{TestEnvironment, TestRepo};
use crate::conflicts::disagreeing;
use crate::doctor::{Found, doctor, fix};
use crate::hints::{Met, Site, given};
use crate::hints_conflicts::CONTENT;
use crate::install::{Home, SHIM};
use crate::kept;
use crate::ledger;
use crate::push::remote_and_clones;
use crate::shim::environment;
use crate::verify::repo_with_flow;

/// The shell of somebody whose home has nothing but defaults.
const HOME: &str = "unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME SHELL; ";

/// Doctor finds this, and gives what this site has.
#[track_caller]
fn found<'r, 'e>(repo: &'r TestRepo<'e>, before: &str, code: &str, site: Site) -> Met<'r, 'e> {
    let output = repo.sh(&format!("{before}jj-flow doctor --json"));
    given(repo, "jj-flow doctor", &Found::of(&output).hint(code), site).after(before)
}

/// Runs what doctor gives, and finds it no more.
#[track_caller]
fn heals(repo: &TestRepo<'_>, before: &str, code: &str, site: Site) {
    let met = found(repo, before, code, site);
    met.succeeds();
    let then = Found::of(&repo.sh(&format!("{before}jj-flow doctor --json")));
    assert_eq!(then.state(code), "", "{}: {then:#?}", met.hint);
}

fn home(env: &TestEnvironment) -> Home<'_> {
    Home::new(env, "ada")
}

#[test]
fn a_shim_that_is_not_there_or_not_this_one() {
    let env = TestEnvironment::new();
    let home = home(&env);
    heals(&home.repo, HOME, "shim-missing", ("cmd/doctor/shim.rs", "jj-flow install"));

    let ready = format!("{HOME}export PATH=~/.local/share/jj-flow/bin:$PATH; ");
    home.sh(&format!("cp $TEST_ENV/bin/jj-flow ~/jj-flow; ln -sfn ~/jj-flow ~/{SHIM}")).ok();
    heals(&home.repo, &ready, "shim-other", ("cmd/doctor/shim.rs", "jj-flow install"));
    assert!(home.sh(&format!("{ready}jj-flow doctor")).ok().stdout.contains("ok    shim "));

    home.sh(&format!("rm ~/{SHIM}; mkdir ~/x; cp $TEST_ENV/bin/jj-flow ~/x/jj")).ok();
    let before = format!("{HOME}export PATH=~/x:$PATH; ");
    heals(&home.repo, &before, "shim-other", ("cmd/doctor/shim.rs", "jj-flow install"));
    assert!(home.sh(&format!("{ready}jj-flow doctor")).ok().stdout.contains("ok    shim "));
}

#[test]
fn a_shim_that_leads_nowhere() {
    let env = TestEnvironment::new();
    let home = home(&env);
    home.sh(&format!("jj-flow install; ln -sfn /nowhere/jj-flow ~/{SHIM}")).ok();
    heals(&home.repo, HOME, "shim-dangling", ("cmd/doctor/check.rs", "jj-flow doctor --fix"));
    assert_eq!(home.sh(&format!("~/{SHIM} flow --version")).ok().code, 0);
}

#[test]
fn a_config_that_is_not_installed() {
    let env = TestEnvironment::new();
    let home = home(&env);
    heals(&home.repo, HOME, "conf-missing", ("cmd/doctor/conf.rs", "jj-flow install --no-shim"));
    assert!(!home.path.join(SHIM).exists());
}

#[test]
fn an_alias_that_is_not_there() {
    let env = TestEnvironment::new();
    let home = home(&env);
    let met = found(&home.repo, HOME, "alias-missing", ("cmd/doctor/alias.rs", "jj-flow install"));
    given(&home.repo, "jj flow", &met.hint, ("cmd/doctor/alias.rs", "jj-flow install")).after(HOME).mends();
}

#[test]
fn jj_is_told_to_read_one_file_alone() {
    let env = TestEnvironment::new();
    let home = home(&env);
    home.write("my.toml", "ui.color = 'never'\n");
    let named = format!("{HOME}export JJ_CONFIG=~/my.toml; ");
    // Installed is what the file's reader does not see, and everybody else does.
    let site = ("cmd/doctor/conf.rs", "env -u JJ_CONFIG jj-flow install");
    found(&home.repo, &named, "jj-config-set", site).succeeds();
    home.sh("jj flow").ok();
    let site = (
        "cmd/doctor/alias.rs",
        "jj config set --user aliases.flow '[\"util\", \"exec\", \"--\", \"jj-flow\", \"--via-jj\"]'",
    );
    heals(&home.repo, &named, "alias-missing", site);
    home.repo.sh(&format!("{named}jj flow")).ok();
    let then = Found::of(&home.repo.sh(&format!("{named}jj-flow doctor --json")).ok());
    assert_eq!(then.state("jj-config-set"), "", "{then:#?}");
}

#[test]
fn jj_is_told_to_read_a_folder_alone() {
    let env = TestEnvironment::new();
    let home = home(&env);
    home.write("conf/my.toml", "ui.color = 'never'\n");
    let named = format!("{HOME}export JJ_CONFIG=~/conf; ");
    let site = ("cmd/doctor/alias.rs", "env -u JJ_CONFIG jj-flow install");
    found(&home.repo, &named, "alias-missing", site).succeeds();
    home.sh("jj flow").ok();
}

#[test]
fn settings_that_are_misspelled_or_cannot_be() {
    let env = environment();
    let repo = env.repo("field");
    repo.jj(&["config", "set", "--repo", "flow.polciy", "strict"]).ok();
    let site =
        ("cmd/doctor/setup.rs", "jj config set {option} {right} {value} && jj config unset {option} {name}");
    heals(&repo, "", "unknown-setting", site);
    assert_eq!(repo.jj(&["config", "get", "flow.policy"]).ok().stdout, "strict\n");
    repo.jj(&["config", "set", "--repo", "flow.policy", "sometimes"]).ok();
    let site = ("cmd/doctor/setup.rs", "jj config list {} --template builtin_config_list_detailed");
    let listed = found(&repo, "", "bad-value", site).succeeds().stdout;
    assert!(listed.contains("sometimes") && listed.contains(".toml"), "{listed}");
}

#[test]
fn a_trunk_that_is_to_be_pushed_and_follows_no_remote() {
    let env = environment();
    env.add_config("[flow]\npush = true\n");
    let (_, [clone]) = remote_and_clones(&env);
    clone.jj(&["bookmark", "untrack", "main", "--remote=origin"]).ok();
    let site = ("cmd/doctor/pushing.rs", "jj bookmark track {bookmark} --remote {remote}");
    heals(&clone, "", "trunk-untracked", site);
}

#[test]
fn a_hook_that_nobody_has_approved() {
    let env = environment();
    let repo = env.repo("field");
    repo.jj(&["config", "set", "--repo", "flow.hooks.verify", "exit 0"]).ok();
    heals(&repo, "", "hook-unapproved", ("cmd/doctor/hooks.rs", "jj flow trust"));
}

/// Looked at from elsewhere, a repo is mended there.
#[test]
fn what_is_wrong_elsewhere() {
    let env = environment();
    let repo = env.repo("a field");
    repo.jj(&["config", "set", "--repo", "flow.hooks.verify", "exit 0"]).ok();
    let home = env.dir("home");
    let look = || Found::of(&home.flow(&["doctor", "-R", "../a field", "--json"]));
    let hint = look().hint("hook-unapproved");
    given(&home, "doctor", &hint, ("cmd/doctor/hooks.rs", "jj flow trust")).succeeds();
    assert_eq!(look().state("hook-unapproved"), "");
    assert_eq!(doctor(&repo).state("hook-unapproved"), "");
}

#[test]
fn a_conflict_that_waits() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done", "research"]).exits(3);
    let home = env.dir("home");
    let here = found(&repo, "", "conflict-waiting", ("cmd/doctor/landings.rs", "jj flow conflicts"));
    let site = ("cmd/doctor/landings.rs", "jj-flow -R {} conflicts");
    let elsewhere = found(&home, "", "conflicts-elsewhere", site);
    for met in [here, elsewhere] {
        let told = met.succeeds().stdout;
        assert!(told.contains("a8f2--research"), "{told}");
    }
}

#[test]
fn a_landing_that_was_cut_short() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let killed = || repo.with("JJ_FLOW_FAILPOINT", "journalled").flow(&["done"]).exits(137);
    killed();
    heals(&repo, "", "landing-unsettled", ("cmd/doctor/check.rs", "jj-flow doctor --fix"));
    killed();
    let site = ("cmd/doctor/landings.rs", "jj-flow -R {} conflicts");
    heals(&env.dir("home"), "", "landings-elsewhere", site);
    assert_eq!(env.rows("SELECT DISTINCT state FROM landings"), "dropped\n");
}

#[test]
fn a_record_that_was_not_read() {
    let env = environment();
    let other = ledger::repo(&env, "other");
    other.flow(&["new", "docs"]).ok();
    let repo = repo_with_flow(&env);
    std::fs::write(kept::file(&env), "This is no database, and longer than its header.".repeat(50)).unwrap();
    let journal = ".jj/repo/flow/journal.ndjson";
    other.sh(&format!("mv {journal} aside && mkdir {journal}")).ok();
    let hint = fix(&repo).hint("record-unread");
    let flows = || env.rows("SELECT bookmark FROM FlowRegistry ORDER BY bookmark");
    assert_eq!(flows(), "a8f2--research\n");
    other.sh(&format!("rmdir {journal} && mv aside {journal}")).ok();
    given(&repo, "doctor", &hint, ("cmd/doctor/registry.rs", "jj-flow -R {} doctor --fix")).succeeds();
    assert_eq!(flows(), "a8f2--docs\na8f2--research\n");
}
