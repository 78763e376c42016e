//! Which module may use which: imports of src/ run downwards only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Ids, names and values: no I/O, no clock, no environment.
const PURE: &[&str] = &["agent", "config", "event", "graph", "model", "name", "survey", "text", "uid"];
/// Below the gates: failures, the environment, the spawner.
const GROUND: &[&str] = &["env", "error", "failpoint", "process", "slots"];
/// One for each outside world. They do not know one another; a hook is kept from git's.
const GATES: &[&str] = &["git", "hook", "jj", "journal", "registry"];
/// Where gates meet: what is recorded goes through one place.
const JOINTS: &[&str] = &["ledger"];
/// What is done to flows. They do not know one another.
const WORK: &[&str] = &["landing", "projection", "split", "upkeep"];
/// The way in and the way out.
const FACES: &[&str] = &["contract", "output", "session", "shim"];

/// What each module of src/ may use, beside itself. A new module gets its line here.
const MAY_USE: &[(&str, &[&[&str]])] = &[
    ("agent", &[PURE]),
    ("config", &[PURE]),
    ("event", &[PURE]),
    ("graph", &[PURE]),
    ("model", &[PURE]),
    ("name", &[PURE]),
    ("survey", &[PURE]),
    ("text", &[PURE]),
    ("uid", &[PURE]),
    ("error", &[PURE]),
    ("contract", &[PURE, &["error"]]),
    ("env", &[PURE, &["error"]]),
    ("process", &[PURE, &["env", "error"]]),
    ("failpoint", &[PURE, &["env", "process"]]),
    ("slots", &[PURE, &["env", "error"]]),
    ("git", &[PURE, GROUND]),
    ("hook", &[PURE, GROUND, &["git"]]),
    ("jj", &[PURE, GROUND]),
    ("journal", &[PURE, GROUND]),
    ("registry", &[PURE, GROUND]),
    ("ledger", &[PURE, GROUND, GATES]),
    ("landing", &[PURE, GROUND, GATES, JOINTS]),
    ("projection", &[PURE, GROUND, GATES, JOINTS]),
    ("upkeep", &[PURE, GROUND, GATES, JOINTS]),
    ("split", &[PURE, GROUND, GATES, JOINTS]),
    ("shim", &[PURE]),
    ("output", &[PURE, &["contract", "error"]]),
    ("session", &[PURE, GROUND, GATES, JOINTS]),
    ("cmd", &[PURE, GROUND, GATES, JOINTS, WORK, FACES]),
    ("main", &[PURE, GROUND, GATES, JOINTS, WORK, FACES, &["cmd"]]),
];

#[test]
fn imports_run_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut complaints = Vec::new();
    for path in files_below(&src, "rs") {
        let module = module_path(path.strip_prefix(&src).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        complaints.extend(wrong_edges(&module, &text));
    }
    assert!(
        complaints.is_empty(),
        "The house (tests/it/house.rs) has it otherwise:\n{}",
        complaints.join("\n")
    );
}

pub(crate) fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// `jj/read.rs` is `[jj, read]`, `jj/mod.rs` is `[jj]`, `main.rs` is `[]`: the root of the crate.
fn module_path(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let names = file.iter().map(|name| name.to_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    if names == ["main"] || names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// The complaints about one file, which is the module `path`.
fn wrong_edges(path: &[String], text: &str) -> Vec<String> {
    let module = path.first().map_or("main", String::as_str);
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("`{module}` is a new module: say in MAY_USE what it may use.")];
    };
    let wrong = |used: &String| used != module && !allowed.concat().contains(&used.as_str());
    let edges = edges(path, text).into_iter().filter(wrong);
    edges
        .map(|used| format!("`{}` may not use `{used}`.", [&["crate".into()], path].concat().join("::")))
        .collect()
}

/// The modules right below the crate's root that a file names, by `crate::…` or by enough `super::`s. A file of the
/// root itself names them by `crate::` only.
fn edges(path: &[String], text: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let mut edges = BTreeSet::new();
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        let follows_path = at > 0 && tokens[at - 1] == "::";
        match token.as_str() {
            "{" => {
                depth += 1;
                if at > 1 && tokens[at - 2] == "mod" {
                    inline.push((tokens[at - 1].clone(), depth));
                }
            }
            "}" => {
                inline.pop_if(|(_, opened)| *opened == depth);
                depth -= 1;
            }
            "crate" if !follows_path => first_segments(&tokens[at + 1..], &mut edges),
            "super" if !follows_path => {
                let supers = tokens[at..].iter().step_by(2).take_while(|token| *token == "super").count();
                if !path.is_empty() && path.len() + inline.len() == supers {
                    first_segments(&tokens[at + 2 * supers - 1..], &mut edges);
                }
            }
            _ => {}
        }
    }
    edges
}

