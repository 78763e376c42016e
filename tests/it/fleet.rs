//! Many repos: found wherever they are, brought level together, and each of whatever is wrong with one of them said.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::ledger::everything;

fn environment() -> TestEnvironment {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    env
}

/// A repo with a flow that plain jj has made.
fn repo<'e>(env: &'e TestEnvironment, path: &str) -> TestRepo<'e> {
    let repo = env.repo(path);
    repo.commit("a.txt", "a\n", "first");
    repo.jj(&["bookmark", "create", "a8f2--research", "-r", "@-"]).ok();
    repo
}

/// Where the repos are that are on record, by their names in the environment.
fn roots(env: &TestEnvironment) -> String {
    env.rows("SELECT root FROM repos ORDER BY root").replace("$TEST_ENV/", "")
}

const FLOWS: &str = "SELECT r.root, f.bookmark, f.status FROM FlowRegistry AS f JOIN repos AS r ON r.id = f.repo \
    WHERE f.gone_at IS NULL ORDER BY r.root";

#[test]
fn repos_are_found_wherever_they_are_and_each_once() {
    let env = environment();
    let home = env.dir("src");
    for path in ["src/plain", "src/.hidden/deep/er", "src/plain/nested", "src/ignored/one"] {
        std::fs::create_dir_all(env.root().join(path).parent().unwrap()).unwrap();
        repo(&env, path);
    }
    home.write(".gitignore", "ignored\n");
    home.write("plain/.jj/repo/lost/.jj/repo", "nobody looks in here");
    // A second workspace beside the repo, and one of a repo that is outside.
    env.dir("src/plain").jj(&["workspace", "add", "../second"]).ok();
    repo(&env, "outside").jj(&["workspace", "add", "../src/third"]).ok();
    // Links lead in circles, out, and nowhere.
    for (link, to) in [("plain/loop", ".."), ("out", "../outside"), ("self", "self")] {
        std::os::unix::fs::symlink(to, env.root().join("src").join(link)).unwrap();
    }
    let found = home.flow(&["repo", "scan"]).ok();
    insta::assert_snapshot!(found, @"
    Found 5 repos, 5 of them new.
    5 repos: 5 brought level (5 events), 0 unchanged.
    ");
    assert_eq!(roots(&env), "outside\nsrc/.hidden/deep/er\nsrc/ignored/one\nsrc/plain\nsrc/plain/nested\n");
    let again = home.flow(&["repo", "scan", "--json"]).ok().json();
    assert_eq!((&again["repos"], &again["new"], &again["unchanged"]), (&5.into(), &0.into(), &5.into()));
    let listed = home.flow(&["repo", "list", "--json"]).ok().json();
    assert_eq!(listed["repos"].as_array().unwrap().len(), 5);
    assert!(
        listed["repos"].as_array().unwrap().iter().all(|repo| repo["flows"] == 1 && repo["state"] == "here")
    );
}

#[test]
fn what_cannot_be_looked_into_is_said_and_keeps_nobody_else_back() {
    let env = environment();
    let shut = env.dir("src/shut");
    repo(&env, "src/good");
    env.dir("src").write("torn/.jj/repo", "../../nowhere");
    let mode = |mode| std::fs::set_permissions(shut.root(), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    let is_root = std::fs::read_dir(shut.root()).is_ok();
    let found = env.dir("src").flow(&["repo", "scan"]).ok();
    mode(0o755);
    assert!(
        found.stderr.contains("Not looked into: $TEST_ENV/src/torn: its .jj leads to no repo"),
        "{found}"
    );
    assert!(is_root || found.stderr.contains("$TEST_ENV/src/shut: Permission denied"), "{found}");
    assert_eq!(roots(&env), "src/good\n");
}

#[test]
fn repos_of_jj_flows_own_are_passed_over() {
    let env = environment();
    let repo = crate::shapes::repo(&env);
    for folder in ["cache/jj-flow/verify/x/.jj", "cache/other/.jj"] {
        std::fs::create_dir_all(env.root().join(folder)).unwrap();
    }
    let scanned = repo.flow(&["repo", "scan", ".."]).ok();
    assert_eq!(scanned.stderr, "Not looked into: $TEST_ENV/cache/other: its .jj leads to no repo\n");
}

#[test]
fn repos_are_added_and_forgotten_by_name() {
    let env = environment();
    let (one, two) = (repo(&env, "one"), repo(&env, "two"));
    let folder = one.dir("deep");
    folder.flow(&["repo", "add", ".", "../../two"]).ok();
    assert_eq!(env.rows(FLOWS).lines().count(), 2);
    let refused = env.dir("").flow(&["repo", "add", "nowhere"]).exits(1);
    assert!(refused.stderr.contains("Could not open nowhere"), "{refused}");
    env.dir("").flow(&["repo", "forget", "two"]).ok();
    env.dir("").flow(&["repo", "forget", "three"]).exits(1);
    // Its rows stay, and nobody looks at it.
    two.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    let synced = one.flow(&["sync", "--all", "--json"]).ok().json();
    assert_eq!((&synced["repos"], env.rows(FLOWS).lines().count()), (&1.into(), 2));
    // Nor are its flows shown but where somebody asks for what is gone.
    let roots = |args: &[&str]| {
        let flows = one.flow(args).ok().json()["flows"].as_array().unwrap().clone();
        flows
            .iter()
            .map(|flow| flow["root"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(roots(&["list", "--all", "--json"]), ["one"]);
    assert_eq!(roots(&["--all", "--json"]), ["one"]);
    assert_eq!(roots(&["list", "--all", "--gone", "--json"]).len(), 2);
    assert_eq!(one.flow(&["context", "--json"]).ok().json()["yours"], serde_json::json!([]));
    let listed = one.flow(&["repo", "list"]).ok();
    assert!(!listed.stdout.contains("/two "), "{listed}");
    // Until somebody works in it.
    two.flow(&["list"]).ok();
    assert_eq!(one.flow(&["sync", "--all", "--json"]).ok().json()["repos"], 2);
    assert_eq!(env.rows(FLOWS).lines().count(), 1);
}

#[test]
fn a_repo_that_stands_where_its_rows_do_is_passed_over_without_jj() {
    let env = environment();
    let repo = repo(&env, "field");
    repo.flow(&["repo", "add"]).ok();
    // A jj that says when it is started.
    env.dir("bin").sh("mkdir real && mv jj real/jj").ok();
    let script = "#!/bin/sh\necho \"$*\" >>\"$TEST_ENV/started\"\nexec \"$TEST_ENV/bin/real/jj\" \"$@\"\n";
    env.dir("bin").write("jj", script);
    env.dir("bin").sh("chmod +x jj").ok();
    repo.flow(&["sync", "--all"]).ok();
    assert!(env.dir("").read("started").contains("config list"), "what is asked is written down");
    env.dir("").write("started", "");
    let synced = repo.flow(&["sync", "--all", "--json"]).ok().json();
    assert_eq!((&synced["unchanged"], &synced["level"]), (&1.into(), &0.into()));
    assert_eq!(env.dir("").read("started"), "");
    // Nor where something has happened that jj's files tell.
    repo.jj(&["describe", "-m", "more", "a8f2--research"]).ok();
    env.dir("").write("started", "");
    let synced = repo.flow(&["sync", "--all", "--json"]).ok().json();
    assert_eq!((&synced["level"], &synced["events"]), (&1.into(), &1.into()));
    assert_eq!(env.dir("").read("started"), "");
}

/// Something wrong with one of three repos, the words that say so, and how the other two come out.
#[rstest]
#[case::deleted("rm -rf ill", "It is not there", 1)]
#[case::moved("mv ill elsewhere", "It is not there", 1)]
#[case::no_repo_any_more("rm -rf ill/.jj", "There is no jj repo there any more", 1)]
#[case::another_one(
    "rm -rf ill/.jj ill/.git && cp -r well/.jj well/.git ill",
    "Another repo lies there now",
    1
)]
#[case::of_a_later_jj(
    "printf later >ill/.jj/repo/op_store/type",
    "Unsupported operation backend type 'later'",
    1
)]
#[case::of_an_unknown_backend("printf later >ill/.jj/repo/store/type", "later", 1)]
#[case::its_operation_is_gone("rm -rf ill/.jj/repo/op_store/operations/*", "ill", 1)]
#[case::no_heads("rm -f ill/.jj/repo/op_heads/heads/*", "ill", 1)]
#[case::its_record_may_not_be_written(
    "rm -rf ill/.jj/repo/flow && touch ill/.jj/repo/flow",
    "Could not write to",
    1
)]
#[case::two_heads(
    "cd ill && jj --at-op @- bookmark create a8f2--docs",
    "Operations had gone on side by side",
    0
)]
#[case::its_record_is_gone("rm -rf ill/.jj/repo/flow", "", 0)]
#[case::its_identity_is_gone("rm -f ill/.jj/repo/flow/id.json", "", 0)]
#[case::its_journal_is_torn("printf '{\"key\":\"x' >>ill/.jj/repo/flow/journal.ndjson", "", 0)]
#[case::its_word_is_nonsense("printf nonsense >ill/.jj/repo/flow/told", "", 0)]
fn whatever_is_wrong_with_one_is_said_of_that_one(
    #[case] damage: &str,
    #[case] words: &str,
    #[case] code: i32,
) {
    let env = environment();
    let repos = ["well", "ill", "fine"].map(|path| repo(&env, path));
    let home = env.dir("");
    home.flow(&["repo", "scan"]).ok();
    let before = everything(&env);
    for repo in &repos {
        repo.jj(&["describe", "-m", "more", "a8f2--research"]).ok();
    }
    home.sh(damage).ok();
    let synced: Output = home.flow(&["sync", "--all"]).exits(code);
    assert!(synced.stderr.contains(words), "{synced}");
    assert_eq!(synced.stderr.lines().count(), usize::from(!words.is_empty()), "{synced}");
    assert!(synced.stdout.starts_with("3 repos: "), "{synced}");
    // The others are level, and nothing that was on record is gone.
    let level = env.rows(
        "SELECT r.component, count(*) FROM events AS e JOIN repos AS r ON r.id = e.repo WHERE e.kind = 'moved' \
         AND r.component <> 'ill' GROUP BY r.id ORDER BY 1",
    );
    assert_eq!(level, "fine|1\nwell|1\n");
    for row in before.lines().filter(|line| line.contains("|created|")) {
        assert!(everything(&env).contains(row), "{row}");
    }
    // The flow of the one that could be read is where jj has it.
    if code == 0 {
        let row = "SELECT f.commit_id FROM FlowRegistry AS f JOIN repos AS r ON r.id = f.repo \
                   WHERE r.component = 'ill' AND f.bookmark = 'a8f2--research' AND f.gone_at IS NULL";
        assert_eq!(env.rows(row).trim_end(), repos[1].commits("a8f2--research").concat());
        assert_eq!(env.rows("SELECT count(*) FROM repos"), "3\n");
    }
    // Whoever is told how to mend it can.
    if let Some((_, hint)) = synced.stderr.trim_end().trim_end_matches(')').split_once("(run: ") {
        home.sh(hint).ok();
    }
}

