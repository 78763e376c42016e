//! `jj flow done`: marks success and lands at once.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use super::target::find_flow;
use crate::config::Trunk;
use crate::error::{Failure, Kind};
use crate::event::What;
use crate::landing::{Landed, Plan, Request, count, forecast, land, plan};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, Status};
use crate::output::plain;

/// Mark a flow's success and land it on its parent at once
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow done --message 'schema: add the event log'")]
pub(super) struct DoneArgs {
    /// The flow, in full or by the end of its name; without it, the current one
    flow: Option<String>,

    /// The description for a last change that has none
    #[arg(long, short)]
    message: Option<String>,

    /// The bookmark to land on, instead of the flow's parent
    #[arg(long, value_name = "BOOKMARK")]
    into: Option<String>,

    /// Show what would land and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &DoneArgs, mut call: Call) -> anyhow::Result<()> {
    if args.message.as_ref().is_some_and(|message| message.trim().is_empty()) {
        let failure = Failure::new(Kind::Usage, "Could not describe the change with no words");
        return Err(failure.hint("jj flow done --message 'what it does'").into());
    }
    let mut desk = Desk::open(&mut call)?;
    let into: Vec<BookmarkName> = args.into.iter().map(BookmarkName::new).collect();
    let survey = desk.survey(&into)?;
    let flow = find_flow(&survey, args.flow.as_deref())?;
    let name = flow.name.clone();
    // Asked again after a kill or a lost answer: what is done is done.
    if flow.status == Status::Merged {
        let object = json!({"flow": name, "status": Status::Merged, "row": desk.row(&name.bookmark())});
        return desk.answer(&call, &format!("{name} is merged already."), object);
    }
    let lands_nowhere = args.into.is_none() && survey.landing_parent(flow).is_none();
    if lands_nowhere && desk.session.config.trunk == Trunk::None {
        let status = flow.status;
        return stay(&mut desk, &call, args.dry_run, status, &name.bookmark());
    }
    let Desk { session, ledger, .. } = &mut desk;
    // The first plan is made of what has just been read.
    let mut first = Some(survey);
    let mut make = |ledger: &Ledger| {
        let survey = first.take().map_or_else(|| session.survey(Some(&ledger.registry), &into), Ok)?;
        let flow = find_flow(&survey, Some(name.as_str()))?;
        plan(&survey, &Request { flow, into: into.first().cloned(), message: args.message.clone() })
    };
    if args.dry_run {
        let planned = make(ledger)?;
        forecast(&session.jj, &planned)?;
        return desk.answer(&call, &planned.summary(), json!({"plan": planned.to_json()}));
    }
    let waiting = |plan: &Plan| {
        Ok(call.out.note(&format!("Waiting for another landing on {}.", plain(plan.parent.as_str())))?)
    };
    let landed = land(&session.jj, ledger, make, waiting)?;
    answer(&desk, &call, &landed)
}

/// With `flow.trunk = "none"` a root flow lands on nothing.
fn stay(
    desk: &mut Desk,
    call: &Call,
    dry_run: bool,
    status: Status,
    flow: &BookmarkName,
) -> anyhow::Result<()> {
    if dry_run {
        let text = format!("{flow} would be at success, and lands on nothing: flow.trunk is none.");
        return desk.answer(call, &text, json!({"plan": null}));
    }
    if status != Status::Success {
        let what = What::Status { from: Some(status), to: Status::Success, reason: None };
        desk.ledger.record(desk.session.now, None, vec![(flow.clone(), what)])?;
    }
    let text = format!("{flow} is at success, and lands on nothing: flow.trunk is none.");
    desk.answer(call, &text, json!({"flow": desk.row(flow)}))
}

fn answer(desk: &Desk, call: &Call, landed: &Landed) -> anyhow::Result<()> {
    let Landed { plan, tip, operation, unfinished } = landed;
    for error in unfinished {
        let text = format!("Warning: {} has landed, but: {error:#}", plan.flow);
        call.out.note(&plain(&text))?;
    }
    let changes = count(plan.changes.len());
    let how = if plan.rebase { "rebased" } else { "fast-forward" };
    let text = format!("Landed {} on {}: {changes}, {how}.", plan.flow, plain(plan.parent.as_str()));
    let object = json!({
        "flow": plan.flow,
        "status": Status::Merged,
        "parent": plan.parent,
        "changes": plan.changes.iter().map(|change| &change.change).collect::<Vec<_>>(),
        "rebased": plan.rebase,
        "tip": tip,
        "operation": operation,
    });
    desk.answer(call, &text, object)
}
