//! `jj flow doctor`: each check good, bad and mended, and every remedy run as it stands.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use rstest::rstest;
use serde_json::Value;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::install::{CONFIG, Home, SHIM};
use crate::shim::{environment, script};

/// What doctor found, of whatever was not well.
#[derive(Debug)]
pub(crate) struct Found(Vec<Value>);

impl Found {
    #[track_caller]
    pub(crate) fn of(output: &Output) -> Self {
        let told = output.json();
        let checks = told["checks"].as_array().unwrap();
        for check in checks {
            let is_good = ["ok", "mended"].contains(&check["state"].as_str().unwrap());
            let remedies =
                [&check["hint"], &check["advice"]].iter().filter(|remedy| remedy.is_string()).count();
            assert_eq!(remedies, usize::from(!is_good), "{check:#}");
            assert_eq!(check["code"].is_null(), check["state"] == "ok", "{check:#}");
        }
        let count = |state: &str| checks.iter().filter(|check| check["state"] == state).count();
        for state in ["ok", "mended", "warning", "failed"] {
            assert_eq!(told["counts"][state], count(state), "{told:#}");
        }
        assert_eq!(output.code, i32::from(count("failed") > 0), "{told:#}");
        Self(checks.clone())
    }

    /// The state of a check that found this.
    pub(crate) fn state(&self, code: &str) -> &str {
        self.0.iter().find(|check| check["code"] == code).map_or("", |check| check["state"].as_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn check(&self, code: &str) -> &Value {
        self.0.iter().find(|check| check["code"] == code).unwrap_or_else(|| panic!("no {code}: {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn hint(&self, code: &str) -> String {
        self.check(code)["hint"].as_str().unwrap_or_else(|| panic!("no hint: {self:#?}")).to_owned()
    }

    pub(crate) fn message(&self, code: &str) -> &str {
        self.check(code)["message"].as_str().unwrap()
    }

    /// The codes of what one check found.
    pub(crate) fn codes(&self, what: &str) -> Vec<&str> {
        let all = self.0.iter().filter(|check| check["check"] == what);
        all.filter_map(|check| check["code"].as_str()).collect()
    }
}

#[track_caller]
pub(crate) fn doctor(repo: &TestRepo<'_>) -> Found {
    Found::of(&repo.flow(&["doctor", "--json"]))
}

#[track_caller]
pub(crate) fn fix(repo: &TestRepo<'_>) -> Found {
    Found::of(&repo.flow(&["doctor", "--fix", "--json"]))
}

/// What somebody's shell has before the command: the shim first on PATH, and a shell that completes.
const READY: &str = "export PATH=~/.local/share/jj-flow/bin:$PATH SHELL=/bin/bash;";

#[test]
fn where_all_is_well_nothing_is_wrong() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.write(".bashrc", "source <(COMPLETE=bash jj)\n");
    home.sh("jj-flow install && jj-flow new research").ok();
    let told = home.sh(&format!("{READY} jj-flow doctor")).ok();
    let told = told.stdout.replace(&version(&home.repo), "VERSION");
    insta::assert_snapshot!(told, @r#"
    ok    jj           VERSION at $TEST_ENV/bin/jj
    ok    config       every flow.* setting is understood
    ok    conf.d       $TEST_ENV/people/ada/.config/jj/conf.d/jj-flow.toml is this version's
    ok    alias        `jj flow` is ["util","exec","--","jj-flow","--via-jj"]
    ok    shim         first on PATH: $TEST_ENV/people/ada/.local/share/jj-flow/bin/jj
    ok    completions  bash asks jj, in $TEST_ENV/people/ada/.bashrc
    ok    registry     sound, at $TEST_ENV/people/ada/.local/share/jj-flow/registry.db
    ok    repo         1 recorded event in $TEST_ENV/field/.jj/repo/flow/journal.ndjson
    ok    hooks        none is set
    ok    landings     none is half done
    ok    locks        nobody holds any
    ok    folders      none is left of a repo that is gone
    Nothing is wrong.
    "#);
    assert_eq!(
        home.sh(&format!("{READY} jj-flow doctor --fix"))
            .ok()
            .stdout
            .replace(&version(&home.repo), "VERSION"),
        told
    );
}

fn version(repo: &TestRepo<'_>) -> String {
    repo.jj(&["--version"]).ok().stdout.trim().trim_start_matches("jj ").to_owned()
}

/// What stands where the shim belongs, made by a line of shell, with what doctor makes of it.
#[rstest]
#[case::missing("rm ~/$SHIM", "shim-missing", "")]
#[case::not_on_path("export PATH=${PATH#*:}", "shim-not-on-path", "")]
#[case::not_first("export PATH=${PATH#*:}:${PATH%%:*}", "shim-not-first", "")]
#[case::dangling("ln -sfn /nowhere/jj-flow ~/$SHIM", "shim-dangling", "mended")]
#[case::another("cp $TEST_ENV/bin/jj-flow ~/jj-flow; ln -sfn ~/jj-flow ~/$SHIM", "shim-other", "warning")]
#[case::another_elsewhere(
    "rm ~/$SHIM; mkdir ~/x; cp $TEST_ENV/bin/jj-flow ~/x/jj; export PATH=~/x:$PATH",
    "shim-other",
    "warning"
)]
#[case::foreign("rm ~/$SHIM; echo mine >~/$SHIM", "shim-foreign", "warning")]
#[case::bypassed("export JJ_FLOW_BYPASS=1", "shim-bypassed", "warning")]
fn the_shim_is_told_by_what_stands_there(#[case] before: &str, #[case] code: &str, #[case] fixed: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("jj-flow install").ok();
    let before = format!("{READY} SHIM={SHIM}; {before};");
    let found = Found::of(&home.sh(&format!("{before} jj-flow doctor --json")).ok());
    assert_eq!((found.codes("shim"), found.state(code)), (vec![code], "warning"), "{found:#?}");
    let hint = found.hint(code);
    if !fixed.is_empty() {
        let mended = Found::of(&home.sh(&format!("{before} jj-flow doctor --fix --json")).ok());
        assert_eq!(mended.state(code), fixed, "{mended:#?}");
    }
    // Whatever it takes further, the remedy is the right one for this.
    let then = home.sh(&format!("{before} {hint} >$TMPDIR/out; jj-flow doctor --json")).ok();
    assert_eq!(Found::of(&then).state(code), "", "{hint}: {then}");
}

#[test]
fn whoever_stands_before_the_shim_is_named() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("jj-flow install").ok();
    let output = home.sh("export PATH=$PATH:~/.local/share/jj-flow/bin; jj-flow doctor --json").ok();
    let found = Found::of(&output);
    assert!(found.message("shim-not-first").contains("$TEST_ENV/bin/jj stands before it"), "{found:#?}");
    assert!(found.message("shim-not-first").contains("at the end of ~/.profile"), "{found:#?}");
}

#[rstest]
#[case::missing("rm ~/$CONFIG", "conf-missing", "warning")]
#[case::outdated("echo '# more' >>~/$CONFIG", "conf-outdated", "mended")]
#[case::older("echo \"# jj-flow's part of jj's config. Of old.\" >~/$CONFIG", "conf-outdated", "mended")]
#[case::foreign("echo '# mine' >~/$CONFIG", "conf-foreign", "warning")]
fn the_installed_config_is_told_by_what_stands_there(
    #[case] before: &str,
    #[case] code: &str,
    #[case] fixed: &str,
) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("jj-flow install").ok();
    let installed = home.read(CONFIG);
    home.sh(&format!("CONFIG={CONFIG}; {before}")).ok();
    let altered = home.files();
    let found = Found::of(&home.sh("jj-flow doctor --json").ok());
    assert_eq!((found.state(code), home.files()), ("warning", altered), "{found:#?}");
    let mended = Found::of(&home.sh("jj-flow doctor --fix --json").ok());
    assert_eq!(mended.state(code), fixed, "{mended:#?}");
    if fixed == "mended" {
        assert_eq!(mended.codes("alias"), [""; 0], "{mended:#?}");
    } else {
        home.sh(&found.hint(code)).ok();
    }
    assert_eq!(home.read(CONFIG), installed);
    let then = Found::of(&home.sh("jj-flow doctor --json").ok());
    assert_eq!((then.codes("conf.d"), then.codes("alias")), (vec![], vec![]), "{then:#?}");
}

