//! `jj-flow uninstall`: everything that install put in place taken out again, and whatever has come with it since.

use std::fs;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::install::{CONFIG, Places, is_ours, moved_line, refuse_foreign};
use super::{Call, own_config};
use crate::error::refuse;
use crate::landing::VERIFY;
use crate::registry::list_path;
use crate::{env, jj, slots};

/// Take jj-flow out of jj's config, and the shim away
#[derive(Debug, Args)]
#[command(after_help = "Example: jj-flow uninstall --purge")]
pub(super) struct UninstallArgs {
    /// The registry too; each repo's own record stays in its .jj folder
    #[arg(long)]
    purge: bool,
}

pub(super) fn run(args: &UninstallArgs, call: Call) -> anyhow::Result<()> {
    let Some(program) = jj::locate() else {
        refuse!(NoJj, "Could not find jj on PATH, which knows where its config is")
    };
    let places = Places::find(&program, "uninstall")?;
    let (config, _) = call.place.load_config(&program)?;
    let registry = call.place.registry_path(&config)?;
    let mut lines = Vec::new();
    if places.config.exists() {
        refuse_foreign(&places.config)?;
        let moved = own_config::rescue(&places.config, CONFIG)?;
        remove(&places.config, &mut lines)?;
        lines.extend(moved.map(|own| moved_line(&own)));
    }
    own_config::remove_unused(&places.config)?;
    if is_ours(&places.shim()) {
        remove(&places.shim(), &mut lines)?;
    }
    if args.purge {
        purge(&registry, &mut lines)?;
    } else if registry.exists() {
        lines.push(format!("Left the registry: {registry}"));
    }
    if let Some(cache) = env::cache_dir().map(|dir| dir.join("jj-version.json")).filter(|file| file.exists())
    {
        remove(&cache, &mut lines)?;
    }
    remove_scratch(&mut lines)?;
    let caches = jj::cache_folder().into_iter().chain(super::hook::memo_folder());
    caches.for_each(|folder| _ = fs::remove_dir_all(folder));
    // conf.d and jj's own folder, then ours; one that holds anything of somebody else's stays.
    let jj = places.config.ancestors().skip(1).take(2).map(Utf8Path::to_owned);
    let folders = jj.chain([places.bin.clone()]).chain(env::data_dir()).chain(env::cache_dir());
    for folder in folders {
        let _ = fs::remove_dir(folder);
    }
    lines.extend(super::skill::installed(&call.place.dir, &[]));
    lines.extend(super::hook::installed(&call.place.dir));
    if lines.is_empty() {
        lines.push("Nothing of jj-flow was installed.".to_owned());
    }
    lines.push("The program itself: cargo uninstall jj-flow".to_owned());
    Ok(call.out.answer(&lines.join("\n"), json!({"removed": lines}))?)
}

/// Removes the registry, and what stands beside it.
fn purge(registry: &Utf8Path, lines: &mut Vec<String>) -> anyhow::Result<()> {
    let files = ["", "-wal", "-shm"].map(|ending| Utf8PathBuf::from(format!("{registry}{ending}")));
    for file in files.into_iter().chain([list_path(registry)]).filter(|file| file.exists()) {
        remove(&file, lines)?;
    }
    let elsewhere = Utf8PathBuf::from(format!("{registry}.elsewhere"));
    if elsewhere.is_dir() {
        fs::remove_dir_all(&elsewhere).with_context(|| format!("Could not remove {elsewhere}"))?;
        lines.push(format!("Removed {elsewhere}"));
    }
    let archive = format!("{registry}.archive");
    if Utf8Path::new(&archive).is_dir() {
        lines.push(format!("Left what jj flow gc has archived: {archive}"));
    }
    Ok(())
}

/// Removes the folders that verifications have worked in; one that is at work stays.
fn remove_scratch(lines: &mut Vec<String>) -> anyhow::Result<()> {
    let Some(verify) = env::cache_dir().map(|cache| cache.join(VERIFY)).filter(|verify| verify.is_dir())
    else {
        return Ok(());
    };
    for repo in verify.read_dir_utf8().with_context(|| format!("Could not read {verify}"))? {
        let repo = repo?.into_path();
        slots::remove(&repo).with_context(|| format!("Could not remove {repo}"))?;
    }
    lines.push(match fs::remove_dir(&verify) {
        Ok(()) => format!("Removed {verify}"),
        Err(_) => format!("Left what a verification is at work in: {verify}"),
    });
    Ok(())
}

fn remove(path: &Utf8Path, lines: &mut Vec<String>) -> anyhow::Result<()> {
    fs::remove_file(path).with_context(|| format!("Could not remove {path}"))?;
    lines.push(format!("Removed {path}"));
    Ok(())
}
