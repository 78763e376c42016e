//! Edits that lie unsnapshotted in other workspaces, before a landing and during it: each stays on its disk and comes
//! into its own change.

use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shim::environment;

/// How the flow comes onto its parent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Forward,
    Rebased,
    Described,
}
use Way::{Described, Forward, Rebased};

/// Where work goes on beside the default workspace: on the flow's tip, beneath it, above it without a word, and above
/// it with a flow of its own.
const OTHERS: [&str; 4] = ["tip", "middle", "above", "stacked"];

/// A flow of three changes with workspaces on it and above, ready to land.
pub(crate) fn busy_flow<'e>(env: &'e TestEnvironment, way: Way, colocated: bool) -> TestRepo<'e> {
    let repo = if colocated { env.repo("field") } else { env.repo_without_git("field") };
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    for name in ["one", "two", "three"] {
        repo.commit(name, "x\n", name);
    }
    for name in OTHERS {
        let other = repo.workspace(name);
        match name {
            "tip" => other.jj(&["edit", "description(substring:three)"]).ok(),
            "middle" => other.jj(&["edit", "description(substring:two)"]).ok(),
            _ => other.jj(&["new", "description(substring:three)"]).ok(),
        };
    }
    env.dir("above").write("above", "x\n");
    env.dir("above").jj(&["status"]).ok();
    env.dir("stacked").jj(&["bookmark", "create", "a8f2--docs"]).ok();
    env.dir("stacked").commit("stacked", "x\n", "docs: stacked");
    if way != Forward {
        repo.sh("jj new main; echo x >other; jj commit -m \"somebody's\"; jj bookmark move main --to=@-")
            .ok();
    }
    repo.jj(&["new", "description(substring:three)"]).ok();
    if way == Described {
        repo.write("last", "x\n");
        repo.jj(&["status"]).ok();
    }
    repo
}

pub(crate) fn done(repo: &TestRepo<'_>, way: Way) -> crate::common::Output {
    repo.flow(if way == Described { &["done", "--message=the last"] } else { &["done"] })
}

/// Lets a script run once at a step of the next commands.
pub(crate) fn meanwhile<'e>(repo: &TestRepo<'e>, step: &str, script: &str) -> TestRepo<'e> {
    let program = repo.env().root().join("meanwhile.sh");
    std::fs::write(
        &program,
        format!("#!/bin/sh\nset -e\nunset JJ_FLOW_FAILPOINT\necho >$TEST_ENV/met\n{script}\n"),
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.with("JJ_FLOW_FAILPOINT", &format!("{step}={}", program.display()))
}

/// Every workspace has its file, on its disk and in its `@` or beneath, and nothing was torn.
#[track_caller]
fn assert_kept(repo: &TestRepo<'_>, file: &str, workspaces: &[&str]) {
    for name in workspaces {
        let there = repo.env().dir(name);
        there.jj(&["status"]).ok();
        assert_eq!(there.read(&format!("{file}-{name}")), "x\n");
        assert_eq!(
            files(&there, "@").matches(&format!("{file}-{name}\n")).count(),
            1,
            "{name}: {}",
            repo.log()
        );
    }
    assert_eq!(repo.changes("divergent() | conflicts()"), [""; 0], "{}", repo.log());
}

fn files(repo: &TestRepo<'_>, revision: &str) -> String {
    repo.jj(&["file", "list", "--ignore-working-copy", "--revision", revision]).ok().stdout
}

#[rstest]
fn edits_made_before_a_landing_are_kept(
    #[values(Forward, Rebased, Described)] way: Way,
    #[values(true, false)] colocated: bool,
) {
    let env = environment();
    let repo = busy_flow(&env, way, colocated);
    OTHERS.iter().for_each(|name| env.dir(name).write(&format!("early-{name}"), "x\n"));
    let above = OTHERS.map(|name| env.dir(name).changes("@"));
    done(&repo, way).ok();
    assert_kept(&repo, "early", &OTHERS);
    let landed = files(&repo, "main");
    // What was edited on the flow's described changes is the flow's own.
    assert!(landed.contains("early-tip\n") && landed.contains("early-middle\n"), "{landed}");
    assert!(!landed.contains("above") && !landed.contains("stacked"), "{landed}");
    for (name, before) in OTHERS.iter().zip(above).skip(2) {
        assert_eq!(env.dir(name).changes("@"), before);
        assert!(files(&env.dir(name), "@").contains(&format!("early-{name}\n")));
    }
    assert!(env.rows("SELECT status FROM FlowRegistry ORDER BY id").starts_with("merged\n"));
}

