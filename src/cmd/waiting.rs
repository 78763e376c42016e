//! Flows whose landing met a conflict, as whoever asks is told of them.

use serde_json::{Value, json};

use super::desk::Desk;
use super::landing::Order;
use super::told_here;
use crate::error::Failure;
use crate::event::Conflict;
use crate::graph::Change;
use crate::landing::{Goal, Packet, read_packet};
use crate::model::BookmarkName;
use crate::name::FlowName;
use crate::output::plain;
use crate::survey::{Standing, Survey};

/// A flow whose landing has met a conflict.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) flow: FlowName,
    pub(super) state: State,
    /// What it was to land on.
    parent: BookmarkName,
}

#[derive(Debug)]
pub(super) enum State {
    Conflicted(Box<Packet>),
    /// In conflict, and it could not land for another reason either: that comes first.
    Blocked(Box<Failure>),
    Resolved,
}

impl Waiting {
    pub(super) fn text(&self) -> String {
        let Self { flow, state, parent } = self;
        let parent = plain(parent.as_str());
        match state {
            State::Conflicted(packet) => plain(&packet.text()).into_owned(),
            State::Blocked(failure) => {
                let mut text = format!(
                    "{flow} is in conflict with {parent}, and more is in its way:\n  {}",
                    plain(&failure.message)
                );
                text.extend(failure.hint.iter().map(|hint| format!("\nFirst:      {}", plain(hint))));
                text
            }
            State::Resolved => {
                format!(
                    "{flow} is resolved, and has not landed on {parent} yet.\nThen:       jj flow resume {flow}"
                )
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let (state, packet, error) = match &self.state {
            State::Conflicted(packet) => ("conflicted", Some(packet), None),
            State::Blocked(failure) => {
                let Failure { kind, message, hint, .. } = failure.as_ref();
                ("blocked", None, Some(json!({"code": kind.code(), "message": message, "hint": hint})))
            }
            State::Resolved => ("resolved", None, None),
        };
        json!({"flow": self.flow, "state": state, "packet": packet, "error": error})
    }
}

/// The flows of a repo whose conflict waits for somebody, of those that are asked for.
pub(super) fn waiting(
    desk: &Desk,
    survey: &Survey,
    is_asked: impl Fn(&Standing) -> bool,
) -> anyhow::Result<Vec<Waiting>> {
    let mut all = Vec::new();
    for flow in survey.flows.iter().filter(|flow| flow.status.is_open() && is_asked(flow)) {
        let record = record(desk, flow)?;
        let state = match state(desk, survey, flow, record.as_ref())? {
            Some(state) => state,
            // A kill came before it was published: the flow is where it was.
            None if record.as_ref().is_none_or(|record| is_unpublished(survey, record)) => continue,
            None => State::Resolved,
        };
        let parent = into(survey, flow, record.as_ref()).or_else(|| survey.landing_parent(flow));
        // What lands on nothing meets nothing.
        all.extend(parent.map(|parent| Waiting { flow: flow.name.clone(), state, parent }));
    }
    Ok(all)
}

/// What a survey has to show beside the flows, so that each conflict can be planned again.
pub(super) fn parents(desk: &Desk) -> anyhow::Result<Vec<BookmarkName>> {
    desk.ledger.registry.parents_of_conflicts(&desk.ledger.repo)
}

pub(super) fn record(desk: &Desk, flow: &Standing) -> anyhow::Result<Option<Conflict>> {
    desk.ledger.registry.open_conflict(&desk.ledger.repo, &flow.name.bookmark())
}

/// Where a landing that met a conflict was going, where that is not the flow's own parent.
pub(super) fn into(survey: &Survey, flow: &Standing, record: Option<&Conflict>) -> Option<BookmarkName> {
    let parent = record.map(|record| record.parent.clone());
    parent.filter(|parent| survey.landing_parent(flow).as_ref() != Some(parent))
}

/// Whether `@` has edits that resolve a flow's conflict, which the conflicted change beneath it has not got yet. A change
/// that has a description is one of its own.
pub(super) fn is_resolved_here(survey: &Survey, flow: &Standing) -> bool {
    let is_edits = |here: &&Change| !here.conflict && !here.empty && here.description.is_empty();
    let Some(here) = survey.graph.here().filter(is_edits) else { return false };
    let [beneath] = here.parents.as_slice() else { return false };
    let beneath = survey.graph.place(beneath).map(|place| &survey.graph.changes()[place]);
    let is_own = |change: &&Change| survey.owner(change).is_some_and(|owner| owner.name == flow.name);
    beneath.filter(is_own).is_some_and(|change| change.conflict)
}

/// Fails where a conflict is resolved in `@` and only there: with the command that folds it in.
pub(super) fn require_folded(desk: &Desk, survey: &Survey, flow: &Standing) -> anyhow::Result<()> {
    if !is_resolved_here(survey, flow) {
        return Ok(());
    }
    match state(desk, survey, flow, record(desk, flow)?.as_ref())? {
        Some(State::Conflicted(packet)) => Err(packet.unfolded().into()),
        _ => Ok(()),
    }
}

fn is_unpublished(survey: &Survey, record: &Conflict) -> bool {
    record.before.iter().any(|tip| survey.graph.place(&tip.commit).is_some())
}

/// What a conflict is in; none where the flow is clean.
fn state(
    desk: &Desk,
    survey: &Survey,
    flow: &Standing,
    record: Option<&Conflict>,
) -> anyhow::Result<Option<State>> {
    if !survey.ahead(flow).iter().any(|change| change.conflict) {
        return Ok(None);
    }
    let order = Order { into: into(survey, flow, record), ..Order::of(Goal::Restack) };
    match order.plan(&desk.session.config, survey, &flow.name) {
        Ok(plan) => {
            let packet = read_packet(&desk.session.jj, &plan, record)?;
            Ok(packet.map(|packet| State::Conflicted(Box::new(packet))))
        }
        Err(error) => {
            let error = told_here(error, desk.session.repo().root());
            Ok(Some(State::Blocked(Box::new(Failure::of(&error)))))
        }
    }
}
