//! A component's repo that is there already, brought what is new: what somebody did in it stays as it is.

use std::collections::{HashMap, HashSet};

use camino::Utf8PathBuf;

use super::create::{Outcome, PASSING, Work, forget_passing, head_ref, pairs, remember};
use super::refs::object_id;
use super::state::State;
use super::write::{Source, Written, write};
use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::git::{ObjectId, Objects, PackWriter, run_read_ref, run_update_ref};
use crate::jj::{Heads, Jj, Repo, commit};
use crate::model::{BookmarkName, CommitId};

/// The remote under which later history of the source arrives, where a bookmark is somebody's own by now.
const REMOTE: &str = "source";

/// The repo as it was found.
struct There {
    jj: Jj,
    git_dir: Utf8PathBuf,
    heads: Heads,
}

/// Brings what is new into a component's repo.
pub(crate) fn update(work: &Work<'_>, source: &Source<'_>, state: &mut State) -> anyhow::Result<Outcome> {
    let there = open(work)?;
    let objects = Objects::open(&there.git_dir)?;
    let pack = PackWriter::create(&there.git_dir.join("objects"))?;
    let is_there = |id: &_| objects.locate(id).is_some();
    let written = write(source, work.plan, work.name, &work.names.tags, pack, &is_there)?;
    if !state.fits(&pairs(source.history, work.plan, &written.commits)) {
        let message = format!(
            "Could not add to {}: its history comes out as another one than the last time",
            work.root
        );
        return Err(Failure::new(Kind::Io, message).into());
    }
    let gone = gone(state, &written.commits);
    let mut outcome = Outcome::default();
    let is_moved = move_bookmarks(work, state, &there, &written, &mut outcome)?;
    let is_tagged = add_tags(work, state, &there, &written)?;
    let is_passing = bring_nameless(work, state, &there, &written)?;
    failpoint::reach("split-moved");
    if is_moved || is_tagged || is_passing {
        there.jj.run(&["git", "import"])?;
    }
    if is_passing {
        forget_passing(&there.jj)?;
    }
    abandon_gone(&there.jj, &gone)?;
    remember(work, source.history, &written, state);
    outcome.is_changed = is_moved || is_tagged || is_passing || !gone.is_empty() || written.new_commits > 0;
    outcome.written = written;
    Ok(outcome)
}

fn open(work: &Work<'_>) -> anyhow::Result<There> {
    let not_there = || {
        Failure::new(Kind::NotARepo, format!("Could not add to {}: it is no colocated jj repo", work.root))
    };
    let repo = Repo::at(work.root).filter(Repo::is_colocated).ok_or_else(not_there)?;
    let git_dir = repo.git_dir().ok_or_else(not_there)?;
    // What the source no longer has is looked at last, and not taken away with what stands on it.
    let jj = work.jj.in_repo(repo).with_option("--config=git.abandon-unreachable-commits=false");
    let (op, _) = jj.run_snapshot()?;
    let mut heads = jj.read_heads(&op)?;
    // A run that was killed may have left them.
    let is_passing = |(name, _): &(BookmarkName, CommitId)| name.as_str().starts_with(PASSING);
    if heads.bookmarks.iter().any(is_passing) {
        forget_passing(&jj)?;
        heads.bookmarks.retain(|bookmark| !is_passing(bookmark));
    }
    Ok(There { jj, git_dir, heads })
}

/// A bookmark that is as it was left, was never there, or is merely behind, follows the source. What the source has of any
/// other arrives beside it. Whether any ref was to be moved.
fn move_bookmarks(
    work: &Work<'_>,
    state: &State,
    there: &There,
    written: &Written,
    outcome: &mut Outcome,
) -> anyhow::Result<bool> {
    let There { git_dir, heads, .. } = there;
    let places: HashMap<ObjectId, u32> = written.commits.iter().copied().zip(0..).collect();
    let mut is_changed = false;
    for (name, place) in &work.names.bookmarks {
        let new = written.commits[*place as usize];
        let local = heads.bookmarks.iter().find(|(other, _)| other == name);
        let local = local.and_then(|(_, commit)| object_id(commit));
        let last = state.bookmarks.get(name.as_str()).and_then(|id| ObjectId::from_hex(id.as_bytes()).ok());
        let is_beneath =
            |local: &ObjectId| places.get(local).is_some_and(|at| work.plan.is_ancestor(*at, *place));
        if local == Some(new) {
            outcome.level.push(name.clone());
            continue;
        }
        let follows = local == last || local.as_ref().is_some_and(is_beneath);
        if follows && !heads.conflicted.contains(name) {
            run_update_ref(git_dir, &head_ref(name), &new, local.as_ref())?;
            is_changed = true;
            outcome.level.push(name.clone());
        } else {
            let remote = format!("refs/remotes/{REMOTE}/{name}");
            let before = run_read_ref(git_dir, &remote)?;
            if before != Some(new) {
                run_update_ref(git_dir, &remote, &new, before.as_ref())?;
                is_changed = true;
                outcome.arrived.push(name.clone());
            }
        }
    }
    Ok(is_changed)
}

/// Adds the tags that are new; one that somebody moved or deleted stays so. Whether there were any.
fn add_tags(work: &Work<'_>, state: &State, there: &There, written: &Written) -> anyhow::Result<bool> {
    let is_known = |name: &String| {
        there.heads.tags.iter().any(|(other, _)| other == name) || state.tags.contains_key(name)
    };
    let mut is_any = false;
    for (name, place) in work.names.tags.iter().filter(|(name, _)| !is_known(name)) {
        let to = written.tags.get(name).unwrap_or(&written.commits[*place as usize]);
        run_update_ref(&there.git_dir, &format!("refs/tags/{name}"), to, None)?;
        is_any = true;
    }
    Ok(is_any)
}

/// Gives the new heads without a name one for the import. Whether there were any.
fn bring_nameless(work: &Work<'_>, state: &State, there: &There, written: &Written) -> anyhow::Result<bool> {
    let mut is_any = false;
    for (number, place) in work.names.nameless.iter().enumerate() {
        let new = written.commits[*place as usize];
        if !state.nameless.contains(&new.to_string()) {
            run_update_ref(&there.git_dir, &format!("refs/heads/{PASSING}-{number}"), &new, None)?;
            is_any = true;
        }
    }
    Ok(is_any)
}

/// What was made the last time of commits that the source has rewritten since.
fn gone(state: &State, now: &[ObjectId]) -> Vec<ObjectId> {
    let now: HashSet<_> = now.iter().collect();
    state.map.iter().map(|(_, new)| *new).filter(|new| !now.contains(new)).collect()
}

/// Abandons them where nobody has built on them, so that their changes are not there twice.
fn abandon_gone(jj: &Jj, gone: &[ObjectId]) -> anyhow::Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let (op, _) = jj.run_snapshot()?;
    let gone: Vec<CommitId> = gone.iter().map(|id| CommitId::new(id.to_string())).collect();
    let seen: Vec<String> = jj.read_tips(&op, &gone)?.iter().map(|tip| commit(&tip.commit)).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let gone = seen.join(" | ");
    let used = "bookmarks() | remote_bookmarks() | tags() | working_copies()";
    let revset = format!("(({gone}) & all()) ~ ::((all() ~ ({gone})) | {used})");
    jj.run(&["--ignore-working-copy", "abandon", &revset])?;
    Ok(())
}
