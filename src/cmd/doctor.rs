//! `jj flow doctor`: says what is wrong, and what mends it.

use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::Call;
use super::query::first_value;
use crate::config::Config;
use crate::error::Failure;
use crate::jj::{self, Repo};
use crate::journal::Journal;
use crate::output::plain;
use crate::registry::Registry;
use crate::session::require_jj;
use crate::{env, error};

/// Check jj, the alias, the shim, the config, the registry and this repo's record
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow doctor")]
pub(super) struct DoctorArgs {}

/// One thing that was looked at.
struct Check {
    what: &'static str,
    state: State,
    says: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Warning,
    Bad,
}

impl Check {
    fn good(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, state: State::Good, says: says.into(), hint: None }
    }

    fn warning(what: &'static str, says: impl Into<String>, hint: &str) -> Self {
        Self { what, state: State::Warning, says: says.into(), hint: Some(hint.to_owned()) }
    }

    /// A failure as it would have been told by the command that met it.
    fn bad(what: &'static str, error: &anyhow::Error) -> Self {
        let Failure { message, hint, .. } = Failure::of(error);
        Self { what, state: State::Bad, says: message, hint: hint.filter(|hint| !hint.ends_with("doctor")) }
    }
}

pub(super) fn run(_: &DoctorArgs, mut call: Call) -> anyhow::Result<ExitCode> {
    let mut checks = Vec::new();
    match require_jj() {
        Err(error) => checks.push(Check::bad("jj", &error)),
        Ok(program) => {
            let version = jj::require_supported(&program)?;
            checks.push(Check::good("jj", format!("{version} at {}", program.display())));
            match call.place.load_config(&program) {
                Err(error) => checks.push(Check::bad("config", &error)),
                Ok((config, complaints)) => {
                    call.out.follow(config.color.as_deref());
                    let wrong = complaints
                        .iter()
                        .map(|complaint| Check::warning("config", complaint, "jj flow config"));
                    checks.extend(wrong);
                    if complaints.is_empty() {
                        checks.push(Check::good("config", "every flow.* setting is understood"));
                    }
                    checks.push(check_alias(&program, &call)?);
                    checks.push(check_registry(&call, &config));
                }
            }
        }
    }
    checks.push(check_shim());
    checks.push(check_repo(&call));
    tell(&call, &checks)?;
    let bad = checks.iter().any(|check| check.state == State::Bad);
    Ok(ExitCode::from(u8::from(bad)))
}

fn check_alias(program: &std::path::Path, call: &Call) -> anyhow::Result<Check> {
    let entries = jj::load_config(program, &call.place.dir, &call.place.options)?;
    Ok(match entries.iter().find(|entry| entry.name == "aliases.flow") {
        Some(entry) => Check::good("alias", format!("jj flow is {}", entry.value)),
        None => Check::warning("alias", "`jj flow` is no command of jj here", "jj-flow install"),
    })
}

fn check_registry(call: &Call, config: &Config) -> Check {
    let look = || {
        let path = call.place.registry_path(config)?;
        if !path.exists() {
            return Ok(Check::good("registry", format!("none yet; it will be at {path}")));
        }
        let patience = Duration::from_secs(60);
        let first = first_value(&mut Registry::open(&path)?, "PRAGMA integrity_check", patience)?;
        match first.as_deref() {
            Some("ok") => Ok(Check::good("registry", format!("sound, at {path}"))),
            found => error::refuse!(
                Registry,
                "The registry {path} is damaged: {}",
                found.unwrap_or("it says nothing")
            ),
        }
    };
    look().unwrap_or_else(|error: anyhow::Error| Check::bad("registry", &error))
}

/// Whether a `jj` typed in this shell meets the shim first.
fn check_shim() -> Check {
    let first = env::var_os("PATH").and_then(|path| which::which_in_global("jj", Some(path)).ok()?.next());
    let is_own = |path: &std::path::Path| {
        let own = std::fs::metadata(env::current_exe().ok()?).ok()?;
        let file = std::fs::metadata(path).ok()?;
        Some((file.dev(), file.ino()) == (own.dev(), own.ino()))
    };
    match first {
        Some(path) if is_own(&path) == Some(true) => {
            Check::good("shim", format!("first on PATH: {}", path.display()))
        }
        _ => Check::warning(
            "shim",
            "not first on PATH: bookmarks made with jj itself are recorded later",
            "jj-flow install",
        ),
    }
}

fn check_repo(call: &Call) -> Check {
    let Some(repo) = Repo::find(&call.place.dir) else {
        return Check::good("repo", "none here");
    };
    let journal = Journal::of(repo.dir());
    match journal.count_lines() {
        Err(error) => Check::bad("repo", &anyhow::Error::from(error).context(journal.path())),
        Ok((lines, 0)) => Check::good("repo", format!("{lines} recorded events in {}", journal.path())),
        Ok((lines, bad)) => {
            let says =
                format!("{bad} of {lines} lines are not understood and are passed over: {}", journal.path());
            Check { what: "repo", state: State::Warning, says, hint: None }
        }
    }
}

fn tell(call: &Call, checks: &[Check]) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    let mut objects = Vec::new();
    for Check { what, state, says, hint } in checks {
        let (mark, word) = match state {
            State::Good => ("ok  ", "ok"),
            State::Warning => ("warn", "warning"),
            State::Bad => ("FAIL", "failed"),
        };
        lines.push(format!("{mark}  {what:8}  {}", plain(says)));
        lines.extend(hint.iter().map(|hint| format!("                run: {}", plain(hint))));
        objects.push(json!({"check": what, "state": word, "message": says, "hint": hint}));
    }
    Ok(call.out.answer(&lines.join("\n"), json!({"checks": objects}))?)
}
