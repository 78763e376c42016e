//! Later runs: what is new comes along, and what somebody did in a result stays as it is.

use rstest::rstest;

use crate::common::TestRepo;
use crate::split::{component, environment, monorepo, split};

fn commit_to_main(repo: &TestRepo<'_>, path: &str, text: &str, message: &str) {
    repo.commit(path, text, message);
    repo.jj(&["bookmark", "set", "main", "-r", "@-"]).ok();
}

#[track_caller]
fn assert_state(repo: &TestRepo<'_>, args: &[&str], name: &str, state: &str, new: u64) {
    let told = split(repo, args);
    let line = component(&told, name);
    assert_eq!((&line["state"], &line["new_commits"]), (&state.into(), &new.into()), "{told:#}");
}

#[test]
fn what_is_new_is_added_and_nothing_else_is_touched() {
    let env = environment();
    let repo = monorepo(&env);
    split(&repo, &["Components/api", "Components/web"]);
    let (api, web) = (env.dir("out/api"), env.dir("out/web"));
    let (api_before, web_before) = (api.commits("main"), web.state());
    assert_state(&repo, &[], "api", "unchanged", 0);
    // A change elsewhere is one nowhere.
    commit_to_main(&repo, "README.md", "more\n", "readme again");
    assert_state(&repo, &[], "api", "unchanged", 0);
    commit_to_main(&repo, "Components/api/lib.rs", "// more\n", "api: more");
    assert_state(&repo, &[], "api", "added", 1);
    assert_eq!(api.commits("main-"), api_before);
    assert_eq!(api.git(&["fsck", "--strict"]).ok().stdout, "");
    assert_eq!(api.git(&["show", "main:lib.rs"]).ok().stdout, "// more\n");
    let snapshots = |state: &str| state.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(snapshots(&web.state()), snapshots(&web_before));
    assert_state(&repo, &[], "web", "unchanged", 0);
}

#[test]
fn a_bookmark_that_somebody_moved_stays_and_the_sources_stands_beside_it() {
    let env = environment();
    let repo = monorepo(&env);
    split(&repo, &["Components/api"]);
    let api = env.dir("out/api");
    commit_to_main(&api, "own.rs", "mine\n", "mine");
    let own = api.commits("main");
    commit_to_main(&repo, "Components/api/lib.rs", "// more\n", "api: more");
    let told = split(&repo, &[]);
    assert_eq!(component(&told, "api")["arrived"], serde_json::json!(["main"]));
    assert_eq!(api.commits("main"), own);
    assert_eq!(api.git(&["show", "refs/remotes/source/main:lib.rs"]).ok().stdout, "// more\n");
    assert_eq!(api.changes("main@source"), repo.changes("main"));
    assert_eq!(api.read("own.rs"), "mine\n");
    // Merged by whoever works there, the next run goes on beside it.
    api.jj(&["new", "main", "main@source", "-m", "merge"]).ok();
    api.jj(&["bookmark", "set", "main", "-r", "@"]).ok();
    commit_to_main(&repo, "Components/api/lib.rs", "// yet more\n", "api: yet more");
    split(&repo, &[]);
    assert_eq!(api.changes("main@source"), repo.changes("main"));
}

#[test]
fn a_change_that_was_rewritten_is_not_there_twice() {
    let env = environment();
    let repo = monorepo(&env);
    repo.write("Components/api/new.rs", "1\n");
    split(&repo, &["Components/api"]);
    let api = env.dir("out/api");
    let change = repo.changes("@");
    let heads = || api.changes("heads(all()) ~ working_copies()");
    assert_eq!(heads(), change, "the working copy's change comes along");
    repo.write("Components/api/new.rs", "2\n");
    split(&repo, &[]);
    assert_eq!((heads(), api.changes("divergent()")), (change.clone(), vec![]));
    // Where somebody has built on it, it stays.
    api.jj(&["new", &change[0], "-m", "on top"]).ok();
    repo.write("Components/api/new.rs", "3\n");
    split(&repo, &[]);
    assert_eq!(api.changes("@- & divergent()"), change);
}

#[test]
fn removed_paths_are_gone_in_the_source_and_stay_in_the_results() {
    let env = environment();
    let repo = monorepo(&env);
    repo.write("Components/api/.gitignore", "target\n");
    repo.write("Components/api/target", "built\n");
    let told =
        split(&repo, &["Components/api", "--remove", "--remote-template", "git@host:me/{component}.git"]);
    let removed = told["removed"].as_str().unwrap();
    assert_eq!(repo.changes("@-"), [removed]);
    let files = repo.jj(&["file", "list", "-r", "@-"]).ok().stdout;
    assert_eq!(files, "Components/web/index.html\nREADME.md\ncomponents.toml\n");
    assert_eq!(repo.read("Components/api/target"), "built\n", "what is ignored stays");
    assert!(repo.read("components.toml").contains("path = \"Components/api\""));
    let api = env.dir("out/api");
    assert_eq!(api.git(&["remote", "get-url", "origin"]).ok().stdout, "git@host:me/api.git\n");
    repo.jj(&["bookmark", "set", "main", "-r", "@-"]).ok();
    let before = api.commits("main");
    commit_to_main(&repo, "README.md", "later\n", "later");
    split(&repo, &[]);
    // The change with .gitignore is in the trunk now.
    assert_eq!(api.commits("main-"), before);
    assert_eq!(api.git(&["ls-tree", "--name-only", "main"]).ok().stdout, ".gitignore\nlib.rs\nmain.rs\n");
    let again = split(&repo, &["Components/api", "--remove"]);
    assert_eq!(again["removed"], serde_json::Value::Null);
}

