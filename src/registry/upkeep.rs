//! What may go from the record: superseded moves, and repos that are gone.
//!
//! The database lets go of nothing unless the transaction has announced it in the table `upkeep`, and then of nothing
//! else. The announcement never outlives its transaction.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;

use super::rows::{text_of, time_of};
use super::{Registry, failure};
use crate::model::{BookmarkName, RepoId};

/// A repo as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeptRepo {
    pub(crate) id: RepoId,
    pub(crate) root: String,
    pub(crate) component: String,
    pub(crate) kind: String,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) forgotten_at: Option<Timestamp>,
}

/// Everything that is on record of one repo.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) repo: KeptRepo,
    pub(crate) flows: u32,
    /// Each event's key, and its line as in the journal.
    pub(crate) events: Vec<(String, String)>,
}

/// An event that no row, no landing and no later event needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Superseded {
    pub(crate) key: String,
    /// How long its line is.
    pub(crate) bytes: u64,
}

const REPO: &str = "SELECT id, root, component, kind, first_seen, last_seen, forgotten_at FROM repos";

impl Registry {
    /// The repos of this machine, those too that are not there any more.
    pub(crate) fn repos_here(&self) -> anyhow::Result<Vec<KeptRepo>> {
        let read = || -> rusqlite::Result<Vec<KeptRepo>> {
            let mut statement =
                self.db.prepare_cached(&format!("{REPO} WHERE kind = 'here' ORDER BY root, id"))?;
            statement.query_map([], repo_of)?.collect()
        };
        read().map_err(failure)
    }

