//! Who writes, and the events that come of what was done or found.

use jiff::Timestamp;

use crate::env;
use crate::event::{Event, Found, Origin, What};
use crate::journal::short_hash;
use crate::model::{BookmarkName, OpId};
use crate::name::Uid;

/// Who writes: the uid, and the context that it stands for where that is known.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) uid: Uid,
    pub(crate) context: Option<String>,
}

impl Actor {
    pub(super) fn events(
        &self,
        now: Timestamp,
        op: Option<&OpId>,
        events: Vec<(BookmarkName, What)>,
    ) -> anyhow::Result<Vec<Event>> {
        let event = |(flow, mut what)| {
            if let What::Created { context, .. } = &mut what {
                context.clone_from(&self.context);
            }
            let actor = self.uid.to_string();
            Ok(Event { key: env::random_key()?, at: now, actor, flow, op: op.cloned(), aside: false, what })
        };
        events.into_iter().map(event).collect()
    }

    /// What was found has the same key whoever finds it, and whatever else they know of it: two who do are one.
    pub(super) fn found(&self, found: Vec<Found>) -> Vec<Event> {
        let event = |Found { flow, mut what, op, at, is_cause, is_aside }| {
            let to = if let What::Moved { tip } = &what { tip.commit.as_str() } else { "" };
            let key = short_hash(&format!("{op} {flow} {} {to}", what.kind()));
            if let What::Created { context, origin: Origin::Bookmark, .. } = &mut what {
                context.clone_from(&self.context);
            }
            let (actor, op) = (self.uid.to_string(), Some(op).filter(|_| is_cause));
            Event { key, at, actor, flow, op, aside: is_aside, what }
        };
        found.into_iter().map(event).collect()
    }
}
