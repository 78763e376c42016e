//! Hints of what names flows, makes them and asks about them.

use crate::common::{TestEnvironment, TestRepo};
use crate::hints::{given, meet};
use crate::shapes::{repo, work};
use crate::shim::environment;
use crate::verify::repo_with_flow;

/// `a8f2--research` with the sub-flow `scaling`, which has a change.
fn repo_with_subflow(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = repo_with_flow(env);
    repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo
}

#[test]
fn a_name_that_does_not_conform() {
    let env = environment();
    let repo = repo(&env);
    let check = ("cmd/name.rs", "jj flow name check {good}");
    meet(&repo, "name check research", "name-refused", check).succeeds();
    let make = ("cmd/name.rs", "jj flow name make {good}");
    meet(&repo, "name make '???'", "name-refused", make).succeeds();
    meet(&repo, "new '???'", "name-refused", ("cmd/new.rs", "jj flow new {name}")).succeeds();
}

#[test]
fn a_subflow_with_no_name() {
    let env = environment();
    let repo = repo_with_flow(&env);
    meet(&repo, "sub '???'", "name-refused", ("cmd/sub.rs", "jj flow sub scaling")).succeeds();
}

#[test]
fn a_subflow_too_deep() {
    let env = environment();
    env.add_config("flow.max-depth = 2\n");
    let repo = repo_with_subflow(&env);
    meet(&repo, "sub deeper", "name-refused", ("cmd/sub.rs", "jj flow done {}")).mends();
}

#[test]
fn a_subflow_of_what_has_landed() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["one"]);
    repo.flow(&["done"]).ok();
    let site = ("cmd/sub.rs", "jj flow new {}");
    meet(&repo, "sub more --of docs", "illegal-transition", site).succeeds();
    let site = ("cmd/new.rs", "jj flow list --status in-progress");
    let listed = meet(&repo, "new schema --parent docs", "illegal-transition", site).succeeds();
    assert!(listed.stdout.contains("a8f2--research"), "{listed}");
}

#[test]
fn a_subflow_of_what_is_conflicted() {
    let env = environment();
    let repo = repo_with_flow(&env);
    tear(&repo, "a8f2--research");
    let site = ("cmd/sub.rs", "jj bookmark list --conflicted");
    let listed = meet(&repo, "sub scaling --of research", "conflicted-bookmark", site).succeeds();
    assert!(listed.stdout.contains("a8f2--research"), "{listed}");
}

/// Moves a bookmark to two places at once.
pub(crate) fn tear(repo: &TestRepo<'_>, name: &str) {
    repo.jj(&["new", "--no-edit", "main", "--message=here"]).ok();
    repo.jj(&["new", "--no-edit", "main", "--message=there"]).ok();
    let before = repo.op_heads().concat();
    for (at_op, to) in [("@", "here"), (before.as_str(), "there")] {
        let revision = format!("--revision=subject(exact:{to})");
        repo.jj(&["--at-op", at_op, "bookmark", "set", "--allow-backwards", name, &revision]).ok();
    }
    repo.jj(&["status"]).ok();
}

#[test]
fn a_flow_on_a_change_that_is_taken() {
    let env = environment();
    let repo = repo(&env);
    repo.flow(&["new", "research", "--here"]).ok();
    meet(&repo, "new docs --here", "name-taken", ("cmd/new.rs", "jj flow sub scaling")).succeeds();
}

#[test]
fn a_flow_on_a_change_that_is_immutable() {
    let env = environment();
    let repo = repo(&env);
    repo.jj(&["edit", "main"]).ok();
    env.add_config("[revset-aliases]\n'immutable_heads()' = 'main'\n");
    meet(&repo, "new docs --here", "immutable", ("cmd/new.rs", "jj flow new {}")).succeeds();
}

#[test]
fn a_name_that_is_taken() {
    let env = environment();
    let repo = repo_with_subflow(&env);
    let free = meet(&repo, "new research", "name-taken", ("cmd/target.rs", "jj flow new {}"));
    assert_eq!(free.hint, "jj flow new research2");
    free.succeeds();
    let site = ("cmd/target.rs", "jj flow new {free}");
    let free = meet(&repo, "sub scaling --of a8f2--research", "name-taken", site);
    assert_eq!(free.hint, "jj flow new a8f2--research--scaling2");
    free.succeeds();
}

#[test]
fn no_flow_here_or_none_of_that_name() {
    let env = environment();
    let repo = repo(&env);
    meet(&repo, "sub x", "no-current-flow", ("cmd/target.rs", "jj flow new {}")).mends();
    meet(&repo, "show nothing", "unknown-flow", ("cmd/target.rs", "jj flow list")).succeeds();
}

#[test]
fn a_name_with_a_slip_in_it() {
    let env = environment();
    let repo = repo_with_flow(&env);
    for line in ["done reserch", "show a8f2--reserach", "log resarch"] {
        let met = meet(&repo, line, "unknown-flow", ("cmd/target.rs", "jj flow show {only}"));
        assert!(met.error["message"].as_str().unwrap().ends_with("did you mean a8f2--research?"));
        assert_eq!(met.hint, "jj flow show a8f2--research");
        met.succeeds();
    }
    repo.flow(&["new", "research2"]).ok();
    let several = meet(&repo, "fail reserch --reason no", "unknown-flow", ("cmd/target.rs", "jj flow list"));
    let asks = "did you mean a8f2--research or a8f2--research2?";
    assert!(several.error["message"].as_str().unwrap().ends_with(asks), "{}", several.error);
}

