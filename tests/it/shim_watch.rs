//! What acts on bookmarks through the shim is on record before jj returns, each event with the operation that did it.

use rstest::rstest;

use crate::common::invariants::assert_rebuilt;
use crate::common::{TestEnvironment, TestRepo};
use crate::shim::{environment, names};

/// Every flow with its events in order, those whose bookmark is gone in brackets.
const HISTORY: &str = "SELECT iif(gone_at IS NULL, bookmark, '(' || bookmark || ')'), (SELECT group_concat(kind) FROM \
    (SELECT kind FROM events WHERE flow = FlowRegistry.id ORDER BY id)) FROM FlowRegistry ORDER BY id";

/// The bookmarks that the live rows have, and the commits that they have them at.
const LIVE: &str =
    "SELECT bookmark || ' ' || commit_id FROM FlowRegistry WHERE gone_at IS NULL ORDER BY bookmark";

/// The last event, by its flow.
const LAST: &str = "SELECT f.bookmark, e.kind, e.operation FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow \
    ORDER BY e.id DESC LIMIT 1";

/// The rows have what jj has, and the last event is of the operation that the repo stands at.
#[track_caller]
fn assert_level(env: &TestEnvironment, repo: &TestRepo<'_>) {
    assert_rows_are_right(env, repo);
    assert_eq!(env.rows(LAST).trim_end().rsplit('|').next().unwrap(), repo.op_heads().join(" "));
}

/// The rows have what jj has.
#[track_caller]
fn assert_rows_are_right(env: &TestEnvironment, repo: &TestRepo<'_>) {
    let bookmarks = repo.bookmarks();
    let flows: String = bookmarks
        .lines()
        .filter(|line| line.contains("--") && !line.contains('@'))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(env.rows(LIVE), flows);
}

/// A repo with a flow on its first commit, and an empty change on top of a second one.
fn field(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.shim(&["bookmark", "create", "foo", "-r", "@-"]).ok();
    repo.commit("b.txt", "b\n", "second");
    repo
}

/// `jj flow new` writes its row down before there is an operation that has the bookmark.
#[rstest]
#[case::deleted("bookmark delete a8f2--docs", "(a8f2--docs)|created,deleted\n")]
#[case::undone("undo", "(a8f2--docs)|created,deleted\n")]
#[case::undone_and_redone("undo;redo", "a8f2--docs|created,deleted,created\n")]
#[case::restored("op restore @--", "(a8f2--docs)|created,deleted\n")]
#[case::abandoned("abandon @", "(a8f2--docs)|created,deleted\n")]
#[case::renamed("bookmark rename a8f2--docs a8f2--schema", "a8f2--schema|created,renamed\n")]
#[case::renamed_and_deleted(
    "bookmark rename a8f2--docs a8f2--schema;bookmark delete a8f2--schema",
    "(a8f2--schema)|created,renamed,deleted\n"
)]
fn what_becomes_of_a_flow_right_after_it_was_made_is_told_once(#[case] lines: &str, #[case] history: &str) {
    let env = environment();
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.flow(&["new", "docs"]).ok();
    for line in lines.split(';') {
        repo.shim(&line.split(' ').collect::<Vec<_>>()).ok();
    }
    assert_eq!(env.rows(HISTORY), history);
    for _ in 0..2 {
        repo.flow(&["sync"]).ok();
        assert_eq!(env.rows(HISTORY), history);
    }
    assert_rebuilt(&env, &[&repo]);
}

#[rstest]
#[case::moved(&["bookmark move a8f2--logicFoo --to @-"], "a8f2--logicFoo|created,moved\n")]
#[case::moved_as_it_was_asked_for(&["b m foo --to @-"], "a8f2--logicFoo|created,moved\n")]
#[case::moved_by_a_pattern(&["bookmark move a8* -t @"], "a8f2--logicFoo|created,moved\n")]
#[case::moved_from(&["bookmark move --from @-- --to @-"], "a8f2--logicFoo|created,moved\n")]
#[case::advanced(&["bookmark advance foo --to @-"], "a8f2--logicFoo|created,moved\n")]
#[case::set(&["bookmark set foo -r @-"], "a8f2--logicFoo|created,moved\n")]
#[case::deleted(&["bookmark delete foo"], "(a8f2--logicFoo)|created,deleted\n")]
#[case::deleted_among_others(&["bookmark create docs", "bookmark d a8f2--docs 'logicFoo'"],
    "(a8f2--logicFoo)|created,deleted\n(a8f2--docs)|created,deleted\n")]
