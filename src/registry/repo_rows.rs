//! The repos on record, those that are only told of among them, and the lines that are known of each.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::{Registry, failure};
use crate::model::RepoId;

/// A repo as the registry has it, and as an export tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepoRow {
    pub(crate) id: RepoId,
    /// The folder of its main workspace, as last seen; a name for a repo that is elsewhere.
    pub(crate) root: String,
    pub(crate) component: String,
    pub(crate) kind: RepoKind,
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
    #[serde(default)]
    pub(crate) forgotten_at: Option<String>,
}

/// Whether a repo lies on this machine, or is only told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RepoKind {
    Here,
    Elsewhere,
}

impl RepoKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Elsewhere => "elsewhere",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        if text == Self::Elsewhere.as_str() { Self::Elsewhere } else { Self::Here }
    }
}

impl RepoRow {
    /// A repo of this machine that nothing else is known of.
    pub(crate) fn here(id: RepoId, root: &str, component: &str, now: Timestamp) -> Self {
        let now = super::rows::text_of(now);
        Self {
            id,
            root: root.to_owned(),
            component: component.to_owned(),
            kind: RepoKind::Here,
            first_seen: now.clone(),
            last_seen: now,
            forgotten_at: None,
        }
    }

    /// What is no repo's row, from whoever wrote it.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_time = |text: &String| text.parse::<Timestamp>().is_ok();
        if !self.id.is_valid() {
            return Some("the repo's id is not 16 hex digits");
        }
        let times = [Some(&self.first_seen), Some(&self.last_seen), self.forgotten_at.as_ref()];
        (!times.into_iter().flatten().all(is_time)).then_some("a time is none")
    }
}

impl Registry {
    /// All repos, by id.
    pub(crate) fn repo_rows(&self) -> anyhow::Result<Vec<RepoRow>> {
        let read = || -> rusqlite::Result<Vec<RepoRow>> {
            self.db.prepare_cached("SELECT * FROM repos ORDER BY id")?.query_map([], repo_of)?.collect()
        };
        read().map_err(failure)
    }

    pub(crate) fn repo(&self, id: &RepoId) -> anyhow::Result<Option<RepoRow>> {
        let read = || {
            self.db
                .prepare_cached("SELECT * FROM repos WHERE id = ?1")?
                .query_row([id.as_str()], repo_of)
                .optional()
        };
        read().map_err(failure)
    }

    /// Writes down a repo that somebody else has told of. One that is known stays as it is; one elsewhere follows what
    /// was seen later.
    pub(crate) fn add_repo(&mut self, repo: &RepoRow) -> anyhow::Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO repos (id, root, component, kind, first_seen, last_seen, forgotten_at) \
                 VALUES (:id, :root, :component, :kind, :first, :last, :forgotten) \
                 ON CONFLICT (id) DO UPDATE SET root = :root, component = :component, last_seen = :last, \
                     first_seen = min(first_seen, :first) \
                 WHERE kind = 'elsewhere' AND :last > last_seen",
            )?
            .execute(named_params! {
                ":id": repo.id.as_str(), ":root": repo.root, ":component": repo.component,
                ":kind": repo.kind.as_str(), ":first": repo.first_seen, ":last": repo.last_seen,
                ":forgotten": repo.forgotten_at,
            })?;
            Ok(())
        })
    }

    /// How many events there are, of all repos.
    pub(crate) fn count_events(&self) -> anyhow::Result<u64> {
        let read = || self.db.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, u32>(0));
        read().map(u64::from).map_err(failure)
    }

    /// The lines that a repo's journal is known to have had, in their order, each with its event's key.
    pub(crate) fn written_lines(&self, repo: &RepoId) -> anyhow::Result<Vec<(String, String)>> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            self.db
                .prepare_cached(
                    "SELECT key, line FROM events WHERE repo = ?1 AND line IS NOT NULL ORDER BY id",
                )?
                .query_map([repo.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        };
        read().map_err(failure)
    }

    /// Those of these events that another repo has and this one has not.
    pub(crate) fn events_of_others<'k>(
        &self,
        repo: &RepoId,
        keys: impl Iterator<Item = &'k String>,
    ) -> anyhow::Result<Vec<String>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut own = self.db.prepare_cached("SELECT 1 FROM events WHERE repo = ?1 AND key = ?2")?;
            let mut anothers = self.db.prepare_cached(
                "SELECT 1 FROM repos AS r JOIN events AS e ON e.repo = r.id AND e.key = ?1 LIMIT 1",
            )?;
            let mut others = Vec::new();
            for key in keys {
                // Nearly always this decides: the second look goes through all repos.
                if !own.exists(params![repo.as_str(), key])? && anothers.exists([key])? {
                    others.push(key.clone());
                }
            }
            Ok(others)
        };
        read().map_err(failure)
    }
}

/// Reads a row of `repos` with all its columns.
pub(super) fn repo_of(row: &Row<'_>) -> rusqlite::Result<RepoRow> {
    // A schema before the third has no repos elsewhere and forgets none.
    let kind = row.get::<_, Option<String>>("kind").unwrap_or_default();
    Ok(RepoRow {
        id: RepoId::new(row.get::<_, String>("id")?),
        root: row.get("root")?,
        component: row.get("component")?,
        kind: kind.map_or(RepoKind::Here, |kind| RepoKind::parse(&kind)),
        first_seen: row.get("first_seen")?,
        last_seen: row.get("last_seen")?,
        forgotten_at: row.get("forgotten_at").unwrap_or_default(),
    })
}
