//! Reading flows, their events and their landings.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Row, named_params};
use serde::Serialize;

use super::{Registry, failure};
use crate::event::{Event, Origin, What};
use crate::model::{BookmarkName, ChangeId, CommitId, Flow, RepoId, Status, Tip, Trouble};

/// Which flows are asked for; what is not given does not restrict.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) repo: Option<RepoId>,
    pub(crate) bookmark: Option<BookmarkName>,
    pub(crate) status: Vec<Status>,
    pub(crate) uid: Option<String>,
    /// A type as a whole word of the intent is matched by the caller; here it narrows to intents that contain it.
    pub(crate) intent_has: Option<String>,
    pub(crate) component: Option<String>,
    pub(crate) since: Option<Timestamp>,
    /// Rows whose bookmark is gone too.
    pub(crate) gone: bool,
    pub(crate) limit: Option<usize>,
}

/// One row of the event log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoggedEvent {
    pub(crate) at: String,
    pub(crate) flow: String,
    pub(crate) actor: String,
    pub(crate) kind: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) operation: Option<String>,
}

const FLOW: &str = "SELECT f.id, f.repo, r.root, f.bookmark, f.component, f.status, f.change_id, f.commit_id, \
     f.parent_flow, f.actor, f.reason, f.created_at, f.updated_at, f.gone_at, f.trouble \
     FROM FlowRegistry AS f JOIN repos AS r ON r.id = f.repo";

impl Registry {
    /// The flows that pass the filter, those last touched first.
    pub(crate) fn flows(&self, filter: &Filter) -> anyhow::Result<Vec<Flow>> {
        let mut terms: Vec<&str> = Vec::new();
        let mut values: Vec<(&str, String)> = Vec::new();
        let mut restrict = |term: &'static str, name: &'static str, value: String| {
            terms.push(term);
            values.push((name, value));
        };
        if let Some(repo) = &filter.repo {
            restrict("f.repo = :repo", ":repo", repo.to_string());
        }
        if let Some(bookmark) = &filter.bookmark {
            restrict("lower(f.bookmark) = lower(:bookmark)", ":bookmark", bookmark.to_string());
        }
        if let Some(uid) = &filter.uid {
            restrict("f.uid = :uid", ":uid", uid.clone());
        }
        if let Some(word) = &filter.intent_has {
            restrict("instr(lower(f.intent), :intent) > 0", ":intent", word.to_ascii_lowercase());
        }
        if let Some(component) = &filter.component {
            restrict("f.component = :component", ":component", component.clone());
        }
        if let Some(since) = filter.since {
            restrict("f.updated_at >= :since", ":since", text_of(since));
        }
        if !filter.gone {
            terms.push("f.gone_at IS NULL");
        }
        const STATUS: [&str; 4] = [":s0", ":s1", ":s2", ":s3"];
        let wanted: Vec<Status> =
            Status::ALL.into_iter().filter(|status| filter.status.contains(status)).collect();
        let statuses = format!("f.status IN ({})", STATUS[..wanted.len()].join(", "));
        if !wanted.is_empty() {
            terms.push(&statuses);
            values.extend(STATUS.into_iter().zip(wanted.iter().map(ToString::to_string)));
        }
        let condition = if terms.is_empty() { "TRUE".to_owned() } else { terms.join(" AND ") };
        let limit = filter.limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
        let sql = format!("{FLOW} WHERE {condition} ORDER BY f.updated_at DESC, f.id DESC{limit}");
        let values: Vec<(&str, &dyn rusqlite::ToSql)> =
            values.iter().map(|(name, value)| (*name, value as &dyn rusqlite::ToSql)).collect();
        let read = || -> rusqlite::Result<Vec<Flow>> {
            self.db.prepare_cached(&sql)?.query_map(values.as_slice(), flow_of)?.collect()
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

    /// The last events, newest first: of one flow, of one repo, or of all.
    pub(crate) fn events(
        &self,
        repo: Option<&RepoId>,
        flow: Option<i64>,
        limit: usize,
    ) -> anyhow::Result<Vec<LoggedEvent>> {
        let read = || -> rusqlite::Result<Vec<LoggedEvent>> {
            let mut statement = self.db.prepare_cached(
                "SELECT e.at, coalesce(json_extract(e.line, '$.flow'), f.bookmark), e.actor, e.kind, e.status_from, e.status_to, e.reason, e.operation \
                 FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow \
                 WHERE (:repo IS NULL OR f.repo = :repo) AND (:flow IS NULL OR e.flow = :flow) \
                 ORDER BY e.at DESC, e.id DESC LIMIT :limit",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(
                named_params! {":repo": repo.map(RepoId::as_str), ":flow": flow, ":limit": limit},
                |row| {
                    Ok(LoggedEvent {
                        at: row.get(0)?,
                        flow: row.get(1)?,
                        actor: row.get(2)?,
                        kind: row.get(3)?,
                        from: row.get(4)?,
                        to: row.get(5)?,
                        reason: row.get(6)?,
                        operation: row.get(7)?,
                    })
                },
            )?;
            rows.collect()
        };
        read().map_err(failure)
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

fn time_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
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
