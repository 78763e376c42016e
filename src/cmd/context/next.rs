//! The next command, from what there is: a pure choice.

use crate::cmd::waiting::{State, Waiting};
use crate::graph::Change;
use crate::jj;
use crate::landing::Packet;
use crate::model::{CommitId, Status};
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
    /// Whether `@` resolves it, and is not folded into the change yet.
    pub(super) is_resolved_here: bool,
    pub(super) subflows: Vec<&'a Standing>,
    /// What leads to the first of them that is still at work.
    pub(super) to_subflow: Option<String>,
    /// The flow's changes, newest first.
    pub(super) ahead: Vec<&'a Change>,
    /// The flow's tip, where `@` does not stand on it.
    pub(super) tip_elsewhere: Option<&'a Change>,
    /// Another flow of the caller's that is at work in this repo, and what leads to it.
    pub(super) yours: Option<(&'a FlowName, String)>,
    /// Whether the working copy, which is no flow's, has work in it.
    pub(super) is_begun: bool,
    /// Whether root flows stay where they are: `flow.trunk` is none.
    pub(super) lands_nowhere: bool,
    /// Why there is nothing to land on, and the command that mends it.
    pub(super) no_parent: Option<(String, String)>,
    /// An intent that no flow has yet.
    pub(super) free: String,
    /// The verification that the flow has not passed.
    pub(super) failure: Option<&'a VerificationRow>,
}

impl Next {
    fn run(command: impl Into<String>, why: impl Into<String>) -> Self {
        Self { command: Some(command.into()), why: why.into() }
    }
}

pub(super) fn next(now: &Situation<'_>) -> Next {
    let (name, status) = match (now.flow, &now.yours) {
        (Some(flow), _) if !now.is_foreign => flow,
        (Some(_), None) => {
            let why = "@ stands on a flow of somebody else's; say in your own words what yours is for";
            return Next::run(format!("jj flow new {free} --workspace ../{free}", free = now.free), why);
        }
        (Some(_), Some(yours)) => return go_on(yours, "@ stands on a flow of somebody else's"),
        (None, Some(yours)) if !now.is_begun => return go_on(yours, "@ stands on no flow"),
        (None, _) if now.is_begun => {
            let why = "@ has work and stands on no flow; say in your own words what for";
            return Next::run(format!("jj flow new --here {}", now.free), why);
        }
        (None, _) => {
            let why = "@ stands on no flow; say in your own words what for";
            return Next::run(format!("jj flow new {}", now.free), why);
        }
    };
    match now.waiting.map(|waiting| &waiting.state) {
        Some(State::Conflicted(packet)) if now.is_resolved_here => return fold(packet),
        Some(State::Conflicted(packet)) => return resolve(packet),
        Some(State::Blocked(failure)) => {
            let why = failure.message.rsplit_once(": ").map_or(failure.message.as_str(), |(_, why)| why);
            let why = format!("it is in conflict, and more is in its way: {why}");
            return Next { command: failure.hint.clone(), why };
        }
        Some(State::Resolved) => {
            return Next::run(format!("jj flow resume {name}"), "its conflict is resolved");
        }
        None => {}
    }
    if let Some(tip) = now.tip_elsewhere {
        let why = "@ does not stand on the flow's newest work";
        return Next::run(new_on(&tip.commit), why);
    }
    let at_work = now.subflows.iter().find(|sub| sub.status != Status::Success);
    if let (Some(sub), Some(command)) = (at_work, &now.to_subflow) {
        return Next::run(command, format!("its sub-flow {} is to be landed first", sub.name));
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
        _ if status == Status::Failed && now.failure.is_none() => {
            Next::run(format!("jj flow reopen {name}"), "it was given up; this takes it up again")
        }
        None => Next { command: None, why: "there is no work in it yet: edit the files".to_owned() },
        Some(_) if now.failure.is_some() => Next::run(
            format!("jj flow done {name}"),
            "the verification has not passed: mend what it says, commit, and land again",
        ),
        Some(_) if now.lands_nowhere && status == Status::Success => {
            Next { command: None, why: "it is at success, and lands on nothing here".to_owned() }
        }
        Some(_) => match &now.no_parent {
            Some((why, command)) => Next::run(command, why),
            None => Next::run(format!("jj flow done {name}"), "when it is finished"),
        },
    }
}

fn go_on((name, command): &(&FlowName, String), why: &str) -> Next {
    Next::run(command, format!("{why}; this goes on with {name}"))
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

/// A new change on a commit.
pub(super) fn new_on(tip: &CommitId) -> String {
    format!("jj new {}", quoted(&jj::commit(tip)))
}

fn resolve(packet: &Packet) -> Next {
    let commands = &packet.commands;
    let then = commands.once_there();
    let why = format!("it is in conflict: edit the files, then {}, then {}", then.finish, then.resume);
    Next::run(commands.resolve.clone(), why)
}

fn fold(packet: &Packet) -> Next {
    let resume = packet.commands.once_there().resume;
    Next::run(
        packet.commands.finish.clone(),
        format!("@ resolves the conflict: this folds it into the change, then {resume}"),
    )
}
