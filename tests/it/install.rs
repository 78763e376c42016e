//! `jj-flow install` and `uninstall` in a home that has seen no jj yet.

use std::path::PathBuf;

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::ledger::without_ids;

/// A home folder with nothing but defaults: no XDG variable, no config.
pub(crate) struct Home<'e> {
    pub(crate) repo: TestRepo<'e>,
    pub(crate) path: PathBuf,
}

impl<'e> Home<'e> {
    pub(crate) fn new(env: &'e TestEnvironment, name: &str) -> Self {
        let path = env.root().join("people").join(name);
        std::fs::create_dir_all(&path).unwrap();
        let repo = env.repo("field").with("HOME", path.to_str().unwrap()).with("JJ_FLOW_UID", "a8f2");
        Self { repo, path }
    }

    /// A line of shell of somebody who lives here.
    #[must_use = "say what was expected: `.ok()`, `.exits(…)` or a snapshot"]
    pub(crate) fn sh(&self, script: &str) -> Output {
        self.repo
            .sh(&format!("unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME SHELL; {script}"))
    }

    /// Every file and link, with what is in it, but for what jj has answered about its config.
    pub(crate) fn files(&self) -> String {
        self.sh("cd && find . -path ./.cache/jj-flow/config -prune -o -type f -exec cksum {} + -o -type l -exec ls -l {} + | sort").ok().stdout
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path.join(path)).unwrap()
    }
}

pub(crate) const CONFIG: &str = ".config/jj/conf.d/jj-flow.toml";
pub(crate) const SHIM: &str = ".local/share/jj-flow/bin/jj";

#[test]
fn a_fresh_home_gets_config_and_shim_and_is_fresh_again_after_uninstall() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.write(".config/jj/config.toml", "ui.color = 'never'\n");
    let before = home.files();
    insta::assert_snapshot!(home.sh("jj-flow install").ok(), @r#"
    Put jj-flow into jj's config: $TEST_ENV/people/ada/.config/jj/conf.d/jj-flow.toml
    Put the shim in place: $TEST_ENV/people/ada/.local/share/jj-flow/bin/jj
    Put it first on PATH, at the end of ~/.profile:

        export PATH=$TEST_ENV/people/ada/.local/share/jj-flow/bin:"$PATH"
    "#);
    assert_eq!(
        std::fs::read_link(home.path.join(SHIM)).unwrap(),
        env.root().join("bin/jj-flow").canonicalize().unwrap()
    );
    let installed = home.files();
    insta::assert_snapshot!(home.sh("jj-flow install").ok(), @r#"
    jj's config has jj-flow already: $TEST_ENV/people/ada/.config/jj/conf.d/jj-flow.toml
    The shim is there already: $TEST_ENV/people/ada/.local/share/jj-flow/bin/jj
    Put it first on PATH, at the end of ~/.profile:

        export PATH=$TEST_ENV/people/ada/.local/share/jj-flow/bin:"$PATH"
    "#);
    assert_eq!(home.files(), installed);
    insta::assert_snapshot!(home.sh("jj-flow uninstall").ok(), @r"
    Removed $TEST_ENV/people/ada/.config/jj/conf.d/jj-flow.toml
    Removed $TEST_ENV/people/ada/.local/share/jj-flow/bin/jj
    Removed $TEST_ENV/people/ada/.cache/jj-flow/jj-version.json
    The program itself: cargo uninstall jj-flow
    ");
    assert_eq!(home.files(), before);
    home.sh("jj-flow uninstall").ok();
    assert_eq!(home.files(), before);
}

#[test]
fn uninstall_leaves_the_registry_unless_it_is_told_not_to() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    let before = home.files();
    home.sh("jj-flow install && jj flow new research").ok();
    let told = home.sh("jj-flow uninstall").ok();
    assert!(
        told.stdout.contains("Left the registry: $TEST_ENV/people/ada/.local/share/jj-flow/registry.db"),
        "{told}"
    );
    let left: String = home.files().lines().filter(|line| !line.contains("jj-flow/registry.")).collect();
    assert_eq!(left, before);
    home.sh("jj-flow uninstall --purge").ok();
    assert_eq!(home.files(), before);
    // What was recorded is the repo's own: the next registry has it again.
    assert!(home.sh("jj-flow reopen").ok().stdout.contains("a8f2--research"));
}

#[test]
fn jj_flow_is_a_command_of_jj_then() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    env.repo("other");
    home.sh("jj flow").exits(2);
    home.sh("jj-flow install").ok();
    home.sh("jj flow new research").ok();
    home.sh("jj -R ../other flow new docs").ok();
    let list = |script: &str| home.sh(script).ok().json()["flows"].clone();
    assert_eq!(list("jj flow list --json")[0]["flow"], "a8f2--research");
    assert_eq!(list("jj -R ../other flow list --json")[0]["flow"], "a8f2--docs");
    assert_eq!(list("cd ../other && jj flow list --json")[0]["flow"], "a8f2--docs");
    assert_eq!(list("jj flow list --json --all").as_array().unwrap().len(), 2);
    home.sh("mkdir -p Components/alpha && cd Components/alpha && jj flow new schema").ok();
    assert_eq!(list("jj flow list --json")[0]["component"], "alpha");
}

