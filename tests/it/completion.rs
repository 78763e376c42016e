//! Completion, asked for as a registration script asks: jj's own, `flow` beside it, and what stands behind `flow`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};

/// Two flows, `main` and a bookmark that is no flow.
pub(crate) fn field(env: &TestEnvironment) -> TestRepo<'_> {
    env.set("JJ_FLOW_UID", "a8f2");
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    repo.flow(&["sub", "scaling"]).ok();
    repo.jj(&["bookmark", "create", "main", "feature-x", "-r", "root()"]).ok();
    repo
}

/// Somebody whose jj knows nothing of `flow`.
fn without_alias<'e>(repo: &TestRepo<'e>) -> TestRepo<'e> {
    repo.with("JJ_CONFIG", "/dev/null")
}

/// The same for whoever completes the last of these words.
fn at_the_end<'e>(repo: &TestRepo<'e>, shell: &str, words: &[&str]) -> TestRepo<'e> {
    let index = (words.len() - 1).to_string();
    repo.with("COMPLETE", shell).with("_CLAP_COMPLETE_INDEX", &index).with("_CLAP_IFS", "\n")
}

/// What the shim says.
fn ask(repo: &TestRepo<'_>, shell: &str, words: &[&str]) -> Output {
    at_the_end(repo, shell, words).shim(&[&["--"], words].concat())
}

/// What jj says.
fn ask_jj(repo: &TestRepo<'_>, shell: &str, words: &[&str]) -> Output {
    at_the_end(repo, shell, words).jj(&[&["--"], words].concat())
}

/// The candidates that are no options; there was nothing on stderr.
#[track_caller]
pub(crate) fn values(repo: &TestRepo<'_>, words: &[&str]) -> Vec<String> {
    let output = ask(repo, "bash", words).ok();
    assert_eq!(output.stderr, "");
    output.stdout.lines().filter(|line| !is_option(line)).map(str::to_owned).collect()
}

fn is_option(candidate: &str) -> bool {
    candidate.starts_with('-') && !candidate.contains('=')
}

/// The shim says what jj says.
#[track_caller]
fn assert_same(real: Output, shim: Output) {
    assert_eq!((shim.stdout, shim.stderr, shim.code), (real.stdout, real.stderr, real.code));
}

#[rstest]
fn the_registration_is_jjs_own(
    #[values("bash", "zsh", "fish", "elvish", "powershell", "nushell")] shell: &str,
) {
    let env = TestEnvironment::new();
    let asked = env.dir("").with("COMPLETE", shell);
    assert_same(asked.jj(&[]), asked.shim(&[]));
    assert_same(asked.jj(&["--"]), asked.shim(&["--"]));
    let static_one = ["util", "completion", if shell == "powershell" { "power-shell" } else { shell }];
    assert_same(env.dir("").jj(&static_one).ok(), env.dir("").shim(&static_one));
}

#[test]
fn a_variable_that_is_no_shell_is_not_set() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    for off in ["", "0"] {
        let repo = repo.with("COMPLETE", off);
        repo.shim(&["bookmark", "create", "docs"]).ok();
        assert!(repo.bookmarks().contains("a8f2--docs "), "{}", repo.bookmarks());
        repo.jj(&["bookmark", "delete", "a8f2--docs"]).ok();
    }
}

#[rstest]
#[case::bash("bash", "flow")]
#[case::zsh("zsh", "flow:Flows of work: named, recorded, landed")]
#[case::fish("fish", "flow\tFlows of work: named, recorded, landed\n")]
#[case::elvish("elvish", "flow")]
#[case::powershell("powershell", "flow\tFlows of work: named, recorded, landed\n")]
fn flow_stands_behind_jjs_own_commands(#[case] shell: &str, #[case] flow: &str) {
    let env = TestEnvironment::new();
    let repo = without_alias(&env.repo("field"));
    assert_eq!(ask(&repo, shell, &["jj", "fl"]).ok().to_string(), flow);
    assert_eq!(ask(&repo, shell, &["jj", "--config", "a=b", "-R.", "flow"]).ok().to_string(), flow);
    let all = ask_jj(&repo, shell, &["jj", ""]).ok().stdout;
    let all = if all.ends_with('\n') { all } else { format!("{all}\n") };
    assert_eq!(ask(&repo, shell, &["jj", ""]).ok().to_string(), format!("{all}{flow}"));
}

