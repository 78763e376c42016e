//! Every repo that is known: its row, and a line in the list beside the registry, by which a registry that was deleted
//! is built again.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::rows::text_of;
use super::{Registry, failure};
use crate::error::{Failure, Kind};
use crate::model::{OpId, RepoId};

/// One repo as it is on record.
#[derive(Clone, Debug)]
pub(crate) struct KnownRepo {
    pub(crate) id: RepoId,
    /// Where its main workspace was last seen; of one that is elsewhere, its name.
    pub(crate) root: String,
    pub(crate) component: String,
    /// Whether it is on this machine.
    pub(crate) is_here: bool,
    /// How many live flows it has, and how many of them are open.
    pub(crate) flows: u64,
    pub(crate) open: u64,
    /// The operation that its rows agree with.
    pub(crate) compared_at: Option<OpId>,
    /// How far its journal has been taken in, in bytes.
    pub(crate) journal_offset: u64,
    /// Whether something waits to be settled or written down there, whatever its operations are.
    pub(crate) is_pending: bool,
    pub(crate) last_seen: Option<String>,
    pub(crate) forgotten_at: Option<String>,
}

/// The list of a registry: `registry.repos` beside `registry.db`, so that whoever deletes the one keeps the other.
pub(crate) fn list_path(registry: &Utf8Path) -> Utf8PathBuf {
    match registry.extension() {
        Some("repos") | None => format!("{registry}.repos").into(),
        Some(_) => registry.with_extension("repos"),
    }
}

/// The repos that the list of a registry names, and their folders; a line that is torn or not understood is passed over.
pub(crate) fn load_listed(registry: &Utf8Path) -> std::io::Result<Vec<(RepoId, String)>> {
    let text = match std::fs::read(list_path(registry)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        text => text?,
    };
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    let last: BTreeMap<String, Line> = lines.map(|line| (line.id.to_string(), line)).collect();
    let named = last.into_values().filter(|line| !line.forgotten && line.id.is_valid());
    Ok(named.map(|line| (line.id, line.root)).collect())
}

/// A line of the list: the last one of a repo holds.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    id: RepoId,
    root: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    forgotten: bool,
}

impl Registry {
    /// Every repo on record, by its root; those that are only in the list too.
    pub(crate) fn repos(&self) -> anyhow::Result<Vec<KnownRepo>> {
        let read = || -> rusqlite::Result<Vec<KnownRepo>> {
            let mut statement = self.db.prepare_cached(
                "SELECT r.id, r.root, r.component, r.kind, count(f.id), coalesce(sum(f.status <> 'merged'), 0), \
                     r.compared_at, r.journal_offset, \
                     EXISTS (SELECT 1 FROM events AS e WHERE e.line IS NULL AND e.repo = r.id) \
                       OR r.id IN (SELECT u.repo FROM landings AS l JOIN FlowRegistry AS u ON u.id = l.flow \
                                   WHERE l.state IN ('planned', 'undoing')), \
                     r.last_seen, r.forgotten_at \
                 FROM repos AS r LEFT JOIN FlowRegistry AS f ON f.repo = r.id AND f.gone_at IS NULL \
                 GROUP BY r.id ORDER BY r.root, r.id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(KnownRepo {
                    id: RepoId::new(row.get::<_, String>(0)?),
                    root: row.get(1)?,
                    component: row.get(2)?,
                    is_here: row.get::<_, String>(3)? == "here",
                    flows: row.get::<_, i64>(4)?.unsigned_abs(),
                    open: row.get::<_, i64>(5)?.unsigned_abs(),
                    compared_at: row.get::<_, Option<String>>(6)?.map(OpId::new),
                    journal_offset: row.get::<_, i64>(7)?.unsigned_abs(),
                    is_pending: row.get(8)?,
                    last_seen: row.get(9)?,
                    forgotten_at: row.get(10)?,
                })
            })?;
            rows.collect()
        };
        let mut repos = read().map_err(failure)?;
        let mut missing = load_listed(&self.path()?)?;
        missing.retain(|(id, _)| repos.iter().all(|known| known.id != *id));
        repos.extend(missing.into_iter().map(|(id, root)| KnownRepo {
            id,
            root,
            component: String::new(),
            is_here: true,
            flows: 0,
            open: 0,
            compared_at: None,
            journal_offset: 0,
            is_pending: true,
            last_seen: None,
            forgotten_at: None,
        }));
        Ok(repos)
    }

    /// The repo of this machine that was last seen in a folder, and the operation that its rows agree with.
    pub(crate) fn repo_at(&self, root: &Utf8Path) -> anyhow::Result<Option<(RepoId, Option<OpId>)>> {
        let read = || -> rusqlite::Result<Option<(RepoId, Option<OpId>)>> {
            let mut statement = self.db.prepare_cached(
                "SELECT id, compared_at FROM repos WHERE root = ?1 AND kind = 'here' ORDER BY last_seen DESC LIMIT 1",
            )?;
            let mut rows = statement.query([root.as_str()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let compared_at = row.get::<_, Option<String>>(1)?.map(OpId::new);
            Ok(Some((RepoId::new(row.get::<_, String>(0)?), compared_at)))
        };
        read().map_err(failure)
    }

    /// Writes down that a repo is not to be looked at any more. It is again once somebody works in it.
    pub(crate) fn forget_repo(&mut self, repo: &KnownRepo, now: Timestamp) -> anyhow::Result<()> {
        self.write(|db| {
            db.prepare_cached("UPDATE repos SET forgotten_at = ?2 WHERE id = ?1 AND forgotten_at IS NULL")?
                .execute(params![repo.id.as_str(), text_of(now)])?;
            Ok(())
        })?;
        self.list_repo(&repo.id, &repo.root, true)
    }

    /// Whether there is a list at all: an older jj-flow had none.
    pub(super) fn has_list(&self) -> bool {
        self.list_path().is_some_and(|path| path.exists())
    }

    /// Writes a repo that was seen into the list, and every other one where there is none yet.
    pub(super) fn list_repo(&self, id: &RepoId, root: &str, forgotten: bool) -> anyhow::Result<()> {
        let Some(path) = self.list_path() else { return Ok(()) };
        let mut lines = Vec::new();
        if !path.exists() {
            let here = self.repos()?.into_iter().filter(|repo| repo.is_here && repo.id != *id);
            lines.extend(here.map(|KnownRepo { id, root, forgotten_at, .. }| Line {
                id,
                root,
                forgotten: forgotten_at.is_some(),
            }));
        }
        lines.push(Line { id: id.clone(), root: root.to_owned(), forgotten });
        let mut text = String::new();
        for line in &lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| anyhow::Error::from(error).context(format!("Could not write to {path}")))
    }

    /// The database's file.
    pub(crate) fn path(&self) -> anyhow::Result<Utf8PathBuf> {
        let path = self.db.path().map(Utf8PathBuf::from);
        path.ok_or_else(|| Failure::new(Kind::Registry, "The registry is in no file").into())
    }

    fn list_path(&self) -> Option<Utf8PathBuf> {
        Some(list_path(Utf8Path::new(self.db.path()?)))
    }
}
