//! What an argument may be: the names of the repo at hand, read from jj's operation store without any process.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use camino::Utf8Path;
use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::jj::{OpStore, Repo};
use crate::name::FlowName;
use crate::name::grammar::SEPARATOR;
use crate::session::{Place, expand_home};

/// The command, with candidates for every argument that names something of the repo that the words before the cursor
/// lead to.
pub(super) fn attach(command: Command, before: &[OsString]) -> Command {
    let repository = Arc::new(repository(before));
    let known = |arg: Arg| with_candidates(arg, &repository);
    command.mut_args(known).mut_subcommands(|verb| verb.mut_args(known))
}

/// What an argument may be is told by what its help calls its value.
fn with_candidates(arg: Arg, repository: &Arc<Option<String>>) -> Arg {
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let pick = match (value, arg.get_id().as_str()) {
        ("FLOW", _) => flows,
        (_, "bookmark") => no_flows,
        ("BOOKMARK" | "REVSET", _) => bookmarks,
        (_, "repository") => return arg.value_hint(ValueHint::DirPath),
        ("PATH", _) => return arg.value_hint(ValueHint::FilePath),
        _ => return arg,
    };
    let repository = Arc::clone(repository);
    arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
        let names = load_bookmarks(repository.as_deref()).unwrap_or_default();
        typed.to_str().map_or_else(Vec::new, |typed| pick(&names, typed))
    }))
}

/// In full, and by the end that is being typed where only one flow has it.
fn flows(names: &BTreeSet<String>, typed: &str) -> Vec<CompletionCandidate> {
    let flows: Vec<&String> = names.iter().filter(|name| is_flow(name)).collect();
    let mut found: Vec<CompletionCandidate> =
        flows.iter().filter(|flow| flow.starts_with(typed)).map(CompletionCandidate::new).collect();
    let ends = flows.iter().flat_map(|flow| ends(flow).map(move |end| (end, flow)));
    for (end, flow) in ends.filter(|(end, _)| !typed.is_empty() && end.starts_with(typed)) {
        if flows.iter().filter(|flow| has_end(flow, end)).count() == 1 {
            found.push(CompletionCandidate::new(end).help(Some(flow.to_string().into())));
        }
    }
    found
}

fn bookmarks(names: &BTreeSet<String>, typed: &str) -> Vec<CompletionCandidate> {
    names.iter().filter(|name| name.starts_with(typed)).map(CompletionCandidate::new).collect()
}

fn no_flows(names: &BTreeSet<String>, typed: &str) -> Vec<CompletionCandidate> {
    bookmarks(&names.iter().filter(|name| !is_flow(name)).cloned().collect(), typed)
}

fn is_flow(name: &str) -> bool {
    FlowName::parse(name).is_ok()
}

/// `jjResearch--scaling` and `scaling`, of `a8f2--jjResearch--scaling`.
fn ends(flow: &str) -> impl Iterator<Item = &str> {
    flow.match_indices(SEPARATOR).map(|(at, separator)| &flow[at + separator.len()..])
}

/// As a flow is looked up by its end: without regard to case.
fn has_end(flow: &str, end: &str) -> bool {
    ends(flow).any(|other| other.eq_ignore_ascii_case(end))
}

/// The names of all local bookmarks; of several heads, those of each.
fn load_bookmarks(repository: Option<&str>) -> Option<BTreeSet<String>> {
    let repository = repository.map(|path| expand_home(Utf8Path::new(path)));
    let place = Place::find(repository.as_deref(), false, Vec::new()).ok()?;
    let repo = Repo::find(&place.dir)?;
    let views = OpStore::open(&repo)?.load_views(&repo.load_heads().ok()?)?;
    let bookmarks = views.into_iter().flat_map(|view| view.bookmarks.into_keys());
    let mut names: BTreeSet<String> = bookmarks.map(|name| name.as_str().to_owned()).collect();
    // A line's end in a name would be two candidates.
    names.retain(|name| !name.contains(char::is_control));
    Some(names)
}

/// The last `-R`, in any of its forms.
fn repository(words: &[OsString]) -> Option<String> {
    let texts: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let value = |(at, text): (usize, &&str)| {
        let attached = text.strip_prefix("--repository").or_else(|| text.strip_prefix("-R"))?;
        match attached {
            "" => texts.get(at + 1).copied(),
            _ => Some(attached.strip_prefix('=').unwrap_or(attached)),
        }
        .map(str::to_owned)
    };
    texts.iter().enumerate().filter_map(value).next_back()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use rstest::rstest;

    use super::*;

    fn texts(candidates: &[CompletionCandidate]) -> Vec<&str> {
        candidates.iter().map(|candidate| candidate.get_value().to_str().unwrap()).collect()
    }

    #[rstest]
    #[case("", &["a8f2--jjResearch", "a8f2--jjResearch--scaling", "b1c2--docsApi", "b1c2--jjResearch--api"])]
    #[case("b", &["b1c2--docsApi", "b1c2--jjResearch--api"])]
    #[case("sca", &["scaling"])]
    #[case("jj", &["jjResearch", "jjResearch--scaling", "jjResearch--api"])]
    #[case("a", &["a8f2--jjResearch", "a8f2--jjResearch--scaling", "api"])]
    #[case("main", &[])]
    fn a_flow_is_named_in_full_or_by_its_end(#[case] typed: &str, #[case] expected: &[&str]) {
        let names = [
            "a8f2--jjResearch",
            "a8f2--jjResearch--scaling",
            "b1c2--docsApi",
            "b1c2--jjResearch--api",
            "main",
        ];
        assert_eq!(texts(&flows(&names.map(str::to_owned).into(), typed)), expected);
    }

    #[test]
    fn an_end_that_several_flows_have_is_none() {
        let names = ["a8f2--docs--api", "b1c2--docs--aPi", "b1c2--schema--api", "c3d4--research", "b-side"];
        let names = names.map(str::to_owned).into();
        assert_eq!(texts(&flows(&names, "ap")), [""; 0]);
        assert_eq!(texts(&flows(&names, "docs--")), [""; 0]);
        assert_eq!(texts(&flows(&names, "sch")), ["schema--api"]);
        assert_eq!(texts(&no_flows(&names, "b")), ["b-side"]);
    }

    #[rstest]
    #[case("flow done", None)]
    #[case("-R x flow -m y", Some("x"))]
    #[case("-R=x flow --repository y", Some("y"))]
    #[case("-Rx flow", Some("x"))]
    #[case("--repository=x/y flow -R", Some("x/y"))]
    fn the_repository_is_the_last_one_named(#[case] words: &str, #[case] expected: Option<&str>) {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        assert_eq!(repository(&words).as_deref(), expected);
    }

    /// Whoever adds an argument that takes a flow, and calls it so, has it completed.
    #[test]
    fn every_argument_that_takes_a_flow_or_a_bookmark_is_completed() {
        let command = attach(crate::cmd::Cli::command(), &[]);
        let mut found = Vec::new();
        for verb in command.get_subcommands() {
            let completed = verb.get_arguments().filter(|arg| arg.get::<ArgValueCompleter>().is_some());
            found.extend(completed.map(|arg| format!("{} {}", verb.get_name(), arg.get_id())));
        }
        let expected = [
            "new parent",
            "new from",
            "sub of",
            "done flow",
            "done into",
            "undo flow",
            "restack flow",
            "resume flow",
            "abort flow",
            "fail flow",
            "reopen flow",
            "adopt bookmark",
            "list parent",
            "show flow",
            "log flow",
            "log parent",
        ];
        assert_eq!(found, expected);
    }
}
