//! The upkeep of one repo.

use jiff::Timestamp;

use super::GcArgs;
use super::report::{Done, Report};
use crate::cmd::Call;
use crate::cmd::desk::Desk;
use crate::env;
use crate::error::{Failure, Kind};
use crate::name::FlowName;
use crate::upkeep::{
    MergedPlan, Staying, delete, freed_by, load_beneath, parents_asked, plan_merged, plan_workspaces,
    put_back, remove_moves, remove_workspace,
};

/// How often it is planned anew where others are quicker.
const ATTEMPTS: usize = 5;

/// Plans, and does what was planned. An error where the repo cannot be worked in at all.
pub(super) fn run(call: &mut Call, args: &GcArgs, report: &mut Report) -> anyhow::Result<()> {
    let mut desk = Desk::open_quietly(call)?;
    let (now, config) = (desk.session.now, &desk.session.config);
    let until = config.keep_events.until(now);
    let merged_until = config.keep_merged.until(now);
    let root = desk.session.repo().main_root().to_owned();
    let moves = match until {
        Some(until) => desk.ledger.registry.superseded_moves(&desk.ledger.repo, until)?,
        None => Vec::new(),
    };
    report.freed += freed_by(moves.len(), moves.iter().map(|superseded| superseded.bytes).sum());
    let size = desk.ledger.journal.size();
    let mut done = Done::new(desk.ledger.repo.clone(), root.clone(), size);
    let workspaces = workspaces(&mut desk, call, args, &mut done);
    let bookmarks = match merged_until {
        Some(until) => bookmarks(&mut desk, args, until, &mut done),
        None => Ok(()),
    };
    let events = match until {
        Some(_) if args.dry_run => {
            done.events = moves.len();
            Ok(())
        }
        Some(until) if !moves.is_empty() => remove_moves(&mut desk.ledger, &moves, until).map(|removed| {
            (done.events, done.before, done.after) = (removed.events, removed.before, removed.after);
        }),
        _ => Ok(()),
    };
    report.done.push(done);
    for result in [workspaces, bookmarks, events] {
        if let Err(error) = result {
            report.fail(call, root.as_str(), &error)?;
        }
    }
    Ok(())
}

/// Removes the workspaces that flows had to themselves and that have landed, or says which would go.
fn workspaces(desk: &mut Desk, call: &Call, args: &GcArgs, done: &mut Done) -> anyhow::Result<()> {
    let load = |desk: &Desk| desk.session.jj.read_all_workspaces(&desk.session.jj.require_head()?);
    let mut known = load(desk)?;
    if known.iter().all(|known| FlowName::parse(&known.name).is_err()) {
        return Ok(());
    }
    let survey = if args.dry_run {
        desk.session.survey_quietly(Some(&desk.ledger.registry), &[])?
    } else {
        // Two at once would take folders from under one another.
        desk.ledger.begin_making()?;
        known = load(desk)?;
        put_back(&known)?;
        desk.survey(&[])?
    };
    let main = desk.session.repo().main_root();
    let standing: Vec<_> = std::iter::once(call.place.dir.clone()).chain(env::current_dir().ok()).collect();
    let (leaving, staying) = plan_workspaces(&survey, &known, main, &standing);
    done.staying = staying;
    for leaving in leaving {
        let removed = if args.dry_run { Ok(None) } else { remove_workspace(&desk.session.jj, &leaving) };
        // One that cannot be removed keeps no other from it.
        match removed.unwrap_or_else(|error| Some(Failure::of(&error).message)) {
            None => done.leaving.push(leaving),
            Some(why) => done.staying.push(Staying { name: leaving.name, root: leaving.root, why }),
        }
    }
    Ok(())
}

/// Deletes the bookmarks of flows that landed until then, or says which would go.
fn bookmarks(desk: &mut Desk, args: &GcArgs, until: Timestamp, done: &mut Done) -> anyhow::Result<()> {
    for attempt in 1.. {
        let plan = plan(desk, args, until)?;
        done.stays.clone_from(&plan.stays);
        if args.dry_run {
            done.going = plan.going;
            return Ok(());
        }
        let (jj, now) = (&desk.session.jj, desk.session.now);
        match delete(jj, &mut desk.ledger, &plan, now) {
            Err(error) if attempt < ATTEMPTS && Failure::of(&error).kind == Kind::Raced => {}
            Err(error) => return Err(error),
            Ok(deleted) => {
                done.operation = deleted;
                done.going = plan.going;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Looks at the repo only where the registry has a flow that is old enough.
fn plan(desk: &mut Desk, args: &GcArgs, until: Timestamp) -> anyhow::Result<MergedPlan> {
    let landed = desk.ledger.registry.landed_flows(&desk.ledger.repo)?;
    if !landed.values().any(|(at, _)| *at <= until) {
        return Ok(MergedPlan::default());
    }
    let mut also: Vec<_> = landed.values().map(|(_, parent)| parent.clone()).collect();
    also.sort();
    also.dedup();
    let survey = match args.dry_run {
        true => desk.session.survey_quietly(Some(&desk.ledger.registry), &also)?,
        false => desk.survey(&also)?,
    };
    let asked = parents_asked(&survey, &landed, until);
    let beneath = load_beneath(&desk.session.jj, &survey.graph.op, asked)?;
    Ok(plan_merged(&survey, &landed, until, &beneath))
}