#[rstest]
fn edits_made_during_a_landing_are_kept_and_do_not_land(
    #[values(Forward, Rebased, Described)] way: Way,
    #[values("planned", "sealed", "verified", "journalled", "published", "read-back", "recorded")] step: &str,
) {
    let env = environment();
    let repo = busy_flow(&env, way, step != "published");
    // What comes into this workspace before the last plan is asked for by name.
    let here = if ["planned", "sealed"].contains(&step) { "" } else { "field" };
    let edit =
        format!("for name in tip middle above stacked {here}; do echo x >$TEST_ENV/$name/late-$name; done");
    done(&meanwhile(&repo, step, &edit), way).ok();
    assert!(env.root().join("met").exists());
    assert_kept(&repo, "late", &OTHERS);
    if !here.is_empty() {
        assert_kept(&repo, "late", &[here]);
    }
    let landed = files(&repo, "main");
    // Before they are sealed, the flow's own changes are what is edited there.
    if step != "planned" {
        assert!(!landed.contains("late-"), "{landed}");
    }
    assert!(
        !landed.contains("above") && !landed.contains("stacked") && !landed.contains("field"),
        "{landed}"
    );
    assert_eq!(
        repo.changes("::main & description(regex:'^(one|two|three|the last)\n')").len(),
        3 + usize::from(way == Described)
    );
}

#[rstest]
#[case::restacked("restack", 0)]
#[case::given_up("abort", 3)]
fn edits_are_kept_where_a_flow_is_moved_otherwise(
    #[case] verb: &str,
    #[case] code: i32,
    #[values(true, false)] colocated: bool,
) {
    let env = environment();
    let repo = busy_flow(&env, Forward, colocated);
    let other = if verb == "abort" { "two" } else { "other" };
    repo.sh(&format!(
        "jj new main; echo y >{other}; jj commit -m \"somebody's\"; jj bookmark move main --to=@-"
    ))
    .ok();
    repo.jj(&["new", "description(substring:three)"]).ok();
    if code != 0 {
        repo.flow(&["done", "research"]).exits(code);
    }
    OTHERS.iter().for_each(|name| env.dir(name).write(&format!("late-{name}"), "x\n"));
    let at = OTHERS.map(|name| env.dir(name).changes("@"));
    repo.flow(&[verb, "research"]).ok();
    // What was edited on the flow's own changes since they met the conflict is given up with it.
    let kept = if verb == "abort" { 2 } else { 0 };
    for (name, before) in OTHERS.iter().zip(at).skip(kept) {
        let there = env.dir(name);
        there.jj(&["status"]).ok();
        assert_eq!((there.read(&format!("late-{name}")), there.changes("@")), ("x\n".to_owned(), before));
    }
    assert_eq!(repo.changes("divergent()"), [""; 0], "{}", repo.log());
    assert!(!files(&repo, "main").contains("late"));
}

#[test]
fn edits_are_kept_where_a_landing_is_taken_back() {
    let env = environment();
    let repo = busy_flow(&env, Rebased, true);
    done(&repo, Rebased).ok();
    OTHERS.iter().for_each(|name| env.dir(name).write(&format!("late-{name}"), "x\n"));
    let edit = "for name in tip middle above stacked field; do echo x >$TEST_ENV/$name/later-$name; done";
    meanwhile(&repo, "undo-journalled", edit).flow(&["undo", "research"]).ok();
    assert_kept(&repo, "late", &OTHERS);
    assert_kept(&repo, "later", &OTHERS);
    assert_eq!(files(&repo, "main"), "base\nother\n");
}
