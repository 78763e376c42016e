//! The shim: `jj` itself, standing before the real one. It names and records bookmarks as they are made, hands
//! `jj flow` to jj-flow, and becomes the real jj for everything else.
//!
//! It fails softly: whatever keeps it from its work, jj runs as if it were not there, with one line on stderr.

mod bookmarks;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use super::complete;
use crate::error::{Failure, Kind};
use crate::output::Out;
use crate::shim::argv::{Command, ConfigArg, Globals, expand, scan};
use crate::shim::intercept::names;
use crate::{env, jj, process};

/// How deep aliases may name aliases.
const ALIAS_DEPTH: usize = 10;

/// Runs one command line of `jj`, given the name that the program was called by.
pub(crate) fn run(argv0: &OsStr, args: Vec<OsString>) -> ExitCode {
    if env::var("JJ_FLOW_BYPASS").is_some() {
        return become_jj(argv0, &args);
    }
    if let Some(shell) = complete::shell() {
        return complete::answer_before_jj(&shell, &args).unwrap_or_else(|| become_jj(argv0, &args));
    }
    if let Command::Flow { rest } = scan(&args).command {
        return super::run(&flow_args(&scan(&args).globals, rest));
    }
    let args = match resolve_aliases(args) {
        Ok(args) | Err(args) => args,
    };
    let scanned = scan(&args);
    match &scanned.command {
        Command::Flow { rest } => super::run(&flow_args(&scanned.globals, rest)),
        Command::Bookmark(naming) => match names(naming) {
            Some(requested) => bookmarks::name_bookmarks(argv0, &args, &scanned, naming.verb, &requested),
            None => become_jj(argv0, &args),
        },
        _ => become_jj(argv0, &args),
    }
}

/// `jj -R x --config y flow …` as jj-flow's own command line.
fn flow_args(globals: &Globals<'_>, rest: &[OsString]) -> Vec<OsString> {
    let repository = globals.repository.map(|repository| format!("--repository={repository}"));
    let given = repository.into_iter().chain(options(globals)).map(Into::into);
    given.chain(rest.iter().cloned()).collect()
}

/// The settings that were given on the command line, as options.
fn options(globals: &Globals<'_>) -> Vec<String> {
    let option = |config: &ConfigArg<'_>| match config {
        ConfigArg::Item(item) => format!("--config={item}"),
        ConfigArg::File(path) => format!("--config-file={path}"),
    };
    globals.configs.iter().map(option).collect()
}

/// Puts an alias's definition in the place of its word, as jj does. `Err` gives the words back as they were: it
/// is no alias, or it means nothing to us.
fn resolve_aliases(args: Vec<OsString>) -> Result<Vec<OsString>, Vec<OsString>> {
    let Command::Unknown { .. } = scan(&args).command else { return Ok(args) };
    let Some(program) = jj::locate() else { return Err(args) };
    let (Ok(place), globals) = (env::current_dir(), options(&scan(&args).globals)) else { return Err(args) };
    let Ok(entries) = jj::read_config(&program, &place, &globals) else { return Err(args) };
    let mut expanded = args.clone();
    for _ in 0..ALIAS_DEPTH {
        let Command::Unknown { word, index } = scan(&expanded).command else { return Ok(expanded) };
        // An alias is a list, or a table with a list in it.
        let names = [format!("aliases.{word}"), format!("aliases.{word}.definition")];
        let entry = entries.iter().find(|entry| names.contains(&entry.name));
        let definition: Option<Vec<String>> = match entry.and_then(|entry| entry.value.as_array()) {
            Some(words) => words.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
            None if word == "b" => Some(vec!["bookmark".to_owned()]),
            None => None,
        };
        let Some(definition) = definition else { return Err(args) };
        expanded = expand(&expanded, index, &definition);
    }
    Err(args)
}

/// Becomes the real jj.
fn become_jj(argv0: &OsStr, args: &[OsString]) -> ExitCode {
    let Some(program) = jj::locate() else { return no_jj() };
    let error = process::exec(&program, argv0, args, &[jj::guard(&program)]);
    let _ = Out::new(false).note(&format!("Error: Could not start {}: {error}", program.display()));
    ExitCode::from(Kind::NoJj.exit())
}

fn no_jj() -> ExitCode {
    let failure = Failure::new(Kind::NoJj, "Could not find jj on PATH, behind jj-flow's shim");
    let _ = Out::new(false).failure(&failure.hint("cargo install --locked jj-cli"));
    ExitCode::from(Kind::NoJj.exit())
}
