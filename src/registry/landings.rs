//! Landings on record: planned, then landed or dropped, once.

use rusqlite::{Connection, named_params, params};
use serde::Serialize;

use super::rows::text_of;
use super::{Registry, failure};
use crate::event::{Event, Landing, What};
use crate::model::{RepoId, Tip};

/// One landing of a flow, as recorded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LandingRow {
    pub(crate) key: String,
    pub(crate) parent: String,
    /// `planned`, `landed`, `elsewhere` or `dropped`.
    pub(crate) state: String,
    pub(crate) base_operation: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) parent_from: Option<String>,
    pub(crate) parent_to: Option<String>,
    pub(crate) changes: Option<u32>,
    pub(crate) rebased: Option<bool>,
    pub(crate) planned_at: String,
    pub(crate) settled_at: Option<String>,
}

impl Registry {
    /// The landings of a flow, newest first.
    pub(crate) fn landings(&self, flow: i64) -> anyhow::Result<Vec<LandingRow>> {
        let read = || -> rusqlite::Result<Vec<LandingRow>> {
            let mut statement = self.db.prepare_cached(
                "SELECT key, parent, state, base_operation, operation, parent_from, parent_to, changes, rebased, \
                 planned_at, settled_at FROM landings WHERE flow = :flow ORDER BY id DESC",
            )?;
            let rows = statement.query_map(named_params! {":flow": flow}, |row| {
                Ok(LandingRow {
                    key: row.get(0)?,
                    parent: row.get(1)?,
                    state: row.get(2)?,
                    base_operation: row.get(3)?,
                    operation: row.get(4)?,
                    parent_from: row.get(5)?,
                    parent_to: row.get(6)?,
                    changes: row.get(7)?,
                    rebased: row.get(8)?,
                    planned_at: row.get(9)?,
                    settled_at: row.get(10)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(failure)
    }

    /// The lines of events whose landing was planned in this repo and neither landed nor was dropped.
    pub(crate) fn unsettled_landings(&self, repo: &RepoId) -> anyhow::Result<Vec<String>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.db.prepare_cached(
                "SELECT e.line FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow \
                 JOIN events AS e ON e.flow = l.flow AND e.kind = 'landing' \
                 WHERE l.state = 'planned' AND f.repo = :repo AND instr(e.line, l.key) > 0 ORDER BY l.id",
            )?;
            statement.query_map(named_params! {":repo": repo.as_str()}, |row| row.get(0))?.collect()
        };
        read().map_err(failure)
    }
}

pub(super) fn insert_landing(
    db: &Connection,
    flow: i64,
    event: &Event,
    landing: &Landing,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO landings (key, flow, parent, state, base_operation, chain_operation, parent_from, parent_to, \
             tip_change, tip_from, changes, rebased, planned_at) \
         VALUES (:key, :flow, :parent, 'planned', :base, :chain, :parent_from, :parent_to, \
             :tip_change, :tip_from, :changes, :rebased, :at)",
    )?
    .execute(named_params! {
        ":key": landing.landing, ":flow": flow, ":parent": landing.parent.as_str(),
        ":base": landing.base.as_str(), ":chain": landing.chain.as_str(),
        ":parent_from": landing.parent_from.as_str(), ":parent_to": landing.parent_to.as_str(),
        ":tip_change": landing.tip.change.as_str(), ":tip_from": landing.tip.commit.as_str(),
        ":changes": landing.changes, ":rebased": landing.rebased, ":at": text_of(event.at),
    })?;
    Ok(())
}

pub(super) fn settle(
    db: &Connection,
    flow: i64,
    landing: &str,
    state: &str,
    event: &Event,
    tip: Option<&Tip>,
) -> rusqlite::Result<()> {
    let operation = match &event.what {
        What::Landed { operation, .. } => operation.as_ref(),
        _ => None,
    };
    db.prepare_cached(
        "UPDATE landings SET state = ?2, settled_at = ?3, tip_to = ?4, operation = ?5 \
         WHERE flow = ?6 AND key = ?1 AND state = 'planned'",
    )?
    .execute(params![
        landing,
        state,
        text_of(event.at),
        tip.map(|tip| tip.commit.as_str()),
        operation.map(|operation| operation.as_str()),
        flow,
    ])?;
    Ok(())
}

pub(super) fn merge(db: &Connection, flow: i64, event: i64, tip: &Tip) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE FlowRegistry SET status = 'merged', reason = NULL, change_id = ?2, commit_id = ?3, last_event = ?4 \
         WHERE id = ?1",
    )?
    .execute(params![flow, tip.change.as_str(), tip.commit.as_str(), event])?;
    Ok(())
}
