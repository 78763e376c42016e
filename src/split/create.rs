//! A component's repo, made for the first time: in a folder of its own, out of sight, which takes its place when it is
//! whole.

use camino::Utf8Path;

use super::plan::Plan;
use super::refs::Names;
use super::scan::History;
use super::state::{FOLDER, State};
use super::write::{Source, Written, write};
use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::git::{ObjectId, PackWriter, make_repo};
use crate::jj::Jj;
use crate::model::BookmarkName;
use crate::text::plain_json;

/// How the refs are called that bring in heads without a name; they go at once.
pub(super) const PASSING: &str = "jj-flow/nameless";

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
    /// Whether a repo that was there has got anything.
    pub(crate) is_changed: bool,
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
    Ok(Outcome {
        level: bookmarks.iter().map(|(name, _)| name.clone()).collect(),
        arrived: Vec::new(),
        written,
        is_changed: true,
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

pub(super) fn head_ref(name: &BookmarkName) -> String {
    format!("refs/heads/{name}")
}

/// Takes the names away that brought in heads without one; those stay.
pub(super) fn forget_passing(jj: &Jj) -> anyhow::Result<()> {
    jj.run(&["--ignore-working-copy", "bookmark", "forget", &format!("glob:{PASSING}-*")])?;
    Ok(())
}

/// Puts down what the next run has to know.
pub(super) fn remember(work: &Work<'_>, history: &History, written: &Written, state: &mut State) {
    let at = |place: &u32| written.commits[*place as usize].to_string();
    let Names { bookmarks, tags, nameless, .. } = work.names;
    state.map = pairs(history, work.plan, &written.commits);
    state.bookmarks = bookmarks.iter().map(|(name, place)| (name.to_string(), at(place))).collect();
    state.tags = tags.iter().map(|(name, place)| (name.clone(), at(place))).collect();
    state.nameless = nameless.iter().map(at).collect();
}

/// Each kept commit with what it became.
pub(super) fn pairs(history: &History, plan: &Plan, made: &[ObjectId]) -> Vec<(ObjectId, ObjectId)> {
    plan.kept.iter().zip(made).map(|(kept, new)| (history.ids[kept.source as usize], *new)).collect()
}
