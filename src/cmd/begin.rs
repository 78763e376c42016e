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

/// A flow that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) change: ChangeId,
    /// The root of its own workspace.
    pub(super) workspace: Option<Utf8PathBuf>,
}

impl Begun {
    /// ` in ../research`, where it has a workspace of its own.
    pub(super) fn place(&self) -> String {
        self.workspace.as_ref().map(|root| format!(" in {}", plain(root.as_str()))).unwrap_or_default()
    }
}

/// Makes a change on a revision, its row and its bookmark. A workspace that fails on the way is taken away again.
pub(super) fn begin(
    desk: &mut Desk,
    call: &Call,
    name: &FlowName,
    revset: String,
    parent: Option<BookmarkName>,
    how: (Origin, &Beginning),
) -> anyhow::Result<Begun> {
    let (origin, how) = how;
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
    require_empty(name, path, &root)?;
    let made = add(desk, name, &root, &revset, message)
        .and_then(|there| make_flow_there(desk, name, parent, origin, &there));
    // jj leaves a folder behind where it could not make the change.
    made.map_err(|error| match take_away(desk, name, &root) {
        Ok(()) => error,
        Err(left) => error.context(format!("Could not take {root} away again: {left:#}")),
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

/// Refuses a folder with anything in it; `path` is the one that was typed.
fn require_empty(name: &FlowName, path: &Utf8Path, root: &Utf8Path) -> anyhow::Result<()> {
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
            failure.hint(format!("jj flow new {name} --workspace {free}")).into()
        }
        None => failure.into(),
    })
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
    desk.session.jj.add_workspace(name.as_str(), root, revset, message)?;
    let made = root.canonicalize_utf8()?;
    let there = desk.session.jj.at(&made);
    there.ok_or_else(|| {
        Failure::new(Kind::Jj, format!("Could not find the workspace that jj has made in {root}")).into()
    })
}

fn take_away(desk: &Desk, name: &FlowName, root: &Utf8Path) -> anyhow::Result<()> {
    desk.session.jj.forget_workspace(name.as_str())?;
    if root.exists() { Ok(std::fs::remove_dir_all(root)?) } else { Ok(()) }
}
