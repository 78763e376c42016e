//! What the verbs that land have in common: who is told what on the way, and how the outcome is said.

use anstream::adapter::strip_str;
use serde_json::{Value, json};

use super::desk::Desk;
use super::target::find_flow;
use crate::config::Config;
use crate::error::{Failure, Kind, refuse};
use crate::landing::{Goal, Landed, News, Plan, Request, Strip, count, land, land_and_push, plan};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, Status};
use crate::name::FlowName;
use crate::output::{Out, plain};
use crate::survey::Survey;
use crate::text::quoted;

/// How a flow is to land.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) goal: Goal,
    pub(super) into: Option<BookmarkName>,
    pub(super) message: Option<String>,
    /// The parent to push, and the remote to push it to.
    pub(super) push: Option<(BookmarkName, String)>,
}

impl Order {
    pub(super) fn of(goal: Goal) -> Self {
        Self { goal, into: None, message: None, push: None }
    }

    /// The plan for a flow as a survey shows it.
    pub(super) fn plan(&self, config: &Config, survey: &Survey, name: &FlowName) -> anyhow::Result<Plan> {
        let request = Request {
            flow: find_flow(survey, Some(name.as_str()))?,
            goal: self.goal,
            into: self.into.clone(),
            message: self.message.clone(),
            push: self.push.is_some(),
            guard: config.guard,
        };
        plan(survey, &request)
    }

    /// The bookmarks beside those of flows that a survey has to show.
    pub(super) fn also(&self) -> Vec<BookmarkName> {
        self.into.iter().cloned().collect()
    }
}

/// Lands a flow. The first plan is made of what has just been read, where it has.
pub(super) fn land_flow(
    desk: &mut Desk,
    out: Out,
    name: &FlowName,
    order: &Order,
    first: Option<Survey>,
) -> anyhow::Result<Landed> {
    let also = order.also();
    let Desk { session, ledger, .. } = desk;
    let mut first = first;
    let make = |ledger: &Ledger| {
        let survey = first.take().map_or_else(|| session.survey(Some(&ledger.registry), &also), Ok)?;
        order.plan(&session.config, &survey, name)
    };
    let mut tell = |news: News<'_>| tell(out, &news);
    let mut strip = Strip { jj: &session.jj, ledger, config: &session.config, tell: &mut tell };
    let landed = match &order.push {
        Some((parent, remote)) => land_and_push(&mut strip, name, parent, remote, make)?,
        None => land(&mut strip, make)?.landed,
    };
    for note in &landed.notes {
        out.note(&format!("Warning: {}.", plain(note)))?;
    }
    for error in &landed.unfinished {
        let done = if order.goal == Goal::Land { "has landed" } else { "is restacked" };
        out.note(&plain(&format!("Warning: {name} {done}, but: {error:#}")))?;
    }
    Ok(landed)
}

/// Tells a person what goes on.
pub(super) fn tell(out: Out, news: &News<'_>) -> anyhow::Result<()> {
    let text = match news {
        News::Waiting { parent, holder } => {
            let holder = holder.as_ref().map(|holder| format!(" ({holder})")).unwrap_or_default();
            format!("Waiting for another landing on {parent}{holder}.")
        }
        News::Hook { name, command } => format!("Running flow.hooks.{name}: {command}"),
        News::Note(text) => text.clone(),
        News::Output(bytes) => {
            let text = String::from_utf8_lossy(bytes)
                .replace("\r\n", "\n")
                .replace('\r', "\n")
                .replace('\t', "    ");
            let text = strip_str(&text).to_string();
            return Ok(out.note(&plain(text.trim_end_matches('\n')))?);
        }
    };
    Ok(out.note(&plain(&text))?)
}

/// A conflict that is handed over is told on stdout as well: as text here, as JSON it is in the error.
pub(super) fn hand_over<T>(out: Out, done: anyhow::Result<T>) -> anyhow::Result<T> {
    let Err(error) = done else { return done };
    let failure = Failure::of(&error);
    if let (Kind::Conflict, Some(text)) = (failure.kind, failure.text) {
        out.text_only(&plain(&text))?;
    }
    Err(error)
}

