//! Thousands of bookmarks that are no flows: they cost no process more than none, and are in nobody's way.

use crate::common::{TestEnvironment, TestRepo};
use crate::completion::values;
use crate::shim::environment;
use crate::shim_reads::processes;

const BOOKMARKS: usize = 2_000;

/// A repo of some commits with so many bookmarks on them, as git had it.
fn imported<'e>(env: &'e TestEnvironment, name: &str, bookmarks: usize) -> TestRepo<'e> {
    let repo = env.dir(name);
    let mut stream = String::new();
    for number in 1..=50 {
        stream +=
            &format!("commit refs/heads/main\nmark :{number}\ncommitter T <t@example.com> {number} +0000\n");
        stream += &format!("data 1\nx\nM 100644 inline f{number}\ndata 1\nx\n");
    }
    std::fs::write(env.root().join("stream"), stream).unwrap();
    repo.sh("git init --quiet . && git fast-import --quiet <../stream && git reset --quiet --hard main").ok();
    // As git packs them: one by one they take longer than all else here.
    let commits = repo.git(&["rev-list", "main"]).ok().stdout;
    let commits: Vec<&str> = commits.lines().collect();
    let line = |number| format!("{} refs/heads/topic-{number:05}\n", commits[number % commits.len()]);
    let packed: String = (0..bookmarks).map(line).collect();
    repo.write(".git/packed-refs", &format!("# pack-refs with: peeled fully-peeled sorted \n{packed}"));
    repo.jj(&["git", "init", "--colocate"]).ok();
    repo
}

/// How many jj each command of a flow's life starts.
fn life(repo: &TestRepo<'_>) -> Vec<(String, usize)> {
    let mut costs = Vec::new();
    // The first command of all asks jj which it is.
    repo.flow(&["uid"]).ok();
    let mut run = |line: &str| {
        let before = processes(repo.env());
        let output = repo.sh(line).ok();
        costs.push((line.to_owned(), processes(repo.env()) - before));
        output
    };
    run("jj-flow new research");
    repo.write("work", "work\n");
    run("jj-flow context");
    run("jj-flow done --message work");
    run("jj-flow sync");
    let tree = run("jj-flow").stdout;
    assert!(!tree.contains("topic-"), "{tree}");
    assert_eq!(run("jj-flow list --json").json()["flows"].as_array().unwrap().len(), 1);
    run("$TEST_ENV/shim/jj bookmark create docs");
    run("jj-flow gc");
    costs
}

#[test]
fn thousands_of_bookmarks_cost_no_process_more() {
    let env = environment();
    let crowd = imported(&env, "crowd", BOOKMARKS);
    assert_eq!(life(&crowd), life(&imported(&env, "alone", 0)));
    // Each is there, and at git.
    assert_eq!(crowd.bookmarks().matches("topic-").count(), 2 * BOOKMARKS);
    // Flows are offered as they are, and bookmarks where one may be named.
    assert_eq!(values(&crowd, &["jj", "flow", "show", "r"]), ["research"]);
    assert_eq!(values(&crowd, &["jj", "flow", "adopt", "topic-0199"]).len(), 10);
}
