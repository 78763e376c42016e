//! What a command that was already under way tore when it published after us, and how it is put right.
//!
//! jj merges two operations that did not know of each other. Where both rewrote one change, the change is divergent;
//! where both moved one bookmark, the bookmark is conflicted. Nothing that somebody made is thrown away: a copy of a
//! landed change that says something else becomes a change of its own. The working copy is left alone meanwhile: what
//! was published may have left it stale.

use crate::error::{Failure, Kind, refuse};
use crate::event::Landing;
use crate::graph::{Change, Graph, Target};
use crate::jj::{self, Jj, revset};
use crate::model::{BookmarkName, OpId, Tip};

/// A landing read back.
#[derive(Debug)]
pub(super) struct Mended {
    /// The operation that it was read at.
    pub(super) op: OpId,
    /// Where the flow's tip is in the parent; none where it is not in it.
    pub(super) tip: Option<Tip>,
    /// What was put right, for people.
    pub(super) notes: Vec<String>,
}

/// Reads a landing back and mends what was torn, until the parent has one target and no landed change is divergent.
pub(super) fn read_back(jj: &Jj, flow: &BookmarkName, landing: &Landing) -> anyhow::Result<Mended> {
    let mut notes = Vec::new();
    for _ in 0..super::land::ATTEMPTS {
        let op = jj.require_head()?;
        let ids: Vec<String> = landing.landed.iter().map(revset::change).collect();
        let torn =
            if ids.is_empty() { "none()".to_owned() } else { format!("divergent() & ({})", ids.join(" | ")) };
        let parent = revset::exactly(&landing.parent);
        let tip = tip_in_parent(landing);
        let graph = jj.read_at(&op, &format!("{parent} | ({tip}) | ({torn})"))?;
        if graph.bookmark(&landing.parent) == Target::Conflicted {
            choose_target(jj, &graph, landing)?;
            notes.push(format!("somebody else moved {} at the same moment", landing.parent));
            continue;
        }
        if graph.changes().iter().any(|change| change.divergent)
            && abandon_echo(jj, &op, &ids.join(" | "), &parent)?
        {
            continue;
        }
        if !graph.changes().iter().any(|change| change.divergent) {
            let tip = landed_tip(&graph, landing);
            match (&tip, graph.bookmark(flow)) {
                (Some(tip), Target::Conflicted) => set(jj, flow, tip)?,
                _ => return Ok(Mended { op, tip, notes }),
            }
            continue;
        }
        let tip = landed_tip(&jj.read_at(&op, &tip)?, landing);
        if tip.is_none() {
            return Ok(Mended { op, tip, notes });
        }
        let copies = jj.read_at(&op, &format!("({torn}) ~ ::{parent}"))?;
        let Some(copy) = copies.changes().first() else { return Ok(Mended { op, tip, notes }) };
        notes.push(put_aside(jj, &op, &parent, copy)?);
    }
    let message = format!("Other operations go on at {} all the time", landing.parent);
    Err(Failure::new(Kind::Raced, message).hint("jj flow").into())
}

/// The landing's tip where that is in the parent: as the commit that was published, or as what became of its change.
fn tip_in_parent(landing: &Landing) -> String {
    let (commit, change) = (jj::commit(&landing.parent_to), revset::change(&landing.tip.change));
    format!("(present({commit}) | {change}) & ::{}", revset::exactly(&landing.parent))
}

fn landed_tip(graph: &Graph, landing: &Landing) -> Option<Tip> {
    let changes = graph.changes();
    let published = changes.iter().find(|change| change.commit == landing.parent_to);
    let moved_on = || changes.iter().find(|change| change.id == landing.tip.change);
    published.or_else(moved_on).map(Change::tip)
}

/// One of a conflicted parent's targets: the one that has all others beneath it, else what somebody else chose, and
/// the landing is to be made again on top of it. Where that is another copy of what has landed, it is what was published.
fn choose_target(jj: &Jj, graph: &Graph, landing: &Landing) -> anyhow::Result<()> {
    let holds = |change: &&Change| change.bookmarks.iter().any(|bookmark| bookmark.name == landing.parent);
    let targets: Vec<&Change> = graph.changes().iter().filter(holds).collect();
    let all: Vec<String> = targets.iter().map(|target| jj::commit(&target.commit)).collect();
    let tip = jj.read_at(&graph.op, &format!("heads({})", all.join(" | ")))?;
    let another = || targets.iter().find(|target| target.id != landing.tip.change);
    let published = || targets.iter().find(|target| target.commit == landing.parent_to);
    let chosen = match tip.changes() {
        [one] => Some(one.tip()),
        _ => another().or_else(published).or(targets.first()).map(|target| target.tip()),
    };
    let Some(chosen) = chosen else { refuse!(ConflictedBookmark, "{} has no target", landing.parent) };
    set(jj, &landing.parent, &chosen)
}

fn set(jj: &Jj, name: &BookmarkName, to: &Tip) -> anyhow::Result<()> {
    let revision = format!("--revision={}", jj::commit(&to.commit));
    jj.run(&["--ignore-working-copy", "bookmark", "set", "--allow-backwards", &revision, &jj::symbol(name)])?;
    Ok(())
}

/// Abandons one second copy of what stands on the landed changes, where it says the same as the one on top of the
/// parent: the echo of a landed change's own. Whether there was one. A copy with an edit of its own is its workspace's.
fn abandon_echo(jj: &Jj, op: &OpId, landed: &str, parent: &str) -> anyhow::Result<bool> {
    let echoes = jj.read_at(op, &format!("(divergent() ~ ({landed})) & ({landed}):: ~ {parent}::"))?;
    for echo in echoes.changes() {
        let ours = jj.read_at(op, &format!("{} & {parent}::", revset::change(&echo.id)))?;
        let [ours] = ours.changes() else { continue };
        if !says_the_same(jj, op, echo, ours)? {
            continue;
        }
        // A bookmark on both would stay between ours and what the echo stood on.
        for bookmark in echo.bookmarks.iter().filter(|bookmark| bookmark.conflicted) {
            set(jj, &bookmark.name, &ours.tip())?;
        }
        jj.run(&["--ignore-working-copy", "abandon", &jj::commit(&echo.commit)])?;
        return Ok(true);
    }
    Ok(false)
}

fn says_the_same(jj: &Jj, op: &OpId, copy: &Change, ours: &Change) -> anyhow::Result<bool> {
    let (from, to) = (jj::commit(&copy.commit), jj::commit(&ours.commit));
    let interdiff = ["interdiff", "--summary", &format!("--from={from}"), &format!("--to={to}")];
    Ok(copy.description == ours.description && jj.run_at(op, &interdiff)?.is_empty())
}

/// Takes a second copy of a landed change away: one that says the same is abandoned, any other keeps its work under
/// a change id of its own.
fn put_aside(jj: &Jj, op: &OpId, parent: &str, copy: &Change) -> anyhow::Result<String> {
    let ours = format!("{} & ::{parent}", revset::change(&copy.id));
    let ours = jj.read_at(op, &ours)?;
    let commit = jj::commit(&copy.commit);
    if let Some(ours) = ours.changes().first()
        && says_the_same(jj, op, copy, ours)?
    {
        jj.run(&["--ignore-working-copy", "abandon", &commit])?;
        return Ok(format!("a second copy of {} was abandoned: it said the same", copy.id.short()));
    }
    jj.run(&["--ignore-working-copy", "metaedit", "--update-change-id", &commit])?;
    Ok(format!("what somebody else made of {} meanwhile is a change of its own now", copy.id.short()))
}
