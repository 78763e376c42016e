//! From `jj flow new` to `merged`.

use crate::common::{TestEnvironment, TestRepo};

/// A repo with ten commits on `main`.
pub(crate) fn repo_with_history<'e>(env: &'e TestEnvironment, name: &str) -> TestRepo<'e> {
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo(name);
    for number in 0..10 {
        repo.commit(&format!("base{number}"), "x\n", &format!("base {number}"));
    }
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo
}

/// Moves `main` by one commit that writes `text` to `path`, and comes back to where the working copy was.
fn move_main(repo: &TestRepo<'_>, path: &str, text: &str) {
    let (here, below) = (repo.changes("@ ~ (empty() & description(exact:''))"), repo.changes("@-").concat());
    repo.jj(&["new", "main"]).ok();
    repo.commit(path, text, "somebody else's");
    repo.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
    // jj has dropped a working copy without work in it.
    match here.first() {
        Some(here) => repo.jj(&["edit", here]).ok(),
        None => repo.jj(&["new", &below]).ok(),
    };
}

#[test]
fn a_flow_and_its_subflow_land_one_after_the_other() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    repo.commit("more", "two\n", "research: two");
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("scale", "three\n", "scaling: three");
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research--scaling on a8f2--research: 1 change, fast-forward.");
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research on main: 3 changes, fast-forward.");

    insta::assert_snapshot!(
        env.rows("SELECT bookmark, intent, subflow, status, parent_flow, component FROM FlowRegistry ORDER BY id"),
        @r"
    a8f2--research|research|NULL|merged|NULL|field
    a8f2--research--scaling|research|scaling|merged|a8f2--research|field
    ");
    assert_eq!(repo.changes("main::@ & description(glob:'scaling: *')").len(), 1);
    assert_eq!(repo.changes("::main & description(regex:'^(research|scaling): ')").len(), 3);
    assert_eq!(repo.git(&["rev-parse", "main"]).ok().stdout.trim(), repo.commits("main").concat());
    // The working copy is an empty change of nobody's on the landed work.
    assert_eq!(repo.commits("@-"), repo.commits("main"));
    assert_eq!(repo.changes("@ & empty() & description(exact:'')").len(), 1);
}

#[test]
fn a_landing_is_one_published_chain() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    move_main(&repo, "other", "x\n");
    let before = repo.op_heads().concat();
    repo.flow(&["done", "research"]).ok();
    let log = repo.jj(&[
        "op",
        "log",
        "--no-graph",
        "--limit=5",
        "--template=id ++ ' ' ++ parents.map(|p| p.id()) ++ ' ' ++ description.first_line() ++ \"\\n\"",
    ]);
    // Oldest last: the rebase stands on the operation before, the move on the rebase, and nothing between.
    let lines: Vec<Vec<&str>> = log.stdout.lines().map(|line| line.splitn(3, ' ').collect()).collect();
    let rebase = lines.iter().position(|line| line[2].starts_with("rebase")).unwrap();
    assert!(lines[rebase][1].starts_with(&before), "{log}");
    assert!(lines[rebase - 1][2].starts_with("point bookmark"), "{log}");
    assert_eq!(lines[rebase - 1][1], lines[rebase][0], "{log}");
}

#[test]
fn where_the_parent_has_moved_the_flow_is_rebased() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    repo.commit("more", "two\n", "research: two");
    move_main(&repo, "other", "x\n");
    let changes = repo.changes("main..@-");
    let main = repo.commits("main").concat();
    insta::assert_snapshot!(repo.flow(&["done"]), @"Landed a8f2--research on main: 2 changes, rebased.");
    assert_eq!(repo.changes(&format!("{main}..main")), changes);
    assert_eq!(repo.commits("@-"), repo.commits("main"));
    assert_eq!((repo.read("other"), repo.read("more")), ("x\n".to_owned(), "two\n".to_owned()));
    assert_eq!(repo.git(&["rev-parse", "main"]).ok().stdout.trim(), repo.commits("main").concat());
    assert_eq!(repo.git(&["rev-parse", "HEAD"]).ok().stdout.trim(), repo.commits("main").concat());
    assert_eq!(repo.jj(&["status"]).ok().stderr, "");
}

