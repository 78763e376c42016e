//! The row of a flow, as events make it and change it.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::rows::text_of;
use crate::event::{Event, What};
use crate::model::{BookmarkName, RepoId, Status, Tip, Trouble};
use crate::name::FlowName;

pub(super) fn find_flow(db: &Connection, repo: &RepoId, bookmark: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "SELECT id FROM FlowRegistry WHERE repo = ?1 AND lower(bookmark) = lower(?2) AND gone_at IS NULL",
    )?
    .query_row(params![repo.as_str(), bookmark], |row| row.get(0))
    .optional()
}

/// The row of a flow that went and whose change was this one.
pub(super) fn find_gone(
    db: &Connection,
    repo: &RepoId,
    bookmark: &str,
    tip: &Tip,
) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "SELECT id FROM FlowRegistry WHERE repo = ?1 AND bookmark = ?2 AND change_id = ?3 AND gone_at IS NOT NULL \
         ORDER BY id DESC LIMIT 1",
    )?
    .query_row(params![repo.as_str(), bookmark, tip.change.as_str()], |row| row.get(0))
    .optional()
}

/// What the flow is called now that had this name when an event was taken in: the first event since then that took the
/// name from a flow tells which one had it.
pub(super) fn name_now(
    db: &Connection,
    repo: &RepoId,
    since: i64,
    name: &BookmarkName,
) -> rusqlite::Result<BookmarkName> {
    if FlowName::parse(name.as_str()).is_err() {
        return Ok(name.clone());
    }
    let mut statement = db.prepare_cached(
        "SELECT f.bookmark, e.line FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow \
         WHERE e.repo = ?1 AND e.id > ?2 AND e.kind IN ('renamed', 'deleted') AND instr(e.line, ?3) > 0 ORDER BY e.id",
    )?;
    let mut rows = statement.query(params![repo.as_str(), since, name.as_str()])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(1)?;
        let event = serde_json::from_str::<Event>(&line);
        if event.is_ok_and(|event| event.flow == *name && !event.aside) {
            return Ok(BookmarkName::new(row.get::<_, String>(0)?));
        }
    }
    Ok(name.clone())
}

pub(super) fn insert_flow(db: &Connection, repo: &RepoId, event: &Event) -> rusqlite::Result<Option<i64>> {
    let What::Created { tip, parent, component, .. } = &event.what else { return Ok(None) };
    let Ok(name) = FlowName::parse(event.flow.as_str()) else { return Ok(None) };
    db.prepare_cached(
        "INSERT INTO FlowRegistry (repo, bookmark, uid, component, intent, subflow, change_id, commit_id, \
             parent_flow, actor, created_at, updated_at, last_event) \
         VALUES (:repo, :bookmark, :uid, :component, :intent, :subflow, :change, :commit, \
             :parent, :actor, :at, :at, (SELECT coalesce(max(id), 0) + 1 FROM events))",
    )?
    .execute(named_params! {
        ":repo": repo.as_str(), ":bookmark": name.as_str(), ":uid": name.uid().as_str(),
        ":component": component, ":intent": name.intent(), ":subflow": name.subflow(),
        ":change": tip.change.as_str(), ":commit": tip.commit.as_str(),
        ":parent": parent.as_ref().map(|parent| parent.as_str()),
        ":actor": event.actor, ":at": text_of(event.at),
    })?;
    Ok(Some(db.last_insert_rowid()))
}

/// Every change of a row names the event that makes it: that is how the database tells it from one from outside. The
/// row of what has landed stays as it landed.
pub(super) fn move_tip(db: &Connection, flow: i64, event: i64, tip: &Tip) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE FlowRegistry SET change_id = ?2, commit_id = ?3, last_event = ?4 \
         WHERE id = ?1 AND status <> 'merged'",
    )?
    .execute(params![flow, tip.change.as_str(), tip.commit.as_str(), event])?;
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

pub(super) fn set_status(db: &Connection, flow: i64, event: i64, status: Status) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE FlowRegistry SET status = ?2, last_event = ?3 WHERE id = ?1")?
        .execute(params![flow, status.as_str(), event])?;
    Ok(())
}

pub(super) fn trouble(
    db: &Connection,
    flow: i64,
    event: i64,
    trouble: Option<Trouble>,
) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE FlowRegistry SET trouble = ?2, last_event = ?3 WHERE id = ?1")?
        .execute(params![flow, trouble.map(Trouble::as_str), event])?;
    Ok(())
}

/// The row takes the new name, and so do the rows that have it as their parent.
pub(super) fn rename(
    db: &Connection,
    repo: &RepoId,
    flow: i64,
    id: i64,
    event: &Event,
    to: &FlowName,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE FlowRegistry SET bookmark = ?2, uid = ?3, intent = ?4, subflow = ?5, last_event = ?6 WHERE id = ?1",
    )?
    .execute(params![flow, to.as_str(), to.uid().as_str(), to.intent(), to.subflow(), id])?;
    db.prepare_cached(
        "UPDATE FlowRegistry SET parent_flow = ?3, last_event = ?4 \
         WHERE repo = ?1 AND parent_flow = ?2 AND gone_at IS NULL",
    )?
    .execute(params![repo.as_str(), event.flow.as_str(), to.as_str(), id])?;
    Ok(())
}
