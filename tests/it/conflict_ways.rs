//! The ways into a conflict and out of it: a merge tool, another parent, a restack, a flow that was in conflict before;
//! and giving up with others stacked on the flow.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::conflicts::{assert_merged, disagreeing, move_main, shape};
use crate::shim::environment;

const CONTENT: [&str; 3] = ["echo b >f", "echo f >f", "echo p >f"];

#[test]
fn a_merge_tool_resolves_before_anybody_is_asked() {
    let env = environment();
    env.add_config("[flow]\nconflict-tool = ':ours'\nhooks.on-conflict = 'touch $TEST_ENV/ran'\n");
    let repo = disagreeing(&env, CONTENT);
    let resolved = repo.flow(&["done"]).ok();
    assert!(resolved.stderr.contains("Resolved with :ours: "), "{resolved}");
    assert!(!env.root().join("ran").exists());
    assert_merged(&repo, "p\n");
}

#[rstest]
#[case::fails("false")]
#[case::leaves_markers("true")]
#[case::is_not_there("no-such-program")]
fn where_the_merge_tool_does_not_the_hook_resolves(#[case] program: &str) {
    let env = environment();
    env.add_config(&format!(
        "[flow]\nconflict-tool = 'mine'\nhooks.on-conflict = 'echo r >f'\n\
         [merge-tools.mine]\nprogram = '{program}'\nmerge-args = ['$output']\n"
    ));
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "r\n");
}

#[rstest]
#[case::by_hand(false)]
#[case::by_the_hook(true)]
fn a_flow_that_was_in_conflict_before_lands_once_it_is_resolved(#[case] hook: bool) {
    let env = environment();
    if hook {
        env.add_config("[flow]\nhooks.on-conflict = 'echo r >f'\n");
    }
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["rebase", "--source=a8f2--research", "--onto=main"]).ok();
    if !hook {
        let packet = &repo.flow(&["--json", "done"]).exits(3).json()["error"]["details"];
        assert_eq!(
            (&packet["conflict"], &packet["change"]["paths"][0]["path"]),
            (&serde_json::Value::Null, &"f".into())
        );
        repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
        repo.write("f", "r\n");
        repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
    }
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "r\n");
}

#[test]
fn a_restack_that_meets_a_conflict_is_given_up_or_resolved() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["status"]).ok();
    let (before, main) = (shape(&repo), repo.commits("main"));
    repo.flow(&["restack"]).exits(3);
    repo.flow(&["abort"]).ok();
    assert_eq!(shape(&repo), before);
    let packet = &repo.flow(&["--json", "restack"]).exits(3).json()["error"]["details"];
    repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
    repo.write("f", "r\n");
    repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
    repo.flow(&["restack"]).ok();
    assert_eq!((repo.commits("main"), repo.changes("conflicts()").len()), (main, 0));
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");
}

#[test]
fn a_landing_on_another_bookmark_goes_on_to_that_one() {
    let env = environment();
    let repo = env.repo("field");
    repo.commit("f", "b\n", "base");
    repo.jj(&["bookmark", "create", "main", "release", "-r", "@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("f", "f\n", "research: one");
    repo.sh("jj new release; echo p >f; jj commit -m release; jj bookmark move release --to=@-").ok();
    let main = repo.commits("main");
    let packet =
        &repo.flow(&["--json", "done", "research", "--into=release"]).exits(3).json()["error"]["details"];
    assert_eq!(packet["parent"]["bookmark"], "release");
    repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
    repo.write("f", "r\n");
    repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
    repo.sh(packet["commands"]["resume"].as_str().unwrap()).ok();
    assert_eq!(repo.jj(&["file", "show", "--revision=release", "f"]).ok().stdout, "r\n");
    assert_eq!(
        (repo.commits("main"), env.rows("SELECT status FROM FlowRegistry")),
        (main, "merged\n".to_owned())
    );
}

/// A flow of two changes that both meet their parent's, under a sub-flow, another's workspace and a plain bookmark.
fn stacked(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.sh("echo b >f; echo b >g; jj commit -m base; jj bookmark create main -r @-").ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("f", "f\n", "research: one");
    repo.commit("g", "g\n", "research: two");
    let other = repo.workspace("other");
    other.jj(&["new", "description(substring:two)"]).ok();
    other.flow(&["sub", "scaling"]).ok();
    other.commit("scale", "x\n", "scaling: one");
    other.write("undescribed", "x\n");
    other.jj(&["bookmark", "create", "plain", "-r", "@-"]).ok();
    other.flow(&["fail", "scaling", "--reason=not now"]).ok();
    move_main(&repo, "echo p >f; echo p >g");
    repo.jj(&["new", "description(substring:two)"]).ok();
    repo
}

#[rstest]
#[case::at_once("")]
#[case::after_one_change("jj new 'roots(conflicts())'; echo r >f; jj squash --use-destination-message")]
#[case::after_both(
    "jj new 'roots(conflicts())'; echo r >f; jj squash --use-destination-message; \
    jj new 'description(substring:two)'; echo r >g; jj squash --use-destination-message"
)]
fn giving_up_brings_all_that_is_stacked_back(#[case] script: &str) {
    let env = environment();
    let repo = stacked(&env);
    repo.jj(&["status"]).ok();
    let before = shape(&repo);
    repo.flow(&["done"]).exits(3);
    repo.sh(script).ok();
    repo.jj(&["new", "description(substring:two)"]).ok();
    repo.flow(&["abort", "research"]).ok();
    let own = |shape: &str| -> Vec<String> {
        shape.lines().filter(|line| !line.contains("default@")).map(str::to_owned).collect()
    };
    assert_eq!(own(&shape(&repo)), own(&before));
    assert_eq!(repo.changes("conflicts() | divergent()"), [""; 0]);
    let other = env.dir("other");
    other.jj(&["status"]).ok();
    assert_eq!((other.read("undescribed"), other.read("f")), ("x\n".to_owned(), "f\n".to_owned()));
}
