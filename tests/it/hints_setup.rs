//! Hints of what is missing around a repo: jj, a registry, a home, a config; and of repos that are gone.

use rstest::rstest;

use crate::common::{TestEnvironment, real_jj};
use crate::doctor::doctor;
use crate::faults::bound_by_permissions;
use crate::hints::{given, meet, meet_after};
use crate::ledger;
use crate::shapes::repo;
use crate::shim::{environment, script};
use crate::upkeep::{land, later};
use crate::verify::repo_with_flow;

/// A folder with jj-flow, a cargo that installs jj as the real one would, and what stands there for jj.
fn without_jj(env: &TestEnvironment, jj: Option<&str>) -> String {
    let bin = env.dir("stub").root().to_owned();
    std::os::unix::fs::symlink(env.root().join("bin/jj-flow"), bin.join("jj-flow")).unwrap();
    let real = real_jj().display();
    script(
        &bin.join("cargo"),
        &format!("[ \"$*\" = 'install --locked jj-cli' ] && ln -sf {real} {0}/jj", bin.display()),
    );
    if let Some(text) = jj {
        script(&bin.join("jj"), text);
    }
    format!("export PATH={}:/usr/bin:/bin; ", bin.display())
}

#[rstest]
#[case::missing(None, "no-jj", "session/mod.rs")]
#[case::old(Some("echo jj 0.30.0"), "old-jj", "jj/version.rs")]
#[case::nonsense(Some("echo nonsense"), "no-jj", "jj/version.rs")]
fn no_jj_or_none_that_will_do(#[case] jj: Option<&str>, #[case] code: &str, #[case] file: &str) {
    let env = environment();
    let repo = repo(&env);
    let site = match (code, file) {
        ("old-jj", _) => ("jj/version.rs", "cargo install --locked jj-cli"),
        (_, "jj/version.rs") => ("jj/version.rs", "cargo install --locked jj-cli"),
        _ => ("session/mod.rs", "cargo install --locked jj-cli"),
    };
    meet_after(&repo, &without_jj(&env, jj), "new research", code, site).mends();
}

#[test]
fn no_jj_behind_the_shim() {
    let env = environment();
    let repo = repo(&env);
    let path = without_jj(&env, None);
    let line = "$TEST_ENV/shim/jj log";
    let hint = repo.sh(&format!("{path}{line}")).exits(127).hint();
    let met = given(&repo, line, &hint, ("cmd/shim/mod.rs", "cargo install --locked jj-cli"));
    met.after(&path).mends();
}

#[test]
fn no_repo() {
    let env = environment();
    let plain = env.dir("plain");
    meet(&plain, "list", "not-a-repo", ("session/mod.rs", "jj git init")).mends();
    let git = env.dir("git");
    git.git(&["init", "--quiet"]).ok();
    let deep = git.dir("deep");
    let site = ("session/mod.rs", "cd {} && jj git init --colocate");
    meet(&deep, "list", "not-a-repo", site).mends();
    let git = env.dir("git2");
    git.git(&["init", "--quiet"]).ok();
    meet(&git, "list", "not-a-repo", ("session/mod.rs", "jj git init --colocate")).mends();
}

#[test]
fn elsewhere_than_here() {
    let env = environment();
    let home = env.dir("home");
    env.dir("not here");
    let site = ("cmd/mod.rs", "cd {} && {hint}");
    meet(&home, "list -R '../not here'", "not-a-repo", site).mends();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("two", "x\n", "two");
    meet(&home, "-R ../field done research", "open-subflows", site).mends();
    assert_eq!(repo.changes("main & subject(exact:two)").len(), 1);
}

#[test]
fn no_uid() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    let site = ("session/who.rs", "JJ_FLOW_UID=a8f2 jj-flow uid");
    meet_after(&repo, "export JJ_FLOW_UID=me; ", "new research", "usage", site).succeeds();
}

#[test]
fn no_place_for_the_registry() {
    let env = environment();
    let repo = repo(&env);
    let site = ("registry/open.rs", "jj-flow doctor");
    meet_after(&repo, "export XDG_DATA_HOME=/dev/null; ", "new research", "registry", site).runs().exits(1);
}

#[test]
fn a_registry_that_is_damaged() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let file = env.data_home().join("jj-flow/registry.db");
    std::fs::write(&file, "This is no database, and longer than the header of one.".repeat(50)).unwrap();
    meet(&repo, "list", "registry", ("registry/mod.rs", "jj-flow doctor --fix")).mends();
    std::fs::write(&file, "This is no database, and longer than the header of one.".repeat(50)).unwrap();
    let hint = doctor(&repo).hint("registry-damaged");
    given(&repo, "jj-flow doctor", &hint, ("cmd/doctor/check.rs", "jj-flow doctor --fix")).mends();
}

