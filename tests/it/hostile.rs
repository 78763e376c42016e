//! Texts that somebody means harm with, wherever jj takes one, through every command: nothing in them is obeyed, by a
//! terminal, a shell, jj's languages, SQL or the command line.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use rstest::rstest;
use serde_json::json;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::documents_help::commands;

/// `T` stands for the text, `P` for a file that is called so. What begins with `!` succeeds, the first time at least.
const ROWS: &[&str] = &[
    "!",
    "T",
    "--repository=T",
    "--config=T",
    "--config=flow.policy=T",
    "--config-file=T",
    "!context",
    "!context --siblings",
    "new T",
    "new -- T",
    "!new one --message=T",
    "new two --parent=T",
    "new three --from=T",
    "new four --workspace=../P",
    "sub -- T",
    "sub five --of=T",
    "!sub six --message=T",
    "adopt -- T",
    "!adopt --as=seven -- T",
    "!fail logicRefused --reason=T",
    "fail --reason=why -- T",
    "!show logicRefused",
    "!reopen logicRefused",
    "reopen -- T",
    "show -- T",
    "show --all -- T",
    "!log",
    "log -- T",
    "log --all --text=T",
    "log --kind=T",
    "log --actor=T",
    "log --after=T",
    "!list",
    "list --all",
    "list --text=T",
    "!list --component=T",
    "list --parent=T",
    "list --uid=T",
    "list --type=T",
    "list --since=T",
    "list --after=T",
    "list --status=T",
    "query T",
    "query --timeout=T SELECT",
    "query --format=T SELECT",
    "done -- T",
    "done logicClash --into=T --dry-run",
    "done logicClash",
    "!conflicts",
    "!show logicClash",
    "resume logicClash",
    "resume -- T",
    "abort -- T",
    "!abort logicClash",
    "restack logicClash",
    "abort logicClash",
    "restack -- T",
    "!new eight --message=T",
    "!done logicEight --into=T",
    "!show logicEight",
    "!undo logicEight",
    "undo -- T",
    "land",
    "land --all",
    "!sync",
    "!sync --all",
    "sync --jobs=T",
    "repo add T",
    "repo scan T",
    "!repo scan ..",
    "!repo list",
    "repo forget T",
    "repo forget .",
    "!export",
    "export --repo=T",
    "!export --output=../P.ndjson",
    "import T",
    "!gc",
    "!gc --all --dry-run",
    "split P --into ../parts",
    "split --into=../parts --remote-template=T P",
    "split --into=../P --follow=T P",
    "!split --into=../parts -- P",
    "!split --into=../more --remove -- P",
    "name check -- T",
    "name make -- T",
    "!uid",
    "schema T",
    "doctor",
    "doctor --fix",
    "!config",
    "!trust --show",
    "!trust",
    "skill install --dir=T --dry-run",
    "skill uninstall --dir=T",
    "hook install --agent=T",
    "hook uninstall --agent=T",
    "hook T",
    "project --repo=T",
    "project --command",
    "install --no-shim",
    "uninstall",
];

