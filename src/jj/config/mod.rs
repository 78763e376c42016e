//! jj's own config, as jj resolves it.

mod cache;
mod sources;

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use cache::folder as cache_folder;
use sources::Sources;

use super::{Repo, failed, locate};
use crate::process;

/// The beginnings of the settings that anybody here asks for. What they are does not depend on the clock, the host or
/// the seed.
const ASKED: [&str; 8] = [
    "flow.",
    "aliases.",
    "merge-tools.",
    "revset-aliases.",
    "template-aliases.",
    "ui.color",
    "ui.default-command",
    "user.email",
];

/// One entry that decides: overridden ones are not among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// `user`, `repo`, `workspace`, `cli`, `env` or `default`.
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default, skip_serializing)]
    is_overridden: bool,
}

impl Entry {
    /// Whether it holds. Of `ui.color` that is what holds but for the `--color` that this was asked with.
    fn holds(&self) -> bool {
        self.is_overridden == (self.name == "ui.color")
    }
}

/// The entries that somebody here asks for, but for jj's defaults; `dir` decides which repo's config takes part. Starts
/// a process only where the files are not those of an earlier time.
pub(crate) fn load_config(program: &Path, dir: &Utf8Path, options: &[String]) -> anyhow::Result<Vec<Entry>> {
    let key = || Sources::load(dir, options)?.key(program, options);
    let before = key();
    if let Some(known) = before.as_deref().and_then(cache::load) {
        return Ok(known);
    }
    let entries = run_config_list(program, dir, options)?;
    // Somebody may have written one of the files meanwhile.
    if let Some(key) = before.filter(|before| key().as_ref() == Some(before)) {
        cache::keep(&key, &entries);
    }
    Ok(entries)
}

/// Whether a repo has any config of its own, so that it is not the user's alone that decides there.
pub(crate) fn has_own_config(repo: &Repo) -> bool {
    let (shared, own) = (repo.dir(), repo.root().join(".jj"));
    let files = [
        shared.join("config-id"),
        shared.join("config.toml"),
        own.join("workspace-config-id"),
        own.join("workspace-config.toml"),
    ];
    files.iter().any(|file| file.symlink_metadata().is_ok())
}

/// Whether any config file that decides in `dir` has this text in it; true where that cannot be told.
pub(crate) fn load_mention(dir: &Utf8Path, text: &str) -> bool {
    Sources::load(dir, &[]).is_none_or(|sources| sources.mention(text))
}

fn run_config_list(program: &Path, dir: &Utf8Path, options: &[String]) -> anyhow::Result<Vec<Entry>> {
    let entries = run_list(program, dir, options, &["--include-overridden"])?;
    let is_asked = |entry: &Entry| ASKED.iter().any(|asked| entry.name.starts_with(asked));
    Ok(entries.into_iter().filter(Entry::holds).filter(is_asked).collect())
}

/// The settings of jj's merge tools, jj's own defaults among them.
pub(crate) fn run_merge_tools(
    program: &Path,
    dir: &Utf8Path,
    options: &[String],
) -> anyhow::Result<Vec<Entry>> {
    run_list(program, dir, options, &["--include-defaults", "merge-tools"])
}

fn run_list(program: &Path, dir: &Utf8Path, options: &[String], what: &[&str]) -> anyhow::Result<Vec<Entry>> {
    let mut args = vec!["--color=never".into(), "--no-pager".into(), "--ignore-working-copy".into()];
    args.extend(options.iter().map(Into::into));
    args.extend(["config", "list", r#"--template=json(self) ++ "\n""#].map(Into::into));
    args.extend(what.iter().map(Into::into));
    let finished =
        process::run_captured(program, &args, Some(dir.as_std_path()), &[locate::guard_spawn(program)])?;
    if !finished.status.success() {
        return Err(failed("config list", &finished.stderr).into());
    }
    let text = String::from_utf8_lossy(&finished.stdout);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The files of the user's own config, those that are not there yet among them, as jj names them.
pub(crate) fn user_config_files(program: &Path) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let args = ["config", "path", "--user"].map(Into::into);
    let finished = process::run_captured(program, &args, None, &[locate::guard_spawn(program)])?;
    if !finished.status.success() {
        return Err(failed("config path", &finished.stderr).into());
    }
    Ok(String::from_utf8_lossy(&finished.stdout).lines().map(Utf8PathBuf::from).collect())
}

/// The folder of the user's own config, which has `conf.d` in it.
pub(crate) fn user_config_dir(program: &Path) -> anyhow::Result<Utf8PathBuf> {
    // A user may have several files, `~/.jjconfig.toml` among them: conf.d is beside the one in jj's own folder.
    let files = user_config_files(program)?;
    let folders = files.iter().filter_map(|file| file.parent());
    let folders = folders
        .map(|folder| if folder.ends_with("conf.d") { folder.parent().unwrap_or(folder) } else { folder });
    match folders.clone().find(|folder| folder.ends_with("jj")) {
        Some(folder) if folder.is_absolute() => Ok(folder.to_owned()),
        _ => Err(failed("config path", "there is no folder named jj among them").into()),
    }
}
