//! `jj flow context`: all that an agent needs to start or to go on, in one call.

mod next;
mod siblings;
mod text;

use std::cmp::Reverse;

use clap::Args;
use serde_json::{Value, json};

use super::desk::Desk;
use super::target::free_intent;
use super::waiting::{Waiting, is_resolved_here, parents, waiting};
use super::{Call, run_there};
use crate::config::Trunk;
use crate::error::{self, Kind};
use crate::graph::Change;
use crate::jj::revset;
use crate::landing::require_parent;
use crate::model::{Flow, Status};
use crate::name::FlowName;
use crate::output::{change_json, flow_json};
use crate::registry::{Filter, VerificationRow};
use crate::survey::{Standing, Survey};
use crate::text::quoted;
use next::{Next, Situation, new_on, next};
use siblings::{Sibling, find_siblings};

/// Tell where you stand: your uid, the flow at hand, what is in its way, and the next command
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow context --siblings --json\n\n\
    --siblings merges the flow with each other one that touches the same files, in an operation that nobody sees, and \
    says which files would be in conflict.")]
pub(super) struct ContextArgs {
    /// Other open flows that touch the same files, and what merging them would bring
    #[arg(long)]
    siblings: bool,
}

/// What an agent is told. Borrowed from one survey of the repo.
struct Context<'a> {
    survey: &'a Survey,
    uid: String,
    /// Who the uid stands for: the variable that names the session, `workspace` or `user`, and its value.
    source: (String, String),
    component: &'a str,
    root: String,
    /// The repo's own folder, by which it is on record.
    main: String,
    flow: Option<&'a Standing>,
    /// What the parent has that the flow does not stand on, newest first.
    behind: Vec<Change>,
    /// Those of this flow and of the caller's others.
    conflicts: Vec<Waiting>,
    /// What the flow failed by.
    failure: Option<Failure>,
    /// Other open flows of the same uid, in whatever repo, touched last first.
    yours: Vec<Flow>,
    siblings: Option<Vec<Sibling>>,
    next: Next,
}

/// Why a flow failed, or why its last verification did.
struct Failure {
    reason: Option<String>,
    verification: Option<VerificationRow>,
}

pub(super) fn run(args: &ContextArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&parents(&desk)?)?;
    let mut context = look(&desk, &survey, args.siblings)?;
    context.next.command = context.next.command.map(|command| run_there(command, &call.place.dir));
    desk.answer(&call, &context.text(), context.json())
}

/// What keeps a flow from landing, where that is that there is nothing to land on.
fn no_parent(survey: &Survey, flow: &Standing) -> Option<(String, String)> {
    let failure = error::Failure::of(&require_parent(survey, flow).err()?);
    let why = failure.message.rsplit_once(": ").map_or(failure.message.as_str(), |(_, why)| why).to_owned();
    Some((why, failure.hint.filter(|_| failure.kind == Kind::NoParent)?))
}

