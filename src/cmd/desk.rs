//! The repo that a command works in, opened and brought level with the registry.

use serde_json::Value;

use super::Call;
use crate::error::{Failure, Kind};
use crate::event::{Origin, What};
use crate::graph::Change;
use crate::jj::{self, Jj};
use crate::landing::{News, Strip, settle};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, ChangeId};
use crate::name::FlowName;
use crate::output::{flow_json, plain};
use crate::projection::{self, Look};
use crate::registry::Registry;
use crate::session::{Session, require_jj};
use crate::survey::Survey;

/// A repo ready to be written to. The registry is opened first: where it cannot be, nothing has been touched.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) session: Session,
    pub(super) ledger: Ledger,
    pub(super) component: String,
}

impl Desk {
    /// Opens repo and registry, and settles what a crash left open. The answer then follows jj's colours.
    pub(super) fn open(call: &mut Call) -> anyhow::Result<Self> {
        let session = Session::open_to_work(&call.place)?;
        Self::open_in(call, session)
    }

    /// The same without an operation of its own: for a command that only shows what it would do, or has to wait first.
    pub(super) fn open_quietly(call: &mut Call) -> anyhow::Result<Self> {
        let session = Session::open(&call.place)?;
        Self::open_in(call, session)
    }

    fn open_in(call: &mut Call, session: Session) -> anyhow::Result<Self> {
        greet(call, &session)?;
        Self::of(call, session)
    }

    /// Goes on with a repo that was opened to work, now that there is something to write.
    pub(super) fn of(call: &Call, session: Session) -> anyhow::Result<Self> {
        let mut ledger = session.open_ledger(&call.place)?;
        settle_in(call, &session, &mut ledger)?;
        let component = session.component(&call.place);
        Ok(Self { session, ledger, component })
    }

    /// What a landing in this repo works with.
    pub(super) fn strip<'a>(
        &'a mut self,
        tell: &'a mut dyn FnMut(News<'_>) -> anyhow::Result<()>,
    ) -> Strip<'a> {
        Strip { jj: &self.session.jj, ledger: &mut self.ledger, config: &self.session.config, tell }
    }

    /// The same for a command that makes a flow: it is the only one in this repo until it ends.
    pub(super) fn open_to_make(call: &mut Call) -> anyhow::Result<Self> {
        let mut desk = Self::open_quietly(call)?;
        desk.ledger.begin_making()?;
        Ok(desk)
    }

    /// The flows as they stand now, and the bookmarks of `also` among them; the registry is brought level with them.
    pub(super) fn survey(&mut self, also: &[BookmarkName]) -> anyhow::Result<Survey> {
        survey_level(&self.session, &mut self.ledger, &self.component, also)
    }

    /// Brings the registry level, and gives how many events that took.
    pub(super) fn sync(&mut self) -> anyhow::Result<usize> {
        let survey = self.session.survey(Some(&self.ledger.registry), &[])?;
        find(&self.session, &mut self.ledger, &self.component, &survey)
    }

    /// Makes the working copy, which is new or adopted, a flow, or that of another workspace: first its row, then its bookmark, so that a kill in
    /// between loses neither parent nor maker. Called while the ledger is [making](Ledger::begin_making).
    pub(super) fn make_flow(
        &mut self,
        name: &FlowName,
        parent: Option<BookmarkName>,
        origin: Origin,
        there: Option<&Jj>,
    ) -> anyhow::Result<ChangeId> {
        let jj = there.unwrap_or(&self.session.jj);
        let op = jj.require_head()?;
        let graph = jj.read_at(&op, "@")?;
        let tip = graph.changes().first().map(Change::tip);
        let tip = tip.ok_or_else(|| Failure::new(Kind::Jj, "Could not read the working copy"))?;
        let (bookmark, change) = (name.bookmark(), tip.change.clone());
        let target = format!("--revision={}", jj::commit(&tip.commit));
        let created = What::created(tip, parent, &self.component, origin);
        self.ledger.record(self.session.now, Some(&op), vec![(bookmark.clone(), created)])?;
        let made = jj.run(&["bookmark", "create", &jj::symbol(&bookmark), &target]);
        if made.is_err() {
            self.ledger.record(self.session.now, None, vec![(bookmark, What::Deleted {})])?;
        }
        made.map(|_| change)
    }

    /// Answers, and says where the registry could not follow.
    pub(super) fn answer(&self, call: &Call, text: &str, object: Value) -> anyhow::Result<()> {
        if let Some(error) = &self.ledger.behind {
            warn_behind(call, error)?;
        }
        Ok(call.out.answer(text, object)?)
    }

    /// The row of a flow as the registry has it now.
    pub(super) fn row(&self, name: &BookmarkName) -> Value {
        let row = self.ledger.registry.flow(&self.ledger.repo, name).ok().flatten();
        row.as_ref().map_or(Value::Null, flow_json)
    }
}

/// Opens the repo for a command that has something to write only where it finds something to do.
pub(super) fn open_to_work(call: &mut Call) -> anyhow::Result<Session> {
    let session = Session::open_to_work(&call.place)?;
    greet(call, &session)?;
    Ok(session)
}

