//! `jj flow land`: lands everything that was marked as success, children first; what verification tools mark in the
//! database among it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;
use serde_json::{Value, json};

use super::Call;
use super::desk::Desk;
use super::landing::{Order, find_remote, land_flow, landed_json, landed_text};
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::landing::Goal;
use crate::model::{Flow, OpId, RepoId, Status};
use crate::name::FlowName;
use crate::output::plain;
use crate::registry::{Filter, Registry, place_of};
use crate::session::{Place, Session, require_jj};

/// How often the registry is asked whether anything has changed; it answers without reading a row.
const WATCH: Duration = Duration::from_millis(300);

/// Land every flow that is marked as success, sub-flows first
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow land --watch")]
pub(super) struct LandArgs {
    /// In every repo that the registry knows
    #[arg(long)]
    all: bool,

    /// Go on landing what is marked later, until interrupted; with --json, one object a line
    #[arg(long)]
    watch: bool,
}

/// A flow that could not land, and the state in which it could not: it is tried again once its row has changed, or its
/// repo has moved on. A conflict waits for its row alone: a resolver that failed is not asked again for whatever others
/// do in the repo.
type Stuck = HashMap<i64, (jiff::Timestamp, Option<Vec<OpId>>)>;

/// Where flows are landed.
#[derive(Debug)]
enum Scope {
    All,
    /// In the repo of this folder.
    Here(RepoId),
    /// Nothing has been recorded in it yet.
    Nowhere,
}

/// What one pass over a repo came to.
#[derive(Debug, Default)]
struct Pass {
    landed: Vec<Value>,
    failed: Vec<Value>,
    /// The exit status of the first that failed.
    status: Option<u8>,
    /// Those of the failed that met a conflict.
    conflicted: Vec<String>,
}

pub(super) fn run(args: &LandArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let program = require_jj()?;
    let (config, _) = call.place.load_config(&program)?;
    call.out.follow(config.color.as_deref());
    let mut scope = if args.all { Scope::All } else { load_here(&call)? };
    let path = call.place.registry_path(&config)?;
    let mut registry = Registry::open(&path)?;
    let mut place = place_of(&path);
    let mut stuck = Stuck::new();
    loop {
        let version = registry.version_of_data()?;
        let pass = pass(&scope, &call, &registry, &mut stuck)?;
        if !args.watch {
            return answer(&call, pass);
        }
        if !pass.landed.is_empty() || !pass.failed.is_empty() {
            answer(&call, pass)?;
        }
        while place_of(&path) == place
            && registry.version_of_data()? == version
            && !has_moved(&scope, &call, &registry, &stuck)?
        {
            std::thread::sleep(WATCH);
        }
        let is_replaced = place_of(&path) != place;
        if is_replaced {
            registry = Registry::open(&path)?;
            place = place_of(&path);
            stuck.clear();
        }
        if is_replaced && !args.all || matches!(scope, Scope::Nowhere) {
            scope = load_here(&call)?;
        }
    }
}

/// The repo at hand, on record where it is now: its id is the same wherever its folder was moved.
fn load_here(call: &Call) -> anyhow::Result<Scope> {
    let session = Session::open(&call.place)?;
    match session.repo_id() {
        Some(_) => Ok(Scope::Here(session.open_ledger(&call.place)?.repo)),
        None => Ok(Scope::Nowhere),
    }
}

/// Lands what waits to land in each repo.
fn pass(scope: &Scope, call: &Call, registry: &Registry, stuck: &mut Stuck) -> anyhow::Result<Pass> {
    let mut pass = Pass::default();
    for (root, flows) in waiting(scope, call, registry)? {
        let is_due = |flow: &Flow| {
            stuck.get(&flow.id).is_none_or(|(at, seen)| *at != flow.updated_at || has_moved_from(seen, &root))
        };
        let flows: Vec<Flow> = flows.into_iter().filter(is_due).collect();
        if flows.is_empty() {
            continue;
        }
        let place = Place { dir: root.clone(), options: call.place.options.clone() };
        let mut there = Call { place, out: call.out };
        if let Err(error) = land_in(&mut there, &flows, &mut pass) {
            pass.fail(&there, root.as_str(), &error)?;
        }
        for flow in registry.flows(&Filter { status: vec![Status::Success], ..Filter::default() })? {
            if flows.iter().any(|tried| tried.id == flow.id) {
                let waits = pass.conflicted.iter().any(|name| name == flow.bookmark.as_str());
                stuck.insert(flow.id, (flow.updated_at, (!waits).then(|| heads(&root))));
            }
        }
    }
    Ok(pass)
}

/// The flows at success, by the folder of their repo.
fn waiting(scope: &Scope, call: &Call, registry: &Registry) -> anyhow::Result<Vec<(Utf8PathBuf, Vec<Flow>)>> {
    let mut repos: Vec<(Utf8PathBuf, Vec<Flow>)> = Vec::new();
    for flow in registry.flows(&Filter { status: vec![Status::Success], ..Filter::default() })? {
        let root = match scope {
            // Nobody can land on another machine from here.
            Scope::All if registry.is_elsewhere(&flow.repo)? || registry.is_forgotten(&flow.repo)? => {
                continue;
            }
            Scope::All => Utf8PathBuf::from(&flow.root),
            // Here is where the command was started, which may be another workspace of the repo.
            Scope::Here(here) if *here == flow.repo => call.place.dir.clone(),
            Scope::Here(_) | Scope::Nowhere => continue,
        };
        match repos.iter_mut().find(|(known, _)| *known == root) {
            Some((_, flows)) => flows.push(flow),
            None => repos.push((root, vec![flow])),
        }
    }
    Ok(repos)
}

