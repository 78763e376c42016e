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
}

/// Every entry outside jj's defaults, in one process; `dir` decides which repo's config takes part.
pub(crate) fn read_config(program: &Path, dir: &Utf8Path, config: &[String]) -> anyhow::Result<Vec<Entry>> {
    let mut args = vec!["--color=never".into(), "--no-pager".into(), "--ignore-working-copy".into()];
    args.extend(config.iter().map(|entry| format!("--config={entry}").into()));
    args.extend(["config", "list", r#"--template=json(self) ++ "\n""#].map(Into::into));
    let finished =
        process::run_captured(program, &args, Some(dir.as_std_path()), &[locate::guard_spawn(program)])?;
    if !finished.status.success() {
        return Err(failed("config list", &finished.stderr).into());
    }
    let text = String::from_utf8_lossy(&finished.stdout);
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The folder of the user's own config, which has `conf.d` in it.
pub(crate) fn user_config_dir(program: &Path) -> anyhow::Result<Utf8PathBuf> {
    let args = ["config", "path", "--user"].map(Into::into);
    let finished = process::run_captured(program, &args, None, &[locate::guard_spawn(program)])?;
    let text = String::from_utf8_lossy(&finished.stdout);
    // Several files may be told where the user has several; they lie in one folder or its conf.d.
    let file = Utf8PathBuf::from(text.lines().next().unwrap_or_default());
    match file.parent() {
        Some(folder) if finished.status.success() && file.is_absolute() => {
            Ok(if folder.ends_with("conf.d") { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
        }
        _ => Err(failed("config path", &finished.stderr).into()),
    }
}
