//! Doing what there is to do: one pass over the history for all components, then each made, side by side.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;

use super::super::Call;
use super::super::desk::Desk;
use super::SplitArgs;
use super::flows::Carried;
use super::ground::Ground;
use super::look::{Job, Jobs, load_state};
use super::report::{Done, Line, Report};
use crate::error::{Failure, Kind, refuse};
use crate::failpoint;
use crate::git::{Objects, PackWriter, load_shallow, run_annotated_tags};
use crate::jj::{ChangeTable, Jj, Repo};
use crate::model::OpId;
use crate::output::{Progress, plain};
use crate::split::{
    Component, Found, History, MANIFEST, Manifest, Member, Names, Outcome, Plan, Source, Work, create,
    digest, names, object_id, plan, reverse_hex, update, without_removals, write,
};
use crate::survey::trunk_candidates;

/// Reads the history and makes what is to be made. What cannot be split is refused before anything is written; what
/// goes wrong with one component is told of that one.
pub(super) fn run(
    args: &SplitArgs,
    call: &Call,
    desk: &mut Desk,
    ground: &Ground,
    mut jobs: Jobs,
    manifest: &mut Manifest,
    report: &mut Report,
) -> anyhow::Result<()> {
    for job in &mut jobs.all {
        job.state = load_state(call, job)?;
    }
    let source = desk.session.repo().clone();
    let git_dir = source
        .git_dir()
        .ok_or_else(|| Failure::new(Kind::Git, "Could not split this repo: it has no git repo beneath it"))?;
    let objects = Objects::open(&git_dir)?;
    let heads: Option<Vec<_>> = jobs.heads.commits.iter().map(object_id).collect();
    let Some(heads) = heads else {
        refuse!(Git, "Could not split this repo: its commits do not have SHA-1 ids");
    };
    let asked: HashSet<String> = jobs.all.iter().flat_map(|job| job.state.removed.clone()).collect();
    let reading = Progress::new(call.out, 0, "commits read");
    let history = History::load(&objects, &heads, &load_shallow(&git_dir)?, &asked, &mut |_| reading.grow());
    reading.finish();
    let history = history?;
    let components: Vec<Component> = jobs.all.iter().map(|job| job.component.clone()).collect();
    let mut found = history.find(&objects, &components)?;
    let trunks = trunk_candidates(&desk.session.config.trunk);
    let plans = make_plans(&objects, &history, &mut found, &jobs)?;
    let named: Vec<Names> = plans.iter().map(|plan| names(&jobs.heads, &trunks, &history, plan)).collect();
    let changes = Changes::load(desk, &source, &jobs)?;
    let change = |id: &_| changes.get(id);
    let annotated = if jobs.heads.tags.is_empty() { BTreeMap::new() } else { run_annotated_tags(&git_dir)? };
    let made_from = Source {
        objects: &objects,
        history: &history,
        found: &found,
        change: &change,
        annotated: &annotated,
        tags: &jobs.heads.tags,
    };
    let mut carried = if args.dry_run { None } else { Some(Carried::load(desk, &jobs.heads)?) };
    let now = digest(&jobs.heads);
    let (count, next) = (jobs.all.len(), AtomicUsize::new(0));
    let all: Vec<Mutex<Option<Job>>> = jobs.all.into_iter().map(|job| Mutex::new(Some(job))).collect();
    let mut members = BTreeMap::new();
    let progress = Progress::new(call.out, count, "components");
    let finished = std::thread::scope(|scope| -> anyhow::Result<()> {
        let (sender, receiver) = channel();
        let workers = std::thread::available_parallelism().map_or(1, Into::into).min(count);
        for _ in 0..workers {
            let (sender, next, all, plans, named) = (sender.clone(), &next, &all, &plans, &named);
            let (made_from, op, now) = (&made_from, &jobs.op, &now);
            let jj = desk.session.jj.in_repo(source.clone());
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = all.get(at) else { break };
                    let job = job.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                    let Some(mut job) = job else { break };
                    (job.state.operation, job.state.heads) = (op.to_string(), now.clone());
                    let start = Instant::now();
                    let made = make(args, &jj, made_from, &plans[at], &named[at], &mut job);
                    if sender.send((at, job, made, start.elapsed())).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (at, job, made, took) in receiver {
            progress.step();
            let mut line = Line::new(&job.component.name, &job.component.path, &job.root, Done::Failed);
            (line.took, line.commits) = (took, plans[at].kept.len());
            let made = made.and_then(|outcome| {
                line.take(&outcome, &named[at], args.dry_run, job.is_new);
                if let Some(carried) = &mut carried {
                    line.flows = carried.record(
                        desk,
                        &job.component.name,
                        &made_from,
                        &plans[at],
                        &named[at],
                        &job.root,
                        &outcome,
                    )?;
                    members.insert(at, member(ground, &job, &jobs.op, &history, &plans[at], &named[at]));
                }
                Ok(())
            });
            if let Err(error) = made {
                (line.done, line.failure) = (Done::Failed, Some(Failure::of(&error)));
            }
            for note in line.notes() {
                progress.note(&plain(&note))?;
            }
            report.lines.push(line);
        }
        Ok(())
    });
    progress.finish();
    failpoint::reach("split-recorded");
    if !args.dry_run {
        members.values().for_each(|member| manifest.put(member));
        manifest.save(&ground.dir.join(MANIFEST))?;
    }
    finished
}

/// Makes one component, brings it level, or tries how large it would be.
fn make(
    args: &SplitArgs,
    jj: &Jj,
    source: &Source<'_>,
    plan: &Plan,
    names: &Names,
    job: &mut Job,
) -> anyhow::Result<Outcome> {
    let Job { component, root, file, state, is_new } = job;
    state.kept = plan.kept.len();
    if args.dry_run {
        let there = Repo::at(root).and_then(|repo| repo.git_dir());
        let there = there.map(|git_dir| Objects::open(&git_dir)).transpose()?;
        let is_there = |id: &_| there.as_ref().is_some_and(|there| there.locate(id).is_some());
        let written = write(source, plan, &component.name, &names.tags, PackWriter::to_nowhere(), &is_there)?;
        return Ok(Outcome { written, ..Outcome::default() });
    }
    let url = args.remote_template.as_ref().map(|url| url.replace("{component}", &component.name));
    let work = Work { name: &component.name, root, plan, names, url: url.as_deref(), jj };
    if *is_new {
        return create(&work, source, state, file);
    }
    let outcome = update(&work, source, state)?;
    state.save(file)?;
    Ok(outcome)
}

/// The plan of each component; refuses what cannot be split.
fn make_plans(
    objects: &Objects,
    history: &History,
    found: &mut Found,
    jobs: &Jobs,
) -> anyhow::Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for (at, job) in jobs.all.iter().enumerate() {
        let path = &job.component.path;
        if let Some(commit) = found.conflicts[at].first() {
            let change = crate::split::change_of(objects, history, *commit, &|_| None)?;
            let others = found.conflicts[at].len() - 1;
            let more = if others > 0 { format!(" and {others} others") } else { String::new() };
            let failure = Failure::new(
                Kind::Conflicted,
                format!("Could not split {path}: the change {change}{more} has a conflict there"),
            );
            return Err(failure.hint(format!("jj log -r {change}")).into());
        }
        let removed: Vec<u32> = history.commits_of(&job.state.removed).collect();
        without_removals(history, &removed, &mut found.at[at]);
        let plan = plan(history, &found.at[at]);
        if plan.kept.is_empty() {
            refuse!(NotInHistory, "Could not split {path}: the history never had anything there");
        }
        plans.push(plan);
    }
    Ok(plans)
}

