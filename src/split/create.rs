//! A component's repo, made for the first time: in a folder of its own, out of sight, which takes its place when it is
//! whole. And one that is there already, brought what is new: what somebody did in it stays as it is.

use std::collections::HashMap;

use camino::Utf8Path;

use super::plan::Plan;
use super::refs::{Names, object_id};
use super::scan::History;
use super::state::{FOLDER, State};
use super::write::{Source, Written, write};
use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::git::{ObjectId, Objects, PackWriter, make_repo, run_read_ref, run_update_ref};
use crate::jj::{Jj, Repo};
use crate::model::{BookmarkName, CommitId};
use crate::text::plain_json;

/// How the refs are called that bring in heads without a name; they go at once.
const PASSING: &str = "jj-flow/nameless";

/// The remote under which later history of the source arrives, where a bookmark is somebody's own by now.
pub(crate) const REMOTE: &str = "source";

/// A component that is made, or brought level.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) name: &'a str,
    /// Where the repo is to be.
    pub(crate) root: &'a Utf8Path,
    pub(crate) plan: &'a Plan,
    pub(crate) names: &'a Names,
    /// What is to be its `origin`.
    pub(crate) url: Option<&'a str>,
    /// A jj in the source, which others are made from.
    pub(crate) jj: &'a Jj,
}

/// What became of a component.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) written: Written,
    /// Bookmarks that somebody moved: what the source has arrived as `NAME@source`.
    pub(crate) arrived: Vec<BookmarkName>,
    /// Bookmarks that stand where the source has them.
    pub(crate) level: Vec<BookmarkName>,
}

