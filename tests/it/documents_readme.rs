//! The README and the skills: their command lines run, and every name in them is one that there is.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use rstest::rstest;

use crate::common::TestEnvironment;
use crate::documents::{CHANGED, Document, Scene, in_checkout, strip_comment};
use crate::documents_help::commands;
use crate::house::files_below;
use crate::shim::environment;

/// Lines of the README that no test runs, each with the reason. What can be looked at of them is.
const ASIDE: &[(&str, &str)] = &[
    ("./scripts/demo", "it builds jj-flow"),
    ("./scripts/install", "it builds and installs jj-flow"),
    ("cargo uninstall jj-flow", "nothing was installed with cargo"),
];

/// Options that the README names and that are not jj-flow's.
const FOREIGN: &[&str] = &["--named"];

fn readme() -> Document {
    Document::load(&in_checkout("README.md"))
}

/// The commands in a line that a shell reads when it starts: those in `<(…)` and before `|`.
fn sourced(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("source <(").and_then(|rest| rest.split(')').next());
    inner.or_else(|| line.strip_suffix(" | source"))
}

/// Checks what stands in the blocks of a document, and gives how many lines that is.
#[track_caller]
fn check_lines(document: &Document, scene: &Scene<'_>, languages: &[&str]) -> usize {
    let lines = document.lines(languages);
    let is_aside = |line: &str| ASIDE.iter().any(|(aside, _)| *aside == line);
    let typed = lines.iter().map(|line| strip_comment(line)).filter(|line| !is_aside(line));
    scene.check(typed.map(|line| sourced(line).unwrap_or(line)));
    lines.len()
}

#[track_caller]
fn check_spans(document: &Document, scene: &Scene<'_>) -> usize {
    let commands = document.commands();
    scene.check_spans(commands.iter().map(String::as_str));
    commands.len()
}

#[test]
fn every_line_of_the_readme_runs() {
    let env = environment();
    let scene = Scene::new(&env);
    assert!(check_lines(&readme(), &scene, &["sh"]) > 10);
    assert!(in_checkout("scripts/bench").exists());
    let hints = "grep -ln 'Hint: ' scripts/* .ci/* && exit 1 || true";
    scene.repo.sh(&format!("cd {} && {hints}", in_checkout("").display())).ok();
    for script in ["demo", "test", "install"] {
        let path = in_checkout("scripts").join(script);
        scene.repo.sh(&format!("bash -n {}", path.display())).ok();
        // What `install` is given goes on to `jj-flow install`, once that is built.
        if script != "install" {
            let shown = scene.repo.sh(&format!("{} --help", path.display())).ok().stdout;
            assert!(shown.contains(&format!("scripts/{script}")), "{shown}");
        }
    }
}

/// In two parts, side by side.
#[rstest]
fn every_command_that_the_readme_speaks_of_runs(#[values(0, 1)] part: usize) {
    let env = environment();
    let mut document = readme();
    let commands = document.commands();
    document.spans = commands.into_iter().skip(part).step_by(2).collect();
    assert!(check_spans(&document, &Scene::new(&env)) > 20);
}

#[test]
fn every_line_of_the_skills_runs() {
    let env = environment();
    let scene = Scene::new(&env);
    let folder = in_checkout("jj-config/skills");
    let skills = if folder.exists() { files_below(&folder, "md") } else { Vec::new() };
    for path in skills.iter().filter(|path| path.ends_with("SKILL.md")) {
        let document = Document::load(path);
        let count = check_lines(&document, &scene, &["sh", "console"]) + check_spans(&document, &scene);
        assert!(count > 0, "{} has no commands", path.display());
    }
}

