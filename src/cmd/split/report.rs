//! What became of each component, as text and as JSON.

use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8Path;
use serde_json::{Value, json};

use super::super::Call;
use crate::error::Failure;
use crate::model::OpId;
use crate::output::{plain, table};
use crate::split::{Names, Outcome};
use crate::text::counted;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    New,
    Added,
    Unchanged,
    Planned,
    Failed,
}

impl Done {
    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Added => "added",
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Failed => "failed",
        }
    }
}

/// One component.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) component: String,
    pub(super) path: String,
    pub(super) root: String,
    pub(super) done: Done,
    pub(super) commits: usize,
    pub(super) new_commits: usize,
    pub(super) bytes: u64,
    pub(super) took: Duration,
    pub(super) bookmarks: Vec<String>,
    pub(super) arrived: Vec<String>,
    pub(super) left_out: Vec<String>,
    pub(super) signatures: usize,
    pub(super) submodules: usize,
    pub(super) flows: usize,
    pub(super) failure: Option<Failure>,
}

impl Line {
    pub(super) fn new(component: &str, path: &str, root: &Utf8Path, done: Done) -> Self {
        Self {
            component: component.to_owned(),
            path: path.to_owned(),
            root: root.to_string(),
            done,
            commits: 0,
            new_commits: 0,
            bytes: 0,
            took: Duration::ZERO,
            bookmarks: Vec::new(),
            arrived: Vec::new(),
            left_out: Vec::new(),
            signatures: 0,
            submodules: 0,
            flows: 0,
            failure: None,
        }
    }

    /// What an outcome says.
    pub(super) fn take(&mut self, outcome: &Outcome, names: &Names, is_dry: bool, is_new: bool) {
        let Outcome { written, arrived, .. } = outcome;
        (self.bytes, self.new_commits) = (written.bytes, written.new_commits);
        (self.signatures, self.submodules) = (written.signatures, written.submodules);
        self.bookmarks = names.bookmarks.iter().map(|(name, _)| name.to_string()).collect();
        self.arrived = arrived.iter().map(ToString::to_string).collect();
        self.left_out = names.left_out.iter().map(ToString::to_string).collect();
        self.done = match (is_dry, is_new) {
            (true, _) => Done::Planned,
            (_, true) => Done::New,
            _ if outcome.is_changed => Done::Added,
            _ => Done::Unchanged,
        };
    }

    fn json(&self) -> Value {
        let failure = self.failure.as_ref();
        json!({
            "component": self.component, "path": self.path, "root": self.root, "state": self.done.as_str(),
            "commits": self.commits, "new_commits": self.new_commits, "bytes": self.bytes,
            "seconds": self.took.as_secs_f64(), "bookmarks": self.bookmarks, "arrived": self.arrived,
            "left_out": self.left_out, "signatures": self.signatures, "submodules": self.submodules,
            "flows": self.flows, "message": failure.map(|failure| failure.message.clone()),
        })
    }

    /// What a person has to know beside the table.
    pub(super) fn notes(&self) -> Vec<String> {
        let Self { component, .. } = self;
        let mut notes = Vec::new();
        if let Some(failure) = &self.failure {
            notes.push(format!("Failed: {component}: {}", failure.message));
        }
        for name in &self.arrived {
            notes.push(format!(
                "{component}: {name} was moved there, so what is new arrived as {name}@source."
            ));
        }
        if !self.left_out.is_empty() {
            let names = self.left_out.join(", ");
            notes.push(format!("{component}: these bookmarks cannot come along: {names}"));
        }
        if self.signatures > 0 {
            let commits = counted(self.signatures as u64, "commit");
            notes.push(format!("{component}: {commits} lost a signature, which was for another tree."));
        }
        if self.submodules > 0 {
            notes.push(format!(
                "{component}: submodules came along, and .gitmodules only where the path has it."
            ));
        }
        notes
    }
}

#[derive(Debug)]
pub(super) struct Report {
    into: String,
    operation: OpId,
    is_dry: bool,
    pub(super) lines: Vec<Line>,
    /// The change of this repo that removes the paths.
    pub(super) removed: Option<String>,
}

impl Report {
    pub(super) fn new(into: &Utf8Path, operation: &OpId, is_dry: bool) -> Self {
        Self {
            into: into.to_string(),
            operation: operation.clone(),
            is_dry,
            lines: Vec::new(),
            removed: None,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.lines.iter().any(|line| line.done == Done::Failed)
    }

    pub(super) fn answer(mut self, call: &Call) -> anyhow::Result<ExitCode> {
        self.lines.sort_by(|one, other| one.component.cmp(&other.component));
        let mut text = table(
            &["component", "state", "commits", "new", "size", if self.is_dry { "time" } else { "flows" }],
            self.lines.iter().map(|line| self.row(line)).collect(),
        );
        if let Some(change) = &self.removed {
            text += &format!("\nRemoved the paths here in change {}.", &change[..change.len().min(8)]);
        }
        let object = json!({
            "into": self.into, "operation": self.operation, "dry_run": self.is_dry,
            "components": self.lines.iter().map(Line::json).collect::<Vec<_>>(), "removed": self.removed,
        });
        call.out.answer(&text, object)?;
        Ok(ExitCode::from(u8::from(self.has_failed())))
    }

    fn row(&self, line: &Line) -> Vec<String> {
        let last =
            if self.is_dry { format!("{:.2} s", line.took.as_secs_f64()) } else { line.flows.to_string() };
        let size = if line.bytes == 0 { String::new() } else { size(line.bytes) };
        vec![
            plain(&line.component).into_owned(),
            line.done.as_str().to_owned(),
            line.commits.to_string(),
            line.new_commits.to_string(),
            size,
            last,
        ]
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
