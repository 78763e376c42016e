//! Landings on record: planned, then landed or dropped, and what has landed may be taken back.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde::Serialize;

use super::flow_rows::name_now;
use super::rows::text_of;
use super::verifications::{self, VerificationRow};
use super::{Registry, failure};
use crate::event::{Event, Landing, What};
use crate::model::{BookmarkName, OpId, RepoId, Tip};

/// One landing of a flow, as recorded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LandingRow {
    pub(crate) key: String,
    pub(crate) parent: String,
    /// `planned`, `landed`, `elsewhere`, `dropped`, `undoing` or `undone`.
    pub(crate) state: String,
    pub(crate) base_operation: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) parent_from: Option<String>,
    pub(crate) parent_to: Option<String>,
    pub(crate) changes: Option<u32>,
    pub(crate) rebased: Option<bool>,
    pub(crate) planned_at: String,
    pub(crate) settled_at: Option<String>,
    /// The proof: what the landed tree has passed.
    pub(crate) verification: Option<VerificationRow>,
    /// The remote that it was pushed to.
    pub(crate) remote: Option<String>,
    pub(crate) undone_at: Option<String>,
}

impl Registry {
    /// The landings of a flow, newest first.
    pub(crate) fn landings(&self, flow: i64) -> anyhow::Result<Vec<LandingRow>> {
        let read = || -> rusqlite::Result<Vec<LandingRow>> {
            let mut statement = self.db.prepare_cached(
                "SELECT key, parent, state, base_operation, operation, parent_from, parent_to, changes, rebased, \
                 planned_at, settled_at, verification, remote, undone_at \
                 FROM landings WHERE flow = :flow ORDER BY id DESC",
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
                    verification: match row.get::<_, Option<String>>(11)? {
                        Some(key) => verifications::find(&self.db, flow, &key)?,
                        None => None,
                    },
                    remote: row.get(12)?,
                    undone_at: row.get(13)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(failure)
    }

    /// The landings of this repo that were planned and neither landed nor were dropped, or that were to be taken back
    /// and neither were nor kept.
    pub(crate) fn unsettled_landings(&self, repo: &RepoId) -> anyhow::Result<Vec<KnownLanding>> {
        self.known_landings(
            "l.state IN ('planned', 'undoing') AND f.repo = ?1 ORDER BY l.id",
            params![repo.as_str()],
        )
    }

    /// A landing that landed, by its key.
    pub(crate) fn landing(&self, repo: &RepoId, key: &str) -> anyhow::Result<Option<KnownLanding>> {
        let landings = self.known_landings(
            "l.state = 'landed' AND f.repo = ?1 AND l.key = ?2",
            params![repo.as_str(), key],
        )?;
        Ok(landings.into_iter().next())
    }

    /// The last landing of a flow that landed.
    pub(crate) fn last_landing(&self, flow: i64) -> anyhow::Result<Option<KnownLanding>> {
        let landings = self
            .known_landings("l.state = 'landed' AND l.flow = ?1 ORDER BY l.id DESC LIMIT 1", params![flow])?;
        Ok(landings.into_iter().next())
    }

    /// For each live flow of a repo that is `merged`, by its number: the key of the landing that made it so.
    pub(crate) fn merged_by(&self, repo: &RepoId) -> anyhow::Result<HashMap<i64, String>> {
        let read = || -> rusqlite::Result<HashMap<i64, String>> {
            let mut statement = self.db.prepare_cached(
                "SELECT f.id, l.key FROM FlowRegistry AS f JOIN landings AS l ON l.flow = f.id \
                 WHERE f.repo = ?1 AND f.status = 'merged' AND f.gone_at IS NULL \
                   AND l.state IN ('landed', 'elsewhere') ORDER BY l.id",
            )?;
            statement.query_map([repo.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        read().map_err(failure)
    }

    /// The landings of a repo's live flows that were taken back or never came about, each by its flow: the chain that the
    /// parent's move was published on.
    pub(crate) fn taken_back(&self, repo: &RepoId) -> anyhow::Result<HashMap<BookmarkName, Vec<OpId>>> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = self.db.prepare_cached(
                "SELECT f.bookmark, l.chain_operation FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow \
                 WHERE f.repo = ?1 AND f.gone_at IS NULL AND l.chain_operation IS NOT NULL \
                   AND l.state IN ('undone', 'dropped')",
            )?;
            statement.query_map([repo.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let mut chains: HashMap<BookmarkName, Vec<OpId>> = HashMap::new();
        for (flow, chain) in read().map_err(failure)? {
            chains.entry(BookmarkName::new(flow)).or_default().push(OpId::new(chain));
        }
        Ok(chains)
    }

    fn known_landings(
        &self,
        condition: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> anyhow::Result<Vec<KnownLanding>> {
        let sql = format!(
            "SELECT f.repo, f.bookmark, l.state, e.id, e.line FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow \
             JOIN events AS e ON e.flow = l.flow AND e.kind = 'landing' AND instr(e.line, l.key) > 0 \
             WHERE {condition}"
        );
        let read = || -> rusqlite::Result<Vec<KnownLanding>> {
            let mut statement = self.db.prepare_cached(&sql)?;
            let mut rows = statement.query(values)?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let line: String = row.get(4)?;
                let Ok(Event { what: What::Landing(mut landing), .. }) = serde_json::from_str(&line) else {
                    continue;
                };
                let (repo, flow): (String, String) = (row.get(0)?, row.get(1)?);
                let now = name_now(&self.db, &RepoId::new(repo), row.get(3)?, &landing.parent)?;
                let locked = std::mem::replace(&mut landing.parent, now);
                all.push(KnownLanding { flow: BookmarkName::new(flow), state: row.get(2)?, locked, landing });
            }
            Ok(all)
        };
        read().map_err(failure)
    }
}

/// A landing as it was planned, and its state now. Its flow and its parent are called what they are called by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownLanding {
    pub(crate) flow: BookmarkName,
    pub(crate) state: String,
    /// What the parent was called then: whoever is still at it holds the lock of that name.
    pub(crate) locked: BookmarkName,
    pub(crate) landing: Landing,
}

/// The row whose landing this is, whatever its flow is called by now, and whether it is there or gone.
pub(super) fn flow_landing(db: &Connection, repo: &RepoId, landing: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "SELECT l.flow FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow WHERE f.repo = ?1 AND l.key = ?2",
    )?
    .query_row(params![repo.as_str(), landing], |row| row.get(0))
    .optional()
}

pub(super) fn insert_landing(
    db: &Connection,
    flow: i64,
    event: &Event,
    landing: &Landing,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO landings (key, flow, parent, state, base_operation, chain_operation, parent_from, parent_to, \
             tip_change, tip_from, changes, rebased, verification, planned_at) \
         VALUES (:key, :flow, :parent, 'planned', :base, :chain, :parent_from, :parent_to, \
             :tip_change, :tip_from, :changes, :rebased, :verification, :at)",
    )?
    .execute(named_params! {
        ":key": landing.landing, ":flow": flow, ":parent": landing.parent.as_str(),
        ":base": landing.base.as_str(), ":chain": landing.chain.as_str(),
        ":parent_from": landing.parent_from.as_str(), ":parent_to": landing.parent_to.as_str(),
        ":tip_change": landing.tip.change.as_str(), ":tip_from": landing.tip.commit.as_str(),
        ":changes": landing.changes, ":rebased": landing.rebased, ":verification": landing.verification,
        ":at": text_of(event.at),
    })?;
    Ok(())
}

/// A landing that jj-flow did not do: it is known by its end alone.
pub(super) fn insert_elsewhere(
    db: &Connection,
    flow: i64,
    event: &Event,
    key: &str,
    parent: &BookmarkName,
    tip: &Tip,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO landings (key, flow, parent, state, operation, tip_change, tip_to, planned_at, settled_at) \
         VALUES (:key, :flow, :parent, 'elsewhere', :operation, :tip_change, :tip_to, :at, :at)",
    )?
    .execute(named_params! {
        ":key": key, ":flow": flow, ":parent": parent.as_str(),
        ":operation": event.op.as_ref().map(|op| op.as_str()),
        ":tip_change": tip.change.as_str(), ":tip_to": tip.commit.as_str(), ":at": text_of(event.at),
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

/// Takes a landing that landed on its way back, or lets it be.
pub(super) fn move_on(
    db: &Connection,
    flow: i64,
    landing: &str,
    state: &str,
    event: &Event,
) -> rusqlite::Result<()> {
    let undone_at = (state == "undone").then(|| text_of(event.at));
    db.prepare_cached("UPDATE landings SET state = ?3, undone_at = ?4 WHERE flow = ?1 AND key = ?2")?
        .execute(params![flow, landing, state, undone_at])?;
    Ok(())
}

pub(super) fn pushed(db: &Connection, flow: i64, landing: &str, remote: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE landings SET remote = ?3 WHERE flow = ?1 AND key = ?2")?
        .execute(params![flow, landing, remote])?;
    Ok(())
}
