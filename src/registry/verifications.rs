//! What was verified, which trees have passed here, and which hooks may run.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde::Serialize;

use super::rows::text_of;
use super::{Registry, failure};
use crate::event::{Event, Verification};
use crate::model::RepoId;

/// One verification, as recorded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct VerificationRow {
    /// The git tree that was checked out.
    pub(crate) tree: String,
    pub(crate) command: String,
    pub(crate) passed: bool,
    pub(crate) ending: String,
    pub(crate) milliseconds: u64,
    /// The end of what it printed.
    pub(crate) tail: String,
    pub(crate) at: String,
}

impl Registry {
    /// The verifications of a flow, newest first.
    pub(crate) fn verifications(&self, flow: i64) -> anyhow::Result<Vec<VerificationRow>> {
        let read = || -> rusqlite::Result<Vec<VerificationRow>> {
            let sql = format!("{VERIFICATION} WHERE flow = ?1 ORDER BY id DESC");
            self.db.prepare_cached(&sql)?.query_map([flow], row_of)?.collect()
        };
        read().map_err(failure)
    }

    /// The key of the verification by which this tree has passed this command here.
    pub(crate) fn proof(&self, repo: &RepoId, tree: &str, command: &str) -> anyhow::Result<Option<String>> {
        let read = || {
            self.db
                .prepare_cached(
                    "SELECT verification FROM proofs WHERE repo = ?1 AND tree = ?2 AND command = ?3",
                )?
                .query_row(params![repo.as_str(), tree, command], |row| row.get(0))
                .optional()
        };
        read().map_err(failure)
    }

    /// Keeps that a tree has passed. Only what ran here comes in this way, never what a journal says.
    pub(crate) fn keep_proof(
        &mut self,
        repo: &RepoId,
        verification: &Verification,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO proofs (repo, tree, command, verification, at) \
                 VALUES (:repo, :tree, :command, :verification, :at)",
            )?
            .execute(named_params! {
                ":repo": repo.as_str(), ":tree": verification.tree, ":command": verification.command,
                ":verification": verification.verification, ":at": text_of(now),
            })?;
            Ok(())
        })
    }

    /// Whether this very command was approved for this repo.
    pub(crate) fn is_approved(&self, repo: &RepoId, hook: &str, command: &str) -> anyhow::Result<bool> {
        let read = || {
            self.db
                .prepare_cached("SELECT 1 FROM approvals WHERE repo = ?1 AND hook = ?2 AND command = ?3")?
                .exists(params![repo.as_str(), hook, command])
        };
        read().map_err(failure)
    }

    /// Approves a command, or takes the approval back.
    pub(crate) fn approve(
        &mut self,
        repo: &RepoId,
        hook: &str,
        command: &str,
        approved: bool,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let sql = if approved {
            "INSERT OR REPLACE INTO approvals (repo, hook, command, at) VALUES (?1, ?2, ?3, ?4)"
        } else {
            "DELETE FROM approvals WHERE repo = ?1 AND hook = ?2 AND command = ?3 AND ?4 IS NOT NULL"
        };
        self.write(|db| {
            db.prepare_cached(sql)?.execute(params![repo.as_str(), hook, command, text_of(now)])?;
            Ok(())
        })
    }
}

const VERIFICATION: &str = "SELECT tree, command, passed, ending, milliseconds, tail, at FROM verifications";

fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<VerificationRow> {
    Ok(VerificationRow {
        tree: row.get(0)?,
        command: row.get(1)?,
        passed: row.get(2)?,
        ending: row.get(3)?,
        milliseconds: row.get::<_, i64>(4)?.unsigned_abs(),
        tail: row.get(5)?,
        at: row.get(6)?,
    })
}

/// The verification that a landing of a flow names; it may have been run for another flow of the repo.
pub(super) fn find(db: &Connection, flow: i64, key: &str) -> rusqlite::Result<Option<VerificationRow>> {
    let sql = format!(
        "{VERIFICATION} WHERE key = ?2 AND repo = (SELECT f.repo FROM FlowRegistry AS f WHERE f.id = ?1)"
    );
    db.prepare_cached(&sql)?.query_row(params![flow, key], row_of).optional()
}

pub(super) fn insert(
    db: &Connection,
    repo: &RepoId,
    flow: i64,
    event: &Event,
    verification: &Verification,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO verifications (flow, repo, key, tree, command, passed, ending, milliseconds, tail, at) \
         VALUES (:flow, :repo, :key, :tree, :command, :passed, :ending, :milliseconds, :tail, :at)",
    )?
    .execute(named_params! {
        ":flow": flow, ":repo": repo.as_str(), ":key": verification.verification, ":tree": verification.tree,
        ":command": verification.command, ":passed": verification.passed, ":ending": verification.ending,
        ":milliseconds": i64::try_from(verification.milliseconds).unwrap_or(i64::MAX),
        ":tail": verification.tail, ":at": text_of(event.at),
    })?;
    Ok(())
}
