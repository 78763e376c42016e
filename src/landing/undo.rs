//! Taking back exactly one landing: the parent goes back to where it was, the flow stays where the landing put it, and
//! what anybody else did meanwhile stays.

use super::along::export;
use super::chain::step;
use super::land::ATTEMPTS;
use super::publish::{integrate, raced};
use super::strip::Strip;
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::{Landing, What};
use crate::failpoint;
use crate::graph::{Change, Graph, Target};
use crate::jj::{self, revset};
use crate::model::{BookmarkName, OpId, Tip};
use crate::name::FlowName;
use crate::registry::KnownLanding;
use crate::text::quoted;

/// A landing that was taken back.
#[derive(Debug)]
pub(crate) struct Undone {
    pub(crate) parent: BookmarkName,
    /// Where the parent is now.
    pub(crate) at: Tip,
    /// The operation that the repo stood at afterwards.
    pub(crate) operation: OpId,
}

/// Takes a landing back, or says why it cannot be.
pub(crate) fn undo(strip: &mut Strip<'_>, known: &KnownLanding) -> anyhow::Result<Undone> {
    let who = format!("{} taking back {}", strip.ledger.actor.uid, known.flow);
    let (_held, _) = strip.lock_parent(&known.landing.parent, &who)?;
    take_back(strip, known, None)
}

/// The same while the parent's lock is held: to where the parent was, or to another commit.
pub(super) fn take_back(
    strip: &mut Strip<'_>,
    known: &KnownLanding,
    to: Option<&Tip>,
) -> anyhow::Result<Undone> {
    let KnownLanding { flow, landing, .. } = known;
    for _ in 0..ATTEMPTS {
        let op = strip.jj.require_head()?;
        let at = match to {
            Some(to) => {
                require_at_landing(strip, &op, known)?;
                to.clone()
            }
            None => find_back(strip, &op, known)?,
        };
        let mut last = op.clone();
        let revision = format!("--revision={}", jj::commit(&at.commit));
        let set = ["bookmark", "set", "--allow-backwards", &revision, &jj::symbol(&landing.parent)];
        step(strip.jj, &mut last, &set.map(str::to_owned))?;
        let undoing = What::Undoing { landing: landing.landing.clone() };
        strip.ledger.record(env::now(), None, vec![(flow.clone(), undoing)])?;
        failpoint::reach("undo-journalled");
        if !integrate(strip.jj, &op, &last)? {
            let kept = What::Kept { landing: landing.landing.clone() };
            strip.ledger.record(env::now(), None, vec![(flow.clone(), kept)])?;
            continue;
        }
        failpoint::reach("undo-published");
        let operation = strip.jj.require_head()?;
        export(strip.jj)?;
        failpoint::reach("undo-exported");
        let undone = What::Undone { landing: landing.landing.clone() };
        strip.ledger.record(env::now(), Some(&operation), vec![(flow.clone(), undone)])?;
        return Ok(Undone { parent: landing.parent.clone(), at, operation });
    }
    Err(raced("take the landing back", ATTEMPTS, format!("jj flow undo {flow}")))
}

/// Refuses where the parent is anywhere but at the landing: there alone, or torn between that and what a remote has.
fn require_at_landing(strip: &Strip<'_>, op: &OpId, known: &KnownLanding) -> anyhow::Result<()> {
    let landing = &known.landing;
    let graph = strip.jj.read_at(op, &revset::exactly(&landing.parent))?;
    let is_landing = |target: &Change| target.commit == landing.parent_to || target.id == landing.tip.change;
    let is_remotes = |target: &Change| target.remotes.iter().any(|remote| remote.name == landing.parent);
    let targets = graph.changes();
    if targets.iter().any(is_landing) && targets.iter().all(|target| is_landing(target) || is_remotes(target))
    {
        return Ok(());
    }
    Err(moved_on(strip, op, known)?)
}

