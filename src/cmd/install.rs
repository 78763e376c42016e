//! `jj-flow install`: jj's config and the shim, put in place.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::{Call, own_config};
use crate::error::{Failure, Kind, refuse};
use crate::output::plain;
use crate::session::require_jj;
use crate::text::quoted;
use crate::{env, jj, slots};

pub(super) const CONFIG: &str = include_str!("../../jj-config/flow.toml");
/// What the config file begins with, and how it is known as ours.
const OURS: &str = "# jj-flow's part of jj's config.";
/// The alias of jj's default templates that the log section of the config redefines.
const HEADER: &str = "format_short_commit_header(commit)";

/// Put jj-flow into jj's config and the shim into a folder for PATH
#[derive(Debug, Args)]
#[command(
    after_help = "Example: jj-flow install\nRun it again after an update; it changes only what differs."
)]
pub(super) struct InstallArgs {
    /// Only jj's config, no shim: `jj flow` works, `jj bookmark create` is not looked at
    #[arg(long)]
    no_shim: bool,
}

/// Where things go.
pub(super) struct Places {
    pub(super) config: Utf8PathBuf,
    pub(super) bin: Utf8PathBuf,
}

/// What stands where jj-flow's config file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Missing,
    Current,
    /// Ours, of another version, or from before the user had a header of their own.
    Outdated,
    Foreign,
}

impl Places {
    pub(super) fn find(program: &Path, verb: &str) -> anyhow::Result<Self> {
        if env::var("JJ_CONFIG").is_some() {
            let message =
                "JJ_CONFIG is set, so jj reads no other config of yours: nothing can be put beside it";
            return Err(Failure::new(Kind::Config, message)
                .hint(format!("env -u JJ_CONFIG jj-flow {verb}"))
                .into());
        }
        let config = jj::user_config_dir(program)?.join("conf.d/jj-flow.toml");
        let Some(bin) = bin_dir() else { refuse!(Config, "No home folder is set to install into") };
        Ok(Self { config, bin })
    }

    pub(super) fn shim(&self) -> Utf8PathBuf {
        self.bin.join("jj")
    }
}

/// The folder that goes before the real jj on PATH; none without a home folder.
pub(super) fn bin_dir() -> Option<Utf8PathBuf> {
    Some(env::data_dir()?.join("bin"))
}

pub(super) fn run(args: &InstallArgs, call: Call) -> anyhow::Result<()> {
    let program = require_jj()?;
    let places = Places::find(&program, "install")?;
    let mut lines = Vec::new();
    if examine_config(&program, &call, &places)? == Written::Current {
        lines.push(format!("jj's config has jj-flow already: {}", places.config));
    } else {
        let moved = put_config(&program, &call, &places)?;
        lines.push(format!("Put jj-flow into jj's config: {}", places.config));
        lines.extend(moved.map(|own| moved_line(&own)));
    }
    if !args.no_shim {
        lines.push(put_shim(&places.bin)?);
        lines.push(path_line(&places.bin));
    }
    let shim = (!args.no_shim).then(|| places.shim());
    Ok(call.out.answer(&lines.join("\n"), json!({"config": places.config, "shim": shim}))?)
}

/// Compares the config file with what belongs there. Writes nothing.
pub(super) fn examine_config(program: &Path, call: &Call, places: &Places) -> anyhow::Result<Written> {
    Ok(match fs::read(&places.config) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Written::Missing,
        Err(error) => return Err(error).with_context(|| format!("Could not read {}", places.config)),
        Ok(text) if text == config_text(program, call, places)?.as_bytes() => Written::Current,
        Ok(text) if text.starts_with(OURS.as_bytes()) => Written::Outdated,
        Ok(_) => Written::Foreign,
    })
}

/// Puts the config file in place, or this version's in the place of another's. Gives where settings of the user's own
/// went that stood in it.
pub(super) fn put_config(
    program: &Path,
    call: &Call,
    places: &Places,
) -> anyhow::Result<Option<Utf8PathBuf>> {
    let text = config_text(program, call, places)?;
    refuse_foreign(&places.config)?;
    let moved = own_config::rescue(&places.config, CONFIG)?;
    write_whole(&places.config, &text).with_context(|| format!("Could not write {}", places.config))?;
    own_config::make(program, &places.config)?;
    Ok(moved)
}