/// What comes right after the root: `a` in `::a::b`, `a` and `b` in `::{a::{c, d}, b}`.
fn first_segments(rest: &[String], edges: &mut BTreeSet<String>) {
    match rest {
        [colons, brace, group @ ..] if colons == "::" && brace == "{" => {
            let mut depth = 1;
            let mut before = "{";
            for token in group {
                if depth == 1 && matches!(before, "{" | ",") && !matches!(token.as_str(), "}" | "self") {
                    edges.insert(token.clone());
                }
                match token.as_str() {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                before = token;
            }
        }
        [colons, segment, ..] if colons == "::" => {
            edges.insert(segment.clone());
        }
        _ => {}
    }
}

/// Words, `::` and single signs. Comments, strings and characters are left out: they name nothing.
fn tokens(text: &str) -> Vec<String> {
    static PATTERN: LazyLock<regex::Regex> = LazyLock::new(|| {
        let skipped =
            r##"(?s)//[^\n]*|/\*.*?\*/|b?r#+".*?"#+|b?r"[^"]*"|"(?:\\.|[^"\\])*"|'(?:\\[^']+|\\'|[^'\\])'"##;
        regex::Regex::new(&format!(r"{skipped}|(?P<token>(?:r#)?\w+|::|[^\s\w])")).unwrap()
    });
    let found = PATTERN.captures_iter(text).filter_map(|found| found.name("token"));
    found.map(|token| token.as_str().trim_start_matches("r#").to_owned()).collect()
}

#[test]
fn the_scanner_finds_every_way_to_name_a_module() {
    let text = r##"
        //! Like `crate::comment`, see also "quotes".
        use crate::single::Thing;
        use crate::{
            group, // crate::not_this
            nested::{self, crate_of, deep::{Deeper}},
            self,
        };
        pub(crate) use crate::public as renamed;
        use super::super::above::Thing;
        use super::sibling::{Thing, super_thing};
        const TEXT: (&str, &str, char) = ("crate::text \" crate::more", r#"crate::"raw""#, '"');
        fn life<'a>(x: &'a str) -> crate::inline::Type<'a> { other::crate_like::<crate::generic::Type>() }
        /* crate::block */
        mod tests {
            use super::super::sibling_again::Thing;
            use super::super::super::from_tests::Thing;
        }
    "##;
    let found = edges(&["jj".into(), "read".into()], text);
    let expected = ["above", "from_tests", "generic", "group", "inline", "nested", "public", "single"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn a_wrong_edge_is_said() {
    let complaints = |file: &str, text: &str| wrong_edges(&module_path(Path::new(file)), text);
    assert_eq!(complaints("jj/read.rs", "use crate::{\n    model::ChangeId,\n    process,\n};"), [""; 0]);
    assert_eq!(
        complaints("jj/read.rs", "use crate::{\n    model::{ChangeId},\n    registry::{self, Rows},\n};"),
        ["`crate::jj::read` may not use `registry`."]
    );
    assert_eq!(complaints("name/mod.rs", "fn f() { crate::cmd::f() }"), ["`crate::name` may not use `cmd`."]);
    assert_eq!(complaints("uid.rs", "use super::jj;"), ["`crate::uid` may not use `jj`."]);
    assert_eq!(complaints("model.rs", "use crate::*;"), ["`crate::model` may not use `*`."]);
    assert_eq!(complaints("main.rs", "use crate::cmd; mod tests { use super::*; }"), [""; 0]);
    assert_eq!(complaints("attic.rs", ""), ["`attic` is a new module: say in MAY_USE what it may use."]);
}

/// A shell reads what config has, word for word, and a line of our own: nothing is ever put into either.
#[test]
fn a_shell_is_given_whole_lines_alone() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let is_shell = regex::Regex::new(r#""(?:/bin/)?(?:ba|da|z)?sh"|\b(?:eval|SHELL)\b"#).unwrap();
    for path in files_below(&src, "rs") {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        // Files to be written for a person's shell, words that another program has said, and tests.
        let is_text = ["cmd/doctor/", "cmd/complete/", "cmd/install.rs", "agent/", "cmd/hook/payload.rs"];
        if is_text.iter().any(|begin| file.starts_with(begin))
            || file.contains("tests")
            || file.contains("fuzz")
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = own.lines().filter(|line| is_shell.is_match(line) && !line.trim().starts_with("//"));
        found.extend(lines.map(|line| format!("{file}: {}", line.trim())));
    }
    let expected = [
        // Shown, and never run.
        r#"config/hooks.rs: Value::from(vec!["sh", "-c", line]).to_string()"#,
        r#"hook.rs: HookCommand::Line(line) => ("sh".as_ref(), vec!["-c".into(), line.into()]),"#,
        r#"hook.rs: run_captured(Path::new("sh"), &args, Some(dir), &[])"#,
        r#"hook.rs: let known = sh(&["-c", "command -v -- \"$1\"", "sh", first])?;"#,
    ];
    assert_eq!(found, expected);
}
