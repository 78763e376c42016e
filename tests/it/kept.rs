//! Every damage to the registry that was thought of: what is said, and what is there again afterwards.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::names::run_hint;

/// All that is to be kept, those tables among it that no journal has. Lines that are not written yet have no matter.
pub(crate) fn kept(env: &TestEnvironment) -> String {
    let queries = [
        "SELECT repo, bookmark, uid, component, intent, subflow, status, change_id, commit_id, parent_flow, actor, \
         reason, created_at, updated_at, gone_at FROM FlowRegistry ORDER BY repo, bookmark, created_at",
        "SELECT e.repo, f.bookmark, e.key, e.at, e.actor, e.kind, e.status_from, e.status_to, e.reason, e.operation \
         FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow ORDER BY e.repo, e.key",
        "SELECT f.bookmark, l.key, l.parent, l.state, l.parent_to, l.verification FROM landings AS l \
         JOIN FlowRegistry AS f ON f.id = l.flow ORDER BY l.key",
        "SELECT repo, key, tree, command, passed, ending, tail, at FROM verifications ORDER BY key",
        "SELECT id, root, component, kind FROM repos ORDER BY id",
        LOCAL,
    ];
    queries.map(|query| env.rows(query)).join("\n")
}

/// What only the registry has.
const LOCAL: &str = "SELECT 'context', uid, context, '' FROM contexts UNION ALL \
     SELECT 'approval', repo, hook, command FROM approvals UNION ALL SELECT 'proof', repo, tree, command FROM proofs \
     ORDER BY 1, 2, 3";

pub(crate) fn file(env: &TestEnvironment) -> PathBuf {
    env.data_home().join("jj-flow/registry.db")
}

/// Two repos with flows at every status, an approved hook, a proof, somebody's session, and a status that was set in SQL
/// and stands in no journal yet.
pub(crate) fn scene(env: &TestEnvironment) -> TestRepo<'_> {
    env.add_config("[flow.hooks]\nverify = \"true\"\n");
    let other = crate::ledger::repo(env, "other");
    other.flow(&["new", "schema"]).ok();
    let repo = crate::ledger::repo(env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.write("r.txt", "r\n");
    repo.flow(&["done", "-m", "a result"]).ok();
    repo.with("JJ_FLOW_UID", "").with("JJ_FLOW_SESSION", "one").flow(&["new", "logic"]).ok();
    repo.flow(&["new", "docs"]).ok();
    // Enough of them for several pages.
    for number in 0..4 {
        let reason = format!("{number}").repeat(900);
        repo.flow(&["fail", "docs", "--reason", &reason]).ok();
        repo.flow(&["reopen", "docs"]).ok();
    }
    repo.jj(&["config", "set", "--repo", "flow.hooks.on-conflict", "\"true\""]).ok();
    repo.flow(&["trust"]).ok();
    assert_eq!(env.rows("SELECT hook FROM approvals").trim(), "on-conflict");
    let set = "UPDATE FlowRegistry SET status = 'success' WHERE intent = 'docs'";
    assert_eq!(env.registry().execute(set, []).unwrap(), 1);
    repo
}

