//! What a crash left open: a landing is in its parent or never happened, and so is its taking back; a resolver that
//! was killed is cleared up after.

use super::along::export;
use super::mend::read_back;
use super::resolve::clear_left;
use super::strip::Strip;
use crate::env;
use crate::event::What;
use crate::registry::KnownLanding;

/// Settles every landing of this repo that was planned and neither recorded as landed nor dropped, or was to be taken
/// back. One whose parent is locked is somebody's who is still at it.
pub(crate) fn settle(strip: &mut Strip<'_>) -> anyhow::Result<()> {
    clear_left(strip)?;
    for known in strip.ledger.registry.unsettled_landings(&strip.ledger.repo)? {
        let who = format!("{} settling {}", strip.ledger.actor.uid, known.flow);
        let parent = known.landing.parent.clone();
        let Some(_held) = strip.ledger.journal.try_lock_parent(&parent, &who)? else { continue };
        // Whoever held the lock before us may have settled it.
        if !strip.ledger.registry.unsettled_landings(&strip.ledger.repo)?.contains(&known) {
            continue;
        }
        let mended = read_back(strip.jj, &known.flow, &known.landing)?;
        let KnownLanding { flow, state, landing } = known;
        let landing = landing.landing;
        let what = match (state.as_str(), mended.tip) {
            ("undoing", Some(_)) => What::Kept { landing },
            ("undoing", None) => What::Undone { landing },
            (_, Some(tip)) => What::Landed { landing, tip, operation: None },
            (_, None) => What::Dropped { landing },
        };
        let moved = matches!(what, What::Landed { .. } | What::Undone { .. });
        strip.ledger.record(env::now(), Some(&mended.op), vec![(flow, what)])?;
        if moved {
            export(strip.jj)?;
        }
    }
    Ok(())
}
