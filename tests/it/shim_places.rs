//! From wherever the shim is called, and under whatever way of naming it: what it is asked to record is recorded once.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shim::{environment, names, script};
use crate::shim_passes::bin;

/// How often flows were made, and what is there.
#[track_caller]
fn assert_made(env: &TestEnvironment, repos: &[(&TestRepo<'_>, &str)]) {
    let made = "SELECT count(*) FROM events WHERE kind = 'created'";
    assert_eq!(env.rows(made), format!("{}\n", repos.len()));
    for (repo, flow) in repos {
        assert_eq!(names(repo), *flow);
        repo.flow(&[]).ok();
    }
    assert_eq!(env.rows(made), format!("{}\n", repos.len()));
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry"), format!("{}\n", repos.len()));
}

/// `PATH` with folders before it, and the shim nowhere else.
fn path(env: &TestEnvironment, before: &[&str]) -> String {
    let with_shim = env.dir("").shim_command(&[]);
    let path = with_shim.get_envs().find_map(|(name, value)| value.filter(|_| name == "PATH")).unwrap();
    let (_, rest) = path.to_str().unwrap().split_once(':').unwrap();
    [before, &[rest]].concat().join(":")
}

#[rstest]
#[case::a_link("link/jj", "link")]
#[case::a_link_to_a_link("second/jj", "second")]
#[case::a_hard_link("hard/jj", "hard")]
#[case::a_copy("copy/jj", "copy")]
#[case::from_here("../link/jj", "link")]
#[case::beside_here("./jj", "here")]
#[case::on_path_from_here("jj", "../link")]
#[case::on_path_in_a_dot("jj", ".")]
#[case::on_path_in_an_empty_word("jj", "")]
#[case::on_path_with_a_slash("jj", "../link/")]
#[case::not_on_path("copy/jj", "nowhere")]
fn it_is_called(#[case] program: &str, #[case] folder: &str) {
    let env = environment();
    let repo = env.repo("field");
    std::fs::write(repo.root().join(".git/info/exclude"), "jj\n").unwrap();
    let own = std::fs::canonicalize(env.root().join("shim/jj")).unwrap();
    let root = env.root().display();
    bin(&env, "copy", |jj| assert!(std::fs::copy(&own, jj).is_ok()));
    bin(&env, "hard", |jj| std::fs::hard_link(env.root().join("copy/jj"), jj).unwrap());
    bin(&env, "link", |jj| symlink(&own, jj).unwrap());
    bin(&env, "second", |jj| symlink("../link/jj", jj).unwrap());
    symlink(&own, repo.root().join("jj")).unwrap();
    // What is named from the environment's folder, and what from here.
    let absolute = |name: &str| format!("{root}/{name}");
    let is_local = |name: &str| name.is_empty() || name.starts_with('.');
    let folder = if is_local(folder) { folder.to_owned() } else { absolute(folder) };
    let program = if is_local(program) || program == "jj" { program.to_owned() } else { absolute(program) };
    let with_path = repo.with("PATH", &path(&env, &[&folder]));
    let shell = |args: &str| with_path.sh(&format!("ulimit -t 5; {program} {args}"));
    assert_eq!(shell("log").ok().stdout, repo.jj(&["log"]).ok().stdout);
    shell("bookmark create docs").ok();
    assert_made(&env, &[(&repo, "a8f2--docs")]);
}

#[rstest]
#[case("/nowhere/jj")]
#[case("../jj")]
fn it_is_told_another_place(#[case] argv0: &str) {
    let env = environment();
    let repo = env.repo("field");
    for args in [["bookmark", "create", "docs"], ["log", "--limit", "1"]] {
        assert!(repo.shim_command(&args).arg0(argv0).output().unwrap().status.success());
    }
    assert_made(&env, &[(&repo, "a8f2--docs")]);
}

/// In a folder that is not UTF-8, in one that is gone.
#[rstest]
#[case(r#"d=$(printf '../x\377'); mkdir "$d"; cd "$d""#)]
#[case("mkdir ../gone; cd ../gone; rmdir ../gone")]
fn it_is_called_from_an_odd_folder(#[case] enter: &str) {
    let env = environment();
    let repo = env.repo("field");
    let script = format!(
        "{enter}; for a in --version '-R ../field log' '-R ../field bookmark list' 'bookmark set x' 'git fetch' nonsense
        do jj $a; echo $?; done"
    );
    let real = repo.sh(&script).ok();
    env.dir("").sh(r#"rm -rf "$(printf 'x\377')""#).ok();
    let shim = repo.with("PATH", &path(&env, &[env.root().join("shim").to_str().unwrap()])).sh(&script).ok();
    assert_eq!((shim.stdout, shim.stderr), (real.stdout, real.stderr));
}

#[test]
fn a_copy_in_a_folder_that_is_not_utf_8_is_known() {
    let env = environment();
    let repo = env.repo("field");
    let script = "d=$(printf '../x\\377'); mkdir \"$d\"; cp ../shim/jj \"$d/jj\"; ulimit -t 5
        for path in \"../shim:$d\" \"$d:../shim\"; do PATH=$path:$PATH jj log || exit; done
        PATH=../shim:$d:$PATH jj bookmark create docs && rm -r \"$d\"";
    repo.sh(script).ok();
    assert_made(&env, &[(&repo, "a8f2--docs")]);
}

#[test]
fn of_several_jj_the_first_one_runs() {
    let env = environment();
    let repo = env.repo("field");
    let (real, heard) = (env.root().join("bin/jj"), env.root().join("heard"));
    let that_tells = |name: &str| {
        let text = format!("echo {name} $1 >>'{}'; exec '{}' \"$@\"", heard.display(), real.display());
        bin(&env, name, |jj| script(jj, &text))
    };
    let (one, two) = (that_tells("one"), that_tells("two"));
    // Neither of these is a program.
    let text = bin(&env, "text", |jj| std::fs::write(jj, "no program").unwrap());
    let folder = bin(&env, "folder", |jj| std::fs::create_dir(jj).unwrap());
    let shim = env.root().join("shim");
    let before = [&text, &folder, shim.to_str().unwrap(), "/nowhere", &text, &folder, &one, &two];
    let with_path = repo.with("PATH", &path(&env, &before));
    with_path.sh("jj log && jj bookmark create docs && jj git import").ok();
    let heard = std::fs::read_to_string(heard).unwrap();
    assert!(heard.lines().all(|line| line.starts_with("one ")), "{heard}");
    for word in ["log", "bookmark", "git"] {
        assert_eq!(heard.lines().filter(|line| line.ends_with(&format!(" {word}"))).count(), 1, "{heard}");
    }
    assert_made(&env, &[(&repo, "a8f2--docs")]);
}

#[test]
fn a_makefile_calls_it() {
    let env = environment();
    let repo = env.repo("field");
    if repo.sh("command -v make").code != 0 {
        eprintln!("Skipped: there is no make here.");
        return;
    }
    repo.write(
        "Makefile",
        "made := $(shell jj bookmark create docs)\nall:\n\tjj log\n\tjj bookmark set docs -r @\n",
    );
    shim_first(&env, &repo).sh("make --silent").ok();
    assert_made(&env, &[(&repo, "a8f2--docs")]);
}

fn shim_first<'e>(env: &TestEnvironment, repo: &TestRepo<'e>) -> TestRepo<'e> {
    repo.with("PATH", &path(env, &[env.root().join("shim").to_str().unwrap()]))
}

#[rstest]
#[case::passed_on(&["describe"])]
#[case::passed_on_and_named(&["describe", "-m", "draft", "--editor"])]
#[case::of_a_split(&["commit"])]
fn an_editor_calls_it(#[case] command: &[&str]) {
    let env = environment();
    let repo = env.repo("field");
    let editor = env.root().join("editor");
    script(&editor, "jj bookmark create docs && echo edited >\"$1\"");
    env.add_config(&format!("ui.editor = {:?}\n", editor.to_str().unwrap()));
    repo.write("a.txt", "a\n");
    repo.shim(command).ok();
    assert_made(&env, &[(&repo, "a8f2--docs")]);
    assert_eq!(repo.changes("description(exact:\"edited\\n\") & a8f2--docs").len(), 1, "{}", repo.log());
    assert_eq!(repo.changes("divergent()"), [""; 0]);
}

/// While `jj git fetch` runs, its git calls jj: in this repo and in another.
#[test]
fn what_a_watched_command_starts_calls_it() {
    let env = environment();
    env.bare_git("hub.git");
    let (repo, other) = (env.repo("field"), env.repo("other"));
    repo.jj(&["git", "remote", "add", "origin", "../hub.git"]).ok();
    let git = env.root().join("calling-git");
    let there = env.root().display();
    script(
        &git,
        &format!(
            "case \" $* \" in *' fetch '*)\n\
            jj -R '{there}/other' bookmark create research && jj -R '{there}/field' bookmark create docs || exit;;\n\
            esac\nexec git \"$@\""
        ),
    );
    env.add_config(&format!("git.executable-path = {:?}\n", git.to_str().unwrap()));
    repo.shim(&["git", "fetch"]).ok();
    assert_made(&env, &[(&repo, "a8f2--docs"), (&other, "a8f2--research")]);
}

#[test]
fn what_bypassed_it_is_found_by_the_next_command() {
    let env = environment();
    let repo = env.repo("field");
    let bypassing = repo.with("JJ_FLOW_BYPASS", "1");
    bypassing.shim(&["bookmark", "create", "a8f2--docs"]).ok();
    assert!(!env.data_home().join("jj-flow").exists());
    repo.flow(&[]).ok();
    assert_made(&env, &[(&repo, "a8f2--docs")]);
    bypassing.shim(&["bookmark", "rename", "a8f2--docs", "a8f2--newDocs"]).ok();
    repo.flow(&[]).ok();
    assert_made(&env, &[(&repo, "a8f2--newDocs")]);
}

/// A mark that another process left in the environment.
#[rstest]
#[case("nothing")]
#[case(":")]
#[case("=:$bin/jj")]
#[case("=1:$bin/jj")]
#[case(">1:$bin/jj")]
#[case("=$$:$bin/jj")]
#[case("=99999999999999999999:$bin/jj")]
#[case("$(printf '\\377')")]
#[case("=1:$(printf '\\377')")]
fn a_mark_left_over_means_nothing(#[case] mark: &str) {
    let env = environment();
    let repo = env.repo("field");
    let script = format!(
        "bin={}/bin; export JJ_FLOW_SHIM=\"{mark}\"; jj log && jj bookmark create docs",
        env.root().display()
    );
    shim_first(&env, &repo).sh(&script).ok();
    assert_made(&env, &[(&repo, "a8f2--docs")]);
}
