//! The folder that a hook runs in: the tree that would land, a git repo of its own, nobody's workspace.

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::shapes::{files, repo, work};
use crate::shim::environment;
use crate::verify::{fifo, repo_with_flow, set_hook};

/// What hooks wrote to a file of the environment's folder.
fn noted(env: &TestEnvironment, name: &str) -> String {
    env.normalize(&std::fs::read_to_string(env.root().join(name)).unwrap_or_default())
}

/// Lands a flow with one more change in it, made by a line of shell.
fn land(repo: &TestRepo<'_>, intent: &str, script: &str) -> Output {
    repo.flow(&["new", intent]).ok();
    repo.sh(script).ok();
    repo.flow(&["done", "--message", intent])
}

#[test]
fn every_kind_of_file_is_as_in_the_commit_from_run_to_run() {
    let env = environment();
    let list = "find . -name .git -prune -o -name .jj -prune -o ! -type d -printf '%P %M %l\\n' | sort";
    set_hook(&env, &format!("\"\"\"{} >$TEST_ENV/there\"\"\"", list.replace('\\', "\\\\")));
    let repo = repo(&env);
    let assert_same = |landed: Output| {
        landed.ok();
        assert_eq!(noted(&env, "there"), repo.sh(list).ok().stdout);
    };
    repo.sh("umask 022").ok();
    assert_same(land(
        &repo,
        "research",
        "echo x >run; chmod +x run; echo x >'a file é'; ln -s run link; ln -s /nowhere dead; mkdir -p deep/er; \
         echo x >deep/er/file; mkdir both; echo x >both/file; echo x >other",
    ));
    assert!(noted(&env, "there").contains("link lrwxrwxrwx run\n"));
    assert!(noted(&env, "there").contains("run -rwx"));
    // Each becomes another kind of thing.
    assert_same(land(
        &repo,
        "docs",
        "chmod -x run; rm link 'a file é' -r both; echo x >link; mkdir 'a file é'; echo x >'a file é/x'; \
         echo x >both; rm -r deep; ln -s run deep; rm other; mkdir other; echo x >other/x; chmod +x other/x",
    ));
}

#[test]
fn what_is_ignored_stays_warm_and_the_rest_is_cleared_away() {
    let env = environment();
    set_hook(
        &env,
        "'(cd \"$PWD\"; find . -name .git -prune -o -type f -print | sort | tr \"\\n\" \" \"; echo) >>$TEST_ENV/there; \
         mkdir -p target deep new; echo warm >target/object; echo x >left; echo x >deep/left; echo x >new/left; \
         git init -q new/nested; echo x >new/nested/file'",
    );
    let repo = repo(&env);
    land(&repo, "research", "echo /target/ >.gitignore").ok();
    land(&repo, "docs", "mkdir deep; echo x >deep/own").ok();
    // What was ignored is part of the tree now.
    land(&repo, "schema", "rm .gitignore; echo mine >target").ok();
    insta::assert_snapshot!(noted(&env, "there"), @r"
    ./.gitignore ./base 
    ./.gitignore ./base ./deep/own ./target/object 
    ./base ./deep/own ./target 
    ");
    assert_eq!(files(&repo, "main"), "base deep/own target");
}

#[test]
fn a_hook_is_told_what_it_is_about_and_reads_nothing() {
    let env = environment();
    set_hook(
        &env,
        "'for name in HOOK NAME PARENT COMMIT OPERATION REPO; do eval \"echo $name \\$JJ_FLOW_$name\"; done \
         >$TEST_ENV/told; cat >$TEST_ENV/stdin; pwd >$TEST_ENV/folder; env | grep \"^GIT_DIR\\|^JJ_WORKSPACE\" \
         >$TEST_ENV/inherited; git rev-parse HEAD >$TEST_ENV/head'"
            .replace('\'', "'''")
            .as_str(),
    );
    let repo = repo_with_flow(&env);
    let sub = repo.flow(&["sub", "scaling"]).ok();
    work(&repo, &["two"]);
    repo.with("GIT_DIR", "/nowhere").with("JJ_WORKSPACE_ROOT", "/nowhere").flow(&["done"]).ok();
    let told = noted(&env, "told");
    let value = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} is missing: {told}\n{sub}")).trim().to_owned()
    };
    assert_eq!(value("HOOK"), "verify");
    assert_eq!((value("NAME"), value("PARENT")), ("a8f2--research--scaling".into(), "a8f2--research".into()));
    assert_eq!(vec![value("COMMIT")], repo.commits("a8f2--research"));
    assert_eq!(value("COMMIT"), noted(&env, "head").trim());
    assert_eq!(value("REPO"), "$TEST_ENV/field");
    repo.jj(&["op", "show", "--no-op-diff", &value("OPERATION")]).ok();
    assert_eq!((noted(&env, "stdin"), noted(&env, "inherited")), (String::new(), String::new()));
    assert!(
        noted(&env, "folder").starts_with("$TEST_ENV/cache/jj-flow/verify/"),
        "{}",
        noted(&env, "folder")
    );
}