/// Where the parent goes back to; refused where something else would go back with it.
fn find_back(strip: &Strip<'_>, op: &OpId, known: &KnownLanding) -> anyhow::Result<Tip> {
    let KnownLanding { flow, landing, .. } = known;
    let graph = read(strip, op, landing)?;
    let parent = &landing.parent;
    let at = match graph.bookmark(parent) {
        Target::At(change) => change,
        Target::Absent => {
            let message = format!("Could not take back the landing of {flow}: {parent} is gone");
            return Err(Failure::new(Kind::NoParent, message).hint("jj bookmark list --all-remotes").into());
        }
        Target::Conflicted => {
            let message = format!("The bookmark {parent} is conflicted: it has more than one target");
            return Err(Failure::new(Kind::ConflictedBookmark, message)
                .hint("jj bookmark list --conflicted")
                .into());
        }
    };
    if at.commit != landing.parent_to && at.id != landing.tip.change {
        return Err(moved_on(strip, op, known)?);
    }
    let is_from = |change: &&Change| {
        change.commit == landing.parent_from || Some(&change.id) == landing.parent_change.as_ref()
    };
    let above = graph.changes().iter().filter(|change| !is_from(change));
    if let Some(remote) = above.flat_map(|change| &change.remotes).find(|remote| remote.name == *parent) {
        let remote = &remote.remote;
        let message = format!("Could not take back the landing of {flow}: {parent}@{remote} has it already");
        let hint = format!("jj log --revisions {}", quoted(&format!("{parent}@{remote}")));
        return Err(Failure::new(Kind::Pushed, message).hint(hint).into());
    }
    graph.changes().iter().find(is_from).map(Change::tip).ok_or_else(|| {
        let message = format!("Could not find where {parent} was before {flow} landed on it");
        Failure::new(Kind::NotLanded, message).hint("jj op log").into()
    })
}

/// The parent, what it was before the landing so long as it is beneath it, and its remotes that have the landing.
fn read(strip: &Strip<'_>, op: &OpId, landing: &Landing) -> anyhow::Result<Graph> {
    let parent = revset::exactly(&landing.parent);
    let mut from = format!("present({})", jj::commit(&landing.parent_from));
    if let Some(change) = &landing.parent_change {
        from = format!("{from} | {}", revset::change(change));
    }
    let remotes = format!("tracked_remote_{parent} & {}::", revset::change(&landing.tip.change));
    strip.jj.read_at(op, &format!("{parent} | (({from}) & ::{parent}) | ({remotes})"))
}

fn moved_on(strip: &Strip<'_>, op: &OpId, known: &KnownLanding) -> anyhow::Result<anyhow::Error> {
    let KnownLanding { flow, landing, .. } = known;
    let parent = &landing.parent;
    let (tip, at) = (revset::change(&landing.tip.change), revset::exactly(parent));
    let later = strip.jj.read_at(op, &format!("({tip} & ::{at})..{at} & {tip}::"))?;
    let Some(first) = later.changes().last() else {
        let message = format!("Could not take back the landing of {flow}: it is not in {parent} any more");
        return Ok(Failure::new(Kind::NotLanded, message).hint(format!("jj flow show {flow}")).into());
    };
    let message = format!(
        "Could not take back the landing of {flow}: {parent} has moved on, first by {} ({})",
        first.id.short(),
        first.subject()
    );
    let names = later.changes().iter().rev().flat_map(|change| &change.bookmarks);
    let mut flows = names.filter_map(|bookmark| FlowName::parse(bookmark.name.as_str()).ok());
    let hint = match flows.find(|name| name.as_str() != parent.as_str()) {
        Some(later) => format!("jj flow undo {later}"),
        None => {
            format!("jj log --revisions {}", quoted(&format!("{}..{parent}", landing.tip.change.short())))
        }
    };
    Ok(Failure::new(Kind::LaterLandings, message).hint(hint).into())
}
