//! Read-only SQL for people and scripts: an authorizer lets nothing write, not even `ATTACH` or `VACUUM INTO`.

use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use serde_json::Value;

use super::{Registry, failure};
use crate::error::{Failure, Kind};

/// Is told a query's columns, and each row as it comes: as many values as there are columns.
pub(crate) trait Reader {
    fn columns(&mut self, names: &[String]) -> anyhow::Result<()>;
    fn row(&mut self, values: Vec<Value>) -> anyhow::Result<()>;
}

/// How many virtual-machine steps pass between two looks at the clock.
const STEPS: i32 = 10_000;

impl Registry {
    /// Runs one statement that only reads, for at most `patience`. No more than a row of its answer is held.
    pub(crate) fn query(
        &mut self,
        sql: &str,
        patience: Duration,
        reader: &mut dyn Reader,
    ) -> anyhow::Result<()> {
        let started = Instant::now();
        self.db.progress_handler(STEPS, Some(move || started.elapsed() > patience)).map_err(failure)?;
        self.db.authorizer(Some(only_reading)).map_err(failure)?;
        let refuse = |error: rusqlite::Error| refused(&error, patience);
        let mut statement = self.db.prepare(sql).map_err(refuse)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let width = columns.len();
        if width == 0 {
            return Err(unusable("Could not run the query: there is no SQL in it"));
        }
        let mut rows = statement.query([]).map_err(refuse)?;
        // The first row before the heading: what is refused has no answer.
        let mut next = rows.next().map_err(refuse)?;
        reader.columns(&columns)?;
        while let Some(row) = next {
            let values = (0..width).map(|column| row.get_ref(column).map(value));
            reader.row(values.collect::<rusqlite::Result<_>>().map_err(refuse)?)?;
            next = rows.next().map_err(refuse)?;
        }
        Ok(())
    }

    /// A number that is another one once somebody else has written anything.
    pub(crate) fn version_of_data(&self) -> anyhow::Result<i64> {
        self.db.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(failure)
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
    match error.sqlite_error_code() {
        Some(AuthorizationForStatementDenied) => unusable("Could not run the query: it may only read"),
        Some(OperationInterrupted) => {
            let message = format!(
                "Could not finish the query in {} s; --timeout gives it more",
                patience.as_secs_f64()
            );
            Failure::new(Kind::TimedOut, message).into()
        }
        _ => unusable(&format!("Could not run the query: {error}")),
    }
}

fn unusable(message: &str) -> anyhow::Error {
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
