//! `jj flow restack`: brings a flow onto its parent's new tip, without landing it.

use clap::Args;

use super::Call;
use super::desk::Desk;
use super::landing::{Order, hand_over, land_flow, landed_json, landed_text};
use super::target::find_flow;
use crate::landing::Goal;

/// Bring a flow's changes onto its parent's new tip
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow restack")]
pub(super) struct RestackArgs {
    /// The flow, in full or by the end of its name; without it, the current one
    flow: Option<String>,
}

pub(super) fn run(args: &RestackArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open(&mut call)?;
    let survey = desk.survey(&[])?;
    let name = find_flow(&survey, args.flow.as_deref())?.name.clone();
    let order = Order::of(Goal::Restack);
    let landed = hand_over(call.out, land_flow(&mut desk, call.out, &name, &order, Some(survey)))?;
    desk.answer(&call, &landed_text(&landed, &order), landed_json(&landed, &order))
}