/// What a careless hook does to the repo that it thinks it is in. It has the files back in the end.
const CARELESS: [&str; 10] = [
    "git clean -fdxq",
    "git checkout -q --detach HEAD; git branch -f main HEAD; git branch x; git tag y",
    "git -c user.name=x -c user.email=x@x commit -q --allow-empty -m mine",
    "git stash -u; git gc -q --prune=now; git worktree prune",
    "git push --all; git push origin main; git fetch --all; git remote -v | grep .",
    "cd / && cd - >/dev/null && git -C \"$(git rev-parse --show-toplevel)\" reset -q --hard",
    "jj abandon @; jj abandon --ignore-immutable main; jj undo; jj bookmark delete main; jj status",
    "jj flow done; jj flow undo; jj-flow new docs; jj flow fail --reason x; jj flow land",
    "jj git init; jj describe -m mine; jj-flow new docs; jj-flow done",
    "rm -rf .git .jj; git clean -fdxq; git commit --allow-empty -m x; jj abandon @; jj flow done; true",
];

#[rstest]
fn a_careless_hook_reaches_nobodys_workspace(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] which: usize,
    #[values(true, false)] at_home: bool,
) {
    let env = environment();
    let repo = repo_with_flow(&env);
    repo.write(".env", "secret\n");
    repo.write(".git/info/exclude", "/.env\n");
    let other = repo.workspace("other");
    other.jj(&["new", "main"]).ok();
    other.write("kept", "mine\n");
    other.jj(&["status"]).ok();
    // The same landing without the hook says what is to be there afterwards.
    let script = format!("'''({}) >$TEST_ENV/said 2>&1; exit 0'''", CARELESS[which]);
    set_hook(&env, &script);
    let here = if at_home { &repo } else { &other };
    let others = "all() ~ (main..a8f2--research) ~ @";
    let (kept, refs) = (repo.commits(others), repo.git_refs());
    let tip = repo.commits("a8f2--research");
    let ops =
        || repo.jj(&["op", "log", "--no-graph", "-T", "'x'", "--ignore-working-copy"]).ok().stdout.len();
    let before = ops();
    let done = here.flow(&["done", "research"]);
    let said = noted(&env, "said");
    done.ok();
    assert_eq!(repo.commits("main"), tip, "{said}");
    assert_eq!(repo.git_refs().lines().count(), refs.lines().count());
    for commit in &kept {
        assert_eq!(repo.commits(commit).len(), 1);
    }
    assert!(ops() <= before + 4, "{said}");
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry"), "1\n", "{said}");
    assert_eq!((repo.read(".env"), other.read("kept")), ("secret\n".into(), "mine\n".into()));
    assert_eq!((repo.read("one"), repo.git(&["stash", "list"]).ok().stdout), ("x\n".into(), String::new()));
}

