//! Landings that a crash left open: each is in its parent, or it never happened.

use crate::env;
use crate::event::{Event, Landing, What};
use crate::jj::{Jj, revset};
use crate::ledger::Ledger;

/// Settles every landing of this repo that was planned and neither recorded as landed nor dropped. One whose
/// parent is locked is somebody's who is still at it. Returns how many were settled.
pub(crate) fn settle(jj: &Jj, ledger: &mut Ledger) -> anyhow::Result<usize> {
    let mut settled = 0;
    for line in ledger.registry.unsettled_landings(&ledger.repo)? {
        let Ok(Event { flow, what: What::Landing(landing), .. }) = serde_json::from_str::<Event>(&line)
        else {
            continue;
        };
        let Some(_held) = ledger.journal.try_lock_parent(&landing.parent)? else { continue };
        let what = settled_as(jj, &landing)?;
        let head = jj.require_head()?;
        ledger.record(env::now(), Some(&head), vec![(flow, what)])?;
        settled += 1;
    }
    Ok(settled)
}

/// Whether the landing's tip is in its parent now.
fn settled_as(jj: &Jj, landing: &Landing) -> anyhow::Result<What> {
    let key = landing.landing.clone();
    let parent = revset::exactly(&landing.parent);
    let tip = format!("present(commit_id({}))", landing.parent_to);
    let head = jj.require_head()?;
    let graph = jj.read_at(&head, &format!("{tip} & ::{parent}"))?;
    Ok(match graph.changes().first() {
        Some(change) => What::Landed { landing: key, tip: change.tip(), operation: None },
        None => What::Dropped { landing: key },
    })
}
