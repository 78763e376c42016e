//! What `install` and `uninstall` leave as it is: a person's own files, links and config.

use rstest::rstest;

use crate::common::TestEnvironment;
use crate::install::{CONFIG, Home, SHIM};
use crate::names::run_hint;

#[test]
fn a_header_of_ones_own_stays() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.write(
        ".config/jj/config.toml",
        "[template-aliases]\n'format_short_commit_header(commit)' = '\"MINE\" ++ flow_bookmarks(commit)'\n",
    );
    home.sh("jj-flow install && jj flow new research").ok();
    let log = home.sh("jj log --no-graph -r @").ok().stdout;
    assert!(log.starts_with("MINEa8f2--research\n"), "{log}");
    // Once it is gone, the next install brings jj-flow's.
    home.write(".config/jj/config.toml", "");
    home.sh("jj-flow install").ok();
    assert!(home.sh("jj log --no-graph -r @").ok().stdout.contains(" a8f2--research "));
    let installed = home.files();
    home.sh("jj-flow install").ok();
    assert_eq!(home.files(), installed);
}

#[test]
fn what_is_somebody_elses_is_not_touched() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.write(CONFIG, "# mine\n");
    for verb in ["install", "uninstall"] {
        let output = home.sh(&format!("jj-flow {verb}")).exits(1);
        assert!(
            output.stderr.starts_with("Error: $TEST_ENV/people/ada/.config/jj/conf.d/jj-flow.toml is there"),
            "{output}"
        );
        assert_eq!(home.read(CONFIG), "# mine\n");
    }
    std::fs::remove_file(home.path.join(CONFIG)).unwrap();
    home.write(SHIM, "mine\n");
    home.sh("jj-flow install").exits(1);
    home.sh("jj-flow uninstall").ok();
    assert_eq!(home.read(SHIM), "mine\n");
}

#[test]
fn a_config_file_named_by_the_environment_is_left_alone() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.write("my.toml", "ui.color = 'never'\n");
    let before = home.files();
    let output = home.sh("export JJ_CONFIG=~/my.toml; jj-flow install").exits(1);
    assert!(output.stderr.starts_with("Error: JJ_CONFIG is set"), "{output}");
    let cached = |line: &&str| line.ends_with("/jj-version.json");
    assert_eq!(
        home.files().lines().filter(|line| !cached(line)).collect::<Vec<_>>(),
        before.lines().collect::<Vec<_>>()
    );
    run_hint(&home.repo, &output).ok();
}

#[test]
fn a_foreign_file_that_is_no_text_is_not_touched_either() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.sh(&format!("cd && mkdir -p .config/jj/conf.d && printf '# \\351' >{CONFIG}")).ok();
    let before = home.files();
    home.sh("jj-flow install").exits(1);
    assert!(home.files().contains(&before), "{}", home.files());
}

#[rstest]
#[case("install", 1)]
#[case("uninstall", 0)]
fn a_foreign_link_stays(#[case] verb: &str, #[case] exit: i32) {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    std::fs::create_dir_all(home.path.join(SHIM).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/bin/true", home.path.join(SHIM)).unwrap();
    home.sh(&format!("jj-flow {verb}")).exits(exit);
    assert_eq!(std::fs::read_link(home.path.join(SHIM)).unwrap().to_str(), Some("/bin/true"));
}

#[test]
fn beside_a_config_file_of_the_old_kind_jj_reads_what_was_installed() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    home.write(".jjconfig.toml", "");
    home.sh("jj-flow install").ok();
    home.sh("jj flow list").ok();
}

#[test]
fn where_uninstall_has_no_place_to_look_its_hint_uninstalls() {
    let env = TestEnvironment::new();
    let home = Home::new(&env, "ada");
    let output = home.sh("JJ_CONFIG=/dev/null jj-flow uninstall").exits(1);
    assert!(output.hint().contains("uninstall"), "{output}");
    home.sh(&output.hint()).ok();
}