/// What a session prints, without what is another each time.
fn masked(text: &str) -> String {
    let change = Regex::new(r"\(change [k-z]+\)").unwrap().replace_all(text, "(change …)").into_owned();
    let lines = change.lines().map(|line| match line.contains("repos") {
        true => Regex::new(r"\d+").unwrap().replace_all(line, "N").into_owned(),
        false => line.to_owned(),
    });
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn sessions_print_what_the_readme_says() {
    for (_, lines) in readme().blocks.iter().filter(|(language, _)| language == "console") {
        let env = environment();
        let scene = Scene::new(&env);
        let repo = scene.repo.dir("../fresh").with("JJ_FLOW_UID", "be30");
        let text = format!("\n{}", lines.join("\n"));
        for step in text.split("\n$ ").skip(1) {
            let (line, expected) = step.split_once('\n').unwrap_or((step, ""));
            let expected = masked(expected.trim_end());
            if let Some(sql) = line.strip_prefix("sqlite3 ~/.local/share/jj-flow/registry.db ") {
                // Not every machine has it: the harness asks in its place.
                let rows = env.rows(sql.trim_matches('\'')).replace("NULL", "");
                let own: String = rows
                    .lines()
                    .filter(|row| row.starts_with("be30"))
                    .map(|row| format!("{row}\n"))
                    .collect();
                assert_eq!(own, expected, "{line}");
                continue;
            }
            if line == "jj flow sync --all" {
                repo.sh(CHANGED).ok();
            }
            let output = repo.sh(line).ok();
            assert!(expected.is_empty() || masked(&output.stdout) == expected, "{line}:\n{output}{expected}");
        }
    }
}

#[test]
fn sql_and_columns_of_the_readme_are_there() {
    let env = environment();
    let _scene = Scene::new(&env);
    let text = std::fs::read_to_string(in_checkout("README.md")).unwrap();
    let columns = words(
        &text.split_once("Beside `FlowRegistry` (").unwrap().1.split(')').next().unwrap().replace('`', " "),
        r"(\w+)",
    );
    let mut selects = vec![("FlowRegistry".to_owned(), columns)];
    for view in Regex::new(r"(?m)^\| `(\w+)` \| [^|]* \| ([^|]*) \|$").unwrap().captures_iter(&text) {
        let own = view[2].replace(" and ", ", ").replace(';', ",");
        let own = own.split(", ").filter(|word| !word.contains(' ')).chain([
            "bookmark",
            "uid",
            "component",
            "root",
        ]);
        selects.push((view[1].to_owned(), own.map(str::to_owned).collect()));
    }
    assert!(selects.len() > 4, "{selects:?}");
    for (view, columns) in selects {
        let columns: Vec<String> = columns.into_iter().collect();
        env.rows(&format!("SELECT {} FROM {view}", columns.join(", ")));
    }
    for line in readme().lines(&["sql"]) {
        assert_eq!(env.registry().execute(&line, []).unwrap(), 1, "{line}");
    }
}

/// The words of a text that a pattern finds.
fn words(text: &str, pattern: &str) -> BTreeSet<String> {
    let found = Regex::new(pattern).unwrap();
    found.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn settings_of_the_readme_are_those_there_are() {
    let env = TestEnvironment::new();
    let config = env.dir("home").flow(&["config", "--json"]).ok().json();
    let settings = config["settings"].as_array().unwrap().iter();
    let settings: BTreeSet<String> = settings.map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    let text = std::fs::read_to_string(in_checkout("README.md")).unwrap();
    let mut named = words(&text, r"\b(flow\.[a-z]+(?:[.-][a-z]+)*)");
    named.remove("flow.toml");
    assert_eq!(named, settings);
}

#[test]
fn exit_codes_of_the_readme_are_those_there_are() {
    let text = std::fs::read_to_string(in_checkout("README.md")).unwrap();
    let table = text.split_once("## Exit codes").unwrap().1.split("\n## ").next().unwrap();
    let mut codes = words(table, r"(?m)^\| (\d+) \|");
    let source = std::fs::read_to_string(in_checkout("src/error.rs")).unwrap();
    let given = source.split_once("fn exit(").unwrap().1.split("\n    }\n").next().unwrap();
    let given = words(given, r"=> (\d+),");
    assert!(codes.remove("0"));
    assert_eq!(codes, given);
}

#[test]
fn options_and_variables_of_the_readme_are_those_there_are() {
    let env = TestEnvironment::new();
    let (document, home) = (readme(), env.dir("home"));
    let mut all = Vec::new();
    commands(&home, &[], &mut all);
    let helps: String = all.into_iter().map(|(_, help)| help).collect();
    let options = words(&helps, r"(?m)(--[a-z-]+)");
    let spans = document.spans.iter().filter(|span| span.starts_with("--"));
    for option in spans.map(|span| span.split([' ', '=']).next().unwrap()) {
        assert!(options.contains(option) || FOREIGN.contains(&option), "{option} is no option");
    }
    let files = files_below(Path::new(&in_checkout("src")), "rs");
    let source: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for name in words(&document.text, r"\b(JJ_FLOW_[A-Z]+)\b") {
        assert!(source.contains(&format!("\"{name}\"")), "{name} is read nowhere");
    }
}
