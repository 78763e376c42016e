//! `jj flow done`: marks success and lands at once.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use super::landing::{Order, find_remote, hand_over, land_flow, landed_json, landed_text};
use super::target::find_flow;
use crate::config::Trunk;
use crate::error::{Failure, Kind};
use crate::event::What;
use crate::landing::{Goal, forecast};
use crate::model::{BookmarkName, Status};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};

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

    /// Land the sub-flows that are at success first
    #[arg(long)]
    cascade: bool,

    /// Push the parent afterwards; where that fails, the landing is taken back
    #[arg(long)]
    push: bool,
}

pub(super) fn run(args: &DoneArgs, mut call: Call) -> anyhow::Result<()> {
    if args.message.as_ref().is_some_and(|message| message.trim().is_empty()) {
        let failure = Failure::new(Kind::Usage, "Could not describe the change with no words");
        return Err(failure.hint("jj flow done --message 'what it does'").into());
    }
    let mut order = Order {
        into: args.into.as_ref().map(BookmarkName::new),
        message: args.message.clone(),
        ..Order::of(Goal::Land)
    };
    let mut desk = if args.dry_run { Desk::open_quietly(&mut call)? } else { Desk::open(&mut call)? };
    let survey = match args.dry_run {
        true => desk.session.survey_quietly(Some(&desk.ledger.registry), &order.also())?,
        false => desk.survey(&order.also())?,
    };
    let flow = find_flow(&survey, args.flow.as_deref())?;
    let name = flow.name.clone();
    // Asked again after a kill or a lost answer: what is done is done.
    if flow.status == Status::Merged {
        let object = json!({"flow": name, "status": Status::Merged, "row": desk.row(&name.bookmark())});
        return desk.answer(&call, &format!("{name} is merged already."), object);
    }
    let parent = order.into.clone().or_else(|| survey.landing_parent(flow));
    let Some(parent) = parent.or_else(|| (desk.session.config.trunk != Trunk::None).then(|| name.bookmark()))
    else {
        let status = flow.status;
        return stay(&mut desk, &call, args.dry_run, status, &name.bookmark());
    };
    if args.push || (desk.session.config.push && survey.flow(&parent).is_none()) {
        let remote = find_remote(&desk, &survey, &parent)?;
        order.push = Some((parent, remote));
    }
    let below = if args.cascade { cascade(&survey, flow)? } else { Vec::new() };
    if args.dry_run {
        if let Some(first) = below.first() {
            let text = format!("Would land first: {}.", names(&below));
            call.out.note(&text)?;
            let planned = order.plan(&desk.session.config, &survey, first)?;
            hand_over(call.out, forecast(&desk.session.jj, &planned))?;
            let object = json!({"plan": planned.to_json(), "cascade": below});
            return desk.answer(&call, &planned.summary(), object);
        }
        let planned = order.plan(&desk.session.config, &survey, &name)?;
        hand_over(call.out, forecast(&desk.session.jj, &planned))?;
        return desk.answer(&call, &planned.summary(), json!({"plan": planned.to_json()}));
    }
    // A push fetches first, and what was read is old then.
    let first = if below.is_empty() && order.push.is_none() { Some(survey) } else { None };
    let mut landed_below = Vec::new();
    for child in &below {
        let child_order = Order::of(Goal::Land);
        let landed = hand_over(call.out, land_flow(&mut desk, call.out, child, &child_order, None))?;
        call.out.note(&landed_text(&landed, &child_order))?;
        landed_below.push(landed_json(&landed, &child_order));
    }
    let landed = hand_over(call.out, land_flow(&mut desk, call.out, &name, &order, first))?;
    let mut object = landed_json(&landed, &order);
    object["cascade"] = landed_below.into();
    desk.answer(&call, &landed_text(&landed, &order), object)
}

/// The open sub-flows to land first, the deepest before those that they land on; refused where one is still at work.
fn cascade(survey: &Survey, flow: &Standing) -> anyhow::Result<Vec<FlowName>> {
    let mut below = Vec::new();
    for child in survey.open_children(flow) {
        if child.status != Status::Success {
            let message =
                format!("Could not land {}: its sub-flow {} is {}", flow.name, child.name, child.status);
            return Err(Failure::new(Kind::OpenSubflows, message)
                .hint(format!("jj flow done {}", child.name))
                .into());
        }
        below.extend(cascade(survey, child)?);
        below.push(child.name.clone());
    }
    Ok(below)
}

fn names(flows: &[FlowName]) -> String {
    flows.iter().map(FlowName::as_str).collect::<Vec<_>>().join(", ")
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