/// Opens the repo to read: the registry is brought level where operations went on since it last was, and what was
/// read on the way comes back with it. Where the registry cannot be, reading goes on without it.
pub(super) fn open_to_read(call: &mut Call) -> anyhow::Result<(Session, Option<Survey>)> {
    let session = open_session(call)?;
    let read = match refresh(call, &session) {
        Err(error) if matches!(Failure::of(&error).kind, Kind::Registry | Kind::Raced | Kind::Io) => {
            warn_behind(call, &error)?;
            None
        }
        other => other?,
    };
    Ok((session, read))
}

/// The registry alone, to be asked. It is brought level first where there is a repo to bring level.
pub(super) fn open_registry(call: &mut Call, in_repo: bool) -> anyhow::Result<Registry> {
    if in_repo {
        open_to_read(call)?;
    }
    let (config, _) = call.place.load_config(&require_jj()?)?;
    call.out.follow(config.color.as_deref());
    let path = call.place.registry_path(&config)?;
    let none = || {
        Failure::new(Kind::Registry, format!("There is no registry yet at {path}")).hint("jj flow sync --all")
    };
    Ok(Registry::open_to_read(&path)?.ok_or_else(none)?)
}

/// The same with the flows as they stand. They are jj's before they are the registry's: without one it is the bookmarks
/// that tell.
pub(super) fn read_flows(call: &mut Call) -> anyhow::Result<(Session, Survey)> {
    let (session, read) = open_to_read(call)?;
    if let Some(survey) = read {
        return Ok((session, survey));
    }
    let known =
        session.open_registry(&call.place).and_then(|registry| session.survey(registry.as_ref(), &[]));
    let survey = match known {
        Err(error) if Failure::of(&error).kind == Kind::Registry => session.survey(None, &[])?,
        known => known?,
    };
    Ok((session, survey))
}

fn refresh(call: &Call, session: &Session) -> anyhow::Result<Option<Survey>> {
    match (session.open_registry(&call.place)?, session.repo_id()) {
        (Some(registry), Some(repo)) => {
            let heads = session.repo().load_heads()?;
            let is_level = heads.len() == 1 && heads.first() == registry.compared_at(&repo)?.as_ref();
            if is_level && registry.unsettled_landings(&repo)?.is_empty() {
                return Ok(None);
            }
        }
        // A repo that nothing is known of becomes known by its first flow.
        _ if !session.journal().path().exists() => {
            let survey = session.survey(None, &[])?;
            if survey.flows.is_empty() {
                return Ok(Some(survey));
            }
        }
        _ => {}
    }
    let mut ledger = session.open_ledger(&call.place)?;
    settle_in(call, session, &mut ledger)?;
    survey_level(session, &mut ledger, &session.component(&call.place), &[]).map(Some)
}

/// Settles what a crash left open in a repo.
pub(super) fn settle_in(call: &Call, session: &Session, ledger: &mut Ledger) -> anyhow::Result<()> {
    let mut tell = |news: News<'_>| super::landing::tell(call.out, &news);
    settle(&mut Strip { jj: &session.jj, ledger, config: &session.config, tell: &mut tell })
}

fn survey_level(
    session: &Session,
    ledger: &mut Ledger,
    component: &str,
    also: &[BookmarkName],
) -> anyhow::Result<Survey> {
    let survey = session.survey(Some(&ledger.registry), also)?;
    level(session, ledger, component, survey)
}

/// Brings the record level with what was read.
pub(super) fn level(
    session: &Session,
    ledger: &mut Ledger,
    component: &str,
    survey: Survey,
) -> anyhow::Result<Survey> {
    if find(session, ledger, component, &survey)? == 0 {
        return Ok(survey);
    }
    let rows = session.rows(Some(&ledger.registry))?;
    Ok(Survey::new(survey.graph, rows, &session.config.trunk))
}

/// How many events it took to bring the record level.
fn find(session: &Session, ledger: &mut Ledger, component: &str, survey: &Survey) -> anyhow::Result<usize> {
    let look = Look { jj: &session.jj, trunk: &session.config.trunk, component, now: session.now };
    projection::level(&look, ledger, survey, None, |flow| session.jj.has_no_bookmark(flow))
}

/// Whether a bookmark has a flow's name.
pub(super) fn is_flow(name: &BookmarkName) -> bool {
    FlowName::parse(name.as_str()).is_ok()
}

fn warn_behind(call: &Call, error: &anyhow::Error) -> anyhow::Result<()> {
    let text = format!("Warning: the registry is behind this repo and will follow: {error:#}");
    Ok(call.out.note(&plain(&text))?)
}

fn open_session(call: &mut Call) -> anyhow::Result<Session> {
    let session = Session::open(&call.place)?;
    greet(call, &session)?;
    Ok(session)
}

/// Follows jj's colours, and tells what is wrong with the config.
fn greet(call: &mut Call, session: &Session) -> anyhow::Result<()> {
    call.out.follow(session.config.color.as_deref());
    for complaint in &session.complaints {
        call.out.note(&plain(&format!("Warning: {}", complaint.sentence())))?;
    }
    Ok(())
}
