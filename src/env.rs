//! The gate to the environment, the clock and chance: read here and nowhere else.

use std::ffi::OsString;
use std::path::PathBuf;

use camino::Utf8PathBuf;
use etcetera::BaseStrategy;
use jiff::Timestamp;

/// A variable's value; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "this module is the gate")]
pub(crate) fn var_os(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A variable's value as jj reads its own: an empty one is set, and one that is not UTF-8 is not.
#[expect(clippy::disallowed_methods, reason = "this module is the gate")]
pub(crate) fn var_for_jj(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The files and folders that `JJ_CONFIG` names in the place of the user's and the system's config, in full: a jj that
/// is started in another folder would find others by a relative path, somebody else's among them.
pub(crate) fn jj_config() -> Option<Vec<PathBuf>> {
    let paths = var_for_jj("JJ_CONFIG")?;
    let named = std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty());
    Some(named.map(|path| std::path::absolute(&path).unwrap_or(path)).collect())
}

/// A variable's value as text; one that is not UTF-8 counts as not set.
pub(crate) fn var(name: &str) -> Option<String> {
    var_os(name)?.into_string().ok()
}

/// The time now, to the millisecond; `JJ_FLOW_TIMESTAMP` (RFC 3339) fixes it, so that runs can be compared.
#[expect(clippy::disallowed_methods, reason = "this module is the gate")]
pub(crate) fn now() -> Timestamp {
    let now = var("JJ_FLOW_TIMESTAMP").and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now);
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// 16 hex digits that nobody else has.
pub(crate) fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("Could not get random bytes: {error}"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// The folder that a command was started in.
pub(crate) fn current_dir() -> anyhow::Result<Utf8PathBuf> {
    let dir = std::env::current_dir()?;
    Utf8PathBuf::from_path_buf(dir).map_err(|dir| anyhow::anyhow!("{} is not UTF-8", dir.display()))
}

/// The name that this program was called by.
pub(crate) fn argv0() -> OsString {
    std::env::args_os().next().unwrap_or_default()
}

/// The folder that a command was started in, whatever its name is, and `.` where it is gone: for who only looks for
/// programs.
pub(crate) fn any_current_dir() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| ".".into())
}

/// This program's own file.
pub(crate) fn current_exe() -> anyhow::Result<Utf8PathBuf> {
    Ok(Utf8PathBuf::try_from(std::env::current_exe()?)?)
}

/// Where this user's data (`$XDG_DATA_HOME/jj-flow`) belongs; none without a home folder.
pub(crate) fn data_dir() -> Option<Utf8PathBuf> {
    base(|dirs| dirs.data_dir())
}

/// Where what can be made again (`$XDG_CACHE_HOME/jj-flow`) belongs; none without a home folder.
pub(crate) fn cache_dir() -> Option<Utf8PathBuf> {
    base(|dirs| dirs.cache_dir())
}

/// The user's home folder.
pub(crate) fn home_dir() -> Option<PathBuf> {
    etcetera::home_dir().ok()
}

/// The folder of every program's config (`$XDG_CONFIG_HOME`, or what stands for it on this system), as jj finds it.
pub(crate) fn config_dir() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir())
}

fn base(pick: impl Fn(&etcetera::base_strategy::Xdg) -> PathBuf) -> Option<Utf8PathBuf> {
    let dirs = etcetera::base_strategy::Xdg::new().ok()?;
    Some(Utf8PathBuf::from_path_buf(pick(&dirs)).ok()?.join("jj-flow"))
}
