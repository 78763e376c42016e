//! How the registry's file is: sound, damaged, open to others. Nothing is written here but file modes.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::config::DbConfig;
use rusqlite::{ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::open::{PATIENCE, default_path, folder_of};
use super::site::rebuilt;
use super::{Registry, failure};

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Missing,
    Sound,
    /// Why it cannot be worked with. A busy or forbidden one is not damaged, and neither is one of a newer jj-flow.
    Damaged(String),
}

const TABLES: [&str; 5] = ["FlowRegistry", "contexts", "events", "landings", "repos"];

impl Registry {
    /// Looks at every page of the file.
    pub(crate) fn examine(path: &Utf8Path) -> anyhow::Result<Health> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let unfinished = "the new one is not in its place yet".to_owned();
                let is_unfinished = rebuilt(path).exists();
                return Ok(if is_unfinished { Health::Damaged(unfinished) } else { Health::Missing });
            }
            Ok(file) if file.is_file() && file.len() == 0 => {
                return Ok(Health::Damaged("the file is empty".to_owned()));
            }
            _ => {}
        }
        let look = || {
            let registry = Self::connect_whole(path, OpenFlags::SQLITE_OPEN_READ_WRITE, PATIENCE)?;
            // A log that is worked off when it is closed would write into what is damaged.
            registry.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            let damage = registry.find_damage()?;
            rusqlite::Result::Ok((registry, damage))
        };
        match look() {
            Ok((registry, None)) => registry.check_not_newer().map(|()| Health::Sound),
            Ok((registry, Some(damage))) => registry.check_not_newer().map(|()| Health::Damaged(damage)),
            Err(error) if is_damage(&error) => Ok(Health::Damaged(error.to_string())),
            Err(error) => Err(failure(error)).with_context(|| format!("Could not open the registry {path}")),
        }
    }

    /// Whether somebody writes to the registry, and goes on doing so for longer than this.
    pub(crate) fn is_locked(path: &Utf8Path, patience: Duration) -> anyhow::Result<bool> {
        let mut registry =
            Self::connect_whole(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience).map_err(failure)?;
        let begun = registry
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(Transaction::rollback);
        match begun {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(true),
            begun => begun.map(|()| false).map_err(failure),
        }
    }

    fn find_damage(&self) -> rusqlite::Result<Option<String>> {
        let first: String = self.db.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
        if first != "ok" {
            return Ok(Some(first.trim_start_matches("*** in database main ***\n").replace('\n', "; ")));
        }
        let mut tables = self.db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
        for table in TABLES {
            if !tables.exists([table])? {
                return Ok(Some(format!("it has no table {table}")));
            }
        }
        Ok(None)
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// A file or folder that others than its owner may get into, or that its owner may not.
#[derive(Debug)]
pub(crate) struct Exposed {
    pub(crate) path: Utf8PathBuf,
    pub(crate) mode: u32,
    wanted: u32,
}

impl Exposed {
    /// Makes it private.
    pub(crate) fn close(&self) -> std::io::Result<()> {
        set_permissions(&self.path, Permissions::from_mode(self.wanted))
    }
}

/// What is there of the registry with other modes than 0600 and 0700. Its folder is jj-flow's own only at the default
/// place.
pub(crate) fn exposed(path: &Utf8Path) -> Vec<Exposed> {
    let files = ["", "-wal", "-shm"].map(|ending| (format!("{path}{ending}").into(), 0o600));
    let folder =
        default_path().filter(|default| default == path).map(|_| (folder_of(path).to_owned(), 0o700));
    let others = (Utf8PathBuf::from(format!("{path}.elsewhere")), 0o700);
    let all = folder.into_iter().chain([others]).chain(files);
    let look = |(path, wanted): (Utf8PathBuf, u32)| {
        let file = std::fs::metadata(&path).ok()?;
        let mode = file.permissions().mode() & 0o777;
        let is_kind = file.is_dir() == (wanted == 0o700);
        (is_kind && mode != wanted).then_some(Exposed { path, mode, wanted })
    };
    all.filter_map(look).collect()
}
