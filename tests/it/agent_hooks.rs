//! What an agent's session hears of jj-flow: at its start, before a command, at its end. The event is JSON on stdin.

use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Output, TestEnvironment, TestRepo};

fn field(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo
}

fn hook(repo: &TestRepo<'_>, event: &str, payload: &str) -> Output {
    repo.flow_with(&["hook", event], |command| command.write_stdin(payload))
}

/// The same, with what an agent tells of itself.
pub(crate) fn told(repo: &TestRepo<'_>, event: &str, session: &str, more: Value) -> Output {
    let mut payload = json!({"session_id": session, "cwd": repo.root()});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    hook(repo, event, &payload.to_string())
}

/// What is said to the agent in the place of its command; nothing where it passes.
pub(crate) fn answer(repo: &TestRepo<'_>, line: &str) -> Option<String> {
    let output =
        told(repo, "pre-tool-use", "s", json!({"tool_name": "Bash", "tool_input": {"command": line}})).ok();
    assert_eq!(output.stderr, "");
    if output.stdout.is_empty() {
        return None;
    }
    let said: Value = output.json();
    let said = &said["hookSpecificOutput"];
    assert_eq!((&said["hookEventName"], &said["permissionDecision"]), (&json!("PreToolUse"), &json!("deny")));
    let reason = said["permissionDecisionReason"].as_str().unwrap();
    Some(reason.split_once("Run instead: ").unwrap().1.to_owned())
}

#[test]
fn a_session_gets_its_uid_and_every_later_command_has_it() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let file = env.root().join("variables");
    let named = repo.with("CLAUDE_ENV_FILE", file.to_str().unwrap());
    insta::assert_snapshot!(told(&named, "session-start", "it's 1", json!({"source": "startup"})).ok(), @r#"
    This is a jj repo with jj-flow. Your flows begin with d39c.
    Before the first edit: jj flow new WHAT IT IS FOR. To land it: jj flow done.
    "#);
    // Resumed: named once.
    told(&named, "session-start", "it's 1", json!({"source": "resume"})).ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "export JJ_FLOW_SESSION='it'\\''s 1'\n");
    repo.sh(&format!(". {}; jj flow new research; jj flow sub scaling", file.display())).ok();
    insta::assert_snapshot!(told(&named, "session-start", "it's 1", json!({})).ok(), @r#"
    This is a jj repo with jj-flow. Your flows begin with d39c.
    Open: d39c--research--scaling (in-progress)
    Open: d39c--research (in-progress)
    Where you stand, and what comes next: jj flow context
    "#);
    insta::assert_snapshot!(told(&named, "session-start", "another", json!({})).ok(), @r#"
    This is a jj repo with jj-flow. Your flows begin with 5c01.
    Before the first edit: jj flow new WHAT IT IS FOR. To land it: jj flow done.
    "#);
}

#[test]
fn who_has_a_uid_keeps_it() {
    let env = TestEnvironment::new();
    let file = env.root().join("variables");
    let named = field(&env).with("CLAUDE_ENV_FILE", file.to_str().unwrap());
    let own = named.with("JJ_FLOW_UID", "a8f2");
    let said = told(&own, "session-start", "other", json!({})).ok().stdout;
    assert!(said.contains("begin with a8f2."), "{said}");
    assert!(!file.exists());
    // A session within another is its own, and one that goes on after another is itself again.
    let inner = named.with("JJ_FLOW_SESSION", "outer");
    for session in ["inner", "other", "inner"] {
        told(&inner, "session-start", session, json!({})).ok();
    }
    let last = |name: &str| format!("export JJ_FLOW_SESSION={name}\n");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        [last("inner"), last("other"), last("inner")].concat()
    );
}

#[test]
fn outside_a_repo_nothing_is_said() {
    let env = TestEnvironment::new();
    let nowhere = env.dir("nowhere");
    for event in ["session-start", "pre-tool-use", "stop"] {
        let line = json!({"tool_input": {"command": "git branch x; jj bookmark create y"}});
        let output = told(&nowhere, event, "s", line).ok();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{event}");
    }
}

#[rstest]
#[case("git checkout -b docs", "jj flow new docs")]
#[case("cargo test && git switch -c feature/x origin/main", "jj flow new feature/x --from main@origin")]
#[case("git branch 'it''s' HEAD", "jj flow new its --from @-")]
#[case("git worktree add -b docs ../docs main", "jj flow new docs --from main --workspace ../docs")]
#[case("cd sub && git -C .. branch docs", "jj flow new docs")]
#[case("cd sub && git branch docs", "cd $TEST_ENV/field/sub && jj flow new docs")]
#[case("git -C sub worktree add ../side", "cd $TEST_ENV/field/sub && jj flow new side --workspace ../side")]
#[case("cd sub; jj -R .. b c docs", "cd $TEST_ENV/field/sub && jj -R .. bookmark c a8f2--docs")]
#[case("jj bookmark create docs", "jj bookmark create a8f2--docs")]
#[case("jj b c docs -r @-", "jj bookmark c a8f2--docs -r @-")]
#[case("/usr/bin/jj bookmark set foo", "jj bookmark set a8f2--logicFoo")]
#[case("jj git push --named docs=@", "jj git push --named a8f2--docs=@")]
#[case("echo $(jj bookmark create docs)", "jj bookmark create a8f2--docs")]
fn what_makes_a_branch_is_answered(#[case] line: &str, #[case] expected: &str) {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = field(&env);
    repo.dir("sub");
    let before = repo.state();
    assert_eq!(answer(&repo, line).as_deref(), Some(expected));
    assert_eq!(repo.state(), before);
}

