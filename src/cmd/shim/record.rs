//! Records what a command has done to flows before it returns.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::cmd::desk::{is_flow, level};
use crate::event::Origin;
use crate::jj::{self, OpStore, Step};
use crate::ledger::{Ledger, write_down};
use crate::model::{BookmarkName, CommitId, Flow, OpId, Tip};
use crate::name::Uid;
use crate::projection::{Replay, replay};
use crate::registry::Registry;
use crate::session::{Place, Session};
use crate::survey::Survey;

/// How long jj waits for a registry that somebody else is writing.
const PATIENCE: Duration = Duration::from_secs(1);

/// A repo's config and record, as far as they can be had.
pub(super) struct Desk {
    pub(super) session: Session,
    component: String,
    ledger: anyhow::Result<Ledger>,
}

impl Desk {
    pub(super) fn open(place: &Place) -> anyhow::Result<Self> {
        let session = Session::open(place)?;
        let path = place.registry_path(&session.config);
        let registry = path.and_then(|path| Registry::open_in_passing(&path, PATIENCE));
        let ledger = registry.and_then(|registry| session.ledger_in(place, registry));
        Ok(Self { component: session.component(place), session, ledger })
    }

    /// Who works here. Without a registry it is the context's shortest uid.
    pub(super) fn uid(&self) -> anyhow::Result<Uid> {
        match &self.ledger {
            Ok(ledger) => Ok(ledger.actor.uid.clone()),
            Err(_) => self.session.require_uid(None),
        }
    }

    /// Records these steps. Where there is no registry the repo's own journal has them, and the error says why.
    fn record(self, steps: &[Step], made: &[String]) -> anyhow::Result<()> {
        let Self { session, component, ledger } = self;
        let tips = load_tips(&session, steps)?;
        let rows = ledger.as_ref().ok().and_then(|ledger| rows_of(ledger, steps).ok());
        let is_made = |name: &BookmarkName| made.iter().any(|made| made == name.as_str());
        let found = replay(
            steps,
            &Replay {
                rows: rows.as_deref(),
                tip: &|commit| tips.get(commit).cloned(),
                origin: &|name| if is_made(name) { Origin::Bookmark } else { Origin::Found },
                component: &component,
            },
        );
        match ledger {
            Ok(mut ledger) => ledger.record_done(found),
            Err(error) => {
                let actor = session.actor(session.require_uid(None)?);
                write_down(session.repo(), &actor, found)?;
                Err(error)
            }
        }
    }

    /// Brings the record level by asking jj, where its operation store does not tell.
    fn record_by_asking(self) -> anyhow::Result<()> {
        let Self { session, component, ledger } = self;
        let mut ledger = ledger?;
        let rows = session.rows(Some(&ledger.registry))?;
        let graph = session.read_flows()?;
        let survey = Survey::new(graph, rows, &session.config.trunk);
        level(&session, &mut ledger, &component, survey)?;
        Ok(())
    }
}

/// Records what was done to flows since the repo stood at these operations. `desk` where it is open already.
pub(super) fn record(
    place: &Place,
    repo: &jj::Repo,
    before: &[OpId],
    desk: Option<Desk>,
    made: &[String],
) -> anyhow::Result<()> {
    let now = repo.load_heads()?;
    if now == before {
        return Ok(());
    }
    let open = || desk.map_or_else(|| Desk::open(place), Ok);
    match OpStore::open(repo).and_then(|store| store.load_steps(before, &now, &is_flow)) {
        Some(steps) if steps.is_empty() => Ok(()),
        Some(steps) => open()?.record(&steps, made),
        None => open()?.record_by_asking(),
    }
}

/// The rows of the flows that these steps have to do with.
fn rows_of(ledger: &Ledger, steps: &[Step]) -> anyhow::Result<Vec<Flow>> {
    let names: BTreeSet<_> = steps.iter().flat_map(|step| &step.moves).map(|moved| &moved.name).collect();
    let row = |name| ledger.registry.flow(&ledger.repo, name).transpose();
    names.into_iter().filter_map(row).collect()
}

/// The changes of the commits that flows moved to. Those that git has packed away take one process.
fn load_tips(session: &Session, steps: &[Step]) -> anyhow::Result<HashMap<CommitId, Tip>> {
    let store = OpStore::open(session.repo());
    let (mut tips, mut unknown) = (HashMap::new(), Vec::new());
    let targets =
        steps.iter().flat_map(|step| &step.moves).filter_map(|moved| match moved.after.as_slice() {
            [Some(commit)] => Some(commit),
            _ => None,
        });
    for commit in targets {
        match store.as_ref().and_then(|store| store.load_change_id(commit)) {
            Some(change) => _ = tips.insert(commit.clone(), Tip { change, commit: commit.clone() }),
            None => unknown.push(jj::commit(commit)),
        }
    }
    if !unknown.is_empty() {
        let head = session.jj.require_head()?;
        let graph = session.jj.read_at(&head, &unknown.join(" | "))?;
        tips.extend(graph.changes().iter().map(|change| (change.commit.clone(), change.tip())));
    }
    Ok(tips)
}
