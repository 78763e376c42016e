//! What a crash left open: a landing is in its parent or never happened, and so is its taking back; a resolver that
//! was killed is cleared up after.

use std::collections::BTreeSet;

use super::along::{Carried, bring_along, export};
use super::mend::read_back;
use super::plan::workspaces;
use super::resolve::clear_left;
use super::strip::{News, Strip};
use crate::env;
use crate::event::{Landing, What};
use crate::jj::revset;
use crate::model::OpId;
use crate::registry::KnownLanding;

/// Settles every landing of this repo that was planned and neither recorded as landed nor dropped, or was to be taken
/// back. One that cannot be is told of and stays: it stands in nobody else's way.
pub(crate) fn settle(strip: &mut Strip<'_>) -> anyhow::Result<()> {
    if let Err(error) = clear_left(strip) {
        let note = format!("Warning: could not clear up after a resolver that was killed: {error:#}");
        (strip.tell)(News::Note(note))?;
    }
    for known in strip.ledger.registry.unsettled_landings(&strip.ledger.repo)? {
        if let Err(error) = settle_one(strip, &known) {
            let (flow, parent) = (&known.flow, &known.landing.parent);
            let note =
                format!("Warning: could not tell what came of the landing of {flow} on {parent}: {error:#}");
            (strip.tell)(News::Note(note))?;
        }
    }
    Ok(())
}

/// One whose parent is locked is somebody's who is still at it.
fn settle_one(strip: &mut Strip<'_>, known: &KnownLanding) -> anyhow::Result<()> {
    let who = format!("{} settling {}", strip.ledger.actor.uid, known.flow);
    let mut held = Vec::new();
    for name in BTreeSet::from([&known.locked, &known.landing.parent]) {
        let Some(lock) = strip.ledger.journal.try_lock_parent(name, &who)? else { return Ok(()) };
        held.push(lock);
    }
    // Whoever held the lock before us may have settled it.
    if !strip.ledger.registry.unsettled_landings(&strip.ledger.repo)?.contains(known) {
        return Ok(());
    }
    let mended = read_back(strip.jj, &known.flow, &known.landing)?;
    let KnownLanding { flow, state, landing: planned, .. } = known;
    let landing = planned.landing.clone();
    let what = match (state.as_str(), mended.tip) {
        ("undoing", Some(_)) => What::Kept { landing },
        ("undoing", None) => What::Undone { landing },
        (_, Some(tip)) => What::Landed { landing, tip, operation: None },
        (_, None) => What::Dropped { landing },
    };
    let left = match &what {
        What::Landed { .. } => carried_by_landing(strip, &mended.op, planned)?,
        _ => Carried::default(),
    };
    if matches!(what, What::Landed { .. } | What::Undone { .. }) {
        export(strip.jj)?;
        for error in bring_along(strip.jj, &left, &planned.chain) {
            (strip.tell)(News::Note(format!("Warning: {error:#}")))?;
        }
    }
    strip.ledger.record(env::now(), Some(&mended.op), vec![(flow.clone(), what)])
}

/// The workspaces on what has landed or above it: some of them may not know yet that it was rewritten.
fn carried_by_landing(strip: &Strip<'_>, op: &OpId, landing: &Landing) -> anyhow::Result<Carried> {
    let landed: Vec<String> = landing.landed.iter().map(revset::change).collect();
    if landed.is_empty() {
        return Ok(Carried::default());
    }
    let graph = strip.jj.read_at(op, &format!("working_copies() & ({})::", landed.join(" | ")))?;
    Ok(workspaces(graph.changes()))
}
