//! Completion in the shells themselves, each with the registration script that the shim gives it.

use std::os::unix::fs::symlink;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo, real_jj};
use crate::completion::field;

/// A repo whose `jj` is the shim, with nothing between it and the real one: a script would lose the name that jj was
/// called by, and the registration would hold the real jj's path. None where the shell is missing.
fn repo_for<'e>(env: &'e TestEnvironment, shell: &str) -> Option<TestRepo<'e>> {
    if which::which_in(shell, Some("/usr/bin:/bin"), "/").is_err() {
        eprintln!("Skipped: there is no {shell} here.");
        return None;
    }
    let real = env.root().join("real");
    std::fs::create_dir(&real).unwrap();
    symlink(real_jj(), real.join("jj")).unwrap();
    let root = env.root().display();
    Some(field(env).with("PATH", &format!("{root}/shim:{root}/real:{root}/bin:/usr/bin:/bin")))
}

/// Runs a script of that shell; what it prints, a line each.
#[track_caller]
fn run(repo: &TestRepo<'_>, shell: &str, script: &str) -> Vec<String> {
    repo.write("../script", script);
    let output = repo.sh(&format!("{shell} ../script")).ok();
    assert_eq!(output.stderr, "", "{output}");
    output.stdout.lines().map(str::to_owned).collect()
}

/// Words as an array of the shell.
fn array(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case(&["jj", "flow", "do"], &["done", "doctor"])]
#[case(&["jj", "flow", "show", "sc"], &["scaling"])]
#[case(&["jj", "--config", "a", "=", "b", "flow", "undo", "a"], &["a8f2--research", "a8f2--research--scaling"])]
#[case(&["jj", "bookmark", "f"], &["forget"])]
#[case(&["jj", "fl"], &["flow"])]
fn bash_completes(#[case] words: &[&str], #[case] expected: &[&str]) {
    let env = TestEnvironment::new();
    let Some(repo) = repo_for(&env, "bash") else { return };
    let script = format!(
        "source <(COMPLETE=bash jj)\n\
        COMP_WORDS=({}) COMP_CWORD={} COMP_TYPE=9\n\
        _clap_complete_jj jj '{}'\n\
        printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        array(words),
        words.len() - 1,
        words.last().unwrap(),
    );
    assert_eq!(run(&repo, "bash", &script), expected);
}

/// The functions of zsh's own that the registration calls print what they were given.
#[rstest]
#[case(&["jj", "flow", "do"], &["done:Mark a flow's success and land it on its parent at once",
    "doctor:Check jj, the alias, the shim, the config, the registry and this repo's record"])]
#[case(&["jj", "flow", "show", "sc"], &["scaling:a8f2--research--scaling"])]
#[case(&["jj", "bookmark", "fo"], &["forget:Forget a bookmark without marking it as a deletion to be pushed"])]
#[case(&["jj", "fl"], &["flow"])]
fn zsh_completes(#[case] words: &[&str], #[case] expected: &[&str]) {
    let env = TestEnvironment::new();
    let Some(repo) = repo_for(&env, "zsh") else { return };
    let script = format!(
        "compdef() {{ }}\n\
        _describe() {{ print -rl -- ${{(P)3}} }}\n\
        source <(COMPLETE=zsh jj)\n\
        words=({}) CURRENT={}\n\
        _clap_dynamic_completer_jj\n",
        array(words),
        words.len(),
    );
    assert_eq!(run(&repo, "zsh -f", &script), expected);
}

#[rstest]
#[case("jj flow do", &["done\tMark a flow's success and land it on its parent at once",
    "doctor\tCheck jj, the alias, the shim, the config, the registry and this repo's record"])]
#[case("jj -R . flow show sc", &["scaling\ta8f2--research--scaling"])]
#[case("jj bookmark fo", &["forget\tForget a bookmark without marking it as a deletion to be pushed"])]
#[case("jj fl", &["flow"])]
fn fish_completes(#[case] line: &str, #[case] expected: &[&str]) {
    let env = TestEnvironment::new();
    let Some(repo) = repo_for(&env, "fish") else { return };
    let script = format!("COMPLETE=fish jj | source\ncomplete -C '{line}'\n");
    assert_eq!(run(&repo, "fish --no-config", &script), expected);
}
