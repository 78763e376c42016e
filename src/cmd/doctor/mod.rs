//! `jj flow doctor`: says what is wrong, and what mends it; with `--fix` it mends what is jj-flow's own.

mod journals;
mod registry;
mod setup;

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::Call;
use crate::error::Failure;
use crate::output::plain;

/// Check jj, the alias, the shim, the config, the registry and this repo's record
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow doctor --fix\n\n\
    A damaged registry is set aside, never deleted, and made anew from the journals of all repos and from what can \
    still be read of it. Journals get back the lines that they have lost.")]
pub(super) struct DoctorArgs {
    /// Mend the registry and the journals of the repos
    #[arg(long)]
    fix: bool,
}

/// What mends whatever is jj-flow's own.
const FIX: &str = "jj-flow doctor --fix";

/// One thing that was looked at.
struct Check {
    what: &'static str,
    state: State,
    says: String,
    hint: Option<String>,
    /// What a program may want to know beside the words.
    details: Option<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Mended,
    Warning,
    Bad,
}

impl Check {
    fn new(what: &'static str, state: State, says: impl Into<String>) -> Self {
        Self { what, state, says: says.into(), hint: None, details: None }
    }

    fn good(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, State::Good, says)
    }

    fn mended(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, State::Mended, says)
    }

    fn warning(what: &'static str, says: impl Into<String>, hint: &str) -> Self {
        Self::new(what, State::Warning, says).hint(hint)
    }

    /// A failure as it would have been told by the command that met it.
    fn bad(what: &'static str, error: &anyhow::Error) -> Self {
        let Failure { message, hint, .. } = Failure::of(error);
        let hint = hint.filter(|hint| !hint.ends_with("doctor"));
        Self { hint, ..Self::new(what, State::Bad, message) }
    }

    fn hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }

    fn details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }
}

pub(super) fn run(args: &DoctorArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let mut checks = Vec::new();
    let config = setup::check(&mut call, &mut checks)?;
    let path = config.and_then(|config| registry::check(&call, &config, args.fix, &mut checks));
    checks.push(setup::check_shim());
    journals::check(&call, path.as_deref(), args.fix, &mut checks);
    tell(&call, args.fix, &checks)?;
    let bad = checks.iter().any(|check| check.state == State::Bad);
    Ok(ExitCode::from(u8::from(bad)))
}

fn tell(call: &Call, is_fixing: bool, checks: &[Check]) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    let mut objects = Vec::new();
    for Check { what, state, says, hint, details } in checks {
        let (mark, word) = match state {
            State::Good => ("ok  ", "ok"),
            State::Mended => ("done", "mended"),
            State::Warning => ("warn", "warning"),
            State::Bad => ("FAIL", "failed"),
        };
        // What has just been tried is no hint.
        let hint = hint.as_ref().filter(|hint| !(is_fixing && *hint == FIX));
        lines.push(format!("{mark}  {what:8}  {}", plain(says)));
        lines.extend(hint.map(|hint| format!("                run: {}", plain(hint))));
        let mut object = json!({"check": what, "state": word, "message": says, "hint": hint});
        if let Some(details) = details {
            object["details"] = details.clone();
        }
        objects.push(object);
    }
    Ok(call.out.answer(&lines.join("\n"), json!({"checks": objects}))?)
}