    /// When each live flow of a repo that is merged has landed, and on what; by its number.
    pub(crate) fn landed_flows(
        &self,
        repo: &RepoId,
    ) -> anyhow::Result<HashMap<i64, (Timestamp, BookmarkName)>> {
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.db.prepare_cached(
                "SELECT f.id, coalesce(l.settled_at, l.planned_at), l.parent \
                 FROM FlowRegistry AS f JOIN landings AS l ON l.flow = f.id \
                 WHERE f.repo = ?1 AND f.gone_at IS NULL AND f.status = 'merged' \
                   AND l.state IN ('landed', 'elsewhere') \
                   AND l.id = (SELECT max(last.id) FROM landings AS last WHERE last.flow = f.id)",
            )?;
            let landed = |row: &Row<'_>| {
                Ok((row.get(0)?, (time_of(row, 1)?, BookmarkName::new(row.get::<_, String>(2)?))))
            };
            statement.query_map([repo.as_str()], landed)?.collect()
        };
        read().map_err(failure)
    }

    /// The moves before a time that went on to a later move, oldest first; what was told aside moved no row. The last one
    /// before a flow went stays, since by it a bookmark that comes back is known, and so does one to a commit that landed.
    pub(crate) fn superseded_moves(
        &self,
        repo: &RepoId,
        before: Timestamp,
    ) -> anyhow::Result<Vec<Superseded>> {
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.db.prepare_cached(
                "SELECT e.key, length(CAST(e.line AS BLOB)) FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow \
                 WHERE e.repo = ?1 AND e.kind = 'moved' AND e.at < ?2 AND e.line IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM FlowRegistry AS r WHERE r.last_event = e.id) \
                   AND 'moved' = (SELECT later.kind FROM events AS later \
                       WHERE later.flow = e.flow AND later.id > e.id AND later.kind IN ('moved', 'deleted') \
                         AND coalesce(json_extract(later.line, '$.aside'), false) = false \
                       ORDER BY later.id LIMIT 1) \
                   AND NOT EXISTS (SELECT 1 FROM landings AS l WHERE l.flow = e.flow \
                       AND json_extract(e.line, '$.tip.commit') IN (l.tip_from, l.tip_to)) \
                 ORDER BY e.id",
            )?;
            let superseded = |row: &Row<'_>| {
                Ok(Superseded { key: row.get(0)?, bytes: row.get::<_, i64>(1)?.unsigned_abs() })
            };
            statement.query_map(params![repo.as_str(), text_of(before)], superseded)?.collect()
        };
        read().map_err(failure)
    }

    /// Makes the next reader of a repo's journal begin at its start: nothing hangs then on which journal it is.
    pub(crate) fn reread_journal(&mut self, repo: &RepoId) -> anyhow::Result<()> {
        self.write(|db| set_offset(db, repo, 0))
    }

    /// Takes superseded moves away, and knows the journal up to `end`: it is one without them.
    pub(crate) fn remove_moves(
        &mut self,
        repo: &RepoId,
        moves: &[Superseded],
        end: u64,
    ) -> anyhow::Result<usize> {
        self.write(|db| {
            announce(db, Some(("moves", repo)))?;
            let mut removed = 0;
            for superseded in moves {
                removed += db
                    .prepare_cached("DELETE FROM events WHERE repo = ?1 AND key = ?2")?
                    .execute(params![repo.as_str(), superseded.key])?;
            }
            announce(db, None)?;
            set_offset(db, repo, end)?;
            Ok(removed)
        })
    }

    /// Everything that is on record of a repo; none where it is not on record.
    pub(crate) fn record_of(&self, id: &RepoId) -> anyhow::Result<Option<Record>> {
        let read = || -> rusqlite::Result<_> {
            let repo = self
                .db
                .prepare_cached(&format!("{REPO} WHERE id = ?1"))?
                .query_row([id.as_str()], repo_of)
                .optional()?;
            let flows: u32 = self
                .db
                .prepare_cached("SELECT count(*) FROM FlowRegistry WHERE repo = ?1")?
                .query_row([id.as_str()], |row| row.get(0))?;
            let events: Vec<(String, Option<String>)> = self
                .db
                .prepare_cached("SELECT key, line FROM events WHERE repo = ?1 ORDER BY id")?
                .query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            Ok((repo, flows, events))
        };
        let (Some(repo), flows, events) = read().map_err(failure)? else { return Ok(None) };
        // What was changed in the database after the repo had gone stands in no journal.
        let unwritten = self.unwritten_events(id)?;
        let unwritten: HashMap<&str, String> =
            unwritten.iter().map(|event| (event.key.as_str(), event.to_line())).collect();
        let whole = |(key, line): (String, Option<String>)| {
            let line = line.or_else(|| unwritten.get(key.as_str()).cloned());
            let line =
                line.ok_or_else(|| anyhow::anyhow!("The event {key} of {} cannot be told", repo.root))?;
            Ok((key, line))
        };
        let events = events.into_iter().map(whole).collect::<anyhow::Result<_>>()?;
        Ok(Some(Record { repo, flows, events }))
    }

    /// Takes a repo from the record with everything of it, unless more is on record of it by now than this.
    pub(crate) fn remove_repo(&mut self, record: &Record) -> anyhow::Result<bool> {
        let id = record.repo.id.as_str();
        let is_removed = self.write(|db| {
            let now: Option<KeptRepo> =
                db.prepare_cached(&format!("{REPO} WHERE id = ?1"))?.query_row([id], repo_of).optional()?;
            let events: u32 = db
                .prepare_cached("SELECT count(*) FROM events WHERE repo = ?1")?
                .query_row([id], |row| row.get(0))?;
            let same = now.as_ref() == Some(&record.repo) && events as usize == record.events.len();
            if !same {
                return Ok(false);
            }
            announce(db, Some(("repo", &record.repo.id)))?;
            let of_flows = "flow IN (SELECT f.id FROM FlowRegistry AS f WHERE f.repo = ?1)";
            db.execute(&format!("DELETE FROM landings WHERE {of_flows}"), [id])?;
            db.execute(&format!("DELETE FROM conflicts WHERE {of_flows}"), [id])?;
            for table in ["verifications", "events", "FlowRegistry", "proofs", "approvals"] {
                db.execute(&format!("DELETE FROM {table} WHERE repo = ?1"), [id])?;
            }
            db.execute("DELETE FROM repos WHERE id = ?1", [id])?;
            announce(db, None)?;
            Ok(true)
        })?;
        if is_removed {
            self.list_repo(&record.repo.id, &record.repo.root, true)?;
        }
        Ok(is_removed)
    }
}

/// Says what the transaction takes away, or that it takes nothing more.
fn announce(db: &Transaction<'_>, takes: Option<(&str, &RepoId)>) -> rusqlite::Result<()> {
    let (takes, repo) = takes.map(|(takes, repo)| (takes, repo.as_str())).unzip();
    db.prepare_cached("UPDATE upkeep SET takes = ?1, repo = ?2")?.execute(params![takes, repo]).map(drop)
}

fn set_offset(db: &Connection, repo: &RepoId, offset: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE repos SET journal_offset = ?2 WHERE id = ?1")?
        .execute(params![repo.as_str(), i64::try_from(offset).unwrap_or(i64::MAX)])
        .map(drop)
}

fn repo_of(row: &Row<'_>) -> rusqlite::Result<KeptRepo> {
    let forgotten: Option<String> = row.get(6)?;
    Ok(KeptRepo {
        id: RepoId::new(row.get::<_, String>(0)?),
        root: row.get(1)?,
        component: row.get(2)?,
        kind: row.get(3)?,
        first_seen: time_of(row, 4)?,
        last_seen: time_of(row, 5)?,
        forgotten_at: forgotten.map(|_| time_of(row, 6)).transpose()?,
    })
}
