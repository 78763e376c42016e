//! Landings that meet a conflict of any kind: what is handed over, how it is resolved, and how it is given up.

use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shim::environment;

/// A flow of one change that disagrees with what its parent got meanwhile; the working copy is on the flow.
pub(crate) fn disagreeing<'e>(env: &'e TestEnvironment, [base, flow, parent]: [&str; 3]) -> TestRepo<'e> {
    let repo = env.repo("field");
    repo.write("keep", "x\n");
    repo.sh(&format!("{base}; jj commit -m base; jj bookmark create main -r @-")).ok();
    repo.flow(&["new", "research"]).ok();
    repo.sh(&format!("{flow}; jj commit -m 'research: one'")).ok();
    move_main(&repo, parent);
    repo.jj(&["new", "a8f2--research"]).ok();
    repo
}

/// One more change on `main`; the working copy is on it then.
pub(crate) fn move_main(repo: &TestRepo<'_>, script: &str) {
    repo.sh(&format!("jj new main; {script}; jj commit -m \"somebody's\"; jj bookmark move main --to=@-"))
        .ok();
}

/// Everything that giving up has to bring back: each change with its parents, files, bookmarks and workspaces.
pub(crate) fn shape(repo: &TestRepo<'_>) -> String {
    let template = r#"separate(" ", commit_id, change_id.short(8), parents.map(|c| c.change_id().short(8)),
        local_bookmarks.map(|b| b.name()), working_copies, if(conflict, "conflict"), if(divergent, "divergent"),
        description.escape_json()) ++ "\n""#;
    let log = repo.jj(&["log", "--no-graph", "--ignore-working-copy", "-r", "~root()", "-T", template]).ok();
    let git = repo.jj(&["git", "root", "--ignore-working-copy"]).ok().stdout.replace("$TEST_ENV", ".");
    let git = repo.env().root().join(git.trim());
    let line = |line: &str| {
        let (commit, rest) = line.split_once(' ').unwrap();
        let tree =
            repo.git(&["--git-dir", git.to_str().unwrap(), "rev-parse", &format!("{commit}^{{tree}}")]);
        format!("{rest} {}", tree.ok().stdout)
    };
    let mut lines: Vec<String> = log.stdout.lines().map(line).collect();
    lines.sort();
    lines.concat()
}

/// The flow has landed, with the file as somebody resolved it, and nobody's leftovers are around.
#[track_caller]
pub(crate) fn assert_merged(repo: &TestRepo<'_>, text: &str) {
    assert_eq!(
        repo.env().rows("SELECT status FROM FlowRegistry WHERE bookmark = 'a8f2--research'"),
        "merged\n"
    );
    assert_eq!(repo.jj(&["file", "show", "--revision=main", "f"]).ok().stdout, text);
    assert_eq!(repo.commits("main").len(), 1);
    assert_eq!(repo.changes("conflicts() | divergent()"), [""; 0]);
    assert_eq!(repo.changes("::main & description(substring:somebody)").len(), 1);
    assert_tidy(repo);
}

/// No resolver has left its workspace or its folder.
#[track_caller]
pub(crate) fn assert_tidy(repo: &TestRepo<'_>) {
    let list = repo.jj(&["workspace", "list"]).ok().stdout;
    assert!(!list.contains("resolver"), "{list}");
    let folders = folders_below(&repo.env().root().join("cache/jj-flow/on-conflict"));
    assert!(folders.iter().all(|folder| !folder.join(".jj").exists()), "{folders:?}");
}

fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.iter().flat_map(|path| [vec![path.clone()], folders_below(path)].concat()).collect()
}

/// Sides and kinds of the packet's only path.
fn told(packet: &serde_json::Value) -> String {
    let paths = packet["change"]["paths"].as_array().unwrap();
    assert_eq!((paths.len(), &paths[0]["path"]), (1, &"f".into()), "{packet}");
    let has = |side: &str| paths[0][side].as_str().unwrap_or("-").to_owned();
    format!("{} {} {} {}", paths[0]["sides"], has("flow"), has("base"), has("parent"))
}

