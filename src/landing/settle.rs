//! Landings that a crash left open: each is in its parent, or it never happened.

use crate::env;
use crate::event::{Event, Landing, What};
use crate::graph::{Change, Graph};
use crate::jj::{Jj, revset};
use crate::ledger::Ledger;
use crate::model::{OpId, Tip};

/// Settles every landing of this repo that was planned and neither recorded as landed nor dropped. One whose
/// parent is locked is somebody's who is still at it.
pub(crate) fn settle(jj: &Jj, ledger: &mut Ledger) -> anyhow::Result<()> {
    for line in ledger.registry.unsettled_landings(&ledger.repo)? {
        let Ok(Event { flow, what: What::Landing(landing), .. }) = serde_json::from_str::<Event>(&line)
        else {
            continue;
        };
        let Some(_held) = ledger.journal.try_lock_parent(&landing.parent)? else { continue };
        // Whoever held the lock before us may have settled it.
        if !ledger.registry.unsettled_landings(&ledger.repo)?.contains(&line) {
            continue;
        }
        let head = jj.require_head()?;
        let what = settled_as(jj, &head, &landing)?;
        ledger.record(env::now(), Some(&head), vec![(flow, what)])?;
    }
    Ok(())
}

/// Whether the landing's tip is in its parent now.
fn settled_as(jj: &Jj, head: &OpId, landing: &Landing) -> anyhow::Result<What> {
    let key = landing.landing.clone();
    Ok(match landed_tip(&read_landing(jj, head, landing)?, landing) {
        Some(tip) => What::Landed { landing: key, tip, operation: None },
        None => What::Dropped { landing: key },
    })
}

/// The landing's parent, and its tip where that is in the parent: as the commit that was published, or as what
/// became of its change since.
pub(super) fn read_landing(jj: &Jj, op: &OpId, landing: &Landing) -> anyhow::Result<Graph> {
    let parent = revset::exactly(&landing.parent);
    let tip = format!("(present(commit_id({})) | change_id({}))", landing.parent_to, landing.tip.change);
    jj.read_at(op, &format!("{parent} | ({tip} & ::{parent})"))
}

/// The tip in what [`read_landing`] read.
pub(super) fn landed_tip(graph: &Graph, landing: &Landing) -> Option<Tip> {
    let is_tip = |change: &&Change| change.commit == landing.parent_to || change.id == landing.tip.change;
    graph.changes().iter().find(is_tip).map(Change::tip)
}
