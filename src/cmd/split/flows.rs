//! Flows whose bookmarks come along: their rows in the new repo.

use std::collections::{HashMap, HashSet};

use camino::Utf8Path;

use super::super::desk::{Desk, is_flow};
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Origin, What};
use crate::jj::{Heads, Repo};
use crate::journal::Journal;
use crate::ledger::{Actor, Ledger};
use crate::model::{BookmarkName, ChangeId, CommitId, Flow, Status, Tip};
use crate::name::Uid;
use crate::registry::Registry;
use crate::split::{Names, Outcome, Plan, Source, change_of};

/// The source's flows, as they stand.
#[derive(Debug)]
pub(super) struct Carried {
    rows: HashMap<BookmarkName, Flow>,
    trunk: Option<BookmarkName>,
}

impl Carried {
    pub(super) fn load(desk: &mut Desk, heads: &Heads) -> anyhow::Result<Self> {
        if !heads.bookmarks.iter().any(|(name, _)| is_flow(name)) {
            return Ok(Self { rows: HashMap::new(), trunk: None });
        }
        desk.sync()?;
        let rows = desk.session.rows(Some(&desk.ledger.registry))?;
        let rows = rows.into_iter().map(|row| (row.bookmark.clone(), row)).collect();
        let trunks = crate::survey::trunk_candidates(&desk.session.config.trunk);
        let there: HashSet<&BookmarkName> = heads.bookmarks.iter().map(|(name, _)| name).collect();
        Ok(Self { rows, trunk: trunks.into_iter().find(|name| there.contains(name)) })
    }

    /// Puts a component's repo on record, and gives each flow that came into it, and has none there, the row that it
    /// has in the source. How many those are.
    #[expect(clippy::too_many_arguments, reason = "all that is known of a component that was made")]
    pub(super) fn record(
        &mut self,
        desk: &Desk,
        component: &str,
        source: &Source<'_>,
        plan: &Plan,
        names: &Names,
        root: &Utf8Path,
        outcome: &Outcome,
    ) -> anyhow::Result<usize> {
        let repo = Repo::at(root)
            .ok_or_else(|| Failure::new(Kind::NotARepo, format!("There is no jj repo in {root}")))?;
        let own = desk.ledger.actor.clone();
        let registry = Registry::open(&desk.ledger.registry.path()?)?;
        let now = desk.session.now;
        let mut ledger =
            Ledger::open(registry, Journal::of(repo.dir()), &repo, component, now, |_| Ok(own.clone()))?;
        let mut recorded = 0;
        for (name, at) in &names.bookmarks {
            let Some(row) = self.rows.get(name).filter(|_| outcome.level.contains(name)) else { continue };
            if ledger.registry.flow(&ledger.repo, name)?.is_some() {
                continue;
            }
            let change =
                change_of(source.objects, source.history, plan.kept[*at as usize].source, source.change)?;
            let commit = outcome.written.commits[*at as usize].to_string();
            let tip = Tip { change: ChangeId::new(change), commit: CommitId::new(commit) };
            ledger.actor = maker(row).unwrap_or_else(|| own.clone());
            let created = What::created(tip.clone(), row.parent.clone(), component, Origin::Found);
            ledger.record(row.created_at, None, vec![(name.clone(), created)])?;
            if let Some(what) = self.status(row, tip)? {
                ledger.record(desk.session.now.max(row.updated_at), None, vec![(name.clone(), what)])?;
            }
            recorded += 1;
        }
        ledger.actor = own;
        Ok(recorded)
    }

    /// What gives a new row the status that the flow has.
    fn status(&self, row: &Flow, tip: Tip) -> anyhow::Result<Option<What>> {
        let parent = row.parent.clone().or_else(|| self.trunk.clone());
        Ok(match (row.status, parent) {
            (Status::InProgress, _) => None,
            (Status::Merged, Some(parent)) => {
                Some(What::Elsewhere { landing: env::random_key()?, parent, tip })
            }
            (Status::Merged, None) => None,
            (to, _) => Some(What::Status { from: Some(Status::InProgress), to, reason: row.reason.clone() }),
        })
    }
}

/// Who made the flow.
fn maker(row: &Flow) -> Option<Actor> {
    Some(Actor { uid: Uid::parse(&row.actor).ok()?, context: None })
}