/// The remote that a parent is pushed to: of those that it follows, else of all, the only one, else the one that jj's
/// `git.push` names, else `origin`.
pub(super) fn find_remote(desk: &Desk, survey: &Survey, parent: &BookmarkName) -> anyhow::Result<String> {
    let remotes = || survey.graph.changes().iter().flat_map(|change| &change.remotes);
    let followed = remotes().filter(|remote| remote.tracked && remote.name == *parent);
    let mut names: Vec<String> = followed.map(|remote| remote.remote.clone()).collect();
    let is_followed = !names.is_empty();
    if !is_followed {
        let list = desk.session.jj.run(&["--ignore-working-copy", "git", "remote", "list"])?;
        names.extend(list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned));
    }
    match names.as_slice() {
        [only] => return Ok(only.clone()),
        [] => refuse!(NoRemote, "Could not push {parent}: this repo has no remote"),
        _ => {}
    }
    let preferred = [run_push_setting(desk)?, Some("origin".to_owned())];
    if let Some(preferred) = preferred.into_iter().flatten().find(|name| names.contains(name)) {
        return Ok(preferred);
    }
    let several = names.join(", ");
    if is_followed {
        let message = format!("Could not tell where to push {parent}: it follows {several}");
        let hint = format!("jj config set --repo git.push {}", quoted(&names[0]));
        return Err(Failure::new(Kind::NoRemote, message).hint(hint).into());
    }
    let message = format!("Could not tell where to push {parent}: it follows none of {several}");
    let hint = match remotes().find(|remote| remote.name == *parent) {
        Some(has_it) => {
            let (parent, remote) = (quoted(parent.as_str()), quoted(&has_it.remote));
            format!("jj bookmark track {parent} --remote {remote}")
        }
        None => "jj git remote list".to_owned(),
    };
    Err(Failure::new(Kind::NoRemote, message).hint(hint).into())
}

/// The remote that jj itself pushes to where nobody says; none where that is not set.
fn run_push_setting(desk: &Desk) -> anyhow::Result<Option<String>> {
    let list = ["--ignore-working-copy", "config", "list", "git.push", r#"--template=json(value) ++ "\n""#];
    let text = desk.session.jj.run(&list)?;
    Ok(text.lines().last().and_then(|line| serde_json::from_str(line).ok()))
}

/// `Landed a8f2--research on main: 2 changes, rebased, verified.`
pub(super) fn landed_text(landed: &Landed, order: &Order) -> String {
    let plan = &landed.plan;
    let (flow, parent) = (&plan.flow, plain(plan.parent.as_str()));
    let changes = count(plan.changes.len(), "change");
    if order.goal == Goal::Restack {
        return if plan.rewrites() {
            format!("Restacked {flow} on {parent}: {changes}.{}", carried(plan))
        } else {
            format!("{flow} is on top of {parent} already.")
        };
    }
    let how = if plan.rebase { "rebased" } else { "fast-forward" };
    let verified = if landed.proof.is_some() { ", verified" } else { "" };
    let pushed =
        order.push.as_ref().map(|(_, remote)| format!(", pushed to {}", plain(remote))).unwrap_or_default();
    format!("Landed {flow} on {parent}: {changes}, {how}{verified}{pushed}.{}", carried(plan))
}

/// What was carried along, so that nobody wonders who moved it.
fn carried(plan: &Plan) -> String {
    let flows = plan.carried_flows.iter().map(ToString::to_string);
    let workspaces = plan.carried.others.iter().map(|name| format!("workspace {}", plain(name)));
    let all: Vec<String> = flows.chain(workspaces).collect();
    if all.is_empty() { String::new() } else { format!(" Carried along: {}.", all.join(", ")) }
}

pub(super) fn landed_json(landed: &Landed, order: &Order) -> Value {
    let plan = &landed.plan;
    json!({
        "flow": plan.flow,
        "status": if order.goal == Goal::Land { Status::Merged } else { plan.status },
        "parent": plan.parent,
        "changes": plan.changes.iter().map(|change| &change.change).collect::<Vec<_>>(),
        "rebased": plan.rebase,
        "tip": landed.tip,
        "operation": landed.operation,
        "verification": landed.proof,
        "pushed": order.push.as_ref().map(|(_, remote)| remote),
        "carried": {"flows": plan.carried_flows, "workspaces": plan.carried.others},
        "notes": landed.notes,
    })
}
