//! The room that the registry takes, and giving it back.

use std::time::Duration;

use camino::Utf8Path;
use rusqlite::Connection;

use super::{Registry, failure};

/// How long others are waited for by who only tidies up.
const PATIENCE: Duration = Duration::from_millis(500);

/// The pages of the database, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) all: u64,
    /// What nothing stands on.
    pub(crate) free: u64,
}

impl Registry {
    pub(crate) fn space(&self) -> anyhow::Result<Space> {
        let read = || {
            let pragma = |name| {
                self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
            };
            let page = pragma("page_size")?;
            Ok(Space { all: pragma("page_count")? * page, free: pragma("freelist_count")? * page })
        };
        read().map_err(failure)
    }

    /// Writes the database anew without its free pages; `false` where somebody else is at it.
    pub(crate) fn vacuum(&mut self) -> anyhow::Result<bool> {
        self.unless_busy(|db| db.execute_batch("VACUUM"))
    }

    /// Lets SQLite look after its own: what it knows of the tables, and the log, which is emptied into the database;
    /// `false` where somebody else is at it.
    pub(crate) fn tidy(&mut self) -> anyhow::Result<bool> {
        let mut is_done = false;
        let is_free = self.unless_busy(|db| {
            db.execute_batch("PRAGMA optimize")?;
            let busy: u32 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            is_done = busy == 0;
            Ok(())
        })?;
        Ok(is_free && is_done)
    }

    /// Does what needs the database for itself, and waits only a moment for it.
    fn unless_busy(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> anyhow::Result<bool> {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        let before: u32 =
            self.db.pragma_query_value(None, "busy_timeout", |row| row.get(0)).map_err(failure)?;
        self.db.busy_timeout(PATIENCE).map_err(failure)?;
        let worked = work(&self.db);
        self.db.busy_timeout(Duration::from_millis(before.into())).map_err(failure)?;
        match worked {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)) => {
                Ok(false)
            }
            Err(error) => Err(failure(error)),
        }
    }
}

/// What a registry takes on the disk, its log with it.
pub(crate) fn size_on_disk(path: &Utf8Path) -> u64 {
    let size = |path: &str| std::fs::metadata(path).map_or(0, |file| file.len());
    size(path.as_str()) + size(&format!("{path}-wal"))
}
