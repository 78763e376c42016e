//! `jj flow undo`: takes back exactly one landing.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use super::target::require_flow;
use crate::error::{Failure, Kind};
use crate::landing::{Undone, undo};
use crate::model::Status;
use crate::output::plain;
use crate::registry::{EventFilter, Filter};
use crate::survey::{Standing, Survey};

/// Take back exactly one landing, and nothing that anybody else did
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow undo a8f2--jjResearch--scaling")]
pub(super) struct UndoArgs {
    /// The flow, in full or by the end of its name; without it, the landed one that this workspace stands on
    flow: Option<String>,
}

pub(super) fn run(args: &UndoArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let flow = match &args.flow {
        Some(named) => require_flow(&desk, &survey, Some(named), "undo")?,
        None => match landed_here(&survey) {
            Some(flow) => flow,
            None => return Err(none_here(&desk)),
        },
    };
    let name = flow.name.clone();
    let row = flow.row.as_ref().filter(|_| flow.status == Status::Merged);
    let known = row.map(|row| desk.ledger.registry.last_landing(row.id)).transpose()?.flatten();
    let Some(known) = known else {
        let message = format!("Could not take back a landing of {name}: it has not landed");
        return Err(Failure::new(Kind::NotLanded, message).hint(format!("jj flow show {name}")).into());
    };
    let parent = &known.landing.parent;
    if let Some(parent) = survey.flow(parent).filter(|parent| parent.status == Status::Merged) {
        let message =
            format!("Could not take back the landing of {name}: {} has landed itself since", parent.name);
        return Err(Failure::new(Kind::LaterLandings, message)
            .hint(format!("jj flow undo {}", parent.name))
            .into());
    }
    let mut tell = |news: crate::landing::News<'_>| super::landing::tell(call.out, &news);
    let Undone { parent, at, operation } = undo(&mut desk.strip(&mut tell), &known)?;
    let text = format!(
        "Took back the landing of {name}: {} is at {} again.",
        plain(parent.as_str()),
        at.change.short()
    );
    let object = json!({
        "flow": name, "status": Status::Success, "parent": parent, "parent_at": at, "operation": operation,
    });
    desk.answer(&call, &text, object)
}

/// Says which landing was the last, of those that can be taken back.
fn none_here(desk: &Desk) -> anyhow::Error {
    let failure = Failure::new(
        Kind::NotLanded,
        "Could not tell which landing to take back: @ stands on no flow that has landed",
    );
    let flows = Filter {
        repo: Some(desk.ledger.repo.clone()),
        status: vec![Status::Merged],
        limit: Some(1),
        ..Filter::default()
    };
    let landed = EventFilter { flows, kind: Some("landed".to_owned()), ..EventFilter::default() };
    match desk.ledger.registry.events(&landed).map(|page| page.rows) {
        Err(error) => error,
        Ok(events) => match events.first() {
            Some(last) => failure.hint(format!("jj flow undo {}", last.flow)).into(),
            None => failure.hint("jj flow list --status merged").into(),
        },
    }
}

/// The landed flow nearest beneath the working copy.
fn landed_here(survey: &Survey) -> Option<&Standing> {
    let beneath = survey.graph.ancestors(&survey.graph.here()?.commit);
    let place = |flow: &&Standing| {
        let at = survey.target(flow).single()?;
        survey.graph.place(&at.commit).filter(|place| beneath.contains(place))
    };
    let merged = survey.flows.iter().filter(|flow| flow.status == Status::Merged);
    merged
        .filter_map(|flow| Some((place(&flow)?, flow)))
        .min_by_key(|(place, _)| *place)
        .map(|(_, flow)| flow)
}
