//! `jj flow`: the flows of this repo as a tree.

mod forest;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::Call;
use super::desk::read_flows;
use super::target::free_intent;
use super::which::Which;
use crate::graph::Target;
use crate::model::BookmarkName;
use crate::output::{self, Leaf, age, plain, status, tree};
use crate::session::Session;
use crate::survey::{Standing, Survey};

/// The columns that go on a narrow terminal: age, changes ahead, conflict, status.
const SPARE: [usize; 4] = [3, 1, 2, 0];

pub(super) fn run(which: &Which, mut call: Call) -> anyhow::Result<()> {
    if which.all {
        return forest::run(which, call);
    }
    let (session, survey) = read_flows(&mut call)?;
    let current = survey.current().map(|flow| flow.name.as_str());
    let passing = passing(&survey, which, &session)?;
    let in_order = |names: &HashSet<&str>| -> Vec<&Standing> {
        survey.flows.iter().filter(|flow| names.contains(flow.name.as_str())).collect()
    };
    let shown = in_order(&with_parents(&survey, &passing));
    let merged = if which.filters() { 0 } else { survey.flows.len() - shown.len() };
    let described = if which.filters() { in_order(&passing) } else { survey.flows.iter().collect() };
    let flows: Vec<Value> = described.into_iter().map(|flow| describe(&survey, flow, current)).collect();
    let object = json!({"current": current, "trunk": survey.trunk, "flows": flows});
    let mut text = match (shown.is_empty(), which.filters()) {
        (true, false) => {
            format!("There are no open flows in this repo. Start one: jj flow new {}", free_intent(&survey))
        }
        (true, true) => which.nothing("flow"),
        _ => tree(&grow(&survey, &shown, current, &session), &SPARE),
    };
    if merged > 0 {
        text.push_str(&format!("\n{merged} merged: jj flow list --status merged"));
    }
    Ok(call.out.answer(&text, object)?)
}

/// The flows that pass the filters: the open ones, unless a status is asked for.
fn passing<'a>(survey: &'a Survey, which: &Which, session: &Session) -> anyhow::Result<HashSet<&'a str>> {
    let types = &session.config.rules.types;
    let parent = which.parent_in(session, survey)?;
    let mut names = HashSet::new();
    for flow in &survey.flows {
        let is_asked = !which.status.is_empty() || flow.status.is_open();
        let passes = match &flow.row {
            Some(row) => which.passes(row, types, parent.as_ref())?,
            None => !which.filters(),
        };
        if is_asked && passes {
            names.insert(flow.name.as_str());
        }
    }
    Ok(names)
}

/// These flows, and those that they are to land on.
fn with_parents<'a>(survey: &'a Survey, names: &HashSet<&'a str>) -> HashSet<&'a str> {
    let mut all = names.clone();
    for name in names {
        let mut above = survey.flow(&BookmarkName::new(*name));
        while let Some(parent) = above.and_then(|flow| survey.flow(&survey.landing_parent(flow)?)) {
            if !all.insert(parent.name.as_str()) {
                break;
            }
            above = Some(parent);
        }
    }
    all
}

fn describe(survey: &Survey, flow: &Standing, current: Option<&str>) -> Value {
    let tip = survey.tip(flow);
    json!({
        "flow": flow.name,
        "status": flow.status,
        "parent": survey.landing_parent(flow),
        "current": current == Some(flow.name.as_str()),
        "changes": survey.ahead(flow).iter().map(|change| output::change_json(change)).collect::<Vec<_>>(),
        "tip": tip.map(|tip| tip.tip()),
        "conflict": is_conflicted(survey, flow),
        "component": flow.row.as_ref().map(|row| &row.component),
        "trouble": flow.row.as_ref().and_then(|row| row.trouble),
        "updated_at": flow.row.as_ref().map(|row| row.updated_at),
    })
}

fn is_conflicted(survey: &Survey, flow: &Standing) -> bool {
    survey.target(flow) == Target::Conflicted || survey.ahead(flow).iter().any(|change| change.conflict)
}

/// Each flow under what it lands on; one whose parent is not shown stands by itself.
fn grow(survey: &Survey, shown: &[&Standing], current: Option<&str>, session: &Session) -> Vec<Leaf> {
    let mut under: HashMap<Option<String>, Vec<&Standing>> = HashMap::new();
    for flow in shown {
        let parent = survey.landing_parent(flow).map(|parent| parent.to_string());
        let is_shown = |parent: &String| {
            survey.trunk.as_ref().is_some_and(|trunk| trunk.as_str() == parent)
                || shown.iter().any(|other| other.name.as_str() == parent)
        };
        under.entry(parent.filter(is_shown)).or_default().push(flow);
    }
    let leaf = |flow: &Standing| Leaf {
        name: flow.name.to_string(),
        columns: columns(survey, flow, session),
        here: current == Some(flow.name.as_str()),
        ..Leaf::default()
    };
    let mut roots = Vec::new();
    if let Some(trunk) = &survey.trunk {
        let leaves = take(&mut under, trunk.as_str(), &leaf);
        if !leaves.is_empty() {
            roots.push(Leaf {
                name: plain(trunk.as_str()).into_owned(),
                quiet: true,
                leaves,
                ..Leaf::default()
            });
        }
    }
    for flow in under.remove(&None).unwrap_or_default() {
        roots.push(Leaf { leaves: take(&mut under, flow.name.as_str(), &leaf), ..leaf(flow) });
    }
    roots
}

fn take(
    under: &mut HashMap<Option<String>, Vec<&Standing>>,
    parent: &str,
    leaf: &impl Fn(&Standing) -> Leaf,
) -> Vec<Leaf> {
    let flows = under.remove(&Some(parent.to_owned())).unwrap_or_default();
    flows
        .into_iter()
        .map(|flow| Leaf { leaves: take(under, flow.name.as_str(), leaf), ..leaf(flow) })
        .collect()
}

/// Status, changes ahead, conflict, age.
fn columns(survey: &Survey, flow: &Standing, session: &Session) -> Vec<String> {
    let ahead = survey.ahead(flow).iter().filter(|change| change.has_work()).count();
    let conflict = if is_conflicted(survey, flow) { "conflict" } else { "" };
    let age = flow.row.as_ref().map(|row| age(session.now, row.updated_at)).unwrap_or_default();
    vec![status(flow.status), format!("{ahead} ahead"), conflict.to_owned(), age]
}