/// What base, flow and parent do to `f`, and what the packet says: the number of sides, and what each of them has.
#[rstest]
#[case::content(["echo b >f", "echo f >f", "echo p >f"], "2 file file file")]
#[case::add_and_add([":", "echo f >f", "echo p >f"], "2 file - file")]
#[case::modify_and_delete(["echo b >f", "echo f >f", "rm f"], "2 file file -")]
#[case::delete_and_modify(["echo b >f", "rm f", "echo p >f"], "2 - file file")]
#[case::folder_and_file([":", "mkdir f; echo f >f/a", "echo p >f"], "2 folder - file")]
#[case::file_and_folder([":", "echo f >f", "mkdir f; echo p >f/a"], "2 file - folder")]
#[case::made_a_folder_and_modify(["echo b >f", "rm f; mkdir f; echo f >f/a", "echo p >f"], "2 folder file file")]
#[case::modify_and_made_a_folder(["echo b >f", "echo f >f", "rm f; mkdir f; echo p >f/a"], "2 file file folder")]
#[case::executable_and_not([":", "echo x >f; chmod +x f", "echo x >f"], "2 executable - file")]
#[case::symlinks(["ln -s b f", "ln -sfn f f", "ln -sfn p f"], "2 symlink symlink symlink")]
#[case::binary(["printf '\\0b' >f", "printf '\\0f' >f", "printf '\\0p' >f"], "2 file file file")]
fn each_kind_is_handed_over_given_up_and_resolved(#[case] sides: [&str; 3], #[case] expected: &str) {
    let env = environment();
    let repo = disagreeing(&env, sides);
    repo.jj(&["status"]).ok();
    let (before, main) = (shape(&repo), repo.commits("main"));
    let packet = &repo.flow(&["--json", "done"]).exits(3).json()["error"]["details"];
    assert_eq!((told(packet).as_str(), repo.commits("main")), (expected, main.clone()), "{packet}");
    assert_eq!(packet["change"]["sides"]["parent"], main.concat(), "{packet}");
    assert_eq!(repo.changes("conflicts() ~ @"), repo.changes("a8f2--research"));
    let command = |name: &str| packet["commands"][name].as_str().unwrap().to_owned();
    repo.sh(&command("see")).ok();
    repo.sh(&command("abort")).ok();
    assert_eq!(shape(&repo), before);

    repo.flow(&["done"]).exits(3);
    repo.sh(&command("resolve")).ok();
    repo.sh("rm -rf f; echo resolved >f").ok();
    repo.sh(&command("finish")).ok();
    repo.sh(&command("resume")).ok();
    assert_merged(&repo, "resolved\n");
    assert_eq!(repo.read("f"), "resolved\n");

    let env = environment();
    env.add_config("[flow]\nhooks.on-conflict = 'rm -rf f; echo resolved >f'\n");
    let repo = disagreeing(&env, sides);
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "resolved\n");
    assert_eq!(repo.read("f"), "resolved\n");
}

/// A flow whose third change merges three others, each with another `f`.
fn three_sided(env: &TestEnvironment) -> TestRepo<'_> {
    let repo = env.repo("field");
    repo.commit("f", "b\n", "base");
    repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    repo.flow(&["new", "research"]).ok();
    repo.commit("start", "x\n", "research: start");
    for side in ["one", "two", "three"] {
        repo.jj(&["new", "a8f2--research"]).ok();
        repo.commit("f", &format!("{side}\n"), side);
    }
    repo.sh("jj new 'a8f2--research+ & ~empty()' -m 'research: all'; jj new").ok();
    move_main(&repo, "echo p >other");
    repo.jj(&["new", "description(substring:'research: all')"]).ok();
    repo
}

#[test]
fn three_sides_are_one_conflict() {
    let env = environment();
    let repo = three_sided(&env);
    let packet = &repo.flow(&["--json", "done"]).exits(3).json()["error"]["details"];
    assert_eq!(packet["change"]["paths"][0]["sides"], 3, "{packet}");
    repo.sh(packet["commands"]["resolve"].as_str().unwrap()).ok();
    repo.write("f", "all\n");
    repo.sh(packet["commands"]["finish"].as_str().unwrap()).ok();
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "all\n");
}

#[test]
fn three_sides_are_resolved_by_the_hook() {
    let env = environment();
    env.add_config("[flow]\nhooks.on-conflict = 'echo all >f'\n");
    let repo = three_sided(&env);
    repo.flow(&["done"]).ok();
    assert_merged(&repo, "all\n");
}

#[test]
fn from_elsewhere_every_command_goes_there_first() {
    let env = environment();
    let repo = disagreeing(&env, ["echo base >f", "echo flow >f", "echo parent >f"]);
    let elsewhere = env.dir("elsewhere");
    let error =
        elsewhere.flow(&["-R", "../field", "--json", "done", "research"]).exits(3).json()["error"].clone();
    let command = |name: &str| {
        let command = error["details"]["commands"][name].as_str().unwrap();
        command.replace("$TEST_ENV", env.root().to_str().unwrap())
    };
    let there = format!("cd {} && ", repo.root().display());
    for name in ["see", "resolve", "finish", "resume", "abort"] {
        assert!(command(name).starts_with(&there), "{error:#}");
    }
    assert_eq!(error["hint"], error["details"]["commands"]["resolve"]);
    let text = elsewhere.flow(&["-R", "../field", "conflicts"]).ok().stdout;
    assert!(text.contains("Go there:   cd $TEST_ENV/field\nSee it:     jj resolve"), "{text}");
    let resolve = format!("{}; echo both >f", command("resolve"));
    for line in [resolve, command("finish"), command("resume")] {
        elsewhere.sh(&line).ok();
    }
    assert_merged(&repo, "both\n");
}

#[test]
fn one_with_a_flow_that_got_another_name_goes_on_there() {
    let env = environment();
    let repo = crate::verify::repo_with_flow(&env);
    repo.flow(&["sub", "scaling"]).ok();
    repo.commit("shared", "mine\n", "mine");
    repo.jj(&["new", "a8f2--research"]).ok();
    repo.commit("shared", "theirs\n", "theirs");
    let refused = repo.flow(&["done", "scaling"]).exits(3);
    repo.jj(&["bookmark", "rename", "a8f2--research", "a8f2--docs"]).ok();
    repo.sh(&refused.hint()).ok();
    repo.write("shared", "both\n");
    repo.jj(&["squash", "--use-destination-message"]).ok();
    let landed = repo.flow(&["resume", "scaling"]).ok();
    assert_eq!(landed.stdout, "Landed a8f2--research--scaling on a8f2--docs: 1 change, fast-forward.\n");
}