fn look<'a>(desk: &'a Desk, survey: &'a Survey, siblings: bool) -> anyhow::Result<Context<'a>> {
    let flow = survey.current();
    let uid = desk.ledger.actor.uid.to_string();
    let yours = yours(desk, &uid, flow)?;
    // Of other people's conflicts nobody needs to hear.
    let is_ours = |other: &Standing| {
        other.name.uid().as_str() == uid || flow.is_some_and(|flow| flow.name == other.name)
    };
    let conflicts = waiting(desk, survey, is_ours)?;
    let failure = flow.map(|flow| failure(desk, flow)).transpose()?.flatten();
    let situation = Situation {
        flow: flow.map(|flow| (&flow.name, flow.status)),
        waiting: flow.and_then(|flow| conflicts.iter().find(|waiting| waiting.flow == flow.name)),
        is_resolved_here: flow.is_some_and(|flow| is_resolved_here(survey, flow)),
        subflows: flow.map(|flow| survey.open_children(flow)).unwrap_or_default(),
        ahead: flow.map(|flow| survey.ahead(flow)).unwrap_or_default(),
        tip_elsewhere: flow.and_then(|flow| tip_elsewhere(survey, flow)),
        is_foreign: flow.is_some_and(|flow| flow.name.uid().as_str() != uid),
        to_subflow: match flow.and_then(|flow| at_work(survey.open_children(flow).into_iter())) {
            Some(sub) => way_to(desk, survey, sub)?,
            None => None,
        },
        yours: match at_work(mine(survey, &uid, flow)) {
            Some(other) => way_to(desk, survey, other)?.map(|command| (&other.name, command)),
            None => None,
        },
        is_begun: survey.graph.here().is_some_and(|here| here.has_work() && !here.immutable),
        lands_nowhere: flow.is_some_and(|flow| survey.landing_parent(flow).is_none())
            && desk.session.config.trunk == Trunk::None,
        no_parent: flow
            .filter(|_| desk.session.config.trunk != Trunk::None)
            .and_then(|flow| no_parent(survey, flow)),
        free: free_intent(survey),
        failure: failure.as_ref().and_then(|failure| failure.verification.as_ref()),
    };
    let next = next(&situation);
    Ok(Context {
        survey,
        source: super::uid::source(&desk.session),
        component: &desk.component,
        root: desk.session.repo().root().to_string(),
        main: desk.session.repo().main_root().to_string(),
        flow,
        behind: flow.map(|flow| behind(desk, survey, flow)).transpose()?.unwrap_or_default(),
        failure,
        siblings: match flow.filter(|_| siblings) {
            Some(flow) => Some(find_siblings(&desk.session.jj, survey, flow)?),
            None => siblings.then(Vec::new),
        },
        conflicts,
        uid,
        yours,
        next,
    })
}

/// The flows of a uid beside the one at hand, those touched last first.
fn mine<'a>(survey: &'a Survey, uid: &str, current: Option<&Standing>) -> impl Iterator<Item = &'a Standing> {
    let is_it = |flow: &&Standing| {
        flow.name.uid().as_str() == uid && current.is_none_or(|current| current.name != flow.name)
    };
    let mut flows: Vec<&Standing> = survey.flows.iter().filter(is_it).collect();
    flows.sort_by_key(|flow| Reverse(flow.row.as_ref().map(|row| row.updated_at)));
    flows.into_iter()
}

fn at_work<'a>(mut flows: impl Iterator<Item = &'a Standing>) -> Option<&'a Standing> {
    flows.find(|flow| flow.status == Status::InProgress)
}

/// What leads to a flow: into the workspace where it is worked on, else a new change on its newest work. None where its
/// bookmark is conflicted.
fn way_to(desk: &Desk, survey: &Survey, flow: &Standing) -> anyhow::Result<Option<String>> {
    let is_there =
        |change: &&Change| !change.here && survey.owner(change).is_some_and(|owner| owner.name == flow.name);
    let mut there = survey.graph.changes().iter().filter(is_there).flat_map(|change| &change.workspaces);
    if let Some(name) = there.next() {
        let known = desk.session.jj.read_workspaces(&survey.graph.op)?;
        if let Some(found) = known.iter().find(|known| known.name == *name) {
            return Ok(Some(format!("cd {}", quoted(found.root.as_str()))));
        }
    }
    Ok(survey.tip(flow).map(|tip| new_on(&tip.commit)))
}

/// What the parent has gained since the flow began, or was restacked.
fn behind(desk: &Desk, survey: &Survey, flow: &Standing) -> anyhow::Result<Vec<Change>> {
    let parent = survey.landing_parent(flow).and_then(|parent| survey.graph.bookmark(&parent).single());
    let (Some(parent), Some(tip)) = (parent, survey.tip(flow)) else { return Ok(Vec::new()) };
    if parent.commit == tip.commit || survey.graph.ancestors(&tip.commit).contains(&place(survey, parent)) {
        return Ok(Vec::new());
    }
    let graph = desk.session.jj.read_at(&survey.graph.op, &revset::between(&tip.commit, &parent.commit))?;
    Ok(graph.changes().to_vec())
}