#[rstest]
#[case("/bin/bash", "~/.bashrc", "export PATH=")]
#[case("/usr/bin/zsh", "~/.zshrc", "export PATH=")]
#[case("/usr/bin/fish", "~/.config/fish/config.fish", "fish_add_path --prepend --move ")]
#[case("/bin/dash", "~/.profile", "export PATH=")]
fn the_line_for_path_fits_the_shell(#[case] shell: &str, #[case] file: &str, #[case] line: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    let told = home.sh(&format!("SHELL={shell} jj-flow install")).ok();
    assert!(
        told.stdout.contains(&format!("at the end of {file}:\n\n    {line}$TEST_ENV/people/ada/.local")),
        "{told}"
    );
}

#[rstest]
#[case("ada")]
#[case("Ada Größe, 愛")]
#[case("a$b `x` e\u{301}")]
fn the_line_for_path_puts_the_shim_first(#[case] name: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, name);
    let script = "eval \"$(jj-flow install | grep 'export PATH')\"; command -v jj; jj bookmark create research; \
        jj-flow install | tail -n 1";
    let told = home.sh(script).ok().stdout;
    assert_eq!(told, format!("$TEST_ENV/people/{name}/{SHIM}\nIt stands first on PATH.\n"));
    assert!(home.repo.bookmarks().starts_with("a8f2--research "));
    home.sh("jj-flow uninstall --purge").ok();
    assert_eq!(home.files(), "");
}

#[test]
fn the_shim_can_stay_away() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    let told = home.sh("jj-flow install --no-shim --json").ok().json();
    assert!(told["shim"].is_null() && home.path.join(CONFIG).exists() && !home.path.join(SHIM).exists());
}

#[test]
fn revsets_templates_and_colours_know_flows() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("jj-flow install").ok();
    home.repo.commit("a.txt", "a\n", "first");
    home.sh("jj bookmark create main -r @-; jj flow new research; jj describe -m 'a thought'").ok();
    home.sh("jj flow new docs; jj describe -m 'a page'; jj new; jj describe -m 'no flow'").ok();
    home.sh("jj bookmark create plain x--y A8F2--docs").ok();
    let log = |revset: &str| {
        let script = format!("jj log --no-graph -r '{revset}' -T 'description.first_line() ++ \";\"'");
        home.sh(&script).ok().stdout
    };
    assert_eq!(log("flows()"), "a page;a thought;");
    assert_eq!(log("flow(\"a8f2--d*\")"), "a page;");
    assert_eq!(log("flow(substring:\"research\")"), "a thought;");
    assert_eq!(log("flow_changes(substring:\"docs\") ~ ::main"), "a page;");
    assert_eq!(home.sh("jj log --no-graph -r @- -T 'flow_bookmarks(self)'").ok().stdout, "a8f2--docs");
    assert_eq!(
        home.sh("jj log --no-graph -r @ -T 'flow_bookmarks(self)'").ok().stdout,
        "A8F2--docs plain x--y"
    );
    insta::assert_snapshot!(without_ids(&home.sh("jj log -r 'flows() | @'").ok()), @r"
    @  ******** test.user@example.com 2001-02-03 04:05:11 A8F2--docs plain x--y ********
    │  (empty) no flow
    ○  ******** test.user@example.com 2001-02-03 04:05:11 a8f2--docs ********
    │  (empty) a page
    ~

    ○  ******** test.user@example.com 2001-02-03 04:05:10 a8f2--research ********
    │  (empty) a thought
    ~
    ");
    let colour = |revset: &str| {
        let text = home
            .sh(&format!("jj log --no-graph --color=always -r '{revset}' -T 'flow_bookmarks(self)'"))
            .ok();
        text.stdout.split('m').next().unwrap().to_owned()
    };
    assert_eq!(colour("@-"), "\u{1b}[1m\u{1b}[38;5;6m"[..colour("@-").len()]);
    assert_ne!(colour("@-"), colour("main"));
    let whole = home.sh("jj log --color=always -r 'flows() | main'").ok().stdout;
    assert!(whole.contains("\u{1b}[1m\u{1b}[38;5;6ma8f2--docs"), "{whole:?}");
    assert!(whole.contains("\u{1b}[38;5;5mmain"), "{whole:?}");
}

#[test]
fn what_a_newcomer_sets_goes_to_a_file_of_their_own() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh(
        "jj-flow install && jj config set --user user.name Ada && jj config set --user flow.policy strict",
    )
    .ok();
    assert!(!home.read(CONFIG).contains("Ada"));
    home.sh("jj-flow doctor | grep 'ok .*conf.d'").ok();
    home.sh("jj-flow uninstall").ok();
    assert!(home.read(".config/jj/config.toml").contains("name = \"Ada\""));
}

#[rstest]
#[case("install", "jj-flow.toml")]
#[case("doctor --fix", "jj-flow.toml")]
#[case("uninstall", "")]
fn what_was_set_in_jj_flows_own_file_is_kept(#[case] verb: &str, #[case] left: &str) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh("jj-flow install && cd && rm .config/jj/config.toml && jj config set --user user.name Ada").ok();
    assert!(home.read(CONFIG).contains("Ada"));
    let told = home.sh(&format!("jj-flow {verb}"));
    assert!(told.stdout.contains("$TEST_ENV/people/ada/.config/jj/config.toml"), "{told}");
    assert!(home.read(".config/jj/config.toml").contains("name = \"Ada\""));
    assert_eq!(home.sh("ls ~/.config/jj/conf.d 2>/dev/null || true").ok().stdout.trim(), left);
}
