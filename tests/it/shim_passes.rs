//! What the shim does not touch: commands that pass through, several jj on PATH, a registry that fails.

use std::os::unix::fs::symlink;

use rstest::rstest;
use rusqlite::TransactionBehavior;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::shim::{environment, names, script};

/// jj itself and the shim say the same and end alike.
#[track_caller]
fn assert_same(repo: &TestRepo<'_>, args: &[&str]) {
    let told = |output: Output| (output.stdout, output.stderr, output.code);
    let (real, shim) = (told(repo.jj(args)), told(repo.shim(args)));
    assert_eq!(shim, real, "jj {args:?}");
}

#[test]
fn everything_else_is_the_real_jj() {
    let env = environment();
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    let lines: &[&[&str]] = &[
        &["log"],
        &["st"],
        &["status", "--no-pager"],
        &["op", "log", "--limit=1"],
        &[],
        &["-r", "@"],
        &["--help"],
        &["--version"],
        &["-V"],
        &["bookmark", "create", "--help"],
        &["bookmark"],
        &["bookmark", "create"],
        &["bookmark", "list", "x*"],
        &["bookmark", "creat", "foo"],
        &["nonsense"],
        &["log", "--nonsense"],
        &["-R", "nowhere", "log"],
        &["bookmark", "set", "foo", "-r"],
        &["config", "get", "ui.color"],
        &["--config", "nonsense", "log"],
    ];
    lines.iter().for_each(|args| assert_same(&repo, args));
    assert_same(&env.dir("elsewhere"), &["bookmark", "create", "foo"]);
    assert!(!env.data_home().join("jj-flow").exists(), "passing through opens no registry");
}

#[test]
fn arguments_that_are_not_utf8_reach_jj() {
    let env = environment();
    let repo = env.repo("field");
    let script = r#"jj log "$(printf '\377')"; echo $?; jj bookmark create "$(printf 'x\377')"; echo $?"#;
    let shim = repo.with("PATH", &format!("{0}/shim:{0}/bin:/usr/bin:/bin", env.root().display()));
    let (real, shim) = (repo.sh(script).ok(), shim.sh(script).ok());
    assert_eq!((shim.stdout, shim.stderr), (real.stdout, real.stderr));
}

#[test]
fn the_shim_can_be_bypassed() {
    let env = environment();
    let repo = env.repo("field").with("JJ_FLOW_BYPASS", "1");
    repo.shim(&["bookmark", "create", "foo"]).ok();
    assert_eq!(names(&repo), "foo");
}

/// A folder with one program in it, to stand on PATH.
pub(crate) fn bin(env: &TestEnvironment, name: &str, fill: impl FnOnce(&std::path::Path)) -> String {
    let folder = env.root().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    fill(&folder.join("jj"));
    folder.to_str().unwrap().to_owned()
}

#[test]
fn several_shims_on_path_still_end_at_the_real_jj() {
    let env = environment();
    let repo = env.repo("field");
    let own = std::fs::canonicalize(env.root().join("shim/jj")).unwrap();
    let shim = env.root().join("shim").to_str().unwrap().to_owned();
    let link = bin(&env, "link", |jj| symlink(&own, jj).unwrap());
    let copy = bin(&env, "copy", |jj| assert!(std::fs::copy(&own, jj).is_ok()));
    let other = bin(&env, "other", |jj| assert!(std::fs::copy(&own, jj).is_ok()));
    // Such a wrapper finds the shim again, behind it on PATH or before it.
    let wrapper = bin(&env, "wrapper", |jj| script(jj, "exec jj \"$@\""));
    let aside = bin(&env, "aside", |jj| script(jj, &format!("PATH={shim}:$PATH exec jj \"$@\"")));
    let real = format!("PATH={shim}:{}/bin:/usr/bin:/bin exec jj \"$@\"", env.root().display());
    let alone = bin(&env, "alone", |jj| script(jj, &real));
    let paths: [&[&str]; 9] = [
        &[&shim, &shim],
        &[&shim, &link, &shim],
        &[&shim, &copy],
        &[&copy, &other],
        &[&shim, &wrapper],
        &[&shim, &aside],
        &[&copy, &shim, &aside, &other],
        &[&copy, &other, &copy, &other],
        &[&shim, &alone],
    ];
    for (number, path) in paths.iter().enumerate() {
        let path = format!("{}:{}/bin:/usr/bin:/bin", path.join(":"), env.root().display());
        let repo = repo.with("PATH", &path);
        let jj = |script: &str| repo.sh(&format!("ulimit -t 5; {script}"));
        assert_eq!(jj("jj log").ok().stdout, repo.jj(&["log"]).ok().stdout, "{path}");
        jj(&format!("jj bookmark create docs{number}")).ok();
    }
    assert_eq!(names(&repo), (0..9).map(|n| format!("a8f2--docs{n}")).collect::<Vec<_>>().join(" "));
    assert_eq!(env.rows("SELECT count(*) FROM events"), "9\n");
}