/// Removes what earlier runs left unfinished in a folder.
pub(crate) fn clear_unfinished(dir: &Utf8Path) -> std::io::Result<()> {
    for entry in dir.join(FOLDER).read_dir_utf8()? {
        let entry = entry?;
        if entry.file_name().ends_with(".new") && entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a component's repo. Whatever goes wrong, its place stays as it was. `state` gets what the next run has to know,
/// and is saved before the repo takes its place.
pub(crate) fn create(
    work: &Work<'_>,
    source: &Source<'_>,
    state: &mut State,
    file: &Utf8Path,
) -> anyhow::Result<Outcome> {
    let folder = file.with_file_name(format!("{}.new", work.name));
    let made = make(work, source, state, &folder).and_then(|outcome| {
        state.save(file)?;
        failpoint::reach("split-made");
        std::fs::rename(&folder, work.root).map_err(|error| {
            Failure::new(Kind::Io, format!("Could not put the repo at {}: {error}", work.root))
        })?;
        failpoint::reach("split-placed");
        Ok(outcome)
    });
    if made.is_err() {
        // The next run would do it too; the disk may be full now.
        let _ = std::fs::remove_dir_all(&folder);
    }
    made
}

fn make(
    work: &Work<'_>,
    source: &Source<'_>,
    state: &mut State,
    folder: &Utf8Path,
) -> anyhow::Result<Outcome> {
    let git_dir = folder.join(".git");
    std::fs::create_dir_all(&git_dir)?;
    let pack = PackWriter::create(&git_dir.join("objects"))?;
    let written = write(source, work.plan, work.name, &work.names.tags, pack, &|_| false)?;
    let at = |place: &u32| written.commits[*place as usize];
    let Names { bookmarks, tags, nameless, .. } = work.names;
    let mut refs: Vec<(String, ObjectId)> = Vec::new();
    refs.extend(bookmarks.iter().map(|(name, place)| (head_ref(name), at(place))));
    let tagged = |name: &String, place| written.tags.get(name).copied().unwrap_or_else(|| at(place));
    refs.extend(tags.iter().map(|(name, place)| (format!("refs/tags/{name}"), tagged(name, place))));
    let passing = nameless.iter().enumerate();
    refs.extend(passing.map(|(number, place)| (format!("refs/heads/{PASSING}-{number}"), at(place))));
    make_repo(&git_dir, &refs)?;
    let jj = work.jj.init(folder)?;
    if !nameless.is_empty() {
        forget_passing(&jj)?;
    }
    if let Some(start) = work.names.start {
        jj.run(&["new", &at(&start).to_string()])?;
    }
    set_up(&jj, work)?;
    remember(work, source.history, &written, state);
    state.bookmarks =
        bookmarks.iter().map(|(name, place)| (name.to_string(), at(place).to_string())).collect();
    Ok(Outcome {
        level: bookmarks.iter().map(|(name, _)| name.clone()).collect(),
        arrived: Vec::new(),
        written,
    })
}

/// What a component's repo is told about itself.
fn set_up(jj: &Jj, work: &Work<'_>) -> anyhow::Result<()> {
    // TOML has JSON's escapes, and needs them where JSON does not.
    let name = serde_json::to_string(work.name)?;
    let name = plain_json(&name);
    jj.run(&["--ignore-working-copy", "config", "set", "--repo", "flow.component", &name])?;
    if let Some(url) = work.url {
        jj.run(&["--ignore-working-copy", "git", "remote", "add", "--", "origin", url])?;
    }
    Ok(())
}

fn head_ref(name: &BookmarkName) -> String {
    format!("refs/heads/{name}")
}

/// Takes the names away that brought in heads without one; those stay.
fn forget_passing(jj: &Jj) -> anyhow::Result<()> {
    jj.run(&["--ignore-working-copy", "bookmark", "forget", &format!("glob:{PASSING}-*")])?;
    Ok(())
}

fn remember(work: &Work<'_>, history: &History, written: &Written, state: &mut State) {
    let at = |place: &u32| written.commits[*place as usize].to_string();
    state.map = pairs(history, work.plan, &written.commits);
    state.tags = work.names.tags.iter().map(|(name, place)| (name.clone(), at(place))).collect();
    state.nameless = work.names.nameless.iter().map(at).collect();
}

/// Each kept commit with what it became.
pub(crate) fn pairs(history: &History, plan: &Plan, made: &[ObjectId]) -> Vec<(ObjectId, ObjectId)> {
    plan.kept.iter().zip(made).map(|(kept, new)| (history.ids[kept.source as usize], *new)).collect()
}

/// Brings what is new into a component's repo.
pub(crate) fn update(work: &Work<'_>, source: &Source<'_>, state: &mut State) -> anyhow::Result<Outcome> {
    let not_there = || {
        Failure::new(Kind::NotARepo, format!("Could not add to {}: it is no colocated jj repo", work.root))
    };
    let repo = Repo::at(work.root).filter(Repo::is_colocated).ok_or_else(not_there)?;
    let git_dir = repo.git_dir().ok_or_else(not_there)?;
    // What the source no longer has is looked at last, and not taken away with what stands on it.
    let jj = work.jj.in_repo(repo).with_option("--config=git.abandon-unreachable-commits=false");
    let (op, _) = jj.run_snapshot()?;
    let mut there = jj.read_heads(&op)?;
    // A run that was killed may have left them.
    let is_passing = |(name, _): &(BookmarkName, CommitId)| name.as_str().starts_with(PASSING);
    if there.bookmarks.iter().any(is_passing) {
        forget_passing(&jj)?;
        there.bookmarks.retain(|bookmark| !is_passing(bookmark));
    }
    let objects = Objects::open(&git_dir)?;
    let pack = PackWriter::create(&git_dir.join("objects"))?;
    let written =
        write(source, work.plan, work.name, &work.names.tags, pack, &|id| objects.locate(id).is_some())?;
    let now = pairs(source.history, work.plan, &written.commits);
    if !state.fits(&now) {
        let message = format!(
            "Could not add to {}: its history comes out as another one than the last time",
            work.root
        );
        return Err(Failure::new(Kind::Io, message).into());
    }
    let gone = gone(state, &written.commits);
    let mut outcome = Outcome::default();
    let places: HashMap<ObjectId, u32> = written.commits.iter().copied().zip(0..).collect();
    let mut is_changed = false;
    for (name, place) in &work.names.bookmarks {
        let new = written.commits[*place as usize];
        let local = there.bookmarks.iter().find(|(other, _)| other == name);
        let local = local.and_then(|(_, commit)| object_id(commit));
        let last = state.bookmarks.get(name.as_str()).and_then(|id| ObjectId::from_hex(id.as_bytes()).ok());
        let is_conflicted = there.conflicted.contains(name);
        let is_beneath =
            |local: &ObjectId| places.get(local).is_some_and(|at| work.plan.is_ancestor(*at, *place));
        if local == Some(new) {
            outcome.level.push(name.clone());
            continue;
        }
        is_changed = true;
        // Where it is as it was left, or was never there, or is merely behind, it follows the source.
        if !is_conflicted && (local == last || local.as_ref().is_some_and(is_beneath)) {
            run_update_ref(&git_dir, &head_ref(name), &new, local.as_ref())?;
            outcome.level.push(name.clone());
        } else {
            let remote = format!("refs/remotes/{REMOTE}/{name}");
            let before = run_read_ref(&git_dir, &remote)?;
            if before != Some(new) {
                run_update_ref(&git_dir, &remote, &new, before.as_ref())?;
                outcome.arrived.push(name.clone());
            }
        }
    }
    for (name, place) in &work.names.tags {
        let is_known = there.tags.iter().any(|(other, _)| other == name) || state.tags.contains_key(name);
        if !is_known {
            let to = written.tags.get(name).unwrap_or(&written.commits[*place as usize]);
            run_update_ref(&git_dir, &format!("refs/tags/{name}"), to, None)?;
            is_changed = true;
        }
    }
    let mut is_passing_any = false;
    for (number, place) in work.names.nameless.iter().enumerate() {
        let new = written.commits[*place as usize];
        if !state.nameless.contains(&new.to_string()) {
            run_update_ref(&git_dir, &format!("refs/heads/{PASSING}-{number}"), &new, None)?;
            is_passing_any = true;
        }
    }
    failpoint::reach("split-moved");
    if is_changed || is_passing_any {
        jj.run(&["git", "import"])?;
        if is_passing_any {
            forget_passing(&jj)?;
        }
    }
    abandon_gone(&jj, &gone)?;
    remember(work, source.history, &written, state);
    state.bookmarks = work
        .names
        .bookmarks
        .iter()
        .map(|(name, place)| (name.to_string(), written.commits[*place as usize].to_string()))
        .collect();
    outcome.written = written;
    Ok(outcome)
}

/// What was made the last time of commits that the source has rewritten since.
fn gone(state: &State, now: &[ObjectId]) -> Vec<ObjectId> {
    let now: std::collections::HashSet<_> = now.iter().collect();
    state.map.iter().map(|(_, new)| *new).filter(|new| !now.contains(new)).collect()
}

/// Abandons them where nobody has built on them, so that their changes are not there twice.
fn abandon_gone(jj: &Jj, gone: &[ObjectId]) -> anyhow::Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let (op, _) = jj.run_snapshot()?;
    let gone: Vec<CommitId> = gone.iter().map(|id| CommitId::new(id.to_string())).collect();
    let seen: Vec<String> =
        jj.read_tips(&op, &gone)?.iter().map(|tip| crate::jj::commit(&tip.commit)).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let gone = seen.join(" | ");
    let used = "bookmarks() | remote_bookmarks() | tags() | working_copies()";
    let revset = format!("(({gone}) & all()) ~ ::((all() ~ ({gone})) | {used})");
    jj.run(&["--ignore-working-copy", "abandon", &revset])?;
    Ok(())
}
