//! Folders become repos: the first run, and what is refused.

use serde_json::Value;

use crate::common::{TestEnvironment, TestRepo};

pub(crate) fn environment() -> TestEnvironment {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    env
}

/// A monorepo with two components and a folder that is none, and `main` on its last commit.
pub(crate) fn monorepo(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("mono");
    repo.commit("Components/api/main.rs", "fn main() {}\n", "api: begin");
    repo.commit("Components/web/index.html", "<p>\n", "web: begin");
    repo.commit("README.md", "all\n", "readme");
    repo.commit("Components/api/lib.rs", "// lib\n", "api: a library");
    repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    repo
}

/// The component's entry in what `--json` said.
pub(crate) fn component<'v>(answer: &'v Value, name: &str) -> &'v Value {
    let components = answer["components"].as_array().unwrap();
    components.iter().find(|component| component["component"] == name).unwrap()
}

/// The answer of `jj flow split … --into ../out --json`.
#[track_caller]
pub(crate) fn split(repo: &TestRepo<'_>, args: &[&str]) -> Value {
    repo.flow(&[&["split", "--into", "../out", "--json"], args].concat()).ok().json()
}

#[test]
fn folders_become_repos_with_their_own_history() {
    let env = environment();
    let repo = monorepo(&env);
    let before = repo.state();
    insta::assert_snapshot!(repo.flow(&["split", "Components/api", "Components/web", "--into", "../out"]).ok(), @"
    COMPONENT  STATE  COMMITS  NEW  SIZE   FLOWS
    api        new    2        2    596 B  0
    web        new    1        1    270 B  0
    ");
    assert_eq!(repo.state(), before, "the source is only read");
    let api = env.dir("out/api");
    let log = |repo: &TestRepo<'_>, revset: &str| {
        let template = "change_id ++ ' ' ++ description.first_line() ++ '\\n'";
        repo.jj(&["log", "--no-graph", "-r", revset, "-T", template]).ok().stdout
    };
    assert_eq!(log(&api, "::main ~ root()"), log(&repo, "files(Components/api)"));
    assert_eq!(api.changes("@-"), api.changes("main"));
    assert_eq!((api.read("main.rs"), api.read("lib.rs")), ("fn main() {}\n".into(), "// lib\n".into()));
    assert_eq!(api.git(&["status", "--porcelain"]).ok().stdout, "");
    assert_eq!(api.git(&["fsck", "--strict", "--no-dangling"]).ok().stdout, "");
    assert!(!api.root().join(".git/objects/info/alternates").exists());
    assert_eq!(api.jj(&["config", "get", "flow.component"]).ok().stdout, "api\n");
    assert_eq!(
        env.rows("SELECT root, component FROM repos WHERE component = 'api'"),
        "$TEST_ENV/out/api|api\n"
    );
    let manifest = env.dir("out").read("components.toml");
    let main = &repo.commits("main")[0];
    let web = &repo.commits("files(Components/web)")[0];
    let op = &repo.op_heads()[0];
    let entry = |name: &str, commit: &str| {
        format!(
            "[[component]]\nid = \"{name}\"\npath = \"Components/{name}\"\nrepo = \"{name}\"\n\
             source-commit = \"{commit}\"\nsource-operation = \"{op}\"\n"
        )
    };
    let expected = format!(
        "# What `jj flow split` has made of which path.\n\n{}\n{}",
        entry("api", main),
        entry("web", web)
    );
    assert_eq!(manifest, expected);
}

#[test]
fn the_same_history_gives_the_same_commits_anywhere() {
    let env = environment();
    let repo = monorepo(&env);
    split(&repo, &["Components/api"]);
    env.dir("").git(&["clone", "--quiet", "mono", "clone"]).ok();
    let clone = env.dir("clone");
    clone.jj(&["git", "init", "--colocate"]).ok();
    clone.flow(&["split", "Components/api", "--into", "../other"]).ok();
    assert_eq!(env.dir("out/api").commits("main"), env.dir("other/api").commits("main"));
}

