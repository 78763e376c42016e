//! `jj flow log`: what happened, newest first.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::open_to_read;
use super::target::{find_name, unknown};
use crate::name::FlowName;
use crate::output::plain;
use crate::registry::{Filter, LoggedEvent};

/// Show what happened to the flows of this repo, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow log --limit 50")]
pub(super) struct LogArgs {
    /// Only of this flow, in full or by the end of its name
    flow: Option<String>,

    /// At most this many events
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

pub(super) fn run(args: &LogArgs, mut call: Call) -> anyhow::Result<()> {
    let (session, _) = open_to_read(&mut call)?;
    let (Some(registry), Some(repo)) = (session.open_registry(&call.place)?, session.repo_id()) else {
        return match &args.flow {
            Some(flow) => Err(unknown(flow)),
            None => Ok(call.out.answer("Nothing has been recorded in this repo.", json!({"events": []}))?),
        };
    };
    let events = match &args.flow {
        None => registry.events(Some(&repo), None, args.limit)?,
        Some(text) => {
            let rows = registry.flows(&Filter { repo: Some(repo), gone: true, ..Filter::default() })?;
            let names: std::collections::BTreeSet<FlowName> =
                rows.iter().filter_map(|row| FlowName::parse(row.bookmark.as_str()).ok()).collect();
            let name = find_name(names.iter(), text)?;
            let row = rows
                .iter()
                .find(|row| row.bookmark.as_str() == name.as_str())
                .ok_or_else(|| unknown(text))?;
            registry.events(None, Some(row.id), args.limit)?
        }
    };
    let lines: Vec<String> = events.iter().map(event_line).collect();
    let text = if lines.is_empty() {
        "Nothing has been recorded in this repo.".to_owned()
    } else {
        lines.join("\n")
    };
    Ok(call.out.answer(&text, json!({"events": events}))?)
}

/// One event on one line: when, who, which flow, what.
pub(super) fn event_line(event: &LoggedEvent) -> String {
    let what = match (&event.from, &event.to) {
        (Some(from), Some(to)) => format!("{from} -> {to}"),
        (None, Some(to)) if event.kind == "status" => to.clone(),
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
