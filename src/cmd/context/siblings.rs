//! Other open flows that touch the same files, and what a merge with each would bring: jj merges them in an operation
//! that nobody sees.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::jj::{self, Jj, revset};
use crate::model::{BookmarkName, CommitId, Status};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};

/// Another flow at work on the same files.
pub(super) struct Sibling {
    pub(super) flow: FlowName,
    pub(super) status: Status,
    /// The files that both touch.
    pub(super) files: Vec<String>,
    /// Those that would be in conflict.
    pub(super) conflicts: Vec<String>,
}

impl Sibling {
    pub(super) fn json(&self) -> Value {
        json!({
            "flow": self.flow, "uid": self.flow.uid(), "intent": self.flow.intent(), "status": self.status,
            "files": self.files, "conflicts": self.conflicts,
        })
    }
}

/// The open flows that touch a file which this one touches, in the order of their names. Those that it stands on, and
/// those that stand on it, are no siblings: they have its changes.
pub(super) fn find_siblings(jj: &Jj, survey: &Survey, flow: &Standing) -> anyhow::Result<Vec<Sibling>> {
    let own: BTreeSet<CommitId> = ahead(survey, flow).collect();
    let is_apart = |other: &&Standing| {
        other.status.is_open()
            && other.name != flow.name
            && !is_above(survey, other, flow)
            && !is_above(survey, flow, other)
            && ahead(survey, other).all(|commit| !own.contains(&commit))
    };
    let others: Vec<&Standing> = survey.flows.iter().filter(is_apart).collect();
    let all = || own.iter().cloned().chain(others.iter().flat_map(|other| ahead(survey, other)));
    if own.is_empty() || others.iter().all(|other| survey.ahead(other).is_empty()) {
        return Ok(Vec::new());
    }
    let touched = touched(jj, survey, all())?;
    let files = |commits: &mut dyn Iterator<Item = CommitId>| -> BTreeSet<&str> {
        commits.filter_map(|commit| touched.get(&commit)).flatten().map(String::as_str).collect()
    };
    let mine = files(&mut own.iter().cloned());
    let mut siblings = Vec::new();
    for other in others {
        let theirs = files(&mut ahead(survey, other));
        let shared: Vec<String> = mine.intersection(&theirs).map(|file| (*file).to_owned()).collect();
        if !shared.is_empty() {
            let conflicts = forecast(jj, survey, flow, other)?;
            siblings.push(Sibling {
                flow: other.name.clone(),
                status: other.status,
                files: shared,
                conflicts,
            });
        }
    }
    Ok(siblings)
}

fn ahead(survey: &Survey, flow: &Standing) -> impl Iterator<Item = CommitId> {
    survey.ahead(flow).into_iter().map(|change| change.commit.clone()).collect::<Vec<_>>().into_iter()
}

/// Whether `flow` lands on `other`, at once or in the end.
fn is_above(survey: &Survey, flow: &Standing, other: &Standing) -> bool {
    let mut parent: Option<BookmarkName> = survey.landing_parent(flow);
    for _ in 0..=survey.flows.len() {
        let Some(name) = parent else { return false };
        if name.as_str() == other.name.as_str() {
            return true;
        }
        parent = survey.flow(&name).and_then(|above| survey.landing_parent(above));
    }
    false
}

/// The files that each of these commits touches.
fn touched(
    jj: &Jj,
    survey: &Survey,
    commits: impl Iterator<Item = CommitId>,
) -> anyhow::Result<HashMap<CommitId, Vec<String>>> {
    let commits: Vec<String> = commits.map(|commit| jj::commit(&commit)).collect();
    let read = jj.read_touching(&survey.graph.op, &commits.join(" | "))?;
    let files = read.graph.changes().iter().zip(read.touched);
    Ok(files
        .map(|(change, files)| (change.commit.clone(), files.into_iter().map(|(_, path)| path).collect()))
        .collect())
}

/// The files that a merge of both tips would have in conflict.
fn forecast(jj: &Jj, survey: &Survey, flow: &Standing, other: &Standing) -> anyhow::Result<Vec<String>> {
    let (Some(mine), Some(theirs)) = (survey.tip(flow), survey.tip(other)) else { return Ok(Vec::new()) };
    let merge =
        ["new".to_owned(), "--no-edit".to_owned(), jj::commit(&mine.commit), jj::commit(&theirs.commit)];
    let Some(op) = jj.run_speculative(&survey.graph.op, &merge)? else { return Ok(Vec::new()) };
    let merged = jj.read_at(&op, &revset::merge_of(&mine.commit, &theirs.commit))?;
    let Some(merged) = merged.changes().first().filter(|change| change.conflict) else {
        return Ok(Vec::new());
    };
    Ok(jj.read_conflicted_paths(&op, &merged.commit)?.into_iter().map(|path| path.path).collect())
}
