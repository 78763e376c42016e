//! Hints are commands that run: every one that src/ can give is met in a repo and run there, by the files beside this
//! one, and none is without a case.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::common::{Output, TestRepo};
use crate::shim::environment;
use crate::verify::repo_with_flow;

/// Where a command is given: the file in src/, and the command as it is written there, `{…}` included.
pub(crate) type Site = (&'static str, &'static str);

/// Sites that no test reaches, each with the reason.
const UNREACHED: &[(Site, &str)] = &[
    (("landing/abort.rs", "jj flow abort {flow}"), "twelve others in a row have to be faster"),
    (("landing/undo.rs", "jj flow undo {flow}"), "twelve others in a row have to be faster"),
    (("landing/strip.rs", "XDG_CACHE_HOME=$PWD/.cache jj-flow doctor"), "the system knows everybody's home"),
    (
        ("session/place.rs", "JJ_FLOW_REGISTRY=$PWD/registry.db jj-flow doctor"),
        "the system knows everybody's home",
    ),
    (("landing/mend.rs", "jj flow"), "twelve others in a row have to be faster"),
    (
        ("upkeep/delete.rs", "jj flow gc"),
        "gc goes round again by itself, and others have to be faster each time",
    ),
];

/// What begins like a command and is none: prose, and what jj-flow runs or prints to be run elsewhere.
const PROSE: &[Site] = &[
    ("cmd/mod.rs", "jj flow"),
    ("cmd/usage.rs", "jj flow"),
    ("cmd/doctor/check.rs", "jj-flow doctor"),
    ("cmd/doctor/completions.rs", "COMPLETE=fish jj | source"),
    ("cmd/doctor/completions.rs", "jj util completion"),
    ("cmd/doctor/shim.rs", "jj-flow "),
    ("cmd/project.rs", "jj --color=never --no-pager log --no-graph"),
    ("jj/version.rs", "jj "),
    ("jj/version.rs", "jj {version} is too old for jj-flow, which needs {major}.{minor} or newer"),
];

/// What stands before a command that a text gives in passing.
const LEAD: &str = r"^(?:Then|Where you [^:]*|  To \w+ it(?: back)?|\nIts [^:]*): +";

/// How a command begins.
const COMMAND: &str = r"^(?:cd \S+ && \{hint\}$|(?:cd \S+ && | && |env -u \S+ |[A-Z_]+=\S+ )?(?:jj|jj-flow|cargo|printf)(?: |$))";

/// Comments and characters are passed over; the strings are in a group, the raw ones in the other.
const STRING: &str = r##"(?s)//[^\n]*|'(?:\\?.)'|r#"(.*?)"#|"((?:[^"\\]|\\.)*)""##;

/// A hint is a string or a `format!`, or has a name that is bound to one, or to one of several.
const HINT: &str =
    r#"(?s)(?:\.hint\(\s*|hint = (?:Some\()?|let hint = match .*?=> )(?:format!\(\s*)?("(?:[^"\\]|\\.)*")"#;

static COMMANDS: LazyLock<[Regex; 4]> =
    LazyLock::new(|| [LEAD, COMMAND, STRING, HINT].map(|pattern| Regex::new(pattern).unwrap()));

/// A command that failed and gave a hint.
pub(crate) struct Met<'r, 'e> {
    repo: &'r TestRepo<'e>,
    /// What a shell was told before: of variables, say.
    before: String,
    /// The command line that failed.
    line: String,
    pub(crate) hint: String,
    pub(crate) error: serde_json::Value,
}

/// `jj-flow LINE --json` fails with this code, and gives what this site has.
#[track_caller]
pub(crate) fn meet<'r, 'e>(repo: &'r TestRepo<'e>, line: &str, code: &str, site: Site) -> Met<'r, 'e> {
    meet_after(repo, "", line, code, site)
}

/// The same in a shell that was told something before: `unset HOME; `.
#[track_caller]
pub(crate) fn meet_after<'r, 'e>(
    repo: &'r TestRepo<'e>,
    before: &str,
    line: &str,
    code: &str,
    site: Site,
) -> Met<'r, 'e> {
    let output = repo.sh(&format!("{before}jj-flow --json {line}"));
    let error = output.json()["error"].clone();
    assert_eq!(error["code"], code, "{output}");
    let hint = error["hint"].as_str().unwrap_or_else(|| panic!("There is no hint: {output}")).to_owned();
    Met { error, before: before.to_owned(), ..given(repo, &format!("jj-flow {line}"), &hint, site) }
}