#[rstest]
#[case("ls; jj log; git status; git log --branches")]
#[case("jj flow new docs && jj flow done")]
#[case("jj bookmark create a8f2--docs")]
#[case("git branch a8f2--docs")]
#[case("jj bookmark create release/1.2; git branch release/1.3; git checkout -b main")]
#[case("jj bookmark set main -r @")]
#[case("jj bookmark move main --to @; jj bookmark delete docs; git branch -d docs")]
#[case("git checkout docs; git branch --list docs; git worktree add --detach ../x")]
#[case("echo 'git branch docs' >plan; grep 'jj bookmark create docs' plan")]
#[case("cat >notes <<END\ngit branch docs\nEND\n")]
#[case("git branch $NAME; jj bookmark create \"$NAME\"; cd $DIR; git branch docs")]
#[case("cd / && git branch docs")]
#[case("cd vendored && git checkout -b fix; git -C vendored branch fix")]
#[case("git --git-dir=/elsewhere/.git branch x; GIT_DIR=/elsewhere/.git git branch x; pushd /; git branch x")]
#[case("(cd / && ls); echo $((1 << 2)); git log")]
#[case("")]
fn everything_else_passes(#[case] line: &str) {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = field(&env);
    repo.git(&["init", "--quiet", "vendored"]).ok();
    assert_eq!(answer(&repo, line), None);
}

#[test]
fn the_answer_runs() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = field(&env);
    for line in
        ["git checkout -b docs", "git worktree add ../side", "jj b c schema", "git branch research main"]
    {
        repo.sh(&answer(&repo, line).unwrap()).ok();
    }
    insta::assert_snapshot!(repo.jj(&["bookmark", "list", "-T", "name ++ \"\\n\""]).ok(), @r#"
    a8f2--docs
    a8f2--logicSide
    a8f2--research
    a8f2--schema
    main
    "#);
}

#[test]
fn behind_the_shim_jj_names_them_itself() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = field(&env);
    let path = format!("{}:{}", env.root().join("shim").display(), std::env::var("PATH").unwrap());
    let shim = repo.with("PATH", &path);
    assert_eq!(answer(&shim, "jj bookmark create docs"), None);
    let past = ["JJ_FLOW_BYPASS=1 jj bookmark create docs", "/usr/bin/jj bookmark create docs"];
    for line in past {
        assert_eq!(answer(&shim, line).as_deref(), Some("jj bookmark create a8f2--docs"), "{line}");
    }
    assert_eq!(answer(&shim, "git branch docs").as_deref(), Some("jj flow new docs"));
}

#[test]
fn the_policy_decides() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = field(&env);
    for (policy, passes) in [("strict", false), ("warn", true), ("off", true)] {
        repo.jj(&["config", "set", "--user", "flow.policy", policy]).ok();
        assert_eq!(answer(&repo, "git branch foo").is_none(), passes, "{policy}");
    }
}

#[rstest]
#[case("")]
#[case("{")]
#[case("[1, 2]")]
#[case("{\"tool_input\": {\"command\": 7}, \"cwd\": 7}")]
#[case("{\"tool_input\": \"git branch x\"}")]
#[case("{\"stop_hook_active\": \"yes\"}")]
#[case("\u{0}\u{1}")]
fn what_is_no_event_passes(#[case] payload: &str) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    for event in ["pre-tool-use", "stop"] {
        let output = hook(&repo, event, payload).ok();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{event}");
    }
    hook(&repo, "session-start", payload).ok();
    // Nobody who is told nothing of a session can be told once: nothing is said.
    repo.flow(&["new", "research", "-m", "x"]).ok();
    assert_eq!(hook(&repo, "stop", payload).ok().stdout, "");
}

#[test]
fn other_agents_words_are_read_too() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = field(&env);
    for command in [json!(["bash", "-lc", "git branch docs"]), json!(["git", "branch", "docs"])] {
        let output = told(&repo, "pre-tool-use", "s", json!({"tool_input": {"command": command}})).ok();
        assert!(output.stdout.contains("jj flow new docs"), "{output}");
    }
    let line = json!({"tool_input": {"command": "git branch docs"}});
    let asked =
        repo.flow_with(&["hook", "pre-tool-use", "--json"], |command| command.write_stdin(line.to_string()));
    assert_eq!(asked.ok().json()["answers"], json!([{"asked": "docs", "command": "jj flow new docs"}]));
}

