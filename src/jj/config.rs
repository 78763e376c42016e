//! jj's own config, as jj resolves it.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value;

use super::{failed, locate};
use crate::process;

/// One entry that decides: overridden ones are not among them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// `user`, `repo`, `workspace`, `cli`, `env` or `default`.
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default)]
    is_overridden: bool,
}

impl Entry {
    /// Whether it holds. Of `ui.color` that is what holds but for the `--color` that this was asked with.
    fn holds(&self) -> bool {
        self.is_overridden == (self.name == "ui.color")
    }
}

/// Every entry outside jj's defaults, in one process; `dir` decides which repo's config takes part.
pub(crate) fn read_config(program: &Path, dir: &Utf8Path, options: &[String]) -> anyhow::Result<Vec<Entry>> {
    let mut args = vec!["--color=never".into(), "--no-pager".into(), "--ignore-working-copy".into()];
    args.extend(options.iter().map(Into::into));
    let list = ["config", "list", "--include-overridden", r#"--template=json(self) ++ "\n""#];
    args.extend(list.map(Into::into));
    let finished =
        process::run_captured(program, &args, Some(dir.as_std_path()), &[locate::guard_spawn(program)])?;
    if !finished.status.success() {
        return Err(failed("config list", &finished.stderr).into());
    }
    let text = String::from_utf8_lossy(&finished.stdout);
    let entries = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    Ok(entries.filter(Entry::holds).collect())
}

/// The folder of the user's own config, which has `conf.d` in it.
pub(crate) fn user_config_dir(program: &Path) -> anyhow::Result<Utf8PathBuf> {
    let args = ["config", "path", "--user"].map(Into::into);
    let finished = process::run_captured(program, &args, None, &[locate::guard_spawn(program)])?;
    let text = String::from_utf8_lossy(&finished.stdout);
    // A user may have several files, `~/.jjconfig.toml` among them: conf.d is beside the one in jj's own folder.
    let folders = text.lines().filter_map(|line| Utf8Path::new(line).parent());
    let folders = folders
        .map(|folder| if folder.ends_with("conf.d") { folder.parent().unwrap_or(folder) } else { folder });
    match folders.clone().find(|folder| folder.ends_with("jj")) {
        Some(folder) if finished.status.success() && folder.is_absolute() => Ok(folder.to_owned()),
        _ => Err(failed("config path", &finished.stderr).into()),
    }
}
