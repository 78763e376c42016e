//! The registry: one SQLite database over all repos, the shadow of what jj and the journals hold.
//!
//! The one gate to SQLite. Methods speak the types of [`crate::model`]; SQL stays inside. Every write is one
//! immediate transaction. Whatever fails is a [`Kind::Registry`] failure: a caller who can go on without the
//! registry does.

mod apply;
mod archive;
mod conflicts;
mod contexts;
mod events;
mod export;
mod filter;
mod flow_rows;
mod graft;
mod health;
mod landings;
mod open;
mod query;
mod repo_rows;
mod repos;
mod rows;
mod salvage;
mod site;
mod space;
mod upkeep;
mod verifications;
mod waiting;

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) use apply::Stretch;
pub(crate) use archive::{archive, archive_path};
pub(crate) use events::{EventFilter, LoggedEvent};
pub(crate) use export::{ContextRow, FORMAT as EXPORT_FORMAT, Told};
pub(crate) use filter::{Cursor, Filter, LandsOn};
pub(crate) use health::{Health, exposed};
pub(crate) use landings::{KnownLanding, LandingRow};
pub(crate) use open::{default_path, place_of};
pub(crate) use query::Reader;
pub(crate) use repo_rows::{RepoKind, RepoRow};
pub(crate) use repos::{KnownRepo, list_path, load_listed};
pub(crate) use rows::Page;
pub(crate) use salvage::{Salvaged, Table};
pub(crate) use site::Site;
pub(crate) use space::{Space, size_on_disk};
pub(crate) use upkeep::{KeptRepo, Superseded};
pub(crate) use verifications::VerificationRow;
pub(crate) use waiting::Waiting;

use crate::error::{Failure, Kind};

/// An open registry.
#[derive(Debug)]
pub(crate) struct Registry {
    db: Connection,
}

impl Registry {
    /// Runs `work` in one immediate transaction: all of it happens, or nothing. What a newer jj-flow has made of the
    /// registry since it was opened is left to that one.
    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> anyhow::Result<T> {
        let begun = self.db.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(failure)?;
        open::require_known(&transaction)?;
        let value = work(&transaction).map_err(failure)?;
        transaction.commit().map_err(failure)?;
        Ok(value)
    }
}

/// What SQLite says, as a failure with what to do about it.
fn failure(error: rusqlite::Error) -> anyhow::Error {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, PermissionDenied,
        ReadOnly, SystemIoFailure,
    };
    let (what, hint) = match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked) => ("The registry is busy", None),
        Some(DatabaseCorrupt | NotADatabase) => ("The registry is damaged", Some("jj-flow doctor --fix")),
        Some(DiskFull | SystemIoFailure) => {
            ("The registry could not be written: is the disk full?", Some("jj-flow doctor"))
        }
        Some(ReadOnly | PermissionDenied | CannotOpen) => {
            ("The registry may not be opened or written here", Some("jj-flow doctor"))
        }
        _ => ("The registry refused", None),
    };
    let mut failure = Failure::new(Kind::Registry, format!("{what}: {error}"));
    failure.hint = hint.map(str::to_owned);
    failure.into()
}