#[test]
fn files_links_and_odd_names_come_along() {
    let env = environment();
    let repo = env.repo("mono");
    repo.write("a/ünï code/x y.txt", "1\n");
    repo.write("a/run.sh", "#!/bin/sh\n");
    repo.sh("chmod +x a/run.sh && ln -s run.sh a/link").ok();
    repo.jj(&["commit", "-m", "odd"]).ok();
    repo.commit("LICENSE", "text\n", "licence");
    repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    split(&repo, &["a", "LICENSE"]);
    let there = env.dir("out/a");
    assert_eq!(
        there.sh("ls -1 && test -x run.sh && readlink link").ok().stdout,
        "link\nrun.sh\nünï code\nrun.sh\n"
    );
    assert_eq!(env.dir("out/LICENSE").read("LICENSE"), "text\n");
}

#[test]
fn what_cannot_be_split_is_refused_before_anything_is_written() {
    let env = environment();
    let repo = monorepo(&env);
    repo.commit("other/api/x", "x\n", "another api");
    let refused = |args: &[&str], code: i32, error: &str| {
        let said = repo.flow(&[&["split", "--into", "../out", "--json"], args].concat()).exits(code).json();
        assert_eq!(said["error"]["code"], error, "{said}");
        assert!(!env.root().join("out/components.toml").exists());
        said["error"]["message"].as_str().unwrap().to_owned()
    };
    refused(&["Components/api", "other/api"], 2, "usage");
    refused(&["../api"], 2, "usage");
    refused(&[], 2, "usage");
    refused(&["Components/api", "--remote-template", "git@host:x.git"], 2, "usage");
    refused(&["Components/api", "--follow", "x"], 2, "usage");
    refused(&["Components/api", "Components/nothing"], 1, "not-in-history");
    env.dir("out").write("api/mine", "x");
    refused(&["Components/api"], 1, "path-taken");
    let inside = repo.flow(&["split", "Components/api", "--into", "inside"]).exits(2);
    assert!(inside.stderr.contains("lies in the repo itself"), "{inside}");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let env = environment();
    let repo = monorepo(&env);
    let told = split(&repo, &["Components/api", "--dry-run"]);
    let api = component(&told, "api");
    assert_eq!(
        (&api["state"], &api["commits"], &told["dry_run"]),
        (&"planned".into(), &2.into(), &true.into())
    );
    assert!(api["bytes"].as_u64().unwrap() > 0);
    assert!(!env.root().join("out").exists());
    let made = split(&repo, &["Components/api"]);
    assert_eq!(component(&made, "api")["bytes"], api["bytes"]);
}

#[test]
fn bookmarks_and_tags_come_along_and_signatures_do_not() {
    let env = environment();
    let repo = monorepo(&env);
    repo.jj(&["bookmark", "create", "release/1", "-r", "main-"]).ok();
    repo.jj(&["bookmark", "create", "docs", "-r", "description(substring:'readme')"]).ok();
    repo.sh("git tag light main~2 && git tag -a v1 -m 'the first' main").ok();
    let signed = "git cat-file commit main | sed 's/^change-id/gpgsig -----BEGIN\\n x\\n -----END\\n&/' >../commit && \
        git update-ref refs/heads/signed $(git hash-object -t commit -w ../commit)";
    repo.sh(signed).ok();
    let told = split(&repo, &["Components/api"]);
    let api = component(&told, "api");
    assert_eq!(api["bookmarks"], serde_json::json!(["docs", "main", "release/1", "signed"]));
    assert_eq!(api["signatures"], 1);
    let there = env.dir("out/api");
    assert_eq!(there.commits("release/1"), there.commits("main-"));
    assert_eq!(there.git(&["rev-parse", "light"]).ok().stdout.trim(), there.commits("main-")[0]);
    let tag = there.git(&["cat-file", "tag", "v1"]).ok().stdout;
    assert!(tag.starts_with(&format!("object {}\n", there.commits("main")[0])), "{tag}");
    assert!(tag.ends_with("\n\nthe first\n"), "{tag}");
    assert_eq!(there.git(&["fsck", "--strict"]).ok().stdout, "");
    assert_eq!(there.commits("signed"), there.commits("main"), "but for the signature it is the same");
}
