//! What happens to flows, as values: one event is one line of the journal and one row of the event log.
//!
//! Applying the journal's events in order to an empty registry gives the registry back, so an event carries
//! everything that its rows need. New fields are optional; a kind that is not known is passed over.

mod details;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use details::{Conflict, Landing, Root, Verification};

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
    /// It was told after something later was: it stands in the log, and the row stays as it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) aside: bool,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What was found to have happened to a flow, and the operation that did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) flow: BookmarkName,
    pub(crate) what: What,
    pub(crate) op: OpId,
    /// When the operation ended.
    pub(crate) at: Timestamp,
    /// Whether the operation did it; else it was only seen there.
    pub(crate) is_cause: bool,
    /// As in [`Event::aside`].
    pub(crate) is_aside: bool,
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
    /// Its bookmark has several targets, or none that is sure: jj's conflicted bookmark.
    Conflicted {
        /// As jj's templates tell it: added, removed, added, with nulls for absence.
        #[serde(default)]
        targets: Vec<Option<CommitId>>,
    },
    /// Its change has more than one commit.
    Divergent {},
    /// It is neither conflicted nor divergent any more.
    Clear {},
    /// Its tip came into its parent by other means than `jj flow done`, and the flow is `merged`.
    Elsewhere {
        /// The key of this landing.
        landing: String,
        parent: BookmarkName,
        tip: Tip,
    },
    /// Its parent has lost the landing by other means than `jj flow undo`: the flow is `in-progress` again.
    TakenBack { landing: String },
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
    /// A landing is about to be taken back.
    Undoing { landing: String },
    /// It has been taken back: the parent is where it was before, and the flow at `success`.
    Undone { landing: String },
    /// It was to be taken back and never was.
    Kept { landing: String },
    /// The parent's bookmark, with the landing in it, is at this remote.
    Pushed { landing: String, remote: String },
    /// A command was run on the tree that would land.
    Verified(Verification),
    /// A rebase that is about to be published brings a conflict into the flow's own changes.
    Conflict(Conflict),
    /// The conflict of a restack was resolved; that of a landing is when it lands.
    Resolved { conflict: String },
    /// The conflict was given up, and the flow is back where it was before.
    Aborted { conflict: String },
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

impl Event {
    /// The event as one line of JSON, without its newline.
    pub(crate) fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an event is plain data with text keys")
    }
}

impl What {
    /// Every word of the event log.
    pub(crate) const KINDS: [&str; 21] = [
        "created",
        "moved",
        "renamed",
        "deleted",
        "conflicted",
        "divergent",
        "clear",
        "elsewhere",
        "taken-back",
        "status",
        "landing",
        "landed",
        "dropped",
        "undoing",
        "undone",
        "kept",
        "pushed",
        "verified",
        "conflict",
        "resolved",
        "aborted",
    ];

    /// A flow that was just made; the ledger adds who its maker is.
    pub(crate) fn created(tip: Tip, parent: Option<BookmarkName>, component: &str, origin: Origin) -> Self {
        Self::Created { tip, parent, component: component.to_owned(), origin, context: None }
    }

    /// The key of the landing that this has become of: one that was planned here.
    pub(crate) fn settles(&self) -> Option<&str> {
        match self {
            Self::Landed { landing, .. }
            | Self::Dropped { landing }
            | Self::Undoing { landing }
            | Self::Undone { landing }
            | Self::Kept { landing }
            | Self::Pushed { landing, .. } => Some(landing),
            _ => None,
        }
    }

    /// The word of the event log.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Moved { .. } => "moved",
            Self::Renamed { .. } => "renamed",
            Self::Deleted {} => "deleted",
            Self::Conflicted { .. } => "conflicted",
            Self::Divergent {} => "divergent",
            Self::Clear {} => "clear",
            Self::Elsewhere { .. } => "elsewhere",
            Self::TakenBack { .. } => "taken-back",
            Self::Status { .. } => "status",
            Self::Landing(_) => "landing",
            Self::Landed { .. } => "landed",
            Self::Dropped { .. } => "dropped",
            Self::Undoing { .. } => "undoing",
            Self::Undone { .. } => "undone",
            Self::Kept { .. } => "kept",
            Self::Pushed { .. } => "pushed",
            Self::Verified(_) => "verified",
            Self::Conflict(_) => "conflict",
            Self::Resolved { .. } => "resolved",
            Self::Aborted { .. } => "aborted",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::ChangeId;

    fn event(what: What) -> Event {
        Event {
            key: "0123456789abcdef".into(),
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            actor: "a8f2".into(),
            flow: BookmarkName::new("a8f2--research"),
            op: Some(OpId::new("0123456789ab")),
            aside: false,
            what,
        }
    }

    fn tip() -> Tip {
        Tip { change: ChangeId::new("kkkk"), commit: CommitId::new("abcd") }
    }

    #[test]
    fn every_kind_survives_a_line() {
        let landing = Landing {
            landing: "l".into(),
            parent: BookmarkName::new("main"),
            base: OpId::new("b"),
            chain: OpId::new("c"),
            parent_from: CommitId::new("1"),
            parent_change: Some(ChangeId::new("k")),
            parent_to: CommitId::new("2"),
            tip: tip(),
            changes: 2,
            landed: vec![ChangeId::new("kkkk")],
            rebased: true,
            verification: None,
        };
        let verification = Verification {
            verification: "v".into(),
            tree: "t".into(),
            commit: CommitId::new("2"),
            command: "true".into(),
            passed: true,
            ending: "exit 0".into(),
            milliseconds: 5,
            tail: "fine\n".into(),
        };
        let conflict = Conflict {
            conflict: "x".into(),
            parent: BookmarkName::new("main"),
            parent_at: CommitId::new("1"),
            base: OpId::new("b"),
            chain: OpId::new("c"),
            before: vec![tip()],
            roots: vec![Root { change: ChangeId::new("k"), parents: vec![CommitId::new("0")] }],
            lands: true,
            push: true,
        };
        let all = [
            What::created(tip(), None, "c", Origin::New),
            What::Moved { tip: tip() },
            What::Renamed { to: BookmarkName::new("b1c4--docs") },
            What::Deleted {},
            What::Conflicted { targets: vec![None] },
            What::Divergent {},
            What::Clear {},
            What::Elsewhere { landing: "l".into(), parent: BookmarkName::new("main"), tip: tip() },
            What::TakenBack { landing: "l".into() },
            What::Status {
                from: Some(Status::InProgress),
                to: Status::Failed,
                reason: Some("no\nluck".into()),
            },
            What::Landing(landing),
            What::Landed { landing: "l".into(), tip: tip(), operation: None },
            What::Dropped { landing: "l".into() },
            What::Undoing { landing: "l".into() },
            What::Undone { landing: "l".into() },
            What::Kept { landing: "l".into() },
            What::Pushed { landing: "l".into(), remote: "origin".into() },
            What::Verified(verification),
            What::Conflict(conflict),
            What::Resolved { conflict: "x".into() },
            What::Aborted { conflict: "x".into() },
        ];
        assert_eq!(
            all.each_ref().map(What::kind).iter().collect::<HashSet<_>>(),
            What::KINDS.iter().collect()
        );
        for what in all {
            let event = event(what);
            let line = event.to_line();
            assert!(line.contains(&format!("\"kind\":\"{}\"", event.what.kind())), "{line}");
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        }
    }
}
