//! Opening the registry and bringing its schema up to date.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::site::finish;
use super::{Registry, failure};
use crate::env;
use crate::error::{Failure, Kind, refuse};

/// Every migration, in order; append-only. The schema's version (`user_version`) is how many have run.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_landing.sql"),
    include_str!("migrations/0003_fleet.sql"),
    include_str!("migrations/0004_views.sql"),
    include_str!("migrations/0005_upkeep.sql"),
];

/// How long a writer waits for another one, unless told otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// `$XDG_DATA_HOME/jj-flow/registry.db`; none without a home folder.
pub(crate) fn default_path() -> Option<Utf8PathBuf> {
    Some(env::data_dir()?.join("registry.db"))
}

impl Registry {
    /// Opens the registry for reading and writing, making folder (0700) and file (0600) where they are missing.
    pub(crate) fn open(path: &Utf8Path) -> anyhow::Result<Self> {
        Self::open_within(path, PATIENCE)
    }

    /// The same, waiting only so long for other writers, now and in every later call.
    pub(crate) fn open_within(path: &Utf8Path, patience: Duration) -> anyhow::Result<Self> {
        loop {
            make_private(path).map_err(|error| {
                let message = format!("Could not open the registry {path}: {error}");
                Failure::new(Kind::Registry, message).hint("jj-flow doctor")
            })?;
            let place = place_of(path);
            let mut registry = match Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience) {
                // It was set aside just now, and another one comes.
                Err(_) if place_of(path) != place => continue,
                registry => registry?,
            };
            let is_prepared = registry
                .prepare(path, place)
                .with_context(|| format!("Could not open the registry {path}"))?;
            if is_prepared {
                return Ok(registry);
            }
        }
    }

    /// Opens the registry for reading only; none where there is none yet.
    pub(crate) fn open_to_read(path: &Utf8Path) -> anyhow::Result<Option<Self>> {
        Self::open_to_read_within(path, PATIENCE)
    }

    /// The same, waiting only so long for somebody who has all of it locked.
    pub(crate) fn open_to_read_within(path: &Utf8Path, patience: Duration) -> anyhow::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let registry = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, patience)?;
        registry.check_not_newer().with_context(|| format!("Could not read the registry {path}"))?;
        // One that nobody has migrated yet, or an older one, is brought up to date by a writer first.
        if registry.version()? < MIGRATIONS.len() {
            Self::open_within(path, patience).map(Some)
        } else {
            Ok(Some(registry))
        }
    }

    fn connect(path: &Utf8Path, flags: OpenFlags, patience: Duration) -> anyhow::Result<Self> {
        let registry = Self::connect_whole(path, flags, patience).map_err(failure);
        registry.with_context(|| format!("Could not open the registry {path}"))
    }

    /// Opens the file and its log. SQLite finds the log by its name: where the file was replaced between the two, the log
    /// is another one's, and both are opened again.
    pub(super) fn connect_whole(
        path: &Utf8Path,
        flags: OpenFlags,
        patience: Duration,
    ) -> rusqlite::Result<Self> {
        loop {
            let place = place_of(path);
            require_log_is_its_own(path)?;
            let registry = Self::connect_any(path, flags, patience)?;
            registry.db.pragma_query_value(None, "schema_version", |_| Ok(()))?;
            if place_of(path) == place {
                return Ok(registry);
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this module is the gate")]
    pub(super) fn connect_any(
        path: &Utf8Path,
        flags: OpenFlags,
        patience: Duration,
    ) -> rusqlite::Result<Self> {
        // Without SQLITE_OPEN_URI a `?` or `%` in the path is only a character.
        let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(patience)?;
        db.pragma_update(None, "foreign_keys", true)?;
        Ok(Self { db })
    }

    pub(super) fn check_not_newer(&self) -> anyhow::Result<()> {
        require_known(&self.db)
    }

    fn version(&self) -> anyhow::Result<usize> {
        version(&self.db)
    }

    /// Write-ahead logging, and every migration that is missing, in one immediate transaction. The folder's lock
    /// makes sixteen first commands at once take turns: SQLite does not wait where two of them switch to WAL. The answer
    /// is no where the file that was opened has been set aside meanwhile.
    fn prepare(&mut self, path: &Utf8Path, place: Option<(u64, u64)>) -> anyhow::Result<bool> {
        self.check_not_newer()?;
        if self.version()? < MIGRATIONS.len() {
            let folder = File::open(folder_of(path))?;
            folder.lock()?;
            if place_of(path) != place {
                return Ok(false);
            }
            self.migrate().map_err(failure)?;
        }
        self.synchronous()?;
        Ok(true)
    }

    fn migrate(&mut self) -> rusqlite::Result<()> {
        self.db.pragma_update(None, "journal_mode", "wal")?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let current: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for migration in MIGRATIONS.iter().skip(current as usize) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
        transaction.commit()
    }

    /// In WAL mode NORMAL survives a crash of the process; after a power cut the journals hold what is missing.
    fn synchronous(&self) -> anyhow::Result<()> {
        self.db.pragma_update(None, "synchronous", "normal").map_err(failure)
    }
}

fn version(db: &Connection) -> anyhow::Result<usize> {
    let read = || db.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    Ok(read().map_err(failure)? as usize)
}

/// Makes sure that no newer jj-flow has brought the registry up to its own date.
pub(super) fn require_known(db: &Connection) -> anyhow::Result<()> {
    let current = version(db)?;
    if current > MIGRATIONS.len() {
        refuse!(
            Registry,
            "The registry has schema {current} and this jj-flow knows {}: it was written by a newer jj-flow",
            MIGRATIONS.len()
        );
    }
    Ok(())
}

pub(super) fn folder_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|folder| *folder != "").unwrap_or(".".into())
}