#[rstest]
fn an_alias_is_not_offered_twice(
    #[values("bash", "zsh", "fish")] shell: &str,
    #[values("", "f", "fl")] typed: &str,
) {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let real = ask_jj(&repo, shell, &["jj", typed]).ok();
    assert_eq!(real.stdout.matches("flow").count(), 1, "{real}");
    assert_same(real, ask(&repo, shell, &["jj", typed]));
}

#[rstest]
#[case(&["jj", "log", "-r", ""])]
#[case(&["jj", "bookmark", "move", ""])]
#[case(&["jj", "bookmark", "f"])]
#[case(&["jj", "log", "flow", ""])]
#[case(&["jj", "help", "fl"])]
#[case(&["jj", "-R", "f"])]
#[case(&["jj", "-r", "f"])]
#[case(&["jj", "l"])]
#[case(&["jj", "--"])]
#[case(&["jj", "--nonsense", "f"])]
#[case(&["jj", "--", "flow", ""])]
#[case(&["jj"])]
fn everything_else_is_jjs_own(
    #[case] words: &[&str],
    #[values("bash", "zsh", "fish", "nushell")] shell: &str,
) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    assert_same(ask_jj(&repo, shell, words), ask(&repo, shell, words));
}

#[test]
fn behind_flow_there_are_its_commands_and_options() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    insta::assert_snapshot!(ask(&repo, "bash", &["jj", "flow", "d"]).ok(), @r#"
    done
    doctor
    "#);
    insta::assert_snapshot!(ask(&repo, "zsh", &["jj", "flow", "do"]).ok(), @r#"
    done:Mark a flow's success and land it on its parent at once
    doctor:Check jj, the alias, the shim, the config, the registry and this repo's record
    "#);
    insta::assert_snapshot!(ask(&repo, "fish", &["jj", "-R", ".", "--config", "a=b", "flow", "do"]).ok(), @r#"
    done	Mark a flow's success and land it on its parent at once
    doctor	Check jj, the alias, the shim, the config, the registry and this repo's record
    "#);
    insta::assert_snapshot!(ask(&repo, "fish", &["jj", "flow", "list", "--status", ""]).ok(), @r#"
    in-progress
    success
    failed
    merged
    "#);
    insta::assert_snapshot!(ask(&repo, "fish", &["jj", "flow", "done", "--"]).ok(), @r#"
    --message	The description for a last change that has none
    --into	The bookmark to land on, instead of the flow's parent
    --dry-run	Show what would land and change nothing
    --cascade	Land the sub-flows that are at success first
    --push	Push the parent afterwards; where that fails, the landing is taken back
    --json	Print one JSON object
    --repository	The repo to work in
    --config	A setting of jj's config for this command
    --config-file	A file of settings for this command
    --help	Print help
    "#);
    let all = values(&repo, &["jj", "flow", ""]).join(" ");
    insta::assert_snapshot!(all, @"new sub done undo restack land conflicts resume abort fail reopen adopt context list show log query sync project repo export import gc split name uid schema doctor config trust skill hook install uninstall");
}

#[rstest]
#[case(&["done", ""], &["a8f2--research", "a8f2--research--scaling"])]
#[case(&["done", "a8f2--research--"], &["a8f2--research--scaling"])]
#[case(&["show", "sca"], &["scaling"])]
#[case(&["undo", "re"], &["research", "research--scaling"])]
#[case(&["fail", "--reason", "x", "s"], &["scaling"])]
#[case(&["new", "--parent", ""], &["a8f2--research", "a8f2--research--scaling"])]
#[case(&["new", "--parent=sc"], &["--parent=scaling"])]
#[case(&["sub", "api", "--of", "res"], &["research", "research--scaling"])]
#[case(&["done", "--into", ""], &["a8f2--research", "a8f2--research--scaling", "feature-x", "main"])]
#[case(&["adopt", ""], &["feature-x", "main"])]
#[case(&["adopt", "nothing"], &[])]
#[case(&["query", ""], &[])]
fn names_come_from_the_repo(#[case] words: &[&str], #[case] expected: &[&str]) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let before = repo.state();
    assert_eq!(values(&repo, &[&["jj", "flow"], words].concat()), expected);
    // jj-flow by its own name says the same.
    let words = [&["jj-flow"], words].concat();
    let own = at_the_end(&repo, "bash", &words).flow(&[&["--"], words.as_slice()].concat()).ok();
    let own: Vec<&str> = own.stdout.lines().filter(|line| !is_option(line)).collect();
    assert_eq!(own, expected);
    assert_eq!(repo.state(), before);
}

#[test]
fn the_end_of_a_name_says_whose_it_is() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    insta::assert_snapshot!(ask(&repo, "fish", &["jj", "flow", "done", "sc"]).ok(), @"scaling\ta8f2--research--scaling");
    insta::assert_snapshot!(ask(&repo, "zsh", &["jj", "flow", "done", "sc"]).ok(), @"scaling:a8f2--research--scaling");
}

#[test]
fn another_repo_is_named_in_every_form() {
    let env = TestEnvironment::new();
    let root = field(&env).root().to_owned();
    let away = env.dir("away");
    let root = root.to_str().unwrap();
    let lines: &[&[&str]] = &[
        &["jj", "-R", root, "flow", "show", "sc"],
        &["jj", "-R=../field", "flow", "show", "sc"],
        &["jj", "flow", "-R../field", "show", "sc"],
        &["jj", "flow", "show", "--repository", "../field", "sc"],
        &["jj", "flow", "--repository=~/../field", "show", "sc"],
    ];
    for words in lines {
        assert_eq!(values(&away, words), ["scaling"], "{words:?}");
    }
    assert_eq!(values(&away, &["jj", "flow", "-R", "../fi"]), ["../field/"]);
}

/// Bash gives `a=b` as three words.
#[rstest]
#[case(&["jj", "-R", ".", "--config", "a", "=", "b", "flow", "show", "sc"], &["scaling"])]
#[case(&["jj", "flow", "new", "--parent", "=", "sc"], &["scaling"])]
#[case(&["jj", "flow", "new", "--parent", ""], &["a8f2--research", "a8f2--research--scaling"])]
#[case(&["jj", "flow", "fail", "-r", "x", ":", "y", "sc"], &["scaling"])]
#[case::jjs_own(&["jj", "--config", "a", "=", "f"], &["file", "fix"])]
fn words_in_pieces_are_understood(#[case] words: &[&str], #[case] expected: &[&str]) {
    let env = TestEnvironment::new();
    let repo = field(&env);
    assert_eq!(values(&without_alias(&repo), words), expected);
}

#[test]
fn zsh_leaves_an_empty_last_word_away() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let asked = repo.with("COMPLETE", "/usr/bin/zsh").with("_CLAP_COMPLETE_INDEX", "3");
    let output = asked.shim(&["--", "jj", "flow", "show"]).ok();
    assert!(output.stdout.starts_with("a8f2--research\na8f2--research--scaling\n--"), "{output}");
    // What stands behind the cursor does not matter.
    let output = asked.shim(&["--", "jj", "flow", "show", "sc", "--json", "x"]).ok();
    assert_eq!(output.to_string(), "scaling:a8f2--research--scaling");
}

#[test]
fn an_index_that_is_none_is_jjs_to_deal_with() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    for index in ["", "0", "-1", "x", "99999999999999999999"] {
        let asked = repo.with("COMPLETE", "bash").with("_CLAP_COMPLETE_INDEX", index);
        let words = ["--", "jj", "flow", "show"];
        assert_same(asked.jj(&words), asked.shim(&words));
    }
    let far = repo.with("COMPLETE", "bash").with("_CLAP_COMPLETE_INDEX", "400");
    assert_eq!(far.shim(&["--", "jj", "flow", "show"]).ok().stderr, "");
}

#[test]
fn where_there_is_nothing_to_offer_nothing_is_said() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    assert_eq!(values(&env.dir("nowhere"), &["jj", "flow", "done", ""]), [""; 0]);
    assert_eq!(values(&repo, &["jj", "-R", "nowhere", "flow", "done", ""]), [""; 0]);
    assert_eq!(values(&without_alias(&env.dir("nowhere")), &["jj", "fl"]), ["flow"]);
    let shared = repo.root().join(".jj/repo");
    for part in ["op_store/views", "op_store/operations"] {
        for entry in std::fs::read_dir(shared.join(part)).unwrap() {
            std::fs::write(entry.unwrap().path(), b"\xff\xff\xff\xff broken").unwrap();
        }
        assert_eq!(values(&repo, &["jj", "flow", "done", ""]), [""; 0]);
    }
    std::fs::remove_dir_all(shared.join("op_heads")).unwrap();
    assert_eq!(values(&repo, &["jj", "flow", "done", ""]), [""; 0]);
    assert_eq!(values(&without_alias(&repo), &["jj", "fl"]), ["flow"]);
}

