//! The hook that resolves conflicts: what it may do, and what is left where it fails or is killed.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::conflicts::{assert_merged, assert_tidy, disagreeing, move_main, shape};
use crate::shim::environment;

const CONTENT: [&str; 3] = ["echo b >f", "echo f >f", "echo p >f"];

/// The hook of the user's own config.
fn hook(env: &TestEnvironment, script: &str) {
    env.add_config(&format!("[flow]\nhooks.on-conflict = '''{script}'''\n"));
}

/// A flow of four changes, of which the first, the second and the last meet what its parent got.
fn disagreeing_thrice(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.sh("echo b >f; echo b >g; jj commit -m base; jj bookmark create main -r @-").ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("f", "f\n", "research: one");
    repo.commit("g", "g\n", "research: two");
    repo.commit("h", "h\n", "research: three");
    repo.commit("f", "ff\n", "research: four");
    move_main(&repo, "echo p >f; echo p >g");
    repo.jj(&["new", "description(substring:four)"]).ok();
    repo
}

#[test]
fn changes_are_resolved_one_after_the_other() {
    let env = environment();
    hook(
        &env,
        "cat >$TEST_ENV/packet; echo $JJ_FLOW_COMMIT >>$TEST_ENV/seen; echo both >f; echo both >g; rm -f .nothing",
    );
    let repo = disagreeing_thrice(&env);
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "both\n");
    assert_eq!(repo.changes("::main & description(substring:'research: ')").len(), 4);
    let packet: serde_json::Value = serde_json::from_str(&env.dir("").read("packet")).unwrap();
    assert_eq!(packet["flow"]["bookmark"], "a8f2--research");
    assert!(env.dir("").read("seen").lines().count() > 1);
}

#[test]
fn changes_are_resolved_one_after_the_other_by_hand() {
    let env = environment();
    let repo = disagreeing_thrice(&env);
    repo.jj(&["status"]).ok();
    let before = shape(&repo);
    let mut refused = repo.flow(&["--json", "done"]).exits(3);
    let mut rounds = 0;
    while refused.code == 3 {
        rounds += 1;
        assert!(rounds < 5, "{refused}");
        let packet = &refused.json()["error"]["details"];
        repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
        for path in packet["change"]["paths"].as_array().unwrap() {
            repo.write(path["path"].as_str().unwrap(), "both\n");
        }
        repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
        if rounds == 1 {
            // Given up half-way, everything is as it was; then all over again.
            repo.flow(&["abort", "research"]).ok();
            repo.jj(&["new", "description(substring:four)"]).ok();
            assert_eq!(without_here(&shape(&repo)), without_here(&before));
            refused = repo.flow(&["--json", "done"]).exits(3);
        } else {
            refused = repo.flow(&["--json", "resume", "research"]);
        }
    }
    refused.ok();
    assert_merged(&repo, "both\n");
}

/// All but the working copy's own change, which has another id after `jj new`.
fn without_here(shape: &str) -> Vec<&str> {
    shape.lines().filter(|line| !line.contains("\"\"")).collect()
}

/// What the hook does, and what the refusal says of it.
#[rstest]
#[case::fails("echo half >f; exit 7", "flow.hooks.on-conflict: exit 7")]
#[case::kills_itself("kill -9 $$", "flow.hooks.on-conflict: signal 9")]
#[case::leaves_markers("echo more >>f", "left markers in")]
#[case::edits_nothing("true", "left markers in")]
#[case::is_not_there("no-such-program", "flow.hooks.on-conflict: exit 127")]
#[case::takes_too_long("sleep 600", "flow.hooks.on-conflict: timed out")]
fn a_hook_that_does_not_resolve_hands_over(#[case] script: &str, #[case] message: &str) {
    let env = environment();
    hook(&env, script);
    env.add_config("[flow]\nhook-timeout = \"1s\"\n");
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["status"]).ok();
    let (before, main) = (shape(&repo), repo.commits("main"));
    let refused = repo.flow(&["done"]).exits(3);
    assert!(refused.stderr.contains(message), "{refused}");
    assert_eq!((repo.commits("main"), repo.changes("divergent()").len()), (main, 0));
    assert_tidy(&repo);
    repo.flow(&["resume"]).exits(3);
    repo.flow(&["abort"]).ok();
    assert_eq!(shape(&repo), before);
    assert_tidy(&repo);
}

#[test]
fn a_hook_that_cannot_start_hands_over() {
    let env = environment();
    env.add_config("[flow]\nhooks.on-conflict = ['/no/such/program']\n");
    let repo = disagreeing(&env, CONTENT);
    let refused = repo.flow(&["done"]).exits(3);
    assert!(refused.stderr.contains("flow.hooks.on-conflict could not start"), "{refused}");
    assert_tidy(&repo);
}

#[rstest]
#[case::squashes("echo r >f; jj squash --use-destination-message")]
#[case::commits("echo r >f; jj commit -m 'the resolution'")]
#[case::describes_and_looks("jj status; echo r >f; jj describe -m 'the resolution'; jj log")]
#[case::edits_the_change("jj edit @-; echo r >f; jj status")]
#[case::squashes_in_parts("echo r >f; jj squash --use-destination-message f; jj new")]
fn a_hook_may_run_jj_itself(#[case] script: &str) {
    let env = environment();
    hook(&env, script);
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "r\n");
    assert_eq!(repo.changes("::main & description(substring:'research: one')").len(), 1);
    // Nothing of the hook's is left over beside the flow.
    assert_eq!(repo.changes("visible_heads() ~ @"), [""; 0], "{}", repo.log());
}