#[test]
fn a_config_file_named_by_the_environment_stands_for_all() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("jj-flow install").ok();
    home.write("my.toml", "ui.color = 'never'\n");
    let named = "export JJ_CONFIG=~/my.toml;";
    let found = Found::of(&home.sh(&format!("{named} jj-flow doctor --json")).ok());
    assert!(found.message("jj-config-set").contains("$TEST_ENV/people/ada/my.toml"), "{found:#?}");
    home.sh(&format!("{named} {}", found.hint("jj-config-set"))).ok();
    home.sh(&format!("{named} {}", found.hint("alias-missing"))).ok();
    home.sh(&format!("{named} jj flow new research")).ok();
    let then = Found::of(&home.sh(&format!("{named} jj-flow doctor --json")).ok());
    assert_eq!((then.codes("conf.d"), then.codes("alias")), (vec![], vec![]), "{then:#?}");
}

#[rstest]
#[case::missing("", "alias-missing")]
#[case::foreign("flow = ['log']", "alias-foreign")]
#[case::broken("flow = ['util', 'exec', '--', '/nowhere/jj-flow']", "alias-broken")]
#[case::elsewhere("flow = ['util', 'exec', '--', '$HOME/other/jj-flow']", "alias-elsewhere")]
fn an_alias_that_does_not_start_this_program_is_told(#[case] alias: &str, #[case] code: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("mkdir ~/other && cp $TEST_ENV/bin/jj-flow ~/other/jj-flow").ok();
    let alias = alias.replace("$HOME", home.path.to_str().unwrap());
    home.write(".config/jj/config.toml", &format!("[aliases]\n{alias}\n"));
    let found = Found::of(&home.sh("jj-flow doctor --json").ok());
    assert_eq!(found.codes("alias"), [code], "{found:#?}");
    home.sh(&found.hint(code)).ok();
    // What is installed comes after a person's own config.
    home.sh("jj-flow install").ok();
    assert_eq!(Found::of(&home.sh("jj-flow doctor --json").ok()).codes("alias"), [""; 0]);
}

