//! What the larger events carry.

use serde::{Deserialize, Serialize};

use crate::model::{BookmarkName, ChangeId, CommitId, OpId, Tip};

/// A landing as it was planned: enough to see afterwards, from jj alone, whether it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Landing {
    /// The landing's own key, which later events name.
    pub(crate) landing: String,
    pub(crate) parent: BookmarkName,
    /// The operation that the plan was read at.
    pub(crate) base: OpId,
    /// The last operation of the speculative chain, which the parent's move is published on.
    pub(crate) chain: OpId,
    pub(crate) parent_from: CommitId,
    /// The change of that commit: it stays where the commit is rebased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent_change: Option<ChangeId>,
    /// The commit that the parent moves to: the flow's tip as it lands.
    pub(crate) parent_to: CommitId,
    /// The flow's tip before the landing.
    pub(crate) tip: Tip,
    /// How many changes land.
    pub(crate) changes: u32,
    /// Which they are.
    #[serde(default)]
    pub(crate) landed: Vec<ChangeId>,
    /// Whether the flow's changes are rebased, or the parent only moves forward.
    pub(crate) rebased: bool,
    /// The proof: the verification that this very tree has passed, by its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) verification: Option<String>,
}

/// What a verification was run on, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verification {
    /// The verification's own key, which landings name.
    pub(crate) verification: String,
    /// The git tree that was checked out: 40 hex digits.
    pub(crate) tree: String,
    pub(crate) commit: CommitId,
    /// The hook as config has it.
    pub(crate) command: String,
    pub(crate) passed: bool,
    /// How it ended: `exit 0`, `signal 9`, `timed out`.
    pub(crate) ending: String,
    pub(crate) milliseconds: u64,
    /// The end of what it printed.
    pub(crate) tail: String,
}

/// A rebase with a conflict in it, and where the flow was before: what `jj flow abort` brings back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conflict {
    /// The conflict's own key, which later events name.
    pub(crate) conflict: String,
    /// What the flow was to land on, and where that was.
    pub(crate) parent: BookmarkName,
    pub(crate) parent_at: CommitId,
    /// The operation before the rebase, and the rebase.
    pub(crate) base: OpId,
    pub(crate) chain: OpId,
    /// The flow's changes before the rebase, children before parents.
    pub(crate) before: Vec<Tip>,
    /// What the lowest of them stood on.
    pub(crate) roots: Vec<Root>,
    /// Whether it met a landing; else a restack.
    pub(crate) lands: bool,
    /// Whether the parent was to be pushed afterwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) push: bool,
}

/// One of a flow's lowest changes, and the commits that it stood on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) change: ChangeId,
    pub(crate) parents: Vec<CommitId>,
}
