//! Where a flow's first change is made: in this workspace, or in one of its own.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::Call;
use super::desk::Desk;
use crate::error::{Failure, Kind};
use crate::event::Origin;
use crate::jj::{Jj, Workspace};
use crate::model::{BookmarkName, ChangeId};
use crate::name::FlowName;
use crate::output::plain;
use crate::text::quoted;
use crate::upkeep::{Leaving, remove_workspace};

/// What the verbs that make a flow have in common.
#[derive(Debug, Args)]
pub(super) struct Beginning {
    /// The description of the change
    #[arg(long, short)]
    pub(super) message: Option<String>,

    /// A new folder for the flow to be worked on in, as a jj workspace of its own
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    pub(super) workspace: Option<Utf8PathBuf>,
}

impl Beginning {
    /// What was typed, with the description that was given.
    fn said(&self, typed: &str) -> String {
        match &self.message {
            Some(message) => format!("{typed} --message {}", quoted(message)),
            None => typed.to_owned(),
        }
    }
}

/// Where a flow starts, what it is to land on, and how it came to be.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) revset: String,
    pub(super) parent: Option<BookmarkName>,
    pub(super) origin: Origin,
}

/// A flow that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) change: ChangeId,
    /// The root of its own workspace.
    pub(super) workspace: Option<Utf8PathBuf>,
}

impl Begun {
    /// ` in /home/ada/research`, where it has a workspace of its own.
    pub(super) fn place(&self) -> String {
        self.workspace.as_ref().map(|root| format!(" in {}", plain(root.as_str()))).unwrap_or_default()
    }
}

/// Makes a change on a revision, its row and its bookmark. `typed` is what was typed behind the verb, but for the
/// description and the workspace.
pub(super) fn begin(
    desk: &mut Desk,
    call: &Call,
    name: &FlowName,
    start: Start,
    how: &Beginning,
    typed: &str,
) -> anyhow::Result<Begun> {
    let Start { revset, parent, origin } = start;
    let message = how.message.as_deref();
    let Some(path) = &how.workspace else {
        let mut new = vec!["new".to_owned()];
        new.extend(message.map(|message| format!("--message={message}")));
        new.extend(["--".to_owned(), revset]);
        desk.session.jj.run(&new)?;
        return Ok(Begun { change: desk.make_flow(name, parent, origin, None)?, workspace: None });
    };
    let root = call.place.dir.join(path);
    if let Some(there) = left_by_a_kill(desk, name, &root)? {
        return make_flow_there(desk, name, parent, origin, &there);
    }
    require_empty(path, &root, &how.said(typed), origin)?;
    require_free_name(desk, name)?;
    let there = add(desk, name, &root, &revset, message)?;
    make_flow_there(desk, name, parent, origin, &there).map_err(|error| {
        let leaving = Leaving { name: name.to_string(), root: there.repo().root().to_owned() };
        match remove_workspace(&desk.session.jj, &leaving) {
            Ok(None) => error,
            Ok(Some(why)) => error.context(format!("{} stays, as {why}", leaving.root)),
            Err(left) => error.context(format!("Could not take {} away again: {left:#}", leaving.root)),
        }
    })
}

fn make_flow_there(
    desk: &mut Desk,
    name: &FlowName,
    parent: Option<BookmarkName>,
    origin: Origin,
    there: &Jj,
) -> anyhow::Result<Begun> {
    let change = desk.make_flow(name, parent, origin, Some(there))?;
    Ok(Begun { change, workspace: Some(there.repo().root().to_owned()) })
}

/// A workspace of this very name that a kill has left without its flow.
fn left_by_a_kill(desk: &Desk, name: &FlowName, root: &Utf8Path) -> anyhow::Result<Option<Jj>> {
    let there = root.canonicalize_utf8().ok().and_then(|root| desk.session.jj.at(&root));
    let Some(there) = there else { return Ok(None) };
    let known = there.read_workspaces(&there.require_head()?)?;
    let is_it = |known: &Workspace| known.name == name.as_str() && known.root == *there.repo().root();
    Ok(known.iter().any(is_it).then_some(there))
}

/// Refuses a folder with anything in it; the hint gives what was typed with another folder.
fn require_empty(path: &Utf8Path, root: &Utf8Path, typed: &str, origin: Origin) -> anyhow::Result<()> {
    let is_free = match root.read_dir_utf8() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => root.symlink_metadata().is_err(),
    };
    if is_free {
        return Ok(());
    }
    let is_there = |number: &u32| Utf8Path::new(&format!("{root}{number}")).symlink_metadata().is_ok();
    let free = (2..1000).find(|number| !is_there(number));
    let failure = Failure::new(Kind::PathTaken, format!("There is something in {path} already"));
    Err(match free {
        Some(number) => {
            let free = quoted(&format!("{path}{number}"));
            let hint = match origin {
                Origin::Sub => format!("jj flow sub {typed} --workspace {free}"),
                _ => format!("jj flow new {typed} --workspace {free}"),
            };
            failure.hint(hint).into()
        }
        None => failure.into(),
    })
}

/// Refuses where jj knows a workspace of the flow's name, wherever that is: what is in it is somebody's.
fn require_free_name(desk: &Desk, name: &FlowName) -> anyhow::Result<()> {
    let jj = &desk.session.jj;
    let known = jj.read_all_workspaces(&jj.require_head()?)?;
    match known.iter().find(|known| known.name == name.as_str()) {
        None => Ok(()),
        Some(known) => {
            let message = format!("There is a workspace {name} already, in {}", known.root);
            Err(Failure::new(Kind::PathTaken, message).hint("jj workspace list").into())
        }
    }
}

fn add(
    desk: &Desk,
    name: &FlowName,
    root: &Utf8Path,
    revset: &str,
    message: Option<&str>,
) -> anyhow::Result<Jj> {
    if let Some(folder) = root.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Kind::Io, format!("Could not make the folder {folder}: {error}"))
        })?;
    }
    let jj = &desk.session.jj;
    if let Err(error) = jj.add_workspace(name.as_str(), root, revset, message) {
        // jj leaves its own folder, and a name, where it could not make the change.
        jj.forget_workspace(name.as_str())?;
        clear(jj, root)?;
        return Err(error);
    }
    jj.at(&root.canonicalize_utf8()?).ok_or_else(|| {
        let message = format!("Could not find the workspace that jj has made in {root}");
        Failure::new(Kind::Jj, message).into()
    })
}

/// Removes what jj has made of a workspace of this repo, where that is all there is.
fn clear(jj: &Jj, root: &Utf8Path) -> anyhow::Result<()> {
    let Ok(root) = root.canonicalize_utf8() else { return Ok(()) };
    let names: Vec<_> = root.read_dir_utf8()?.collect::<Result<_, _>>()?;
    if jj.at(&root).is_some() && names.iter().all(|entry| entry.file_name() == ".jj") {
        std::fs::remove_dir_all(&root)?;
    }
    Ok(())
}
