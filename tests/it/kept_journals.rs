//! Journals that were deleted, cut short, spoilt or exchanged.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::ledger::everything;

const JOURNAL: &str = ".jj/repo/flow/journal.ndjson";

/// A repo with two flows.
fn repo<'e>(env: &'e TestEnvironment, name: &str) -> TestRepo<'e> {
    let repo = crate::ledger::repo(env, name);
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["sub", "deep"]).ok();
    repo.flow(&["fail", "--reason", "no luck"]).ok();
    repo.flow(&["new", "docs"]).ok();
    repo
}

fn put(repo: &TestRepo<'_>, text: &str) {
    std::fs::write(repo.root().join(JOURNAL), text).unwrap();
}

/// What a journal can look like that once was `text`.
fn deleted(_: &str) -> Option<String> {
    None
}

fn emptied(_: &str) -> Option<String> {
    Some(String::new())
}

fn cut_between_lines(text: &str) -> Option<String> {
    Some(text.split_inclusive('\n').take(2).collect())
}

fn cut_in_a_line(text: &str) -> Option<String> {
    Some(text[..text.len() / 2 + 7].to_owned())
}

fn cut_before_its_end(text: &str) -> Option<String> {
    Some(text[..text.len() - 1].to_owned())
}

fn without_its_beginning(text: &str) -> Option<String> {
    Some(text.split_inclusive('\n').skip(2).collect())
}

#[rstest]
#[case(deleted)]
#[case(emptied)]
#[case(cut_between_lines)]
#[case(cut_in_a_line)]
#[case(cut_before_its_end)]
#[case(without_its_beginning)]
fn the_next_command_puts_back_what_is_lost(
    #[case] harm: fn(&str) -> Option<String>,
    #[values(&["reopen", "docs"], &["fail", "docs", "--reason", "why"], &["doctor", "--fix"])]
    next: &[&str],
) {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    let text = repo.read(JOURNAL);
    match harm(&text) {
        None => std::fs::remove_file(repo.root().join(JOURNAL)).unwrap(),
        Some(left) => put(&repo, &left),
    }
    let told = repo.flow(&["doctor"]).ok();
    assert!(told.stdout.contains("run: jj-flow doctor --fix"), "{told}");
    repo.flow(next).ok();
    let after = repo.read(JOURNAL);
    assert!(after.starts_with(&text), "{after}");
    assert!(after[text.len()..].lines().count() <= 1, "{after}");
    assert!(!repo.flow(&["doctor"]).ok().stdout.contains("--fix"));
    crate::common::invariants::assert_rebuilt(&env, &[&repo]);
}

#[test]
fn what_was_written_without_the_registry_comes_behind_what_is_put_back() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    let text = repo.read(JOURNAL);
    std::fs::remove_file(repo.root().join(JOURNAL)).unwrap();
    // The shim, with no registry to be had.
    let missing = repo.with("JJ_FLOW_REGISTRY", "/dev/null/registry.db");
    missing.shim(&["bookmark", "create", "schema"]).ok();
    assert_eq!(repo.read(JOURNAL).lines().count(), 1);
    repo.flow(&["reopen", "docs"]).ok();
    let after = repo.read(JOURNAL);
    assert!(after.starts_with(&text) && after[text.len()..].contains("a8f2--schema"), "{after}");
    crate::common::invariants::assert_rebuilt(&env, &[&repo]);
}

#[test]
fn a_line_that_is_none_is_told_and_stays() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    let before = everything(&env);
    let mut lines: Vec<String> = repo.read(JOURNAL).lines().map(str::to_owned).collect();
    lines.insert(1, "not an event \u{1b}[31m".to_owned());
    lines.push(r#"{"key":"torn"#.to_owned());
    put(&repo, &lines.join("\n"));
    let told = repo.flow(&["doctor", "--fix", "--json"]).ok().json();
    let checks = told["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["code"] == "journal-lines").unwrap();
    assert_eq!(check["details"]["bad_lines"], serde_json::json!([2, lines.len()]), "{told:#}");
    assert_eq!((check["state"].as_str(), check["hint"].as_str()), (Some("warning"), None));
    assert_eq!(repo.read(JOURNAL), lines.join("\n") + "\n");
    assert_eq!(everything(&env), before);
}

#[test]
fn the_journal_of_another_repo_is_not_this_ones() {
    let env = TestEnvironment::new();
    let (one, two) = (repo(&env, "one"), repo(&env, "two"));
    two.flow(&["new", "schema"]).ok();
    let before = everything(&env);
    let (own, foreign) = (one.read(JOURNAL), two.read(JOURNAL));
    for next in [&["reopen", "docs"][..], &["doctor", "--fix"]] {
        put(&one, &foreign);
        one.flow(next).ok();
        assert_eq!(one.read(JOURNAL), own);
        assert_eq!(everything(&env), before);
    }
    assert_eq!(one.read(".jj/repo/flow/journal.foreign.ndjson"), format!("{foreign}{foreign}"));
    assert_eq!(two.read(JOURNAL), foreign);
    crate::common::invariants::assert_rebuilt(&env, &[&one, &two]);
}

#[test]
fn a_copy_of_a_repo_keeps_its_own_record() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    let text = repo.read(JOURNAL);
    env.dir("").sh("cp -r field copy").ok();
    let copy = env.dir("copy");
    copy.flow(&["new", "schema"]).ok();
    let own = copy.read(JOURNAL);
    assert!(own.starts_with(&text));
    std::fs::remove_file(copy.root().join(JOURNAL)).unwrap();
    copy.flow(&["reopen", "schema"]).ok();
    assert_eq!(copy.read(JOURNAL), own);
    assert_eq!(repo.read(JOURNAL), text);
    assert!(!copy.root().join(".jj/repo/flow/journal.foreign.ndjson").exists());
}

#[test]
fn many_at_once_put_back_each_line_once() {
    let env = TestEnvironment::new();
    let repo = repo(&env, "field");
    let text = repo.read(JOURNAL);
    std::fs::remove_file(repo.root().join(JOURNAL)).unwrap();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let repo = &repo;
            scope.spawn(move || repo.flow(&["fail", "docs", "--reason", &number.to_string()]).ok());
        }
    });
    let after = repo.read(JOURNAL);
    assert!(after.starts_with(&text), "{after}");
    let mut keys: Vec<&str> = after.lines().map(|line| &line[..25]).collect();
    keys.sort_unstable();
    let all = keys.len();
    keys.dedup();
    assert_eq!((keys.len(), all), (all, text.lines().count() + 16));
    crate::common::invariants::assert_rebuilt(&env, &[&repo]);
}