/// The file itself, whatever its name becomes.
pub(crate) fn place_of(path: &Utf8Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// SQLite deletes the log of an empty file, and with it all that was in neither.
fn require_log_is_its_own(path: &Utf8Path) -> rusqlite::Result<()> {
    let is_empty = |path: &str| std::fs::metadata(path).ok().map(|file| file.len() == 0);
    if is_empty(path.as_str()) == Some(true) && is_empty(&format!("{path}-wal")) == Some(false) {
        let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        let why = "the file is empty, and its log is not".to_owned();
        return Err(rusqlite::Error::SqliteFailure(corrupt, Some(why)));
    }
    Ok(())
}

fn make_private(path: &Utf8Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let lock = File::open(folder)?;
    lock.lock()?;
    if !path.exists() {
        finish(path)?;
    }
    if !path.exists() {
        // A log that somebody left behind who deleted the file alone is no part of the new one.
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{path}{ending}"));
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_private_and_odd_paths_are_only_paths() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(dir.path().join("a b/100%?mode=ro#x/registry.db")).unwrap();
        Registry::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn every_older_version_is_brought_up_to_date() {
        for version in 0..=MIGRATIONS.len() {
            let dir = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::try_from(dir.path().join("registry.db")).unwrap();
            {
                make_private(&path).unwrap();
                let registry = Registry::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, PATIENCE).unwrap();
                for migration in &MIGRATIONS[..version] {
                    registry.db.execute_batch(migration).unwrap();
                }
                registry.db.pragma_update(None, "user_version", version as u32).unwrap();
            }
            assert_eq!(Registry::open(&path).unwrap().version().unwrap(), MIGRATIONS.len());
        }
    }

    #[test]
    fn a_log_that_was_left_behind_is_no_part_of_a_new_registry() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(dir.path().join("registry.db")).unwrap();
        let registry = Registry::open(&path).unwrap();
        registry.db.execute("INSERT INTO contexts VALUES ('a8f2', 'session x', '')", []).unwrap();
        // As it is after a kill, and after somebody deleted the file alone.
        let log = std::fs::read(format!("{path}-wal")).unwrap();
        drop(registry);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(format!("{path}-wal"), log).unwrap();
        let contexts = "SELECT count(*) FROM contexts";
        let count =
            |registry: Registry| registry.db.query_row(contexts, [], |row| row.get::<_, u32>(0)).unwrap();
        assert_eq!(count(Registry::open(&path).unwrap()), 0);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(dir.path().join("registry.db")).unwrap();
        Registry::open(&path).unwrap().db.pragma_update(None, "user_version", 1000).unwrap();
        for error in [Registry::open(&path).unwrap_err(), Registry::open_to_read(&path).unwrap_err()] {
            assert!(format!("{error:#}").contains("newer jj-flow"), "{error:#}");
        }
    }

    #[test]
    fn a_registry_that_a_newer_one_migrates_meanwhile_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(dir.path().join("registry.db")).unwrap();
        let mut older = Registry::open(&path).unwrap();
        let newer = Registry::open(&path).unwrap();
        let insert = "INSERT INTO contexts VALUES ('a8f2', 'session x', '')";
        newer.db.execute_batch("BEGIN IMMEDIATE; PRAGMA user_version = 1000").unwrap();
        std::thread::scope(|scope| {
            // It waits for the migration, and then looks.
            let waiting = scope.spawn(|| older.write(|db| db.execute(insert, [])).unwrap_err());
            newer.db.execute_batch("COMMIT").unwrap();
            let error = waiting.join().unwrap();
            assert!(format!("{error:#}").contains("newer jj-flow"), "{error:#}");
        });
        let count = newer.db.query_row("SELECT count(*) FROM contexts", [], |row| row.get::<_, u32>(0));
        assert_eq!(count.unwrap(), 0);
    }

    #[test]
    fn many_first_commands_make_one_schema() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(dir.path().join("registry.db")).unwrap();
        std::thread::scope(|scope| {
            for opening in (0..16).map(|_| scope.spawn(|| Registry::open(&path).unwrap())).collect::<Vec<_>>()
            {
                assert_eq!(opening.join().unwrap().version().unwrap(), MIGRATIONS.len());
            }
        });
    }
}
