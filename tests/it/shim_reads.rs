//! How the shim knows what it knows: from jj's own files, without a jj process, and from one process where they do
//! not tell.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shim::{environment, names};

/// How many processes of the real jj there have been.
pub(crate) fn processes(env: &TestEnvironment) -> usize {
    std::fs::read_dir(env.root().join("seeds")).unwrap().count()
}

/// How many processes of the real jj a command line of the shim takes.
fn cost(repo: &TestRepo<'_>, args: &[&str]) -> usize {
    let before = processes(repo.env());
    repo.shim(args).ok();
    processes(repo.env()) - before
}

#[test]
fn a_recorded_command_is_one_process() {
    let env = environment();
    let repo = env.repo("field");
    assert!(cost(&repo, &["bookmark", "create", "foo"]) > 1, "the first command asks for the config");
    for args in [
        &["bookmark", "create", "bar"][..],
        &["bookmark", "set", "bar", "docs"],
        &["b", "c", "baz"],
        &["bookmark", "move", "foo", "--to=@"],
        &["bookmark", "rename", "foo", "qux"],
        &["undo"],
        &["bookmark", "delete", "bar"],
        &["abandon"],
        &["log"],
        &["st"],
        &[],
    ] {
        assert_eq!(cost(&repo, args), 1, "{args:?}");
    }
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry"), "4\n");
}

/// `jj` with an alias of this name makes a flow of `foo`.
#[track_caller]
fn assert_creates(repo: &TestRepo<'_>, alias: &str) {
    repo.shim(&[alias, "foo"]).ok();
    assert_eq!(names(repo), "a8f2--logicFoo", "{alias}");
    repo.shim(&["bookmark", "delete", "foo"]).ok();
}

#[test]
fn an_alias_of_any_config_is_known() {
    let env = environment();
    env.add_config("aliases.mine = ['bookmark', 'create']");
    let repo = env.repo("field");
    repo.jj(&["config", "set", "--repo", "aliases.theirs", "['--no-pager', 'mine']"]).ok();
    let workspace = repo.workspace("workspace");
    workspace.jj(&["config", "set", "--workspace", "aliases.here", "['theirs']"]).ok();
    for alias in ["mine", "theirs"] {
        assert_creates(&repo, alias);
    }
    assert_creates(&workspace, "here");
    repo.shim(&["here", "foo"]).exits(2);
    // It comes from the folder that the command is started in: `-R` and `--config` have no say.
    let elsewhere = env.dir("elsewhere");
    elsewhere.shim(&["-R../field", "theirs", "foo"]).exits(2);
    elsewhere.shim(&["-R../field", "mine", "foo"]).ok();
    repo.shim(&["--config=aliases.argued=['bookmark', 'create']", "argued", "bar"]).exits(2);
    assert_eq!(names(&repo), "a8f2--logicFoo");
}

#[test]
fn b_may_be_something_else() {
    let env = environment();
    env.add_config("aliases.b = ['log', '-r']");
    let repo = env.repo("field");
    repo.jj(&["bookmark", "create", "c"]).ok();
    let (real, shim) = (repo.jj(&["b", "c"]).ok(), repo.shim(&["b", "c"]).ok());
    assert_eq!(shim.stdout, real.stdout);
    repo.shim(&["b", "c", "foo"]).ok();
    assert_eq!(names(&repo), "c");
}

#[rstest]
#[case("ui.default-command = ['bookmark', 'create', 'foo']", &[])]
#[case("ui.default-command = ['bookmark', 'create', 'foo']", &["-r@"])]
#[case("ui.default-command = 'mine'\naliases.mine = ['bookmark', 'create', 'foo']", &["--no-pager"])]
fn the_default_command_is_the_users(#[case] config: &str, #[case] args: &[&str]) {
    let env = environment();
    env.add_config(config);
    let repo = env.repo("field");
    repo.shim(args).ok();
    assert_eq!(names(&repo), "a8f2--logicFoo");
    assert_eq!(env.rows("SELECT kind FROM events"), "created\n");
}

