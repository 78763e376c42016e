//! The workspaces that flows had to themselves: once a flow has landed, its own goes, with its folder.
//!
//! A workspace is a flow's own where it has the flow's name. It stays where anything in it has not landed, be it of
//! another flow, where another repo or workspace lies in it, and where somebody stands in it. While it is looked at, its
//! folder has another name: whoever works there by its path meets a folder that is not there, rather than losing what
//! they write. One process at a time does this in a repo; a kill leaves what the next one takes up.

use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;

use super::Ground;
use crate::graph::Change;
use crate::jj::{Jj, Repo, Workspace};
use crate::model::Status;
use crate::survey::{Standing, Survey};

/// A workspace that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) name: String,
    pub(crate) root: Utf8PathBuf,
}

/// One that stays, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Staying {
    pub(crate) name: String,
    pub(crate) root: Utf8PathBuf,
    pub(crate) why: String,
}

/// The workspaces of flows that have landed. Nobody's folder goes whom `standing` names, nor one that holds the repo.
pub(crate) fn plan_workspaces(
    survey: &Survey,
    known: &[Workspace],
    main: &Utf8Path,
    standing: &[Utf8PathBuf],
) -> (Vec<Leaving>, Vec<Staying>) {
    let (mut leaving, mut staying) = (Vec::new(), Vec::new());
    for Workspace { name, root } in known {
        let flow = survey.flows.iter().find(|flow| flow.name.as_str() == name);
        let Some(flow) = flow.filter(|flow| flow.status == Status::Merged) else { continue };
        let change = survey.graph.changes().iter().find(|change| change.workspaces.contains(name));
        let other = known.iter().find(|other| other.name != *name && other.root.starts_with(root));
        let why = if standing.iter().any(|dir| dir.starts_with(root)) {
            Some("you stand in it".to_owned())
        } else if main.starts_with(root) {
            Some("the repo itself lies in it".to_owned())
        } else if let Some(other) = other {
            Some(format!("the workspace {} lies in it", other.name))
        } else if change.is_none_or(|change| has_unlanded(survey, flow, change)) {
            Some(WORK.to_owned())
        } else {
            None
        };
        let (name, root) = (name.clone(), root.clone());
        match why {
            Some(why) => staying.push(Staying { name, root, why }),
            None => leaving.push(Leaving { name, root }),
        }
    }
    (leaving, staying)
}

const WORK: &str = "there is work in it that has not landed";

/// Whether a workspace's `@`, or anything beneath it, has not come into what its flow has landed on.
fn has_unlanded(survey: &Survey, flow: &Standing, change: &Change) -> bool {
    let parent = survey.landing_parent(flow).and_then(|parent| survey.graph.bookmark(&parent).single());
    change.has_work()
        || !change.bookmarks.is_empty()
        || survey.over(parent, change).iter().any(|change| change.has_work())
}

/// Gives folders their names back that a kill has left with the other one.
pub(crate) fn put_back(known: &[Workspace]) -> std::io::Result<()> {
    let is_away = |root: &Utf8Path| !root.exists() && aside(root, LOOKED_AT).exists();
    let mut away = known.iter().filter(|known| is_away(&known.root));
    away.try_for_each(|known| std::fs::rename(aside(&known.root, LOOKED_AT), &known.root))
}

/// Removes a workspace with its folder, unless something turns out to be in it: the reason then.
pub(crate) fn remove_workspace(jj: &Jj, leaving: &Leaving) -> anyhow::Result<Option<String>> {
    let Leaving { name, root } = leaving;
    let (looked_at, going) = (aside(root, LOOKED_AT), aside(root, GOING));
    // What a kill left of a folder that was to go.
    if going.exists() {
        std::fs::remove_dir_all(&going)?;
    }
    match super::look(root) {
        Ground::There if looked_at.exists() => return Ok(Some(format!("{looked_at} is in the way"))),
        Ground::There => {}
        Ground::Gone => return jj.forget_workspace(name).map(|()| None),
        Ground::Doubtful(why) => return Ok(Some(why)),
    }
    std::fs::rename(root, &looked_at)?;
    let kept = look(jj, &looked_at);
    if !matches!(kept, Ok(None)) {
        std::fs::rename(&looked_at, root)?;
        return kept;
    }
    std::fs::rename(&looked_at, &going)?;
    std::fs::remove_dir_all(&going)?;
    jj.forget_workspace(name)?;
    Ok(None)
}

/// What speaks against removing the workspace in this folder.
fn look(jj: &Jj, folder: &Utf8Path) -> anyhow::Result<Option<String>> {
    let Some(there) = jj.at(folder) else {
        return Ok(Some("what lies there is no workspace of this repo".to_owned()));
    };
    if let Some(inside) = nested(folder) {
        return Ok(Some(format!("another repo lies in it: {inside}")));
    }
    let left_out = there.snapshot()?;
    if let Some(file) = left_out.first() {
        return Ok(Some(format!("a file in it is too large for jj: {file}")));
    }
    let graph = there.read_at(&there.require_head()?, "@")?;
    let has_work = graph.changes().iter().any(Change::has_work);
    Ok(has_work.then(|| WORK.to_owned()))
}

/// A folder of another repo or workspace: what is in it is none of what jj has snapshotted here.
fn nested(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let own = Repo::at(folder).map(|repo| repo.root().join(".jj"));
    let walk = WalkBuilder::new(folder).standard_filters(false).follow_links(false).build();
    let paths = walk.flatten().filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok());
    let mut marks = paths.filter(|path| matches!(path.file_name(), Some(".jj" | ".git")));
    let foreign = marks.find(|mark| own.as_ref().is_none_or(|own| !mark.starts_with(own)))?;
    Some(foreign.strip_prefix(folder).ok()?.parent()?.to_owned())
}

/// What a workspace's folder is called while it is looked at, and while it is removed.
const LOOKED_AT: &str = "jj-flow-gc";
const GOING: &str = "jj-flow-going";

fn aside(root: &Utf8Path, what: &str) -> Utf8PathBuf {
    let name = root.file_name().unwrap_or("workspace");
    root.with_file_name(format!(".{name}.{what}"))
}
