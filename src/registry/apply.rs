//! Taking events in: the one way in which rows, statuses and landings come about.
//!
//! An event that has been taken in before is passed over by its key, so a journal may be read again from any
//! point. One that the database refuses (an unknown flow, an illegal status) is passed over too: a journal is
//! data that somebody may have damaged, not proof.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};

use super::flow_rows::{find_flow, find_gone, insert_flow, merge, move_tip, rename, set_status, trouble};
use super::landings::{flow_landing, insert_elsewhere, insert_landing, move_on, pushed, settle};
use super::rows::text_of;
use super::{Registry, conflicts, failure, verifications};
use crate::event::{Event, Origin, What};
use crate::failpoint;
use crate::model::{BookmarkName, OpId, RepoId, Status, Trouble};
use crate::name::FlowName;

/// A stretch of a journal: its events, and where it ends, in bytes.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) events: Vec<Event>,
    pub(crate) end: u64,
}

impl Registry {
    /// Takes in what a journal has grown by: `read` is given the offset up to which it is known, and none comes back where
    /// the journal does not reach that far any more. Then nothing is taken in, and the answer is no. It is also given the
    /// events that were made in the database itself and stand in no journal yet: none can be made until this ends, so that
    /// what it writes down stands there in the order in which it is taken in.
    pub(crate) fn take_in(
        &mut self,
        repo: &RepoId,
        read: impl FnOnce(u64, Vec<Event>) -> std::io::Result<Option<Stretch>>,
    ) -> anyhow::Result<bool> {
        let mut unread = None;
        let reaches = self.write(|db| {
            let stretch = match read(journal_offset(db, repo)?, unwritten_events(db, repo)?) {
                Ok(Some(stretch)) => stretch,
                Ok(None) => return Ok(false),
                Err(error) => {
                    unread = Some(error);
                    return Ok(true);
                }
            };
            for event in &stretch.events {
                apply_or_pass(db, repo, event)?;
            }
            db.prepare_cached("UPDATE repos SET journal_offset = ?2 WHERE id = ?1")?
                .execute(params![repo.as_str(), i64::try_from(stretch.end).unwrap_or(i64::MAX)])?;
            if !stretch.events.is_empty() {
                failpoint::reach("taking-in");
            }
            Ok(true)
        })?;
        unread.map_or(Ok(reaches), |error| Err(error.into()))
    }

    /// How far a repo's journal has been taken in, in bytes.
    pub(crate) fn journal_offset(&self, repo: &RepoId) -> anyhow::Result<u64> {
        journal_offset(&self.db, repo).map_err(failure)
    }

    /// Writes down that a journal is to be looked at from its start before anything else of it is taken in: no journal
    /// reaches that far. So whoever is killed while lines are put back leaves it to the next one.
    pub(crate) fn distrust_journal(&mut self, repo: &RepoId) -> anyhow::Result<()> {
        self.write(|db| {
            db.prepare_cached("UPDATE repos SET journal_offset = ?2 WHERE id = ?1")?
                .execute(params![repo.as_str(), i64::MAX])?;
            Ok(())
        })
    }

    /// Whether an event of a repo has been taken in.
    pub(crate) fn knows(&self, repo: &RepoId, event: &Event) -> anyhow::Result<bool> {
        known_event(&self.db, repo, event).map_err(failure)
    }

    /// The names of flows that went, deleted or renamed, and the operations that they went in, as far as is on record.
    pub(crate) fn known_ends(&self, repo: &RepoId) -> anyhow::Result<HashSet<(BookmarkName, OpId)>> {
        let sql = "SELECT json_extract(line, '$.flow'), operation FROM events \
                   WHERE repo = ?1 AND kind IN ('deleted', 'renamed') AND operation IS NOT NULL AND line IS NOT NULL";
        let end = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.db.prepare_cached(sql)?;
            let ends = statement.query_map([repo.as_str()], end)?;
            ends.map(|end| end.map(|(flow, op)| (BookmarkName::new(flow), OpId::new(op)))).collect()
        };
        read().map_err(failure)
    }

    /// The events of a repo that were made in the database itself and stand in no journal yet.
    pub(crate) fn unwritten_events(&self, repo: &RepoId) -> anyhow::Result<Vec<Event>> {
        unwritten_events(&self.db, repo).map_err(failure)
    }
}

