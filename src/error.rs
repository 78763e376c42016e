//! What can go wrong, as the user meets it: a kind with its code and exit status, a message, a hint that runs.

use std::fmt;

/// One kind a line: its name here, its word in `error.code` of the JSON output, and what it means. Words are part of
/// the JSON contract: they are added to, never changed.
macro_rules! kinds {
    ($($kind:ident $code:literal $meaning:literal,)+) => {
        /// The kinds of failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($kind),+ }

        impl Kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word in `error.code` of the JSON output.
            pub(crate) fn code(self) -> &'static str {
                match self { $(Self::$kind => $code),+ }
            }

            /// What the code tells whoever reads it.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$kind => $meaning),+ }
            }
        }
    };
}

kinds! {
    Usage "usage" "wrong usage",
    NotARepo "not-a-repo" "there is no jj repo, or no such folder",
    NoCurrentFlow "no-current-flow" "@ stands on no flow, and none was named",
    UnknownFlow "unknown-flow" "no flow has that name, or several may be meant",
    UnknownRepo "unknown-repo" "no such repo is on record",
    NameRefused "name-refused" "no flow can have that name",
    NameTaken "name-taken" "there is such a flow or bookmark already",
    IllegalTransition "illegal-transition" "a flow of that status cannot become what was asked",
    NothingToLand "nothing-to-land" "the flow has no changes over its parent",
    NoParent "no-parent" "there is nothing to land on",
    OpenSubflows "open-subflows" "sub-flows are still open",
    OtherFlows "other-flows-beneath" "changes of other open flows lie beneath",
    SeveralTips "several-tips" "the flow's work goes on in several places",
    Divergent "divergent" "a change has several commits",
    ConflictedBookmark "conflicted-bookmark" "a bookmark has several targets",
    Undescribed "undescribed" "a change has no description",
    Conflicted "already-conflicted" "a change is in conflict already",
    Immutable "immutable" "a change may not be rewritten",
    BehindRemote "behind-remote" "the parent does not stand on what its remote has",
    TooLarge "too-large" "files are too large for jj to snapshot",
    DeepRebase "deep-rebase" "more would be rebased than the guard allows",
    Conflict "conflict" "the landing met a conflict; `details` is the packet",
    NoConflict "no-conflict" "no landing of the flow has met a conflict",
    Verification "verification-failed" "the verification did not pass; nothing landed",
    UntrustedHook "untrusted-hook" "a repo's own hook is not approved",
    NotLanded "not-landed" "the flow has not landed",
    LaterLandings "later-landings" "the parent has moved on since",
    Pushed "pushed" "the landing is at a remote already",
    NoRemote "no-remote" "it is not clear where to push",
    Push "push-failed" "the push was refused",
    Raced "raced" "others were faster every time; try again",
    Busy "busy" "somebody else holds the lock; try again",
    TimedOut "timed-out" "it took longer than it may",
    Interrupted "interrupted" "interrupted while a hook ran; nothing landed",
    Registry "registry" "the registry cannot be opened or written",
    NoJj "no-jj" "no jj was found",
    OldJj "old-jj" "this jj is too old",
    Jj "jj-failed" "a jj command failed",
    Git "git-failed" "a git command failed",
    Config "config" "the config or the environment does not allow it",
    Io "io" "a file could not be read or written",
    PathTaken "path-taken" "there is something at that path already",
    NotInHistory "not-in-history" "the history never had anything at the path",
    Unmergeable "not-mergeable" "a file of an agent's cannot take in or give back jj-flow's part",
}

impl Kind {
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
