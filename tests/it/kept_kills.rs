//! Killed while something is mended: whoever comes next finishes it, and nothing is lost.

use rstest::rstest;

use crate::common::TestEnvironment;
use crate::kept::{aside, file, kept, scene};

#[rstest]
#[case::salvaged("salvaged")]
#[case::restored("restored")]
#[case::taken_in("taken-in")]
#[case::rebuilt("rebuilt")]
#[case::set_aside("set-aside")]
fn a_registry_is_made_anew_after_a_kill(
    #[case] step: &str,
    #[values("doctor --fix", "list", "new schema")] next: &str,
) {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    let before = kept(&env);
    let mut bytes = std::fs::read(file(&env)).unwrap();
    bytes[..100].fill(0xa5);
    std::fs::write(file(&env), &bytes).unwrap();
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["doctor", "--fix"]).exits(137);
    let is_done = step == "set-aside";
    let output = repo.sh(&format!("jj-flow {next}"));
    assert_eq!(output.code, if is_done || next == "doctor --fix" { 0 } else { 6 }, "{output}");
    repo.flow(&["doctor", "--fix"]).ok();
    let aside = aside(&env);
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(std::fs::read(&aside[0]).unwrap(), bytes);
    if next != "new schema" {
        assert_eq!(kept(&env), before);
    }
    let left = std::fs::read_dir(env.data_home().join("jj-flow")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.contains(".rebuil")), "{left:?}");
    crate::common::invariants::assert_rebuilt(&env, &[&repo, &env.dir("other")]);
}

#[rstest]
fn a_journal_is_whole_again_after_a_kill(#[values("distrusted", "restored")] step: &str) {
    let env = TestEnvironment::new();
    let repo = crate::ledger::repo(&env, "field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["new", "docs"]).ok();
    let journal = ".jj/repo/flow/journal.ndjson";
    let text = repo.read(journal);
    std::fs::remove_file(repo.root().join(journal)).unwrap();
    repo.with("JJ_FLOW_FAILPOINT", step).flow(&["fail", "--reason", "why"]).exits(137);
    repo.flow(&["fail", "docs", "--reason", "why"]).ok();
    assert!(repo.read(journal).starts_with(&text));
    crate::common::invariants::assert_rebuilt(&env, &[&repo]);
}

#[test]
fn many_at_once_make_one_registry_and_lose_nothing() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    let before = kept(&env);
    let mut bytes = std::fs::read(file(&env)).unwrap();
    bytes[..100].fill(0xa5);
    std::fs::write(file(&env), &bytes).unwrap();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (repo, env) = (&repo, &env);
            scope.spawn(move || {
                if number % 4 == 0 {
                    repo.flow(&["doctor", "--fix"]).ok();
                } else {
                    let output = env.dir("other").flow(&["fail", "schema", "--reason", &number.to_string()]);
                    assert!([0, 5, 6].contains(&output.code), "{output}");
                }
            });
        }
    });
    assert_eq!(aside(&env).len(), 1);
    repo.flow(&["doctor"]).ok();
    let others = |text: String| {
        let lines = text.lines().filter(|line| !line.contains("--schema"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(others(kept(&env)), others(before));
    crate::common::invariants::assert_rebuilt(&env, &[&repo, &env.dir("other")]);
}
