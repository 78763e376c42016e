//! The repo a command writes to, opened and brought up to date, and the flow that it is about.

use serde_json::Value;

use super::Call;
use crate::error::{Failure, Kind};
use crate::event::{Origin, What};
use crate::graph::Change;
use crate::jj;
use crate::journal::Journal;
use crate::landing::settle;
use crate::ledger::Ledger;
use crate::model::{BookmarkName, ChangeId};
use crate::name::FlowName;
use crate::output::{flow_json, plain};
use crate::projection::diff;
use crate::session::{Session, find_named};
use crate::survey::{Standing, Survey};

/// A repo ready to be written to. The registry is opened first: where it cannot be, nothing has been touched.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) session: Session,
    pub(super) ledger: Ledger,
    pub(super) component: String,
}

impl Desk {
    /// The same for a command that makes a flow: it is the only one in this repo until it ends.
    pub(super) fn open_to_make(call: &Call) -> anyhow::Result<Self> {
        let mut desk = Self::open(call)?;
        desk.ledger.begin_making()?;
        Ok(desk)
    }

    /// Opens repo and registry, and settles what a crash left open.
    pub(super) fn open(call: &Call) -> anyhow::Result<Self> {
        let session = open_session(call)?;
        let mut ledger = session.open_ledger(&call.place)?;
        settle(&session.jj, &mut ledger)?;
        let component = session.component(&call.place);
        Ok(Self { session, ledger, component })
    }

    /// The flows as they stand now, and the bookmarks of `also` among them; the registry is brought level with them.
    pub(super) fn survey(&mut self, also: &[BookmarkName]) -> anyhow::Result<Survey> {
        let survey = self.session.survey(Some(&self.ledger.registry), also)?;
        let events = diff(&survey, &self.component);
        let found = !events.is_empty();
        self.ledger.record_found(self.session.now, &survey.graph.op, events)?;
        if !found {
            return Ok(survey);
        }
        let rows = self.session.rows(Some(&self.ledger.registry))?;
        Ok(Survey::new(survey.graph, rows, &self.session.config.trunk))
    }

    /// Makes the working copy, which is new or adopted, a flow: first its row, then its bookmark, so that a kill in
    /// between loses neither parent nor maker. Called while the ledger is [making](Ledger::begin_making).
    pub(super) fn make_flow(
        &mut self,
        name: &FlowName,
        parent: Option<BookmarkName>,
        origin: Origin,
    ) -> anyhow::Result<ChangeId> {
        let jj = &self.session.jj;
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

/// Brings the registry level with the repo where operations went on since it last was. Reading goes on without it.
pub(super) fn refresh(call: &Call, session: &Session) -> anyhow::Result<()> {
    let level = || {
        let heads = session.repo().load_heads()?;
        let (Some(registry), Some(repo)) = (session.open_registry(&call.place)?, session.repo_id()) else {
            // A repo that nothing is known of becomes known by its first flow.
            let written = Journal::of(session.repo().dir()).path().exists();
            return Ok(!written && session.survey(None, &[])?.flows.is_empty());
        };
        let compared = registry.compared_at(&repo)?;
        anyhow::Ok(heads.len() == 1 && heads.first() == compared.as_ref())
    };
    let refreshed = level().and_then(|level| {
        if level {
            return Ok(());
        }
        let mut desk = Desk::open(call)?;
        desk.survey(&[])?;
        Ok(())
    });
    match refreshed {
        Err(error) if matches!(Failure::of(&error).kind, Kind::Registry | Kind::Raced | Kind::Io) => {
            warn_behind(call, &error)
        }
        other => other,
    }
}

fn warn_behind(call: &Call, error: &anyhow::Error) -> anyhow::Result<()> {
    let text = format!("Warning: the registry is behind this repo and will follow: {error:#}");
    Ok(call.out.note(&plain(&text))?)
}

/// The repo, with its complaints told and its colours followed.
pub(super) fn open_session(call: &Call) -> anyhow::Result<Session> {
    let session = Session::open(&call.place)?;
    for complaint in &session.complaints {
        call.out.note(&format!("Warning: {complaint}."))?;
    }
    Ok(session)
}

/// The flow that was named, or the current one.
pub(super) fn find_flow<'a>(survey: &'a Survey, named: Option<&str>) -> anyhow::Result<&'a Standing> {
    let Some(text) = named else {
        return survey.current().ok_or_else(|| {
            Failure::new(Kind::NoCurrentFlow, "There is no flow here: @ stands on none")
                .hint("jj flow new research")
                .into()
        });
    };
    let name = find_name(survey.flows.iter().map(|flow| &flow.name), text)?;
    let found = survey.flows.iter().find(|flow| flow.name == *name);
    found.ok_or_else(|| unknown(text))
}

/// The one name that a text stands for: in full, or its end.
pub(super) fn find_name<'a>(
    names: impl Iterator<Item = &'a FlowName>,
    text: &str,
) -> anyhow::Result<&'a FlowName> {
    match find_named(names, text) {
        Ok(Some(name)) => Ok(name),
        Ok(None) => Err(unknown(text)),
        Err(several) => {
            let list: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let message = format!("{text} may be any of {}", list.join(", "));
            Err(Failure::new(Kind::UnknownFlow, message).hint(format!("jj flow show {}", list[0])).into())
        }
    }
}

pub(super) fn unknown(text: &str) -> anyhow::Error {
    Failure::new(Kind::UnknownFlow, format!("There is no flow {text} in this repo"))
        .hint("jj flow list")
        .into()
}

/// A name that no bookmark of the repo may have yet, in whatever case.
pub(super) fn require_free(survey: &Survey, name: &FlowName) -> anyhow::Result<()> {
    let taken = |name: &FlowName| {
        let flow = survey.flows.iter().find(|flow| flow.name.as_str().eq_ignore_ascii_case(name.as_str()));
        let known =
            flow.map(|flow| format!("There is a flow {} already, and it is {}", flow.name, flow.status));
        let mut remotes = survey.graph.changes().iter().flat_map(|change| &change.remotes);
        let mut remote = || remotes.find(|remote| remote.name.as_str().eq_ignore_ascii_case(name.as_str()));
        known.or_else(|| remote().map(|at| format!("There is a flow {} at {} already", at.name, at.remote)))
    };
    let Some(message) = taken(name) else { return Ok(()) };
    let free = (2..1000).find_map(|number| {
        let name = FlowName::parse(&format!("{name}{number}")).ok()?;
        taken(&name).is_none().then_some(name)
    });
    let failure = Failure::new(Kind::NameTaken, message);
    Err(match free {
        Some(free) if free.depth() == 1 => failure.hint(format!("jj flow new {}", free.intent())).into(),
        Some(free) => failure.hint(format!("jj flow new {free}")).into(),
        None => failure.into(),
    })
}
