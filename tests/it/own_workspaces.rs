//! A flow with a workspace of its own: made with the flow, worked in, and gone once it has landed.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};

fn field(env: &TestEnvironment) -> TestRepo<'_> {
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo
}

/// A flow that has landed, and the workspace that it had.
fn landed<'e>(repo: &TestRepo<'e>) -> TestRepo<'e> {
    repo.flow(&["new", "research", "--workspace", "../research"]).ok();
    let own = repo.env().dir("research");
    own.commit("found", "x\n", "research: found");
    own.flow(&["done"]).ok();
    own
}

#[test]
fn a_flow_begins_in_a_folder_of_its_own_and_the_callers_stays() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.write("half", "done\n");
    let here = repo.changes("@");
    let started = repo.flow(&["new", "research", "--workspace", "deep/../../away/research", "-m", "ask"]);
    insta::assert_snapshot!(started.ok(), @r#"
    Started a8f2--research on main in $TEST_ENV/away/research (change orklosly).
    "#);
    assert_eq!(repo.changes("@"), here);
    assert_eq!(repo.read("half"), "done\n");
    let own = env.dir("away/research");
    assert_eq!((own.read("base").as_str(), own.root().join("half").exists()), ("x\n", false));
    insta::assert_snapshot!(own.flow(&[]).ok(), @r#"
    main
    └─ @ a8f2--research  in-progress  1 ahead  now
    "#);
    // A sub-flow too, seen from there.
    insta::assert_snapshot!(own.flow(&["sub", "scaling", "--workspace", "../scaling"]).ok(), @r#"
    Started a8f2--research--scaling on a8f2--research in $TEST_ENV/away/scaling (change wuqsuwps).
    "#);
    insta::assert_snapshot!(env.rows("SELECT bookmark, parent_flow FROM FlowRegistry"), @r#"
    a8f2--research|NULL
    a8f2--research--scaling|a8f2--research
    "#);
    insta::assert_snapshot!(repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok(), @r#"
    a8f2--research
    a8f2--research--scaling
    default
    "#);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone_and_the_hint_takes_another() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    env.dir("research").write("mine", "x\n");
    let before = repo.state();
    let refused = repo.flow(&["new", "research", "--workspace", "../research"]).exits(1);
    insta::assert_snapshot!(refused, @r#"
    --- stderr
    Error: There is something in ../research already
    Hint: jj flow new research --workspace ../research2
    --- exit 1
    "#);
    assert_eq!((repo.state(), env.dir("research").read("mine")), (before, "x\n".to_owned()));
    repo.sh(&refused.hint()).ok();
    assert_eq!(env.dir("research2").read("base"), "x\n");
    // An empty one is as good as none.
    env.dir("empty");
    repo.flow(&["new", "docs", "--workspace", "../empty"]).ok();
    assert_eq!(env.dir("empty").read("base"), "x\n");
}

#[test]
fn what_a_kill_left_is_taken_up_by_the_same_command() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    // As far as jj had come, before the flow's row and its bookmark.
    repo.jj(&["workspace", "add", "--name", "a8f2--research", "--revision=main", "../research"]).ok();
    let change = env.dir("research").changes("@");
    repo.flow(&["new", "research", "--workspace", "../research"]).ok();
    assert_eq!(env.dir("research").changes("a8f2--research"), change);
    assert_eq!(env.rows("SELECT bookmark FROM FlowRegistry"), "a8f2--research\n");
}

#[test]
fn a_start_that_fails_takes_the_workspace_away_again() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let before = repo.bookmarks();
    repo.flow(&["new", "research", "--workspace", "../research", "--from", "nothing"]).exits(1);
    repo.flow(&["new", "research", "--workspace", "base/research"]).exits(1);
    assert_eq!(repo.read("base"), "x\n");
    assert!(!env.root().join("research").exists());
    assert_eq!(repo.bookmarks(), before);
    assert_eq!(repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok().stdout, "default\n");
    repo.flow(&["new", "research", "--here", "--workspace", "../research"]).exits(2);
}

#[test]
fn what_has_landed_gives_its_folder_back() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.flow(&["new", "research", "--workspace", "../research"]).ok();
    let own = env.dir("research");
    own.commit(".gitignore", "built\n", "research: ignore what is built");
    own.write("built", "x\n");
    let done = own.flow(&["done", "--json"]).ok().json();
    let command = done["workspace"]["remove"].as_str().unwrap();
    insta::assert_snapshot!(env.normalize(command), @r#"
    cd $TEST_ENV/field && jj flow gc
    "#);
    // Not under the feet of whoever stands there.
    insta::assert_snapshot!(own.flow(&["gc"]).ok(), @r#"
    Kept the workspace of a8f2--research, $TEST_ENV/research: you stand in it.
    "#);
    let planned = repo.flow(&["gc", "--dry-run"]).ok();
    assert!(own.root().exists());
    insta::assert_snapshot!(planned, @r#"
    Would remove the workspace of a8f2--research: $TEST_ENV/research.
    "#);
    let removed = repo.sh(command).ok();
    insta::assert_snapshot!(removed, @r#"
    Removed the workspace of a8f2--research: $TEST_ENV/research.
    "#);
    assert!(!own.root().exists());
    insta::assert_snapshot!(repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok(), @r#"
    default
    "#);
    insta::assert_snapshot!(repo.flow(&["gc"]).ok(), @r#"
    Nothing is to go.
    "#);
}

/// What is in a workspace that nobody has landed stays, and its folder with it.
#[rstest]
#[case("edit", "echo x >more", "there is work in it")]
#[case("described", "jj describe -m 'for later'", "there is work in it")]
#[case("large", "head -c 2000000 /dev/zero >large", "a file in it is too large for jj")]
#[case("bookmark", "jj bookmark create other", "there is work in it")]
#[case("next flow", "jj flow new docs; echo x >docs; jj commit -m docs", "there is work in it")]
#[case("nameless", "jj new main; echo x >docs; jj commit -m docs", "there is work in it")]
#[case("clone", "git init --quiet vendored; jj status", "another repo lies in it: vendored")]
fn what_has_not_landed_stays(#[case] name: &str, #[case] script: &str, #[case] why: &str) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let own = landed(&repo);
    own.sh(script).ok();
    let files = own.sh("ls").ok().stdout;
    let told = repo.flow(&["gc", "--json"]).ok().json();
    let kept = &told["repos"][0]["workspaces"]["kept"][0];
    assert!(kept["reason"].as_str().unwrap().starts_with(why), "{name}: {told:#}");
    assert_eq!(own.sh("ls").ok().stdout, files);
    own.jj(&["status"]).ok();
}

#[test]
fn a_workspace_that_lies_in_another_keeps_it_and_its_own_edits() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let own = landed(&repo);
    own.flow(&["new", "docs", "--workspace", "inner"]).ok();
    own.write("inner/precious", "x\n");
    let told = repo.flow(&["gc", "--json"]).ok().json();
    let kept = &told["repos"][0]["workspaces"]["kept"][0]["reason"];
    assert_eq!(*kept, "the workspace a8f2--docs lies in it");
    assert_eq!(own.read("inner/precious"), "x\n");
}

#[test]
fn several_at_once_take_nothing_from_one_another() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    for name in ["docs", "logic", "schema"] {
        repo.flow(&["new", name, "--workspace", &format!("../{name}")]).ok();
        let own = env.dir(name);
        own.commit(name, "x\n", name);
        own.flow(&["done"]).ok();
    }
    std::thread::scope(|scope| {
        (0..3).for_each(|_| _ = scope.spawn(|| repo.flow(&["gc"]).ok()));
    });
    assert_eq!(repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok().stdout, "default\n");
    let left = env.dir("").sh("ls -A").ok().stdout;
    assert!(!left.contains("docs") && !left.contains("logic") && !left.contains("schema"), "{left}");
}

#[test]
fn what_is_in_the_way_of_one_keeps_no_other() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.flow(&["new", "docs", "--workspace", "../docs"]).ok();
    env.dir("docs").commit("docs", "x\n", "docs");
    env.dir("docs").flow(&["done"]).ok();
    let own = landed(&repo);
    env.dir(".docs.jj-flow-gc").write("mine", "x\n");
    let told = repo.flow(&["gc", "--json"]).ok().json();
    let reason = &told["repos"][0]["workspaces"]["kept"][0]["reason"];
    assert!(reason.as_str().unwrap().ends_with(".docs.jj-flow-gc is in the way"), "{told:#}");
    assert!(!own.root().exists() && env.dir("docs").root().join("docs").exists());
}

#[test]
fn a_workspace_of_that_name_elsewhere_stays_somebodys() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.jj(&["workspace", "add", "--name", "a8f2--research", "../mine"]).ok();
    env.dir("mine").write("precious", "x\n");
    let refused = repo.flow(&["new", "research", "--workspace", "../research"]).exits(1);
    insta::assert_snapshot!(refused, @r#"
    --- stderr
    Error: There is a workspace a8f2--research already, in $TEST_ENV/mine
    Hint: jj workspace list
    --- exit 1
    "#);
    repo.sh(&refused.hint()).ok();
    env.dir("mine").jj(&["status"]).ok();
    assert_eq!(env.dir("mine").read("precious"), "x\n");
}

#[test]
fn a_folder_that_was_the_users_stays_where_the_start_fails() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    env.dir("research");
    repo.flow(&["new", "research", "--workspace", "../research", "--from", "nothing"]).exits(1);
    let known = repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok().stdout;
    assert_eq!(known, "default\n");
    repo.flow(&["new", "research", "--workspace", "../research"]).ok();
}

#[test]
fn whoever_works_in_a_flows_workspace_is_whose_flow_it_is() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.commit("base", "x\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    repo.flow(&["new", "research", "--workspace", "../research"]).ok();
    let (uid, own) = (repo.flow(&["uid"]).ok().stdout, env.dir("research"));
    assert_eq!(own.flow(&["uid"]).ok().stdout, uid);
    assert_eq!(own.flow(&["context", "--json"]).ok().json()["flow"]["yours"], true);
    own.flow(&["sub", "scaling"]).ok();
    let uids = env.rows("SELECT DISTINCT uid FROM FlowRegistry");
    assert_eq!(uids, uid);
    // Another session there is somebody else.
    let other = own.with("JJ_FLOW_SESSION", "other").flow(&["uid"]).ok().stdout;
    assert_ne!(other, uid);
}

#[test]
fn a_workspace_whose_folder_somebody_deleted_is_forgotten() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let own = landed(&repo);
    std::fs::remove_dir_all(own.root()).unwrap();
    repo.flow(&["gc"]).ok();
    assert_eq!(repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok().stdout, "default\n");
}

#[test]
fn a_folder_that_a_kill_left_under_its_other_name_is_looked_at_again() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let own = landed(&repo);
    own.write("more", "x\n");
    let aside = own.root().with_file_name(".research.jj-flow-gc");
    std::fs::rename(own.root(), &aside).unwrap();
    repo.flow(&["gc"]).ok();
    assert_eq!((own.read("more").as_str(), aside.exists()), ("x\n", false));
    std::fs::remove_file(own.root().join("more")).unwrap();
    own.jj(&["status"]).ok();
    std::fs::rename(own.root(), &aside).unwrap();
    repo.flow(&["gc"]).ok();
    assert!(!own.root().exists() && !aside.exists());
}

#[test]
fn other_workspaces_and_those_of_open_flows_stay() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.flow(&["new", "docs", "--workspace", "../docs"]).ok();
    let other = repo.workspace("other");
    landed(&repo);
    repo.flow(&["gc"]).ok();
    assert!(other.root().exists() && env.dir("docs").root().join("base").exists());
    insta::assert_snapshot!(repo.jj(&["workspace", "list", "-T", "name ++ \"\\n\""]).ok(), @r#"
    a8f2--docs
    default
    other
    "#);
}

/// Whatever is called in a workspace that another one has left behind works on what is there now, and keeps what was
/// edited meanwhile.
#[rstest]
#[case(&[])]
#[case(&["new", "docs"])]
#[case(&["sub", "scaling"])]
#[case(&["done", "--dry-run", "-m", "edited"])]
#[case(&["done", "-m", "edited"])]
#[case(&["restack"])]
#[case(&["context", "--siblings"])]
#[case(&["conflicts"])]
#[case(&["fail", "--reason", "no"])]
#[case(&["list"])]
#[case(&["show", "research"])]
#[case(&["log"])]
#[case(&["sync"])]
#[case(&["gc"])]
#[case(&["land"])]
#[case(&["doctor"])]
fn a_stale_workspace_is_brought_up_to_date_and_keeps_its_edits(#[case] args: &[&str]) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    repo.flow(&["new", "research", "--workspace", "../research"]).ok();
    let own = env.dir("research");
    own.commit("found", "x\n", "research: found");
    own.jj(&["describe", "-m", "research: go on"]).ok();
    // Somebody rewrites what the workspace stands on, and it is not told.
    repo.jj(&["describe", "a8f2--research", "-m", "research: found it"]).ok();
    own.write("edited", "kept\n");
    own.flow(args).ok();
    own.jj(&["status"]).ok();
    let holders = own.changes("files(root:edited)");
    assert_eq!(holders.len(), 1, "{}", own.log());
    let kept = own.jj(&["file", "show", "--revision", &holders[0], "root:edited"]).ok();
    assert_eq!(kept.stdout, "kept\n");
}
