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
    for look in ["conflicts", "context"] {
        let told = &repo.flow(&["--json", look]).ok().json()["conflicts"][0];
        assert_eq!(told["packet"]["parent"]["bookmark"], "release", "{told}");
    }
    repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
    repo.write("f", "r\n");
    repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
    let text = repo.flow(&["conflicts"]).ok().stdout;
    assert!(text.contains("is resolved, and has not landed on release yet"), "{text}");
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

/// A flow of three changes, the first of which meets its parent's; the working copy is on the last.
fn threefold(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.sh("echo b >f; jj commit -m base; jj bookmark create main -r @-").ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("f", "f\n", "research: one");
    repo.commit("d", "d\n", "research: two");
    repo.commit("e", "e\n", "research: three");
    repo.jj(&["bookmark", "move", "a8f2--research", "--to=subject(substring:three)"]).ok();
    repo.jj(&["bookmark", "create", "plain", "--revision=subject(substring:two)"]).ok();
    move_main(&repo, "echo p >f");
    repo.jj(&["new", "subject(substring:three)"]).ok();
    repo.jj(&["status"]).ok();
    repo
}

#[rstest]
#[case::folded_down(
    "jj squash --from 'subject(substring:two)' --into 'subject(substring:one)' --use-destination-message"
)]
#[case::folded_up(
    "jj squash --from 'subject(substring:one)' --into 'subject(substring:two)' --use-destination-message"
)]
#[case::tip_folded(
    "jj squash --from 'subject(substring:three)' --into 'subject(substring:two)' --use-destination-message"
)]
#[case::all_folded(
    "jj squash --from 'subject(substring:two)::subject(substring:three)' \
    --into 'subject(substring:one)' --use-destination-message"
)]
#[case::abandoned("jj abandon --retain-bookmarks 'subject(substring:two)'")]
fn giving_up_brings_back_what_was_folded_or_abandoned(#[case] script: &str) {
    let env = environment();
    let repo = threefold(&env);
    let (before, tips) = (shape(&repo), repo.commits("main..a8f2--research"));
    repo.flow(&["done"]).exits(3);
    repo.sh(script).ok();
    repo.flow(&["abort", "research"]).ok();
    assert_eq!(shape(&repo), before, "{}", repo.log());
    assert_eq!(repo.commits("main..a8f2--research"), tips);
    assert_eq!(repo.read("d"), "d\n");
    repo.flow(&["abort", "research"]).exits(1);
}

#[test]
fn giving_up_keeps_what_was_made_since_beside_what_comes_back() {
    let env = environment();
    let repo = threefold(&env);
    repo.flow(&["done"]).exits(3);
    let other = repo.workspace("other");
    other.jj(&["edit", "subject(substring:one)"]).ok();
    // A change in between, one on the merge of two, and one that nobody has described.
    repo.sh("jj new --insert-after 'subject(substring:one)' -m between; echo x >between; jj status").ok();
    repo.sh("jj new 'subject(substring:three)' main -m both; echo x >both; jj status").ok();
    repo.sh("jj new 'subject(substring:three)'; echo x >here; jj status").ok();
    let two = "subject(substring:'research: two')";
    repo.jj(&["squash", "--from", two, "--into=subject(substring:one)", "--use-destination-message"]).ok();
    repo.jj(&["bookmark", "create", "since", "--revision=subject(substring:one)"]).ok();
    repo.flow(&["abort", "research"]).ok();
    assert_eq!(repo.changes("divergent()"), [""; 0], "{}", repo.log());
    assert_eq!(repo.changes("subject(substring:'research: ')").len(), 3, "{}", repo.log());
    let one = repo.changes("subject(substring:one)");
    assert_eq!(repo.changes("parents(subject(exact:between))"), one);
    assert_eq!((repo.changes("since"), repo.changes("other@")), (one.clone(), one));
    let three = repo.changes("subject(substring:three)");
    assert_eq!((repo.changes("parents(@)"), repo.changes("a8f2--research")), (three.clone(), three.clone()));
    assert_eq!(repo.changes("parents(subject(exact:both)) ~ main"), three);
    for (revision, file) in [("subject(exact:between)", "between"), ("subject(exact:both)", "both")] {
        repo.jj(&["file", "show", "--revision", revision, file]).ok();
    }
    assert_eq!(
        (repo.read("here"), repo.read("d"), repo.read("f")),
        ("x\n".into(), "d\n".into(), "f\n".into())
    );
    other.jj(&["status"]).ok();
    assert_eq!(other.read("f"), "f\n");
}

/// A sub-flow that has met its parent's newest change, and the parent brought onto its own parent meanwhile.
fn restacked_beneath<'e>(env: &'e TestEnvironment, meanwhile: &str) -> TestRepo<'e> {
    let repo = env.repo("field");
    repo.sh("echo b >f; jj commit -m base; jj bookmark create main -r @-").ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("f", "r1\n", "research: one");
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("f", "s1\n", "scaling: one");
    repo.commit("s", "s2\n", "scaling: two");
    repo.sh("jj new 'subject(substring:\"research: one\")'; echo r2 >f; jj commit -m 'research: two'").ok();
    move_main(&repo, "echo x >other");
    repo.jj(&["new", "subject(substring:'scaling: two')"]).ok();
    repo.flow(&["done", "scaling"]).exits(3);
    repo.sh(meanwhile).ok();
    repo
}

#[rstest]
#[case::as_it_is(":")]
#[case::restacked("jj-flow restack a8f2--research")]
#[case::folded(
    "jj-flow restack a8f2--research; jj squash --from 'subject(substring:scaling) ~ conflicts()' \
    --into 'subject(substring:\"scaling: one\")' --use-destination-message"
)]
#[case::described("jj describe 'subject(substring:\"research: one\")' -m 'research: once more'")]
#[case::abandoned("jj describe main -m 'somebody says it again'")]
fn a_subflow_goes_back_onto_what_its_parent_has_become(#[case] meanwhile: &str) {
    let env = environment();
    let repo = restacked_beneath(&env, meanwhile);
    repo.flow(&["abort", "scaling"]).ok();
    assert_eq!(repo.changes("divergent() | conflicts()"), [""; 0], "{}", repo.log());
    let parents = repo.changes("parents(subject(substring:'scaling: one'))");
    assert_eq!(parents, repo.changes("subject(substring:'research: one') | subject(substring:once)"));
    assert_eq!(repo.changes("subject(substring:scaling)").len(), 2);
    let show = |file: &str| {
        repo.jj(&["file", "show", "--revision=subject(substring:'scaling: two')", file]).ok().stdout
    };
    assert_eq!((show("f"), show("s")), ("s1\n".to_owned(), "s2\n".to_owned()));
    // Its conflict is with the parent's newest change alone, as it was.
    repo.flow(&["done", "scaling"]).exits(3);
    repo.sh(
        "jj new 'subject(substring:\"scaling: one\")'; echo both >f; jj squash --use-destination-message",
    )
    .ok();
    repo.flow(&["resume", "scaling"]).ok();
    repo.flow(&["done", "a8f2--research"]).ok();
    assert_eq!(repo.jj(&["file", "show", "--revision=main", "f"]).ok().stdout, "both\n");
    assert_eq!(repo.changes("divergent() | conflicts()"), [""; 0]);
}