/// Whether a repo with a stuck flow in it has moved on.
fn has_moved(scope: &Scope, call: &Call, registry: &Registry, stuck: &Stuck) -> anyhow::Result<bool> {
    if stuck.is_empty() {
        return Ok(false);
    }
    let waiting = waiting(scope, call, registry)?;
    let moved = |root: &Utf8PathBuf, flow: &Flow| {
        stuck.get(&flow.id).is_some_and(|(_, seen)| has_moved_from(seen, root))
    };
    Ok(waiting.iter().any(|(root, flows)| flows.iter().any(|flow| moved(root, flow))))
}

fn has_moved_from(seen: &Option<Vec<OpId>>, root: &Utf8PathBuf) -> bool {
    seen.as_ref().is_some_and(|seen| *seen != heads(root))
}

fn heads(root: &Utf8PathBuf) -> Vec<OpId> {
    Repo::find(root).and_then(|repo| repo.load_heads().ok()).unwrap_or_default()
}

/// Lands the flows of one repo, the deepest first; one that cannot does not stop the others.
fn land_in(call: &mut Call, flows: &[Flow], pass: &mut Pass) -> anyhow::Result<()> {
    let mut desk = Desk::open(call)?;
    let survey = desk.survey(&[])?;
    // Who was marked first lands first.
    let mut names: Vec<FlowName> =
        flows.iter().rev().filter_map(|flow| FlowName::parse(flow.bookmark.as_str()).ok()).collect();
    let height = |name: &FlowName| {
        let mut parents = 0;
        let mut parent = survey.flow(&name.bookmark()).and_then(|flow| flow.parent.clone());
        while let Some(flow) =
            parent.and_then(|parent| survey.flow(&parent)).filter(|_| parents <= flows.len())
        {
            parents += 1;
            parent = flow.parent.clone();
        }
        parents
    };
    names.sort_by_key(|name| Reverse(height(name)));
    loop {
        let (mut blocked, before) = (Vec::new(), pass.landed.len());
        for name in names {
            match land_one(&mut desk, call, &name) {
                Ok(Some((text, object))) => {
                    if !call.out.is_json() {
                        call.out.line(&text)?;
                    }
                    pass.landed.push(object);
                }
                Ok(None) => {}
                Err(error) if is_blocked(&error) => blocked.push((name, error)),
                Err(error) => pass.fail(call, name.as_str(), &error)?,
            }
        }
        if pass.landed.len() == before {
            for (name, error) in &blocked {
                pass.fail(call, name.as_str(), error)?;
            }
            break;
        }
        names = blocked.into_iter().map(|(name, _)| name).collect();
    }
    // What the failures left behind is in the rows then, and no news.
    if !pass.failed.is_empty() {
        desk.survey(&[])?;
    }
    Ok(())
}

/// Whether it was others that stood in a flow's way, which may land before it is tried again.
fn is_blocked(error: &anyhow::Error) -> bool {
    matches!(Failure::of(error).kind, Kind::OtherFlows | Kind::OpenSubflows)
}

/// Lands one flow; none where it has gone, landed or changed its status meanwhile.
fn land_one(desk: &mut Desk, call: &Call, name: &FlowName) -> anyhow::Result<Option<(String, Value)>> {
    let survey = desk.survey(&[])?;
    let Some(flow) = survey.flow(&name.bookmark()).filter(|flow| flow.status == Status::Success) else {
        return Ok(None);
    };
    let Some(parent) = survey.landing_parent(flow) else { return Ok(None) };
    let mut order = Order::of(Goal::Land);
    if desk.session.config.push && survey.flow(&parent).is_none() {
        let remote = find_remote(desk, &survey, &parent)?;
        order.push = Some((parent, remote));
    }
    let first = if order.push.is_none() { Some(survey) } else { None };
    let landed = land_flow(desk, call.out, name, &order, first)?;
    Ok(Some((landed_text(&landed, &order), landed_json(&landed, &order))))
}

impl Pass {
    fn fail(&mut self, call: &Call, what: &str, error: &anyhow::Error) -> anyhow::Result<()> {
        let failure = Failure::of(error);
        call.out.note(&plain(&format!("{what}: {}", failure.message)))?;
        self.status.get_or_insert(failure.kind.exit());
        if failure.kind == Kind::Conflict {
            self.conflicted.push(what.to_owned());
        }
        self.failed.push(json!({
            "what": what, "code": failure.kind.code(), "message": failure.message, "hint": failure.hint,
        }));
        Ok(())
    }
}

fn answer(call: &Call, pass: Pass) -> anyhow::Result<ExitCode> {
    let Pass { landed, failed, status, .. } = pass;
    let text = match (landed.len(), failed.len()) {
        (0, 0) => Some("Nothing waits to land."),
        _ => None,
    };
    if call.out.is_json() {
        call.out.answer("", json!({"landed": landed, "failed": failed}))?;
    } else if let Some(text) = text {
        call.out.line(text)?;
    }
    Ok(status.map_or(ExitCode::SUCCESS, ExitCode::from))
}