/// A hint that stood elsewhere than in an error's JSON; `line` gave it.
#[track_caller]
pub(crate) fn given<'r, 'e>(repo: &'r TestRepo<'e>, line: &str, hint: &str, site: Site) -> Met<'r, 'e> {
    let root = repo.env().root().to_str().unwrap();
    let (line, hint) = (line.to_owned(), hint.replace("$TEST_ENV", root));
    let met = Met { repo, before: String::new(), line, hint, error: serde_json::Value::Null };
    met.also(site)
}

impl Met<'_, '_> {
    /// What its shell was told before.
    pub(crate) fn after(self, before: &str) -> Self {
        Self { before: before.to_owned(), ..self }
    }

    /// The hint has what this site gives.
    #[track_caller]
    pub(crate) fn also(self, (file, template): Site) -> Self {
        let pattern = pattern(&COMMANDS[0].replace(template, ""));
        assert!(pattern.is_match(&self.hint), "{file} gives `{template}`, and this is `{}`", self.hint);
        self
    }

    /// Runs the hint, which is a command: no wrong usage, nothing unknown, whatever comes of it.
    #[track_caller]
    pub(crate) fn runs(&self) -> Output {
        let output = self.repo.sh(&format!("{}{}", self.before, self.hint));
        assert_is_command(&self.hint, &output);
        output
    }

    /// Runs the hint, and it does what it says.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> Output {
        self.runs().ok()
    }

    /// Runs the hint, and what failed succeeds then.
    #[track_caller]
    pub(crate) fn mends(&self) {
        self.succeeds();
        self.repo.sh(&format!("{}{}", self.before, self.line)).ok();
    }

    /// Runs the hint, and what failed gets further then: to another error.
    #[track_caller]
    pub(crate) fn leads_to(&self, code: &str) {
        self.succeeds();
        let output = self.repo.sh(&format!("{}{} --json", self.before, self.line));
        assert_eq!(output.json()["error"]["code"], code, "{output}");
    }
}

#[track_caller]
fn assert_is_command(line: &str, output: &Output) {
    assert!(is_command(output), "`{line}` cannot be run:\n{output}");
}

/// Whether a shell, jj and jj-flow have taken a command line for one that can be run.
pub(crate) fn is_command(output: &Output) -> bool {
    let complaints = ["not found", "yntax error", "unexpected argument", "unrecognized subcommand"];
    let is_complaint = |text: &str| complaints.iter().any(|complaint| text.contains(complaint));
    ![2, 126, 127].contains(&output.code) && !output.stderr.lines().any(is_complaint)
}

/// What a template stands for, anything at all where it has `{…}`.
fn pattern(template: &str) -> Regex {
    let holes = Regex::new(r"\{[^}]*\}").unwrap();
    let parts: Vec<String> = holes.split(template).map(regex::escape).collect();
    Regex::new(&parts.join("(?s:.+)")).unwrap()
}

#[test]
fn every_command_that_is_given_is_run() {
    let given = sites_in_sources();
    let met = count(sites_in_cases());
    let spared = UNREACHED.iter().map(|(site, _)| site).chain(PROSE);
    let spared = count(spared.map(|(file, template)| ((*file).to_owned(), (*template).to_owned())));
    let mut complaints = Vec::new();
    for (site @ (file, command), times) in &given {
        let cases =
            met.get(site).copied().unwrap_or_default() + spared.get(site).copied().unwrap_or_default();
        if cases < *times {
            complaints.push(format!("src/{file} gives `{command}` {times} times, and {cases} cases run it"));
        }
    }
    let gone = met.keys().chain(spared.keys()).filter(|site| !given.contains_key(*site));
    complaints.extend(gone.map(|(file, command)| format!("src/{file} does not give `{command}` any more")));
    assert!(complaints.is_empty(), "tests/it/hints_….rs has the cases:\n{}", complaints.join("\n"));
}

#[test]
fn what_is_never_met_is_a_command_all_the_same() {
    let env = environment();
    let repo = repo_with_flow(&env);
    for ((_, template), _) in UNREACHED {
        let line = template.replace("{flow}", "a8f2--research");
        assert_is_command(&line, &repo.sh(&line));
    }
}

type Counts = BTreeMap<(String, String), usize>;

