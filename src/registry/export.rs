//! The registry told from one end to the other: repos, each with its events, and the contexts that no event tells of.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::apply::{OUTSIDE, outside_event};
use super::repo_rows::{RepoRow, repo_of};
use super::{Registry, failure};
use crate::event::{Event, What};
use crate::model::RepoId;

/// The number in the first line of an export: what an importing jj-flow has to know.
pub(crate) const FORMAT: u32 = 1;

/// Who a uid stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContextRow {
    pub(crate) uid: String,
    pub(crate) context: String,
    pub(crate) since: String,
}

/// One thing that is told.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    Repo(&'a RepoRow),
    /// An event of the last repo, as its journal has it: a line of JSON.
    Event(&'a RepoId, &'a str),
    Context(&'a ContextRow),
}

impl Registry {
    /// Tells everything, or what has to do with one repo, as it was at one moment.
    pub(crate) fn export(
        &mut self,
        only: Option<&RepoId>,
        tell: &mut dyn FnMut(Told<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let db = self.db.transaction().map_err(failure)?;
        let mut actors = HashSet::new();
        let mut told = HashSet::new();
        for repo in repos(&db).map_err(failure)? {
            if only.is_some_and(|only| *only != repo.id) {
                continue;
            }
            tell(Told::Repo(&repo))?;
            for id in event_ids(&db, &repo.id).map_err(failure)? {
                let Some((line, actor)) = line(&db, id).map_err(failure)? else { continue };
                told.extend(context_in(&line));
                actors.insert(actor);
                tell(Told::Event(&repo.id, &line))?;
            }
        }
        for context in contexts(&db).map_err(failure)? {
            let is_told = told.contains(&(context.uid.clone(), context.context.clone()));
            if !is_told && (only.is_none() || actors.contains(&context.uid)) {
                tell(Told::Context(&context))?;
            }
        }
        Ok(())
    }

    /// Writes down who a uid stands for. Whether it now does: it may be somebody else's already.
    pub(crate) fn add_context(&mut self, context: &ContextRow) -> anyhow::Result<bool> {
        let ContextRow { uid, context, since } = context;
        self.write(|db| {
            db.prepare_cached("INSERT OR IGNORE INTO contexts (uid, context, since) VALUES (?1, ?2, ?3)")?
                .execute(params![uid, context, since])?;
            db.prepare_cached("SELECT 1 FROM contexts WHERE uid = ?1 AND context = ?2")?
                .exists(params![uid, context])
        })
    }
}

fn repos(db: &Connection) -> rusqlite::Result<Vec<RepoRow>> {
    db.prepare_cached("SELECT * FROM repos ORDER BY id")?.query_map([], repo_of)?.collect()
}

/// The numbers alone: the lines are read one by one.
fn event_ids(db: &Connection, repo: &RepoId) -> rusqlite::Result<Vec<i64>> {
    db.prepare_cached("SELECT id FROM events WHERE repo = ?1 ORDER BY id")?
        .query_map([repo.as_str()], |row| row.get(0))?
        .collect()
}

/// An event's line and its actor; none for what somebody has written there that is no event.
fn line(db: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<(String, String)>> {
    let written: (Option<String>, String) = db
        .prepare_cached("SELECT line, actor FROM events WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match written {
        (Some(line), actor) => Ok(Some((line, actor))),
        (None, actor) => {
            let sql = format!("{OUTSIDE} WHERE e.id = ?1");
            let event = db.prepare_cached(&sql)?.query_row([id], outside_event).optional()?.flatten();
            Ok(event.map(|event| (event.to_line(), actor)))
        }
    }
}

/// The uid and the context that an event tells of.
fn context_in(line: &str) -> Option<(String, String)> {
    if !line.contains(r#""context":"#) {
        return None;
    }
    let event: Event = serde_json::from_str(line).ok()?;
    match event.what {
        What::Created { context: Some(context), .. } => Some((event.actor, context)),
        _ => None,
    }
}

fn contexts(db: &Connection) -> rusqlite::Result<Vec<ContextRow>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(ContextRow { uid: row.get(0)?, context: row.get(1)?, since: row.get(2)? })
    };
    db.prepare("SELECT uid, context, since FROM contexts ORDER BY uid")?.query_map([], read)?.collect()
}