#[test]
fn a_repo_that_was_moved_keeps_its_rows_and_a_copy_gets_its_own() {
    let env = environment();
    let home = env.dir("");
    repo(&env, "one");
    home.flow(&["repo", "scan"]).ok();
    home.sh("mv one two && cp -r two three").ok();
    home.flow(&["repo", "scan"]).ok();
    assert_eq!(
        env.rows(FLOWS),
        "$TEST_ENV/three|a8f2--research|in-progress\n$TEST_ENV/two|a8f2--research|in-progress\n"
    );
    assert_eq!(env.rows("SELECT count(*) FROM repos"), "2\n");
}

#[test]
fn a_repo_that_is_reached_by_two_paths_is_one() {
    let env = environment();
    let home = env.dir("");
    repo(&env, "one").flow(&["sync"]).ok();
    // As a mount does, the link leads to the same folder by the old name.
    home.sh("mv one two && ln -s two one").ok();
    env.dir("two").flow(&["fail", "research", "--reason", "no luck"]).ok();
    env.dir("one").flow(&["reopen", "research"]).ok();
    assert_eq!(env.rows(FLOWS), "$TEST_ENV/two|a8f2--research|in-progress\n");
    assert_eq!(env.rows("SELECT count(*) FROM repos"), "1\n");
}

