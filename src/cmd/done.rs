//! `jj flow done`: marks success and lands at once.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use super::landing::{Order, find_remote, hand_over, land_flow, landed_json, landed_text, tell};
use super::target::require_flow;
use super::waiting::require_folded;
use crate::config::Trunk;
use crate::error::{Failure, Kind};
use crate::event::What;
use crate::landing::{Goal, News, Plan, forecast, push_landed};
use crate::model::{BookmarkName, OpId, Status};
use crate::name::FlowName;
use crate::output::plain;
use crate::registry::KnownLanding;
use crate::survey::{Standing, Survey};
use crate::text::quoted;

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
    let flow = require_flow(&desk, &survey, args.flow.as_deref(), "done")?;
    let name = flow.name.clone();
    // Asked again after a kill or a lost answer: what is done is done.
    if flow.status == Status::Merged {
        let unpushed = if args.dry_run { None } else { unpushed(&desk, &survey, flow, args.push)? };
        if let Some(known) = unpushed {
            let remote = find_remote(&desk, &survey, &known.landing.parent)?;
            let mut tell = |news: News<'_>| tell(call.out, &news);
            push_landed(&mut desk.strip(&mut tell), &remote, &known)?;
            let text = format!("{name} is merged already, and now pushed to {}.", plain(&remote));
            let row = desk.row(&name.bookmark());
            let object = json!({"flow": name, "status": Status::Merged, "pushed": remote, "row": row});
            return desk.answer(&call, &text, object);
        }
        let object = json!({"flow": name, "status": Status::Merged, "row": desk.row(&name.bookmark())});
        return desk.answer(&call, &format!("{name} is merged already."), object);
    }
    require_folded(&desk, &survey, flow)?;
    let parent = order.into.clone().or_else(|| survey.landing_parent(flow));
    if parent.is_none() && desk.session.config.trunk == Trunk::None {
        let status = flow.status;
        return stay(&mut desk, &call, args.dry_run, status, &name.bookmark());
    }
    // Without a parent, the plan says what is missing.
    let pushed =
        parent.filter(|parent| args.push || (desk.session.config.push && survey.flow(parent).is_none()));
    if let Some(parent) = pushed {
        let remote = find_remote(&desk, &survey, &parent)?;
        order.push = Some((parent, remote));
    }
    let below = if args.cascade { cascade(&survey, flow)? } else { Vec::new() };
    if args.dry_run {
        // What is to land first is what can be told now.
        let first = below.first().unwrap_or(&name);
        let planned = order.plan(&desk.session.config, &survey, first)?;
        let record = desk.ledger.registry.open_conflict(&desk.ledger.repo, &first.bookmark())?;
        let command = in_earnest(first, order.into.as_ref().filter(|_| below.is_empty()), &planned);
        hand_over(call.out, forecast(&desk.session.jj, &planned, record.as_ref(), &command))?;
        let then: Vec<&FlowName> = below.iter().skip(1).chain((!below.is_empty()).then_some(&name)).collect();
        let mut text = plain(&planned.summary()).into_owned();
        text.extend(then.iter().map(|flow| format!("\nThen {flow}.")));
        return desk.answer(&call, &text, json!({"plan": planned.to_json(), "cascade": below}));
    }
    let has_workspace = has_workspace(&survey, &name);
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
    let mut text = landed_text(&landed, &order);
    let workspace = if has_workspace { own_workspace(&desk, &landed.operation, &name)? } else { None };
    if let Some(root) = workspace {
        let main = quoted(desk.session.repo().main_root().as_str());
        let command = format!("cd {main} && jj flow gc");
        text += &format!("\nIts workspace {} is not needed any more: {}", plain(&root), plain(&command));
        object["workspace"] = json!({"root": root, "remove": command});
    }
    desk.answer(&call, &text, object)
}

/// The command that lands what was only planned.
fn in_earnest(flow: &FlowName, into: Option<&BookmarkName>, planned: &Plan) -> String {
    let mut command = format!("jj flow done {flow}");
    command.extend(into.map(|into| format!(" --into {}", quoted(into.as_str()))));
    command.extend(planned.describe.as_ref().map(|message| format!(" --message {}", quoted(message))));
    command
}

/// Whether a workspace has the flow's name: jj names them only where there are several.
fn has_workspace(survey: &Survey, flow: &FlowName) -> bool {
    let mut names = survey.graph.changes().iter().flat_map(|change| &change.workspaces);
    names.any(|name| name == flow.as_str())
}

/// Where the workspace lies that the flow has to itself.
fn own_workspace(desk: &Desk, at: &OpId, flow: &FlowName) -> anyhow::Result<Option<String>> {
    let known = desk.session.jj.read_workspaces(at)?;
    let own = known.iter().find(|known| known.name == flow.as_str());
    Ok(own.map(|own| own.root.to_string()))
}

/// The landing of a merged flow that is to be pushed and never was: a kill came between.
fn unpushed(
    desk: &Desk,
    survey: &Survey,
    flow: &Standing,
    push: bool,
) -> anyhow::Result<Option<KnownLanding>> {
    let registry = &desk.ledger.registry;
    let Some(row) = flow.row.as_ref() else { return Ok(None) };
    let Some(known) = registry.last_landing(row.id)? else { return Ok(None) };
    let is_wanted = push || (desk.session.config.push && survey.flow(&known.landing.parent).is_none());
    let landings = if is_wanted { registry.landings(row.id)? } else { Vec::new() };
    let is_open = landings.iter().any(|row| row.key == known.landing.landing && row.remote.is_none());
    Ok(is_open.then_some(known))
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
