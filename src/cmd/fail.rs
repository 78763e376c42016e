//! `jj flow fail` and `jj flow reopen`: the transitions that move nothing in jj.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use super::target::find_flow;
use crate::error::{Failure, Kind};
use crate::event::What;
use crate::model::Status;
use crate::output::plain;
use crate::text::quoted;

/// Mark a flow as failed, and say why
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow fail --reason 'the index does not scale'")]
pub(super) struct FailArgs {
    /// The flow, in full or by the end of its name; without it, the current one
    flow: Option<String>,

    /// Why it failed
    #[arg(long, short)]
    reason: String,
}

/// Take a flow up again that failed, or whose success was too early
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow reopen a8f2--jjResearch")]
pub(super) struct ReopenArgs {
    /// The flow, in full or by the end of its name; without it, the current one
    flow: Option<String>,
}

pub(super) fn run_fail(args: &FailArgs, call: Call) -> anyhow::Result<()> {
    if args.reason.trim().is_empty() {
        let failure = Failure::new(Kind::Usage, "Could not mark the flow as failed without a reason");
        let flow = args.flow.as_ref().map(|flow| format!(" {}", quoted(flow))).unwrap_or_default();
        return Err(failure.hint(format!("jj flow fail{flow} --reason 'what went wrong'")).into());
    }
    set(call, args.flow.as_deref(), Status::Failed, Some(&args.reason))
}

pub(super) fn run_reopen(args: &ReopenArgs, call: Call) -> anyhow::Result<()> {
    set(call, args.flow.as_deref(), Status::InProgress, None)
}

fn set(mut call: Call, flow: Option<&str>, to: Status, reason: Option<&str>) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let flow = find_flow(&survey, flow)?;
    let (name, from) = (flow.name.bookmark(), flow.status);
    if from == Status::Merged {
        let message = format!("Could not mark {name} as {to}: it is merged");
        return Err(Failure::new(Kind::IllegalTransition, message)
            .hint(format!("jj flow show {name}"))
            .into());
    }
    if from == to && reason.is_none() {
        let text = format!("{name} is {to} already.");
        return desk.answer(&call, &text, json!({"flow": desk.row(&name)}));
    }
    let what = What::Status { from: Some(from), to, reason: reason.map(str::to_owned) };
    desk.ledger.record(desk.session.now, None, vec![(name.clone(), what)])?;
    let because = reason.map(|reason| format!(": {}", plain(reason))).unwrap_or_default();
    desk.answer(&call, &format!("{name} is {to}{because}."), json!({"flow": desk.row(&name)}))
}
