//! What waits for somebody: landings that were cut short, and conflicts that nobody has resolved.

use rusqlite::params;

use super::{Registry, failure};
use crate::event::Conflict;
use crate::model::{BookmarkName, RepoId};

/// A repo in which something waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) id: RepoId,
    /// The folder of its main workspace, as last seen.
    pub(crate) root: String,
    /// How many landings were planned, or were to be taken back, and are not settled.
    pub(crate) landings: u32,
    /// How many flows have met a conflict that is still open.
    pub(crate) conflicts: u32,
}

impl Registry {
    /// The repos of this machine in which something waits, by their roots.
    pub(crate) fn waiting(&self) -> anyhow::Result<Vec<Waiting>> {
        let read = || -> rusqlite::Result<Vec<Waiting>> {
            let mut statement = self.db.prepare_cached(
                "SELECT r.id, r.root, sum(w.landings), sum(w.conflicts) FROM ( \
                     SELECT flow, 1 AS landings, 0 AS conflicts FROM landings WHERE state IN ('planned', 'undoing') \
                     UNION ALL SELECT flow, 0, 1 FROM conflicts WHERE state = 'open' \
                 ) AS w JOIN FlowRegistry AS f ON f.id = w.flow JOIN repos AS r ON r.id = f.repo \
                 WHERE r.kind = 'here' AND r.forgotten_at IS NULL \
                   AND (w.landings > 0 OR f.gone_at IS NULL AND f.status <> 'merged') \
                 GROUP BY r.id ORDER BY r.root, r.id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(Waiting {
                    id: RepoId::new(row.get::<_, String>(0)?),
                    root: row.get(1)?,
                    landings: row.get(2)?,
                    conflicts: row.get(3)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(failure)
    }

    /// The open conflicts of a repo's open flows, each by its flow.
    pub(crate) fn open_conflicts(&self, repo: &RepoId) -> anyhow::Result<Vec<(BookmarkName, Conflict)>> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = self.db.prepare_cached(
                "SELECT f.bookmark, c.line FROM conflicts AS c JOIN FlowRegistry AS f ON f.id = c.flow \
                 WHERE c.state = 'open' AND f.repo = ?1 AND f.gone_at IS NULL AND f.status <> 'merged' ORDER BY c.id",
            )?;
            statement.query_map(params![repo.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let rows = read().map_err(failure)?.into_iter();
        Ok(rows
            .filter_map(|(flow, line)| Some((BookmarkName::new(flow), serde_json::from_str(&line).ok()?)))
            .collect())
    }
}