#[test]
fn a_renamed_folder_is_followed_where_that_is_asked_for() {
    let env = environment();
    let repo = env.repo("mono");
    repo.commit("old/api/a", "1\n", "begin");
    repo.sh("mkdir Components && mv old/api Components/api").ok();
    repo.jj(&["commit", "-m", "move"]).ok();
    commit_to_main(&repo, "Components/api/a", "2\n", "more");
    split(&repo, &["Components/api", "--follow", "old/api=Components/api"]);
    // The move itself changes nothing in it.
    let texts = |repo: &TestRepo<'_>| {
        let template = "description.first_line() ++ ' '";
        repo.jj(&["log", "--no-graph", "-r", "::main ~ root()", "-T", template]).ok().stdout
    };
    let api = env.dir("out/api");
    assert_eq!(texts(&api), "more begin ");
    commit_to_main(&repo, "Components/api/a", "3\n", "most");
    split(&repo, &[]);
    assert_eq!(texts(&api), "most more begin ");
}

#[test]
fn what_a_killed_run_left_is_removed_and_its_maps_are_made_anew() {
    let env = environment();
    let repo = monorepo(&env);
    env.dir("out").write(".jj-flow/api.new/.git/objects/pack/tmp_pack_1", "half");
    split(&repo, &["Components/api"]);
    assert!(!env.root().join("out/.jj-flow/api.new").exists());
    let api = env.dir("out/api");
    let before = api.commits("main");
    // Killed between the repo's taking its place and the manifest.
    std::fs::remove_file(env.root().join("out/components.toml")).unwrap();
    assert_state(&repo, &["Components/api"], "api", "unchanged", 0);
    for damage in ["", "{}\n", "not a map"] {
        env.dir("out").write(".jj-flow/api.map", damage);
        let told = repo.flow(&["split", "--into", "../out"]).ok();
        assert!(told.stderr.contains("made out anew from the history"), "{told}");
        assert_eq!(api.commits("main"), before);
    }
    std::fs::remove_dir_all(api.root()).unwrap();
    assert_state(&repo, &[], "api", "new", 2);
    assert_eq!(env.dir("out/api").commits("main"), before);
}

#[test]
fn a_component_that_fails_leaves_nothing_behind_and_the_others_stand() {
    let env = environment();
    let repo = monorepo(&env);
    // No repo can take that place.
    env.dir("out").write(".jj-flow/api.map/in-the-way", "");
    let said =
        repo.flow(&["split", "Components/api", "Components/web", "--into", "../out", "--json"]).exits(1);
    let told = said.json();
    assert_eq!(
        (&component(&told, "api")["state"], &component(&told, "web")["state"]),
        (&"failed".into(), &"new".into())
    );
    assert!(!env.root().join("out/api").exists() && !env.root().join("out/.jj-flow/api.new").exists());
    std::fs::remove_dir_all(env.root().join("out/.jj-flow/api.map")).unwrap();
    assert_state(&repo, &["Components/api", "Components/web"], "api", "new", 2);
}

#[test]
fn a_conflict_is_refused_with_its_name_where_it_is_in_the_path() {
    let env = environment();
    let repo = monorepo(&env);
    repo.jj(&["new", "main-", "-m", "other"]).ok();
    repo.write("Components/api/lib.rs", "// other\n");
    repo.jj(&["new", "main", "@", "-m", "both"]).ok();
    let change = &repo.changes("@")[0];
    let refused = repo.flow(&["split", "Components/api", "--into", "../out", "--json"]).exits(1).json();
    assert_eq!(refused["error"]["code"], "already-conflicted");
    assert!(refused["error"]["message"].as_str().unwrap().contains(change.as_str()), "{refused}");
    // Elsewhere there is none.
    split(&repo, &["Components/web"]);
    assert_eq!(env.dir("out/web").git(&["ls-tree", "--name-only", "main"]).ok().stdout, "index.html\n");
}

#[rstest]
#[case::made("split-made", false)]
#[case::placed("split-placed", false)]
#[case::recorded("split-recorded", false)]
#[case::moved("split-moved", true)]
#[case::removing("split-removing", true)]
fn a_run_that_was_killed_is_finished_by_the_next(#[case] step: &str, #[case] is_later: bool) {
    let outcome = |is_killed: bool| {
        let env = environment();
        let repo = monorepo(&env);
        let args = ["split", "Components/api", "Components/web", "--into", "../out", "--remove"];
        let args = if step == "split-removing" { &args[..] } else { &args[..5] };
        repo.jj(&["bookmark", "create", "a8f2--research", "-r", "main"]).ok();
        if is_later {
            repo.flow(&args[..5]).ok();
            commit_to_main(&repo, "Components/api/lib.rs", "// more\n", "api: more");
            repo.write("Components/web/draft", "1\n");
        }
        if is_killed {
            repo.with("JJ_FLOW_FAILPOINT", step).flow(args).exits(137);
        }
        repo.flow(args).ok();
        let left = std::fs::read_dir(env.root().join("out/.jj-flow")).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let told = ["api", "web"].map(|name| {
            let there = env.dir(&format!("out/{name}"));
            assert_eq!(there.changes("divergent()"), [""; 0]);
            let names = there.jj(&["bookmark", "list", "--all-remotes", "-T", "name ++ ' '"]).ok().stdout;
            (there.commits("bookmarks()"), names, there.commits("heads(all() ~ working_copies())"))
        });
        (told, left, env.rows("SELECT component, bookmark, status FROM FlowRegistry WHERE component = 'api'"))
    };
    assert_eq!(outcome(true), outcome(false));
}
