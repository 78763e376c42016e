//! Resolving a conflict that has been published: by the hook, in a workspace of its own, change after change.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::along::{UPDATE_STALE, bring_along, export};
use super::packet::{Packet, read_packet};
use super::plan::Plan;
use super::strip::{News, Strip};
use crate::config::Hook;
use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::graph::Change;
use crate::hook::{self, Run};
use crate::jj::{self, Jj, revset};
use crate::journal::{Held, short_hash};
use crate::model::Tip;
use crate::process::watched::Ending;

/// The hook's name in config.
pub(crate) const ON_CONFLICT: &str = "on-conflict";

/// Has the plan's conflicts resolved, or hands them over: the failure has the packet.
pub(super) fn resolve(strip: &mut Strip<'_>, plan: &Plan) -> anyhow::Result<()> {
    let packet = require_packet(strip, plan)?;
    let Some(hook) = strip.config.on_conflict.clone() else { return Err(packet.failure(None).into()) };
    if let Err(error) = strip.require_allowed(ON_CONFLICT, &hook) {
        (strip.tell)(News::Note(format!("Warning: {error:#}")))?;
        return Err(packet.failure(None).into());
    }
    let flow = plan.flow.bookmark();
    let Some(mut mark) = strip.ledger.journal.try_lock_resolving(&flow, &json(&packet))? else {
        let message = format!("Another process is resolving the conflict of {flow}");
        return Err(Failure::new(Kind::Busy, message).hint(format!("jj flow show {flow}")).into());
    };
    let id = short_hash(flow.as_str());
    let folder = strip.scratch(ON_CONFLICT)?.join(&id);
    let done = tidy(strip.jj, &id, &folder, &plan.changes)
        .and_then(|()| work(strip, plan, packet, &hook, &mut mark, &id, &folder));
    let tidied = tidy(strip.jj, &id, &folder, &plan.changes);
    failpoint::reach("resolver-tidied");
    mark.remove()?;
    // What stands on the flow was rewritten with every resolution.
    let head = strip.jj.require_head()?;
    for error in bring_along(strip.jj, &plan.carried, &head).into_iter().chain(export(strip.jj).err()) {
        (strip.tell)(News::Note(format!("Warning: {error:#}")))?;
    }
    done.and(tidied)
}

/// Clears up after resolvers that were killed: their workspaces are forgotten with what is left in them, their folders
/// removed.
pub(super) fn clear_left(strip: &Strip<'_>) -> anyhow::Result<()> {
    for (id, mark) in strip.ledger.journal.lock_left_resolvers()? {
        let mut text = String::new();
        mark.share()?.read_to_string(&mut text)?;
        tidy(strip.jj, &id, &strip.scratch(ON_CONFLICT)?.join(&id), &changes_in(&text))?;
        mark.remove()?;
    }
    Ok(())
}

/// The flow's changes by a mark, which came with the repo and may say anything: none where it is no packet.
fn changes_in(mark: &str) -> Vec<Tip> {
    #[derive(serde::Deserialize)]
    struct Mark {
        changes: Vec<Tip>,
    }
    let is_id = |tip: &Tip| {
        let id = tip.change.as_str();
        !id.is_empty() && id.bytes().all(|byte| (b'k'..=b'z').contains(&byte))
    };
    let changes = serde_json::from_str::<Mark>(mark).map(|mark| mark.changes).unwrap_or_default();
    if changes.iter().all(is_id) { changes } else { Vec::new() }
}

