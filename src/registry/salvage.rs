//! What SQLite can still read of a damaged registry.
//!
//! Everything is read from a copy: the damaged file stays as it was. A table is read from both its ends up to where it is
//! broken, and what lies between is tried row by row. What is read is checked as if a stranger had written it.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, OpenFlags, Row, params, params_from_iter};
use serde::Serialize;

use super::Registry;
use super::export::ContextRow;
use super::graft::{Graft, copy};
use super::open::PATIENCE;
use super::repo_rows::{RepoRow, repo_of};
use crate::event::{Event, What};
use crate::model::{BookmarkName, RepoId, Status};

/// All that a registry has and no journal can give back, and the events: some may be in no journal.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    pub(crate) repos: Vec<RepoRow>,
    pub(crate) contexts: Vec<ContextRow>,
    pub(crate) approvals: Vec<[String; 4]>,
    pub(crate) proofs: Vec<[String; 5]>,
    /// By repo, in order.
    pub(crate) events: HashMap<RepoId, Vec<Event>>,
    pub(crate) tables: Vec<Table>,
}

/// How a table was read.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    /// Rows that make no sense.
    pub(crate) unreadable: usize,
    /// Why it could not be read from one end to the other.
    pub(crate) broken: Option<String>,
}

/// How many rows in a gap are tried one by one.
const TRIES: i64 = 100_000;

/// Reads the database at `path`; the copy is made in `folder`, which is private.
pub(super) fn salvage(path: &Utf8Path, folder: &Utf8Path) -> anyhow::Result<Salvaged> {
    let mut last = None;
    for graft in [Graft::None, Graft::Header, Graft::Schema] {
        let copied = copy(path, folder, graft)?;
        match open(&copied) {
            Ok(db) => return Ok(read(&db)),
            Err(error) => last = Some(error),
        }
    }
    let mut nothing = Salvaged::default();
    let why = last.map(|error| error.to_string());
    nothing.tables.push(Table { name: "sqlite_schema", rows: 0, unreadable: 0, broken: why });
    Ok(nothing)
}

/// The copy, where its schema can be read.
fn open(copied: &Utf8PathBuf) -> rusqlite::Result<Connection> {
    let Registry { db } = Registry::connect_any(copied, OpenFlags::SQLITE_OPEN_READ_WRITE, PATIENCE)?;
    for table in ["repos", "events"] {
        db.prepare(&format!("SELECT rowid, * FROM {table}"))?;
    }
    Ok(db)
}

fn read(db: &Connection) -> Salvaged {
    let mut tables = Vec::new();
    let mut flows: HashMap<i64, BookmarkName> = HashMap::new();
    let names = table(db, "FlowRegistry", &mut tables, |row| {
        Ok((row.get::<_, i64>("id")?, BookmarkName::new(row.get::<_, String>("bookmark")?)))
    });
    flows.extend(names);
    let repos =
        table(db, "repos", &mut tables, |row| repo_of(row).and_then(|repo| sound(repo, RepoRow::fault)));
    let contexts = table(db, "contexts", &mut tables, |row| {
        Ok(ContextRow { uid: row.get("uid")?, context: row.get("context")?, since: row.get("since")? })
    });
    let approvals = table(db, "approvals", &mut tables, |row| texts(row, ["repo", "hook", "command", "at"]));
    let proofs =
        table(db, "proofs", &mut tables, |row| texts(row, ["repo", "tree", "command", "verification", "at"]));
    let all = table(db, "events", &mut tables, |row| event(row, &mut flows));
    let mut events: HashMap<RepoId, Vec<Event>> = HashMap::new();
    for (repo, event) in all {
        events.entry(repo).or_default().push(event);
    }
    Salvaged { repos, contexts, approvals, proofs, events, tables }
}

fn texts<const N: usize>(row: &Row<'_>, columns: [&str; N]) -> rusqlite::Result<[String; N]> {
    let mut values = [const { String::new() }; N];
    for (value, column) in values.iter_mut().zip(columns) {
        *value = row.get(column)?;
    }
    Ok(values)
}

fn sound<T>(value: T, fault: impl Fn(&T) -> Option<&'static str>) -> rusqlite::Result<T> {
    match fault(&value) {
        None => Ok(value),
        Some(_) => Err(rusqlite::Error::InvalidQuery),
    }
}

