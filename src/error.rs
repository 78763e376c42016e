//! What can go wrong, as the user meets it: a kind with its code and exit status, a message, a hint that runs.

use std::fmt;

/// The kinds of failure. Codes are part of the JSON contract: they are added to, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Usage,
    NotARepo,
    NoCurrentFlow,
    UnknownFlow,
    UnknownRepo,
    NameRefused,
    NameTaken,
    IllegalTransition,
    NothingToLand,
    NoParent,
    OpenSubflows,
    OtherFlows,
    SeveralTips,
    Divergent,
    ConflictedBookmark,
    Undescribed,
    Conflicted,
    Immutable,
    BehindRemote,
    TooLarge,
    DeepRebase,
    Conflict,
    NoConflict,
    Verification,
    UntrustedHook,
    NotLanded,
    LaterLandings,
    Pushed,
    NoRemote,
    Push,
    Raced,
    Busy,
    Interrupted,
    Registry,
    NoJj,
    OldJj,
    Jj,
    Git,
    Config,
    Io,
    Unmergeable,
}

impl Kind {
    /// The word in `error.code` of the JSON output.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::NotARepo => "not-a-repo",
            Self::NoCurrentFlow => "no-current-flow",
            Self::UnknownFlow => "unknown-flow",
            Self::UnknownRepo => "unknown-repo",
            Self::NameRefused => "name-refused",
            Self::NameTaken => "name-taken",
            Self::IllegalTransition => "illegal-transition",
            Self::NothingToLand => "nothing-to-land",
            Self::NoParent => "no-parent",
            Self::OpenSubflows => "open-subflows",
            Self::OtherFlows => "other-flows-beneath",
            Self::SeveralTips => "several-tips",
            Self::Divergent => "divergent",
            Self::ConflictedBookmark => "conflicted-bookmark",
            Self::Undescribed => "undescribed",
            Self::Conflicted => "already-conflicted",
            Self::Immutable => "immutable",
            Self::BehindRemote => "behind-remote",
            Self::TooLarge => "too-large",
            Self::DeepRebase => "deep-rebase",
            Self::Conflict => "conflict",
            Self::NoConflict => "no-conflict",
            Self::Verification => "verification-failed",
            Self::UntrustedHook => "untrusted-hook",
            Self::NotLanded => "not-landed",
            Self::LaterLandings => "later-landings",
            Self::Pushed => "pushed",
            Self::NoRemote => "no-remote",
            Self::Push => "push-failed",
            Self::Raced => "raced",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::Registry => "registry",
            Self::NoJj => "no-jj",
            Self::OldJj => "old-jj",
            Self::Jj => "jj-failed",
            Self::Git => "git-failed",
            Self::Config => "config",
            Self::Io => "io",
            Self::Unmergeable => "not-mergeable",
        }
    }

    /// The exit status; the README's table lists the same numbers.
    pub(crate) fn exit(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Conflict => 3,
            Self::Verification => 4,
            Self::Raced | Self::Busy => 5,
            Self::Registry => 6,
            Self::NoJj | Self::OldJj => 127,
            // As a shell has it for a program that Ctrl-C ended.
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// A failure that the user can do something about.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// A command that can be run as it stands, or nothing.
    pub(crate) hint: Option<String>,
    /// What a program may want to know beside the words.
    pub(crate) details: Option<serde_json::Value>,
    /// The same for a person, on lines of its own.
    pub(crate) text: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, details: None, text: None }
    }

    /// Adds the command that mends it.
    pub(crate) fn hint(mut self, command: impl Into<String>) -> Self {
        self.hint = Some(command.into());
        self
    }

    pub(crate) fn details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The failure in an error's chain, or one that wraps what is not ours.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let found = error.chain().find_map(|cause| cause.downcast_ref::<Self>());
        let message = format!("{error:#}");
        match found {
            Some(own) => Self {
                kind: own.kind,
                message,
                hint: own.hint.clone(),
                details: own.details.clone(),
                text: own.text.clone(),
            },
            None => Self::new(Kind::Io, message),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Returns early with a [`Failure`] of this kind.
macro_rules! refuse {
    ($kind:ident, $($message:tt)+) => {
        return Err($crate::error::Failure::new($crate::error::Kind::$kind, format!($($message)+)).into())
    };
}
pub(crate) use refuse;
