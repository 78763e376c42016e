//! What happened to a repo's flows since the registry last looked: a pure comparison.

use crate::event::{Origin, What};
use crate::graph::Target;
use crate::model::BookmarkName;
use crate::survey::Survey;

/// The events that make the survey's rows agree with its bookmarks: some appeared, moved or are gone. A conflicted
/// bookmark is neither.
pub(crate) fn diff(survey: &Survey, component: &str) -> Vec<(BookmarkName, What)> {
    let mut events = Vec::new();
    for flow in &survey.flows {
        let name = flow.name.bookmark();
        let Some(tip) = survey.tip(flow).map(|tip| tip.tip()) else { continue };
        match &flow.row {
            Some(row) if row.tip == tip || !row.status.is_open() => {}
            Some(_) => events.push((name, What::Moved { tip })),
            None => {
                events.push((name, What::created(tip, flow.parent.clone(), component, Origin::Found)));
            }
        }
    }
    let gone = survey.rows.iter().filter(|row| survey.graph.bookmark(&row.bookmark) == Target::Absent);
    events.extend(gone.map(|row| (row.bookmark.clone(), What::Deleted {})));
    events
}
