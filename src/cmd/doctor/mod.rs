//! `jj flow doctor`: says what is wrong, and what mends it; with `--fix` it mends what is jj-flow's own.
//!
//! No check stops another one: what cannot be looked at is told, and the next one is. Nothing outside jj-flow's own
//! files is written, and no lock is ever taken away from anybody.

mod alias;
mod check;
mod completions;
mod conf;
mod hooks;
mod journals;
mod landings;
mod locks;
mod pushing;
mod registry;
mod scratch;
mod setup;
mod shim;

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use self::check::{Check, State};
use super::Call;
use crate::config::understand;
use crate::text::counted;

/// Check jj, the alias, the shim, the config, the registry and this repo's record
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow doctor --fix\n\n\
    A damaged registry is set aside, never deleted, and made anew from the journals of all repos and from what can \
    still be read of it. Journals get back the lines that they have lost, landings that were cut short are settled, \
    and jj-flow's own config and link are brought up to date where they have been installed.")]
pub(super) struct DoctorArgs {
    /// Mend the registry, the journals, landings that were cut short, and what jj-flow has installed
    #[arg(long)]
    fix: bool,
}

pub(super) fn run(args: &DoctorArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let mut checks = Vec::new();
    let mut setup = setup::check(&mut call, &mut checks);
    if let Some(setup) = &mut setup {
        checks.push(conf::check(&call, setup, args.fix));
        checks.push(alias::check(setup));
    }
    checks.extend(shim::check(args.fix));
    checks.extend(completions::check());
    // Without jj's word nothing is known of its config: what can be looked at is what stands where nobody has set
    // anything else.
    let (unset, _) = understand(&[], &[], None, None);
    let config = setup.as_ref().map_or(&unset, |setup| &setup.config);
    let path = registry::check(&call, config, args.fix, &mut checks);
    journals::check(&call, path.as_deref(), args.fix, &mut checks);
    if let Some(setup) = &setup {
        hooks::check(&call, setup, path.as_deref(), &mut checks);
        checks.extend(pushing::check(&call, setup));
    }
    landings::check(&call, path.as_deref(), setup.is_some(), args.fix, &mut checks);
    locks::check(&call, path.as_deref(), &mut checks);
    checks.extend(scratch::check(path.as_deref(), args.fix));
    let checks: Vec<Check> =
        checks.into_iter().map(|check| check.finish(args.fix, &call.place.dir)).collect();
    tell(&call, &checks)?;
    let bad = checks.iter().any(|check| check.state == State::Bad);
    Ok(ExitCode::from(u8::from(bad)))
}

fn tell(call: &Call, checks: &[Check]) -> anyhow::Result<()> {
    let width = checks.iter().map(Check::width).max().unwrap_or(0);
    let mut lines: Vec<String> = checks.iter().map(|check| check.lines(width)).collect();
    let count = |state: State| checks.iter().filter(|check| check.state == state).count() as u64;
    let summary = match (count(State::Bad), count(State::Warning)) {
        (0, 0) => "Nothing is wrong.".to_owned(),
        (0, warnings) => format!("{}.", counted(warnings, "warning")),
        (bad, 0) => format!("{}.", counted(bad, "failure")),
        (bad, warnings) => format!("{}, {}.", counted(bad, "failure"), counted(warnings, "warning")),
    };
    lines.push(summary);
    let objects: Vec<Value> = checks.iter().map(Check::json).collect();
    let counts: Map<String, Value> =
        State::ALL.into_iter().map(|state| (state.word().to_owned(), count(state).into())).collect();
    Ok(call.out.answer(&lines.join("\n"), json!({"checks": objects, "counts": counts}))?)
}
