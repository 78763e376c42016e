//! What is out of the ordinary: older change ids, submodules, a component in another, other workspaces, a full disk.

use crate::common::TestRepo;
use crate::split::{component, environment, monorepo, split};

fn changes(repo: &TestRepo<'_>, revset: &str) -> Vec<String> {
    let mut changes = repo.changes(revset);
    changes.sort();
    changes
}

#[test]
fn change_ids_that_an_older_jj_kept_elsewhere_come_along() {
    let env = environment();
    env.add_config("[git]\nwrite-change-id-header = false\n");
    let repo = monorepo(&env);
    let text = repo.git(&["cat-file", "commit", "main"]).ok().stdout;
    assert!(!text.contains("change-id"), "{text}");
    split(&repo, &["Components/api"]);
    let api = env.dir("out/api");
    assert_eq!(changes(&api, "::main ~ root()"), changes(&repo, "files(Components/api)"));
    assert!(api.git(&["cat-file", "commit", "main"]).ok().stdout.contains("change-id"));
}

#[test]
fn a_repo_without_its_own_git_folder_is_split_from_any_workspace() {
    let env = environment();
    let repo = env.repo_without_git("mono");
    repo.commit("Components/api/a", "1\n", "begin");
    repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    repo.jj(&["bookmark", "create", "\"weird name\"", "-r", "@-"]).ok();
    let second = repo.workspace("second");
    second.write("Components/api/b", "2\n");
    let refused = second.dir("Components").flow(&["split", "api", "--into", "../out"]).exits(2);
    assert!(refused.stderr.contains("it lies in the repo itself"), "{refused}");
    let args = ["split", "api", "--into", "../../out", "--json"];
    let told = second.dir("Components").flow(&args).ok().json();
    assert_eq!(component(&told, "api")["left_out"], serde_json::json!(["weird name"]));
    let api = env.dir("out/api");
    assert_eq!(api.changes("main"), repo.changes("main"));
    assert_eq!(api.changes("heads(all()) ~ working_copies()"), second.changes("second@"));
}

#[test]
fn a_component_in_another_is_in_both_and_submodules_stay() {
    let env = environment();
    let repo = env.repo("mono");
    let commit = "1".repeat(40);
    repo.write("Components/api/core/x", "1\n");
    repo.jj(&["commit", "-m", "begin"]).ok();
    let add = format!(
        "git read-tree @ && git update-index --add --cacheinfo 160000,{commit},Components/api/sub && \
         git update-ref refs/heads/main $(git commit-tree -p @ -m sub $(git write-tree))"
    );
    repo.sh(&add.replace('@', "$(git rev-parse HEAD)")).ok();
    let told = split(&repo, &["Components/api", "Components/api/core"]);
    assert_eq!(component(&told, "api")["submodules"], 1);
    assert_eq!(component(&told, "core")["commits"], 1);
    let api = env.dir("out/api");
    let tree = api.git(&["ls-tree", "-r", "main"]).ok().stdout;
    assert!(
        tree.contains(&format!("160000 commit {commit}\tsub\n")) && tree.contains("\tcore/x\n"),
        "{tree}"
    );
    assert_eq!(env.dir("out/core").read("x"), "1\n");
}

#[test]
fn a_path_that_is_deleted_and_comes_back_keeps_both() {
    let env = environment();
    let repo = env.repo("mono");
    repo.commit("a/x", "1\n", "begin");
    std::fs::remove_dir_all(repo.root().join("a")).unwrap();
    repo.commit("other", "1\n", "gone");
    repo.commit("a", "a file now\n", "a file");
    repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    split(&repo, &["a"]);
    let there = env.dir("out/a");
    let log = there.git(&["log", "--reverse", "--format=%s %T", "main"]).ok().stdout;
    let empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    assert!(log.contains(&format!("gone {empty}\n")), "{log}");
    assert_eq!((log.lines().count(), there.read("a")), (3, "a file now\n".to_owned()));
}

#[test]
fn a_full_disk_takes_one_component_and_leaves_the_rest() {
    let env = environment();
    let repo = monorepo(&env);
    // Bytes that do not shrink.
    repo.sh(
        "mkdir Components/big && dd if=/dev/urandom of=Components/big/data bs=1024 count=3072 2>/dev/null",
    )
    .ok();
    repo.jj(&["commit", "--config=snapshot.max-new-file-size=10000000", "-m", "big"]).ok();
    repo.jj(&["bookmark", "set", "main", "-r", "@-"]).ok();
    let before = repo.state();
    let full =
        "trap '' XFSZ; ulimit -f 4096; jj-flow split Components/api Components/big --into ../out --json";
    let told = repo.sh(full).exits(1).json();
    assert_eq!(
        (&component(&told, "big")["state"], &component(&told, "api")["state"]),
        (&"failed".into(), &"new".into())
    );
    let message = component(&told, "big")["message"].as_str().unwrap();
    assert!(message.contains("File too large"), "{message}");
    assert!(!env.root().join("out/big").exists() && !env.root().join("out/.jj-flow/big.new").exists());
    assert_eq!(repo.state(), before);
    let told = split(&repo, &["Components/api", "Components/big"]);
    assert_eq!(
        (&component(&told, "big")["state"], &component(&told, "api")["state"]),
        (&"new".into(), &"unchanged".into())
    );
}

#[test]
fn two_at_once_in_one_place_do_not_meet() {
    let env = environment();
    let repo = monorepo(&env);
    split(&repo, &["Components/api"]);
    let lock = std::fs::File::options().write(true).open(env.root().join("out/.jj-flow/lock")).unwrap();
    lock.lock().unwrap();
    let busy = repo.flow(&["split", "Components/web", "--into", "../out", "--json"]).exits(5).json();
    assert_eq!(busy["error"]["code"], "busy");
}
