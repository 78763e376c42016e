//! Locks that keep others waiting, and what a git that was killed has left in jj's way.
//!
//! A lock of jj-flow's or of SQLite's dies with its process, so whoever holds one is alive, and is told. A lock of
//! git's is a file that says nothing of who made it: an editor may hold one open for hours, and it may lie on a disk that
//! another machine works on. That nobody has it any more can never be told for sure from here, so it is never deleted.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::check::{Check, Remedy};
use crate::cmd::Call;
use crate::env;
use crate::jj::Repo;
use crate::journal::{InUse, Journal};
use crate::output::age;
use crate::registry::Registry;
use crate::text::quoted;

const WHAT: &str = "locks";

/// What is held no longer than this is somebody's at work.
const PATIENCE: Duration = Duration::from_millis(500);
/// How old a lock of git's is before it is told of.
const OLD: SignedDuration = SignedDuration::from_mins(1);

/// Looks at the locks of the registry and of the repo at hand.
pub(super) fn check(call: &Call, registry: Option<&Utf8Path>, checks: &mut Vec<Check>) {
    let before = checks.len();
    checks.extend(registry.and_then(check_registry));
    if let Some(repo) = Repo::find(&call.place.dir) {
        match Journal::of(repo.dir()).locks_in_use(PATIENCE) {
            Ok(held) => checks.extend(held.iter().map(tell)),
            Err(error) => checks.push(Check::failed(WHAT, &error.into())),
        }
        checks.extend(git_locks(&repo));
    }
    if checks.len() == before {
        checks.push(Check::good(WHAT, "nobody holds any"));
    }
}

fn check_registry(path: &Utf8Path) -> Option<Check> {
    match Registry::is_locked(path, PATIENCE) {
        Ok(false) => None,
        Ok(true) => {
            let says = format!("somebody has had the registry {path} locked for a while");
            // What SQLite locks is a byte in the index of its log.
            Some(held("registry-locked", says, &format!("{path}-shm").into(), None))
        }
        Err(error) => Some(Check::failed(WHAT, &error)),
    }
}

fn tell(lock: &InUse) -> Check {
    let (path, says) = match lock {
        InUse::Record { path } => (path, "the record of this repo is locked, and has been for a while"),
        InUse::Making { path } => (path, "somebody has been making a flow here for a while"),
        InUse::Landing { path, .. } => (path, "a landing is under way here"),
        InUse::Resolving { path, .. } => (path, "a conflict is being resolved here"),
    };
    let who = match lock {
        InUse::Landing { who, .. } => who.as_deref(),
        InUse::Resolving { flow, .. } => flow.as_deref(),
        _ => None,
    };
    held("lock-held", says.to_owned(), path, who)
}

fn held(code: &'static str, says: String, path: &Utf8PathBuf, who: Option<&str>) -> Check {
    let process = holder(path);
    let who_says = who.map(|who| format!(", by {who}")).unwrap_or_default();
    let process_says = process.map(|id| format!(" (process {id})")).unwrap_or_default();
    let remedy = match process {
        Some(id) => Remedy::run(format!("ps -p {id} -o pid,etime,args")),
        None => Remedy::advice("it is let go when that command ends: wait for it"),
    };
    Check::warning(WHAT, code, format!("{says}{who_says}{process_says}"), remedy)
        .details(json!({"path": path, "who": who, "process": process}))
}

/// The process that has locked a file, where the system tells.
fn holder(path: &Utf8Path) -> Option<u32> {
    let inode = std::fs::metadata(path).ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4711 00:2d:5678 0 EOF`
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, "WRITE", process, place, ..] = words[..] else { return None };
        let is_it = place.rsplit(':').next().is_some_and(|last| last.parse() == Ok(inode));
        // One that has handed its lock down may be gone.
        let is_there = Utf8Path::new("/proc").join(process).exists();
        process.parse().ok().filter(|_| is_it && is_there)
    })
}

/// The locks in the repo's git folder that jj meets: those of its index, its refs and its config.
fn git_locks(repo: &Repo) -> Vec<Check> {
    let Some(dir) = repo.git_dir() else { return Vec::new() };
    let mut found = Vec::new();
    let top = ["index.lock", "HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"];
    found.extend(top.iter().map(|name| dir.join(name)).filter(|path| path.is_file()));
    collect_locks(&dir.join("refs"), &mut found);
    let now = env::now();
    found.iter().filter_map(|path| tell_git_lock(path, now)).collect()
}

fn collect_locks(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    // A folder that nobody may read is none that jj writes to.
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    for entry in entries {
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
            collect_locks(entry.path(), found);
        } else if entry.path().extension() == Some("lock") {
            found.push(entry.path().to_owned());
        }
    }
}

fn tell_git_lock(path: &Utf8Path, now: Timestamp) -> Option<Check> {
    let since = Timestamp::try_from(std::fs::metadata(path).ok()?.modified().ok()?).ok()?;
    if now.duration_since(since) < OLD {
        return None;
    }
    let says =
        format!("{path} has been there for {}: jj cannot write there as long as it is", age(now, since));
    let advice = format!(
        "git does not say whose it is. Once no git works in this repo any more, an editor of its own included: rm {}",
        quoted(path.as_str())
    );
    let check = Check::warning(WHAT, "git-lock", says, Remedy::advice(advice));
    Some(check.details(json!({"path": path, "since": since.to_string()})))
}