fn member(ground: &Ground, job: &Job, op: &OpId, history: &History, plan: &Plan, names: &Names) -> Member {
    let start = names.start.map(|at| history.ids[plan.kept[at as usize].source as usize].to_string());
    Member {
        id: job.component.name.clone(),
        path: job.component.path.clone(),
        before: job.component.before.clone(),
        repo: job.root.strip_prefix(&ground.dir).unwrap_or(&job.root).to_string(),
        commit: start.unwrap_or_default(),
        operation: op.to_string(),
    }
}

/// The change ids of commits that do not tell them.
enum Changes {
    Table(ChangeTable),
    Told(HashMap<crate::git::ObjectId, String>),
}

impl Changes {
    fn load(desk: &Desk, source: &Repo, jobs: &Jobs) -> anyhow::Result<Self> {
        if let Some(table) = ChangeTable::load(source) {
            return Ok(Self::Table(table));
        }
        let told = desk.session.jj.read_change_ids(&jobs.op, &jobs.heads.commits)?;
        Ok(Self::Told(told.into_iter().filter_map(|(id, change)| Some((object_id(&id)?, change))).collect()))
    }

    fn get(&self, id: &crate::git::ObjectId) -> Option<String> {
        match self {
            Self::Table(table) => Some(reverse_hex(table.get(id.as_slice())?.into_iter())),
            Self::Told(told) => told.get(id).cloned(),
        }
    }
}
