//! What is to be done for which component, and doing it: one pass over the history for all, then side by side.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;

use camino::Utf8PathBuf;

use super::super::Call;
use super::super::desk::Desk;
use super::SplitArgs;
use super::flows::Carried;
use super::ground::Ground;
use super::report::{Done, Line, Report};
use crate::error::{Failure, Kind, refuse};
use crate::failpoint;
use crate::git::{Objects, PackWriter, load_shallow, run_annotated_tags};
use crate::jj::{ChangeTable, Heads, Repo};
use crate::model::OpId;
use crate::output::{Progress, plain};
use crate::split::{
    Component, Found, History, MANIFEST, Manifest, Member, Names, Outcome, Plan, Source, State, Work, create,
    digest, names, object_id, path_of, plan, reverse_hex, update, without_removals, write,
};
use crate::survey::trunk_candidates;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Jobs {
    op: OpId,
    heads: Heads,
    all: Vec<Job>,
}

#[derive(Debug)]
struct Job {
    component: Component,
    root: Utf8PathBuf,
    file: Utf8PathBuf,
    state: State,
    is_new: bool,
}

/// Looks what there is to do; none where nothing has happened in the source since the last time.
pub(super) fn look(
    desk: &Desk,
    ground: &Ground,
    components: &[Component],
    manifest: &Manifest,
    op: &OpId,
    report: &mut Report,
) -> anyhow::Result<Option<Jobs>> {
    let members = manifest.members();
    let mut open = Vec::new();
    for component in components {
        let member = members.iter().find(|member| member.id == component.name);
        let root = ground.dir.join(member.map_or(&component.name, |member| &member.repo));
        let file = path_of(&ground.dir, &component.name);
        // A file that cannot be read is made anew: what it says comes out of the history again.
        let state = State::load_head(&file).ok().flatten().filter(|state| state.path == component.path);
        let is_there = root.join(".jj").exists();
        if root.symlink_metadata().is_ok() && !(is_there && (file.exists() || member.is_some())) {
            refuse!(InTheWay, "Could not split {}: something lies at {root} already", component.path);
        }
        let is_same = is_there
            && member.is_some()
            && state.as_ref().is_some_and(|state| state.before == component.before);
        open.push((component, root, file, state.filter(|_| is_same), is_there));
    }
    let is_level = |state: &Option<State>| state.as_ref().is_some_and(|state| state.operation == op.as_str());
    let heads = if open.iter().all(|(_, _, _, state, _)| is_level(state)) {
        None
    } else {
        Some(desk.session.jj.read_heads(op)?)
    };
    let now = heads.as_ref().map(digest);
    let mut all = Vec::new();
    for (component, root, file, state, is_there) in open {
        if let Some(state) = state.filter(|state| now.as_ref().is_none_or(|now| state.heads == *now)) {
            let mut line = Line::new(&component.name, &component.path, &root, Done::Unchanged);
            line.commits = state.kept;
            report.lines.push(line);
            continue;
        }
        let (component, is_new) = (component.clone(), !is_there);
        all.push(Job { component, root, file, state: State::default(), is_new });
    }
    Ok(heads.filter(|_| !all.is_empty()).map(|heads| Jobs { op: op.clone(), heads, all }))
}

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
                    let url = args.remote_template.as_ref();
                    let url = url.map(|url| url.replace("{component}", &job.component.name));
                    let (name, plan, names) = (job.component.name.clone(), &plans[at], &named[at]);
                    job.state.kept = plan.kept.len();
                    let root = job.root.clone();
                    let work = Work { name: &name, root: &root, plan, names, url: url.as_deref(), jj: &jj };
                    let start = Instant::now();
                    let made = make(args, &work, made_from, &mut job);
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
                    line.flows = carried
                        .record(call, desk, &made_from, &plans[at], &named[at], &job.root, &outcome)?;
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

fn make(args: &SplitArgs, work: &Work<'_>, source: &Source<'_>, job: &mut Job) -> anyhow::Result<Outcome> {
    if args.dry_run {
        let there = Repo::at(&job.root).and_then(|repo| repo.git_dir());
        let there = there.map(|git_dir| Objects::open(&git_dir)).transpose()?;
        let is_there = |id: &_| there.as_ref().is_some_and(|there| there.locate(id).is_some());
        let written =
            write(source, work.plan, work.name, &work.names.tags, PackWriter::to_nowhere(), &is_there)?;
        return Ok(Outcome { written, ..Outcome::default() });
    }
    if job.is_new {
        return create(work, source, &mut job.state, &job.file);
    }
    let outcome = update(work, source, &mut job.state)?;
    job.state.save(&job.file)?;
    Ok(outcome)
}

fn load_state(call: &Call, job: &Job) -> anyhow::Result<State> {
    let fresh = || State::new(&job.component.path, &job.component.before);
    if job.is_new {
        return Ok(fresh());
    }
    match State::load(&job.file) {
        Ok(Some(mut state)) => {
            state.before.clone_from(&job.component.before);
            Ok(state)
        }
        Ok(None) => Ok(fresh()),
        Err(error) => {
            let text = format!("Warning: {error:#}; what it said is made out anew from the history");
            call.out.note(&plain(&text))?;
            Ok(fresh())
        }
    }
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