#[test]
fn words_that_are_not_utf8_do_no_harm() {
    let env = TestEnvironment::new();
    let repo = without_alias(&field(&env));
    let odd = OsStr::from_bytes(b"x\xff");
    let lines: [&[&str]; 4] = [&[], &["flow"], &["flow", "done"], &["flow", "new", "--parent"]];
    for (number, words) in lines.iter().enumerate() {
        for shell in ["bash", "zsh", "fish"] {
            let asked = repo.with("COMPLETE", shell).with("_CLAP_COMPLETE_INDEX", &(number + 1).to_string());
            let output = asked.shim_command(&["--", "jj"]).args(*words).arg(odd).output().unwrap();
            // At its own words jj says what it thinks of that.
            if number > 0 {
                assert!(output.status.success() && output.stdout.is_empty(), "{words:?}: {output:?}");
                assert_eq!(output.stderr, b"", "{words:?}");
            }
        }
    }
    let asked = repo.with("COMPLETE", "fish");
    let output = asked.shim_command(&["--", "jj", "flow", "done"]).arg(odd).arg("sc").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn without_a_real_jj_the_shim_is_silent() {
    let env = TestEnvironment::new();
    let repo = field(&env).with("PATH", &format!("{}/shim:/usr/bin:/bin", env.root().display()));
    let ask = |line: &str| repo.sh(&format!("COMPLETE=fish jj {line}"));
    insta::assert_snapshot!(ask("-- jj log -r ''"), @"--- exit 127");
    insta::assert_snapshot!(ask("-- jj fl"), @"--- exit 127");
    insta::assert_snapshot!(ask("-- jj flow show sc"), @"scaling\ta8f2--research--scaling");
    assert!(ask("").exits(127).stderr.starts_with("Error: Could not find jj"));
}

#[test]
fn a_jj_that_fails_offers_nothing() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    env.add_config("no toml");
    let real = ask_jj(&repo, "bash", &["jj", "fl"]);
    let shim = ask(&repo, "bash", &["jj", "fl"]);
    assert_ne!(real.code, 0, "{real}");
    assert_eq!((shim.stdout.as_str(), shim.stderr.as_str(), shim.code), ("", "", real.code));
}

#[test]
fn jj_flow_registers_by_its_own_name() {
    let env = TestEnvironment::new();
    let script = env.dir("").sh("COMPLETE=fish jj-flow").ok();
    insta::assert_snapshot!(script, @r#"complete --keep-order --exclusive --command jj-flow --arguments "(COMPLETE=fish jj-flow -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))""#);
    let script = env.dir("bin").sh("COMPLETE=fish ./jj-flow").ok();
    assert!(script.stdout.contains("COMPLETE=fish $TEST_ENV/bin/./jj-flow --"), "{script}");
    insta::assert_snapshot!(env.dir("").sh("COMPLETE=ash jj-flow -- jj-flow d"), @r#"
    --- stderr
    Error: There are no completions for ash, only for bash, elvish, fish, powershell, zsh
    Hint: COMPLETE=bash jj-flow
    --- exit 2
    "#);
}
