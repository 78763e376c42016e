//! What a command line did, by the repo's operation log, and whether that was to be expected.

use std::collections::BTreeSet;
use std::ffi::OsString;

use anyhow::{Context as _, ensure};
use camino::Utf8Path;
use jiff::Timestamp;

use crate::jj::{OpStore, Operation, Repo};
use crate::model::{BookmarkName, OpId};
use crate::shim::argv::{Globals, Verb};
use crate::shim::intercept::Name;

/// What an operation's description begins with, and whose act it is.
const ACTS: &[(&str, &[Verb])] = &[
    ("create bookmark ", &[Verb::Create]),
    ("point bookmark ", &[Verb::Set, Verb::Move, Verb::Advance]),
    ("rename bookmark ", &[Verb::Rename]),
    ("delete bookmark ", &[Verb::Delete]),
    ("forget bookmark ", &[Verb::Forget]),
    ("track remote bookmark ", &[Verb::Track]),
    ("untrack remote bookmark ", &[Verb::Untrack]),
    ("push ", &[Verb::Push]),
    ("fetch from git remote", &[Verb::Fetch]),
    // In a repo that is not colocated.
    ("import git refs", &[Verb::Import]),
    ("undo: restore to operation ", &[Verb::Undo]),
    ("redo: restore to operation ", &[Verb::Redo]),
    ("restore to operation ", &[Verb::Restore]),
    ("revert operation ", &[Verb::Revert]),
    ("abandon commit ", &[Verb::Abandon]),
];

/// A repo before a command line.
pub(super) struct Before {
    pub(super) repo: Repo,
    heads: Vec<OpId>,
}

impl Before {
    pub(super) fn load(root: &Utf8Path) -> Self {
        let repo = Repo::at(root).unwrap();
        Self { heads: repo.load_heads().unwrap(), repo }
    }
}

/// What a command line did to a repo.
pub(super) struct Seen {
    store: OpStore,
    heads: Vec<OpId>,
    /// The repo stands at other operations.
    pub(super) changed: bool,
    /// Those that began with this command line, later ones first.
    operations: Vec<Operation>,
    /// Bookmarks that an act of a verb made.
    created: BTreeSet<String>,
}

impl Seen {
    pub(super) fn load(before: &Before, since: Timestamp) -> anyhow::Result<Self> {
        let store = OpStore::open(&before.repo).context("no store")?;
        let heads = before.repo.load_heads()?;
        let mut operations = Vec::new();
        let mut waiting = heads.clone();
        while let Some(id) = waiting.pop() {
            let operation = store.load_operation(&id).context("no operation")?;
            if operation.started >= since && operations.iter().all(|seen: &Operation| seen.id != id) {
                waiting.extend(operation.parents.iter().cloned());
                operations.push(operation);
            }
        }
        let steps = store.load_steps(&before.heads, &heads, &|_| true).context("no steps")?;
        let is_act = |act: &Operation| act.started >= since && !doers(act).is_empty();
        let acts = steps.iter().filter(|step| is_act(&step.operation));
        let moves = acts.flat_map(|step| &step.moves).filter(|moved| moved.before == [None]);
        let created = moves.map(|moved| moved.name.to_string()).collect();
        Ok(Self { store, changed: heads != before.heads, heads, operations, created })
    }

    pub(super) fn told(&self) -> String {
        let line = |operation: &Operation| format!("{} ({:?})\n", operation.description, operation.args);
        self.operations.iter().map(line).collect()
    }

    /// What was done is what the scanner saw coming.
    pub(super) fn ensure_verb(&self, verb: Option<Verb>, argv: &[OsString]) -> anyhow::Result<()> {
        for operation in &self.operations {
            let doers = doers(operation);
            let is_seen = doers.is_empty() || verb.is_some_and(|verb| doers.contains(&verb));
            ensure!(is_seen, "An act was not seen.");
        }
        if self.changed && self.operations.is_empty() {
            let is_abandoned = argv.iter().any(|word| word == "abandon");
            ensure!(verb == Some(Verb::Integrate) || is_abandoned, "An integration was not seen.");
        }
        Ok(())
    }

    /// The global options had the effect that they should have.
    pub(super) fn ensure_globals(
        &self,
        verb: Verb,
        before: &Before,
        globals: &Globals<'_>,
    ) -> anyhow::Result<()> {
        // jj merges several heads all the same, and so does `op integrate` its work.
        let may_merge = before.heads.len() > 1 || verb == Verb::Integrate;
        let is_merged = may_merge && self.operations.iter().all(|operation| operation.parents.len() > 1);
        ensure!(!globals.no_integrate_operation || !self.changed || is_merged, "It was integrated.");
        let is_elsewhere = globals.at_operation.is_some();
        let has_snapshot = self.operations.iter().any(|operation| operation.is_snapshot);
        ensure!(!is_elsewhere || !has_snapshot, "It acted where the repo stands.");
        if globals.at_operation == Some("@-") {
            let parents = |id| Some(self.store.load_operation(id)?.parents);
            let base: Vec<_> = before.heads.iter().filter_map(parents).flatten().collect();
            let is_placed = |operation: &Operation| doers(operation).is_empty() || operation.parents == base;
            ensure!(self.operations.iter().all(is_placed), "It acted at another operation.");
        }
        Ok(())
    }

    /// The names that jj was to make are there, and no others were made.
    pub(super) fn ensure_made(&self, verb: Verb, found: &[Name]) -> anyhow::Result<()> {
        let made: BTreeSet<_> =
            found.iter().filter(|name| name.makes).map(|name| name.text.clone()).collect();
        for head in &self.heads {
            let view = self.store.load_operation(head).and_then(|head| self.store.load_view(&head));
            let bookmarks = view.context("no view")?.bookmarks;
            let missing = made.iter().find(|name| !bookmarks.contains_key(&BookmarkName::new(name.as_str())));
            ensure!(missing.is_none(), "{missing:?} was not made.");
        }
        let are_theirs = match verb {
            Verb::Create => self.created == made,
            Verb::Set | Verb::Rename => self.created.is_subset(&made),
            _ => true,
        };
        ensure!(are_theirs, "{:?} were made.", self.created);
        Ok(())
    }
}

/// The verbs that make such an operation; none for a snapshot, a merge, or another command's.
fn doers(operation: &Operation) -> &'static [Verb] {
    let act = ACTS.iter().find(|(beginning, _)| operation.description.starts_with(beginning));
    act.map_or(&[], |(_, verbs)| verbs)
}
