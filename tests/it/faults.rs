//! What is missing, broken, full or forbidden: one clear error each, and a jj repo that nobody touched.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::names::run_hint;

/// Commands that need the registry.
const WRITING: [&str; 6] =
    ["new docs", "sub x", "done", "fail --reason why", "reopen", "adopt plain --as schema"];

/// A repo with a flow in it, a change of work and a bookmark that is no flow's.
fn repo(env: &TestEnvironment) -> TestRepo<'_> {
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.jj(&["bookmark", "create", "main", "plain", "-r", "@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("b.txt", "b\n", "second");
    repo
}

/// Every command is refused with one error of this code, which leaves the repo as it was.
#[track_caller]
fn assert_refused(repo: &TestRepo<'_>, before: &str, commands: &[&str], exit: i32, message: &str) {
    let state = repo.state();
    for command in commands {
        let output = repo.sh(&format!("{before} jj-flow {command}")).exits(exit);
        assert!(output.stderr.contains(message), "jj-flow {command}:\n{output}");
        assert_eq!((output.stdout.as_str(), output.stderr.matches("Error: ").count()), ("", 1), "{output}");
        let json = repo.sh(&format!("{before} jj-flow --json {command}")).exits(exit);
        assert_eq!(json.json()["ok"], false);
        assert_eq!(repo.state(), state, "jj-flow {command}");
    }
}

/// The tree is jj's: without a registry it goes on, with a line that says so.
#[track_caller]
fn assert_tree_goes_on(output: Output) {
    let output = output.ok();
    assert!(output.stdout.contains("a8f2--research"), "{output}");
    assert_eq!(output.stderr.lines().filter(|line| line.starts_with("Warning: ")).count(), 1, "{output}");
}

#[test]
fn outside_a_repo_there_is_no_flow() {
    let env = TestEnvironment::new();
    let here = env.dir("nowhere");
    for command in WRITING.iter().chain(&["", "list", "show x", "log"]) {
        let output = here.sh(&format!("jj-flow {command}")).exits(1);
        assert_eq!(output.stderr, "Error: There is no jj repo in $TEST_ENV/nowhere\nHint: jj git init\n");
        let json = here.sh(&format!("jj-flow {command} --json")).exits(1).json();
        assert_eq!(json["error"]["code"], "not-a-repo");
    }
    here.flow(&["list", "--all"]).ok();
    here.flow(&["config"]).ok();
    let output = here.flow(&["new", "research", "-R", "../missing"]).exits(1);
    assert!(output.stderr.contains("missing"), "{output}");
    run_hint(&here, &here.flow(&["new", "research"])).ok();
    here.flow(&["new", "research"]).ok();
}

#[test]
fn a_plain_git_repo_is_told_how_to_become_one() {
    let env = TestEnvironment::new();
    let here = env.dir("plain");
    here.sh("git init --quiet . && echo a >a && git add a && git commit --quiet -m first").ok();
    let output = here.flow(&["new", "research"]).exits(1);
    insta::assert_snapshot!(output, @r"
    --- stderr
    Error: There is no jj repo in $TEST_ENV/plain
    Hint: jj git init --colocate
    --- exit 1
    ");
    assert!(!here.root().join(".jj").exists());
    run_hint(&here, &output).ok();
    here.flow(&["new", "research"]).ok();
    assert_eq!(here.git_refs().matches("refs/heads/").count(), 2);
}

#[test]
fn in_a_folder_of_a_git_repo_the_hint_makes_no_repo_within() {
    let env = TestEnvironment::new();
    let here = env.dir("plain");
    here.git(&["init", "--quiet"]).ok();
    let deep = here.dir("deep");
    run_hint(&deep, &deep.flow(&["new", "research"]).exits(1)).ok();
    assert!(here.root().join(".jj").exists() && !deep.root().join(".git").exists());
}

#[rstest]
#[case::missing(None, "Could not find jj on PATH")]
#[case::old(Some("echo jj 0.30.0"), "jj 0.30.0 is too old for jj-flow, which needs 0.44 or newer")]
#[case::garbage(Some("echo nonsense; exit 3"), "does not say which jj it is")]
#[case::silent(Some("true"), "does not say which jj it is")]
fn without_a_usable_jj_nothing_is_done(#[case] jj: Option<&str>, #[case] message: &str) {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    let bin = env.root().join("stub");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env.root().join("bin/jj-flow"), bin.join("jj-flow")).unwrap();
    if let Some(jj) = jj {
        std::fs::write(bin.join("jj"), format!("#!/bin/sh\n{jj}\n")).unwrap();
        std::fs::set_permissions(bin.join("jj"), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let stubbed = repo.with("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    let commands = [&WRITING[..], &["", "list", "query 'SELECT 1'", "install"]].concat();
    let state = repo.state();
    for command in commands {
        let output = stubbed.sh(&format!("jj-flow {command}")).exits(127);
        assert!(output.stderr.contains(message), "{output}");
        assert!(output.stderr.ends_with("Hint: cargo install --locked jj-cli\n"), "{output}");
        assert_eq!(repo.state(), state);
    }
    stubbed.sh("jj-flow doctor").exits(1);
}

#[test]
fn a_jj_that_answers_nonsense_is_told_on() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    let bin = env.root().join("stub");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("jj"), "#!/bin/sh\n[ $1 = --version ] && echo jj 0.45.1 || echo '{]'\n").unwrap();
    std::fs::set_permissions(bin.join("jj"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let stubbed = repo.with("PATH", &format!("{}:{}/bin:/usr/bin:/bin", bin.display(), env.root().display()));
    let state = repo.state();
    for command in WRITING.iter().chain(&[""]) {
        let output = stubbed.sh(&format!("jj-flow {command}")).exits(1);
        assert!(
            output.stderr.starts_with("Error: Could not understand what jj said of a commit: "),
            "{output}"
        );
        assert_eq!(repo.state(), state);
    }
}

#[test]
fn a_registry_that_is_none_stops_what_would_be_recorded() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    let (file, aside) = (env.data_home().join("jj-flow/registry.db"), env.root().join("aside.db"));
    let commands = [&WRITING[..], &["list", "show research", "log", "query 'SELECT 1'"]].concat();
    std::fs::rename(&file, &aside).unwrap();

    std::fs::create_dir(&file).unwrap();
    assert_refused(&repo, "", &commands, 6, "registry");
    assert_tree_goes_on(repo.flow(&[]));
    std::fs::remove_dir(&file).unwrap();

    std::fs::write(
        &file,
        "This is no database, and it is longer than the header of one would be.".repeat(50),
    )
    .unwrap();
    assert_refused(&repo, "", &commands, 6, "The registry is damaged");
    assert_tree_goes_on(repo.flow(&[]));
    repo.flow(&["doctor"]).exits(1);

    std::fs::rename(&aside, &file).unwrap();
    env.registry().pragma_update(None, "user_version", 99).unwrap();
    assert_refused(&repo, "", &commands, 6, "newer jj-flow");
    assert_tree_goes_on(repo.flow(&[]));

    // What was recorded has waited in the repo.
    std::fs::write(&file, "").unwrap();
    repo.flow(&["new", "docs"]).ok();
    assert_eq!(env.rows("SELECT bookmark FROM FlowRegistry ORDER BY id"), "a8f2--research\na8f2--docs\n");
}

#[test]
fn the_tree_goes_on_where_the_registry_is_damaged_further_down() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    let file = env.data_home().join("jj-flow/registry.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8192..].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    assert_tree_goes_on(repo.flow(&[]));
}

#[rstest]
#[case::at_once(false)]
#[case::later(true)]
fn a_config_that_jj_cannot_read_is_told(#[case] was_readable: bool) {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    if was_readable {
        repo.flow(&["new", "research"]).ok();
    }
    env.add_config("flow = [");
    let output = repo.flow(&["new", "docs"]).exits(1);
    assert!(output.stderr.contains("TOML"), "{output}");
}

/// Root passes over file permissions unless it gives that up.
pub(crate) fn bound_by_permissions() -> &'static str {
    let probe = "setpriv --bounding-set=-dac_override,-dac_read_search";
    let is_root = std::process::Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if is_root { probe } else { "" }
}

#[test]
fn a_read_only_registry_stops_what_would_be_recorded() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    let folder = env.data_home().join("jj-flow");
    let mode = |file: u32, dir: u32| {
        std::fs::set_permissions(folder.join("registry.db"), std::fs::Permissions::from_mode(file)).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(dir)).unwrap();
    };
    for (file, dir) in [(0o400, 0o500), (0o000, 0o700), (0o600, 0o000)] {
        mode(file, dir);
        assert_refused(&repo, bound_by_permissions(), &WRITING, 6, "registry");
        let tree = repo.sh(&format!("{} jj-flow", bound_by_permissions())).ok();
        assert!(tree.stdout.contains("a8f2--research"), "{tree}");
    }
    mode(0o600, 0o700);
    repo.flow(&["new", "docs"]).ok();
}