fn unwritten_events(db: &Connection, repo: &RepoId) -> rusqlite::Result<Vec<Event>> {
    let sql = format!("{OUTSIDE} WHERE e.line IS NULL AND f.repo = :repo ORDER BY e.id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(named_params! {":repo": repo.as_str()}, outside_event)?;
    rows.filter_map(Result::transpose).collect()
}

/// An event that was made in the database itself, as [`outside_event`] reads it.
pub(super) const OUTSIDE: &str = "SELECT e.key, e.at, e.actor, f.bookmark, e.status_from, e.status_to, e.reason \
     FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow";

/// None where somebody has written there what is no event.
pub(super) fn outside_event(row: &Row<'_>) -> rusqlite::Result<Option<Event>> {
    let at: String = row.get(1)?;
    let (from, to): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
    let to = to.as_deref().and_then(Status::parse);
    let (Ok(at), Some(to)) = (at.parse(), to) else { return Ok(None) };
    let what = What::Status { from: from.as_deref().and_then(Status::parse), to, reason: row.get(6)? };
    let flow = BookmarkName::new(row.get::<_, String>(3)?);
    Ok(Some(Event { key: row.get(0)?, at, actor: row.get(2)?, flow, op: None, aside: false, what }))
}

fn journal_offset(db: &Connection, repo: &RepoId) -> rusqlite::Result<u64> {
    let offset: i64 = db
        .prepare_cached("SELECT journal_offset FROM repos WHERE id = ?1")?
        .query_row([repo.as_str()], |row| row.get(0))?;
    Ok(u64::try_from(offset).unwrap_or(0))
}

/// Takes an event in whole, or passes it over; an error only where the database itself fails.
fn apply_or_pass(db: &Transaction<'_>, repo: &RepoId, event: &Event) -> rusqlite::Result<()> {
    db.execute_batch("SAVEPOINT event")?;
    match apply(db, repo, event) {
        Ok(true) => db.execute_batch("RELEASE event"),
        Ok(false) => db.execute_batch("ROLLBACK TO event; RELEASE event"),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            db.execute_batch("ROLLBACK TO event; RELEASE event")
        }
        Err(error) => Err(error),
    }
}

