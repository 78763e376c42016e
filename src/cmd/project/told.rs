//! How what a reading tells is said.

use serde_json::{Value, json};

use super::super::Call;
use crate::event::What;
use crate::model::BookmarkName;
use crate::projection::Lines;
use crate::text::{counted, plain};

/// How many lines that were left out are told to a person.
const TOLD: usize = 10;

/// Tells what of the input could not be taken, and what that means.
pub(super) fn note_what_was_left(call: &Call, lines: &Lines) -> anyhow::Result<()> {
    for left in lines.skipped.iter().take(TOLD) {
        let text = format!("Left out line {}: {}: {}", left.line, left.reason, left.text);
        call.out.note(&plain(&text.replace('\n', " ")))?;
    }
    if lines.skipped_lines > 0 {
        let taken = counted(lines.changes.len() as u64, "commit");
        call.out.note(&format!("Left out {}, took {taken}.", counted(lines.skipped_lines as u64, "line")))?;
    }
    if lines.is_cut_off {
        call.out.note("The last line has no end: the input was cut off.")?;
    }
    if lines.changes.is_empty() {
        call.out.note("There is no commit in the input: what printed it may have failed.")?;
    }
    Ok(())
}

/// The lines that were left out, for a program.
pub(super) fn skipped(lines: &Lines) -> Vec<Value> {
    let told = lines.skipped.iter();
    told.map(|left| json!({"line": left.line, "reason": left.reason, "text": left.text})).collect()
}

/// An event as a line of text.
pub(super) fn sentence((flow, what): &(BookmarkName, What)) -> String {
    let text = match what {
        What::Created { tip, .. } => format!("Created {flow} (change {}).", tip.change.short()),
        What::Moved { tip } => {
            format!("Moved {flow} (change {}, commit {}).", tip.change.short(), tip.commit.short())
        }
        What::Renamed { to } => format!("Renamed {flow} to {to}."),
        What::Elsewhere { parent, .. } => format!("Landed {flow} on {parent}."),
        What::TakenBack { .. } => format!("Taken back: the landing of {flow}."),
        What::Clear {} => format!("Has one tip again: {flow}."),
        other => {
            let kind = other.kind();
            format!("{}{}: {flow}.", kind[..1].to_ascii_uppercase(), &kind[1..])
        }
    };
    plain(&text).into_owned()
}

/// The same for a program.
pub(super) fn describe((flow, what): &(BookmarkName, What)) -> Value {
    let mut object = json!({"flow": flow, "kind": what.kind()});
    let (tip, more) = match what {
        What::Created { tip, parent, .. } => (Some(tip), Some(("parent", json!(parent)))),
        What::Moved { tip } => (Some(tip), None),
        What::Elsewhere { tip, parent, .. } => (Some(tip), Some(("parent", json!(parent)))),
        What::Renamed { to } => (None, Some(("to", json!(to)))),
        What::Conflicted { targets } => (None, Some(("targets", json!(targets)))),
        _ => (None, None),
    };
    if let Some(tip) = tip {
        object["change_id"] = json!(tip.change);
        object["commit_id"] = json!(tip.commit);
    }
    if let Some((key, value)) = more {
        object[key] = value;
    }
    object
}
