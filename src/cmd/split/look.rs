//! What there is to do for which component.

use camino::Utf8PathBuf;

use super::super::Call;
use super::ground::Ground;
use super::report::{Done, Line, Report};
use crate::error::refuse;
use crate::jj::Heads;
use crate::model::OpId;
use crate::output::plain;
use crate::session::Session;
use crate::split::{Component, Manifest, State, digest, path_of};

/// What is to be done.
#[derive(Debug)]
pub(super) struct Jobs {
    pub(super) op: OpId,
    pub(super) heads: Heads,
    pub(super) all: Vec<Job>,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) component: Component,
    pub(super) root: Utf8PathBuf,
    pub(super) file: Utf8PathBuf,
    pub(super) state: State,
    pub(super) is_new: bool,
}

/// Looks what there is to do; none where nothing has happened in the source since the last time.
pub(super) fn look(
    session: &Session,
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
            refuse!(PathTaken, "Could not split {}: something lies at {root} already", component.path);
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
        Some(session.jj.read_heads(op)?)
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

/// What the last run left for a component; where that cannot be read, it comes out of the history again.
pub(super) fn load_state(call: &Call, job: &Job) -> anyhow::Result<State> {
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
