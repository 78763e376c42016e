//! Reading the event log.

use rusqlite::params_from_iter;
use serde::Serialize;

use super::filter::Filter;
use super::rows::Page;
use super::{Registry, failure};

/// One row of the event log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoggedEvent {
    pub(crate) at: String,
    /// The flow's bookmark as it was then.
    pub(crate) flow: String,
    pub(crate) component: String,
    pub(crate) repo: String,
    pub(crate) root: String,
    pub(crate) actor: String,
    pub(crate) kind: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) operation: Option<String>,
    #[serde(skip)]
    id: i64,
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventFilter {
    /// The flows that they are of, and since when. Its text is looked for in the event's reason too.
    pub(crate) flows: Filter,
    /// The row of the one flow.
    pub(crate) flow: Option<i64>,
    pub(crate) kind: Option<String>,
    pub(crate) actor: Option<String>,
}

const EVENT: &str = "SELECT e.id, e.at, coalesce(json_extract(e.line, '$.flow'), f.bookmark), f.component, r.id, r.root, \
     e.actor, e.kind, e.status_from, e.status_to, e.reason, e.operation \
     FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow JOIN repos AS r ON r.id = f.repo";

impl Registry {
    /// The events that pass the filter, newest first.
    pub(crate) fn events(&self, filter: &EventFilter) -> anyhow::Result<Page<LoggedEvent>> {
        self.know(&filter.flows)?;
        let (mut condition, mut values) = filter.flows.condition("e.at", "e.id");
        let mut restrict = |term: &str, value: String| {
            condition.push_str(" AND ");
            condition.push_str(term);
            values.push(value);
        };
        if let Some(flow) = filter.flow {
            restrict("e.flow = CAST(? AS INTEGER)", flow.to_string());
        }
        if let Some(kind) = &filter.kind {
            restrict("e.kind = ?", kind.clone());
        }
        if let Some(actor) = &filter.actor {
            restrict("e.actor = ?", actor.clone());
        }
        let sql = format!("{EVENT} WHERE {condition} ORDER BY e.at DESC, e.id DESC LIMIT ?");
        values.push(filter.flows.fetched().to_string());
        let read = || -> rusqlite::Result<Vec<LoggedEvent>> {
            let mut statement = self.db.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), |row| {
                Ok(LoggedEvent {
                    id: row.get(0)?,
                    at: row.get(1)?,
                    flow: row.get(2)?,
                    component: row.get(3)?,
                    repo: row.get(4)?,
                    root: row.get(5)?,
                    actor: row.get(6)?,
                    kind: row.get(7)?,
                    from: row.get(8)?,
                    to: row.get(9)?,
                    reason: row.get(10)?,
                    operation: row.get(11)?,
                })
            })?;
            rows.collect()
        };
        let rows = read().map_err(failure)?;
        Ok(filter.flows.page(rows, |event| (event.at.clone(), event.id)))
    }
}
