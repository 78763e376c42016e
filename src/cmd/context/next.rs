//! The next command, from what there is: a pure choice.

use crate::cmd::conflicts::Waiting;
use crate::graph::Change;
use crate::jj;
use crate::landing::Packet;
use crate::model::{CommitId, Flow, Status};
use crate::name::FlowName;
use crate::registry::VerificationRow;
use crate::survey::Standing;
use crate::text::quoted;

/// What to do next. The command runs as it stands; none where it is edits that come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) command: Option<String>,
    pub(super) why: String,
}

/// What decides.
pub(super) struct Situation<'a> {
    pub(super) flow: Option<(&'a FlowName, Status)>,
    /// Whether it is of another uid than the caller's.
    pub(super) is_foreign: bool,
    /// The flow's own conflict.
    pub(super) waiting: Option<&'a Waiting>,
    pub(super) subflows: Vec<&'a Standing>,
    /// The flow's changes, newest first.
    pub(super) ahead: Vec<&'a Change>,
    /// The flow's tip, where `@` does not stand on it.
    pub(super) tip_elsewhere: Option<&'a Change>,
    /// Another flow of the caller's in this repo.
    pub(super) yours: Option<&'a Flow>,
    /// The verification that the flow has not passed.
    pub(super) failure: Option<&'a VerificationRow>,
}

impl Next {
    fn run(command: impl Into<String>, why: impl Into<String>) -> Self {
        Self { command: Some(command.into()), why: why.into() }
    }
}

pub(super) fn next(now: &Situation<'_>) -> Next {
    let go_on = |row: &Flow, why: &str| {
        Next::run(new_on(&row.tip.commit), format!("{why}; this goes on with {}", row.bookmark))
    };
    let (name, status) = match (now.flow, now.yours) {
        (Some(_), Some(row)) if now.is_foreign => return go_on(row, "@ stands on a flow of somebody else's"),
        (Some(flow), _) => flow,
        (None, Some(row)) => return go_on(row, "@ stands on no flow"),
        (None, None) => {
            return Next::run("jj flow new research", "@ stands on no flow; say in your own words what for");
        }
    };
    match now.waiting {
        Some(Waiting { packet: Some(packet), .. }) => return resolve(packet),
        Some(Waiting { packet: None, .. }) => {
            return Next::run(format!("jj flow resume {name}"), "its conflict is resolved");
        }
        None => {}
    }
    if let Some(tip) = now.tip_elsewhere {
        let why = "@ does not stand on the flow's newest work";
        return Next::run(new_on(&tip.commit), why);
    }
    if let Some(sub) = now.subflows.iter().find(|sub| sub.status != Status::Success) {
        return Next::run(
            format!("jj new {}", sub.name),
            format!("its sub-flow {} is to be landed first", sub.name),
        );
    }
    if !now.subflows.is_empty() {
        return Next::run(format!("jj flow done {name} --cascade"), "its sub-flows are at success");
    }
    let mut work = now.ahead.iter().filter(|change| change.has_work());
    let is_ours = |change: &&&Change| change.description.is_empty() && !change.is_in_other_hands();
    if let Some(change) = work.clone().find(is_ours) {
        return describe(change);
    }
    match work.next() {
        None => Next { command: None, why: "there is no work in it yet: edit the files".to_owned() },
        Some(_) if now.failure.is_some() => Next::run(
            format!("jj flow done {name}"),
            "the verification has not passed: mend what it says, commit, and land again",
        ),
        Some(_) if status == Status::Failed => {
            Next::run(format!("jj flow reopen {name}"), "it was given up; this takes it up again")
        }
        Some(_) => Next::run(format!("jj flow done {name}"), "when it is finished"),
    }
}

/// What is at hand is committed; nothing more is to come into any other change.
fn describe(change: &Change) -> Next {
    if change.here {
        return Next::run(
            "jj commit -m 'What it does'",
            "the newest work has no description: say what it does",
        );
    }
    let id = change.id.short();
    Next::run(
        format!("jj describe {id} -m 'What it does'"),
        format!("its change {id} has no description: say what it does"),
    )
}

fn new_on(tip: &CommitId) -> String {
    format!("jj new {}", quoted(&jj::commit(tip)))
}

fn resolve(packet: &Packet) -> Next {
    let commands = &packet.commands;
    let why =
        format!("it is in conflict: edit the files, then {}, then {}", commands.finish, commands.resume);
    Next::run(commands.resolve.clone(), why)
}
