//! `jj flow show`: one flow whole.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::Call;
use super::desk::open_to_read;
use super::target::{find_name, unknown};
use crate::model::{BookmarkName, Flow};
use crate::name::FlowName;
use crate::output::{age, flow_json, plain, status};
use crate::registry::{Filter, LandingRow, LoggedEvent, VerificationRow};
use crate::session::Session;

/// How many events are shown; `jj flow log` has them all.
const EVENTS: usize = 20;

/// Show one flow: its row, its landings and what happened to it
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow show scaling")]
pub(super) struct ShowArgs {
    /// The flow, in full or by the end of its name
    flow: String,
}

pub(super) fn run(args: &ShowArgs, mut call: Call) -> anyhow::Result<()> {
    let (session, _) = open_to_read(&mut call)?;
    let (Some(registry), Some(repo)) = (session.open_registry(&call.place)?, session.repo_id()) else {
        return Err(unknown(&args.flow));
    };
    let rows = registry.flows(&Filter { repo: Some(repo), gone: true, ..Filter::default() })?;
    let names: Vec<FlowName> =
        rows.iter().filter_map(|row| FlowName::parse(row.bookmark.as_str()).ok()).collect();
    let distinct: std::collections::BTreeSet<&FlowName> = names.iter().collect();
    let name: BookmarkName = find_name(distinct.into_iter(), &args.flow)?.bookmark();
    // The live row, else the one that went last.
    let flow = rows.iter().filter(|row| row.bookmark == name).min_by_key(|row| row.gone_at.is_some());
    let flow = flow.ok_or_else(|| unknown(&args.flow))?;
    let landings = registry.landings(flow.id)?;
    let events = registry.events(None, Some(flow.id), EVENTS)?;
    let verifications = registry.verifications(flow.id)?;
    let conflict = registry.open_conflict(&flow.repo, &flow.bookmark)?;
    let object = json!({
        "flow": flow_json(flow), "landings": landings, "verifications": verifications, "conflict": conflict,
        "events": events,
    });
    let mut lines = text(&session, flow, &landings, &events);
    // What a failed verification printed is what one who looks wants to see.
    if let Some(last) = verifications.first().filter(|last| !last.passed) {
        lines.push(String::new());
        lines.push(verified(last));
        lines.push(plain(last.tail.trim_end()).into_owned());
    }
    if conflict.is_some() {
        lines.push(format!(
            "\nIts landing has met a conflict: jj flow conflicts, jj flow resume {}",
            flow.bookmark
        ));
    }
    Ok(call.out.answer(&lines.join("\n"), object)?)
}

fn text(session: &Session, flow: &Flow, landings: &[LandingRow], events: &[LoggedEvent]) -> Vec<String> {
    let parent =
        flow.parent.as_ref().map_or("the trunk".to_owned(), |parent| plain(parent.as_str()).into_owned());
    let mut lines = vec![
        format!("{} ({})", flow.bookmark, status(flow.status)),
        format!("Lands on:  {parent}"),
        format!("Component: {}", plain(&flow.component)),
        format!("Change:    {} {}", flow.tip.change.short(), flow.tip.commit.short()),
        format!("Repo:      {}", plain(&flow.root)),
        format!("Started:   {} by {}", ago(session, flow.created_at), plain(&flow.actor)),
    ];
    if let Some(reason) = &flow.reason {
        lines.push(format!("Reason:    {}", plain(reason)));
    }
    if let Some(gone) = flow.gone_at {
        lines.push(format!("Gone:      its bookmark went {}", ago(session, gone)));
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
    lines.extend(events.iter().map(super::log::event_line));
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

fn ago(session: &Session, then: Timestamp) -> String {
    match age(session.now, then).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}
