//! The context as a person reads it.

use super::Context;
use crate::graph::Change;
use crate::output::{plain, status};
use crate::survey::Standing;
use crate::text::counted;

/// How many changes are named one by one.
const SHOWN: usize = 5;

impl Context<'_> {
    pub(super) fn text(&self) -> String {
        let (source, value) = &self.source;
        let mut lines = vec![format!("You are {} ({} {}).", self.uid, plain(source), plain(value))];
        match self.flow {
            Some(flow) => self.tell_flow(flow, &mut lines),
            None => lines.push("@ stands on no flow.".to_owned()),
        }
        for waiting in &self.conflicts {
            lines.push(String::new());
            lines.push(waiting.text());
        }
        if let Some(failure) = &self.failure {
            lines.push(String::new());
            let reason = failure.reason.as_deref().map(|reason| format!(": {}", plain(reason)));
            lines.push(format!("It failed{}.", reason.unwrap_or_default()));
            if let Some(run) = &failure.verification {
                let tail = run.tail.trim_end();
                let colon = if tail.is_empty() { "" } else { ":" };
                lines.push(format!("Not verified by {}, {}{colon}", plain(&run.command), plain(&run.ending)));
                lines.extend(tail.lines().map(|line| format!("  {}", plain(line))));
            }
        }
        self.tell_others(&mut lines);
        lines.push(String::new());
        lines.push(match &self.next.command {
            Some(command) => format!("Next: {}\n      {}.", plain(command), plain(&self.next.why)),
            None => format!("Next: {}.", plain(&self.next.why)),
        });
        lines.join("\n")
    }

    fn tell_flow(&self, flow: &Standing, lines: &mut Vec<String>) {
        let parent = self.survey.landing_parent(flow);
        let parent = parent.map_or("nothing".to_owned(), |parent| plain(parent.as_str()).into_owned());
        let whose = if self.is_yours(flow) { "" } else { ", not one of yours" };
        lines.push(format!("{} ({}{whose}) lands on {parent}.", flow.name, status(flow.status)));
        let ahead = self.survey.ahead(flow);
        lines.push(format!("  {} ahead, {} behind", ahead.len(), self.behind.len()));
        tell_changes("+", ahead.into_iter(), lines);
        tell_changes("-", self.behind.iter(), lines);
        for sub in self.survey.open_children(flow) {
            let ahead = counted(self.survey.ahead(sub).len() as u64, "change");
            lines.push(format!("  Sub-flow {} ({}), {ahead}", sub.name, status(sub.status)));
        }
    }

    fn tell_others(&self, lines: &mut Vec<String>) {
        if self.siblings.as_ref().is_some_and(|siblings| !siblings.is_empty()) || !self.yours.is_empty() {
            lines.push(String::new());
        }
        for sibling in self.siblings.iter().flatten() {
            let files: Vec<_> = sibling.files.iter().map(|file| plain(file)).collect();
            lines.push(format!("{} ({}) touches {}", sibling.flow, status(sibling.status), files.join(", ")));
            if !sibling.conflicts.is_empty() {
                let files: Vec<_> = sibling.conflicts.iter().map(|file| plain(file)).collect();
                lines.push(format!("  would be in conflict: {}", files.join(", ")));
            }
        }
        for row in &self.yours {
            let elsewhere =
                if self.main == row.root { String::new() } else { format!(" in {}", plain(&row.root)) };
            lines.push(format!("Yours too: {} ({}){elsewhere}", row.bookmark, status(row.status)));
        }
    }
}

fn tell_changes<'a>(sign: &str, changes: impl Iterator<Item = &'a Change>, lines: &mut Vec<String>) {
    let changes: Vec<&Change> = changes.collect();
    for change in changes.iter().take(SHOWN) {
        let subject = match change.subject() {
            "" if change.empty => "(empty)".into(),
            "" => "(no description)".into(),
            subject => plain(subject),
        };
        lines.push(format!("  {sign} {}  {subject}", change.id.short()));
    }
    if changes.len() > SHOWN {
        lines.push(format!("  {sign} {} more", changes.len() - SHOWN));
    }
}