#[case::forgotten(&["bookmark forget foo --include-remotes"], "(a8f2--logicFoo)|created,deleted\n")]
#[case::deleted_and_undone(&["bookmark delete foo", "undo"], "a8f2--logicFoo|created,deleted,created\n")]
#[case::undone_and_redone(&["bookmark delete foo", "undo", "redo"], "(a8f2--logicFoo)|created,deleted,created,deleted\n")]
#[case::reverted(&["bookmark move foo --to @", "op revert"], "a8f2--logicFoo|created,moved,moved\n")]
#[case::restored(&["bookmark delete foo", "op restore @--"], "a8f2--logicFoo|created,deleted,created\n")]
#[case::abandoned(&["abandon a8f2--logicFoo"], "(a8f2--logicFoo)|created,deleted\n")]
#[case::abandoned_beneath(&["abandon a8f2--logicFoo --retain-bookmarks"], "a8f2--logicFoo|created,moved\n")]
#[case::renamed(&["bookmark rename foo bar"], "a8f2--logicBar|created,renamed\n")]
#[case::renamed_and_undone(&["bookmark rename foo bar", "undo"], "a8f2--logicFoo|created,renamed,renamed\n")]
#[case::renamed_and_reverted(&["bookmark rename foo bar", "op revert"], "a8f2--logicFoo|created,renamed,renamed\n")]
#[case::renamed_undone_redone(&["bookmark rename foo bar", "undo", "redo"],
    "a8f2--logicBar|created,renamed,renamed,renamed\n")]
#[case::renamed_to_no_flow(&["bookmark rename foo main"], "(a8f2--logicFoo)|created,deleted\n")]
#[case::renamed_twice(&["bookmark rename foo bar", "b r bar baz"], "a8f2--logicBaz|created,renamed,renamed\n")]
fn what_was_done_is_on_record(#[case] lines: &[&str], #[case] history: &str) {
    let env = environment();
    let repo = field(&env);
    for line in lines {
        let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
        repo.shim(&words).ok();
        assert_level(&env, &repo);
    }
    assert_eq!(env.rows(HISTORY), history);
    // The next command has nothing to add but that the flow's tip is the work on top of it.
    repo.flow(&["list"]).ok();
    let told = env.rows(HISTORY);
    assert!(told == history || told == history.trim_end().to_owned() + ",moved\n", "{told}");
}

#[test]
fn a_bookmark_that_becomes_a_flow_by_renaming_is_one() {
    let env = environment();
    let repo = env.repo("field");
    repo.jj(&["bookmark", "create", "plain"]).ok();
    repo.shim(&["bookmark", "rename", "plain", "a8f2--logicFoo"]).ok();
    assert_level(&env, &repo);
    assert_eq!(env.rows(HISTORY), "a8f2--logicFoo|created\n");
}

#[rstest]
#[case::exempt("main")]
#[case::merely_there("plain")]
fn a_bookmark_that_is_no_flow_is_none_by_another_name(
    #[case] name: &str,
    #[values("", "flow.policy = 'strict'")] policy: &str,
) {
    let env = environment();
    env.add_config(policy);
    let repo = env.repo("field");
    repo.jj(&["bookmark", "create", name]).ok();
    assert_eq!(crate::agent_hooks::answer(&repo, &format!("jj bookmark rename {name} trunk2")), None);
    let renamed = repo.shim(&["bookmark", "rename", name, "trunk2"]).ok();
    assert!(!renamed.stderr.contains("jj-flow"), "{renamed}");
    assert_eq!(names(&repo), "trunk2");
    assert!(!env.data_home().join("jj-flow/registry.db").exists());
}

