//! The repo a command writes to, opened and brought up to date, and the flow that it is about.

use super::Call;
use crate::error::{Failure, Kind};
use crate::landing::settle;
use crate::ledger::Ledger;
use crate::model::{BookmarkName, OpId};
use crate::name::FlowName;
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
        if events.is_empty() {
            return Ok(survey);
        }
        self.ledger.record_found(self.session.now, &survey.graph.op, events)?;
        let rows = self.session.rows(Some(&self.ledger.registry))?;
        Ok(Survey::new(survey.graph, rows, &self.session.config.trunk))
    }
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
        survey.flows.iter().find(|flow| flow.name.as_str().eq_ignore_ascii_case(name.as_str()))
    };
    let Some(flow) = taken(name) else { return Ok(()) };
    let message = format!("There is a flow {} already, and it is {}", flow.name, flow.status);
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

/// What `new`, `sub` and `adopt` have in common: the bookmark was just made, and its row follows.
pub(super) fn head_after(desk: &Desk) -> anyhow::Result<(OpId, crate::model::Tip)> {
    let op = desk.session.jj.require_head()?;
    let graph = desk.session.jj.read_at(&op, "@")?;
    let tip = graph.changes().first().map(|change| change.tip());
    Ok((op, tip.ok_or_else(|| Failure::new(Kind::Jj, "Could not read the working copy"))?))
}

/// The row that was just written.
pub(super) fn row_json(desk: &Desk, name: &BookmarkName) -> anyhow::Result<serde_json::Value> {
    let row = desk.ledger.registry.flow(&desk.ledger.repo, name)?;
    Ok(row.as_ref().map_or(serde_json::Value::Null, crate::output::flow_json))
}
