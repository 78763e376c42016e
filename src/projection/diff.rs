//! How a repo's bookmarks differ from what its rows will be: a pure comparison.

use std::collections::HashMap;

use super::history::Known;
use crate::event::{Origin, What};
use crate::graph::{Change, Target};
use crate::model::{BookmarkName, Trouble};
use crate::survey::{Standing, Survey};

/// The events that make the rows agree with the survey's bookmarks: some appeared, moved, are gone, or have no one tip.
/// The row of what has landed stays as it landed.
pub(super) fn diff(
    survey: &Survey,
    known: &HashMap<BookmarkName, Known>,
    component: &str,
) -> Vec<(BookmarkName, What)> {
    let mut events = Vec::new();
    for flow in &survey.flows {
        let name = flow.name.bookmark();
        let targets: Vec<&Change> = survey.graph.targets(&name).collect();
        let (tip, trouble) = match survey.target(flow) {
            Target::At(at) => (survey.recorded_tip(flow), at.divergent.then_some(Trouble::Divergent)),
            Target::Conflicted => (targets.first().copied(), Some(Trouble::Conflicted)),
            Target::Absent => continue,
        };
        let Some(tip) = tip.map(Change::tip) else { continue };
        let known = known.get(&name);
        match known {
            None => events.push((name.clone(), created(flow, tip, component))),
            Some(known) if known.tip == tip || !known.status.is_open() => {}
            Some(_) if trouble == Some(Trouble::Conflicted) => {}
            Some(_) => events.push((name.clone(), What::Moved { tip })),
        }
        if known.and_then(|known| known.trouble) != trouble {
            let what = match trouble {
                None => What::Clear {},
                Some(Trouble::Divergent) => What::Divergent {},
                Some(Trouble::Conflicted) => {
                    let commits = targets.iter().map(|change| Some(change.commit.clone()));
                    What::Conflicted { targets: commits.collect() }
                }
            };
            events.push((name, what));
        }
    }
    let mut gone: Vec<&BookmarkName> =
        known.keys().filter(|name| survey.graph.bookmark(name) == Target::Absent).collect();
    gone.sort();
    events.extend(gone.into_iter().map(|name| (name.clone(), What::Deleted {})));
    events
}

fn created(flow: &Standing, tip: crate::model::Tip, component: &str) -> What {
    let parent = flow.name.parent().map(|parent| parent.bookmark());
    What::created(tip, parent, component, Origin::Found)
}
