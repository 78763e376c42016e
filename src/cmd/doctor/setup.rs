//! jj itself, its config, the alias and the shim.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Check;
use crate::cmd::Call;
use crate::config::Config;
use crate::session::require_jj;
use crate::{env, jj};

/// Looks at jj and its config, which comes back where it can be read. The answer then follows its colours.
pub(super) fn check(call: &mut Call, checks: &mut Vec<Check>) -> anyhow::Result<Option<Config>> {
    let program = match require_jj() {
        Ok(program) => program,
        Err(error) => {
            checks.push(Check::bad("jj", &error));
            return Ok(None);
        }
    };
    let version = jj::require_supported(&program)?;
    checks.push(Check::good("jj", format!("{version} at {}", program.display())));
    let (config, complaints) = match call.place.load_config(&program) {
        Ok(loaded) => loaded,
        Err(error) => {
            checks.push(Check::bad("config", &error));
            return Ok(None);
        }
    };
    call.out.follow(config.color.as_deref());
    let wrong = complaints.iter().map(|complaint| Check::warning("config", complaint, "jj flow config"));
    checks.extend(wrong);
    if complaints.is_empty() {
        checks.push(Check::good("config", "every flow.* setting is understood"));
    }
    checks.push(check_alias(&program, call)?);
    Ok(Some(config))
}

fn check_alias(program: &Path, call: &Call) -> anyhow::Result<Check> {
    let entries = jj::load_config(program, &call.place.dir, &call.place.options)?;
    Ok(match entries.iter().find(|entry| entry.name == "aliases.flow") {
        Some(entry) => Check::good("alias", format!("jj flow is {}", entry.value)),
        None => Check::warning("alias", "`jj flow` is no command of jj here", "jj-flow install"),
    })
}

/// Whether a `jj` typed in this shell meets the shim first.
pub(super) fn check_shim() -> Check {
    let first = env::var_os("PATH").and_then(|path| which::which_in_global("jj", Some(path)).ok()?.next());
    let is_own = |path: &Path| {
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