/// What a hook makes before it fails, or before whoever started it is killed.
#[rstest]
#[case::a_snapshot("echo scratch >notes.tmp; jj status")]
#[case::changes_of_its_own(
    "echo r >f; jj commit -m half; echo scratch >notes.tmp; jj commit -m more; jj status"
)]
fn nothing_of_a_hook_that_fails_is_left_behind(#[case] script: &str, #[values(true, false)] is_killed: bool) {
    let env = environment();
    hook(&env, &format!("[ -e $TEST_ENV/once ] && exit 1; touch $TEST_ENV/once; {script}; exit 1"));
    let repo = disagreeing(&env, CONTENT);
    if is_killed {
        repo.with("JJ_FLOW_FAILPOINT", "resolver-ran").flow(&["done"]).exits(137);
        repo.flow(&["conflicts"]).ok();
    } else {
        repo.flow(&["done"]).exits(3);
    }
    assert_tidy(&repo);
    assert_eq!(repo.changes("files(notes.tmp)"), [""; 0], "{}", repo.log());
    assert_eq!(repo.changes("visible_heads() ~ @ ~ main"), [""; 0], "{}", repo.log());
    let packet = &repo.flow(&["--json", "resume", "research"]).exits(3).json()["error"]["details"];
    repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
    repo.write("f", "r\n");
    repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
    repo.flow(&["resume"]).ok();
    assert_merged(&repo, "r\n");
}

#[test]
fn what_others_have_made_of_a_hooks_changes_is_theirs() {
    let env = environment();
    hook(&env, "echo r >f; jj commit -m half; jj bookmark create kept -r @-; echo x >g; jj status; exit 1");
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).exits(3);
    assert_tidy(&repo);
    assert_eq!(repo.jj(&["file", "show", "--revision=kept", "f"]).ok().stdout, "r\n");
    assert_eq!(repo.changes("files(g)"), [""; 0], "{}", repo.log());
}

#[test]
fn a_hook_of_the_repos_own_runs_once_it_is_approved() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["config", "set", "--repo", "flow.hooks.on-conflict", "echo r >f; touch $TEST_ENV/ran"]).ok();
    let refused = repo.flow(&["done"]).exits(3);
    assert!(refused.stderr.contains("nobody has approved it here"), "{refused}");
    assert!(!env.root().join("ran").exists());
    repo.flow(&["trust"]).ok();
    repo.flow(&["resume"]).ok();
    assert_merged(&repo, "r\n");
}

#[rstest]
#[case::added("resolver-added")]
#[case::ran("resolver-ran")]
#[case::squashed("resolver-squashed")]
#[case::journalled("conflict-journalled")]
#[case::published("conflict-published")]
fn after_a_kill_the_next_command_clears_up_and_goes_on(
    #[case] step: &str,
    #[values(true, false)] looks: bool,
) {
    let env = environment();
    hook(&env, "echo r >f");
    let repo = disagreeing(&env, CONTENT);
    let main = repo.commits("main");
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["done"]).exits(137);
    assert_eq!(repo.commits("main"), main);
    if looks {
        repo.flow(&["conflicts"]).ok();
        assert_tidy(&repo);
        assert_eq!(repo.commits("main"), main);
    }
    repo.flow(&["resume", "research"]).ok();
    assert_merged(&repo, "r\n");
}

#[rstest]
#[case::added("resolver-added")]
#[case::ran("resolver-ran")]
#[case::squashed("resolver-squashed")]
#[case::journalled("conflict-journalled")]
#[case::published("conflict-published")]
fn after_a_kill_all_can_be_given_up(#[case] step: &str) {
    let env = environment();
    hook(&env, "echo r >f");
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["status"]).ok();
    let before = shape(&repo);
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["done"]).exits(137);
    repo.flow(&["abort", "research"]).ok();
    assert_eq!(shape(&repo), before);
    assert_tidy(&repo);
}

#[test]
fn giving_up_again_after_a_kill_changes_nothing_more() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["status"]).ok();
    let before = shape(&repo);
    repo.flow(&["done"]).exits(3);
    repo.with("JJ_FLOW_FAILPOINT", "abort-published").flow(&["abort"]).exits(137);
    assert_eq!(shape(&repo), before);
    repo.flow(&["abort"]).ok();
    assert_eq!(shape(&repo), before);
    repo.flow(&["abort"]).exits(1);
    repo.flow(&["done"]).exits(3);
}

#[test]
fn of_two_who_resume_one_is_told_that_the_other_is_at_it() {
    let env = environment();
    // The hook waits until the other has been turned away.
    hook(&env, "touch $TEST_ENV/began; until [ -e $TEST_ENV/go ]; do sleep 0.05; done; echo r >f");
    let repo = disagreeing(&env, CONTENT);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| repo.flow(&["done"]).ok());
        repo.sh("until [ -e $TEST_ENV/began ]; do sleep 0.05; done").ok();
        let busy = repo.flow(&["--json", "resume", "research"]);
        repo.sh("touch $TEST_ENV/go").ok();
        assert_eq!(busy.exits(5).json()["error"]["code"], "busy");
        first.join().unwrap();
    });
    assert_merged(&repo, "r\n");
}