#[test]
fn a_registry_that_was_deleted_is_built_again_from_the_list() {
    let env = environment();
    let (one, two) = (repo(&env, "one"), repo(&env, "two"));
    env.dir("").flow(&["repo", "scan"]).ok();
    one.flow(&["fail", "research", "--reason", "no luck"]).ok();
    two.jj(&["new", "a8f2--research"]).ok();
    two.write("b.txt", "b\n");
    two.flow(&["done", "research", "-m", "more", "--into", "main"]).exits(1);
    let before = everything(&env);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(env.data_home().join(format!("jj-flow/registry.db{end}")));
    }
    let synced = env.dir("").flow(&["sync", "--all", "--json"]).ok().json();
    assert_eq!((&synced["repos"], &synced["failed"]), (&2.into(), &serde_json::json!([])));
    assert_eq!(everything(&env), before);
}

/// Work above another workspace's working copy counts, whoever reads it.
#[test]
fn work_that_goes_on_above_a_working_copy_is_read() {
    let env = environment();
    let repo = repo(&env, "field");
    let other = repo.workspace("other");
    other.jj(&["new", "a8f2--research"]).ok();
    let below = other.changes("@").concat();
    repo.jj(&["new", &below]).ok();
    repo.commit("b.txt", "b\n", "goes on");
    repo.jj(&["new", "root()"]).ok();
    repo.flow(&["sync"]).ok();
    let tip = || env.rows("SELECT change_id FROM FlowRegistry").trim().to_owned();
    assert_eq!(tip(), repo.changes("subject('goes on')").concat());
    repo.jj(&["bookmark", "create", "something", "-r", "a8f2--research"]).ok();
    assert!(repo.flow(&["sync", "--all"]).ok().stdout.contains("(0 events)"));
    assert_eq!(tip(), repo.changes("subject('goes on')").concat());
}

/// Only jj knows the change of a commit that git has made.
#[test]
fn what_git_has_committed_on_top_of_a_flow_is_its_tip_whoever_reads_it() {
    let env = environment();
    let repo = repo(&env, "field");
    repo.jj(&["new", "a8f2--research"]).ok();
    repo.write("b.txt", "b\n");
    repo.git(&["add", "."]).ok();
    repo.git(&["commit", "-m", "by git"]).ok();
    repo.flow(&["sync"]).ok();
    let tip = || env.rows("SELECT change_id FROM FlowRegistry").trim().to_owned();
    assert_eq!(tip(), repo.changes("subject('by git')").concat());
    let before = everything(&env);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(env.data_home().join(format!("jj-flow/registry.db{end}")));
    }
    env.dir("").flow(&["sync", "--all"]).ok();
    assert_eq!(everything(&env), before);
}
