//! `jj flow query`: read-only SQL over the registry.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::Call;
use super::desk::open_to_read;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::output::{table, value_text};
use crate::registry::Registry;
use crate::session::require_jj;

/// How long a query may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ask the registry in SQL; nothing can be written
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow query \"SELECT uid, count(*) FROM FlowRegistry GROUP BY uid\"")]
pub(super) struct QueryArgs {
    /// One statement
    sql: String,
}

pub(super) fn run(args: &QueryArgs, mut call: Call) -> anyhow::Result<()> {
    if Repo::find(&call.place.dir).is_some() {
        open_to_read(&mut call)?;
    }
    let (config, _) = call.place.load_config(&require_jj()?)?;
    call.out.follow(config.color.as_deref());
    let path = call.place.registry_path(&config)?;
    let mut registry = Registry::open_to_read(&path)?.ok_or_else(|| {
        Failure::new(Kind::Registry, format!("There is no registry yet at {path}"))
            .hint("jj flow new research")
    })?;
    let answer = registry.query(&args.sql, PATIENCE)?;
    let columns: Vec<&str> = answer.columns.iter().map(String::as_str).collect();
    let row = |row: &Vec<Value>| {
        Value::Object(
            columns.iter().map(|name| (*name).to_owned()).zip(row.iter().cloned()).collect::<Map<_, _>>(),
        )
    };
    let object = json!({"columns": columns, "rows": answer.rows.iter().map(row).collect::<Vec<_>>()});
    let cells = answer.rows.iter().map(|row| row.iter().map(value_text).collect()).collect();
    Ok(call.out.answer(&table(&columns, cells), object)?)
}