/// The same for what reads stdin; `J` stands for the text within a string of JSON.
const READING: &[(&str, &str)] = &[
    ("query -", "SELECT 'T' AS \"T\", reason, component FROM FlowRegistry"),
    ("query --format=ndjson -", "SELECT reason, component FROM FlowRegistry"),
    ("import -", "T"),
    ("import -", r#"{"jj-flow-export":1,"at":"J","version":"J"}"#),
    (
        "import -",
        "{\"jj-flow-export\":1}\n{\"repo\":{\"id\":\"J\",\"root\":\"J\",\"component\":\"J\",\"kind\":\"J\"}}\n",
    ),
    ("project --repo=build:x", "T"),
    ("project --repo=build:x --component=T", "T\n"),
    ("hook session-start", r#"{"session_id":"J","cwd":"J"}"#),
    ("hook session-start", r#"{"session_id":"J"}"#),
    (
        "hook pre-tool-use",
        r#"{"session_id":"J","tool_input":{"command":"git switch -c 'J'; jj bookmark create 'J'"}}"#,
    ),
    ("hook pre-tool-use", r#"{"tool_input":{"command":["jj","bookmark","create","J"]}}"#),
    ("hook stop", r#"{"session_id":"J"}"#),
    ("hook stop", "T"),
];

/// Escape sequences, controls of both kinds, and marks that turn the direction of what follows.
const TERMINAL: &str =
    "\u{1b}[31m\u{1b}]0;t\u{7}\u{9b}31m\u{9d}0;t\u{9c}\r\u{8}\u{7f}\0x\u{202e}b\u{2066}c\u{61c}d\u{200f}e";
/// What shells and SQL would act on.
const SHELL: &str = "$(touch pwned)`touch pwned`;touch pwned&touch pwned|touch pwned\ntouch pwned\n'\"\\\
    '; DELETE FROM flows; UPDATE flows SET status = 'failed'; DROP TABLE events; --";
/// What jj would, beside a path that leads elsewhere.
const REVSET: &str =
    "../../../exact:\"x\"|all()~x@y long long long long long long long long long long long long long long";

#[rstest]
fn nothing_foreign_is_obeyed(
    #[values(TERMINAL, SHELL, REVSET, "--help")] text: &str,
    #[values(0, 1)] part: usize,
) {
    let env = TestEnvironment::new();
    env.share_seeds();
    let repo = field(&env, text);
    let mut complaints = Vec::new();
    // Those that only one part asks do not depend on each other.
    let middle = ROWS.iter().position(|row| *row == "!list").unwrap();
    let rows = if part == 0 { &ROWS[..middle] } else { &ROWS[middle..] };
    // What is only shown, and how, is told by the texts that a terminal or JSON could trip over.
    let is_shown = [TERMINAL, SHELL].contains(&text);
    let is_asked =
        |row: &&&str| is_shown || row.starts_with('!') || row.contains(['T', 'P']) || row.contains("logic");
    let rows = rows.iter().filter(is_asked).map(|row| (*row, None));
    let reading = READING.iter().skip(part).step_by(2).map(|(row, stdin)| (*row, Some(*stdin)));
    for (row, stdin) in rows.chain(reading) {
        complaints.extend(faults(&repo, text, row, stdin, if is_shown { &[false, true] } else { &[false] }));
    }
    let pwned = files_below(env.root()).into_iter().filter(|file| file.ends_with("pwned"));
    complaints.extend(pwned.map(|file| format!("A shell made {file:?}.")));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let landed =
        "SELECT count(*) > 3, sum(status = 'merged') > 0, sum(status = 'failed') > 0 FROM FlowRegistry";
    assert_eq!(env.rows(landed), "1|1|1\n");
    assert_eq!(env.rows("PRAGMA integrity_check"), "ok\n");
}

/// Our own colours, what a terminal obeys beside them, and where a row or what it reads has a place for the text: a
/// letter by itself.
static OURS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\x1b\[[0-9;]*m").unwrap());
static OBEYED: LazyLock<Regex> = LazyLock::new(|| {
    let direction = r"\u{61c}\u{200e}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}";
    Regex::new(&format!(r"[\x00-\x08\x0b-\x1f\x7f-\u{{9f}}{direction}]")).unwrap()
});
static PLACES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[TPJ]\b").unwrap());

/// A repo with the text in everything that jj and jj-flow keep texts in: the repo's folder, bookmarks, descriptions, files,
/// authors, workspaces, reasons, the component, a hook of its own and what that prints, and a conflict.
fn field<'e>(env: &'e TestEnvironment, text: &str) -> TestRepo<'e> {
    let [text, folder, file] = [argument(text), file_name(text), file_name(text)];
    env.set("JJ_FLOW_UID", "a8f2");
    // Git's form of a commit has no line breaks in a name.
    env.set("JJ_USER", &text.replace('\n', " "));
    let quoted = toml(&text);
    env.add_config(&format!("[flow]\ncomponent = {quoted}\n"));
    let message = format!("--message={text}");
    let repo = env.dir(&format!("field/{folder}"));
    repo.jj(&["git", "init", "--no-colocate"]).ok();
    repo.write("shared", "base\n");
    repo.write(&file, "one\n");
    repo.jj(&["commit", &message]).ok();
    repo.jj(&["bookmark", "create", "main", &symbol(&text), "-r", "@-"]).ok();
    repo.flow(&["new", "clash"]).ok();
    repo.write(&file, "mine\n");
    repo.jj(&["commit", &message]).ok();
    repo.jj(&["new", "main", &message]).ok();
    repo.write(&file, "theirs\n");
    repo.jj(&["bookmark", "move", "main", "--to=@"]).ok();
    repo.flow(&["new", "landed"]).ok();
    repo.write("landed", "landed\n");
    repo.jj(&["commit", &message]).ok();
    repo.flow(&["done"]).ok();
    repo.flow(&["new", "failed"]).ok();
    repo.flow(&["fail", &format!("--reason={text}")]).ok();
    repo.flow(&["new", "refused"]).ok();
    repo.write("refused", "refused\n");
    repo.jj(&["commit", &message]).ok();
    let hook = format!(r#"flow.hooks.verify=["sh", "-c", "printf '%s\\n' \"$0\"; exit 1", {quoted}]"#);
    repo.flow(&["done", "--config", &hook]).exits(4);
    repo.jj(&["config", "set", "--repo", "flow.hooks.on-conflict", &format!("[{quoted}]")]).ok();
    repo.jj(&["workspace", "add", &format!("--name={text}"), "-r", "main", "../other"]).ok();
    repo
}

/// What is wrong where a person asks whose terminal has colours, and where a program does.
fn faults(repo: &TestRepo<'_>, text: &str, row: &str, stdin: Option<&str>, is_json: &[bool]) -> Vec<String> {
    let succeeds = row.starts_with('!');
    let row = row.trim_start_matches('!');
    let words: Vec<String> = row.split(' ').map(|word| filled(word, text)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    let stdin = stdin.map(|stdin| filled(stdin, text)).unwrap_or_default();
    let mut faults = Vec::new();
    for is_json in is_json.iter().copied() {
        let how: &[&str] = if is_json { &["--json"] } else { &["--config=ui.color=always"] };
        let output = repo.flow_with(&[how, &words].concat(), |command| command.write_stdin(stdin.as_bytes()));
        let codes = match row.starts_with("hook ") {
            _ if succeeds && !is_json => 0..=0,
            true => 0..=1,
            false => 0..=6,
        };
        let fault =
            if codes.contains(&output.code) { fault(&output, is_json) } else { Some(output.to_string()) };
        faults.extend(fault.map(|fault| format!("{row}: {fault}")));
        // What is wrong in the command line has one form for all.
        if output.code == 2 {
            break;
        }
    }
    faults
}

fn fault(output: &Output, is_json: bool) -> Option<String> {
    for text in [&output.stdout, &output.stderr] {
        let told = OURS.replace_all(text, "");
        if let Some(found) = OBEYED.find(&told) {
            let before: Vec<char> = told[..found.start()].chars().rev().take(80).collect();
            let before: String = before.into_iter().rev().collect();
            return Some(format!("behind {before:?} it prints {:?}", found.as_str()));
        }
    }
    let is_help = output.stdout.contains("\nUsage: jj flow");
    let is_read = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    let is_wrong = is_json && !is_help && !output.stdout.lines().all(is_read);
    is_wrong.then(|| format!("this is no JSON:\n{output}"))
}

fn filled(word: &str, text: &str) -> String {
    let json = json!(text).to_string();
    let fill = |place: char| match place {
        'T' => argument(text),
        'P' => file_name(text),
        'J' => json[1..json.len() - 1].to_owned(),
        other => other.to_string(),
    };
    let one = |found: &regex::Captures<'_>| fill(found[0].chars().next().unwrap());
    PLACES.replace_all(word, one).into_owned()
}

/// No argument and no variable has a NUL in it.
fn argument(text: &str) -> String {
    text.replace('\0', "")
}

/// As close to it as a file's name can be.
fn file_name(text: &str) -> String {
    let name: String = argument(text).replace('/', "_").chars().take(200).collect();
    if name.starts_with("..") { name.replacen("..", "x..", 1) } else { name }
}

fn toml(text: &str) -> String {
    let escaped = text.chars().map(|character| match character {
        '"' | '\\' => format!("\\{character}"),
        character if character.is_control() => format!("\\u{:04x}", u32::from(character)),
        character => character.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A string as jj's languages have it.
fn symbol(text: &str) -> String {
    let escaped = text.chars().map(|character| match character {
        '"' | '\\' => format!("\\{character}"),
        character if character.is_ascii_control() => format!("\\x{:02x}", u32::from(character)),
        character => character.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn files_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let below = entries.flat_map(|entry| {
        let is_dir = entry.file_type().unwrap().is_dir();
        if is_dir { files_below(&entry.path()) } else { vec![entry.path().to_string_lossy().into_owned()] }
    });
    below.collect()
}

#[test]
fn every_command_is_asked() {
    let env = TestEnvironment::new();
    let mut all = Vec::new();
    commands(&env.dir("home"), &[], &mut all);
    let rows: BTreeSet<&str> = ROWS
        .iter()
        .map(|row| row.trim_start_matches('!'))
        .chain(READING.iter().map(|(row, _)| *row))
        .collect();
    for (command, help) in all.iter().filter(|(_, help)| !help.contains("\nCommands:\n")) {
        let is_asked = |row: &&str| *row == command || row.starts_with(&format!("{command} "));
        assert!(rows.iter().any(is_asked), "jj flow {command} is missing in ROWS:\n{help}");
    }
}
