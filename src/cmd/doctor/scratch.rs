//! Folders in the cache that verifications and resolvers of repos worked in which are not there any more.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use super::check::{Check, Remedy};
use crate::landing::{ON_CONFLICT, VERIFY};
use crate::ledger::journal_of;
use crate::registry::Registry;
use crate::text::{counted, quoted};
use crate::{env, slots};

const WHAT: &str = "folders";

pub(super) fn check(registry: Option<&Utf8Path>, is_fixing: bool) -> Vec<Check> {
    look(registry, is_fixing).unwrap_or_else(|error| vec![Check::failed(WHAT, &error)])
}

fn look(registry: Option<&Utf8Path>, is_fixing: bool) -> anyhow::Result<Vec<Check>> {
    let (Some(path), Some(cache)) = (registry, env::cache_dir()) else { return Ok(Vec::new()) };
    let Some(registry) = Registry::open_to_read(path)? else { return Ok(Vec::new()) };
    let rows = registry.repo_rows()?;
    let here = rows.iter().filter(|row| journal_of(path, row).is_some());
    let here: Vec<&str> = here.map(|row| row.id.as_str()).collect();
    let mut checks = Vec::new();
    for purpose in [VERIFY, ON_CONFLICT] {
        let mut left = Vec::new();
        for folder in folders(&cache.join(purpose))? {
            let is_known = folder.file_name().is_some_and(|name| here.contains(&name));
            if !is_known && !folders(&folder)?.is_empty() {
                left.push(folder);
            }
        }
        checks.extend(tell(purpose, &left, is_fixing)?);
    }
    if checks.is_empty() {
        checks.push(Check::good(WHAT, "none is left of a repo that is gone"));
    }
    Ok(checks)
}

fn tell(purpose: &str, left: &[Utf8PathBuf], is_fixing: bool) -> anyhow::Result<Option<Check>> {
    let Some(first) = left.first() else { return Ok(None) };
    let says = format!(
        "{} has {} of repos that are not known here any more",
        first.parent().unwrap_or(first),
        counted(left.len() as u64, "folder")
    );
    let details = json!({"folders": left});
    // A verification holds its folder by a lock, and can do without it later. Of a resolver nothing is known here.
    if purpose == VERIFY && is_fixing {
        let mut is_empty = true;
        for folder in left {
            slots::clear(folder)?;
            is_empty &= folders(folder)?.is_empty();
        }
        if is_empty {
            let says = format!("{says}: removed");
            return Ok(Some(Check::mended(WHAT, "folder-left", says).details(details)));
        }
    }
    let remedy = if purpose == VERIFY && is_fixing {
        Remedy::advice("a verification is at work in one: it stays until that ends")
    } else if purpose == VERIFY {
        Remedy::fix()
    } else {
        let all: Vec<String> = left.iter().map(|folder| quoted(folder.as_str())).collect();
        Remedy::run(format!("rm -r {}", all.join(" ")))
    };
    Ok(Some(Check::warning(WHAT, "folder-left", says, remedy).details(details)))
}

fn folders(of: &Utf8Path) -> std::io::Result<Vec<Utf8PathBuf>> {
    let entries = match of.read_dir_utf8() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path().to_owned());
        }
    }
    found.sort();
    Ok(found)
}