/// Takes the resolver's workspace away, and what it made on the flow's changes and did not bring to its end.
fn tidy(jj: &Jj, id: &str, folder: &Utf8Path, changes: &[Tip]) -> anyhow::Result<()> {
    let head = jj.require_head()?;
    let known = jj.read_workspaces(&head)?.iter().any(|workspace| workspace.name == name(id));
    if known {
        let left = jj.read_at(&head, &made_by(id, changes))?;
        let left = left.changes();
        let is_shared = |change: &Change| change.here || change.workspaces.iter().any(|at| *at != name(id));
        // An idle change goes with the workspace.
        let is_more = left.len() > 1 || left.iter().any(Change::has_work);
        if is_more && !left.iter().any(is_shared) {
            let left: Vec<String> = left.iter().map(|change| jj::commit(&change.commit)).collect();
            jj.run(&[UPDATE_STALE, "abandon", &left.join(" | ")])?;
        }
        jj.run(&[UPDATE_STALE, "workspace", "forget", &name(id)])?;
    }
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The resolver's workspace, as jj lists it.
fn name(id: &str) -> String {
    format!("flow-resolver-{id}")
}

/// What a resolver made on these changes, as far as its workspace stands on it and nobody else does.
fn made_by(id: &str, changes: &[Tip]) -> String {
    if changes.is_empty() {
        return "none()".to_owned();
    }
    let own: Vec<String> = changes.iter().map(|tip| revset::change(&tip.change)).collect();
    let (own, at) = (own.join(" | "), format!("{}@", jj::quoted(&name(id))));
    format!("(({own})+::{at}) ~ ::({own} | bookmarks() | (working_copies() ~ {at}))")
}

fn work(
    strip: &mut Strip<'_>,
    plan: &Plan,
    mut packet: Packet,
    hook: &Hook,
    mark: &mut Held,
    id: &str,
    folder: &Utf8Path,
) -> anyhow::Result<()> {
    if let Some(above) = folder.parent() {
        crate::slots::make_private(above)?;
    }
    strip.jj.add_workspace(&name(id), folder, &jj::commit(&packet.change.commit), None)?;
    failpoint::reach("resolver-added");
    let there = strip.jj.at(folder).ok_or_else(|| {
        Failure::new(Kind::Jj, format!("Could not find the workspace that jj made in {folder}"))
    })?;
    // One round for each conflicted change: what is above may be resolved with it, and nothing comes back.
    for _ in 0..plan.changes.len() {
        mark.write(&json(&packet))?;
        let described = described_paths(folder, &packet);
        (strip.tell)(News::Hook { name: ON_CONFLICT, command: hook.text() })?;
        let about = strip.about(plan, &packet.change.commit, &packet.operation);
        let run = Run {
            hook,
            name: ON_CONFLICT,
            dir: folder,
            about: &about,
            stdin: mark.share()?,
            timeout: strip.config.hook_timeout,
        };
        let ran = hook::run(run, &mut |output| strip.show(output));
        failpoint::reach("resolver-ran");
        match ran {
            Ok(ran) if ran.ending == Ending::Exited(0) => {}
            Ok(ran) => {
                let how = format!("flow.hooks.on-conflict: {}", hook::ending(ran.ending));
                return Err(packet.failure(Some(&how)).into());
            }
            Err(error) => {
                let how = format!("flow.hooks.on-conflict could not start: {error}");
                return Err(packet.failure(Some(&how)).into());
            }
        }
        set_down(&there, folder, &described)?;
        // Whatever the hook edited goes into the change, and what it committed itself as well.
        let into = revset::change(&packet.change.change);
        let own: Vec<String> = plan.changes.iter().map(|tip| revset::change(&tip.change)).collect();
        let from = format!("--from=({into}+::@) ~ ::({} | bookmarks())", own.join(" | "));
        let into = format!("--into={into}");
        there.run(&[UPDATE_STALE, "squash", "--use-destination-message", &from, &into])?;
        failpoint::reach("resolver-squashed");
        let resolved = packet.change.change.clone();
        match packet_now(strip, plan)? {
            None => return Ok(()),
            Some(next) if next.change.change == resolved => {
                return Err(next.failure(Some("flow.hooks.on-conflict left markers in")).into());
            }
            Some(next) => {
                there.run(&[UPDATE_STALE, "new", &jj::commit(&next.change.commit)])?;
                packet = next;
            }
        }
    }
    Err(packet.failure(Some("flow.hooks.on-conflict did not come to an end")).into())
}

/// The conflicted paths that jj cannot merge as text, such as a folder's with a file's: what it wrote there only
/// describes the conflict.
fn described_paths(folder: &Utf8Path, packet: &Packet) -> Vec<Utf8PathBuf> {
    let paths = packet.change.paths.iter().map(|path| folder.join(&path.path));
    paths.filter(|path| is_description(path)).collect()
}

fn is_description(path: &Utf8Path) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    text.starts_with(b"Conflict:\n  Removing ") || text.starts_with(b"Conflict:\n  Adding ")
}

/// Where jj has described a conflict, it takes a plain file for the description still. What was written there
/// instead is taken away for one snapshot, so that it counts.
fn set_down(there: &Jj, folder: &Utf8Path, described: &[Utf8PathBuf]) -> anyhow::Result<()> {
    let is_written = |path: &&Utf8PathBuf| path.is_file() && !path.is_symlink() && !is_description(path);
    for path in described.iter().filter(is_written) {
        let aside = folder.with_extension("aside");
        std::fs::rename(path, &aside)?;
        there.snapshot()?;
        std::fs::rename(&aside, path)?;
    }
    Ok(())
}

fn require_packet(strip: &Strip<'_>, plan: &Plan) -> anyhow::Result<Packet> {
    let record = strip.ledger.registry.open_conflict(&strip.ledger.repo, &plan.flow.bookmark())?;
    read_packet(strip.jj, plan, record.as_ref())?
        .ok_or_else(|| Failure::new(Kind::NoConflict, format!("{} is in no conflict", plan.flow)).into())
}

/// The packet of what is in conflict after a round; none where all is clean.
fn packet_now(strip: &Strip<'_>, plan: &Plan) -> anyhow::Result<Option<Packet>> {
    let op = strip.jj.require_head()?;
    let all: Vec<String> = plan.changes.iter().map(|tip| revset::change(&tip.change)).collect();
    let graph = strip.jj.read_at(&op, &all.join(" | "))?;
    let now = |tip: &Tip| graph.changes().iter().find(|change| change.id == tip.change);
    let changes: Vec<_> = plan.changes.iter().filter_map(now).collect();
    let Some(tip) = changes.first() else { return Ok(None) };
    let conflicted = changes.iter().rev().filter(|change| change.conflict).map(|change| change.tip());
    let plan = Plan {
        op,
        tip: tip.tip(),
        conflicted: conflicted.collect(),
        changes: changes.iter().map(|change| change.tip()).collect(),
        ..plan.clone()
    };
    let record = strip.ledger.registry.open_conflict(&strip.ledger.repo, &plan.flow.bookmark())?;
    read_packet(strip.jj, &plan, record.as_ref())
}

fn json(packet: &Packet) -> String {
    serde_json::to_string_pretty(packet).expect("a packet is plain data with text keys")
}