/// Whether the event could be taken in.
fn apply(db: &Connection, repo: &RepoId, event: &Event) -> rusqlite::Result<bool> {
    if known_event(db, repo, event)? {
        return Ok(true);
    }
    // What becomes of a landing is told of the flow that it was planned for, whatever that is called by now.
    let landing = event.what.settles().map(|landing| flow_landing(db, repo, landing)).transpose()?.flatten();
    let named = landing.map_or_else(|| find_flow(db, repo, event.flow.as_str()), |flow| Ok(Some(flow)))?;
    let flow = match (named, &event.what) {
        (Some(flow), _) => flow,
        (None, What::Created { tip, .. }) => {
            // One whose bookmark came back, by `jj undo` say, goes on where it was.
            let gone = find_gone(db, repo, event.flow.as_str(), tip)?;
            match gone.map_or_else(|| insert_flow(db, repo, event), |flow| Ok(Some(flow)))? {
                Some(flow) => flow,
                None => return Ok(false),
            }
        }
        (None, _) => return Ok(false),
    };
    let id = insert_event(db, repo, flow, event)?;
    if event.aside {
        return Ok(true);
    }
    let at = text_of(event.at);
    match &event.what {
        What::Created { tip, parent, component, origin, context } => {
            if let Some(context) = context {
                db.prepare_cached(
                    "INSERT OR IGNORE INTO contexts (uid, context, since) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![event.actor, context, at])?;
            }
            // In one update: the row becomes what this event makes it. Whoever made a flow knows more of it than
            // whoever found its bookmark first.
            // One that somebody begins again is at work, whatever had become of it before it went.
            db.prepare_cached(
                "UPDATE FlowRegistry SET gone_at = NULL, change_id = :change, commit_id = :commit, last_event = :event, \
                     parent_flow = iif(:found, parent_flow, :parent), \
                     component = iif(:found, component, :component), actor = iif(:found, actor, :actor), \
                     status = iif(:begun AND status <> 'merged', 'in-progress', status), \
                     reason = iif(:begun AND status <> 'merged', NULL, reason) \
                 WHERE id = :flow",
            )?
            .execute(named_params! {
                ":flow": flow, ":event": id, ":change": tip.change.as_str(), ":commit": tip.commit.as_str(),
                ":found": *origin == Origin::Found, ":begun": matches!(origin, Origin::New | Origin::Sub),
                ":parent": parent.as_ref().map(BookmarkName::as_str),
                ":component": component, ":actor": event.actor,
            })?;
        }
        What::Moved { tip } => move_tip(db, flow, id, tip)?,
        What::Renamed { to } => {
            let Ok(name) = FlowName::parse(to.as_str()) else { return Ok(false) };
            rename(db, repo, flow, id, event, &name)?;
        }
        What::Deleted {} => {
            db.prepare_cached("UPDATE FlowRegistry SET gone_at = ?2, last_event = ?3 WHERE id = ?1")?
                .execute(params![flow, at, id])?;
        }
        What::Conflicted { .. } => trouble(db, flow, id, Some(Trouble::Conflicted))?,
        What::Divergent {} => trouble(db, flow, id, Some(Trouble::Divergent))?,
        What::Clear {} => trouble(db, flow, id, None)?,
        What::Elsewhere { landing, parent, tip } => {
            insert_elsewhere(db, flow, event, landing, parent, tip)?;
            merge(db, flow, id, tip)?;
            conflicts::close(db, flow, None, "resolved", event)?;
        }
        What::TakenBack { landing } => {
            move_on(db, flow, landing, "undone", event)?;
            set_status(db, flow, id, Status::InProgress)?;
        }
        What::Status { to, reason, .. } => {
            db.prepare_cached(
                "UPDATE FlowRegistry SET status = ?2, reason = ?3, last_event = ?4 WHERE id = ?1",
            )?
            .execute(params![flow, to.as_str(), reason, id])?;
        }
        What::Landing(landing) => insert_landing(db, flow, event, landing)?,
        What::Dropped { landing } => settle(db, flow, landing, "dropped", event, None)?,
        What::Landed { landing, tip, .. } => {
            settle(db, flow, landing, "landed", event, Some(tip))?;
            merge(db, flow, id, tip)?;
            conflicts::close(db, flow, None, "resolved", event)?;
        }
        What::Undoing { landing } => move_on(db, flow, landing, "undoing", event)?,
        What::Kept { landing } => move_on(db, flow, landing, "landed", event)?,
        What::Undone { landing } => {
            move_on(db, flow, landing, "undone", event)?;
            set_status(db, flow, id, Status::Success)?;
        }
        What::Pushed { landing, remote } => pushed(db, flow, landing, remote)?,
        What::Verified(verification) => verifications::insert(db, repo, flow, event, verification)?,
        What::Conflict(conflict) => {
            conflicts::close(db, flow, None, "resolved", event)?;
            conflicts::insert(db, flow, event, conflict)?;
        }
        What::Resolved { conflict } => conflicts::close(db, flow, Some(conflict), "resolved", event)?,
        What::Aborted { conflict } => conflicts::close(db, flow, Some(conflict), "aborted", event)?,
    }
    db.prepare_cached("UPDATE FlowRegistry SET updated_at = ?2, last_event = ?3 WHERE id = ?1")?
        .execute(params![flow, at, id])?;
    Ok(true)
}

/// Whether the event stands in the log; one made in the database gets its line here.
fn known_event(db: &Connection, repo: &RepoId, event: &Event) -> rusqlite::Result<bool> {
    let known: Option<(i64, bool)> = db
        .prepare_cached("SELECT id, line IS NULL FROM events WHERE repo = ?1 AND key = ?2")?
        .query_row([repo.as_str(), &event.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, true)) = known {
        db.prepare_cached("UPDATE events SET line = ?2 WHERE id = ?1")?
            .execute(params![id, event.to_line()])?;
    }
    Ok(known.is_some())
}

fn insert_event(db: &Connection, repo: &RepoId, flow: i64, event: &Event) -> rusqlite::Result<i64> {
    let (from, to, reason) = match &event.what {
        What::Status { from, to, reason } => (*from, Some(*to), reason.as_deref()),
        What::Landed { .. } | What::Elsewhere { .. } => (None, Some(Status::Merged), None),
        What::TakenBack { .. } => (Some(Status::Merged), Some(Status::InProgress), None),
        What::Undone { .. } => (Some(Status::Merged), Some(Status::Success), None),
        What::Verified(verification) => (None, None, Some(verification.ending.as_str())),
        What::Pushed { remote, .. } => (None, None, Some(remote.as_str())),
        What::Renamed { to } => (None, None, Some(to.as_str())),
        _ => (None, None, None),
    };
    db.prepare_cached(
        "INSERT INTO events (repo, key, flow, at, actor, kind, status_from, status_to, reason, operation, line) \
         VALUES (:repo, :key, :flow, :at, :actor, :kind, :from, :to, :reason, :operation, :line)",
    )?
    .execute(named_params! {
        ":repo": repo.as_str(), ":key": event.key, ":flow": flow, ":at": text_of(event.at), ":actor": event.actor,
        ":kind": event.what.kind(), ":from": from.map(Status::as_str), ":to": to.map(Status::as_str),
        ":reason": reason, ":operation": event.op.as_ref().map(|op| op.as_str()), ":line": event.to_line(),
    })?;
    Ok(db.last_insert_rowid())
}