#[rstest]
#[case::bash("/bin/bash", ".bashrc", "source <(jj util completion bash)\n")]
#[case::zsh("/usr/bin/zsh", ".zshrc", "source <(jj util completion zsh)\n")]
#[case::fish("/usr/bin/fish", ".config/fish/completions/jj.fish", "jj util completion fish | source\n")]
fn a_shell_that_does_not_ask_jj_is_told(#[case] shell: &str, #[case] file: &str, #[case] fixed: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    let look = || Found::of(&home.sh(&format!("SHELL={shell} jj-flow doctor --json")).ok());
    home.sh(&look().hint("completions-missing")).ok();
    assert_eq!(look().codes("completions"), [""; 0]);
    home.write(file, fixed);
    let found = look();
    assert_eq!(found.codes("completions"), ["completions-fixed"], "{found:#?}");
    home.sh(&found.hint("completions-fixed")).ok();
    assert_eq!(look().codes("completions"), [""; 0]);
}

#[rstest]
#[case("/bin/dash")]
#[case("")]
#[case("/usr/bin/nu")]
fn of_other_shells_nothing_is_said(#[case] shell: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    let told = home.sh(&format!("SHELL={shell} jj-flow doctor")).ok();
    assert!(!told.stdout.contains("completions"), "{told}");
}