#[test]
fn a_full_disk_stops_what_would_be_recorded() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    // No file may grow beyond what the repo's own need: 64 blocks of 512 bytes.
    let full = format!("trap '' XFSZ; ulimit -f 64; JJ_FLOW_REGISTRY={}/full.db", env.root().display());
    assert_refused(&repo, &full, &WRITING, 6, "registry");
    repo.flow(&["new", "docs"]).ok();
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry"), "2\n");
}

/// A flow is made and recorded, late perhaps, or there is none.
#[rstest]
#[case::no_room_for_the_tables(64)]
#[case::none_for_the_repo(180)]
#[case::none_for_the_row(230)]
fn a_disk_that_fills_up_on_the_way_loses_nothing(#[case] blocks: u32) {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    let state = repo.state();
    let output = repo.sh(&format!("trap '' XFSZ; ulimit -f {blocks}; exec jj-flow new research"));
    if output.code != 0 {
        output.exits(6);
        assert_eq!(repo.state(), state);
    } else {
        repo.flow(&["list"]).ok();
        assert_eq!(env.rows("SELECT bookmark FROM FlowRegistry"), "a8f2--research\n");
    }
}

#[test]
fn a_home_that_is_not_set_or_odd_is_no_fault() {
    let env = TestEnvironment::new();
    let repo = repo(&env);
    repo.sh("unset HOME; jj-flow && jj-flow new docs && jj-flow list").ok();
    repo.sh(
        "unset HOME XDG_DATA_HOME XDG_CACHE_HOME; export JJ_FLOW_REGISTRY=$TMPDIR/r.db; jj-flow new schema",
    )
    .ok();
    for name in ["a b", "größe 愛", "it's \"quoted\"", "100%?mode=ro#x"] {
        let home = env.root().join(name);
        std::fs::create_dir(&home).unwrap();
        let there = repo.with("HOME", home.to_str().unwrap());
        there
            .sh("unset XDG_DATA_HOME XDG_CACHE_HOME; jj-flow list && jj-flow fail research --reason why")
            .ok();
        assert!(
            home.join(".local/share/jj-flow/registry.db").exists() && home.join(".cache/jj-flow").exists()
        );
    }
}
