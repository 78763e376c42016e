//! `jj flow schema`: what `--json` prints, as JSON Schemas.

use clap::Args;
use serde_json::json;

use super::Call;
use crate::contract::document;
use crate::error::{Failure, Kind};
use crate::output;

/// Print the JSON Schemas of every answer, of every error code and of the conflict packet
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow schema done\n\n\
    Without a name: one schema of whatever --json prints, with all others in its $defs. `tree` is the answer of \
    `jj flow` itself; `Error`, `Code` and `Packet` are there too.")]
pub(super) struct SchemaArgs {
    /// The command whose answer is meant, such as done or repo list
    command: Vec<String>,
}

pub(super) fn run(args: &SchemaArgs, call: Call) -> anyhow::Result<()> {
    let name = (!args.command.is_empty()).then(|| args.command.join("-"));
    let document = document(name.as_deref()).ok_or_else(|| {
        let message =
            format!("There is no command `{}` with an answer", args.command.join(" ").escape_debug());
        Failure::new(Kind::Usage, message).hint("jj flow schema")
    })?;
    if call.out.is_json() {
        return Ok(call.out.json(json!({"document": document}))?);
    }
    Ok(output::record(&format!("{}\n", serde_json::to_string_pretty(&document)?))?)
}
