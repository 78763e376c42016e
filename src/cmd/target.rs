//! Which flow a command is about, and whether a name is free.

use std::cmp::Reverse;
use std::collections::HashSet;

use camino::Utf8Path;

use super::desk::Desk;
use crate::error::{Failure, Kind};
use crate::jj::revset;
use crate::model::{Flow, RepoId};
use crate::name::FlowName;
use crate::registry::{Filter, Registry};
use crate::survey::{Standing, Survey};
use crate::text::{is_near, quoted};

/// How many flows are looked through for what was perhaps meant, and how many are named.
const KNOWN: usize = 1_000;
const NEAR: usize = 3;

/// The flow that was named, or the current one.
pub(super) fn find_flow<'a>(survey: &'a Survey, named: Option<&str>) -> anyhow::Result<&'a Standing> {
    let Some(text) = named else {
        return survey.current().ok_or_else(|| {
            Failure::new(Kind::NoCurrentFlow, "There is no flow here: @ stands on none")
                .hint(format!("jj flow new {}", free_intent(survey)))
                .into()
        });
    };
    let name = find_name(survey.flows.iter().map(|flow| &flow.name), text)?;
    survey.flow(&name.bookmark()).ok_or_else(|| unknown(text, std::iter::empty()))
}

/// The same for a verb that needs a bookmark: of a flow whose bookmark is gone it is said how it comes back.
pub(super) fn require_flow<'a>(
    desk: &Desk,
    survey: &'a Survey,
    named: Option<&str>,
    verb: &str,
) -> anyhow::Result<&'a Standing> {
    let error = match find_flow(survey, named) {
        Ok(flow) => return Ok(flow),
        Err(error) => error,
    };
    let found = named.map(|text| find_row(&desk.ledger.registry, Some(&desk.ledger.repo), text));
    let Some(Ok(row)) = found.filter(|found| found.as_ref().is_ok_and(|row| row.gone_at.is_some())) else {
        return Err(error);
    };
    let name = &row.bookmark;
    let graph = desk.session.jj.read_at(&survey.graph.op, &revset::change(&row.tip.change))?;
    let at = match graph.changes() {
        [change] if !change.hidden => change.id.short(),
        _ => row.tip.commit.as_str(),
    };
    let message = format!("The bookmark {name} is gone: jj flow gc or somebody has deleted it");
    let hint = format!("jj bookmark create {name} --revision {at} && jj flow {verb} {name}");
    Err(Failure::new(Kind::UnknownFlow, message).hint(hint).into())
}

/// The one name that a text stands for: in full, or its end where only one has that end.
pub(super) fn find_name<'a>(
    names: impl Iterator<Item = &'a FlowName>,
    text: &str,
) -> anyhow::Result<&'a FlowName> {
    let wanted = text.to_ascii_lowercase();
    let ending = format!("--{wanted}");
    let is_meant = |name: &&FlowName| {
        let name = name.as_str().to_ascii_lowercase();
        name == wanted || name.ends_with(&ending)
    };
    let names: Vec<&FlowName> = names.collect();
    let found: Vec<&FlowName> = names.iter().copied().filter(is_meant).collect();
    if let Some(exact) = found.iter().find(|name| name.as_str().eq_ignore_ascii_case(text)) {
        return Ok(exact);
    }
    match found.as_slice() {
        [] => Err(unknown(text, names.iter().map(|name| name.as_str()))),
        [one] => Ok(one),
        several => {
            let list: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let message = format!("{text} may be any of {}", list.join(", "));
            Err(Failure::new(Kind::UnknownFlow, message).hint(format!("jj flow show {}", list[0])).into())
        }
    }
}

