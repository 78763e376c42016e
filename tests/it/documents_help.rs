//! `--help`: every command that somebody sees has an example, and it runs.

use std::path::Path;

use rstest::rstest;

use crate::common::TestRepo;
use crate::documents::Scene;
use crate::shim::environment;

/// Every command with its help, from the root down.
pub(crate) fn commands(repo: &TestRepo<'_>, path: &[&str], all: &mut Vec<(String, String)>) {
    let help = repo.flow(&[path, &["--help"]].concat()).ok().stdout;
    let listed = help.split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap());
    for line in listed.unwrap_or_default().lines() {
        // What is set in further is the rest of a description.
        if let Some(name) =
            line.strip_prefix("  ").and_then(|line| line.split(' ').next()).filter(|name| !name.is_empty())
        {
            commands(repo, &[path, &[name]].concat(), all);
        }
    }
    all.push((path.join(" "), help));
}

/// The command lines of a help: behind `Example: ` and the like, or set in by themselves behind the options.
fn examples(help: &str) -> Vec<&str> {
    let behind = help.split_once("\n  -h, --help").map_or(help, |(_, rest)| rest);
    let lines = behind.lines().filter_map(|line| {
        let (lead, command) = line.split_once(": ").unwrap_or_default();
        let is_set_in = line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  -");
        match lead {
            "Example" => Some(command),
            _ if lead.starts_with("To ") => Some(command),
            _ => is_set_in.then(|| line.trim()),
        }
    });
    lines.collect()
}

/// In two parts, side by side.
#[rstest]
fn every_command_has_an_example_that_runs(#[values(0, 1)] part: usize) {
    let env = environment();
    let scene = Scene::new(&env);
    let mut all = Vec::new();
    commands(&scene.repo, &[], &mut all);
    assert!(all.len() > 20, "{all:?}");
    let all: Vec<_> = all.into_iter().skip(part).step_by(2).collect();
    for (command, help) in &all {
        let program = ["jj flow", "jj-flow"].map(|program| format!("Example: {program} {command}"));
        let has_own =
            help.lines().any(|line| program.iter().any(|begins| line.starts_with(begins.trim_end())));
        assert!(has_own, "jj flow {command} --help has no example:\n{help}");
    }
    scene.check(all.iter().flat_map(|(_, help)| examples(help)));
}

#[test]
fn commands_that_messages_name_are_there() {
    let env = environment();
    let scene = Scene::new(&env);
    let named = regex::Regex::new(r"`(jj(?:-flow| flow| [a-z]+ )[^`{}]*)`").unwrap();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in crate::house::files_below(&src, "rs") {
        let text = std::fs::read_to_string(path).unwrap();
        found.extend(named.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    found.sort();
    found.dedup();
    assert!(!found.is_empty());
    let lines =
        found.iter().filter(|line| !line.contains(['…', '"', '\''])).map(|line| format!("{line} [-R PATH]"));
    scene.check(lines.collect::<Vec<_>>().iter().map(String::as_str));
}
