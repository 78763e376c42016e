//! Where a flow lands: the trunk of a clone, `--into` another bookmark, git's refs, several people at once.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{assert_refused, files, repo, work, work_on_main};
use crate::shim::environment;

/// A clone of a remote with the commits `one` and `two` on `develop`, its default branch, and on the other bookmark.
fn clone<'e>(env: &'e TestEnvironment, other: &str) -> TestRepo<'e> {
    let source = env.dir("source");
    let script = "git init --quiet --initial-branch=develop . && for name in one two; do \
        touch $name && git add . && git commit --quiet --message=$name; done";
    source.sh(&format!("{script} && git branch {other} && git clone --quiet --bare . ../remote.git")).ok();
    env.dir("").jj(&["git", "clone", "remote.git", "field"]).ok();
    let repo = env.dir("field");
    repo.jj(&["bookmark", "track", other, "--remote=origin"]).ok();
    repo
}

#[test]
fn the_default_branch_of_a_clone_is_the_trunk() {
    let env = environment();
    let repo = clone(&env, "alpha");
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["three"]);
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research on develop: 1 change, fast-forward.");
    assert_eq!(repo.commits("alpha"), repo.commits("develop@origin"));
    repo.flow(&["new", "docs"]).ok();
    assert_eq!(repo.commits("@-"), repo.commits("develop"));
}

#[test]
fn without_the_default_branch_the_hint_gets_it() {
    let env = environment();
    let repo = clone(&env, "alpha");
    repo.jj(&["bookmark", "forget", "develop"]).ok();
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["three"]);
    assert_refused(&repo, &[], "no-parent");
    repo.sh(&repo.flow(&["done"]).exits(1).hint()).ok();
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research on develop: 1 change, fast-forward.");
}

#[test]
fn without_the_trunk_that_is_set_the_hint_makes_it() {
    let env = environment();
    env.add_config("flow.trunk = 'integration'");
    let repo = repo(&env);
    let found = crate::doctor::doctor(&repo);
    let says = "flow.trunk is integration, which is no bookmark here: root flows land on nothing";
    assert_eq!(found.message("trunk-missing"), says);
    repo.sh(&found.hint("trunk-missing")).ok();
    let begun = repo.flow(&["new", "research"]).ok();
    assert_eq!(begun.stderr, "Warning: flow.trunk is integration, which is no bookmark here.\n");
    assert!(
        begun.stdout.contains(" on the work that is here, as there is no bookmark integration ("),
        "{begun}"
    );
    work(&repo, &["one"]);
    let refused = repo.flow(&["done"]).exits(1);
    assert!(refused.stderr.contains(": there is no bookmark integration to land on\n"), "{refused}");
    repo.sh(&refused.hint()).ok();
    assert_eq!(crate::doctor::doctor(&repo).codes("config"), [""; 0]);
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research on integration: 1 change, fast-forward.");
}

#[test]
fn a_bookmark_behind_its_remote_is_not_landed_on() {
    let env = environment();
    let repo = clone(&env, "release");
    repo.jj(&["bookmark", "set", "release", "--revision=develop-", "--allow-backwards"]).ok();
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["three"]);
    assert_refused(&repo, &["--into=release"], "behind-remote");
}

#[test]
fn into_another_bookmark_nothing_of_the_trunks_comes_along() {
    let env = environment();
    let repo = clone(&env, "release");
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    repo.flow(&["done"]).ok();
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["three"]);
    let landed = repo.flow(&["done", "--into=release"]).ok();
    insta::assert_snapshot!(landed, @"Landed a8f2--research on release: 1 change, rebased.");
    assert_eq!(
        (files(&repo, "release"), files(&repo, "develop")),
        ("one three two".into(), "one page two".into())
    );
}

#[rstest]
#[case::forward(false)]
#[case::rebase(true)]
fn gits_refs_are_level_though_the_working_copy_is_elsewhere(#[case] main_moves: bool) {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.jj(&["new", "main"]).ok();
    if main_moves {
        work_on_main(&repo, "ahead");
    }
    repo.flow(&["done", "research"]).ok();
    let landed = repo.commits("main").concat();
    let refs = format!("refs/heads/a8f2--research {landed}\nrefs/heads/main {landed}\n");
    assert_eq!((repo.git_refs(), repo.changes("main ~ subject(exact:one)").len()), (refs, 0));
}

#[test]
fn sixteen_flows_started_at_once_have_a_change_each() {
    let env = environment();
    let repo = repo(&env);
    std::thread::scope(|scope| {
        let start = |number| {
            let repo = &repo;
            scope.spawn(move || repo.flow(&["new", &format!("research x{number}")]))
        };
        for started in (0..16).map(start).collect::<Vec<_>>() {
            started.join().unwrap().ok();
        }
    });
    let template = "bookmarks.map(|b| b.name() ++ '|' ++ change_id).join(\"\\n\") ++ \"\\n\"";
    let log = repo.jj(&["log", "--no-graph", "--revisions=bookmarks() ~ main", "--template", template]);
    let mut told: Vec<String> = log.ok().stdout.lines().map(str::to_owned).collect();
    told.sort();
    let rows = env.rows("SELECT bookmark || '|' || change_id AS told FROM FlowRegistry ORDER BY told");
    assert_eq!(told, rows.lines().collect::<Vec<_>>());
    assert_eq!(repo.changes("bookmarks() ~ main").len(), 16);
}

#[test]
fn without_a_trunk_to_land_on_a_dry_run_records_nothing() {
    let env = environment();
    env.add_config("flow.trunk = 'none'");
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["list"]).ok();
    let (state, events) = (repo.state(), env.rows("SELECT * FROM events"));
    repo.flow(&["done", "--dry-run"]).ok();
    assert_eq!((repo.state(), env.rows("SELECT * FROM events")), (state, events));
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");
}
