//! Hints of landings that are refused before they begin.

use crate::common::{TestEnvironment, TestRepo};
use crate::conflicts::disagreeing;
use crate::hints::meet;
use crate::hints_conflicts::CONTENT;
use crate::hints_names::tear;
use crate::shapes::{files, repo, work, work_on_main};
use crate::shim::{environment, script};
use crate::verify::{repo_with_flow, set_hook};

#[test]
fn a_subflow_that_has_not_landed() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.flow(&["sub", "tables"]).ok();
    work(&repo, &["three"]);
    let site = ("cmd/done.rs", "jj flow done {}");
    let met = meet(&repo, "done scaling --cascade", "open-subflows", site);
    assert_eq!(met.hint, "jj flow done a8f2--research--scaling--tables");
    met.mends();
}

#[test]
fn a_subflow_that_has_not_landed_without_a_cascade() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    meet(&repo, "done research", "open-subflows", ("landing/plan.rs", "jj flow done {}")).mends();
}

#[test]
fn no_work_at_all() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    meet(&repo, "done", "nothing-to-land", ("landing/plan.rs", "jj status")).succeeds();
}

#[test]
fn work_without_a_description() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research"]).ok();
    repo.write("one", "x\n");
    repo.jj(&["new", "--message=two"]).ok();
    repo.write("two", "x\n");
    let site = ("landing/check.rs", "jj describe {id} --message 'what it does'");
    meet(&repo, "done", "undescribed", site).mends();
    repo.flow(&["new", "docs"]).ok();
    repo.write("page", "x\n");
    let site = ("landing/check.rs", "jj flow done {name} --message 'what it does'");
    meet(&repo, "done docs", "undescribed", site).mends();
    repo.flow(&["new", "schema"]).ok();
    repo.write("table", "x\n");
    let site = ("cmd/done.rs", "jj flow done --message 'what it does'");
    meet(&repo, "done schema --message ''", "usage", site).succeeds();
}

#[test]
fn another_flows_change_beneath() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["new", "docs", "--from=a8f2--research"]).ok();
    work(&repo, &["page"]);
    meet(&repo, "done docs", "other-flows-beneath", ("landing/check.rs", "jj flow done {}")).mends();
}

#[test]
fn a_merge_with_a_side_that_would_be_lost() {
    let env = environment();
    let repo = repo(&env);
    work(&repo, &["released"]);
    repo.jj(&["bookmark", "create", "release", "--revision=@-"]).ok();
    work_on_main(&repo, "ahead");
    repo.flow(&["new", "research", "--from=main | release"]).ok();
    work(&repo, &["one"]);
    let site = ("landing/check.rs", "jj show {}");
    meet(&repo, "done --into release", "other-flows-beneath", site).succeeds();
}

#[test]
fn a_change_that_is_immutable() {
    let env = environment();
    let repo = repo_with_flow(&env);
    work(&repo, &["two"]);
    repo.jj(&["tag", "set", "v1", "--revision=@-"]).ok();
    work_on_main(&repo, "ahead");
    let site = ("landing/check.rs", "jj log --revisions 'change_id({})::immutable_heads()'");
    let log = meet(&repo, "done research", "immutable", site).succeeds();
    // What makes it so is shown, wherever it stands.
    assert!(log.stdout.contains("v1"), "{log}");
}

#[test]
fn a_change_that_is_divergent() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let before = repo.op_heads().concat();
    repo.jj(&["describe", "a8f2--research", "--message=here"]).ok();
    repo.jj(&["--at-op", &before, "describe", "a8f2--research", "--message=there"]).ok();
    repo.jj(&["bookmark", "set", "a8f2--research", "--revision=subject(exact:here)"]).ok();
    let site = ("landing/check.rs", "jj log --revisions 'change_id({id})'");
    let log = meet(&repo, "done research", "divergent", site).succeeds();
    assert!(log.stdout.contains("here") && log.stdout.contains("there"), "{log}");
}

#[test]
fn a_parent_in_conflict() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.jj(&["new", "main", "--message=left"]).ok();
    repo.write("base", "left\n");
    repo.jj(&["new", "main", "--message=right"]).ok();
    repo.write("base", "right\n");
    repo.jj(&["rebase", "--revisions=@", "--onto=subject(exact:left)"]).ok();
    repo.jj(&["bookmark", "move", "main", "--to=@"]).ok();
    let site = ("landing/check.rs", "jj resolve --list --revision {}");
    let listed = meet(&repo, "done research", "already-conflicted", site).succeeds();
    assert!(listed.stdout.starts_with("base "), "{listed}");
}

#[test]
fn an_old_line_of_work() {
    let env = environment();
    env.add_config("[flow.guard]\nmax-changes = 1\nmax-files = 1\n");
    let repo = repo_with_flow(&env);
    work(&repo, &["two"]);
    work_on_main(&repo, "ahead");
    let site = ("landing/check.rs", "jj log --revisions {}");
    let log = meet(&repo, "done research", "deep-rebase", site).succeeds();
    assert!(log.stdout.contains("one") && log.stdout.contains("two"), "{log}");
    env.add_config("[flow.guard]\nmax-changes = 2\n");
    let site = ("landing/guard.rs", "jj log --summary --revisions {}");
    let log = meet(&repo, "done research", "deep-rebase", site).succeeds();
    assert!(log.stdout.contains("A one") && log.stdout.contains("A two"), "{log}");
}

