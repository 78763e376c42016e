//! `--remove`: one change in the source that takes the paths away and adds the manifest.

use super::super::Call;
use super::ground::Ground;
use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::git::ignoring;
use crate::output::plain;
use crate::session::Session;
use crate::split::{Component, MANIFEST, Manifest, State, path_of};

/// Makes the change on top of the working copy's; none where the paths are gone already. What is ignored stays.
pub(super) fn run(
    call: &Call,
    session: &Session,
    ground: &Ground,
    components: &[Component],
    manifest: &Manifest,
) -> anyhow::Result<Option<String>> {
    let jj = &session.jj;
    let filesets: Vec<String> = components.iter().map(|component| fileset(&component.path)).collect();
    let of_paths = |args: &[&str]| -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).chain(filesets.iter().cloned()).collect()
    };
    let listed = jj.run(&of_paths(&["file", "list", "--"]))?;
    if listed.trim().is_empty() {
        return Ok(None);
    }
    let (op, _) = jj.run_snapshot()?;
    let here = jj.read_at(&op, "@")?;
    let is_free = here
        .changes()
        .first()
        .is_some_and(|change| change.empty && change.description.is_empty() && change.bookmarks.is_empty());
    if !is_free {
        jj.run(&["new"])?;
    }
    let op = jj.require_head()?;
    let here = jj.read_at(&op, "@")?;
    let change = here.changes().first().map(|change| change.id.to_string());
    let change = change.ok_or_else(|| Failure::new(Kind::Jj, "Could not read the working copy"))?;
    // Before anything goes: whatever happens next, the components keep what this change removes.
    for component in components {
        let file = path_of(&ground.dir, &component.name);
        if let Some(mut state) = State::load(&file)? {
            state.removed.push(change.clone());
            state.save(&file)?;
        }
    }
    let repo = session.repo();
    let git_dir = repo.git_dir().ok_or_else(|| Failure::new(Kind::Git, "Could not find the git repo"))?;
    let paths: Vec<&str> = components.iter().map(|component| component.path.as_str()).collect();
    // With a `.gitignore` of theirs, what it ignored would come into the change.
    let left = ignoring(&git_dir, repo.root(), &paths, || {
        jj.run(&of_paths(&["restore", "--from=root()", "--"])).map(|_| ())
    })?;
    if !left.is_empty() {
        let text = format!(
            "What was ignored is still there, and stays so by .git/info/exclude: {}",
            left.join(", ")
        );
        call.out.note(&plain(&text))?;
    }
    failpoint::reach("split-removing");
    put_manifest(session, ground, components, manifest)?;
    let names: Vec<&str> = components.iter().map(|component| component.name.as_str()).collect();
    jj.run(&["commit", "-m", &format!("Split {} into repos of their own", names.join(", "))])?;
    Ok(Some(change))
}

/// What the components are made of goes into the source's own manifest.
fn put_manifest(
    session: &Session,
    ground: &Ground,
    components: &[Component],
    manifest: &Manifest,
) -> anyhow::Result<()> {
    let path = session.repo().root().join(MANIFEST);
    let mut ours = Manifest::load(&path)?;
    for mut member in manifest.members() {
        if components.iter().any(|component| component.name == member.id) {
            member.repo = ground.dir.join(&member.repo).into_string();
            ours.put(&member);
        }
    }
    ours.save(&path)
}

/// A path and all below it, as jj's filesets have it.
fn fileset(path: &str) -> String {
    format!("root:{}", crate::jj::quoted(path))
}
