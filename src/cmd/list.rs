//! `jj flow list`: rows of the registry.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Call;
use super::which::{Asked, Paging, Which, tell_more};
use crate::env;
use crate::model::{Flow, Trouble};
use crate::output::{age, fitted, flow_json, plain, status};
use crate::registry::{Filter, Page};

/// How many flows are shown at once.
const USUAL: usize = 1_000;

/// List flows as the registry has them, those last touched first
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow list --all --status failed --since 2d")]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: Which,

    /// Flows whose bookmark is gone too, and with --all those of repos that were forgotten
    #[arg(long)]
    gone: bool,

    #[command(flatten)]
    paging: Paging,
}

pub(super) fn run(args: &ListArgs, mut call: Call) -> anyhow::Result<()> {
    let Asked { registry, filter } = args.which.open(&mut call)?;
    let mut filter = Filter { gone: args.gone, ..filter };
    args.paging.turn_to(&mut filter, USUAL)?;
    let page = registry.as_ref().map(|registry| registry.page_of_flows(&filter)).transpose()?;
    let Page { rows: flows, next } = page.unwrap_or(Page { rows: Vec::new(), next: None });
    let left_out = match &registry {
        Some(registry) if flows.is_empty() => {
            !registry.page_of_flows(&Filter { gone: true, limit: Some(1), ..filter })?.rows.is_empty()
        }
        _ => false,
    };
    let object = json!({"flows": flows.iter().map(flow_json).collect::<Vec<Value>>(), "next": next});
    let text =
        if flows.is_empty() { args.which.nothing("flow") } else { rows(&flows, args.which.all, env::now()) };
    call.out.answer(&text, object)?;
    if left_out && !call.out.is_json() {
        call.out.note("There are some that are gone: add --gone")?;
    }
    tell_more(&call, next.as_ref())
}

fn rows(flows: &[Flow], all: bool, now: Timestamp) -> String {
    let mut heading = vec!["flow", "status", "component", "parent", "change", "age"];
    if all {
        heading.push("repo");
    }
    let row = |flow: &Flow| {
        let parent = flow.parent.as_ref().map(ToString::to_string).unwrap_or_default();
        let gone = if flow.gone_at.is_some() { " (gone)" } else { "" };
        let trouble = flow.trouble.map(Trouble::as_str).map(|word| format!(", {word}")).unwrap_or_default();
        let mut cells = vec![
            format!("{}{gone}", flow.bookmark),
            format!("{}{trouble}", status(flow.status)),
            plain(&flow.component).into_owned(),
            plain(&parent).into_owned(),
            flow.tip.change.short().to_owned(),
            age(now, flow.updated_at),
        ];
        if all {
            cells.push(plain(&flow.root).into_owned());
        }
        cells
    };
    fitted(&heading, flows.iter().map(row).collect(), &["change", "component", "parent", "age"])
}
