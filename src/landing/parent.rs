//! What a flow lands on, and where exactly. Pure.

use super::plan::Request;
use crate::error::{Failure, Kind, refuse};
use crate::graph::{Change, Target};
use crate::model::{BookmarkName, ChangeId};
use crate::name::FlowName;
use crate::survey::{Standing, Survey};
use crate::text::quoted;

/// Fails where a flow has nothing to land on, as its landing would.
pub(crate) fn require_parent(survey: &Survey, flow: &Standing) -> anyhow::Result<()> {
    parent_of(survey, flow, None).map(|_| ())
}

/// The bookmark to land on, and where: a flow's newest work, which its bookmark follows, else the bookmark itself.
pub(super) fn find_parent<'a>(
    survey: &'a Survey,
    request: &Request<'_>,
) -> anyhow::Result<(BookmarkName, &'a Change)> {
    let name = &request.flow.name;
    let (parent, at) = parent_of(survey, request.flow, request.into.clone())?;
    if parent == name.bookmark() {
        refuse!(Usage, "Could not land {name} on itself");
    }
    match survey.flow(&parent).filter(|flow| flow.status.is_open()) {
        Some(flow) => Ok((parent, only(survey.landing_places(flow), &flow.name, "work goes on in")?)),
        None => Ok((parent, at)),
    }
}

/// The bookmark to land on, and what it points at.
fn parent_of<'a>(
    survey: &'a Survey,
    flow: &Standing,
    into: Option<BookmarkName>,
) -> anyhow::Result<(BookmarkName, &'a Change)> {
    let (name, is_told) = (&flow.name, into.is_some());
    let Some(parent) = into.or_else(|| survey.landing_parent(flow)) else {
        let known = survey.graph.changes().iter().filter(|change| change.trunk);
        let named = survey.trunk_name.as_ref();
        let why = named
            .map_or("this repo has no trunk".to_owned(), |trunk| format!("there is no bookmark {trunk}"));
        let message = format!("Could not land {name}: {why} to land on");
        let mut remotes = known.flat_map(|change| &change.remotes);
        let remote = remotes.find(|remote| named.is_none_or(|named| remote.name == *named));
        let hint = match remote {
            Some(remote) => format!(
                "jj bookmark track {} --remote {}",
                quoted(remote.name.as_str()),
                quoted(&remote.remote)
            ),
            None => {
                let trunk = quoted(named.map_or("main", BookmarkName::as_str));
                let first = flow.row.as_ref().and_then(|row| row.first.as_ref());
                let first = first.filter(|first| survey.ahead(flow).iter().any(|own| own.id == **first));
                let first = first.map_or(name.as_str(), ChangeId::short);
                format!("jj bookmark create {trunk} --revision 'parents({first})'")
            }
        };
        return Err(Failure::new(Kind::NoParent, message).hint(hint).into());
    };
    // Its parent's bookmark was deleted, which was a flow's.
    if let (Target::Absent, false, Some(trunk)) = (survey.graph.bookmark(&parent), is_told, &survey.trunk) {
        let message = format!("Could not land {name}: its parent {parent} is gone");
        let hint = format!("jj flow done {name} --into {}", quoted(trunk.as_str()));
        return Err(Failure::new(Kind::NoParent, message).hint(hint).into());
    }
    let at = single(survey, &parent)?;
    Ok((parent, at))
}

/// The one change that a bookmark points at.
pub(super) fn single<'a>(survey: &'a Survey, name: &BookmarkName) -> anyhow::Result<&'a Change> {
    match survey.graph.bookmark(name) {
        Target::At(change) => Ok(change),
        Target::Absent => {
            let message = format!("Could not find the bookmark {name}");
            Err(Failure::new(Kind::NoParent, message).hint("jj bookmark list --all-remotes").into())
        }
        Target::Conflicted => {
            let message = format!("The bookmark {name} is conflicted: it has more than one target");
            let hint = format!("jj bookmark list {}", quoted(&format!("exact:{:?}", name.as_str())));
            Err(Failure::new(Kind::ConflictedBookmark, message).hint(hint).into())
        }
    }
}

/// The only one of a flow's newest changes: nobody can tell which of several is meant.
pub(super) fn only<'a>(tips: Vec<&'a Change>, name: &FlowName, what: &str) -> anyhow::Result<&'a Change> {
    let [tip] = tips.as_slice() else {
        let several: Vec<&str> = tips.iter().map(|tip| tip.id.short()).collect();
        let message = format!("{name} has several ends: its {what} {}", several.join(", "));
        let hint = format!("jj new {} --message 'merge them'", several.join(" "));
        return Err(Failure::new(Kind::SeveralTips, message).hint(hint).into());
    };
    Ok(tip)
}
