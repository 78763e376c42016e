//! What a landing would come to, of which nothing is published: a conflict that it would meet is told of, and there is
//! nothing to resolve yet.

use super::chain::speculate;
use super::packet::{Packet, read_packet};
use super::plan::Plan;
use super::publish::conflict_of;
use crate::error::Failure;
use crate::event::Conflict;
use crate::jj::Jj;
use crate::model::OpId;

/// Refuses a plan that would meet a conflict; `command` meets it. A flow that is in conflict already is handed over, with
/// what is on record of that.
pub(crate) fn forecast(jj: &Jj, plan: &Plan, record: Option<&Conflict>, command: &str) -> anyhow::Result<()> {
    if !plan.conflicted.is_empty() {
        let plan = Plan { op: jj.require_head()?, ..plan.clone() };
        return match read_packet(jj, &plan, record)? {
            Some(packet) => Err(packet.failure(None).into()),
            None => Ok(()),
        };
    }
    let chain = speculate(jj, plan)?;
    let conflict = conflict_of(plan, &chain, String::new());
    let conflicted = chain.conflicted.iter().map(|change| change.tip()).collect();
    let ahead = Plan { op: chain.last, conflicted, ..plan.clone() };
    match read_packet(jj, &ahead, Some(&conflict))? {
        Some(packet) => Err(foretold(packet, jj.require_head()?, command).into()),
        None => Ok(()),
    }
}

/// The packet without its commands, at the operation that the repo stands at.
fn foretold(packet: Packet, now: OpId, command: &str) -> Failure {
    let packet = Packet { operation_before: Some(now.clone()), operation: now, ..packet };
    let paths: Vec<&str> = packet.change.paths.iter().map(|path| path.path.as_str()).collect();
    let change = packet.change.change.short();
    let mut failure =
        packet.failed(&format!("it would meet a conflict in change {change} ({})", paths.join(", ")));
    if let Some(details) = failure.details.as_mut().and_then(serde_json::Value::as_object_mut) {
        details.remove("commands");
    }
    let says = format!("{} would meet a conflict with {}", packet.flow.bookmark, packet.parent.bookmark);
    failure.text(packet.lines(&says).join("\n")).hint(command)
}