#[test]
fn config_that_changes_is_read_again() {
    let env = environment();
    let repo = env.repo("field");
    let made = |args: &[&str]| {
        repo.shim(&[&["bookmark", "create", "x"], args].concat()).ok();
        let made = names(&repo);
        repo.jj(&["bookmark", "delete", &made]).ok();
        made
    };
    assert_eq!(made(&[]), "a8f2--logicX");
    env.add_config("flow.default-type = 'docs'");
    assert_eq!(made(&[]), "a8f2--docsX");
    assert_eq!(made(&["--config=flow.default-type='schema'"]), "a8f2--schemaX");
    repo.jj(&["config", "set", "--repo", "flow.default-type", "research"]).ok();
    assert_eq!(made(&[]), "a8f2--researchX");
    repo.jj(&["config", "unset", "--repo", "flow.default-type"]).ok();
    assert_eq!(made(&[]), "a8f2--docsX");
    repo.write("own.toml", "flow.default-type = 'logic'\n");
    assert_eq!(made(&["--config-file=own.toml"]), "a8f2--logicX");
    repo.write("own.toml", "flow.policy = 'off'\n");
    assert_eq!(made(&["--config-file=own.toml"]), "x");
    let other = env.root().join("other.toml");
    std::fs::write(&other, "flow.policy = 'off'\n").unwrap();
    repo.with("JJ_CONFIG", other.to_str().unwrap()).shim(&["bookmark", "create", "y"]).ok();
    assert_eq!(names(&repo), "y");
}

#[test]
fn a_condition_in_config_holds_where_it_does() {
    let env = environment();
    let (field, other) = (env.repo("field"), env.repo("other"));
    let condition = format!("--when.repositories = ['{}']", field.root().display());
    env.add_config(&format!("{condition}\n[flow]\ndefault-type = 'docs'\n"));
    for repo in [&field, &other, &field] {
        repo.shim(&["bookmark", "create", "x"]).ok();
        repo.shim(&["bookmark", "delete", "x"]).ok();
    }
    let rows = "SELECT f.bookmark, r.root FROM FlowRegistry AS f JOIN repos AS r ON r.id = f.repo ORDER BY f.bookmark";
    let rows = env.rows(rows).replace("$TEST_ENV/", "");
    assert_eq!(rows, "a8f2--docsX|field\na8f2--logicX|other\n");
}

#[test]
fn who_works_here_is_who_the_environment_says_today() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let as_whom = |email: &str| repo.with("JJ_EMAIL", email).flow(&["uid"]).ok().stdout;
    let (ada, bob) = (as_whom("ada@example.com"), as_whom("bob@example.com"));
    assert_ne!(ada, bob);
    assert_eq!((as_whom("ada@example.com"), as_whom("bob@example.com")), (ada, bob));
}

#[test]
fn without_a_cache_jj_is_asked_each_time() {
    let env = environment();
    let repo = env.repo("field");
    let away = repo.with("XDG_CACHE_HOME", "/proc/nowhere");
    for name in ["foo", "bar"] {
        away.shim(&["bookmark", "create", name]).ok();
    }
    assert_eq!(names(&repo), "a8f2--logicBar a8f2--logicFoo");
    let cache = env.root().join("cache/jj-flow/config");
    repo.shim(&["bookmark", "delete", "foo"]).ok();
    for file in std::fs::read_dir(cache).unwrap() {
        std::fs::write(file.unwrap().path(), "[{").unwrap();
    }
    repo.shim(&["bookmark", "create", "foo"]).ok();
    assert_eq!(names(&repo), "a8f2--logicBar a8f2--logicFoo");
}

#[test]
fn changes_of_commits_that_git_packed_are_asked_for() {
    let env = environment();
    let repo = env.repo("field");
    repo.commit("a.txt", "a\n", "first");
    repo.shim(&["bookmark", "create", "main", "-r@-"]).ok();
    repo.git(&["repack", "-adq"]).ok();
    repo.git(&["prune-packed", "-q"]).ok();
    repo.shim(&["bookmark", "create", "foo", "-r@-"]).ok();
    let change = &repo.changes("@-")[0];
    assert_eq!(env.rows("SELECT change_id FROM FlowRegistry"), format!("{change}\n"));
}

