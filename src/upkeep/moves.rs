//! Taking superseded moves from the record of a repo: its journal and the registry.
//!
//! A crash anywhere leaves the journal as it was or without them, and the registry with them or without: each of the
//! four reads back as the same rows, and the same again takes away what is left.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::failpoint;
use crate::ledger::Ledger;
use crate::registry::Superseded;

/// What went, and what it made of the journal, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) events: usize,
    pub(crate) before: u64,
    pub(crate) after: u64,
}

/// Removes the planned moves that are still superseded ones from before that time.
pub(crate) fn remove_moves(
    ledger: &mut Ledger,
    planned: &[Superseded],
    until: Timestamp,
) -> anyhow::Result<Removed> {
    let held = ledger.journal.lock()?;
    ledger.catch_up()?;
    let before = ledger.journal.size();
    let keys: HashSet<&str> = planned.iter().map(|superseded| superseded.key.as_str()).collect();
    let mut moves = ledger.registry.superseded_moves(&ledger.repo, until)?;
    moves.retain(|superseded| keys.contains(superseded.key.as_str()));
    if moves.is_empty() {
        return Ok(Removed { events: 0, before, after: before });
    }
    let gone = moves.iter().map(|superseded| superseded.key.as_str()).collect();
    let compacted = ledger.journal.write_without(&gone, &held)?;
    failpoint::reach("compacted");
    // Whoever comes after a crash reads whichever journal is there from its start.
    ledger.registry.reread_journal(&ledger.repo)?;
    failpoint::reach("rereading");
    let end = match compacted {
        Some(compacted) => {
            let end = compacted.end;
            compacted.put_in_place()?;
            end
        }
        // A crash came after the journal and before the registry.
        None => ledger.journal.read_from(before)?.map_or(before, |(_, end)| end),
    };
    failpoint::reach("replaced");
    let events = ledger.registry.remove_moves(&ledger.repo, &moves, end)?;
    failpoint::reach("removed");
    Ok(Removed { events, before, after: ledger.journal.size() })
}
