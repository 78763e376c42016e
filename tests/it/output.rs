//! What a person and a program see.

use crate::common::TestEnvironment;

#[test]
fn colour_follows_jjs_own_setting() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    for command in [&[][..], &["list"], &["show", "research"]] {
        let with = |options: &[&str]| repo.flow(&[options, command].concat()).ok().stdout;
        assert!(!with(&[]).contains('\u{1b}'));
        assert!(with(&["--config=ui.color=always"]).contains('\u{1b}'));
        assert!(!with(&["--config=ui.color=always", "--json"]).contains('\u{1b}'));
        let bare = anstream::adapter::strip_str(&with(&["--config=ui.color=always"])).to_string();
        assert_eq!(bare, with(&[]));
    }
}

#[test]
fn text_from_elsewhere_is_shown_and_not_obeyed() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["fail", "--reason", "\u{1b}[31mred\r\u{202e}"]).ok();
    for command in [&["show", "research"][..], &["log"], &["query", "SELECT reason FROM FlowRegistry"]] {
        let shown = repo.flow(command).ok().stdout;
        assert!(shown.contains("\\u{1b}[31mred\\u{d}\\u{202e}"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\r', '\u{202e}']), "{shown}");
    }
    let refused = repo.flow(&["done", "\u{1b}[2J", "--into", "\u{1b}"]).exits(1);
    assert!(!refused.stderr.contains('\u{1b}'), "{refused}");
}

#[test]
fn a_closed_pipe_is_nobodys_failure() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let output = repo.sh("{ jj-flow log --limit 9; echo $? >&2; } | true");
    assert_eq!(output.stderr, "0\n", "{output}");
}

#[test]
fn the_tree_shows_what_lands_where() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    insta::assert_snapshot!(repo.flow(&[]), @"There are no open flows in this repo. Start one: jj flow new research");
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("notes", "x\n", "research: one");
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("more", "x\n", "scaling: one");
    repo.commit("most", "x\n", "scaling: two");
    repo.flow(&["new", "docs"]).ok();
    repo.flow(&["fail", "--reason", "no words"]).ok();
    insta::assert_snapshot!(repo.flow(&[]), @"
    main
    ├─ @ a8f2--docs                failed       0 ahead  now
    └─ a8f2--research              in-progress  1 ahead  now
       └─ a8f2--research--scaling  in-progress  2 ahead  now
    ");
    let tree = repo.flow(&["--json"]).ok().json();
    assert_eq!(
        (&tree["schema"], &tree["ok"], &tree["current"]),
        (&1.into(), &true.into(), &"a8f2--docs".into())
    );
    assert_eq!(tree["flows"][2]["parent"], "a8f2--research");
    assert_eq!(tree["flows"][2]["changes"].as_array().unwrap().len(), 2);
}