#[test]
fn a_misspelled_setting_gets_its_right_name_by_the_hint() {
    let env = environment();
    let repo = env.repo("field");
    for level in ["--user", "--repo"] {
        repo.jj(&["config", "set", level, "flow.polciy", "strict"]).ok();
        let found = doctor(&repo);
        assert_eq!(
            found.message("unknown-setting"),
            "flow.polciy is no setting of jj-flow; did you mean flow.policy?"
        );
        repo.sh(&found.hint("unknown-setting")).ok();
        assert_eq!(doctor(&repo).codes("config"), [""; 0]);
        assert_eq!(repo.jj(&["config", "get", "flow.policy"]).ok().stdout, "strict\n");
        repo.jj(&["config", "unset", level, "flow.policy"]).ok();
    }
}

#[test]
fn what_is_wrong_in_the_config_is_said_with_what_there_is() {
    let env = environment();
    let repo = env.repo("field");
    env.add_config("[flow]\npolicy = 'sometimes'\nverify = 'true'\nhooks.verify = 'true'\n");
    repo.jj(&["config", "set", "--repo", "flow.registry", "/tmp/x"]).ok();
    let found = doctor(&repo);
    assert_eq!(
        found.message("bad-value"),
        r#"flow.policy cannot be "sometimes": it is rewrite, strict, warn or off"#
    );
    assert_eq!(
        found.message("unknown-setting"),
        "flow.verify is no setting of jj-flow; did you mean flow.hooks.verify?"
    );
    assert_eq!(found.check("unknown-setting")["details"]["source"], "user");
    // The right name is taken: which of the two is meant is for a person to say.
    for code in ["bad-value", "unknown-setting", "foreign-setting"] {
        let shown = repo.sh(&found.hint(code)).ok();
        assert!(shown.stdout.contains(".toml"), "{shown}");
    }
    // Every command says so.
    env.add_config("[flow]\nzzz = 1\n");
    let told = repo.flow(&["new", "research"]).ok();
    assert!(
        told.stderr
            .contains("Warning: flow.verify is no setting of jj-flow; did you mean flow.hooks.verify?\n"),
        "{told}"
    );
    assert!(told.stderr.contains("Warning: flow.zzz is no setting of jj-flow.\n"), "{told}");
}

#[rstest]
#[case::line("hooks.verify = 'test -f a && true'", "", "")]
#[case::words("hooks.verify = ['true', 'x']", "", "")]
#[case::script("hooks.verify = ['./check']", "", "")]
#[case::syntax("hooks.verify = 'if true; then'", "hook-syntax", "failed")]
#[case::syntax_of_a_resolver("hooks.on-conflict = 'if true; then'", "hook-syntax", "warning")]
#[case::no_program("hooks.verify = ['nowhere-to-be-found']", "hook-missing", "failed")]
#[case::no_program_in_a_line("hooks.verify = 'nowhere-to-be-found || true'", "hook-missing", "warning")]
#[case::no_script("hooks.verify = ['./missing']", "hook-missing", "warning")]
#[case::no_such_path("hooks.verify = ['/nowhere/check']", "hook-missing", "failed")]
#[case::not_executable("hooks.verify = ['./plain']", "hook-not-executable", "warning")]
#[case::no_interpreter("hooks.verify = ['./odd']", "hook-no-interpreter", "warning")]
#[case::no_command("hooks.verify = []", "hook-no-command", "failed")]
#[case::own_tool("conflict-tool = ':ours'", "", "")]
#[case::no_tool("conflict-tool = 'mergiraf'", "hook-missing", "warning")]
#[case::unknown_tool("conflict-tool = 'sh'", "tool-no-merge-args", "warning")]
fn hooks_are_looked_at_and_not_run(#[case] setting: &str, #[case] code: &str, #[case] state: &str) {
    let env = environment();
    let repo = env.repo("field");
    env.add_config(&format!("[flow]\n{setting}\n"));
    script(&repo.root().join("check"), "touch ran");
    script(&repo.root().join("odd"), "");
    repo.write("odd", "#!/usr/bin/env nowhere-to-be-found\n");
    repo.write("plain", "#!/bin/sh\n");
    let found = doctor(&repo.dir("deep"));
    assert_eq!(found.codes("hooks"), code.split_terminator(' ').collect::<Vec<_>>(), "{found:#?}");
    assert_eq!(found.state(code), state, "{found:#?}");
    assert!(!repo.root().join("ran").exists());
    if !code.is_empty() {
        repo.sh(&found.hint(code)).ok();
    }
    if code == "hook-not-executable" {
        assert_eq!(doctor(&repo).codes("hooks"), [""; 0]);
    }
}