/// The row that a text stands for, in one repo or in all: a live one before one whose bookmark is gone.
pub(super) fn find_row(registry: &Registry, repo: Option<&RepoId>, text: &str) -> anyhow::Result<Flow> {
    let mut rows = registry.flows_named(repo, text)?;
    let wanted = text.to_ascii_lowercase();
    if rows.iter().any(|row| row.bookmark.as_str().eq_ignore_ascii_case(&wanted)) {
        rows.retain(|row| row.bookmark.as_str().eq_ignore_ascii_case(&wanted));
    }
    // The live row, else the one that went last.
    rows.sort_by_key(|row| (row.gone_at.is_some(), Reverse(row.updated_at), Reverse(row.id)));
    let mut seen = HashSet::new();
    rows.retain(|row| seen.insert((row.repo.clone(), row.bookmark.clone())));
    match rows.as_slice() {
        [] => {
            let all = Filter { repo: repo.cloned(), gone: true, limit: Some(KNOWN), ..Filter::default() };
            let known = registry.page_of_flows(&all)?.rows;
            Err(unknown(text, known.iter().map(|row| row.bookmark.as_str())))
        }
        [one] => Ok(one.clone()),
        several => {
            let is_one_repo = several.iter().all(|row| row.repo == several[0].repo);
            let name = |row: &Flow| match is_one_repo {
                true => row.bookmark.to_string(),
                false => format!("{} in {}", row.bookmark, row.root),
            };
            let mut list: Vec<String> = several.iter().map(name).collect();
            list.sort();
            let message = format!("{text} may be any of {}", list.join(", "));
            let mut first: Vec<&Flow> = several.iter().collect();
            first.sort_by(|one, other| (&one.bookmark, &one.root).cmp(&(&other.bookmark, &other.root)));
            let here = first.iter().find(|row| Utf8Path::new(&row.root).is_absolute());
            let hint = match here {
                _ if is_one_repo => format!("jj flow show {}", first[0].bookmark),
                Some(here) => format!("jj flow -R {} show {}", quoted(&here.root), here.bookmark),
                None => format!("jj flow list --all --text {}", first[0].bookmark),
            };
            Err(Failure::new(Kind::UnknownFlow, message).hint(hint).into())
        }
    }
}

/// A name that no flow has, with those that were perhaps meant: near in full, or near in their end.
pub(super) fn unknown<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let ends = |name: &str| {
        let ends = name.match_indices("--").map(|(at, mark)| at + mark.len());
        ends.chain([0]).any(|at| is_near(&name[at..], text))
    };
    let mut near: Vec<&str> = names.filter(|name| ends(name)).take(NEAR).collect();
    near.sort_unstable();
    let asks = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    let failure = Failure::new(Kind::UnknownFlow, format!("There is no flow {text} in this repo{asks}"));
    match near.as_slice() {
        [only] => failure.hint(format!("jj flow show {only}")).into(),
        _ => failure.hint("jj flow list").into(),
    }
}

/// An intent to suggest: no flow of this repo has it yet.
pub(super) fn free_intent(survey: &Survey) -> String {
    let remotes = survey.graph.changes().iter().flat_map(|change| &change.remotes);
    let remotes = remotes.filter_map(|remote| FlowName::parse(remote.name.as_str()).ok());
    let names = survey.flows.iter().map(|flow| flow.name.clone()).chain(remotes);
    let taken: HashSet<String> = names.map(|name| name.intent().to_ascii_lowercase()).collect();
    let numbered = (2..).map(|number| format!("research{number}"));
    let mut intents = std::iter::once("research".to_owned()).chain(numbered);
    intents.find(|intent| !taken.contains(intent)).unwrap_or_default()
}

/// A name that no bookmark of the repo may have yet, in whatever case.
pub(super) fn require_free(survey: &Survey, name: &FlowName) -> anyhow::Result<()> {
    let taken = |name: &FlowName| {
        let flow = survey.flows.iter().find(|flow| flow.name.as_str().eq_ignore_ascii_case(name.as_str()));
        let known =
            flow.map(|flow| format!("There is a flow {} already, and it is {}", flow.name, flow.status));
        let mut remotes = survey.graph.changes().iter().flat_map(|change| &change.remotes);
        let mut remote = || remotes.find(|remote| remote.name.as_str().eq_ignore_ascii_case(name.as_str()));
        known.or_else(|| remote().map(|at| format!("There is a flow {} at {} already", at.name, at.remote)))
    };
    let Some(message) = taken(name) else { return Ok(()) };
    let free = (2..1000).find_map(|number| {
        let name = FlowName::parse(&format!("{name}{number}")).ok()?;
        taken(&name).is_none().then_some(name)
    });
    let failure = Failure::new(Kind::NameTaken, message);
    Err(match free {
        Some(free) if free.depth() == 1 => failure.hint(format!("jj flow new {}", free.intent())).into(),
        Some(free) => failure.hint(format!("jj flow new {free}")).into(),
        None => failure.into(),
    })
}
