//! Records what a command has done to flows before it returns.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cmd::desk::{is_flow, level};
use crate::event::{Found, Origin, What};
use crate::jj::{self, OpStore, Operation, Step};
use crate::ledger::{Ledger, write_down};
use crate::model::{BookmarkName, Flow, OpId, RepoId};
use crate::name::Uid;
use crate::projection::{Replay, load_tips, replay};
use crate::registry::Registry;
use crate::session::{Place, Session};
use crate::survey::Survey;

/// How long jj waits for somebody who has the registry or the repo's record locked.
const PATIENCE: Duration = Duration::from_millis(500);

/// A repo's config, and its record once that is needed.
pub(super) struct Desk<'a> {
    place: &'a Place,
    pub(super) session: Session,
    ledger: Option<anyhow::Result<Ledger>>,
}

/// What is told of a command.
pub(super) struct Doing<'a> {
    /// The operations that the repo stood at before it.
    pub(super) before: Vec<OpId>,
    /// Its words, as jj's operation log has them but for their quotes; none where what it publishes are the operations of
    /// others.
    pub(super) line: Option<String>,
    /// The bookmarks that it makes where they are not there.
    pub(super) made: &'a [String],
}

impl<'a> Desk<'a> {
    pub(super) fn open(place: &'a Place) -> anyhow::Result<Self> {
        Ok(Self { place, session: Session::open(place)?, ledger: None })
    }

    /// Opens the record; whether it could be is told by who needs it.
    pub(super) fn open_ledger(&mut self) {
        if self.ledger.is_none() {
            self.ledger = Some(self.session.open_ledger_within(self.place, PATIENCE));
        }
    }

    /// Who works here: only whoever has no uid yet needs the record for it. Without one it is the context's shortest.
    pub(super) fn uid(&mut self) -> anyhow::Result<Uid> {
        if let Some(known) = self.session.known_uid(self.place, PATIENCE) {
            return Ok(known);
        }
        self.open_ledger();
        match &self.ledger {
            Some(Ok(ledger)) => Ok(ledger.actor.uid.clone()),
            _ => self.session.require_uid(None),
        }
    }

    /// Records what was done to flows. Where there is no registry the repo's own journal has it, and the error says why.
    pub(super) fn record(mut self, doing: &Doing<'_>) -> anyhow::Result<()> {
        self.open_ledger();
        let Self { place, session, ledger } = self;
        let component = session.component(place);
        let Some(ledger) = ledger else { return Ok(()) };
        let find = Finder { session: &session, component: &component, doing };
        match ledger {
            Ok(mut ledger) => {
                let mut is_told = true;
                ledger.record_done(|registry, repo| {
                    let found = find.in_registry(registry, repo)?;
                    is_told = found.is_some();
                    Ok(found.unwrap_or_default())
                })?;
                if is_told { Ok(()) } else { record_by_asking(&session, ledger, &component) }
            }
            Err(error) => {
                let found = find.without_rows()?.unwrap_or_default();
                let actor = session.actor(session.require_uid(None)?);
                write_down(&session.journal().within(PATIENCE), &actor, found)?;
                Err(error)
            }
        }
    }
}

/// Whether the command has done anything to flows, as far as jj's files tell.
pub(super) fn has_touched_flows(repo: &jj::Repo, before: &[OpId]) -> anyhow::Result<bool> {
    let now = repo.load_heads()?;
    let steps = || OpStore::open(repo)?.load_steps(before, &now, &is_flow);
    Ok(now != before && steps().is_none_or(|steps| !steps.is_empty()))
}

/// Finds out what a command did to flows; none where jj's operation store does not tell.
struct Finder<'a> {
    session: &'a Session,
    component: &'a str,
    doing: &'a Doing<'a>,
}

impl Finder<'_> {
    /// Called under the record's lock: nobody else tells meanwhile what these steps did.
    fn in_registry(&self, registry: &Registry, repo: &RepoId) -> anyhow::Result<Option<Vec<Found>>> {
        let Some(steps) = self.load_steps(&self.doing.before)? else { return Ok(None) };
        let (found, missed) = self.replay(&steps, Some(&rows_of(registry, repo, &steps)?), true)?;
        // A flow without a row came about before the command: then all is told since the registry last looked.
        let Some(since) = registry.compared_at(repo)?.filter(|_| missed) else { return Ok(Some(found)) };
        let Some(all) = self.load_steps(&[since])? else { return Ok(Some(found)) };
        let (mut found, _) = self.replay(&all, Some(&rows_of(registry, repo, &all)?), false)?;
        // Where other flows went until then is told together with the work on top of them.
        let is_ours = |found: &Found| steps.iter().any(|step| step.operation.id == found.op);
        found.retain(|found| !matches!(found.what, What::Moved { .. }) || is_ours(found));
        Ok(Some(found))
    }

    fn without_rows(&self) -> anyhow::Result<Option<Vec<Found>>> {
        let Some(steps) = self.load_steps(&self.doing.before)? else { return Ok(None) };
        Ok(Some(self.replay(&steps, None, true)?.0))
    }

    fn load_steps(&self, since: &[OpId]) -> anyhow::Result<Option<Vec<Step>>> {
        let repo = self.session.repo();
        let now = repo.load_heads()?;
        Ok(OpStore::open(repo).and_then(|store| store.load_steps(since, &now, &is_flow)))
    }

    fn replay(
        &self,
        steps: &[Step],
        rows: Option<&[Flow]>,
        only_own: bool,
    ) -> anyhow::Result<(Vec<Found>, bool)> {
        let jj = &self.session.jj;
        // At whichever of several heads: a commit is what it is.
        let op = jj.repo().load_heads()?.into_iter().next().unwrap_or_else(OpStore::root);
        let tips = load_tips(jj, OpStore::open(jj.repo()).as_ref(), &op, steps);
        let line = self.doing.line.as_ref();
        let is_own = |operation: &Operation| {
            line.is_none_or(|line| operation.args.as_ref().is_some_and(|args| unquoted(args) == *line))
        };
        let is_made = |name: &BookmarkName| self.doing.made.iter().any(|made| made == name.as_str());
        let world = Replay {
            rows,
            tip: &|commit| tips.get(commit).cloned(),
            origin: &|operation, name| {
                if is_made(name) && is_own(operation) { Origin::Bookmark } else { Origin::Found }
            },
            is_told: &|operation| !only_own || is_own(operation),
            component: self.component,
        };
        Ok(replay(steps, &world))
    }
}

/// Words in one line, as they are compared with those of jj's operation log: that quotes them for people to read.
pub(super) fn unquoted(line: &str) -> String {
    line.replace(['\'', '"', '\\'], "")
}

/// Brings the record level by asking jj, in one process.
fn record_by_asking(session: &Session, mut ledger: Ledger, component: &str) -> anyhow::Result<()> {
    let rows = session.rows(Some(&ledger.registry))?;
    let survey = Survey::new(session.read_flows()?, rows, &session.config.trunk);
    level(session, &mut ledger, component, survey)?;
    Ok(())
}

/// The rows of the flows that these steps have to do with.
fn rows_of(registry: &Registry, repo: &RepoId, steps: &[Step]) -> anyhow::Result<Vec<Flow>> {
    let names: BTreeSet<_> = steps.iter().flat_map(|step| &step.moves).map(|moved| &moved.name).collect();
    names.into_iter().filter_map(|name| registry.flow(repo, name).transpose()).collect()
}
