//! What went, what stayed and why; or what would.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cmd::Call;
use crate::error::Failure;
use crate::model::{OpId, RepoId};
use crate::output::plain;
use crate::registry::KeptRepo;
use crate::text::quoted;
use crate::upkeep::{Going, Leaving, Staying, Stays};

/// What came of all of it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) dry_run: bool,
    /// Whether each line says which repo it is about.
    all: bool,
    pub(super) registry: Utf8PathBuf,
    before: u64,
    pub(super) after: u64,
    /// How much of the database is free afterwards beyond what was before.
    pub(super) freed: u64,
    /// Whether the database is to be written anew, whether it was, and whether somebody else was at it.
    pub(super) vacuum: bool,
    pub(super) vacuumed: bool,
    pub(super) is_busy: bool,
    pub(super) done: Vec<Done>,
    pub(super) taken: Vec<Taken>,
    pub(super) left: Vec<Left>,
    failed: Vec<Value>,
}

/// One repo that is there; sizes are its journal's.
#[derive(Debug)]
pub(super) struct Done {
    repo: RepoId,
    root: Utf8PathBuf,
    /// Workspaces.
    pub(super) leaving: Vec<Leaving>,
    pub(super) staying: Vec<Staying>,
    /// Bookmarks.
    pub(super) going: Vec<Going>,
    pub(super) stays: Vec<Stays>,
    pub(super) operation: Option<OpId>,
    pub(super) events: usize,
    pub(super) before: u64,
    pub(super) after: u64,
}

/// One that was gone, and is in its archive.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) repo: KeptRepo,
    pub(super) flows: u32,
    pub(super) events: usize,
    pub(super) archive: Utf8PathBuf,
}

/// One that is not there and stays on record.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) repo: RepoId,
    pub(super) root: String,
    pub(super) last_seen: Timestamp,
    pub(super) why: String,
}

impl Done {
    pub(super) fn new(repo: RepoId, root: Utf8PathBuf, size: u64) -> Self {
        Self {
            repo,
            root,
            leaving: Vec::new(),
            staying: Vec::new(),
            going: Vec::new(),
            stays: Vec::new(),
            operation: None,
            events: 0,
            before: size,
            after: size,
        }
    }

    fn json(&self) -> Value {
        let going = self.going.iter();
        let deleted = going.map(|it| json!({"flow": it.flow, "commit_id": it.at, "landed_at": it.landed_at}));
        let kept = self.stays.iter().map(|it| json!({"flow": it.flow, "reason": it.why, "hint": it.hint}));
        json!({
            "repo": self.repo, "root": self.root, "workspaces": {
                "removed": self.leaving.iter().map(|it| json!({"flow": it.name, "root": it.root})).collect::<Vec<_>>(),
                "kept": self.staying.iter().map(|it| json!({"flow": it.name, "root": it.root, "reason": it.why}))
                    .collect::<Vec<_>>(),
            }, "deleted": deleted.collect::<Vec<_>>(),
            "kept": kept.collect::<Vec<_>>(), "operation": self.operation, "events": self.events,
            "journal": {"before": self.before, "after": self.after},
        })
    }

    fn lines(&self, dry_run: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let did = if dry_run { "Would remove" } else { "Removed" };
        lines.extend(
            self.leaving.iter().map(|it| format!("{did} the workspace of {}: {}.", it.name, it.root)),
        );
        let kept = self.staying.iter();
        lines.extend(kept.map(|it| format!("Kept the workspace of {}, {}: {}.", it.name, it.root, it.why)));
        if !self.going.is_empty() {
            let names: Vec<&str> = self.going.iter().map(|it| it.flow.as_str()).collect();
            let did = if dry_run { "Would delete" } else { "Deleted" };
            let bookmarks = counted(names.len(), "bookmark");
            lines.push(format!("{did} {bookmarks} of merged flows: {}.", names.join(", ")));
        }
        for Stays { flow, why, hint } in &self.stays {
            lines.push(format!("Kept {flow}: {why}."));
            lines.extend(hint.iter().map(|hint| format!("  To delete it: {hint}")));
        }
        if self.events > 0 {
            let did = if dry_run { "Would remove" } else { "Removed" };
            let events = counted(self.events, "superseded move");
            let sizes = format!("{} -> {}", size(self.before), size(self.after));
            let sizes = if dry_run { size(self.before) } else { sizes };
            lines.push(format!("{did} {events} (journal: {sizes})."));
        }
        lines
    }
}

