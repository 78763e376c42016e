//! `jj flow conflicts`, `resume` and `abort`: what to do with landings that met a conflict.

use clap::Args;
use serde_json::{Value, json};

use super::Call;
use super::desk::Desk;
use super::landing::{Order, find_remote, hand_over, land_flow, landed_json, landed_text, tell};
use super::target::find_flow;
use super::waiting::{Waiting, into, parents, record, require_folded, waiting};
use crate::error::{Failure, Kind};
use crate::event::Conflict;
use crate::graph::Change;
use crate::landing::{Aborted, Goal, News, abort, carried_by};
use crate::model::Status;
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

pub(super) fn run_conflicts(_: &ConflictsArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&parents(&desk)?)?;
    let waiting = waiting(&desk, &survey, |_| true)?;
    let texts: Vec<String> = waiting.iter().map(Waiting::text).collect();
    let text = if texts.is_empty() { "No flow here is in conflict.".to_owned() } else { texts.join("\n\n") };
    let objects: Vec<Value> = waiting.iter().map(Waiting::json).collect();
    desk.answer(&call, &text, json!({"conflicts": objects}))
}

pub(super) fn run_resume(args: &ResumeArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let flow = find(&desk, &survey, args.flow.as_deref(), "resume")?;
    let name = flow.name.clone();
    if flow.status == Status::Merged {
        let object = json!({"flow": name, "status": Status::Merged, "row": desk.row(&name.bookmark())});
        return desk.answer(&call, &format!("{name} is merged already."), object);
    }
    let record = require_record(&desk, flow)?;
    require_folded(&desk, &survey, flow)?;
    // It goes on to where it was going.
    let parent = &record.parent;
    let is_pushed = record.push || (desk.session.config.push && survey.flow(parent).is_none());
    let push = match record.lands && is_pushed {
        true => Some((parent.clone(), find_remote(&desk, &survey, parent)?)),
        false => None,
    };
    let into = into(&survey, flow, Some(&record));
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
    let flow = find(&desk, &survey, args.flow.as_deref(), "abort")?;
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

/// The flow that was named, or the current one; where there is none, the hint leads to the conflicts that wait.
fn find<'a>(
    desk: &Desk,
    survey: &'a Survey,
    named: Option<&str>,
    verb: &str,
) -> anyhow::Result<&'a Standing> {
    if named.is_some() || survey.current().is_some() {
        return find_flow(survey, named);
    }
    let waiting = waiting(desk, survey, |_| true)?;
    let hint = match waiting.as_slice() {
        [] => return find_flow(survey, named),
        [only] if only.flow.uid() == &desk.ledger.actor.uid => format!("jj flow {verb} {}", only.flow),
        _ => "jj flow conflicts".to_owned(),
    };
    let message = format!("There is no flow here to {verb}: @ stands on none");
    Err(Failure::new(Kind::NoCurrentFlow, message).hint(hint).into())
}

fn require_record(desk: &Desk, flow: &Standing) -> anyhow::Result<Conflict> {
    record(desk, flow)?.ok_or_else(|| {
        let message = format!("No landing of {} has met a conflict", flow.name);
        Failure::new(Kind::NoConflict, message).hint(format!("jj flow show {}", flow.name)).into()
    })
}
