//! The workspaces that flows had to themselves: once a flow has landed, its own goes, with its folder.
//!
//! A workspace is a flow's own where it has the flow's name. It stays where anything is in it that has not landed, and
//! where somebody stands in it. While it is looked at, its folder has another name: whoever still works there by its
//! path meets a folder that is not there, rather than losing what they write.

use camino::{Utf8Path, Utf8PathBuf};

use super::Ground;
use crate::jj::{Jj, Workspace};
use crate::model::Status;
use crate::survey::Survey;

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

/// The workspaces of flows that have landed. `standing` is where the caller's shell stands.
pub(crate) fn plan_workspaces(
    survey: &Survey,
    known: &[Workspace],
    main: &Utf8Path,
    standing: &Utf8Path,
) -> (Vec<Leaving>, Vec<Staying>) {
    let merged = |name: &str| {
        survey.flows.iter().any(|flow| flow.name.as_str() == name && flow.status == Status::Merged)
    };
    let (mut leaving, mut staying) = (Vec::new(), Vec::new());
    for Workspace { name, root } in known.iter().filter(|known| merged(&known.name)) {
        let (name, root) = (name.clone(), root.clone());
        let change = survey.graph.changes().iter().find(|change| change.workspaces.contains(&name));
        let why = if standing.starts_with(&root) {
            Some("you stand in it")
        } else if main.starts_with(&root) {
            Some("the repo itself lies in it")
        } else if change.is_none_or(|change| change.has_work() || !change.bookmarks.is_empty()) {
            Some("there is work in it")
        } else {
            None
        };
        match why {
            Some(why) => staying.push(Staying { name, root, why: why.to_owned() }),
            None => leaving.push(Leaving { name, root }),
        }
    }
    (leaving, staying)
}

/// Gives folders their names back that a kill has left with the other one.
pub(crate) fn put_back(known: &[Workspace]) -> std::io::Result<()> {
    let is_away = |root: &Utf8Path| !root.exists() && aside(root).exists();
    let mut away = known.iter().filter(|known| is_away(&known.root));
    away.try_for_each(|known| std::fs::rename(aside(&known.root), &known.root))
}

/// Removes a workspace with its folder, unless something turns out to be in it: the reason then.
pub(crate) fn remove_workspace(jj: &Jj, leaving: &Leaving) -> anyhow::Result<Option<String>> {
    let Leaving { name, root } = leaving;
    let aside = aside(root);
    match super::look(root) {
        Ground::There => {}
        Ground::Gone => return jj.forget_workspace(name).map(|()| None),
        Ground::Doubtful(why) => return Ok(Some(why)),
    }
    std::fs::rename(root, &aside)?;
    let kept = match look(jj, &aside) {
        Ok(None) => {
            jj.forget_workspace(name)?;
            std::fs::remove_dir_all(&aside)?;
            return Ok(None);
        }
        kept => kept,
    };
    std::fs::rename(&aside, root)?;
    kept
}

/// What speaks against removing the workspace in this folder.
fn look(jj: &Jj, folder: &Utf8Path) -> anyhow::Result<Option<String>> {
    let Some(there) = jj.at(folder) else {
        return Ok(Some("what lies there is no workspace of this repo".to_owned()));
    };
    let left_out = there.snapshot()?;
    if let Some(file) = left_out.first() {
        return Ok(Some(format!("a file in it is too large for jj: {file}")));
    }
    let graph = there.read_at(&there.require_head()?, "@")?;
    let has_work = graph.changes().iter().any(|change| change.has_work());
    Ok(has_work.then(|| "there is work in it".to_owned()))
}

/// What a workspace's folder is called while it is looked at.
fn aside(root: &Utf8Path) -> Utf8PathBuf {
    let name = root.file_name().unwrap_or("workspace");
    root.with_file_name(format!(".{name}.jj-flow-gc"))
}
