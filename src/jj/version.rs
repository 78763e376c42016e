//! Whether the jj at hand is new enough, without asking it each time.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::locate;
use crate::error::{Failure, Kind};
use crate::slots::make_private;
use crate::{env, process};

/// The oldest jj that is supported: the first whose speculative operations do all that a landing needs.
pub(crate) const MINIMUM: (u32, u32) = (0, 44);

/// The file that was asked, and what it answered.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: String,
    file: (u64, u64, u64, i64, i64),
    version: String,
}

/// The version of this jj, as it tells it; refused where it is too old. Asked once for each file (8 ms), then
/// kept in the cache folder.
pub(crate) fn require_supported(program: &Path) -> anyhow::Result<String> {
    let file = std::fs::metadata(program)
        .map(|file| (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
        .map_err(|error| {
            Failure::new(Kind::NoJj, format!("Could not read {}: {error}", program.display()))
        })?;
    let path = program.to_string_lossy().into_owned();
    if let Some(known) = load_known().filter(|known| known.path == path && known.file == file) {
        return check(program, known.version);
    }
    let version = run_version(program)?;
    let version = check(program, version)?;
    keep(&Known { path, file, version: version.clone() });
    Ok(version)
}

fn run_version(program: &Path) -> anyhow::Result<String> {
    // Away from every config, so that one that cannot be read is told for what it is by who reads it.
    let bare = [locate::guard_spawn(program), ("JJ_CONFIG", "/dev/null".into())];
    let asked = process::run_captured(program, &["--version".into()], Some(Path::new("/")), &bare).map_err(
        |error| Failure::new(Kind::NoJj, format!("Could not start {}: {error}", program.display())),
    )?;
    let answer = String::from_utf8_lossy(&asked.stdout);
    Ok(answer.trim().strip_prefix("jj ").unwrap_or_default().to_owned())
}

fn check(program: &Path, version: String) -> anyhow::Result<String> {
    let (major, minor) = MINIMUM;
    match parse(&version) {
        Some(found) if found >= MINIMUM => Ok(version),
        Some(_) => Err(Failure::new(
            Kind::OldJj,
            format!("jj {version} is too old for jj-flow, which needs {major}.{minor} or newer"),
        )
        .hint("cargo install --locked jj-cli")
        .into()),
        None => Err(Failure::new(Kind::NoJj, format!("{} does not say which jj it is", program.display()))
            .hint("cargo install --locked jj-cli")
            .into()),
    }
}

/// `0.45.1` or `0.45.1-abcdef` as its first two numbers.
fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn load_known() -> Option<Known> {
    let text = std::fs::read(env::cache_dir()?.join("jj-version.json")).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A cache that cannot be written costs 8 ms the next time and is no error.
fn keep(known: &Known) {
    let Some(folder) = env::cache_dir() else { return };
    let new = folder.join(format!("jj-version.json.{}", std::process::id()));
    // Whoever else can write there tells which jj is new enough.
    let _ = make_private(&folder)
        .and_then(|()| std::fs::write(&new, serde_json::to_vec(known)?))
        .and_then(|()| std::fs::rename(&new, folder.join("jj-version.json")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("0.45.1", Some((0, 45)))]
    #[case("0.44.0-3f2a", Some((0, 44)))]
    #[case("1.0", Some((1, 0)))]
    #[case("", None)]
    #[case("unknown", None)]
    fn versions_are_read(#[case] text: &str, #[case] version: Option<(u32, u32)>) {
        assert_eq!(parse(text), version);
    }
}
