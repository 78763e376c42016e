//! What a flow lands on, and where exactly. Pure.

use super::plan::Request;
use crate::error::{Failure, Kind, refuse};
use crate::graph::{Change, Target};
use crate::model::BookmarkName;
use crate::name::FlowName;
use crate::survey::Survey;
use crate::text::quoted;

/// The bookmark to land on, and where: a flow's newest work, which its bookmark follows, else the bookmark itself.
pub(super) fn find_parent<'a>(
    survey: &'a Survey,
    request: &Request<'_>,
) -> anyhow::Result<(BookmarkName, &'a Change)> {
    let name = &request.flow.name;
    let Some(parent) = request.into.clone().or_else(|| survey.landing_parent(request.flow)) else {
        let message = format!("Could not land {name}: this repo has no trunk to land on");
        let known = survey.graph.changes().iter().filter(|change| change.trunk);
        let named = survey.trunk_name.as_ref();
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
                format!("jj bookmark create {trunk} --revision 'parents({name})'")
            }
        };
        return Err(Failure::new(Kind::NoParent, message).hint(hint).into());
    };
    if parent == name.bookmark() {
        refuse!(Usage, "Could not land {name} on itself");
    }
    let at = single(survey, &parent)?;
    match survey.flow(&parent).filter(|flow| flow.status.is_open()) {
        Some(flow) => Ok((parent, only(survey.landing_places(flow), &flow.name, "work goes on in")?)),
        None => Ok((parent, at)),
    }
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