#[test]
fn a_bookmark_of_the_name_asked_for_is_meant_itself() {
    let env = environment();
    let repo = field(&env);
    repo.jj(&["bookmark", "create", "foo"]).ok();
    repo.shim(&["bookmark", "delete", "foo"]).ok();
    assert_eq!(names(&repo), "a8f2--logicFoo");
    // Under another policy nothing but that is.
    env.add_config("flow.policy = 'warn'");
    let real = repo.jj(&["bookmark", "delete", "foo"]);
    let shim = repo.shim(&["bookmark", "delete", "foo"]);
    assert_eq!((shim.code, shim.stderr), (real.code, real.stderr));
    assert_eq!(names(&repo), "a8f2--logicFoo");
}

#[test]
fn what_is_pushed_and_fetched_is_on_record() {
    let env = environment();
    env.bare_git("origin");
    let ours = field(&env);
    ours.jj(&["git", "remote", "add", "origin", "../origin"]).ok();
    ours.shim(&["git", "push", "--named", "docs=@-"]).ok();
    assert_level(&env, &ours);
    ours.shim(&["git", "push", "-bfoo", "--bookmark=docs"]).ok();
    assert_eq!(env.rows(HISTORY), "a8f2--logicFoo|created\na8f2--docs|created\n");
    let pushed = ours.git(&["-C", "../origin", "for-each-ref", "--format=%(refname:short)"]).ok().stdout;
    assert_eq!(pushed, "a8f2--docs\na8f2--logicFoo\n");

    env.dir("").jj(&["git", "clone", "--colocate", "origin", "theirs"]).ok();
    let theirs = env.dir("theirs").with("JJ_FLOW_UID", "b1c4");
    theirs.jj(&["bookmark", "track", "a8f2--docs", "--remote=origin"]).ok();
    theirs.flow(&["list"]).ok();
    ours.shim(&["bookmark", "set", "docs", "-r", "@"]).ok();
    ours.jj(&["describe", "-m", "third"]).ok();
    ours.shim(&["git", "push", "-b", "docs"]).ok();
    ours.flow(&["list"]).ok();
    theirs.shim(&["git", "fetch"]).ok();
    let last = "SELECT actor, kind FROM events ORDER BY id DESC LIMIT 1";
    assert_eq!(env.rows(last), "b1c4|moved\n");
    let there = "SELECT count(DISTINCT commit_id) FROM FlowRegistry WHERE bookmark = 'a8f2--docs'";
    assert_eq!(env.rows(there), "1\n");
}

#[test]
fn what_was_not_integrated_comes_on_record_when_it_is() {
    let env = environment();
    let repo = field(&env);
    let before = env.rows(HISTORY);
    let said = repo.shim(&["bookmark", "delete", "foo", "--no-integrate-operation"]).ok().stderr;
    assert_eq!((names(&repo).as_str(), env.rows(HISTORY)), ("a8f2--logicFoo", before));
    let operation = said.trim_end().rsplit(' ').next().unwrap();
    repo.shim(&["op", "integrate", operation]).ok();
    assert_eq!(env.rows(HISTORY), "(a8f2--logicFoo)|created,deleted\n");
}

#[test]
fn what_was_done_beside_the_head_is_found_once_it_is_in() {
    let env = environment();
    let repo = field(&env);
    repo.shim(&["--at-op=@-", "bookmark", "create", "docs"]).ok();
    assert_eq!(env.rows(HISTORY), "a8f2--logicFoo|created\n");
    repo.flow(&["list"]).ok();
    // Where it was made there is work on top of it by now.
    assert_eq!(env.rows(HISTORY), "a8f2--logicFoo|created\na8f2--docs|created,moved\n");
}