/// How the damaged file came about.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Header,
    FirstPage,
    /// The page that a table or an index begins on.
    Begin(&'static str),
    /// The page that has this text on it.
    PageWith(&'static str),
}

const PAGE: usize = 4096;

fn damage(env: &TestEnvironment, how: Damage) {
    let begin = |name: &str| {
        let sql = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{name}'");
        env.rows(&sql).trim().parse::<usize>().unwrap()
    };
    let page = match how {
        Damage::Begin(name) => begin(name),
        Damage::PageWith(text) => {
            let bytes = std::fs::read(file(env)).unwrap();
            let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
            at / PAGE + 1
        }
        _ => 1,
    };
    let mut bytes = std::fs::read(file(env)).unwrap();
    let length = if matches!(how, Damage::Header) { 100 } else { PAGE };
    bytes[(page - 1) * PAGE..][..length].fill(0xa5);
    std::fs::write(file(env), bytes).unwrap();
}

/// What was set aside.
pub(crate) fn aside(env: &TestEnvironment) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(env.data_home().join("jj-flow")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut aside: Vec<_> = paths.filter(|path| path.to_str().unwrap().contains(".damaged-")).collect();
    aside.sort();
    aside
}

#[rstest]
#[case::header(Damage::Header)]
#[case::first_page(Damage::FirstPage)]
#[case::an_index(Damage::Begin("flow_by_time"))]
#[case::the_log_of_landings(Damage::Begin("landings"))]
#[case::the_flows(Damage::Begin("FlowRegistry"))]
#[case::events_in_the_middle(Damage::PageWith("2222222222"))]
#[case::all_events(Damage::Begin("events"))]
fn a_damaged_registry_is_made_anew_and_kept_aside(#[case] how: Damage) {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    let before = kept(&env);
    damage(&env, how);
    let damaged = std::fs::read(file(&env)).unwrap();

    let told = repo.flow(&["doctor"]).exits(1);
    assert!(
        told.stdout.contains("is damaged: ") && told.stdout.contains("run: jj-flow doctor --fix\n"),
        "{told}"
    );
    assert_eq!(std::fs::read(file(&env)).unwrap(), damaged);
    let mended = repo.flow(&["doctor", "--fix", "--json"]).ok().json();
    let checks = mended["checks"].as_array().unwrap();
    let rebuilt = checks.iter().find(|check| check["state"] == "mended").unwrap();
    assert_eq!(rebuilt["details"]["repos"], 2, "{rebuilt:#}");

    let aside = aside(&env);
    assert_eq!(std::fs::read(&aside[0]).unwrap(), damaged);
    assert_eq!(std::fs::metadata(&aside[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let lost: &[&str] = match how {
        // What was in no journal was on these pages.
        Damage::Begin("events") => &["|sql|", "success"],
        _ => &[],
    };
    if lost.is_empty() {
        assert_eq!(kept(&env), before);
    } else {
        let others = |text: String| {
            let all = text.lines().filter(|line| !line.contains("a8f2--docs"));
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(others(kept(&env)), others(before));
    }
    repo.flow(&["doctor"]).ok();
    assert_eq!(self::aside(&env), aside);
    crate::common::invariants::assert_rebuilt(&env, &[&repo, &env.dir("other")]);
}

#[rstest]
#[case::half(2)]
#[case::a_tenth(10)]
#[case::nothing(0)]
fn a_registry_that_was_cut_off_comes_back_from_the_journals(#[case] part: usize) {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    repo.flow(&["log"]).ok();
    repo.flow(&["reopen", "docs"]).ok();
    let before = crate::common::invariants::dump(&env);
    let bytes = std::fs::read(file(&env)).unwrap();
    let left = bytes.len().checked_div(part).unwrap_or(0);
    std::fs::write(file(&env), &bytes[..left]).unwrap();
    let output = repo.flow(&["doctor"]).exits(1);
    run_hint_in(&repo, &output.stdout);
    // The repo at hand is found whatever the file tells.
    repo.flow(&["list"]).ok();
    env.dir("other").flow(&["reopen", "schema"]).ok();
    let after = crate::common::invariants::dump(&env);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!(aside(&env).len(), 1);
}

#[track_caller]
fn run_hint_in(repo: &TestRepo<'_>, stdout: &str) {
    let hint = stdout.lines().filter_map(|line| line.trim().strip_prefix("run: "));
    let hint = hint.into_iter().find(|hint| hint.ends_with("--fix")).unwrap_or_else(|| panic!("{stdout}"));
    repo.sh(hint).ok();
}

#[test]
fn a_log_that_was_deleted_is_made_up_for() {
    let env = TestEnvironment::new();
    let repo = crate::ledger::repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    // As long as somebody has it open the log stays, and the file is as it was.
    let open = env.registry();
    open.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, u32>(0)).unwrap();
    repo.flow(&["new", "docs"]).ok();
    let without_log = std::fs::read(file(&env)).unwrap();
    drop(open);
    let before = kept(&env);
    std::fs::write(file(&env), without_log).unwrap();
    assert_ne!(kept(&env), before);
    let told = repo.flow(&["doctor"]).ok();
    assert!(told.stdout.contains("has lines that the registry has not taken in yet"), "{told}");
    repo.flow(&["doctor", "--fix"]).ok();
    assert_eq!(kept(&env), before);
}

#[test]
fn a_log_without_its_database_is_kept() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    let before = kept(&env);
    let (open, log) = (env.registry(), format!("{}-wal", file(&env).display()));
    // All of it is in the log then.
    open.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
    env.registry().execute_batch("VACUUM").unwrap();
    let text = std::fs::read(&log).unwrap();
    drop(open);
    std::fs::write(file(&env), "").unwrap();
    std::fs::write(&log, &text).unwrap();
    let refused = repo.flow(&["list"]).exits(6);
    assert!(
        refused.stderr.contains("The registry is damaged: the file is empty, and its log is not"),
        "{refused}"
    );
    run_hint(&repo, &refused).ok();
    assert_eq!(std::fs::read(format!("{}-wal", aside(&env)[0].display())).unwrap(), text);
    assert_eq!(kept(&env), before);
}

#[test]
fn what_is_damaged_stops_nothing_but_what_needs_it() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    damage(&env, Damage::Header);
    for command in
        ["new schema", "done docs", "fail --reason why", "list", "show docs", "query 'SELECT 1'", "export"]
    {
        let output = repo.sh(&format!("jj-flow {command}")).exits(6);
        assert_eq!(output.hint(), "jj-flow doctor --fix", "{output}");
    }
    let tree = repo.flow(&[]).ok();
    assert!(tree.stdout.contains("a8f2--docs") && tree.stderr.starts_with("Warning: "), "{tree}");
    let made = repo.shim(&["bookmark", "create", "research2"]).ok();
    assert_eq!(made.stderr.matches("Warning: jj-flow's registry").count(), 1, "{made}");
    repo.flow(&["doctor", "--fix"]).ok();
    repo.flow(&[]).ok();
    assert!(env.rows("SELECT bookmark FROM FlowRegistry").contains("a8f2--research2\n"));
}

#[test]
fn a_newer_or_busy_registry_is_not_damaged() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    env.registry().pragma_update(None, "user_version", 99).unwrap();
    let told = repo.flow(&["doctor", "--fix"]).exits(1);
    assert!(told.stdout.contains("newer jj-flow"), "{told}");
    assert_eq!(aside(&env), [""; 0].map(PathBuf::from));
}

#[test]
fn a_repo_that_is_gone_is_kept_as_the_damaged_file_has_it() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    let before = kept(&env);
    let other = env.dir("other");
    std::fs::rename(other.root(), env.root().join("away")).unwrap();
    damage(&env, Damage::Begin("flow_by_time"));
    let told = repo.flow(&["doctor", "--fix"]).ok();
    assert!(told.stdout.contains("$TEST_ENV/other is not there"), "{told}");
    assert_eq!(kept(&env), before);
}

#[test]
fn what_others_could_read_is_private_again() {
    let env = TestEnvironment::new();
    let repo = crate::ledger::repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = env.data_home().join("jj-flow");
    for (path, wrong) in [(file(&env), 0o644), (folder.clone(), 0o755)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(wrong)).unwrap();
    }
    let told = repo.flow(&["doctor"]).ok();
    assert_eq!(told.stdout.matches("it is to be private").count(), 2, "{told}");
    run_hint_in(&repo, &told.stdout);
    assert_eq!((mode(&file(&env)), mode(&folder)), (0o600, 0o700));
    assert!(!repo.flow(&["doctor"]).ok().stdout.contains("private"));
}
