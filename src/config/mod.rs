//! The `[flow]` table of jj's config, understood.

mod complaint;
mod hooks;
#[cfg(test)]
mod tests;
mod understand;
mod values;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use complaint::{Complaint, Fault};
pub(crate) use hooks::{Hook, HookCommand, Tool};
pub(crate) use understand::understand;
pub(crate) use values::duration;

use crate::model::BookmarkName;
use crate::name::exempt::Exempt;
use crate::name::normalise::Rules;
use crate::name::policy::Policy;

/// One setting as it was found: the name without `flow.`, and whether the user's own config or command line
/// set it rather than a repo's.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) personal: bool,
}

/// What a root flow lands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trunk {
    /// The local bookmark behind `trunk()`, which jj's config may name, else main, master or trunk.
    Auto(Option<BookmarkName>),
    /// `none`: root flows stay at `success`.
    None,
    Named(BookmarkName),
}

impl Trunk {
    /// The name that somebody gave: the user, or jj's own config.
    pub(crate) fn named(&self) -> Option<&BookmarkName> {
        match self {
            Self::Named(name) | Self::Auto(Some(name)) => Some(name),
            Self::Auto(None) | Self::None => None,
        }
    }
}

/// Against dragging an old line of work onto today's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// How many changes a landing may rebase.
    pub(crate) max_changes: usize,
    /// How many files they may touch together.
    pub(crate) max_files: usize,
    /// Whether they may add files that the parent ignores.
    pub(crate) allow_ignored: bool,
}

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Forever,
    For(Duration),
}

impl Keep {
    const fn days(days: u64) -> Self {
        Self::For(Duration::from_secs(days * 24 * 60 * 60))
    }

    /// What is older than this is not kept any more; none where everything is.
    pub(crate) fn until(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Forever => None,
            // A time before all times keeps everything too.
            Self::For(time) => now.checked_sub(time).ok(),
        }
    }
}

/// Every setting, with its default where nothing is set.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) policy: Policy,
    pub(crate) rules: Rules,
    pub(crate) exempt: Exempt,
    pub(crate) trunk: Trunk,
    /// Whether jj's `trunk()` is an expression that only jj can tell the meaning of.
    pub(crate) has_own_trunk: bool,
    pub(crate) component: Option<String>,
    pub(crate) component_roots: Vec<String>,
    pub(crate) session_env: Vec<String>,
    pub(crate) registry: Option<String>,
    pub(crate) verify: Option<Hook>,
    /// The hook for verifying is set to what is no command: nobody wants to land unverified then.
    pub(crate) verify_is_broken: bool,
    pub(crate) on_conflict: Option<Hook>,
    pub(crate) conflict_tool: Option<Tool>,
    pub(crate) hook_timeout: Duration,
    /// How many verifications of one repo run at the same time.
    pub(crate) verify_jobs: usize,
    pub(crate) guard: Guard,
    pub(crate) push: bool,
    /// How long the bookmarks of merged flows are kept.
    pub(crate) keep_merged: Keep,
    /// How long events are kept that later ones of the same flow have made of no account.
    pub(crate) keep_events: Keep,
    /// How long repos are kept on record that are not there any more.
    pub(crate) keep_gone: Keep,
    pub(crate) email: Option<String>,
    /// `ui.color`.
    pub(crate) color: Option<String>,
}

/// The settings that there are, for `jj flow config` and `doctor`: name, default as TOML, meaning.
pub(crate) const SETTINGS: &[(&str, &str, &str)] = &[
    (
        "policy",
        "\"rewrite\"",
        "what happens to a new bookmark's name that does not conform: rewrite, strict, warn, off",
    ),
    ("types", "[]", "types beside logic, research, schema and docs"),
    ("default-type", "\"logic\"", "the type that an intent without one gets"),
    ("max-depth", "8", "how many segments a name may have"),
    ("exempt", "[…]", "names that stay as they are, with * and ?; replaces the default list"),
    ("trunk", "unset", "the bookmark that root flows land on; none: they stay at success"),
    ("component", "unset", "this repo's component"),
    ("component-roots", "[\"Components\"]", "folders whose subfolders are components"),
    ("session-env", "[]", "more variables that name an agent's session"),
    ("registry", "unset", "the registry's file; from the user's own config only"),
    (
        "hooks.verify",
        "unset",
        "what must pass on the tree that would land: a line for sh, or a list of words",
    ),
    ("hooks.on-conflict", "unset", "what resolves conflicts, in a workspace of its own, the packet on stdin"),
    ("hook-timeout", "\"30m\"", "how long a hook may take"),
    ("verify-jobs", "2", "how many verifications of one repo run at the same time"),
    ("conflict-tool", "unset", "a merge tool of jj's that is tried on conflicts first"),
    ("guard.max-changes", "200", "how many changes a landing may rebase"),
    ("guard.max-files", "2000", "how many files the rebased changes may touch"),
    ("guard.allow-ignored", "false", "whether rebased changes may add files that the parent ignores"),
    ("push", "false", "whether a landing on the trunk is pushed, as with --push"),
    ("keep-merged", "\"30d\"", "how long jj flow gc keeps the bookmarks of merged flows; forever: always"),
    ("keep-events", "\"90d\"", "how long it keeps moves that later ones followed; forever: always"),
    (
        "keep-gone",
        "\"90d\"",
        "how long it keeps repos on record that are not there any more; from the user's own config only",
    ),
];
