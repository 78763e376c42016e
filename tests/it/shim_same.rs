//! Under `flow.policy = "off"` nobody can tell whether the shim is there: every line here is run without it and with
//! it, from the same state, at the same place, clock and seed, and all that it says and leaves is compared.
//!
//! Lines are shell, in `shim_same/*.txt`; the help of every command is found by asking jj what commands it has.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;

use rstest::rstest;
use tempfile::TempDir;

use crate::common::TestEnvironment;

const SHARDS: usize = 8;

/// Lines that jj does, and lines that it refuses.
const SUCCEED: &str = include_str!("shim_same/succeed.txt");
const FAIL: &str = include_str!("shim_same/fail.txt");
/// What the folder `field`, its workspaces and its remote are made by, one command of the clock each.
const TEMPLATE: &str = include_str!("shim_same/template.txt");

/// Commands that jj's own list of commands leaves out; jj may be built without one.
const HIDDEN: &[&str] = &["debug", "bench"];

/// Folders of files that are named by what is in them.
const NEVER_REWRITTEN: &[&str] = &["objects", "op_store", "segments"];

const CONFIG: &str = r#"
[flow]
policy = "off"

[aliases]
bc = ["bookmark", "create"]
nested = ["bc", "-r", "main"]
table = { definition = ["bookmark", "set"] }
quietly = ["--quiet", "bookmark", "create"]
elsewhere = ["-R", "../second", "bookmark", "create"]
both = ["util", "exec", "--", "sh", "-c", 'jj new -m both && jj bookmark create "$1"', ""]
lost = ["util", "exec", "--", "sh", "-c", 'jj -R nowhere bookmark create "$1"', ""]
names = ["bookmark", "list", "-T", 'name ++ "\n"']
moving = ["bookmark", "move"]
taken = ["status"]
loop = ["loop"]
empty = []
wrong = "bookmark create"

[merge-tools.taker]
program = "true"
merge-args = []

[merge-tools.giver]
program = "sh"
merge-args = ["-c", 'echo resolved >"$1"', "", "$output"]

[fix.tools.upper]
command = ["tr", "a-z", "A-Z"]
patterns = ["glob:*.txt"]
"#;

/// Says what an editor is given. PATH and the mark differ by what the shim is.
const EDITOR: &str = r#"#!/bin/sh
{ pwd; env | sed "s|^PATH=$TEST_ENV/shim:|PATH=|" | grep -v -e ^JJ_FLOW_SHIM= -e ^_= | sort; } >>"$TEST_ENV/seen"
cat "$1" >>"$TEST_ENV/seen"
case $1 in *.toml | *.jjsparse) ;; *) echo edited >>"$1" ;; esac
"#;

struct Line {
    text: String,
    succeeds: bool,
}

/// All that can be seen of a command: `stdout`, `stderr`, `exit`, and each file that is compared.
type Seen = BTreeMap<String, Vec<u8>>;

/// A machine, and how it was before the line.
struct Field {
    env: TestEnvironment,
    saved: TempDir,
}

impl Field {
    fn new() -> Self {
        let env = TestEnvironment::new();
        env.share_seeds();
        env.add_config(CONFIG);
        let home = env.dir("home");
        home.write("extra.toml", "[ui]\nlog-word-wrap = true\n");
        home.write("editor.sh", EDITOR);
        home.sh("chmod +x editor.sh").ok();
        let field = env.dir("field");
        for step in entries(TEMPLATE) {
            field.sh(step).ok();
        }
        // A tick that nothing in the template was made at.
        field.sh("").ok();
        let saved = tempfile::tempdir().unwrap();
        copy(env.root(), saved.path());
        Self { env, saved }
    }

    /// Runs a line, always from the same state and at the same tick.
    fn run(&self, line: &str, with_shim: bool) -> Seen {
        let root = self.env.root();
        for entry in std::fs::read_dir(root).unwrap() {
            let entry = entry.unwrap();
            let is_folder = entry.file_type().unwrap().is_dir();
            let remove = if is_folder { std::fs::remove_dir_all } else { std::fs::remove_file };
            remove(entry.path()).unwrap();
        }
        copy(self.saved.path(), root);
        let output = shell(&self.env, line, with_shim);
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
        let mut seen = Seen::from([
            ("stdout".to_owned(), without_chance(&output.stdout)),
            ("stderr".to_owned(), without_chance(&output.stderr)),
            ("exit".to_owned(), code.to_string().into_bytes()),
        ]);
        add_files(root, Path::new(""), &mut seen);
        seen
    }

