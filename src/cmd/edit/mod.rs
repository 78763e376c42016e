//! Text files of somebody else's that a command changes: read, shown as a diff, and written whole or not at all.
//!
//! A file keeps its mode, its owner and, where it is reached by a link, its place. What changed meanwhile is left alone.

mod file;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use similar::TextDiff;

pub(super) use file::load;

use super::Call;
use crate::agent::{Refusal, Rest};
use crate::error::{Failure, Kind};
use crate::output::plain;

/// A file as it is, and as it is to be.
#[derive(Debug)]
pub(super) struct Edit {
    path: Utf8PathBuf,
    before: Option<String>,
    after: Option<String>,
    /// How many folders above it go with it where they are empty then.
    folders: usize,
    action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Written,
    Added,
    Updated,
    Unchanged,
    TakenOut,
    Removed,
}

impl Action {
    /// The word in `action` of the JSON output.
    fn code(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::TakenOut => "taken-out",
            Self::Removed => "removed",
        }
    }

    /// What is said before the path, after the fact and before it.
    fn words(self, part: &str) -> (String, String) {
        match self {
            Self::Written => ("Wrote".into(), "Would write".into()),
            Self::Added => (format!("Added {part} to"), format!("Would add {part} to")),
            Self::Updated => (format!("Updated {part} in"), format!("Would update {part} in")),
            Self::Unchanged => ("Unchanged:".into(), "Unchanged:".into()),
            Self::TakenOut => (format!("Took {part} out of"), format!("Would take {part} out of")),
            Self::Removed => ("Removed".into(), "Would remove".into()),
        }
    }
}

/// Plans what goes into a file. `make` is given how many folders are missing for one that is not there, `install` what
/// is in one that is, and `uninstall` tells whether that holds an older version already.
pub(super) fn plan_install(
    path: Utf8PathBuf,
    make: impl Fn(usize) -> String,
    install: impl Fn(&str) -> Result<String, Refusal>,
    uninstall: impl Fn(&str) -> Result<Rest, Refusal>,
) -> anyhow::Result<Edit> {
    let Some(before) = load(&path)? else {
        let folders = path.ancestors().skip(1).take_while(|folder| !folder.exists()).count();
        let after = Some(make(folders));
        return Edit { path, before: None, after, folders: 0, action: Action::Written }.checked();
    };
    let after = install(&before).map_err(|refusal| refused(&path, refusal))?;
    let action = match uninstall(&before) {
        _ if after == before => Action::Unchanged,
        Ok(Rest::Same) => Action::Added,
        _ => Action::Updated,
    };
    Edit { path, before: Some(before), after: Some(after), folders: 0, action }.checked()
}

/// Plans what goes out of a file; none where nothing of ours is in it.
pub(super) fn plan_uninstall(
    path: Utf8PathBuf,
    uninstall: impl Fn(&str) -> Result<Rest, Refusal>,
) -> anyhow::Result<Option<Edit>> {
    let Some(before) = load(&path)? else { return Ok(None) };
    let rest = uninstall(&before).map_err(|refusal| refused(&path, refusal))?;
    let before = Some(before);
    let edit = match rest {
        Rest::Same => return Ok(None),
        Rest::Text(text) => Edit { path, before, after: Some(text), folders: 0, action: Action::TakenOut },
        Rest::Nothing { folders } => Edit { path, before, after: None, folders, action: Action::Removed },
    };
    edit.checked().map(Some)
}

/// Does what was planned and answers with it, or only shows it. `part` is what a file gets, in words.
pub(super) fn finish(
    edits: &[Edit],
    part: &str,
    dry_run: bool,
    notes: Vec<String>,
    call: &Call,
) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    let mut files = Vec::new();
    for edit in edits {
        let (done, planned) = edit.action.words(part);
        let mut file = json!({"path": edit.path, "action": edit.action.code()});
        if dry_run {
            let diff = edit.diff();
            lines.push(format!("{planned} {}", plain(edit.path.as_str())));
            // A tab is layout, and does nothing to a terminal.
            lines.extend(diff.lines().map(|line| line.split('\t').map(plain).collect::<Vec<_>>().join("\t")));
            file["diff"] = Value::from(diff);
        } else {
            edit.apply()?;
            lines.push(format!("{done} {}", plain(edit.path.as_str())));
        }
        files.push(file);
    }
    let object = json!({"files": files, "notes": notes, "dry_run": dry_run});
    lines.extend(notes);
    Ok(call.out.answer(&lines.join("\n"), object)?)
}

fn refused(path: &Utf8Path, Refusal(why): Refusal) -> Failure {
    Failure::new(Kind::Unmergeable, format!("Could not work on {path}: it {why}"))
}

/// Puts a text in the place of what a file was read to hold, whole or not at all.
pub(super) fn replace(path: Utf8PathBuf, before: Option<String>, after: String) -> anyhow::Result<()> {
    Edit { path, before, after: Some(after), folders: 0, action: Action::Updated }.checked()?.apply()
}

impl Edit {
    fn diff(&self) -> String {
        let [before, after] = [&self.before, &self.after].map(|text| text.as_deref().unwrap_or_default());
        let name = |text: &Option<String>| match text {
            Some(_) => self.path.as_str(),
            None => "/dev/null",
        };
        let diff = TextDiff::from_lines(before, after);
        diff.unified_diff().header(name(&self.before), name(&self.after)).to_string()
    }
}