/// A view of a later jj, with a field that nobody knows yet: jj passes it over, and so must not we.
#[test]
fn an_operation_store_that_is_not_understood_is_left_to_jj() {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["bookmark", "create", "foo"]).ok();
    let views = repo.root().join(".jj/repo/op_store/views");
    for view in std::fs::read_dir(views).unwrap() {
        let path = view.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([0xf8, 0x06, 0x01]);
        std::fs::write(path, bytes).unwrap();
    }
    repo.shim(&["bookmark", "create", "bar"]).ok();
    repo.shim(&["bookmark", "create", "FOO"]).exits(1);
    repo.shim(&["bookmark", "delete", "foo"]).ok();
    let rows = "SELECT bookmark, gone_at IS NULL FROM FlowRegistry ORDER BY id";
    assert_eq!(env.rows(rows), "a8f2--logicFoo|0\na8f2--logicBar|1\n");
    let head = repo.op_heads().join(" ");
    assert_eq!(env.rows("SELECT operation FROM events WHERE kind = 'deleted'"), format!("{head}\n"));
}

/// jj is started in the repo's folder: a file that came with the repo is not the user's own for that.
#[test]
fn a_relative_path_of_config_is_where_the_command_was_started() {
    let env = environment();
    let (repo, here) = (env.repo("field"), env.dir("here"));
    repo.write("my.toml", "flow.policy = 'strict'\nflow.hooks.verify = ['touch', '../pwned']\n");
    here.write("my.toml", "flow.default-type = 'docs'\n");
    let by_variable = here.with("JJ_CONFIG", "my.toml");
    by_variable.shim(&["-R../field", "bookmark", "create", "one"]).ok();
    here.shim(&["-R../field", "--config-file=my.toml", "bookmark", "create", "two"]).ok();
    here.shim(&["-R../field", "--config-file=my.toml", "flow", "new", "three"]).ok();
    assert_eq!(names(&repo), "a8f2--docsOne a8f2--docsThree a8f2--docsTwo");
    repo.write("work.txt", "done\n");
    repo.jj(&["commit", "-m", "work"]).ok();
    for command in [&["-R../field", "flow", "config"][..], &["-R../field", "flow", "done"]] {
        assert!(!by_variable.shim(command).stdout.contains("pwned"));
    }
    assert!(!env.root().join("pwned").exists());
    repo.dir("deep").shim(&["--config-file=../my.toml", "bookmark", "create", "four"]).exits(1);
}

#[test]
fn an_empty_variable_is_not_one_that_is_missing() {
    let env = TestEnvironment::new();
    env.add_config("flow.policy = 'off'");
    let repo = env.repo("field");
    repo.with("JJ_CONFIG", "").shim(&["bookmark", "create", "one"]).ok();
    repo.shim(&["bookmark", "create", "two"]).ok();
    let (one, two) = (names(&repo), "two");
    assert!(one.contains("--logicOne") && one.split(' ').any(|name| name == two), "{one}");
    let uid = |repo: &TestRepo<'_>| repo.flow(&["uid"]).ok().stdout;
    let nobody = uid(&repo.with("JJ_EMAIL", ""));
    assert_ne!(uid(&repo), nobody);
    assert_eq!(uid(&repo.with("JJ_EMAIL", "")), nobody);
}

#[test]
fn only_a_workspaces_root_is_meant_by_an_option() {
    let env = environment();
    let repo = env.repo("field");
    repo.dir("deep");
    let (real, shim) = (
        repo.jj(&["-Rdeep", "bookmark", "create", "foo"]),
        repo.shim(&["-Rdeep", "bookmark", "create", "foo"]),
    );
    assert_eq!((shim.code, shim.stderr), (real.code, real.stderr));
}
