//! `jj flow query`: read-only SQL over the registry.

use std::io::Read as _;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::Call;
use super::desk::open_registry;
use crate::config::duration;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::output::{csv_line, plain, record, table, value_text};
use crate::registry::Reader;
use crate::text::plain_json;

/// Ask the registry in SQL; nothing can be written
#[derive(Debug, Args)]
#[command(
    after_help = "Tables and views: FlowRegistry, events, landings, repos; open_flows, failed_flows, waiting_flows, \
                  landed_flows.\n\nExample: jj flow query \"SELECT uid, count(*) FROM FlowRegistry GROUP BY uid\""
)]
pub(super) struct QueryArgs {
    /// One statement; - reads it from stdin
    sql: String,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// How long it may take, such as 30s or 2m
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people
    Table,
    /// One JSON object, as with --json
    Json,
    /// A JSON object a row
    Ndjson,
    /// Comma-separated, with a heading
    Csv,
}

pub(super) fn run(args: &QueryArgs, mut call: Call) -> anyhow::Result<()> {
    let patience = duration(&Value::from(args.timeout.as_str())).ok_or_else(|| {
        let message = format!("Could not understand the time `{}`", args.timeout.escape_debug());
        Failure::new(Kind::Usage, message).hint("jj flow query --timeout 30s 'SELECT 1'")
    })?;
    let sql = if args.sql == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        text
    } else {
        args.sql.clone()
    };
    let in_repo = Repo::find(&call.place.dir).is_some();
    let mut registry = open_registry(&mut call, in_repo)?;
    let mut ask = |reader: &mut dyn Reader| registry.query(&sql, patience, reader);
    match args.format {
        Format::Ndjson => return ask(&mut Lines::default()),
        Format::Csv => return ask(&mut Csv),
        Format::Table | Format::Json => {}
    }
    let mut answer = Table::default();
    ask(&mut answer)?;
    let object =
        |row: &Vec<Value>| Value::Object(answer.columns.iter().cloned().zip(row.iter().cloned()).collect());
    let object =
        json!({"columns": answer.columns, "rows": answer.rows.iter().map(object).collect::<Vec<_>>()});
    if args.format == Format::Json {
        return Ok(call.out.json(object)?);
    }
    let cells = answer.rows.iter().map(|row| row.iter().map(value_text).collect()).collect();
    let columns: Vec<_> = answer.columns.iter().map(|name| plain(name)).collect();
    let columns: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
    Ok(call.out.answer(&table(&columns, cells), object)?)
}

/// The whole answer, held until it is shown: columns are as wide as what is in them.
#[derive(Default)]
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Reader for Table {
    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.columns = names.to_vec();
        Ok(())
    }

    fn row(&mut self, values: Vec<Value>) -> anyhow::Result<()> {
        self.rows.push(values);
        Ok(())
    }
}

#[derive(Default)]
struct Lines {
    columns: Vec<String>,
}

impl Reader for Lines {
    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.columns = names.to_vec();
        Ok(())
    }

    fn row(&mut self, values: Vec<Value>) -> anyhow::Result<()> {
        let object: Map<String, Value> = self.columns.iter().cloned().zip(values).collect();
        Ok(record(&format!("{}\n", plain_json(&Value::Object(object).to_string())))?)
    }
}

struct Csv;

impl Reader for Csv {
    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        let names: Vec<Value> = names.iter().map(|name| name.as_str().into()).collect();
        self.row(names)
    }

    fn row(&mut self, values: Vec<Value>) -> anyhow::Result<()> {
        Ok(record(&csv_line(&values))?)
    }
}