#[test]
fn several_heads_before_a_command_keep_nothing_off_the_record() {
    let env = environment();
    let repo = field(&env);
    repo.jj(&["bookmark", "create", "a8f2--docs", "--at-op=@-"]).ok();
    assert_eq!(repo.op_heads().len(), 2);
    repo.shim(&["bookmark", "delete", "foo", "a8f2--docs"]).ok();
    // jj merges the two on the way, and brings the new bookmark to what became of its commit.
    let both = "(a8f2--logicFoo)|created,deleted\n(a8f2--docs)|created,deleted\n";
    assert_eq!(env.rows(HISTORY), both);
}

#[test]
fn what_others_did_is_told_at_its_own_time() {
    let env = environment();
    let repo = field(&env);
    repo.flow(&["list"]).ok();
    repo.jj(&["describe", "-r", "a8f2--logicFoo", "-m", "better"]).ok();
    let head = repo.op_heads().join(" ");
    let done = "SELECT operation FROM events WHERE kind = 'moved' ORDER BY id DESC LIMIT 1";
    repo.jj(&["new"]).ok();
    repo.jj(&["new"]).ok();
    repo.flow(&["list"]).ok();
    assert_eq!(env.rows(done), format!("{head}\n"));
    let at = env.rows("SELECT at FROM events ORDER BY id DESC LIMIT 1");
    let log =
        repo.jj(&["op", "log", "--no-graph", "--limit=1", "--at-op", &head, "-T", "time.end()"]).ok().stdout;
    assert_eq!(at[..19].replace('T', " "), log[..19]);
}

#[test]
fn a_flow_that_plain_jj_renamed_keeps_its_row() {
    let env = environment();
    let repo = field(&env);
    repo.flow(&["fail", "logicFoo", "--reason", "no luck"]).ok();
    repo.jj(&["bookmark", "rename", "a8f2--logicFoo", "a8f2--docs"]).ok();
    repo.jj(&["describe", "-r", "a8f2--docs", "-m", "better"]).ok();
    repo.jj(&["bookmark", "rename", "a8f2--docs", "a8f2--research"]).ok();
    repo.flow(&["list"]).ok();
    assert_eq!(env.rows(HISTORY), "a8f2--research|created,moved,status,renamed,moved,renamed,moved\n");
    assert_eq!(env.rows("SELECT status, reason FROM FlowRegistry"), "failed|no luck\n");
}

#[test]
fn another_workspace_and_another_repo_are_where_it_is_done() {
    let env = environment();
    let repo = field(&env);
    let second = repo.workspace("second");
    second.shim(&["bookmark", "create", "docs"]).ok();
    second.dir("deep/er").shim(&["bookmark", "delete", "foo"]).ok();
    env.dir("elsewhere").shim(&["undo", "-R../second"]).ok();
    assert_level(&env, &repo);
    assert_eq!(env.rows("SELECT count(*) FROM repos"), "1\n");
    assert_eq!(env.rows(HISTORY), "a8f2--logicFoo|created,deleted,created\na8f2--docs|created\n");
}

/// One line of warning beside what jj says itself, and the next `jj flow` command makes up for it.
#[rstest]
#[case::away("/proc/nowhere/registry.db")]
#[case::a_folder("/")]
#[case::no_database("/etc/passwd")]
fn without_a_registry_jj_does_the_same(#[case] registry: &str) {
    let env = environment();
    let repo = field(&env);
    let away = repo.with("JJ_FLOW_REGISTRY", registry);
    for (line, history) in [
        (["bookmark", "move", "a8f2--logicFoo", "--to=@"], "a8f2--logicFoo|created,moved\n"),
        (["bookmark", "rename", "a8f2--logicFoo", "a8f2--docs"], "a8f2--docs|created,moved,renamed\n"),
        (["bookmark", "delete", "--quiet", "a8f2--docs"], "(a8f2--docs)|created,moved,renamed,deleted\n"),
    ] {
        let said = away.shim(&line).ok().stderr;
        let warnings = said.lines().filter(|line| line.starts_with("Warning: jj-flow"));
        assert_eq!(warnings.count(), 1, "{said}");
        repo.flow(&["list"]).ok();
        assert_eq!(env.rows(HISTORY), history);
    }
}