impl Report {
    pub(super) fn new(dry_run: bool, all: bool, registry: Utf8PathBuf, size: u64) -> Self {
        Self {
            dry_run,
            all,
            registry,
            before: size,
            after: size,
            freed: 0,
            vacuum: false,
            vacuumed: false,
            is_busy: false,
            done: Vec::new(),
            taken: Vec::new(),
            left: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Says what could not be done; the rest goes on.
    pub(super) fn fail(&mut self, call: &Call, what: &str, error: &anyhow::Error) -> anyhow::Result<()> {
        let failure = Failure::of(error);
        call.out.note(&plain(&format!("{what}: {}", failure.message)))?;
        self.failed.push(json!({
            "what": what, "code": failure.kind.code(), "message": failure.message, "hint": failure.hint,
        }));
        Ok(())
    }

    /// Answers; the status says whether anything failed.
    pub(super) fn answer(&self, call: &Call) -> anyhow::Result<ExitCode> {
        call.out.answer(&plain(&self.text()), self.json())?;
        Ok(ExitCode::from(u8::from(!self.failed.is_empty())))
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for done in &self.done {
            let of_it = done.lines(self.dry_run);
            if self.all && !of_it.is_empty() {
                lines.push(format!("{}:", done.root));
                lines.extend(of_it.iter().map(|line| format!("  {line}")));
            } else {
                lines.extend(of_it);
            }
        }
        for Taken { repo, flows, events, archive } in &self.taken {
            let did = if self.dry_run { "Would archive" } else { "Archived" };
            let what = format!("{}, {}", counted(*flows as usize, "flow"), counted(*events, "event"));
            lines.push(format!("{did} {} ({what}), which is gone: {archive}.", repo.root));
            if !self.dry_run {
                lines.push(format!("  To bring it back: jj flow import {}", quoted(archive.as_str())));
            }
        }
        lines.extend(self.left.iter().map(|left| format!("Kept {} on record: {}.", left.root, left.why)));
        let nothing_went =
            self.done.iter().all(|done| done.leaving.is_empty() && done.going.is_empty() && done.events == 0)
                && self.taken.is_empty()
                && !self.vacuum;
        if !nothing_went {
            lines.extend(self.registry_line());
        } else if self.failed.is_empty() && lines.is_empty() {
            lines.push("Nothing is to go.".to_owned());
        }
        lines.join("\n")
    }

    fn registry_line(&self) -> Option<String> {
        let sizes = format!("{} -> {}", size(self.before), size(self.after));
        Some(match (self.vacuum, self.vacuumed, self.dry_run) {
            (true, _, true) => format!("Would write the registry anew: {}.", size(self.before)),
            (true, true, false) => format!("Wrote the registry anew: {sizes}."),
            (true, false, false) => "The registry is in use, and is written anew another time.".to_owned(),
            // What is recorded anew may take more than what has gone.
            (false, ..) if self.before <= self.after => return None,
            (false, ..) => format!("Registry: {sizes}."),
        })
    }

    fn json(&self) -> Value {
        let taken = self.taken.iter().map(|Taken { repo, flows, events, archive }| {
            json!({
                "repo": repo.id, "root": repo.root, "last_seen": repo.last_seen, "flows": flows,
                "events": events, "archive": archive,
            })
        });
        let left = self.left.iter().map(|left| {
            json!({"repo": left.repo, "root": left.root, "last_seen": left.last_seen, "reason": left.why})
        });
        json!({
            "dry_run": self.dry_run,
            "repos": self.done.iter().map(Done::json).collect::<Vec<_>>(),
            "archived": taken.collect::<Vec<_>>(),
            "missing": left.collect::<Vec<_>>(),
            "registry": {
                "path": self.registry, "before": self.before, "after": self.after, "vacuum": self.vacuum,
                "vacuumed": self.vacuumed, "busy": self.is_busy,
            },
            "failed": self.failed,
        })
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
