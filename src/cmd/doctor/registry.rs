//! The registry's file: who may read it, whether it is sound, and a new one where it is not.

use camino::{Utf8Path, Utf8PathBuf};

use super::check::{Check, Remedy};
use crate::cmd::Call;
use crate::config::Config;
use crate::env;
use crate::jj::Repo;
use crate::journal::Journal;
use crate::ledger::{Rebuilt, rebuild};
use crate::model::RepoId;
use crate::registry::{Health, Registry, RepoRow, exposed, load_listed};
use crate::text::{counted, quoted};

const WHAT: &str = "registry";
const KEPT: &str = "what could not be read is in the damaged file still, which is kept";

/// Looks at the registry, which comes back by its path where there is a sound one.
pub(super) fn check(
    call: &Call,
    config: &Config,
    is_fixing: bool,
    checks: &mut Vec<Check>,
) -> Option<Utf8PathBuf> {
    let look = || -> anyhow::Result<(Utf8PathBuf, Vec<Check>, bool)> {
        let path = call.place.registry_path(config)?;
        let mut checks = check_modes(&path, is_fixing)?;
        let damage = match Registry::examine(&path)? {
            Health::Sound => {
                Registry::open(&path)?;
                checks.push(Check::good(WHAT, format!("sound, at {path}")));
                return Ok((path, checks, true));
            }
            Health::Missing if Journal::load_elsewhere(&path)?.is_empty() => {
                checks.push(Check::good(WHAT, format!("none yet; it will be at {path}")));
                return Ok((path, checks, false));
            }
            Health::Missing => "it is gone, and repos elsewhere lie beside it".to_owned(),
            Health::Damaged(damage) => damage,
        };
        let is_sound = is_fixing;
        if is_fixing {
            checks.extend(mend(&path, &damage, known(&path, &call.place.dir)?)?);
        } else {
            let says = format!("The registry {path} is damaged: {damage}");
            checks.push(Check::bad(WHAT, "registry-damaged", says, Remedy::fix()));
        }
        Ok((path, checks, is_sound))
    };
    match look() {
        Ok((path, found, is_sound)) => {
            checks.extend(found);
            is_sound.then_some(path)
        }
        Err(error) => {
            checks.push(Check::failed(WHAT, &error));
            None
        }
    }
}

/// The registry is its owner's alone.
fn check_modes(path: &Utf8Path, is_fixing: bool) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    // A folder that was closed shows what is in it only once it is open.
    loop {
        let Some(exposed) = exposed(path).into_iter().nth(if is_fixing { 0 } else { checks.len() }) else {
            return Ok(checks);
        };
        let says = format!("{} has mode {:04o}", exposed.path, exposed.mode);
        if is_fixing {
            exposed.close()?;
            checks.push(Check::mended(WHAT, "registry-exposed", format!("{says}: it is private now")));
        } else {
            let says = format!("{says}: it is to be private");
            checks.push(Check::warning(WHAT, "registry-exposed", says, Remedy::fix()));
        }
    }
}

/// The repos that are known beside the damaged file: those of the list, and the one at hand.
fn known(path: &Utf8Path, dir: &Utf8Path) -> anyhow::Result<Vec<RepoRow>> {
    let here = || {
        let repo = Repo::find(dir)?;
        Some((Journal::of(repo.dir()).identity()?.id, repo.main_root().to_string()))
    };
    let row = |(id, root): (RepoId, String)| {
        RepoRow::here(id, &root, Utf8Path::new(&root).file_name().unwrap_or("repo"), env::now())
    };
    Ok(load_listed(path)?.into_iter().chain(here()).map(row).collect())
}

fn mend(path: &Utf8Path, damage: &str, more: Vec<RepoRow>) -> anyhow::Result<Vec<Check>> {
    let Some(rebuilt) = rebuild(path, more)? else {
        return Ok(vec![Check::good(WHAT, format!("sound again, at {path}"))]);
    };
    let Rebuilt { repos, events, contexts, approvals, proofs, .. } = rebuilt;
    let aside = match &rebuilt.set_aside {
        Some(aside) => format!("; the damaged file is kept at {aside}"),
        None => String::new(),
    };
    let counts = [
        (repos as u64, "repo"),
        (events, "event"),
        (contexts.into(), "context"),
        (approvals.into(), "approval"),
        (proofs.into(), "proof"),
    ];
    let counts = counts.map(|(number, word)| counted(number, word)).join(", ");
    let says = format!("was damaged ({damage}) and is made anew at {path}, with {counts}{aside}");
    let mut checks =
        vec![Check::mended(WHAT, "registry-damaged", says).details(serde_json::to_value(&rebuilt)?)];
    if rebuilt.restored > 0 {
        let says =
            format!("put back into journals that lacked them: {}", counted(rebuilt.restored as u64, "event"));
        checks.push(Check::mended(WHAT, "registry-damaged", says));
    }
    for root in &rebuilt.missing {
        let says = format!("{root} is not there: what the damaged file tells of it is kept");
        let remedy = Remedy::advice("once the repo is there again, its next command reads its journal too");
        checks.push(Check::warning(WHAT, "repo-missing", says, remedy));
    }
    for (root, why) in &rebuilt.failed {
        let says = format!("the record of {root} was not read: {why}");
        let remedy = Remedy::run(format!("jj-flow -R {} doctor --fix", quoted(root)));
        checks.push(Check::bad(WHAT, "record-unread", says, remedy));
    }
    if rebuilt.refused > 0 {
        let says = format!("read and not taken in: {}", counted(rebuilt.refused as u64, "event"));
        checks.push(Check::warning(WHAT, "events-refused", says, Remedy::advice(KEPT)));
    }
    for table in &rebuilt.broken {
        let broken = table.broken.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let says = format!(
            "of the damaged table {}, {} could be read, and {} made no sense{broken}",
            table.name,
            counted(table.rows as u64, "row"),
            table.unreadable
        );
        checks.push(Check::warning(WHAT, "table-damaged", says, Remedy::advice(KEPT)));
    }
    Ok(checks)
}