/// An event from its line, or, where it stands in no journal yet, from its columns.
fn event(row: &Row<'_>, flows: &mut HashMap<i64, BookmarkName>) -> rusqlite::Result<(RepoId, Event)> {
    let repo = sound(RepoId::new(row.get::<_, String>("repo")?), |id| (!id.is_valid()).then_some("no id"))?;
    let (key, flow): (String, i64) = (row.get("key")?, row.get("flow")?);
    let Some(line) = row.get::<_, Option<String>>("line")? else {
        let nonsense = || rusqlite::Error::InvalidQuery;
        let word = |column| row.get::<_, Option<String>>(column);
        let what = What::Status {
            from: word("status_from")?.as_deref().and_then(Status::parse),
            to: word("status_to")?.as_deref().and_then(Status::parse).ok_or_else(nonsense)?,
            reason: word("reason")?,
        };
        let at = row.get::<_, String>("at")?.parse().map_err(|_| nonsense())?;
        let flow = flows.get(&flow).cloned().ok_or_else(nonsense)?;
        return Ok((repo, Event { key, at, actor: row.get("actor")?, flow, op: None, aside: false, what }));
    };
    let event: Event = serde_json::from_str(&line).map_err(|_| rusqlite::Error::InvalidQuery)?;
    let event = sound(event, |event| (event.key != key).then_some("another key"))?;
    // A flow whose row cannot be read has the name of its last event.
    let name = if let What::Renamed { to } = &event.what { to } else { &event.flow };
    flows.entry(flow).or_insert_with(|| name.clone());
    Ok((repo, event))
}

/// The rows of a table that can be read, in order.
fn table<T>(
    db: &Connection,
    name: &'static str,
    tables: &mut Vec<Table>,
    mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut told = Table { name, rows: 0, unreadable: 0, broken: None };
    let mut values = Vec::new();
    if let Err(error) = db.prepare(&format!("SELECT * FROM {name}")) {
        tables.push(Table { broken: Some(error.to_string()), ..told });
        return values;
    }
    let (mut low, mut high) = (i64::MIN, None);
    let mut visit = |row: &Row<'_>, values: &mut Vec<T>, unreadable: &mut usize| match take(row) {
        Ok(value) => values.push(value),
        Err(_) => *unreadable += 1,
    };
    let forwards = format!("SELECT rowid AS number, * FROM {name} WHERE rowid > ?1 ORDER BY rowid");
    let walked = walk(db, &forwards, low, |number, row| {
        low = number;
        visit(row, &mut values, &mut told.unreadable);
    });
    if let Err(error) = walked {
        told.broken = Some(error.to_string());
        let mut behind = Vec::new();
        let backwards = format!("SELECT rowid AS number, * FROM {name} WHERE rowid > ?1 ORDER BY rowid DESC");
        // It breaks on its way back too: what it has seen by then is what there is.
        let _ = walk(db, &backwards, low, |number, row| {
            high = Some(number);
            visit(row, &mut behind, &mut told.unreadable);
        });
        let first = low.max(0).saturating_add(1);
        let end = high.unwrap_or(i64::MAX).min(first.saturating_add(TRIES));
        let single = format!("SELECT rowid AS number, * FROM {name} WHERE rowid = ?1");
        for number in first..end {
            let _ = walk(db, &single, number, |_, row| visit(row, &mut values, &mut told.unreadable));
        }
        behind.reverse();
        values.extend(behind);
    }
    told.rows = values.len();
    tables.push(told);
    values
}

/// Visits rows until one cannot be read.
fn walk(
    db: &Connection,
    sql: &str,
    number: i64,
    mut visit: impl FnMut(i64, &Row<'_>),
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![number])?;
    while let Some(row) = rows.next()? {
        visit(row.get("number")?, row);
    }
    Ok(())
}

impl Registry {
    /// Keeps what no journal gives back. Says how many contexts, approvals and proofs there are now.
    pub(crate) fn keep(&mut self, salvaged: &Salvaged) -> anyhow::Result<[u32; 3]> {
        self.write(|db| {
            let mut contexts =
                db.prepare("INSERT OR IGNORE INTO contexts (uid, context, since) VALUES (?1, ?2, ?3)")?;
            for ContextRow { uid, context, since } in &salvaged.contexts {
                contexts.execute([uid, context, since])?;
            }
            let mut approvals = db
                .prepare("INSERT OR IGNORE INTO approvals (repo, hook, command, at) VALUES (?1, ?2, ?3, ?4)")?;
            for approval in &salvaged.approvals {
                approvals.execute(params_from_iter(approval))?;
            }
            let mut proofs = db.prepare(
                "INSERT OR IGNORE INTO proofs (repo, tree, command, verification, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for proof in &salvaged.proofs {
                proofs.execute(params_from_iter(proof))?;
            }
            let count = |table| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
            Ok([count("contexts")?, count("approvals")?, count("proofs")?])
        })
    }
}