#[test]
fn a_bookmark_that_a_remote_has_keeps_its_name() {
    let env = environment();
    env.bare_git("origin");
    let ours = field(&env);
    ours.jj(&["bookmark", "create", "feature", "-r", "@-"]).ok();
    ours.jj(&["git", "remote", "add", "origin", "../origin"]).ok();
    ours.jj(&["git", "push", "-b", "feature"]).ok();
    env.dir("").jj(&["git", "clone", "--colocate", "origin", "theirs"]).ok();
    let theirs = env.dir("theirs");
    theirs.shim(&["bookmark", "set", "feature", "-r", "feature@origin"]).ok();
    theirs.shim(&["bookmark", "create", "feature2"]).ok();
    assert_eq!(names(&theirs), "a8f2--logicFeature2 feature");
}

#[test]
fn a_flow_that_plain_jj_renamed_keeps_its_row_when_the_next_command_is_watched() {
    let env = environment();
    let repo = field(&env);
    repo.flow(&["fail", "logicFoo", "--reason", "no luck"]).ok();
    repo.jj(&["bookmark", "rename", "a8f2--logicFoo", "a8f2--docs"]).ok();
    repo.shim(&["bookmark", "move", "docs", "--to=@"]).ok();
    assert_level(&env, &repo);
    assert_eq!(env.rows(HISTORY), "a8f2--docs|created,moved,status,renamed,moved\n");
}

/// What somebody else does in the instant between jj's end and the record, and the record after both.
#[rstest]
#[case::moved_again(&["undo"], "bookmark move a8f2--logicFoo --to=@", "a8f2--logicFoo|created,moved,moved\n")]
#[case::made_again(&["abandon", "a8f2--logicFoo"], "bookmark create a8f2--logicFoo", "a8f2--logicFoo|created,moved,moved\n")]
#[case::renamed_and_moved(&["bookmark", "rename", "foo", "docs"], "bookmark move a8f2--docs --to=@",
    "a8f2--docs|created,moved,renamed,moved\n")]
#[case::somebody_elses(&["bookmark", "move", "foo", "--to=@"], "bookmark create b1c4--docs",
    "a8f2--logicFoo|created,moved,moved\nb1c4--docs|created\n")]
fn a_record_that_comes_late_says_what_is(#[case] late: &[&str], #[case] early: &str, #[case] history: &str) {
    let env = environment();
    let repo = field(&env);
    repo.shim(&["bookmark", "move", "foo", "--to=@-"]).ok();
    let script = env.root().join("early");
    let line =
        format!("#!/bin/sh\nexec env -u JJ_FLOW_FAILPOINT JJ_FLOW_UID=b1c4 JJ_FLOW_SHIM= jj {early}\n");
    std::fs::write(&script, line).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let failpoint = format!("jj-ended={}", script.display());
    repo.with("JJ_FLOW_FAILPOINT", &failpoint).shim(late).ok();
    // Who moved what had no row under that name yet has left it to the next command.
    if late.contains(&"rename") {
        repo.flow(&["list"]).ok();
    }
    assert_rows_are_right(&env, &repo);
    assert_eq!(env.rows(HISTORY), history);
    let makers = "SELECT bookmark FROM FlowRegistry WHERE actor <> uid";
    assert_eq!(env.rows(makers), "");
}

/// Whoever holds the repo's record, jj does not wait for long, and says so.
#[test]
fn a_record_that_somebody_has_locked_keeps_nobody() {
    let env = environment();
    let repo = field(&env);
    let lock = std::fs::File::open(repo.root().join(".jj/repo/flow/lock")).unwrap();
    lock.lock().unwrap();
    let said = repo.shim(&["bookmark", "delete", "foo"]).ok().stderr;
    assert!(said.contains("Warning: jj-flow's registry does not have this yet"), "{said}");
    repo.shim(&["bookmark", "create", "docs"]).ok();
    drop(lock);
    repo.flow(&["list"]).ok();
    assert_eq!(env.rows(HISTORY), "(a8f2--logicFoo)|created,deleted\na8f2--docs|created\n");
}