#[test]
fn the_name_is_the_sessions_own_and_a_persons_flows_are_not_its() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let file = env.root().join("variables");
    let named = repo.with("CLAUDE_ENV_FILE", file.to_str().unwrap());
    let start = named.flow_with(&["hook", "session-start", "--json"], |command| {
        command.write_stdin(json!({"session_id": "s", "cwd": repo.root()}).to_string())
    });
    let uid = start.ok().json()["uid"].as_str().unwrap().to_owned();
    repo.flow(&["new", "research", "-m", "research: a person's"]).ok();
    let expected = format!("jj bookmark create {uid}--logicFoo");
    assert_eq!(answer(&repo, "/usr/bin/jj bookmark create foo").as_deref(), Some(expected.as_str()));
    assert_eq!(told(&repo, "stop", "s", json!({})).ok().stdout, "");
    repo.sh(&format!(". {}; jj flow new docs -m x", file.display())).ok();
    assert!(told(&repo, "stop", "s", json!({})).ok().stdout.contains(&format!("{uid}--docs")));
}

#[test]
fn every_event_takes_a_session_for_the_same() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let file = env.root().join("variables");
    let named = repo.with("CLAUDE_ENV_FILE", file.to_str().unwrap());
    // Nobody names it; it is named; it goes on where nobody does.
    for at in [&repo, &named, &repo] {
        let said = told(at, "session-start", "s", json!({})).ok().stdout;
        let uid = said.split_once("begin with ").unwrap().1.split_once('.').unwrap().0;
        let expected = format!("jj bookmark create {uid}--logicFoo");
        assert_eq!(answer(at, "jj bookmark create foo").as_deref(), Some(expected.as_str()));
    }
}

#[test]
fn a_session_that_ends_hears_once_of_what_has_not_landed() {
    let env = TestEnvironment::new();
    let repo = field(&env).with("JJ_FLOW_SESSION", "one");
    let stop =
        |repo: &TestRepo<'_>| told(repo, "stop", "one", json!({"stop_hook_active": false})).ok().stdout;
    assert_eq!(stop(&repo), "");
    repo.flow(&["new", "docs"]).ok();
    // Nothing has been done in it yet.
    assert_eq!(stop(&repo), "");
    repo.flow(&["new", "research"]).ok();
    repo.write("unsaved", "x\n");
    let elsewhere = env.repo("other").with("JJ_FLOW_SESSION", "one");
    elsewhere.flow(&["new", "schema", "-m", "schema: x"]).ok();
    let said: Value = serde_json::from_str(&stop(&repo)).unwrap();
    assert_eq!(said["decision"], "block");
    insta::assert_snapshot!(env.normalize(said["reason"].as_str().unwrap()), @r#"
    These flows of yours hold work that has not landed:
      35a4--research (1 change)
      35a4--schema (1 change) in $TEST_ENV/other
    What is finished lands by: jj flow done 35a4--research
    What leads nowhere ends by: jj flow fail 35a4--research --reason 'why'
    What goes on another time may stay open: say so to whoever you work for.
    "#);
    assert_eq!(stop(&repo), "");
    // Nor where the agent goes on because of it, nor to anybody else.
    repo.flow(&["new", "logic", "-m", "logic: x"]).ok();
    assert_eq!(told(&repo, "stop", "one", json!({"stop_hook_active": true})).ok().stdout, "");
    let other = repo.with("JJ_FLOW_SESSION", "two");
    assert_eq!(told(&other, "stop", "two", json!({})).ok().stdout, "");
    assert!(stop(&repo).contains("--logic "));
    repo.flow(&["new", "logicAgain", "-m", "x"]).ok();
    repo.flow(&["done"]).ok();
    assert_eq!(stop(&repo), "");
}

#[test]
fn a_broken_registry_is_in_nobodys_way() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let broken = env.root().join("broken.db");
    std::fs::write(&broken, "no database").unwrap();
    let repo = repo.with("JJ_FLOW_REGISTRY", broken.to_str().unwrap());
    for event in ["session-start", "stop"] {
        let output = told(&repo, event, "s", json!({})).exits(1);
        assert_eq!((output.stdout.as_str(), output.stderr.lines().count()), ("", 1), "{output}");
    }
    assert_eq!(answer(&repo, "git branch docs").as_deref(), Some("jj flow new docs"));
    // 2 would stop an agent, of whatever version.
    for args in
        [&["hook", "made-up"][..], &["hook", "stop", "--made-up"], &["--made-up", "hook", "pre-tool-use"]]
    {
        repo.flow(args).exits(1);
    }
    repo.flow(&["hook", "install", "--made-up"]).exits(2);
    let wrong = repo.with("JJ_FLOW_UID", "no uid");
    told(&wrong, "session-start", "s", json!({})).exits(1);
    told(&wrong, "pre-tool-use", "s", json!({"tool_input": {"command": "git branch docs"}})).exits(1);
}