    /// What is wrong with a line, or nothing.
    fn complaint(&self, line: &Line) -> Option<String> {
        let (real, shim) = (self.run(&line.text, false), self.run(&line.text, true));
        let expected = if line.succeeds { "is to succeed" } else { "is to fail" };
        let told = |name: &str| String::from_utf8_lossy(&real[name]).into_owned();
        if (told("exit") == "0") != line.succeeds {
            return Some(format!(
                "{}\n  {expected}, and exits {}:\n{}",
                line.text,
                told("exit"),
                told("stderr")
            ));
        }
        (real != shim).then(|| format!("{}\n{}", line.text, difference(&real, &shim)))
    }
}

fn shell(env: &TestEnvironment, line: &str, with_shim: bool) -> Output {
    let mut command = env.reading_command("sh");
    command.args(["-c", line]).current_dir(env.root().join("field"));
    if with_shim {
        let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap();
        let path = format!("{}/shim:{}", env.root().display(), path.to_str().unwrap());
        command.env("PATH", path);
    }
    command.output().unwrap()
}

/// Copies what is in a folder, with modes and times: jj tells by them what has changed. Files that are named by what
/// is in them are linked, as neither jj nor git writes into one.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else if kind.is_symlink() {
            symlink(std::fs::read_link(&from).unwrap(), &to).unwrap();
        } else if from.iter().any(|part| NEVER_REWRITTEN.iter().any(|name| part == *name)) {
            std::fs::hard_link(&from, &to).unwrap();
        } else {
            std::fs::copy(&from, &to).unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            std::fs::File::open(&to).unwrap().set_modified(modified).unwrap();
        }
    }
}

/// A text without the part of a temporary file's name that is by chance; bytes that are no text as they are.
fn without_chance(bytes: &[u8]) -> Vec<u8> {
    let temporary = regex::bytes::Regex::new(r"/editor-\w{6}\.").unwrap();
    temporary.replace_all(bytes, &b"/editor-XXXXXX."[..]).into_owned()
}

/// Every file below `path` that is compared, with its mode.
fn add_files(root: &Path, path: &Path, seen: &mut Seen) {
    for entry in std::fs::read_dir(root.join(path)).unwrap() {
        let entry = entry.unwrap();
        let path = path.join(entry.file_name());
        if !is_compared(&path) {
            continue;
        }
        let metadata = entry.metadata().unwrap();
        let mut text = format!("mode {:o}\n", metadata.permissions().mode()).into_bytes();
        if metadata.is_dir() {
            add_files(root, &path, seen);
        } else if metadata.is_symlink() {
            text.extend(std::fs::read_link(entry.path()).unwrap().as_os_str().as_bytes());
        } else {
            text.extend(std::fs::read(entry.path()).unwrap());
        }
        seen.insert(format!("file {}", path.display()), text);
    }
}

/// Working copies, configs, operation heads, git's refs: what a later command could notice. Of jj's and git's own
/// folders the rest is left out, as are jj-flow's records.
fn is_compared(path: &Path) -> bool {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts[..] {
        ["bin" | "shim" | "seeds" | "tmp", ..] | ["data" | "cache", "jj-flow", ..] => return false,
        _ => {}
    }
    let is_git = |parts: &[&str]| matches!(parts, [] | ["HEAD" | "config" | "packed-refs"] | ["refs", ..]);
    if let Some(at) = parts.iter().position(|part| *part == ".jj") {
        return match &parts[at + 1..] {
            [] | ["repo"] | ["repo", "store"] | ["repo", "op_heads", ..] => true,
            ["working_copy"] | ["working_copy", "checkout"] => true,
            ["repo", "store", "git", rest @ ..] => is_git(rest),
            _ => false,
        };
    }
    match parts.iter().position(|part| part.ends_with(".git")) {
        Some(at) => is_git(&parts[at + 1..]),
        None => true,
    }
}

