//! Flows of every shape: what `jj flow done` takes along, and what it leaves to somebody else.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shim::environment;

/// A repo with one commit on `main`, and an empty change on it.
pub(crate) fn repo(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo
}

/// A change with a file, both by the same name.
pub(crate) fn work(repo: &TestRepo<'_>, names: &[&str]) {
    names.iter().for_each(|name| repo.commit(name, "x\n", name));
}

/// Commits one change to `main`; the working copy is on it then.
pub(crate) fn work_on_main(repo: &TestRepo<'_>, name: &str) {
    repo.jj(&["new", "main"]).ok();
    work(repo, &[name]);
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
}

/// The files at a revision, one a word.
pub(crate) fn files(repo: &TestRepo<'_>, revision: &str) -> String {
    let files = repo.jj(&["file", "list", "--revision", revision]).ok().stdout;
    files.lines().collect::<Vec<_>>().join(" ")
}

/// `jj flow done` is refused with this code, and nothing in the repo moves.
#[track_caller]
pub(crate) fn assert_refused(repo: &TestRepo<'_>, args: &[&str], code: &str) {
    let before = repo.state();
    let refused = repo.flow(&[&["--json", "done"], args].concat()).exits(1).json();
    assert_eq!((&refused["error"]["code"], repo.state()), (&code.into(), before), "{refused}");
}

#[rstest]
#[case::elsewhere(&["new", "main"])]
#[case::on_its_first_change(&["edit", "a8f2--research"])]
#[case::at_its_end(&["status"])]
fn a_flow_lands_whole_wherever_the_working_copy_is(#[case] moves_away: &[&str]) {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one", "two", "three"]);
    repo.jj(moves_away).ok();
    repo.flow(&["done", "research"]).ok();
    assert_eq!(files(&repo, "main"), "base one three two");
}

#[test]
fn two_ends_are_merged_by_the_hint_and_both_land() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one", "left"]);
    repo.jj(&["new", "a8f2--research"]).ok();
    work(&repo, &["right"]);
    assert_refused(&repo, &[], "several-tips");
    repo.sh(&repo.flow(&["done"]).exits(1).hint()).ok();
    repo.flow(&["done"]).ok();
    assert_eq!(files(&repo, "main"), "base left one right");
}

#[test]
fn a_subflow_lands_on_the_work_that_its_parent_got_meanwhile() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["scale"]);
    repo.jj(&["new", "a8f2--research"]).ok();
    work(&repo, &["two"]);
    repo.flow(&["done", "scaling"]).ok();
    assert_eq!(files(&repo, "a8f2--research"), "base one scale two");
    repo.flow(&["done", "research"]).ok();
    assert_eq!(files(&repo, "main"), "base one scale two");
}

#[test]
fn what_is_under_a_merged_flow_lands_on_the_trunk() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["done"]).ok();
    repo.flow(&["new", "a8f2--research--more"]).ok();
    work(&repo, &["more"]);
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research--more on main: 1 change, fast-forward.");
}

#[test]
fn a_failed_subflow_does_not_hold_its_parent_up() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["scale"]);
    assert_refused(&repo, &["research"], "open-subflows");
    repo.flow(&["fail", "--reason=it does not scale"]).ok();
    repo.flow(&["done", "research"]).ok();
    assert_eq!(files(&repo, "main"), "base one");
}

#[test]
fn a_change_of_another_flow_does_not_come_along_though_its_bookmark_stands_higher() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one", "two"]);
    repo.flow(&["new", "docs", "--from=a8f2--research"]).ok();
    work(&repo, &["page"]);
    repo.jj(&["bookmark", "move", "a8f2--research", "--to=subject(exact:two)"]).ok();
    assert_refused(&repo, &["docs"], "other-flows-beneath");
}

#[test]
fn a_merge_with_a_side_that_a_rebase_would_lose_is_refused() {
    let env = environment();
    let repo = repo(&env);
    work(&repo, &["released"]);
    repo.jj(&["bookmark", "create", "release", "--revision=@-"]).ok();
    work_on_main(&repo, "ahead");
    repo.flow(&["new", "research", "--from=main | release"]).ok();
    work(&repo, &["one"]);
    assert_refused(&repo, &["--into=release"], "other-flows-beneath");
}

#[rstest]
#[case::forward(false)]
#[case::rebase(true)]
fn a_tagged_change_lands_as_it_is_or_not_at_all(#[case] main_moves: bool) {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.jj(&["tag", "set", "v1", "--revision=a8f2--research"]).ok();
    work(&repo, &["two"]);
    if main_moves {
        work_on_main(&repo, "ahead");
        assert_refused(&repo, &["research"], "immutable");
    } else {
        repo.flow(&["done"]).ok();
        assert_eq!(files(&repo, "main"), "base one two");
    }
}

#[test]
fn a_bookmark_on_an_idle_change_lands_the_work_beneath_it() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.jj(&["bookmark", "move", "a8f2--research", "--to=@"]).ok();
    repo.flow(&["done", "--message", ""]).exits(2);
    repo.flow(&["done"]).ok();
    assert_eq!(repo.changes("main & subject(exact:one)").len(), 1);
    assert_eq!(repo.commits("a8f2--research"), repo.commits("main"));
    assert_eq!(repo.changes("@ & main+ & empty() & description(exact:'')").len(), 1);
}

#[test]
fn a_change_is_one_flows_only() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research", "--here"]).ok();
    let before = repo.state();
    let refused = repo.flow(&["--json", "new", "docs", "--here"]).exits(1).json();
    assert_eq!((&refused["error"]["code"], repo.state()), (&"name-taken".into(), before));
}

#[test]
fn a_change_that_two_workspaces_edit_lands_and_both_stand_on_top_of_it() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research", "--message=one"]).ok();
    repo.write("one", "x\n");
    let other = repo.workspace("other");
    other.jj(&["edit", "a8f2--research"]).ok();
    repo.jj(&["workspace", "update-stale"]).ok();
    repo.flow(&["done"]).ok();
    assert_eq!((repo.commits("@-"), other.commits("@-")), (repo.commits("main"), repo.commits("main")));
}