#[test]
fn without_a_real_jj_behind_it_the_shim_exits_127() {
    let env = environment();
    let repo = env.repo("field");
    let alone = repo.with("PATH", &format!("{}/shim:/usr/bin:/bin", env.root().display()));
    for script in
        ["jj log", "jj bookmark create foo", "jj flow new research", "JJ_FLOW_BYPASS=1 jj log", "jj nonsense"]
    {
        let output = alone.sh(script).exits(127);
        assert_eq!(output.stderr.matches("Error: Could not find jj on PATH").count(), 1, "{output}");
        assert!(!output.stderr.contains("Warning"), "{output}");
    }
    assert_eq!(names(&repo), "");
}

#[test]
fn what_an_alias_starts_meets_the_shim_again() {
    let env = environment();
    env.add_config(
        "[aliases]\nstart = ['util', 'exec', '--', 'sh', '-c', 'jj bookmark create \"$1\"', '']\n\
        direct = ['util', 'exec', '--', 'jj', 'bookmark', 'create']",
    );
    let repo = env.repo("field");
    repo.shim(&["start", "foo"]).ok();
    repo.shim(&["direct", "bar"]).ok();
    assert_eq!(names(&repo), "a8f2--logicBar a8f2--logicFoo");
    assert_eq!(env.rows("SELECT count(*) FROM events"), "2\n");
}

/// `bookmark create foo` does what it does without a registry, with one line that says what is wrong.
#[track_caller]
fn assert_goes_on(repo: &TestRepo<'_>, output: Output) {
    let output = output.ok();
    let warnings: Vec<&str> =
        output.stderr.lines().filter(|line| line.starts_with("Warning: jj-flow")).collect();
    assert_eq!(warnings.len(), 1, "{output}");
    assert_eq!(output.stderr.lines().count(), 4, "{output}");
    assert_eq!(names(repo), "a8f2--logicFoo");
}

/// The next `jj flow` command that writes makes up for it.
#[track_caller]
fn assert_found_again(repo: &TestRepo<'_>) {
    repo.flow(&["fail", "logicFoo", "--reason", "found"]).ok();
    assert_eq!(repo.flow(&["list", "--json"]).ok().json()["flows"][0]["flow"], "a8f2--logicFoo");
}

#[test]
fn a_corrupt_registry_keeps_nobody_from_naming_a_bookmark() {
    let env = environment();
    let repo = env.repo("field");
    let file = env.data_home().join("jj-flow/registry.db");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "no database").unwrap();
    assert_goes_on(&repo, repo.shim(&["bookmark", "create", "foo"]));
    repo.shim(&["bookmark", "create", "x", "-r", "nowhere"]).exits(1);
    std::fs::remove_file(&file).unwrap();
    assert_found_again(&repo);
}

#[test]
fn a_folder_in_the_registrys_place_keeps_nobody_either() {
    let env = environment();
    let repo = env.repo("field");
    let file = env.data_home().join("jj-flow/registry.db");
    std::fs::create_dir_all(&file).unwrap();
    assert_goes_on(&repo, repo.shim(&["bookmark", "create", "foo"]));
    std::fs::remove_dir(&file).unwrap();
    assert_found_again(&repo);
}

#[test]
fn a_registry_that_somebody_holds_keeps_nobody_either() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["uid"]).ok();
    let mut registry = env.registry();
    let held = registry.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    assert_goes_on(&repo, repo.shim(&["bookmark", "create", "foo"]));
    drop(held);
    assert_found_again(&repo);
}

#[test]
fn whoever_has_no_uid_yet_need_not_wait_for_the_registry() {
    let env = TestEnvironment::new();
    let repo = env.repo("field").with("JJ_FLOW_SESSION", "1");
    env.dir("field").flow(&["uid"]).ok();
    let mut registry = env.registry();
    let _held = registry.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    repo.shim(&["bookmark", "create", "main"]).ok();
    assert_eq!(names(&repo), "main");
}

#[rstest]
#[case::the_list(&["list"])]
#[case::the_tree(&[])]
fn what_was_missed_is_recorded_by(#[case] command: &[&str]) {
    let env = environment();
    let repo = env.repo("field");
    let away = repo.with("JJ_FLOW_REGISTRY", "/proc/nowhere/registry.db");
    away.shim(&["bookmark", "create", "foo"]).ok();
    repo.flow(command).ok();
    assert_eq!(env.rows("SELECT bookmark FROM FlowRegistry"), "a8f2--logicFoo\n");
}
