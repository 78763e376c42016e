//! What happens to flows, as values: one event is one line of the journal and one row of the event log.
//!
//! Applying the journal's events in order to an empty registry gives the registry back, so an event carries
//! everything that its rows need. New fields are optional; a kind that is not known is passed over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{BookmarkName, CommitId, OpId, Status, Tip};

/// One event of one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// 16 hex digits that make an event the same wherever it is written down.
    pub(crate) key: String,
    pub(crate) at: Timestamp,
    /// The uid of whoever did it, or `sql` for a change made in the database itself.
    pub(crate) actor: String,
    pub(crate) flow: BookmarkName,
    /// The jj operation that did it, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) op: Option<OpId>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened. The tag is the `kind` of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum What {
    /// The flow's bookmark and row were made.
    Created {
        tip: Tip,
        #[serde(default)]
        parent: Option<BookmarkName>,
        component: String,
        origin: Origin,
        /// The context that the actor's uid stands for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// Its bookmark or its tip went to another commit.
    Moved { tip: Tip },
    /// Its bookmark got another name.
    Renamed { to: BookmarkName },
    /// Its bookmark is gone; the row stays.
    Deleted {},
    /// Its status changed by somebody's word.
    Status {
        #[serde(default)]
        from: Option<Status>,
        to: Status,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A landing is about to be published.
    Landing(Landing),
    /// The landing was published, and the flow is `merged`.
    Landed {
        landing: String,
        tip: Tip,
        /// The publishing operation, read back.
        #[serde(default)]
        operation: Option<OpId>,
    },
    /// The landing that was about to be published never was.
    Dropped { landing: String },
}

/// How a flow came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// `jj flow new`.
    New,
    /// `jj flow sub`.
    Sub,
    /// `jj bookmark create` or `set` through the shim.
    Bookmark,
    /// `jj flow adopt`.
    Adopt,
    /// A bookmark with a flow's name that was found in the repo.
    Found,
}

/// A landing as it was planned: enough to see afterwards, from jj alone, whether it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Landing {
    /// The landing's own key, which later events name.
    pub(crate) landing: String,
    pub(crate) parent: BookmarkName,
    /// The operation that the plan was read at.
    pub(crate) base: OpId,
    /// The last operation of the speculative chain.
    pub(crate) chain: OpId,
    pub(crate) parent_from: CommitId,
    /// The commit that the parent moves to: the flow's tip as it lands.
    pub(crate) parent_to: CommitId,
    /// The flow's tip before the landing.
    pub(crate) tip: Tip,
    /// How many changes land.
    pub(crate) changes: u32,
    /// Whether the flow's changes are rebased, or the parent only moves forward.
    pub(crate) rebased: bool,
}

impl Event {
    /// The event as one line of JSON, without its newline.
    pub(crate) fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an event is plain data with text keys")
    }
}

impl What {
    /// A flow that was just made; the ledger adds who its maker is.
    pub(crate) fn created(tip: Tip, parent: Option<BookmarkName>, component: &str, origin: Origin) -> Self {
        Self::Created { tip, parent, component: component.to_owned(), origin, context: None }
    }

    /// The word of the event log.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Moved { .. } => "moved",
            Self::Renamed { .. } => "renamed",
            Self::Deleted {} => "deleted",
            Self::Status { .. } => "status",
            Self::Landing(_) => "landing",
            Self::Landed { .. } => "landed",
            Self::Dropped { .. } => "dropped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: What) -> Event {
        Event {
            key: "0123456789abcdef".into(),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            actor: "a8f2".into(),
            flow: BookmarkName::new("a8f2--research"),
            op: Some(OpId::new("0123456789ab")),
            what,
        }
    }

    fn tip() -> Tip {
        Tip { change: crate::model::ChangeId::new("kkkk"), commit: CommitId::new("abcd") }
    }

    #[test]
    fn every_kind_survives_a_line() {
        let landing = Landing {
            landing: "l".into(),
            parent: BookmarkName::new("main"),
            base: OpId::new("b"),
            chain: OpId::new("c"),
            parent_from: CommitId::new("1"),
            parent_to: CommitId::new("2"),
            tip: tip(),
            changes: 2,
            rebased: true,
        };
        let all = [
            What::created(tip(), None, "c", Origin::New),
            What::Moved { tip: tip() },
            What::Renamed { to: BookmarkName::new("b1c4--docs") },
            What::Deleted {},
            What::Status {
                from: Some(Status::InProgress),
                to: Status::Failed,
                reason: Some("no\nluck".into()),
            },
            What::Landing(landing),
            What::Landed { landing: "l".into(), tip: tip(), operation: None },
            What::Dropped { landing: "l".into() },
        ];
        for what in all {
            let event = event(what);
            let line = event.to_line();
            assert!(line.contains(&format!("\"kind\":\"{}\"", event.what.kind())), "{line}");
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        }
    }
}
