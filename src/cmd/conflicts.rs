//! `jj flow conflicts`, `resume` and `abort`: what to do with landings that met a conflict.

use clap::Args;
use serde_json::{Value, json};

use super::Call;
use super::desk::Desk;
use super::landing::{Order, find_remote, hand_over, land_flow, landed_json, landed_text, tell};
use super::target::find_flow;
use crate::error::{Failure, Kind};
use crate::event::Conflict;
use crate::graph::Change;
use crate::landing::{Aborted, Goal, News, Packet, abort, carried_by, read_packet};
use crate::model::{BookmarkName, Status};
use crate::name::FlowName;
use crate::output::plain;
use crate::survey::{Standing, Survey};

/// List the flows whose landing met a conflict
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow conflicts --json")]
pub(super) struct ConflictsArgs {}

/// Go on with a landing that met a conflict, now that it is resolved
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow resume")]
pub(super) struct ResumeArgs {
    /// The flow, in full or by the end of its name; without it, the current one
    flow: Option<String>,
}

/// Give up a landing that met a conflict: the flow goes back to where it was
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow abort")]
pub(super) struct AbortArgs {
    /// The flow, in full or by the end of its name; without it, the current one
    flow: Option<String>,
}

/// A flow whose landing has met a conflict: with the packet while it is there, without once it is resolved.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) flow: FlowName,
    pub(super) packet: Option<Packet>,
    /// What it was to land on.
    parent: BookmarkName,
}

impl Waiting {
    pub(super) fn text(&self) -> String {
        let Self { flow, packet, parent } = self;
        match packet {
            Some(packet) => plain(&packet.text()).into_owned(),
            None => {
                let parent = plain(parent.as_str());
                format!(
                    "{flow} is resolved, and has not landed on {parent} yet.\nThen:       jj flow resume {flow}"
                )
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let state = if self.packet.is_some() { "conflicted" } else { "resolved" };
        json!({"flow": self.flow, "state": state, "packet": self.packet})
    }
}

pub(super) fn run_conflicts(_: &ConflictsArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let waiting = waiting(&desk, &survey)?;
    let texts: Vec<String> = waiting.iter().map(Waiting::text).collect();
    let text = if texts.is_empty() { "No flow here is in conflict.".to_owned() } else { texts.join("\n\n") };
    let objects: Vec<Value> = waiting.iter().map(Waiting::json).collect();
    desk.answer(&call, &text, json!({"conflicts": objects}))
}

/// The flows of a repo whose conflict waits for somebody.
pub(super) fn waiting(desk: &Desk, survey: &Survey) -> anyhow::Result<Vec<Waiting>> {
    let mut all = Vec::new();
    for flow in survey.flows.iter().filter(|flow| flow.status.is_open()) {
        let record = record(desk, flow)?;
        let packet = packet(desk, survey, flow, record.as_ref())?;
        let parent = match (&packet, record) {
            (Some(packet), _) => packet.parent.bookmark.clone(),
            // A kill came before it was published: the flow is where it was.
            (None, Some(record)) if is_unpublished(survey, &record) => continue,
            (None, Some(record)) => record.parent,
            (None, None) => continue,
        };
        all.push(Waiting { flow: flow.name.clone(), packet, parent });
    }
    Ok(all)
}

pub(super) fn run_resume(args: &ResumeArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let flow = find_flow(&survey, args.flow.as_deref())?;
    let name = flow.name.clone();
    if flow.status == Status::Merged {
        let object = json!({"flow": name, "status": Status::Merged, "row": desk.row(&name.bookmark())});
        return desk.answer(&call, &format!("{name} is merged already."), object);
    }
    let record = require_record(&desk, flow)?;
    // It goes on to where it was going.
    let parent = record.parent;
    let is_pushed = record.push || (desk.session.config.push && survey.flow(&parent).is_none());
    let push = match record.lands && is_pushed {
        true => Some((parent.clone(), find_remote(&desk, &survey, &parent)?)),
        false => None,
    };
    let into = Some(parent).filter(|parent| survey.landing_parent(flow).as_ref() != Some(parent));
    let goal = if record.lands { Goal::Land } else { Goal::Restack };
    let order = Order { into, push, ..Order::of(goal) };
    // A push fetches first, and what was read is old then.
    let survey = if order.into.is_some() || order.push.is_some() { None } else { Some(survey) };
    let landed = hand_over(call.out, land_flow(&mut desk, call.out, &name, &order, survey))?;
    desk.answer(&call, &landed_text(&landed, &order), landed_json(&landed, &order))
}

pub(super) fn run_abort(args: &AbortArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let flow = find_flow(&survey, args.flow.as_deref())?;
    let name = flow.name.clone();
    let conflict = require_record(&desk, flow)?;
    let mut first = Some(survey);
    let Desk { session, ledger, .. } = &mut desk;
    let look = || {
        let survey = first.take().map_or_else(|| session.survey(None, &[]), Ok)?;
        let own: Vec<&Change> = conflict
            .before
            .iter()
            .filter_map(|tip| survey.graph.changes().iter().find(|change| change.id == tip.change))
            .collect();
        Ok((survey.graph.op.clone(), carried_by(&survey, &own)))
    };
    let mut tell = |news: News<'_>| tell(call.out, &news);
    let mut strip =
        crate::landing::Strip { jj: &session.jj, ledger, config: &session.config, tell: &mut tell };
    let Aborted { operation, given_up, unfinished } = abort(&mut strip, &name, &conflict, look)?;
    for error in unfinished {
        call.out.note(&plain(&format!("Warning: {name} is back, but: {error:#}")))?;
    }
    let text = format!(
        "{name} is back where it was before it met {}. What was given up is in operation {}.",
        plain(conflict.parent.as_str()),
        given_up.short()
    );
    let row = desk.row(&name.bookmark());
    let object = json!({"flow": name, "operation": operation, "given_up": given_up, "row": row});
    desk.answer(&call, &text, object)
}

fn is_unpublished(survey: &Survey, record: &Conflict) -> bool {
    record.before.iter().any(|tip| survey.graph.place(&tip.commit).is_some())
}

fn record(desk: &Desk, flow: &Standing) -> anyhow::Result<Option<Conflict>> {
    desk.ledger.registry.open_conflict(&desk.ledger.repo, &flow.name.bookmark())
}

fn require_record(desk: &Desk, flow: &Standing) -> anyhow::Result<Conflict> {
    record(desk, flow)?.ok_or_else(|| {
        let message = format!("No landing of {} has met a conflict", flow.name);
        Failure::new(Kind::NoConflict, message).hint(format!("jj flow show {}", flow.name)).into()
    })
}

/// The packet of a flow that is in conflict; none where it is clean, or cannot land for another reason.
fn packet(
    desk: &Desk,
    survey: &Survey,
    flow: &Standing,
    record: Option<&Conflict>,
) -> anyhow::Result<Option<Packet>> {
    let is_conflicted = survey.ahead(flow).iter().any(|change| change.conflict);
    if !is_conflicted {
        return Ok(None);
    }
    let name: &FlowName = &flow.name;
    match Order::of(Goal::Restack).plan(&desk.session.config, survey, name) {
        Ok(plan) => read_packet(&desk.session.jj, &plan, record),
        Err(error) => Err(error.context(format!("{name} is in conflict, and more is in its way"))),
    }
}