pub(super) fn moved_line(own: &Utf8Path) -> String {
    format!("Moved your own settings that stood in it: {own}")
}

/// The config file, without the log section where the user's own template would be hidden by it.
fn config_text(program: &Path, call: &Call, places: &Places) -> anyhow::Result<String> {
    let entries = jj::load_config(program, &call.place.dir, &[])?;
    let name = format!("template-aliases.'{HEADER}'");
    let own = entries.iter().any(|entry| {
        entry.name.replace('"', "'") == name && entry.path.as_deref() != Some(places.config.as_str())
    });
    Ok(if own { without_log(CONFIG) } else { CONFIG.to_owned() })
}

fn without_log(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        inside |= line.starts_with("# --- log");
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.starts_with("# --- end of log");
    }
    kept
}

/// A file of that name that we did not write is not touched.
pub(super) fn refuse_foreign(path: &Utf8Path) -> anyhow::Result<()> {
    match fs::read(path) {
        Ok(text) if !text.starts_with(OURS.as_bytes()) => {
            refuse!(Config, "{path} is there and is not jj-flow's: move it away first")
        }
        _ => Ok(()),
    }
}

fn write_whole(path: &Utf8Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension(format!("toml.{}", std::process::id()));
    // What is in it runs: it is nobody else's to write, whatever the umask is.
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o644).open(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}

/// The shim is a link named `jj` to this very program.
pub(super) fn put_shim(bin: &Utf8Path) -> anyhow::Result<String> {
    let (shim, own) = (bin.join("jj"), env::current_exe()?);
    if fs::read_link(&shim).is_ok_and(|target| target == own.as_std_path()) {
        return Ok(format!("The shim is there already: {shim}"));
    }
    if fs::symlink_metadata(&shim).is_ok() && !is_ours(&shim) {
        refuse!(Config, "{shim} is there and is not jj-flow's: move it away first");
    }
    // The folder above it will hold the registry, which is its owner's alone.
    slots::make_private(bin)?;
    let new = bin.join(format!("jj.{}", std::process::id()));
    symlink(&own, &new)?;
    fs::rename(&new, &shim)?;
    Ok(format!("Put the shim in place: {shim}"))
}

/// The line that puts the shim before the real jj, for the user's shell.
fn path_line(bin: &Utf8Path) -> String {
    let path = env::var("PATH").unwrap_or_default();
    if path.split(':').next() == Some(bin.as_str()) {
        return "It stands first on PATH.".to_owned();
    }
    let (file, line) = path_command(bin);
    format!("Put it first on PATH, at the end of {file}:\n\n    {}\n", plain(&line))
}

/// The command that puts a folder first on PATH, and the file that the user's shell reads it from.
pub(super) fn path_command(bin: &Utf8Path) -> (&'static str, String) {
    let bin = quoted(bin.as_str());
    let shell = env::var("SHELL").unwrap_or_default();
    match shell.rsplit('/').next() {
        Some("fish") => ("~/.config/fish/config.fish", format!("fish_add_path --prepend --move {bin}")),
        Some("zsh") => ("~/.zshrc", format!("export PATH={bin}:\"$PATH\"")),
        Some("bash") => ("~/.bashrc", format!("export PATH={bin}:\"$PATH\"")),
        _ => ("~/.profile", format!("export PATH={bin}:\"$PATH\"")),
    }
}

/// Whether it is a link to jj-flow, wherever that was.
pub(super) fn is_ours(shim: &Utf8Path) -> bool {
    fs::read_link(shim).is_ok_and(|target| target.file_name().is_some_and(|name| name == "jj-flow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_section_can_be_left_out() {
        let short = without_log(CONFIG);
        assert!(CONFIG.starts_with(OURS) && CONFIG.contains(HEADER));
        assert!(!short.contains("format_short_commit_header(commit)'"));
        assert!(short.contains("[colors]") && short.contains("flow_bookmarks(commit)"));
    }
}