#[test]
fn a_hook_that_came_with_the_repo_waits_for_its_approval() {
    let env = environment();
    let repo = env.repo("field");
    repo.jj(&["config", "set", "--repo", "flow.hooks.verify", "exit 0"]).ok();
    let found = doctor(&repo);
    assert_eq!(found.state("hook-unapproved"), "warning", "{found:#?}");
    repo.sh(&found.hint("hook-unapproved")).ok();
    assert_eq!(doctor(&repo).codes("hooks"), [""; 0]);
    // Where the registry cannot be read, that is what is told.
    std::fs::write(crate::kept::file(&env), "none").unwrap();
    let found = doctor(&repo);
    assert_eq!((found.state("registry-damaged"), found.codes("hooks")), ("failed", vec![]), "{found:#?}");
}

#[test]
fn without_jj_the_rest_is_looked_at_all_the_same() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    std::fs::set_permissions(crate::kept::file(&env), std::fs::Permissions::from_mode(0o644)).unwrap();
    let bare = env.root().join("bare");
    std::fs::create_dir(&bare).unwrap();
    symlink(env.root().join("bin/jj-flow"), bare.join("jj-flow")).unwrap();
    let without = repo.with("PATH", &format!("{}:/usr/bin:/bin", bare.display()));
    let found = doctor(&without);
    assert_eq!(
        (found.state("no-jj"), found.hint("no-jj").as_str()),
        ("failed", "cargo install --locked jj-cli")
    );
    assert_eq!((found.state("registry-exposed"), found.codes("repo")), ("warning", vec![]), "{found:#?}");
    script(&bare.join("jj"), "echo jj 0.30.0");
    assert_eq!(fix(&without).state("registry-exposed"), "mended");
    assert_eq!(doctor(&without).state("old-jj"), "failed");
}

#[test]
fn it_works_wherever_it_is_started() {
    let env = environment();
    insta::assert_snapshot!(only("repo", &env.dir("nowhere").flow(&["doctor"]).ok()), @"ok    repo      none here");
    let plain = env.dir("plain");
    plain.git(&["init", "--quiet"]).ok();
    insta::assert_snapshot!(only("repo", &plain.flow(&["doctor"]).ok()), @"ok    repo      git's alone here, and none of jj's");
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    Found::of(&repo.sh("unset HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_CONFIG_HOME; jj-flow doctor --json"));
    // Neither a config that jj cannot read nor a registry that is none stops it.
    let file = crate::kept::file(&env);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    env.add_config("flow = [");
    let found = doctor(&repo);
    assert_eq!((found.state("jj-failed"), found.state("registry")), ("failed", "failed"), "{found:#?}");
    assert!(repo.flow(&["doctor"]).exits(1).stdout.ends_with("2 failures, 1 warning.\n"));
}

/// The lines about one thing.
fn only(what: &str, output: &Output) -> String {
    let is_it = |line: &&str| line.split_whitespace().nth(1) == Some(what);
    output.stdout.lines().filter(is_it).collect::<Vec<_>>().join("\n")
}
