//! What is exported comes in again, whole, once, and without what is this machine's own word.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::kept::{kept, scene};

fn export(repo: &TestRepo<'_>) -> String {
    repo.flow(&["export"]).ok().stdout
}

fn import(repo: &TestRepo<'_>, text: &str) -> Output {
    repo.flow_with(&["import", "-"], |command| command.write_stdin(text.to_owned()))
}

/// All but the header, which has the time.
fn body(text: &str) -> &str {
    text.split_once('\n').unwrap().1
}

#[test]
fn an_empty_registry_becomes_the_same() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    // What was set in SQL gets its line.
    repo.flow(&["reopen", "research2"]).exits(1);
    let told = export(&repo);
    let second = repo.with("JJ_FLOW_REGISTRY", env.root().join("second/registry.db").to_str().unwrap());
    // Told from outside any repo: nothing is brought level on the way.
    let nowhere =
        env.dir("nowhere").with("JJ_FLOW_REGISTRY", env.root().join("second/registry.db").to_str().unwrap());
    let text = told.replace("$TEST_ENV", env.root().to_str().unwrap());
    import(&nowhere, &text).ok();
    assert_eq!(body(&nowhere.flow(&["export"]).ok().stdout), body(&told));
    let list = |repo: &TestRepo<'_>| repo.flow(&["list", "--all"]).ok().stdout;
    assert_eq!(list(&second), list(&repo));
}

#[test]
fn what_is_known_changes_nothing() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    repo.flow(&["reopen", "docs"]).ok();
    let journal = ".jj/repo/flow/journal.ndjson";
    let before = (kept(&env), repo.read(journal));
    let text = export(&repo).replace("$TEST_ENV", env.root().to_str().unwrap());
    for _ in 0..2 {
        insta::allow_duplicates! {
            insta::assert_snapshot!(import(&repo, &text).ok(), @"Imported no new event; 19 events of 2 repos are known.");
        }
    }
    assert_eq!((kept(&env), repo.read(journal)), before);
    assert!(!env.data_home().join("jj-flow/registry.db.elsewhere").exists());
}

