//! Slips on the way out of a conflict: a resolution that was not folded in, a second reason why a flow cannot land, and
//! somebody who stands elsewhere.

use rstest::rstest;
use serde_json::Value;

use crate::conflicts::{assert_merged, disagreeing, move_main};
use crate::hints_conflicts::CONTENT;
use crate::shim::environment;

#[rstest]
#[case::there(false)]
#[case::elsewhere(true)]
fn a_resolution_that_was_not_folded_in_is_told_of(#[case] is_elsewhere: bool) {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.flow(&["done"]).exits(3);
    repo.sh("jj new a8f2--research").ok();
    let (asker, at) = match is_elsewhere {
        true => (env.dir("elsewhere"), vec!["-R", "../field", "--json"]),
        false => (repo.clone(), vec!["--json"]),
    };
    let ask = |verb: &'static str| asker.flow(&[at.as_slice(), &[verb]].concat());
    let next = || ask("context").ok().json()["next"].clone();
    assert!(next()["command"].as_str().unwrap().contains("jj new"), "{}", next());
    repo.write("f", "r\n");
    let next = next();
    let fold = next["command"].as_str().unwrap();
    assert!(fold.ends_with("jj squash --use-destination-message"), "{next}");
    assert_eq!(fold.starts_with("cd "), is_elsewhere, "{next}");
    for verb in ["resume", "done"] {
        let error = ask(verb).exits(3).json()["error"].clone();
        assert_eq!((&error["code"], &error["hint"]), (&"conflict".into(), &next["command"]), "{error}");
        assert_eq!(error["details"]["flow"]["bookmark"], "a8f2--research");
    }
    asker.sh(&fold.replace("$TEST_ENV", env.root().to_str().unwrap())).ok();
    ask("resume").ok();
    assert_merged(&repo, "r\n");
}

#[test]
fn one_awkward_conflict_hides_no_other() {
    let env = environment();
    let repo = env.repo("field");
    repo.sh("echo b >f; jj commit -m base; jj bookmark create main -r @-").ok();
    for intent in ["research", "docs"] {
        repo.flow(&["new", intent]).ok();
        repo.commit("f", &format!("{intent}\n"), &format!("{intent}: one"));
    }
    move_main(&repo, "echo p >f");
    for intent in ["research", "docs"] {
        repo.flow(&["done", intent]).exits(3);
    }
    repo.sh("for side in left right; do jj new a8f2--research -m $side; echo x >$side; jj status; done").ok();
    repo.jj(&["new", "a8f2--docs"]).ok();
    let told = repo.flow(&["--json", "conflicts"]).ok().json()["conflicts"].clone();
    let states = [&told[0]["state"], &told[1]["state"], &told[1]["error"]["code"], &told[1]["packet"]];
    assert_eq!(states, [&"conflicted".into(), &"blocked".into(), &"several-tips".into(), &Value::Null]);
    let text = repo.flow(&["conflicts"]).ok().stdout;
    assert!(text.contains("a8f2--research is in conflict with main, and more is in its way:\n  "), "{text}");

    let context = repo.flow(&["--json", "context"]).ok().json();
    assert_eq!(context["next"]["command"], told[0]["packet"]["commands"]["resolve"], "{context}");
    repo.jj(&["new", "subject(exact:left)"]).ok();
    let context = repo.flow(&["--json", "context"]).ok().json();
    assert_eq!(context["next"]["command"], told[1]["error"]["hint"], "{context}");
    let other = repo.with("JJ_FLOW_UID", "b1c4");
    other.jj(&["new", "main"]).ok();
    assert_eq!(other.flow(&["--json", "context"]).ok().json()["conflicts"], serde_json::json!([]));

    repo.sh(told[1]["error"]["hint"].as_str().unwrap()).ok();
    let told = repo.flow(&["--json", "conflicts"]).ok().json()["conflicts"].clone();
    assert_eq!((&told[1]["state"], &told[1]["error"]), (&"conflicted".into(), &Value::Null), "{told}");
}

#[test]
fn a_change_without_a_description_has_no_brackets() {
    let env = environment();
    let repo = disagreeing(&env, CONTENT);
    repo.jj(&["describe", "a8f2--research", "--message="]).ok();
    let id = repo.changes("a8f2--research")[0][..8].to_owned();
    let text = repo.flow(&["restack"]).exits(3).stdout;
    let first = format!("Conflict of a8f2--research with main in change {id}");
    assert_eq!(text.lines().next(), Some(first.as_str()));
}
