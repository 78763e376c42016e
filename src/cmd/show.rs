//! `jj flow show`: one flow whole.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::Call;
use super::log::{WHO, event_line};
use super::target::{find_row, unknown};
use super::which::{Asked, Which};
use crate::env;
use crate::model::Flow;
use crate::output::{age, flow_json, hung, plain, status};
use crate::registry::{EventFilter, Filter, LandingRow, LoggedEvent, VerificationRow};

/// How many events are shown; `jj flow log` has them all.
const EVENTS: usize = 20;

/// Show one flow: its row, its landings and what happened to it
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow show scaling")]
pub(super) struct ShowArgs {
    /// The flow, in full or by the end of its name
    flow: String,

    /// In whichever repo it is
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &ShowArgs, mut call: Call) -> anyhow::Result<()> {
    let which = Which { all: args.all, ..Which::default() };
    let Asked { registry, filter } = which.open(&mut call)?;
    let Some(registry) = registry else { return Err(unknown(&args.flow, std::iter::empty())) };
    let flow = &find_row(&registry, filter.repo.as_ref(), &args.flow)?;
    let landings = registry.landings(flow.id)?;
    let of_flow = Filter { gone: true, limit: Some(EVENTS), ..Filter::default() };
    let events = EventFilter { flows: of_flow, flow: Some(flow.id), ..EventFilter::default() };
    let events = registry.events(&events)?.rows;
    let verifications = registry.verifications(flow.id)?;
    let conflict = registry.open_conflict(&flow.repo, &flow.bookmark)?;
    let object = json!({
        "flow": flow_json(flow), "landings": landings, "verifications": verifications, "conflict": conflict,
        "events": events,
    });
    let mut lines = text(env::now(), flow, &landings, &events);
    // What a failed verification printed is what one who looks wants to see.
    if let Some(last) = verifications.first().filter(|last| !last.passed) {
        lines.push(String::new());
        lines.push(verified(last));
        lines.push(plain(last.tail.trim_end()).into_owned());
    }
    if conflict.is_some() {
        lines.push("\nIts landing has met a conflict: jj flow conflicts".to_owned());
    }
    Ok(call.out.answer(&lines.join("\n"), object)?)
}

fn text(now: Timestamp, flow: &Flow, landings: &[LandingRow], events: &[LoggedEvent]) -> Vec<String> {
    let parent =
        flow.parent.as_ref().map_or("the trunk".to_owned(), |parent| plain(parent.as_str()).into_owned());
    let mut lines = vec![
        format!("{} ({})", flow.bookmark, status(flow.status)),
        format!("Lands on:  {parent}"),
        format!("Component: {}", plain(&flow.component)),
        format!("Change:    {} {}", flow.tip.change.short(), flow.tip.commit.short()),
        format!("Repo:      {}", plain(&flow.root)),
        format!("Started:   {} by {}", ago(now, flow.created_at), plain(&flow.actor)),
    ];
    if let Some(trouble) = flow.trouble {
        lines.push(format!("Trouble:   {}", trouble.as_str()));
    }
    if let Some(reason) = &flow.reason {
        lines.push(format!("Reason:    {}", plain(reason)));
    }
    if let Some(gone) = flow.gone_at {
        lines.push(format!("Gone:      its bookmark went {}", ago(now, gone)));
    }
    for landing in landings {
        let short = |id: &Option<String>| {
            id.as_deref().map(|id| id[..id.len().min(12)].to_owned()).unwrap_or_default()
        };
        let operation = short(&landing.operation);
        let at = if operation.is_empty() { String::new() } else { format!(", operation {operation}") };
        let pushed = landing.remote.as_ref().map(|remote| format!(", pushed to {}", plain(remote)));
        let pushed = pushed.unwrap_or_default();
        lines.push(format!("Landing:   {} on {}{at}{pushed}", landing.state, plain(&landing.parent)));
        lines.extend(landing.verification.as_ref().map(|proof| format!("           {}", verified(proof))));
    }
    lines.push(String::new());
    lines.extend(events.iter().map(|event| hung(&event_line(event), WHO)));
    lines
}

/// `Verified: tree 5b0f0b4c by cargo test, exit 0, in 1.2 s`
fn verified(verification: &VerificationRow) -> String {
    let what = if verification.passed { "Verified" } else { "Not verified" };
    let tree = verification.tree.get(..8).unwrap_or(&verification.tree);
    let seconds = Duration::from_millis(verification.milliseconds).as_secs_f64();
    format!(
        "{what}: tree {tree} by {}, {}, in {seconds:.1} s",
        plain(&verification.command),
        plain(&verification.ending)
    )
}

fn ago(now: Timestamp, then: Timestamp) -> String {
    match age(now, then).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}
