//! Pushing what has landed. The landing and its push are one: where the push fails for good, the landing is taken back.

use super::chain::step;
use super::land::{Done, land};
use super::plan::Plan;
use super::publish::{Landed, integrate, raced};
use super::strip::{News, Strip};
use super::undo::take_back;
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::What;
use crate::failpoint;
use crate::graph::Graph;
use crate::jj::{self, revset};
use crate::ledger::Ledger;
use crate::model::{BookmarkName, OpId, Tip};

/// How often a landing is made again because the remote has moved.
const ATTEMPTS: usize = 5;

/// Lands on what the remote has now and pushes the parent. Where somebody else's push was first: fetches, lands again
/// on top of it, and pushes again.
pub(crate) fn land_and_push(
    strip: &mut Strip<'_>,
    remote: &str,
    mut plan: impl FnMut(&Ledger) -> anyhow::Result<Plan>,
) -> anyhow::Result<Landed> {
    let fetch = ["git", "fetch", "--remote", &format!("exact:{remote:?}")];
    strip.jj.run(&fetch)?;
    for _ in 0..ATTEMPTS {
        let Done { landed, held } = land(strip, &mut plan)?;
        let Some(key) = landed.key.clone() else { return Ok(landed) };
        let (flow, parent) = (landed.plan.flow.bookmark(), landed.plan.parent.clone());
        let before = read_remote(strip, &parent, remote)?;
        let push = ["git", "push", "--remote", remote, "--bookmark", &jj::pattern(&parent)];
        let Err(error) = strip.jj.run(&push) else {
            failpoint::reach("pushed");
            let pushed = What::Pushed { landing: key, remote: remote.to_owned() };
            strip.ledger.record(env::now(), None, vec![(flow, pushed)])?;
            return Ok(landed);
        };
        let fetched = strip.jj.run(&fetch);
        let now = read_remote(strip, &parent, remote)?;
        let known = strip.known_landing(&flow, &key)?;
        if fetched.is_err() || now == before {
            take_back(strip, &known, None)?;
            let message = format!("Could not push {parent} to {remote}, so {flow} was not landed");
            let failure = Failure::new(Kind::Push, format!("{message}: {error:#}"));
            return Err(failure.hint(format!("jj git push --dry-run --remote {remote}")).into());
        }
        (strip.tell)(News::Note(format!("{remote} has a newer {parent}: landing again on top of it.")))?;
        let onto = below_on(strip, &landed, &now, &parent, remote)?;
        take_back(strip, &known, Some(&onto))?;
        drop(held);
    }
    Err(raced(ATTEMPTS))
}

/// Where a remote has the bookmark.
fn read_remote(strip: &Strip<'_>, parent: &BookmarkName, remote: &str) -> anyhow::Result<Option<Tip>> {
    let at = format!("remote_{}", revset::exactly(parent).replace(')', &format!(", exact:{remote:?})")));
    let graph = strip.jj.read_at(&strip.jj.require_head()?, &at)?;
    Ok(graph.changes().first().map(|change| change.tip()))
}

/// The parent to land on again: what the remote has, with those of our landings on top that it has not. Where they do
/// not fit there the parent goes back to where it was, and is refused.
fn below_on(
    strip: &mut Strip<'_>,
    landed: &Landed,
    now: &Option<Tip>,
    parent: &BookmarkName,
    remote: &str,
) -> anyhow::Result<Tip> {
    let before = &landed.plan.parent_at;
    let Some(now) = now else { return Ok(before.clone()) };
    for _ in 0..ATTEMPTS {
        let op = strip.jj.require_head()?;
        let ours = format!("{}..{}", jj::commit(&now.commit), jj::commit(&before.commit));
        let mut graph: Graph = strip.jj.read_at(&op, &ours)?;
        if graph.changes().is_empty() {
            return Ok(now.clone());
        }
        let mut last: OpId = op.clone();
        let (source, onto) =
            (format!("--source=roots({ours})"), format!("--onto={}", jj::commit(&now.commit)));
        step(strip.jj, &mut last, &["rebase".to_owned(), source, onto])?;
        let ids: Vec<String> = graph.changes().iter().map(|change| revset::change(&change.id)).collect();
        graph = strip.jj.read_at(&last, &ids.join(" | "))?;
        if graph.changes().iter().any(|change| change.conflict) {
            let key = landed.key.clone().unwrap_or_default();
            let known = strip.known_landing(&landed.plan.flow.bookmark(), &key)?;
            take_back(strip, &known, Some(before))?;
            let message = format!(
                "Could not land on {parent}@{remote}: {parent} has other changes that conflict with it"
            );
            let hint = format!("jj rebase --branch {parent} --onto {parent}@{remote}");
            return Err(Failure::new(Kind::BehindRemote, message).hint(hint).into());
        }
        if integrate(strip.jj, &op, &last)? {
            let at = graph.changes().iter().find(|change| change.id == before.change);
            return Ok(at.map_or_else(|| now.clone(), |change| change.tip()));
        }
    }
    Err(raced(ATTEMPTS))
}