#[test]
fn a_conflict_is_published_and_the_parent_stays() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("base0", "mine\n", "research: one");
    move_main(&repo, "base0", "theirs\n");
    let (before, main) = (repo.state(), repo.commits("main"));
    assert_eq!(repo.flow(&["done", "--dry-run"]).code, 3);
    assert_eq!(repo.state(), before);
    let refused = repo.flow(&["done"]).exits(3);
    assert!(refused.stdout.contains("  base0  flow: changed, parent: changed\n"), "{refused}");
    assert_eq!(repo.commits("main"), main);
    assert_eq!(repo.changes("conflicts() & a8f2--research").len(), 1);
    let packet = &repo.flow(&["--json", "done"]).exits(3).json()["error"]["details"];
    assert_eq!(packet["change"]["paths"][0]["path"], "base0");
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");

    // The hint is the way on.
    repo.sh(&refused.hint()).ok();
    repo.write("base0", "both\n");
    repo.jj(&["squash", "--use-destination-message"]).ok();
    repo.flow(&["resume"]).ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
    assert_eq!(repo.git(&["show", "main:base0"]).ok().stdout, "both\n");
}

#[test]
fn work_on_top_of_the_bookmark_lands_too_and_a_late_edit_does_not() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "docs", "--message=docs: one"]).ok();
    repo.write("page", "one\n");
    repo.jj(&["new", "--message=docs: two"]).ok();
    repo.write("page", "two\n");
    repo.flow(&["done"]).ok();
    assert_eq!(repo.jj(&["file", "show", "--revision=main", "page"]).ok().stdout, "two\n");
    repo.write("page", "late\n");
    repo.jj(&["status"]).ok();
    assert_eq!(repo.jj(&["file", "show", "--revision=main", "page"]).ok().stdout, "two\n");
    assert_eq!(repo.commits("@-"), repo.commits("main"));
}

#[test]
fn an_undescribed_tip_is_refused_with_the_way_on() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "docs"]).ok();
    repo.write("page", "one\n");
    repo.jj(&["status"]).ok();
    let before = repo.state();
    let refused = repo.flow(&["done"]).exits(1);
    insta::assert_snapshot!(refused.hint(), @"jj flow done a8f2--docs --message 'what it does'");
    assert_eq!(repo.state(), before);
    move_main(&repo, "other", "x\n");
    repo.flow(&["done", "--message=docs: one"]).ok();
    assert_eq!(repo.changes("main & description(exact:'docs: one\n')").len(), 1);
    assert_eq!(repo.commits("@-"), repo.commits("main"));
    assert_eq!(repo.read("other"), "x\n");
}

#[test]
fn what_cannot_land_is_refused_and_nothing_moves() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    let refuses = |args: &[&str], code: &str| {
        let before = repo.state();
        let refused = repo.flow(&[&["--json", "done"], args].concat()).exits(1).json();
        assert_eq!(refused["error"]["code"], code, "{refused}");
        assert_eq!(repo.state(), before);
    };
    refuses(&[], "no-current-flow");
    refuses(&["nothing"], "unknown-flow");
    repo.flow(&["new", "research"]).ok();
    refuses(&[], "nothing-to-land");
    refuses(&["--message=a word and no work"], "nothing-to-land");
    repo.commit("notes", "one\n", "research: one");
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("scale", "two\n", "scaling: two");
    refuses(&["a8f2--research"], "open-subflows");
    refuses(&["scaling", "--into=main"], "other-flows-beneath");
    refuses(&["scaling", "--into=nowhere"], "no-parent");
    // Two commits of one change.
    let scaling = repo.commits("a8f2--research--scaling").concat();
    repo.jj(&["describe", "a8f2--research--scaling", "--message=scaling: 2"]).ok();
    repo.jj(&["describe", &scaling, "--ignore-immutable", "--message=scaling: ii"]).ok();
    refuses(&["scaling"], "divergent");
}