#[test]
fn built_files_that_the_parent_ignores_by_now() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.write("src/target/object", "built\n");
    repo.write("src/target/other", "built\n");
    repo.commit("src/two", "x\n", "two");
    repo.jj(&["new", "main"]).ok();
    repo.commit(".gitignore", "target/\n", "ignore what is built");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    let site = ("landing/guard.rs", "jj restore --changes-in {id} {top}");
    meet(&repo, "done research", "deep-rebase", site).mends();
    // Nothing else of the change went with them.
    assert_eq!(files(&repo, "main"), ".gitignore base one src/two");
}

#[test]
fn a_file_too_large_for_a_change() {
    let env = environment();
    env.add_config("[snapshot]\nmax-new-file-size = \"1KiB\"\n");
    let repo = repo_with_flow(&env);
    let deep = repo.dir("deep");
    deep.write("all *[1]", &"x".repeat(5000));
    let site = ("landing/check.rs", "printf '%s\\n' {} >> \"$(jj root)/.gitignore\"");
    meet(&deep, "done --message 'ignore it'", "too-large", site).mends();
    assert_eq!(files(&repo, "main"), ".gitignore base one");
}

#[test]
fn a_bookmark_to_land_on_that_is_not_there_or_torn() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let site = ("landing/parent.rs", "jj bookmark list --all-remotes");
    meet(&repo, "done --into nowhere", "no-parent", site).succeeds();
    tear(&repo, "main");
    let site = ("landing/parent.rs", "jj bookmark list {}");
    let listed = meet(&repo, "done research", "conflicted-bookmark", site).succeeds();
    assert!(listed.stdout.starts_with("main (conflicted)"), "{listed}");
}

#[test]
fn no_trunk_to_land_on() {
    let env = environment();
    env.add_config("flow.trunk = 'integration'\n");
    let repo = repo_with_flow(&env);
    work(&repo, &["more"]);
    let site = ("landing/parent.rs", "jj bookmark create {trunk} --revision 'parents({first})'");
    meet(&repo, "done", "no-parent", site).mends();
    // What was there before is the trunk's, and no change of the flow.
    assert!(repo.flow(&["log", "--json"]).ok().stdout.contains("landed"));
}

#[test]
fn a_parent_that_is_gone() {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.jj(&["bookmark", "delete", "a8f2--research"]).ok();
    let site = ("landing/parent.rs", "jj flow done {name} --into {}");
    let met = meet(&repo, "done", "no-parent", site);
    let context = repo.flow(&["context", "--json"]).ok().json();
    assert_eq!(context["next"]["command"], met.hint.as_str(), "{context:#}");
    assert_eq!(context["next"]["why"], "its parent a8f2--research is gone");
    met.succeeds();
}

#[test]
fn a_flow_with_two_ends() {
    let env = environment();
    let repo = repo_with_flow(&env);
    work(&repo, &["left"]);
    repo.jj(&["new", "a8f2--research"]).ok();
    work(&repo, &["right"]);
    let site = ("landing/parent.rs", "jj new {} --message 'merge them'");
    meet(&repo, "done", "several-tips", site).mends();
}

/// A program by which somebody else is faster each time: `main` has one more change.
fn faster(env: &TestEnvironment, repo: &TestRepo<'_>) -> String {
    repo.workspace("other");
    let path = env.root().join("faster");
    script(
        &path,
        "cd $TEST_ENV/other && jj new main && echo $$ >faster && jj commit -m faster && \
         jj bookmark move main --to @-",
    );
    path.to_str().unwrap().to_owned()
}

#[test]
fn others_who_are_always_faster_than_a_landing() {
    let env = environment();
    let repo = repo_with_flow(&env);
    set_hook(&env, &format!("[{:?}]", faster(&env, &repo)));
    let site = ("landing/land.rs", "jj flow done {flow} --into {parent}");
    let met = meet(&repo, "done", "raced", site);
    set_hook(&env, "'true'");
    met.succeeds();
}

#[test]
fn others_who_are_always_faster_than_a_restack() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    let tool = env.root().join("tool");
    script(&tool, "echo both >$1 && jj -R $TEST_ENV/field --ignore-working-copy new --no-edit 'root()'");
    let tool = format!("[merge-tools.slow]\nprogram = {tool:?}\nmerge-args = [\"$output\"]\n");
    env.add_config(&format!("flow.conflict-tool = 'slow'\n{tool}"));
    let site = ("landing/land.rs", "jj flow restack {flow}");
    let met = meet(&repo, "restack", "raced", site);
    script(&env.root().join("tool"), "echo both >$1");
    met.mends();
}
