//! `jj flow new`: a change, its bookmark and its row.

use clap::Args;
use serde_json::json;

use super::Call;
use super::begin::{Beginning, Begun, Start, begin};
use super::desk::Desk;
use super::target::{find_flow, free_intent, require_free};
use crate::config::Trunk;
use crate::error::{Failure, Kind};
use crate::event::Origin;
use crate::jj;
use crate::name::{FlowName, normalise};
use crate::output::plain;
use crate::survey::{Standing, Survey};
use crate::text::quoted;

/// Start a flow: a new change on the trunk, its bookmark and its row
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow new research into jj")]
pub(super) struct NewArgs {
    /// What the flow is for, in your own words
    #[arg(required = true)]
    intent: Vec<String>,

    /// The flow to land on, instead of the trunk; the new change starts at its tip
    #[arg(long, value_name = "FLOW")]
    parent: Option<String>,

    /// The revision to start from
    #[arg(long, value_name = "REVSET", conflicts_with = "here")]
    from: Option<String>,

    /// Take the current change as the flow's first instead of making one
    #[arg(long, conflicts_with = "workspace")]
    here: bool,

    #[command(flatten)]
    beginning: Beginning,
}

pub(super) fn run(args: &NewArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open_to_make(&mut call)?;
    let survey = desk.survey(&[])?;
    let name = make_name(&desk, &args.intent.join(" "))?;
    require_free(&survey, &name)?;
    let parent = match &args.parent {
        Some(text) => Some(find_parent(&survey, text)?),
        None => open_parent(&survey, &name),
    };
    let parent_name = parent.map(|parent| parent.name.bookmark());
    warn_of_trunk(&desk, &call, &survey)?;
    let (place, begun) = if args.here {
        let place = here(&desk, &survey, args)?;
        let change = desk.make_flow(&name, parent_name, Origin::New, None)?;
        (place, Begun { change, workspace: None })
    } else {
        let Place { revset, shown } =
            start(&survey, &desk.session.config.trunk, parent, args.from.as_deref());
        let start = Start { revset, parent: parent_name, origin: Origin::New };
        (shown, begin(&mut desk, &call, &name, start, &args.beginning, &typed(args))?)
    };
    let flow = desk.row(&name.bookmark());
    let (place, change) = (plain(&place), begun.change.short());
    let text = format!("Started {name} on {place}{} (change {change}).", begun.place());
    desk.answer(&call, &text, json!({"flow": flow, "workspace": begun.workspace}))
}

/// What is set may be a slip, or a bookmark that is still to come.
fn warn_of_trunk(desk: &Desk, call: &Call, survey: &Survey) -> anyhow::Result<()> {
    match (&desk.session.config.trunk, &survey.trunk) {
        (Trunk::Named(name), None) => {
            let text = format!("Warning: flow.trunk is {name}, which is no bookmark here.");
            Ok(call.out.note(&plain(&text))?)
        }
        _ => Ok(()),
    }
}

/// What was typed behind the verb, but for its workspace and its description.
fn typed(args: &NewArgs) -> String {
    let option = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(" {name} {}", quoted(value))).unwrap_or_default()
    };
    let intent = quoted(&args.intent.join(" "));
    format!("{intent}{}{}", option("--parent", &args.parent), option("--from", &args.from))
}

/// The conforming name for free text, under the caller's uid.
pub(super) fn make_name(desk: &Desk, text: &str) -> anyhow::Result<FlowName> {
    normalise::flow_name(text, &desk.ledger.actor.uid, &desk.session.config.rules).map_err(|refusal| {
        let failure = Failure::new(Kind::NameRefused, format!("Could not make a name: {}", refusal.error));
        match refusal.nearest {
            Some(name) => failure.hint(format!("jj flow new {name}")).into(),
            None => failure.into(),
        }
    })
}

/// The flow that a name says it is under, where it is there and has not landed.
pub(super) fn open_parent<'a>(survey: &'a Survey, name: &FlowName) -> Option<&'a Standing> {
    survey.flow(&name.parent()?.bookmark()).filter(|flow| flow.status.is_open())
}

fn find_parent<'a>(survey: &'a Survey, text: &str) -> anyhow::Result<&'a Standing> {
    let flow = find_flow(survey, Some(text))?;
    if flow.status.is_open() {
        return Ok(flow);
    }
    let message = format!("Could not start a flow on {}: it is merged", flow.name);
    Err(Failure::new(Kind::IllegalTransition, message).hint("jj flow list --status in-progress").into())
}

/// Adopts the current change, described where a message was given.
fn here(desk: &Desk, survey: &Survey, args: &NewArgs) -> anyhow::Result<String> {
    if survey.graph.here().is_some_and(|change| change.immutable) {
        let message = "Could not start a flow here: the current change is immutable";
        let hint = format!("jj flow new {}", free_intent(survey));
        return Err(Failure::new(Kind::Immutable, message).hint(hint).into());
    }
    let here = survey.graph.here();
    let held = here.and_then(|here| here.bookmarks.iter().find_map(|bookmark| survey.flow(&bookmark.name)));
    if let Some(flow) = held.filter(|flow| flow.status.is_open()) {
        let message = format!("Could not start a flow here: the current change is that of {}", flow.name);
        return Err(Failure::new(Kind::NameTaken, message).hint("jj flow sub scaling").into());
    }
    if let Some(message) = &args.beginning.message {
        desk.session.jj.run(&["describe".to_owned(), format!("--message={message}")])?;
    }
    Ok("the current change".to_owned())
}

/// Where a new flow starts.
struct Place {
    revset: String,
    shown: String,
}

/// REV, else the parent's tip, else the trunk. Where there is no trunk it is the work that is there: nobody's
/// files vanish because a repo has no `main` yet.
fn start(survey: &Survey, setting: &Trunk, parent: Option<&Standing>, from: Option<&str>) -> Place {
    if let Some(revset) = from {
        return Place { revset: revset.to_owned(), shown: revset.to_owned() };
    }
    if let Some((parent, tip)) = parent.and_then(|parent| Some((parent, survey.tip(parent)?))) {
        return Place { revset: jj::commit(&tip.commit), shown: parent.name.to_string() };
    }
    let trunk = survey.trunk.as_ref().and_then(|trunk| Some((trunk, survey.graph.bookmark(trunk).single()?)));
    if let Some((trunk, change)) = trunk {
        return Place { revset: jj::commit(&change.commit), shown: trunk.to_string() };
    }
    // Without a remote, `trunk()` is the root commit, which is no trunk to speak of.
    let trunk = survey.graph.changes().iter().find(|change| change.trunk && !change.parents.is_empty());
    if let Some(change) = trunk {
        return Place { revset: jj::commit(&change.commit), shown: "trunk()".to_owned() };
    }
    let has_work = survey.graph.here().is_some_and(|change| change.has_work());
    let revset = if has_work { "@" } else { "@-" };
    let why = match setting {
        Trunk::Named(name) => format!("there is no bookmark {name}"),
        Trunk::None => "flow.trunk is none".to_owned(),
        Trunk::Auto(_) => "this repo has no trunk".to_owned(),
    };
    Place { revset: revset.to_owned(), shown: format!("the work that is here, as {why}") }
}
