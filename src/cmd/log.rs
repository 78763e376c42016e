//! `jj flow log`: what happened, newest first.

use clap::Args;
use serde_json::json;

use super::Call;
use super::target::{find_row, unknown};
use super::which::{Asked, Paging, Which, tell_more};
use crate::event::What;
use crate::output::{hung, plain};
use crate::registry::{EventFilter, Filter, LoggedEvent, Page};

/// Where the second column of a line begins.
pub(super) const WHO: usize = 21;

/// How many events are shown at once.
const USUAL: usize = 100;

/// Show what happened to flows, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow log --all --kind landed --since 7d")]
pub(super) struct LogArgs {
    /// Only of this flow, in full or by the end of its name
    flow: Option<String>,

    #[command(flatten)]
    which: Which,

    /// Only events of this kind, such as created, moved, status, landed
    #[arg(long = "kind", value_name = "KIND", value_parser = What::KINDS, hide_possible_values = true)]
    what: Option<String>,

    /// Only what this uid did or found
    #[arg(long, value_name = "UID")]
    actor: Option<String>,

    #[command(flatten)]
    paging: Paging,
}

pub(super) fn run(args: &LogArgs, mut call: Call) -> anyhow::Result<()> {
    let Asked { registry, filter } = args.which.open(&mut call)?;
    let mut filter = Filter { gone: true, ..filter };
    let Some(registry) = registry else {
        return match &args.flow {
            Some(flow) => Err(unknown(flow, std::iter::empty())),
            None => Ok(call.out.answer("Nothing has been recorded.", json!({"events": [], "next": null}))?),
        };
    };
    let flow = match &args.flow {
        None => None,
        Some(text) => Some(find_row(&registry, filter.repo.as_ref(), text)?.id),
    };
    args.paging.turn_to(&mut filter, USUAL)?;
    let is_restricted = args.which.filters() || args.what.is_some() || args.actor.is_some();
    let filter = EventFilter { flows: filter, flow, kind: args.what.clone(), actor: args.actor.clone() };
    let Page { rows: events, next } = registry.events(&filter)?;
    let lines: Vec<String> = events.iter().map(|event| line(event, args.which.all)).collect();
    let text = match lines.is_empty() {
        true if is_restricted => "Nothing like that has been recorded.".to_owned(),
        true => "Nothing has been recorded.".to_owned(),
        false => hung(&lines.join("\n"), WHO),
    };
    call.out.answer(&text, json!({"events": events, "next": next}))?;
    tell_more(&call, next.as_ref())
}

fn line(event: &LoggedEvent, all: bool) -> String {
    let line = event_line(event);
    if all { format!("{line}  [{}]", plain(&event.component)) } else { line }
}

/// One event on one line: when, who, which flow, what.
pub(super) fn event_line(event: &LoggedEvent) -> String {
    let what = match (&event.from, &event.to) {
        (Some(from), Some(to)) => format!("{from} -> {to}"),
        (None, Some(to)) if event.kind == "status" => to.clone(),
        _ if event.kind == "elsewhere" => "landed elsewhere".to_owned(),
        _ => event.kind.clone(),
    };
    let reason = event
        .reason
        .as_ref()
        .map(|reason| format!(": {}", plain(reason).replace('\n', " ")))
        .unwrap_or_default();
    let operation =
        event.operation.as_ref().map(|op| format!(" ({})", &op[..op.len().min(12)])).unwrap_or_default();
    let at = event.at.get(..19).unwrap_or(&event.at).replace('T', " ");
    format!("{at}  {:8}  {}  {what}{reason}{operation}", plain(&event.actor), event.flow)
}