/// Each thing that is not the same, `-` without the shim, `+` with it.
fn difference(real: &Seen, shim: &Seen) -> String {
    let names: BTreeSet<&String> = real.keys().chain(shim.keys()).collect();
    let different = names.into_iter().filter(|name| real.get(*name) != shim.get(*name));
    different.map(|name| format!("  {name}\n{}", changed_lines(real.get(name), shim.get(name)))).collect()
}

/// The lines between what both begin with and what both end with.
fn changed_lines(real: Option<&Vec<u8>>, shim: Option<&Vec<u8>>) -> String {
    let lines = |bytes: Option<&Vec<u8>>| -> Vec<String> {
        let text = bytes.map_or("(absent)".into(), |bytes| String::from_utf8_lossy(bytes));
        text.split_inclusive('\n').map(|line| format!("{line:?}")).collect()
    };
    let (real, shim) = (lines(real), lines(shim));
    let alike = real.iter().zip(&shim).take_while(|(real, shim)| real == shim).count();
    let (real, shim) = (&real[alike..], &shim[alike..]);
    let alike = real.iter().rev().zip(shim.iter().rev()).take_while(|(real, shim)| real == shim).count();
    let marked = |mark: &str, lines: &[String]| -> String {
        lines[..lines.len() - alike].iter().map(|line| format!("    {mark} {line}\n")).collect()
    };
    marked("-", real) + &marked("+", shim)
}

/// The lines of a text that are neither empty nor a comment.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Every command of this jj, with its words: `bookmark create`; jj itself is the empty one.
fn commands(env: &TestEnvironment) -> Vec<String> {
    let help = shell(env, "jj util markdown-help", false);
    let help = String::from_utf8(help.stdout).unwrap();
    let headings = help.lines().filter_map(|line| line.strip_prefix("## `jj")?.strip_suffix('`'));
    let mut commands: Vec<String> = headings.map(|words| words.trim().to_owned()).collect();
    assert!(commands.iter().any(|command| command == "bookmark create"), "{commands:?}");
    HIDDEN.iter().for_each(|command| add_commands(env, command, &mut commands));
    commands
}

/// Adds a command and all below it, as its help lists them.
fn add_commands(env: &TestEnvironment, command: &str, commands: &mut Vec<String>) {
    let help = shell(env, &format!("jj {command} -h"), false);
    if !help.status.success() {
        return;
    }
    commands.push(command.to_owned());
    let help = String::from_utf8(help.stdout).unwrap();
    let below =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for line in below {
        let name = line.strip_prefix("  ").and_then(|line| line.split(' ').next());
        if let Some(name) = name.filter(|name| !name.is_empty() && *name != "help") {
            add_commands(env, &format!("{command} {name}"), commands);
        }
    }
}

fn lines(env: &TestEnvironment) -> Vec<Line> {
    let help = commands(env).into_iter();
    let help = help.map(|command| format!("jj {command} -h && jj {command} --help"));
    let line = |succeeds| move |text: String| Line { text, succeeds };
    let given = |text: &'static str| entries(text).map(str::to_owned);
    help.chain(given(SUCCEED)).map(line(true)).chain(given(FAIL).map(line(false))).collect()
}

#[rstest]
fn nobody_can_tell(#[values(0, 1, 2, 3, 4, 5, 6, 7)] shard: usize) {
    let field = Field::new();
    let lines: Vec<Line> = lines(&field.env).into_iter().skip(shard).step_by(SHARDS).collect();
    let complaints: Vec<String> = lines.iter().filter_map(|line| field.complaint(line)).collect();
    eprintln!("Shard {shard}: {} lines, {} of them not the same.", lines.len(), complaints.len());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn there_are_enough_lines() {
    let env = TestEnvironment::new();
    env.dir("field");
    let lines = lines(&env);
    let refused = lines.iter().filter(|line| !line.succeeds).count();
    eprintln!("{} lines are compared, {refused} of which jj refuses.", lines.len());
    assert!(lines.len() >= 200 && refused >= 100, "{} lines, {refused} refused", lines.len());
    let texts: BTreeSet<&String> = lines.iter().map(|line| &line.text).collect();
    assert_eq!(texts.len(), lines.len(), "a line is there twice");
}