#[test]
fn another_machine_keeps_it_beside_its_registry() {
    let (here, there) = (TestEnvironment::new(), TestEnvironment::new());
    let repo = scene(&here);
    repo.flow(&["reopen", "docs"]).ok();
    let text = export(&repo);
    for secret in ["on-conflict", "approv"] {
        assert!(!text.contains(secret), "{text}");
    }
    let nowhere = there.dir("nowhere");
    import(&nowhere, &text).ok();
    let as_elsewhere = |text: &str| body(text).replace(r#""kind":"here""#, r#""kind":"elsewhere""#);
    let again = export(&nowhere);
    assert_eq!(body(&again), as_elsewhere(&text));
    let before = kept(&there);
    import(&nowhere, &text).ok();
    assert_eq!(kept(&there), before);
    assert_eq!(
        there.rows("SELECT count(*) FROM proofs") + &there.rows("SELECT count(*) FROM approvals"),
        "0\n0\n"
    );
    // A registry that was deleted has lost nothing of it.
    std::fs::remove_file(there.data_home().join("jj-flow/registry.db")).unwrap();
    let told = nowhere.flow(&["doctor"]).exits(1);
    assert!(told.stdout.contains("run: jj-flow doctor --fix"), "{told}");
    nowhere.flow(&["doctor", "--fix"]).ok();
    assert_eq!(body(&export(&nowhere)), body(&again));
    let mode = |path: &str| {
        let path = there.data_home().join("jj-flow").join(path);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("registry.db.elsewhere"), 0o700);
}

#[test]
fn a_repo_that_comes_here_takes_its_record_over() {
    let (here, there) = (TestEnvironment::new(), TestEnvironment::new());
    let repo = scene(&here);
    repo.flow(&["reopen", "docs"]).ok();
    let journal = ".jj/repo/flow/journal.ndjson";
    let text = export(&repo);
    import(&there.dir("nowhere"), &text).ok();
    let copy = format!("cp -r {} field", repo.root().display());
    there.dir("").sh(&copy).ok();
    let came = there.dir("field");
    there.set("JJ_FLOW_UID", "a8f2");
    came.flow(&["reopen", "docs"]).ok();
    assert_eq!(came.read(journal), repo.read(journal));
    assert_eq!(there.rows("SELECT kind FROM repos WHERE component = 'field'"), "here\n");
}

#[test]
fn lost_events_of_a_repo_here_come_into_its_journal() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    repo.flow(&["reopen", "docs"]).ok();
    let journal = ".jj/repo/flow/journal.ndjson";
    let (before, lines) = (kept(&env), repo.read(journal));
    let text = export(&repo).replace("$TEST_ENV", env.root().to_str().unwrap());
    // Both are gone, and only the export has it.
    std::fs::remove_file(repo.root().join(journal)).unwrap();
    std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    import(&repo, &text).ok();
    assert_eq!(repo.read(journal), lines);
    let journalled = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("approval|") && !line.starts_with("proof|"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(journalled(&kept(&env)), journalled(&before));
}

#[test]
fn what_is_not_understood_is_told_and_the_rest_is_taken() {
    let (here, there) = (TestEnvironment::new(), TestEnvironment::new());
    let repo = crate::ledger::repo(&here, "field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["new", "docs"]).ok();
    let text = export(&repo);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let event = lines[2].clone();
    lines.insert(2, "{]".into());
    lines.insert(3, event.replace(r#""key":""#, r#""key":"../"#));
    lines.insert(4, event.replace(r#""kind":"created""#, r#""kind":"unheard-of""#));
    lines.insert(5, event.replace(r#""of":""#, r#""of":"../../"#));
    lines.insert(6, r#"{"repo":{"id":"../../x","root":"/","component":"c","kind":"here","first_seen":"","last_seen":""}}"#.into());
    lines.insert(7, r#"{"more":1}"#.into());
    let nowhere = there.dir("nowhere");
    let output = import(&nowhere, &(lines.join("\n") + "\n")).exits(1);
    let told: Vec<&str> =
        output.stderr.lines().filter_map(|line| line.strip_prefix("Warning: line ")).collect();
    assert_eq!(told.len(), 6, "{output}");
    for (line, number) in told.iter().zip(3..) {
        assert!(line.starts_with(&format!("{number} is passed over: ")), "{output}");
    }
    assert_eq!(there.rows("SELECT bookmark FROM FlowRegistry ORDER BY id"), "a8f2--research\na8f2--docs\n");
    assert_eq!(there.rows("SELECT count(*) FROM repos"), "1\n");
}

#[test]
fn a_file_that_is_cut_off_is_taken_and_told() {
    let (here, there) = (TestEnvironment::new(), TestEnvironment::new());
    let repo = crate::ledger::repo(&here, "field");
    repo.flow(&["new", "research"]).ok();
    let text = export(&repo);
    let nowhere = there.dir("nowhere");
    let cut: String = text.split_inclusive('\n').take(text.lines().count() - 1).collect();
    let output = import(&nowhere, &cut).exits(1);
    assert!(output.stderr.contains("the export is cut off"), "{output}");
    assert_eq!(there.rows("SELECT bookmark FROM FlowRegistry"), "a8f2--research\n");
    let output = nowhere.flow_with(&["import", "-", "--json"], |command| command.write_stdin(cut)).exits(1);
    assert_eq!(output.json()["complete"], false);
    let without: String = text.split_inclusive('\n').filter(|line| !line.contains("created")).collect();
    assert!(import(&nowhere, &without).exits(1).stderr.contains("cut off"));
    for wrong in ["", "{}\n", "hello\n", "{\"jj-flow-export\":2}\n"] {
        import(&nowhere, wrong).exits(2);
    }
    nowhere.flow(&["import", "missing.ndjson"]).exits(1);
}

#[test]
fn one_repo_goes_into_a_private_file() {
    let env = TestEnvironment::new();
    let repo = scene(&env);
    let answer = repo.flow(&["export", "--repo", "../other", "-o", "one.ndjson", "--json"]).ok().json();
    assert_eq!((answer["repos"].as_u64(), answer["events"].as_u64()), (Some(1), Some(1)));
    let path = repo.root().join("one.ndjson");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = repo.read("one.ndjson");
    assert!(
        text.contains("a8f2--schema") && !text.contains("a8f2--docs") && text.ends_with("}}\n"),
        "{text}"
    );
    repo.flow(&["export", "--repo", "../missing"]).exits(1);
    repo.flow(&["export", "--repo", ".", "--all"]).exits(2);
    env.repo("new");
    repo.flow(&["export", "--repo", "../new"]).exits(1);
    repo.sh("jj-flow export | head -1").ok();
}
