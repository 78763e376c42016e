//! The landing strip: what a landing works with, and whom it tells.

use camino::Utf8PathBuf;

use super::plan::Plan;
use crate::config::{Config, Hook};
use crate::env;
use crate::error::{Failure, Kind};
use crate::jj::Jj;
use crate::journal::Held;
use crate::ledger::Ledger;
use crate::model::{BookmarkName, CommitId, OpId};
use crate::registry::KnownLanding;

/// What a landing works with.
pub(crate) struct Strip<'a> {
    pub(crate) jj: &'a Jj,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) config: &'a Config,
    /// Tells the person who waits.
    pub(crate) tell: &'a mut dyn FnMut(News<'_>) -> anyhow::Result<()>,
}

/// What somebody who waits wants to know.
#[derive(Debug)]
pub(crate) enum News<'a> {
    /// Another landing on the same parent is under way, by whom it says.
    Waiting {
        parent: &'a BookmarkName,
        holder: Option<String>,
    },
    /// A hook begins.
    Hook {
        name: &'a str,
        command: String,
    },
    /// What a hook prints.
    Output(&'a [u8]),
    Note(String),
}

impl Strip<'_> {
    /// Takes the lock for landings on the plan's parent; whether it had to wait, and the plan may be old.
    pub(super) fn lock(&mut self, plan: &Plan) -> anyhow::Result<(Held, bool)> {
        self.lock_parent(&plan.parent, &format!("{} with {}", self.ledger.actor.uid, plan.flow))
    }

    pub(super) fn lock_parent(&mut self, parent: &BookmarkName, who: &str) -> anyhow::Result<(Held, bool)> {
        if let Some(held) = self.ledger.journal.try_lock_parent(parent, who)? {
            return Ok((held, false));
        }
        let holder = self.ledger.journal.parent_holder(parent);
        (self.tell)(News::Waiting { parent, holder })?;
        Ok((self.ledger.journal.lock_parent(parent, who)?, true))
    }

    /// A landing on record, by its key.
    pub(super) fn known_landing(&self, flow: &BookmarkName, key: &str) -> anyhow::Result<KnownLanding> {
        self.ledger.registry.landing(&self.ledger.repo, key)?.ok_or_else(|| {
            Failure::new(Kind::Registry, format!("Could not find the landing of {flow} on record")).into()
        })
    }

    /// Refuses a hook that came with a repo and that nobody has approved.
    pub(super) fn require_allowed(&self, name: &str, hook: &Hook) -> anyhow::Result<()> {
        if self.ledger.is_allowed(name, hook)? {
            return Ok(());
        }
        let message = format!(
            "This repo's own config sets flow.hooks.{name}, and nobody has approved it here:\n  {}",
            hook.text()
        );
        Err(Failure::new(Kind::UntrustedHook, message).hint("jj flow trust --show").into())
    }

    /// A folder outside all repos for one purpose of this repo; it need not be there yet.
    pub(super) fn scratch(&self, purpose: &str) -> anyhow::Result<Utf8PathBuf> {
        let base = env::cache_dir().ok_or_else(|| {
            Failure::new(Kind::Io, "Could not tell where to work: no home folder is set")
                .hint("XDG_CACHE_HOME=$PWD/.cache jj-flow doctor")
        })?;
        Ok(base.join(purpose).join(self.ledger.repo.as_str()))
    }

    /// What a hook is told of the landing that it runs in.
    pub(super) fn about(&self, plan: &Plan, commit: &CommitId, op: &OpId) -> Vec<(&'static str, String)> {
        vec![
            ("JJ_FLOW_NAME", plan.flow.to_string()),
            ("JJ_FLOW_PARENT", plan.parent.to_string()),
            ("JJ_FLOW_COMMIT", commit.to_string()),
            ("JJ_FLOW_OPERATION", op.to_string()),
            ("JJ_FLOW_REPO", self.jj.repo().main_root().to_string()),
        ]
    }

    /// Passes on what a hook prints. A closed terminal is no reason to give a landing up.
    pub(super) fn show(&mut self, output: &[u8]) {
        let _ = (self.tell)(News::Output(output));
    }
}