#[test]
fn verifications_at_the_same_time_have_folders_of_their_own() {
    let env = environment();
    env.add_config("[flow]\nverify-jobs = 2\n");
    // Each waits for the other, the first time.
    set_hook(
        &env,
        "'pwd >>$TEST_ENV/folders; [ -e $TEST_ENV/$JJ_FLOW_NAME ] && exit; touch $TEST_ENV/$JJ_FLOW_NAME; \
         case $JJ_FLOW_NAME in *docs) echo >$TEST_ENV/to; read x <$TEST_ENV/back;; \
         *) read x <$TEST_ENV/to; echo >$TEST_ENV/back;; esac; test -e base'",
    );
    fifo(&env, "to");
    fifo(&env, "back");
    let repo = repo_with_flow(&env);
    repo.flow(&["new", "docs"]).ok();
    work(&repo, &["page"]);
    std::thread::scope(|scope| {
        for flow in ["research", "docs"] {
            let repo = &repo;
            scope.spawn(move || repo.flow(&["done", flow]).ok());
        }
    });
    let folders = noted(&env, "folders");
    let folders: Vec<&str> = folders.lines().collect();
    // The one that landed second was verified again, on top of the first.
    assert_eq!(folders.len(), 3);
    assert_ne!(folders[0], folders[1]);
    assert_eq!(files(&repo, "main"), "base one page");
    assert_eq!(env.rows("SELECT status, count(*) FROM FlowRegistry GROUP BY status"), "merged|2\n");
}

#[test]
fn what_lives_on_keeps_its_folder_to_itself() {
    let env = environment();
    fifo(&env, "up");
    // It leaves the group and keeps what it was given.
    set_hook(
        &env,
        "'pwd >>$TEST_ENV/folders; [ -e $TEST_ENV/daemon ] || { \
         setsid -f sh -c \"echo \\$\\$ >$TEST_ENV/daemon; echo >$TEST_ENV/up; exec sleep 100000\"; \
         read x <$TEST_ENV/up; }'",
    );
    let repo = repo_with_flow(&env);
    let landed = repo.flow(&["done"]);
    work_and_land(&repo);
    repo.sh("kill $(cat $TEST_ENV/daemon)").ok();
    landed.ok();
    let folders = noted(&env, "folders");
    let folders: Vec<&str> = folders.lines().collect();
    assert_eq!(folders.len(), 2);
    assert_ne!(folders[0], folders[1]);
}

fn work_and_land(repo: &TestRepo<'_>) {
    land(repo, "docs", "echo x >page").ok();
}

#[rstest]
#[case::fewer_files("git sparse-checkout set --no-cone /base")]
#[case::other_line_ends("git config core.autocrlf true; echo '* text=auto' >.git/info/attributes")]
#[case::files_not_looked_at("git update-index --assume-unchanged one; echo bad >one")]
#[case::files_left_out("git update-index --skip-worktree one; rm one")]
#[case::ignoring_more("echo '*.left' >>.git/info/exclude; echo x >x.left")]
#[case::another_worktree("git config core.worktree /tmp")]
#[case::an_index_that_is_none("echo >.git/index")]
fn what_a_hook_does_to_git_there_does_not_outlive_it(#[case] script: &str) {
    let env = environment();
    set_hook(&env, &format!("'''{script}; exit 1'''"));
    let repo = repo_with_flow(&env);
    let before = repo.state();
    let failed = repo.flow(&["done"]);
    assert!(failed.code != 0 && repo.state() == before, "{failed}");
    set_hook(&env, "'git status --short; ls >$TEST_ENV/there; cat one | od -c >>$TEST_ENV/there'");
    repo.flow(&["done"]).ok();
    assert_eq!(noted(&env, "there"), "base\none\n0000000   x  \\n\n0000002\n");
}

#[rstest]
#[case::fewer_files("git sparse-checkout set --no-cone /base")]
#[case::files_not_looked_at("git update-index --assume-unchanged one; echo bad >one")]
#[case::files_left_out("git update-index --skip-worktree one; rm one")]
fn what_git_is_told_to_overlook_is_seen(#[case] script: &str) {
    let env = environment();
    set_hook(&env, &format!("'''{script}'''"));
    let repo = repo_with_flow(&env);
    let refused = repo.flow(&["done"]).exits(4);
    assert!(refused.stderr.contains("did not pass: changed files: one\n"), "{refused}");
}
