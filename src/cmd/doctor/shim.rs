//! Whether a `jj` typed in this shell meets the shim first, and what stands where it belongs.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use serde_json::json;

use super::check::{Check, Remedy};
use crate::cmd::install::{bin_dir, is_ours, path_command, put_shim};
use crate::text::quoted;
use crate::{env, process};

const WHAT: &str = "shim";

/// What stands where `jj-flow install` puts the shim.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Missing,
    Own,
    /// A link to a jj-flow that is not there any more.
    Dangling(PathBuf),
    /// A link to another jj-flow than this one.
    Other(PathBuf),
    Foreign,
}

pub(super) fn check(is_fixing: bool) -> Vec<Check> {
    let mut checks = vec![look(is_fixing)];
    if env::var("JJ_FLOW_BYPASS").is_some() {
        let says = "JJ_FLOW_BYPASS is set: the shim looks at nothing";
        checks.push(Check::warning(WHAT, "shim-bypassed", says, Remedy::run("unset JJ_FLOW_BYPASS")));
    }
    checks
}

fn look(is_fixing: bool) -> Check {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = which::which_in_global("jj", Some(&path)).ok();
    let first = found.and_then(|mut found| found.next());
    if let Some(first) = first.as_ref().filter(|first| is_own(first)) {
        return Check::good(WHAT, format!("first on PATH: {}", first.display()));
    }
    let Some(bin) = bin_dir() else {
        return Check::good(WHAT, "none: without a home folder there is no place for it");
    };
    let shim = bin.join("jj");
    match standing(&shim) {
        Standing::Missing => match first.filter(|first| is_other(first)) {
            Some(first) => other(&first),
            None => {
                let says = "not installed: bookmarks made with jj itself are recorded later";
                Check::warning(WHAT, "shim-missing", says, Remedy::run("jj-flow install"))
            }
        },
        Standing::Dangling(target) if is_fixing => match put_shim(&bin) {
            Ok(_) => {
                let says = format!("{shim} led to {}, which is gone, and is mended", target.display());
                Check::mended(WHAT, "shim-dangling", says)
            }
            Err(error) => Check::failed(WHAT, &error),
        },
        Standing::Dangling(target) => {
            let says = format!("{shim} leads to {}, which is gone", target.display());
            Check::warning(WHAT, "shim-dangling", says, Remedy::fix())
        }
        Standing::Other(target) => {
            let says = format!("{shim} is another jj-flow: {}", target.display());
            Check::warning(WHAT, "shim-other", says, Remedy::run("jj-flow install"))
        }
        Standing::Foreign => {
            let says = format!("{shim} is there and is not jj-flow's");
            Check::warning(WHAT, "shim-foreign", says, Remedy::run(put_aside(&shim)))
        }
        Standing::Own => not_first(&bin, &path, first.as_deref()),
    }
}

/// The command that makes room for what jj-flow installs.
pub(super) fn put_aside(path: &Utf8Path) -> String {
    let aside = format!("{path}.aside");
    format!("mv {} {} && jj-flow install", quoted(path.as_str()), quoted(&aside))
}

fn not_first(bin: &Utf8Path, path: &OsString, first: Option<&Path>) -> Check {
    let (file, command) = path_command(bin);
    let is_on_path = std::env::split_paths(path).any(|folder| folder == bin.as_std_path());
    let (code, how) = match first {
        Some(first) if is_on_path => {
            ("shim-not-first", format!("{} stands before it on PATH", first.display()))
        }
        _ => ("shim-not-on-path", "its folder is not on PATH".to_owned()),
    };
    let says = format!(
        "installed, but {how}: bookmarks made with jj itself are recorded later\n\
         here, and at the end of {file} for every other shell:"
    );
    let details = json!({"folder": bin, "first": first, "file": file});
    Check::warning(WHAT, code, says, Remedy::run(command)).details(details)
}

fn other(first: &Path) -> Check {
    let says = format!("the first jj on PATH is the shim of another jj-flow: {}", first.display());
    Check::warning(WHAT, "shim-other", says, Remedy::run("jj-flow install"))
}

fn standing(shim: &Utf8Path) -> Standing {
    let target = match std::fs::read_link(shim) {
        Ok(target) if is_ours(shim) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => return Standing::Missing,
        _ if is_own(shim.as_std_path()) => return Standing::Own,
        _ => return Standing::Foreign,
    };
    match std::fs::metadata(shim) {
        Err(_) => Standing::Dangling(target),
        Ok(_) if is_own(shim.as_std_path()) => Standing::Own,
        Ok(_) => Standing::Other(target),
    }
}

/// Whether a path leads to this very program.
pub(super) fn is_own(path: &Path) -> bool {
    let place = |file: Metadata| (file.dev(), file.ino());
    let own = env::current_exe().ok().and_then(|own| std::fs::metadata(own).ok());
    let file = std::fs::metadata(path).ok();
    own.is_some() && file.map(place) == own.map(place)
}

/// Whether a `jj` is a jj-flow: the real one knows no `flow` without a config.
fn is_other(path: &Path) -> bool {
    let bare = [("JJ_CONFIG", "/dev/null".into()), ("JJ_FLOW_BYPASS", "".into())];
    let args = ["flow".into(), "--version".into()];
    let asked = process::run_captured(path, &args, Some(Path::new("/")), &bare);
    asked.is_ok_and(|asked| asked.status.success() && asked.stdout.starts_with(b"jj-flow "))
}