fn place(survey: &Survey, change: &Change) -> usize {
    survey.graph.place(&change.commit).unwrap_or(usize::MAX)
}

/// The tip of a flow whose newest work this workspace does not stand on.
fn tip_elsewhere<'a>(survey: &'a Survey, flow: &Standing) -> Option<&'a Change> {
    let (tip, here) = (survey.tip(flow)?, survey.graph.here()?);
    let stands = survey.graph.ancestors(&here.commit).contains(&place(survey, tip));
    (!stands).then_some(tip)
}

fn failure(desk: &Desk, flow: &Standing) -> anyhow::Result<Option<Failure>> {
    let Some(row) = &flow.row else { return Ok(None) };
    let verifications = desk.ledger.registry.verifications(row.id)?;
    let verification = verifications.into_iter().next().filter(|last| !last.passed);
    let has_failed = flow.status == Status::Failed;
    let reason = row.reason.clone().filter(|_| has_failed);
    Ok((has_failed || verification.is_some()).then_some(Failure { reason, verification }))
}

fn yours(desk: &Desk, uid: &str, current: Option<&Standing>) -> anyhow::Result<Vec<Flow>> {
    let status = Status::ALL.into_iter().filter(|status| status.is_open()).collect();
    let filter = Filter { uid: Some(uid.to_owned()), status, ..Filter::default() };
    let mut flows = desk.ledger.registry.flows(&filter)?;
    let is_current = |row: &Flow| {
        row.repo == desk.ledger.repo
            && current.is_some_and(|flow| flow.name.as_str() == row.bookmark.as_str())
    };
    flows.retain(|row| !is_current(row));
    Ok(flows)
}

impl Context<'_> {
    fn json(&self) -> Value {
        let conflicts: Vec<Value> = self.conflicts.iter().map(Waiting::json).collect();
        let failure = self
            .failure
            .as_ref()
            .map(|failure| json!({"reason": failure.reason, "verification": failure.verification}));
        json!({
            "uid": self.uid,
            "context": {"source": self.source.0, "value": self.source.1},
            "component": self.component,
            "root": self.root,
            "here": self.survey.graph.here().map(change_json),
            "trunk": self.survey.trunk,
            "flow": self.flow.map(|flow| self.flow_json(flow)),
            "conflicts": conflicts,
            "failure": failure,
            "yours": self.yours.iter().map(flow_json).collect::<Vec<_>>(),
            "siblings": self.siblings.as_ref().map(|all| all.iter().map(Sibling::json).collect::<Vec<_>>()),
            "next": {"command": self.next.command, "why": self.next.why},
        })
    }

    fn is_yours(&self, flow: &Standing) -> bool {
        flow.name.uid().as_str() == self.uid
    }

    fn flow_json(&self, flow: &Standing) -> Value {
        let parent = self.survey.landing_parent(flow).map(|parent| {
            let name = FlowName::parse(parent.as_str()).ok();
            json!({
                "bookmark": parent,
                "intent": name.as_ref().map(FlowName::intent),
                "subflow": name.as_ref().and_then(FlowName::subflow),
            })
        });
        let changes =
            |list: &mut dyn Iterator<Item = &Change>| -> Vec<Value> { list.map(change_json).collect() };
        let subflows = self.survey.open_children(flow);
        let subflows = subflows.iter().map(
            |sub| json!({"flow": sub.name, "status": sub.status, "ahead": self.survey.ahead(sub).len()}),
        );
        json!({
            "flow": flow.name,
            "intent": flow.name.intent(),
            "subflow": flow.name.subflow(),
            "status": flow.status,
            "yours": self.is_yours(flow),
            "parent": parent,
            "tip": self.survey.tip(flow).map(Change::tip),
            "ahead": changes(&mut self.survey.ahead(flow).into_iter()),
            "behind": changes(&mut self.behind.iter()),
            "subflows": subflows.collect::<Vec<_>>(),
        })
    }
}