#[test]
fn a_name_that_may_be_any_of_several() {
    let env = environment();
    let repo = repo_with_subflow(&env);
    repo.flow(&["new", "docs"]).ok();
    repo.flow(&["sub", "scaling"]).ok();
    meet(&repo, "restack scaling", "unknown-flow", ("cmd/target.rs", "jj flow show {}")).succeeds();
    meet(&repo, "show scaling", "unknown-flow", ("cmd/target.rs", "jj flow show {}")).succeeds();
    let other = env.dir("a second field");
    other.jj(&["git", "init"]).ok();
    other.flow(&["new", "research"]).ok();
    let site = ("cmd/target.rs", "jj flow -R {} show {}");
    let shown = meet(&env.dir("home"), "show a8f2--research --all", "unknown-flow", site).succeeds();
    assert!(shown.stdout.contains("a8f2--research"), "{shown}");
}

#[test]
fn a_name_of_several_repos_elsewhere() {
    let env = environment();
    let repo = repo(&env);
    repo.jj(&["bookmark", "create", "a8f2--research", "--revision=main"]).ok();
    for name in ["build:a", "build:b"] {
        repo.sh(&format!("sh -c \"$(jj-flow project --command)\" | jj-flow project --repo {name} -")).ok();
    }
    let site = ("cmd/target.rs", "jj flow list --all --text {}");
    let listed = meet(&env.dir("home"), "show research --all", "unknown-flow", site).succeeds();
    assert_eq!(listed.stdout.matches("a8f2--research").count(), 2, "{listed}");
}

#[test]
fn what_cannot_be_adopted() {
    let env = environment();
    let repo = repo(&env);
    meet(&repo, "adopt feature", "unknown-flow", ("cmd/adopt.rs", "jj bookmark list")).succeeds();
    meet(&repo, "adopt main", "name-refused", ("cmd/adopt.rs", "jj flow new {}")).succeeds();
}

#[test]
fn questions_that_are_not_understood() {
    let env = environment();
    let repo = repo_with_flow(&env);
    meet(&repo, "list --after x", "usage", ("cmd/which.rs", "jj flow list --json")).succeeds();
    meet(&repo, "list --since 5y", "usage", ("cmd/which.rs", "jj flow list --since 7d")).succeeds();
    let site = ("cmd/query.rs", "jj flow query --timeout 30s 'SELECT 1'");
    meet(&repo, "query --timeout x 'SELECT 1'", "usage", site).succeeds();
    let site = ("registry/query.rs", "jj-flow query 'SELECT * FROM FlowRegistry LIMIT 10'");
    meet(&repo, "query 'DELETE FROM FlowRegistry'", "usage", site).succeeds();
    meet(&repo, "nonsense", "usage", ("cmd/usage.rs", "jj flow{help}")).succeeds();
    let met = meet(&repo, "-R . repo scam", "usage", ("cmd/usage.rs", "jj flow{help}"));
    assert_eq!(met.hint, "jj flow repo --help");
    met.succeeds();
}

#[test]
fn questions_before_anything_is_recorded() {
    let env = environment();
    let home = env.dir("home");
    meet(&home, "query 'SELECT 1'", "registry", ("cmd/desk.rs", "jj flow sync --all")).mends();
    let env = environment();
    let home = env.dir("home");
    meet(&home, "export -o all.ndjson", "registry", ("cmd/desk.rs", "jj flow sync --all")).mends();
    let repo = repo(&env);
    meet(&repo, "export --repo .", "unknown-flow", ("cmd/export.rs", "jj flow list --all")).succeeds();
}

#[test]
fn a_status_that_cannot_be_set() {
    let env = environment();
    let repo = repo_with_flow(&env);
    let site = ("cmd/fail.rs", "jj flow fail{flow} --reason 'what went wrong'");
    let met = meet(&repo, "fail research --reason ' '", "usage", site);
    assert_eq!(met.hint, "jj flow fail research --reason 'what went wrong'");
    met.succeeds();
    repo.flow(&["reopen"]).ok();
    repo.flow(&["done"]).ok();
    let site = ("cmd/fail.rs", "jj flow show {name}");
    meet(&repo, "fail research --reason why", "illegal-transition", site).succeeds();
}

#[test]
fn a_bookmark_that_the_policy_refuses() {
    let env = environment();
    env.add_config("flow.policy = 'strict'\n");
    let repo = repo(&env);
    work(&repo, &["one"]);
    let shim = repo.with("PATH", &format!("{0}/shim:{0}/bin:/usr/bin:/bin", env.root().display()));
    let site = ("cmd/shim/names.rs", "jj {}");
    for line in ["jj bookmark create -r main docs", "jj bookmark rename a8f2--docs plainDocs"] {
        let hint = shim.sh(line).exits(1).hint();
        given(&shim, line, &hint, site).succeeds();
    }
    assert_eq!(repo.commits("a8f2--plainDocs"), repo.commits("main"));
}

#[test]
fn completions_for_no_shell_there_is() {
    let env = environment();
    let home = env.dir("home");
    let line = "COMPLETE=tcsh jj-flow";
    let hint = home.sh(line).exits(2).hint();
    given(&home, line, &hint, ("cmd/complete/mod.rs", "COMPLETE=bash jj-flow")).succeeds();
}
