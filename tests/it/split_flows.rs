//! Flows in components: those that come along keep their rows, and new ones start and land there.

use crate::common::TestRepo;
use crate::split::{component, environment, monorepo, split};

const ROWS: &str = "SELECT f.component, f.bookmark, f.status, f.parent_flow, f.actor, f.reason FROM FlowRegistry AS f \
    JOIN repos AS r ON r.id = f.repo WHERE r.root LIKE '%/out/%' AND f.gone_at IS NULL ORDER BY f.component, f.bookmark";

fn flow(repo: &TestRepo<'_>, name: &str, path: &str) {
    repo.flow(&["new", name]).ok();
    repo.commit(path, "flow\n", name);
}

#[test]
fn flows_keep_their_rows_in_the_components_that_they_touch() {
    let env = environment();
    let repo = monorepo(&env);
    flow(&repo, "research", "Components/api/research.rs");
    repo.flow(&["sub", "deeper"]).ok();
    repo.commit("Components/api/deeper.rs", "x\n", "deeper");
    let other = repo.with("JJ_FLOW_UID", "b1c4");
    flow(&other, "docs", "Components/web/docs.html");
    other.flow(&["fail", "--reason", "no luck"]).ok();
    flow(&repo, "schema", "Components/api/schema.sql");
    repo.flow(&["done"]).ok();
    let told = split(&repo, &["Components/api", "Components/web"]);
    assert_eq!(component(&told, "api")["flows"], 3, "{told:#}");
    let expected = "api|a8f2--research|in-progress|NULL|a8f2|NULL\n\
        api|a8f2--research--deeper|in-progress|a8f2--research|a8f2|NULL\n\
        api|a8f2--schema|merged|NULL|a8f2|NULL\n\
        web|b1c4--docs|failed|NULL|b1c4|no luck\n";
    assert_eq!(env.rows(ROWS), expected);
    let api = env.dir("out/api");
    assert_eq!(api.changes("a8f2--research"), repo.changes("a8f2--research"));
    // Brought level by its own commands, it stays so.
    api.flow(&[]).ok();
    env.dir("out/web").flow(&[]).ok();
    assert_eq!(env.rows(ROWS), expected);
    let listed = repo.flow(&["list", "--all", "--component", "web", "--json"]).ok().json();
    assert!(listed["flows"].as_array().unwrap().iter().any(|row| row["flow"] == "b1c4--docs"), "{listed}");
    // What came along lands where it is now.
    let own = api.with("JJ_FLOW_UID", "a8f2");
    own.flow(&["done", "a8f2--research--deeper"]).ok();
    own.flow(&["done", "a8f2--research"]).ok();
    assert_eq!(api.git(&["show", "main:deeper.rs"]).ok().stdout, "x\n");
}

#[test]
fn a_flow_that_starts_in_a_component_lands_there() {
    let env = environment();
    let repo = monorepo(&env);
    split(&repo, &["Components/api"]);
    let api = env.dir("out/api");
    flow(&api, "research", "found.md");
    let listed = repo.flow(&["list", "--all", "--component", "api", "--json"]).ok().json();
    assert_eq!(listed["flows"][0]["flow"], "a8f2--research");
    api.flow(&["done"]).ok();
    assert_eq!(api.git(&["show", "main:found.md"]).ok().stdout, "flow\n");
    assert_eq!(env.rows(ROWS), "api|a8f2--research|merged|NULL|a8f2|NULL\n");
}
