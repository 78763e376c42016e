//! Conflicts on record: open, then resolved by a landing or aborted, once.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::flow_rows::name_now;
use super::rows::text_of;
use super::{Registry, failure};
use crate::event::{Conflict, Event};
use crate::model::{BookmarkName, RepoId};

impl Registry {
    /// The open conflict of a flow. Its parent is called what it is called by now.
    pub(crate) fn open_conflict(
        &self,
        repo: &RepoId,
        flow: &BookmarkName,
    ) -> anyhow::Result<Option<Conflict>> {
        let read = || -> rusqlite::Result<Option<Conflict>> {
            let row = self
                .db
                .prepare_cached(
                    "SELECT c.line, (SELECT e.id FROM events AS e \
                         WHERE e.flow = c.flow AND e.kind = 'conflict' AND instr(e.line, c.key) > 0) \
                     FROM conflicts AS c JOIN FlowRegistry AS f ON f.id = c.flow \
                     WHERE c.state = 'open' AND f.repo = ?1 AND f.gone_at IS NULL \
                       AND lower(f.bookmark) = lower(?2) ORDER BY c.id DESC LIMIT 1",
                )?
                .query_row(params![repo.as_str(), flow.as_str()], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?))
                })
                .optional()?;
            let Some((line, since)) = row else { return Ok(None) };
            let Ok(mut conflict) = serde_json::from_str::<Conflict>(&line) else { return Ok(None) };
            if let Some(since) = since {
                conflict.parent = name_now(&self.db, repo, since, &conflict.parent)?;
            }
            Ok(Some(conflict))
        };
        read().map_err(failure)
    }

    /// What the flows of a repo were to land on that have an open conflict.
    pub(crate) fn parents_of_conflicts(&self, repo: &RepoId) -> anyhow::Result<Vec<BookmarkName>> {
        let read = || -> rusqlite::Result<Vec<BookmarkName>> {
            self.db
                .prepare_cached(
                    "SELECT DISTINCT c.parent FROM conflicts AS c JOIN FlowRegistry AS f ON f.id = c.flow \
                     WHERE c.state = 'open' AND f.repo = ?1 AND f.gone_at IS NULL ORDER BY c.parent",
                )?
                .query_map(params![repo.as_str()], |row| row.get::<_, String>(0).map(BookmarkName::new))?
                .collect()
        };
        read().map_err(failure)
    }
}

pub(super) fn insert(db: &Connection, flow: i64, event: &Event, conflict: &Conflict) -> rusqlite::Result<()> {
    let line = serde_json::to_string(conflict).expect("a conflict is plain data with text keys");
    db.prepare_cached(
        "INSERT INTO conflicts (flow, key, parent, state, line, at) VALUES (:flow, :key, :parent, 'open', :line, :at)",
    )?
    .execute(named_params! {
        ":flow": flow, ":key": conflict.conflict, ":parent": conflict.parent.as_str(), ":line": line,
        ":at": text_of(event.at),
    })?;
    Ok(())
}

/// Closes the open conflict of a flow, whichever it is unless one is named.
pub(super) fn close(
    db: &Connection,
    flow: i64,
    key: Option<&str>,
    state: &str,
    event: &Event,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE conflicts SET state = ?3, closed_at = ?4 \
         WHERE flow = ?1 AND state = 'open' AND (?2 IS NULL OR key = ?2)",
    )?
    .execute(params![flow, key, state, text_of(event.at)])?;
    Ok(())
}
