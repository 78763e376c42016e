//! Read-only SQL for people and scripts: an authorizer lets nothing write, not even `ATTACH` or `VACUUM INTO`.

use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use serde_json::Value;

use super::{Registry, failure};
use crate::error::{Failure, Kind};

/// A query's answer: as many values in each row as there are columns.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// How many virtual-machine steps pass between two looks at the clock.
const STEPS: i32 = 10_000;

impl Registry {
    /// Runs one statement that only reads, for at most `patience`.
    pub(crate) fn query(&mut self, sql: &str, patience: Duration) -> anyhow::Result<Table> {
        let started = Instant::now();
        self.db.progress_handler(STEPS, Some(move || started.elapsed() > patience)).map_err(failure)?;
        self.db.authorizer(Some(only_reading)).map_err(failure)?;
        self.read_table(sql).map_err(|error| refused(&error, patience))
    }

    /// A number that is another one once somebody else has written anything.
    pub(crate) fn version_of_data(&self) -> anyhow::Result<i64> {
        self.db.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(failure)
    }

    fn read_table(&self, sql: &str) -> rusqlite::Result<Table> {
        let mut statement = self.db.prepare(sql)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let rows = statement.query_map([], |row| (0..width).map(|i| row.get_ref(i).map(value)).collect())?;
        Ok(Table { columns, rows: rows.collect::<rusqlite::Result<_>>()? })
    }
}

fn only_reading(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => Authorization::Allow,
        // Looking at the schema is reading; setting anything is not.
        AuthAction::Pragma { pragma_name, pragma_value: None, .. }
            if ["user_version", "integrity_check", "table_list"].contains(&pragma_name) =>
        {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name: "table_info" | "index_list", .. } => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

fn refused(error: &rusqlite::Error, patience: Duration) -> anyhow::Error {
    use rusqlite::ErrorCode::{AuthorizationForStatementDenied, OperationInterrupted};
    let message = match error.sqlite_error_code() {
        Some(AuthorizationForStatementDenied) => "Could not run the query: it may only read".to_owned(),
        Some(OperationInterrupted) => format!("Could not finish the query in {} s", patience.as_secs()),
        _ => format!("Could not run the query: {error}"),
    };
    Failure::new(Kind::Usage, message).hint("jj-flow query 'SELECT * FROM FlowRegistry LIMIT 10'").into()
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}