fn count(sites: impl Iterator<Item = (String, String)>) -> Counts {
    let mut counts = Counts::new();
    sites.for_each(|site| *counts.entry(site).or_default() += 1);
    counts
}

/// Every command that a text in src/ begins with or gives, and how often.
fn sites_in_sources() -> Counts {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut counts = Counts::new();
    for path in crate::house::files_below(&src, "rs") {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap();
        let text = without_tests(file, &std::fs::read_to_string(&path).unwrap());
        let (commands, others) = commands_in(&text);
        assert!(others.is_empty(), "src/{file} gives a hint that is no command: {others:?}");
        for command in commands {
            *counts.entry((file.to_owned(), command)).or_default() += 1;
        }
    }
    // A trigger that a later migration replaces says the same.
    let run = Regex::new(r"run: ((?:[^']|'')*)'").unwrap();
    for path in crate::house::files_below(&src, "sql") {
        let text = std::fs::read_to_string(&path).unwrap();
        for found in run.captures_iter(&text) {
            counts.insert(("registry/migrations".to_owned(), found[1].replace("''", "'")), 1);
        }
    }
    counts
}

/// The sites that the cases beside this file name.
fn sites_in_cases() -> impl Iterator<Item = (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let named = Regex::new(r#"\(\s*"([a-z_/]+(?:\.rs|/migrations))",\s*"((?:[^"\\]|\\.)*)",?\s*\)"#).unwrap();
    let files = crate::house::files_below(&folder, "rs").into_iter();
    let files = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("hints_"));
    files.flat_map(move |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let found = named.captures_iter(&text).map(|found| (found[1].to_owned(), unescaped(&found[2])));
        found.collect::<Vec<_>>()
    })
}

/// The text of a source file up to its own tests; nothing of a file that is there for tests alone.
fn without_tests(file: &str, text: &str) -> String {
    if ["tests", "fuzz", "fixture"].iter().any(|part| file.contains(part)) {
        return String::new();
    }
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

/// The commands among a source's strings; and beside them what is given as a hint and is none.
fn commands_in(text: &str) -> (Vec<String>, Vec<String>) {
    let [lead, command, string, hint] = &*COMMANDS;
    let strings = |text: &str| {
        let said = |found: Captures<'_>| {
            let raw = found.get(1).map(|raw| raw.as_str().to_owned());
            raw.or_else(|| Some(unescaped(found.get(2)?.as_str())))
        };
        string.captures_iter(text).filter_map(said).collect::<Vec<_>>()
    };
    let is_command = |text: &str| command.is_match(&lead.replace(text, ""));
    let is_program = |text: &str| ["jj", "jj-flow"].contains(&text);
    let commands = strings(text).into_iter().filter(|text| is_command(text) && !is_program(text));
    let hints = hint.captures_iter(text).flat_map(|found| strings(&found[1]));
    (commands.collect(), hints.filter(|text| !is_command(text)).collect())
}

/// What a string of Rust says.
fn unescaped(text: &str) -> String {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(?s)\\(?:\n\s*|(.))"#).unwrap());
    let said = |found: &Captures<'_>| match found.get(1).map(|escaped| escaped.as_str()) {
        None => String::new(),
        Some("n") => "\n".to_owned(),
        Some(other) => other.to_owned(),
    };
    ESCAPE.replace_all(text, said).into_owned()
}

#[test]
fn a_new_hint_is_found_whatever_it_looks_like() {
    let text = r##"
        // "jj flow comment"
        failure.hint("jj flow done").into();
        let hint = format!("cd {} && jj git init", x);
        let hint = match remote { Some(_) => format!("jj bookmark \"track\" {}", y), None => "JJ_X=1 jj-flow" };
        Remedy::run(r#"jj config set a '["b\n"]'"#);
        Err(Failure::new(Kind::X, "Could not do it").hint(format!("do it {}", z)))
    "##;
    let (commands, others) = commands_in(text);
    assert_eq!(
        commands,
        [
            "jj flow done",
            "cd {} && jj git init",
            "jj bookmark \"track\" {}",
            "JJ_X=1 jj-flow",
            "jj config set a '[\"b\\n\"]'"
        ]
    );
    assert_eq!(others, ["do it {}"]);
    assert!(pattern("jj flow show {name}").is_match("jj flow show a8f2--research"));
    assert!(!pattern("jj flow show {name}").is_match("jj flow shows"));
}