#[test]
fn a_flow_lands_from_any_workspace_and_git_hears_of_it() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    let other = repo.workspace("other");
    other.flow(&["new", "research", "--message=research: one"]).ok();
    other.write("notes", "one\n");
    move_main(&repo, "meanwhile", "x\n");
    other.flow(&["done"]).ok();
    assert_eq!(other.commits("@-"), repo.commits("main"));
    assert_eq!(other.read("meanwhile"), "x\n");
    assert_eq!(repo.git(&["rev-parse", "main"]).ok().stdout.trim(), repo.commits("main").concat());
    assert_eq!(repo.jj(&["status"]).ok().code, 0);
}

#[test]
fn without_git_beside_it_a_repo_works_the_same() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo_without_git("field");
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    move_main(&repo, "other", "x\n");
    repo.flow(&["done"]).ok();
    assert_eq!(repo.commits("@-"), repo.commits("main"));
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
}

#[test]
fn siblings_and_what_stands_on_them_stay_where_they_are() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("one", "1\n", "research: one");
    repo.flow(&["new", "docs"]).ok();
    repo.commit("page", "p\n", "docs: page");
    move_main(&repo, "other", "x\n");
    let docs = repo.commits("a8f2--docs");
    repo.flow(&["done", "research"]).ok();
    assert_eq!(repo.commits("a8f2--docs"), docs);
    assert_eq!(repo.changes("main..a8f2--docs").len(), 1);
}

#[test]
fn done_again_is_done() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "one\n", "research: one");
    repo.flow(&["done"]).ok();
    let before = repo.state();
    insta::assert_snapshot!(repo.flow(&["done", "research"]), @"a8f2--research is merged already.");
    assert_eq!(repo.state(), before);
}

#[test]
fn a_repo_without_a_trunk_says_how_to_get_one() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.write("old", "here before\n");
    repo.flow(&["new", "research", "--message=research: one"]).ok();
    assert_eq!(repo.read("old"), "here before\n");
    repo.write("notes", "one\n");
    let refused = repo.flow(&["done"]).exits(1);
    repo.sh(&refused.hint()).ok();
    repo.flow(&["done"]).ok();
    assert_eq!(repo.changes("main").len(), 1);
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "merged\n");
}

#[test]
fn with_the_trunk_none_a_root_flow_stays_at_success() {
    let env = TestEnvironment::new();
    env.add_config("[flow]\ntrunk = \"none\"\n");
    let repo = repo_with_history(&env, "field");
    let begun = repo.flow(&["new", "research"]).ok();
    assert!(begun.stdout.contains(" on the work that is here, as flow.trunk is none ("), "{begun}");
    repo.commit("notes", "one\n", "research: one");
    let main = repo.commits("main");
    repo.flow(&["done"]).ok();
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "success\n");
    assert_eq!(repo.commits("main"), main);
}

#[test]
fn eight_agents_land_on_one_parent() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    let agents: Vec<TestRepo<'_>> = (0..8)
        .map(|number| repo.workspace(&format!("agent{number}")).with("JJ_FLOW_UID", &format!("a8f{number}")))
        .collect();
    for (number, agent) in agents.iter().enumerate() {
        agent.flow(&["new", "research"]).ok();
        agent.commit(&format!("notes{number}"), "x\n", &format!("research: {number}"));
    }
    std::thread::scope(|scope| {
        for agent in &agents {
            scope.spawn(|| agent.flow(&["done"]).ok());
        }
    });
    assert_eq!(repo.commits("main").len(), 1);
    assert_eq!(repo.changes("::main & description(glob:'research: *')").len(), 8);
    assert_eq!(repo.changes("divergent()").len(), 0);
    assert_eq!(env.rows("SELECT status, count(*) FROM FlowRegistry GROUP BY status"), "merged|8\n");
}

#[test]
fn a_workspace_left_stale_is_brought_up_to_date() {
    let env = TestEnvironment::new();
    let repo = repo_with_history(&env, "field");
    repo.flow(&["new", "research", "--message=research: one"]).ok();
    let other = repo.workspace("other");
    other.jj(&["edit", "a8f2--research"]).ok();
    other.write("notes", "from there\n");
    other.jj(&["new", "main"]).ok();
    repo.jj(&["status"]).exits(1);
    repo.flow(&["done"]).ok();
    assert_eq!(repo.read("notes"), "from there\n");
    assert_eq!(repo.commits("@-"), repo.commits("main"));
}