#[test]
fn a_registry_that_cannot_be_written() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let full = "trap '' XFSZ; ulimit -f 64; export JJ_FLOW_REGISTRY=$TEST_ENV/full.db; ";
    let site = ("registry/mod.rs", "jj-flow doctor");
    meet_after(&repo, full, "fail --reason why", "registry", site).runs();
    let closed = format!("chmod 400 $XDG_DATA_HOME/jj-flow/registry.db; exec {} ", bound_by_permissions());
    let output = repo.sh(&format!("{closed} jj-flow --json fail --reason why")).exits(6).json();
    let hint = output["error"]["hint"].as_str().unwrap();
    given(&repo, "fail", hint, ("registry/mod.rs", "jj-flow doctor")).after(&closed).runs();
}

#[test]
fn a_config_that_jj_is_told_to_read_alone() {
    let env = environment();
    let home = env.dir("home");
    let site = ("cmd/install.rs", "env -u JJ_CONFIG jj-flow {verb}");
    for verb in ["install", "uninstall"] {
        meet_after(&home, "export JJ_CONFIG=/dev/null; ", verb, "config", site).succeeds();
    }
}

#[test]
fn repos_that_are_gone() {
    let env = environment();
    let home = env.dir("home");
    let site = ("cmd/repo/forget.rs", "jj flow repo list");
    meet(&home, "repo forget nowhere", "unknown-repo", site).succeeds();
    for name in ["one", "two"] {
        ledger::repo(&env, name).flow(&["new", "research"]).ok();
        std::fs::remove_dir_all(env.root().join(name)).unwrap();
    }
    ledger::repo(&env, "two").flow(&["uid"]).ok();
    env.dir("two").with("JJ_FLOW_REGISTRY", "$TEST_ENV/other.db").flow(&["new", "docs"]).ok();
    let failed = home.flow(&["sync", "--all", "--json"]).exits(1).json()["failed"].clone();
    let hint = |name: &str| {
        let mut failed = failed.as_array().unwrap().iter();
        let found = failed.find(|failed| failed["root"].as_str().unwrap().ends_with(name));
        found.unwrap()["hint"].as_str().unwrap().to_owned()
    };
    let line = "jj-flow sync --all";
    given(&home, line, &hint("/one"), ("projection/fleet.rs", "jj flow repo forget {}")).succeeds();
    given(
        &home,
        line,
        &hint("/two"),
        ("projection/fleet.rs", "jj flow repo forget {} && jj flow repo add {root}"),
    )
    .mends();
}

#[test]
fn a_repo_that_is_seen_again_while_it_is_archived() {
    let env = environment();
    env.dir("work");
    for name in ["stays", "work/gone"] {
        land(&ledger::repo(&env, name), "research");
    }
    env.dir("work").write("notes", "of something else\n");
    std::fs::remove_dir_all(env.root().join("work/gone")).unwrap();
    let stays = later(&env.dir("stays"));
    let meanwhile = env.root().join("meanwhile");
    script(&meanwhile, "mkdir $TEST_ENV/work/gone");
    let again = stays.with("JJ_FLOW_FAILPOINT", &format!("archived={}", meanwhile.display()));
    let failed = again.flow(&["gc", "--all", "--json"]).exits(1).json()["failed"][0].clone();
    std::fs::remove_dir(env.root().join("work/gone")).unwrap();
    let hint = failed["hint"].as_str().unwrap();
    let told = given(&stays, "gc", hint, ("upkeep/gone.rs", "jj flow gc --all")).succeeds().stdout;
    let back = told.lines().find_map(|line| line.strip_prefix("  To bring it back: ")).unwrap();
    given(&stays, "gc", back, ("cmd/gc/report.rs", "  To bring it back: jj flow import {}")).succeeds();
}

#[test]
fn what_the_database_refuses() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let row = "INSERT INTO FlowRegistry (repo, bookmark, uid, component, intent, change_id, commit_id, actor, \
        created_at, updated_at, last_event, status) SELECT repo, 'a8f2--x', uid, component, 'x', change_id, commit_id, \
        actor, created_at, updated_at, last_event, 'success' FROM FlowRegistry";
    for (sql, site) in [
        ("DELETE FROM upkeep", ("registry/migrations", "jj flow gc")),
        ("DELETE FROM FlowRegistry", ("registry/migrations", "jj flow fail --reason 'what went wrong'")),
        (row, ("registry/migrations", "jj flow new research")),
        ("UPDATE FlowRegistry SET status = 'merged'", ("registry/migrations", "jj flow done")),
    ] {
        let message = env.registry().execute(sql, []).unwrap_err().to_string();
        let hint = message.split_once("; run: ").unwrap_or_else(|| panic!("{sql}: {message}")).1;
        // What the name of the example is taken for has a name of its own.
        given(&repo, sql, hint, site).runs();
    }
}
