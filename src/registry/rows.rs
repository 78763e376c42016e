//! Reading flows.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Row, named_params, params_from_iter};

use super::filter::Filter;
use super::{Registry, failure};
use crate::event::{Event, Origin, What};
use crate::model::{BookmarkName, ChangeId, CommitId, Flow, RepoId, Status, Tip, Trouble};

/// Some of the rows that somebody asked for, and where to go on.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    /// Stands for the last of the rows; none where there are no more.
    pub(crate) next: Option<String>,
}

const FLOW: &str = "SELECT f.id, f.repo, r.root, f.bookmark, f.component, f.status, f.change_id, f.commit_id, \
     f.parent_flow, f.actor, f.reason, f.created_at, f.updated_at, f.gone_at, f.trouble \
     FROM FlowRegistry AS f JOIN repos AS r ON r.id = f.repo";

impl Registry {
    /// The flows that pass the filter, those last touched first.
    pub(crate) fn flows(&self, filter: &Filter) -> anyhow::Result<Vec<Flow>> {
        Ok(self.page_of_flows(filter)?.rows)
    }

    /// As many of them as the filter's limit has it.
    pub(crate) fn page_of_flows(&self, filter: &Filter) -> anyhow::Result<Page<Flow>> {
        self.know(filter)?;
        let (condition, mut values) = filter.condition("f.updated_at", "f.id");
        let limit = filter.fetched();
        let sql = format!("{FLOW} WHERE {condition} ORDER BY f.updated_at DESC, f.id DESC LIMIT ?");
        values.push(limit.to_string());
        let read = || -> rusqlite::Result<Vec<Flow>> {
            self.db.prepare_cached(&sql)?.query_map(params_from_iter(values), flow_of)?.collect()
        };
        let rows = read().map_err(failure)?;
        Ok(filter.page(rows, |flow| (text_of(flow.updated_at), flow.id)))
    }

    /// The flows, gone ones too, that have this name or this end of one, without regard to case.
    pub(crate) fn flows_named(&self, repo: Option<&RepoId>, text: &str) -> anyhow::Result<Vec<Flow>> {
        let sql = format!(
            "{FLOW} WHERE (:repo IS NULL OR f.repo = :repo) AND (lower(f.bookmark) = lower(:text) \
             OR substr(lower(f.bookmark), -length(:text) - 2) = '--' || lower(:text))"
        );
        let read = || -> rusqlite::Result<Vec<Flow>> {
            let values = named_params! {":repo": repo.map(RepoId::as_str), ":text": text};
            self.db.prepare_cached(&sql)?.query_map(values, flow_of)?.collect()
        };
        read().map_err(failure)
    }

    /// The open flows of a repo that were begun here, by their numbers, with the change that each began with.
    pub(crate) fn first_changes(&self, repo: &RepoId) -> anyhow::Result<HashMap<i64, ChangeId>> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let mut statement = self.db.prepare_cached(
                "SELECT f.id, e.line FROM FlowRegistry AS f JOIN events AS e ON e.flow = f.id \
                 WHERE f.repo = ?1 AND f.gone_at IS NULL AND f.status <> 'merged' \
                 AND e.kind = 'created' AND e.line IS NOT NULL",
            )?;
            statement.query_map([repo.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let first = |(flow, line): (i64, String)| match serde_json::from_str::<Event>(&line).ok()?.what {
            What::Created { tip, origin: Origin::New | Origin::Sub, .. } => Some((flow, tip.change)),
            _ => None,
        };
        Ok(read().map_err(failure)?.into_iter().filter_map(first).collect())
    }

    /// The live flow of this bookmark, without regard to case.
    pub(crate) fn flow(&self, repo: &RepoId, bookmark: &BookmarkName) -> anyhow::Result<Option<Flow>> {
        let filter =
            Filter { repo: Some(repo.clone()), bookmark: Some(bookmark.clone()), ..Filter::default() };
        Ok(self.flows(&filter)?.into_iter().next())
    }
}

fn flow_of(row: &Row<'_>) -> rusqlite::Result<Flow> {
    let status: String = row.get(5)?;
    Ok(Flow {
        id: row.get(0)?,
        repo: RepoId::new(row.get::<_, String>(1)?),
        root: row.get(2)?,
        bookmark: BookmarkName::new(row.get::<_, String>(3)?),
        component: row.get(4)?,
        status: Status::parse(&status).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(5, Type::Text, format!("no status: {status}").into())
        })?,
        tip: Tip {
            change: ChangeId::new(row.get::<_, String>(6)?),
            commit: CommitId::new(row.get::<_, String>(7)?),
        },
        first: None,
        parent: row.get::<_, Option<String>>(8)?.map(BookmarkName::new),
        actor: row.get(9)?,
        reason: row.get(10)?,
        trouble: row.get::<_, Option<String>>(14)?.as_deref().and_then(Trouble::parse),
        created_at: time_of(row, 11)?,
        updated_at: time_of(row, 12)?,
        gone_at: match row.get::<_, Option<String>>(13)? {
            Some(_) => Some(time_of(row, 13)?),
            None => None,
        },
    })
}

pub(super) fn time_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: jiff::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// RFC 3339 in UTC with exactly three digits of a second, as SQLite's own `strftime('%f')` writes it: texts of
/// one width sort as times.
pub(super) fn text_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
