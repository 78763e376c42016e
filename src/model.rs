//! The words of the field as types: parsed once, at the edge, and trusted from there on.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Makes a transparent text type: shown, compared and serialised as its text.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(String);

        impl $name {
            pub(crate) fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// A bookmark's name as jj holds it, conforming or not.
    BookmarkName
);
text_type!(
    /// A full change id in jj's reverse hex: 32 letters from `k` to `z`.
    ChangeId
);
text_type!(
    /// A full commit id: 40 hex digits.
    CommitId
);
text_type!(
    /// An operation id: 128 hex digits, or the 12 that a speculative command prints.
    OpId
);
text_type!(
    /// The identity of a repo in the registry: 16 hex digits, kept in the repo's own `flow` folder.
    RepoId
);

impl RepoId {
    /// Whether it is one, and so may be a folder's name.
    pub(crate) fn is_valid(&self) -> bool {
        self.0.len() == 16 && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl ChangeId {
    /// The length that jj's own templates show.
    pub(crate) fn short(&self) -> &str {
        &self.0[..self.0.len().min(8)]
    }
}

impl OpId {
    /// The length that jj's own templates show.
    pub(crate) fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }
}

impl CommitId {
    /// The length that jj's own templates show.
    pub(crate) fn short(&self) -> &str {
        &self.0[..self.0.len().min(8)]
    }
}

/// Where a flow stands. The database holds the same four words and the same transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    InProgress,
    Success,
    Failed,
    Merged,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [Self::InProgress, Self::Success, Self::Failed, Self::Merged];

    /// The word in the registry, in JSON and on screen.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Merged => "merged",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether work may still go on in the flow or its landing is still due.
    pub(crate) fn is_open(self) -> bool {
        self != Self::Merged
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What keeps a flow from having one tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trouble {
    /// Its bookmark is conflicted: it has several targets, or none that is sure.
    Conflicted,
    /// Its change has several commits.
    Divergent,
}

impl Trouble {
    /// The word in the registry, in JSON and on screen.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Conflicted => "conflicted",
            Self::Divergent => "divergent",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Conflicted, Self::Divergent].into_iter().find(|trouble| trouble.as_str() == text)
    }
}

/// A change as it was at one moment: its stable id, and the commit that it then was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tip {
    pub(crate) change: ChangeId,
    pub(crate) commit: CommitId,
}

/// One row of `FlowRegistry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The row's number; it means nothing outside this registry.
    pub(crate) id: i64,
    pub(crate) repo: RepoId,
    /// The folder of the repo's main workspace, as last seen.
    pub(crate) root: String,
    pub(crate) bookmark: BookmarkName,
    pub(crate) component: String,
    pub(crate) status: Status,
    pub(crate) tip: Tip,
    /// The change that it began with, where it was begun and not found; read for one repo's flows alone.
    pub(crate) first: Option<ChangeId>,
    pub(crate) parent: Option<BookmarkName>,
    /// The uid that made the flow.
    pub(crate) actor: String,
    /// Why it failed, where it did.
    pub(crate) reason: Option<String>,
    /// Why it has no one tip, where it has none.
    pub(crate) trouble: Option<Trouble>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// When its bookmark was found to be gone.
    pub(crate) gone_at: Option<Timestamp>,
}
