//! Odd places and odd times: paths that SQLite could take for something else, homes and scratch folders that are not
//! there or may not be written, a clock that was set back.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use crate::common::TestRepo;
use crate::faults::bound_by_permissions;
use crate::shapes::{repo, work};
use crate::shim::environment;

/// Everything that opens a registry, for writing and for reading alone.
const ALL: &str = "jj-flow new research && jj-flow fail --reason why && jj-flow reopen && jj-flow list && jj-flow show \
    research && jj-flow log && jj-flow query 'SELECT bookmark FROM FlowRegistry' && jj-flow sync --all && jj-flow export \
    && jj-flow gc && jj-flow repo list && jj-flow hook session-start </dev/null && jj bookmark create docs && jj-flow";

#[rstest]
#[case::percent("100%41.db")]
#[case::question("a?mode=ro&x.db")]
#[case::hash("a#b.db")]
#[case::blank_and_letters("größe 愛 a b.db")]
#[case::scheme("file:r.db?mode=memory")]
#[case::quotes("it's \"quoted\" $HOME.db")]
#[case::memory(":memory:")]
fn the_registry_is_the_file_that_is_named(#[case] name: &str) {
    let env = environment();
    let folder = env.dir("odd folder %3F?#");
    let path = folder.root().join(name);
    let repo = repo(&env).with("JJ_FLOW_REGISTRY", path.to_str().unwrap());
    let asked = repo.sh(&format!("PATH=$TEST_ENV/shim:$PATH; {ALL}")).ok();
    assert!(asked.stdout.contains("\na8f2--research"), "{asked}");
    let list = std::path::Path::new(name).with_extension("repos").to_str().unwrap().to_owned();
    let allowed = [name.to_owned(), format!("{name}-wal"), format!("{name}-shm"), list];
    let files = std::fs::read_dir(folder.root()).unwrap();
    let files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(files.contains(&allowed[0]) && files.iter().all(|file| allowed.contains(file)), "{files:?}");
    assert!(std::fs::read(&path).unwrap().starts_with(b"SQLite format 3\0"));
    assert!(!env.data_home().join("jj-flow").exists());
}

#[test]
fn a_relative_name_is_a_file_too() {
    let env = environment();
    repo(&env);
    let elsewhere = env.dir("elsewhere").with("JJ_FLOW_REGISTRY", ":memory:");
    elsewhere.flow(&["-R", "../field", "new", "research"]).ok();
    assert!(std::fs::read(elsewhere.root().join(":memory:")).unwrap().starts_with(b"SQLite format 3\0"));
    let rows = elsewhere.flow(&["query", "SELECT bookmark FROM FlowRegistry"]).ok();
    assert_eq!(rows.stdout, "BOOKMARK\na8f2--research\n");
}

#[test]
fn a_scratch_folder_that_is_not_there_is_not_needed() {
    let env = environment();
    let repo = repo(&env).with("TMPDIR", "/nowhere/at/all").with("SQLITE_TMPDIR", "/nowhere/at/all");
    env.add_config("flow.hooks.verify = \"true\"\n");
    repo.sh(&format!("PATH=$TEST_ENV/shim:$PATH; {ALL}")).ok();
    work(&repo, &["one"]);
    repo.flow(&["done"]).ok();
    repo.flow(&["gc", "--all"]).ok();
    repo.flow(&["doctor", "--fix"]).ok();
}

#[test]
fn a_home_that_may_not_be_written_stops_what_would_be_recorded_and_not_jj() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    let home = env.root().join("closed");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o500)).unwrap();
    let there = repo.with("HOME", home.to_str().unwrap());
    let at_home = format!("unset XDG_DATA_HOME XDG_CACHE_HOME; {}", bound_by_permissions());
    for command in ["new docs", "done", "fail --reason why"] {
        let output = there.sh(&format!("{at_home} jj-flow {command}")).exits(6);
        assert!(output.stderr.contains("registry"), "{output}");
        assert_eq!(output.stderr.matches("Error: ").count(), 1, "{output}");
    }
    there.sh(&format!("{at_home} jj-flow")).ok();
    let output = there.sh(&format!("{at_home} $TEST_ENV/shim/jj bookmark create docs")).ok();
    assert!(repo.bookmarks().contains("a8f2--docs "), "{output}");
}

/// The same for whoever's clock stands there.
fn at<'e>(time: &str, repo: &TestRepo<'e>) -> TestRepo<'e> {
    repo.with("JJ_FLOW_TIMESTAMP", time).with("JJ_OP_TIMESTAMP", time).with("JJ_TIMESTAMP", time)
}

#[test]
fn a_clock_that_was_set_back_changes_no_order_and_no_state() {
    let env = environment();
    let repo = repo(&env);
    let (tomorrow, long_ago) = (at("2031-01-01T00:00:00Z", &repo), at("1999-01-01T00:00:00Z", &repo));
    tomorrow.flow(&["new", "research"]).ok();
    long_ago.flow(&["fail", "--reason=why"]).ok();
    tomorrow.flow(&["reopen"]).ok();
    work(&long_ago, &["one"]);
    long_ago.jj(&["bookmark", "create", "a8f2--docs", "-r", "@-"]).ok();
    let negative = regex::Regex::new(r"(^|\s)-\d+[mhdy]\b").unwrap();
    for command in [&["list"][..], &[], &["show", "research"], &["log"], &["context"], &["repo", "list"]] {
        let output = long_ago.flow(command).ok();
        assert!(!negative.is_match(&output.stdout), "{output}");
    }
    long_ago.flow(&["done", "research"]).ok();
    let events = "SELECT kind, coalesce(status_to, '') FROM events JOIN FlowRegistry AS f ON f.id = flow \
        WHERE bookmark = 'a8f2--research' AND kind <> 'moved' ORDER BY events.id";
    let history = env.rows(events);
    assert_eq!(
        history,
        "created|\nstatus|failed\nstatus|in-progress\nstatus|success\nlanding|\nlanded|merged\n"
    );
    // Nothing is old yet: what landed in 1999 by that clock is kept from then on.
    long_ago.flow(&["sync"]).ok();
    long_ago.flow(&["gc"]).ok();
    assert!(repo.bookmarks().contains("a8f2--research "));
    // Read back, it is the same.
    let rows = env.rows("SELECT bookmark, status, created_at FROM FlowRegistry ORDER BY bookmark");
    std::fs::remove_file(env.data_home().join("jj-flow/registry.db")).unwrap();
    long_ago.flow(&["sync"]).ok();
    assert_eq!(env.rows(events), history);
    assert_eq!(env.rows("SELECT bookmark, status, created_at FROM FlowRegistry ORDER BY bookmark"), rows);
    // Forwards again, it is taken back.
    tomorrow.flow(&["undo", "research"]).ok();
    long_ago.flow(&["done", "research"]).ok();
    crate::common::invariants::assert_rebuilt(&env, &[&repo]);
}
