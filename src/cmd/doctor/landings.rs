//! Landings that a crash cut short, and conflicts that wait: here, and in all known repos.

use camino::Utf8Path;
use serde_json::json;

use super::check::{Check, Remedy};
use crate::cmd::Call;
use crate::cmd::desk::settle_in;
use crate::event::Conflict;
use crate::jj::Repo;
use crate::journal::Journal;
use crate::model::{BookmarkName, RepoId};
use crate::registry::{KnownLanding, Registry, Waiting};
use crate::session::Session;
use crate::text::{counted, quoted};

const WHAT: &str = "landings";
/// How many repos are named to a person.
const SHOWN: usize = 3;

/// What a kill has left in a repo.
struct Left {
    landings: Vec<KnownLanding>,
    /// The flows whose resolvers were killed, where that is known.
    resolvers: Vec<Option<String>>,
}

/// Looks for what is half done; with `is_fixing` that of the repo at hand is settled, as its next command would.
pub(super) fn check(
    call: &Call,
    registry: Option<&Utf8Path>,
    has_jj: bool,
    is_fixing: bool,
    checks: &mut Vec<Check>,
) {
    let Some(path) = registry else { return };
    let before = checks.len();
    let here = Repo::find(&call.place.dir).map(|repo| Journal::of(repo.dir()));
    let here = here.and_then(|journal| Some((journal.identity()?.id, journal)));
    let mut look = || -> anyhow::Result<()> {
        let Some(registry) = Registry::open_to_read(path)? else { return Ok(()) };
        if let Some((id, journal)) = &here {
            check_here(call, &registry, id, journal, is_fixing && has_jj, checks)?;
            let waiting = registry.open_conflicts(id)?;
            checks.extend(published(call, has_jj, waiting).iter().map(tell_conflict));
        }
        let mut others = registry.waiting()?;
        others.retain(|other| here.as_ref().is_none_or(|(id, _)| other.id != *id));
        others.retain(|other| Repo::at(Utf8Path::new(&other.root)).is_some());
        let landings = "that were cut short: the next command there settles them";
        checks
            .extend(tell_others(&others, "landings-elsewhere", "landing", landings, |other| other.landings));
        let conflicts = "to be resolved";
        checks.extend(tell_others(&others, "conflicts-elsewhere", "conflict", conflicts, |other| {
            other.conflicts
        }));
        Ok(())
    };
    if let Err(error) = look() {
        checks.push(Check::failed(WHAT, &error));
    }
    if checks.len() == before {
        checks.push(Check::good(WHAT, "none is half done"));
    }
}

fn check_here(
    call: &Call,
    registry: &Registry,
    id: &RepoId,
    journal: &Journal,
    is_fixing: bool,
    checks: &mut Vec<Check>,
) -> anyhow::Result<()> {
    let look = || -> anyhow::Result<Left> {
        let mut landings = registry.unsettled_landings(id)?;
        let mut free = Vec::new();
        for known in &landings {
            free.push(!journal.is_parent_locked(&known.locked)?);
        }
        // One whose parent is locked is somebody's who is still at it.
        let mut free = free.into_iter();
        landings.retain(|_| free.next() == Some(true));
        Ok(Left { landings, resolvers: journal.left_resolvers()? })
    };
    let mut left = look()?;
    if is_fixing && !(left.landings.is_empty() && left.resolvers.is_empty()) {
        let before = left;
        let session = Session::open(&call.place)?;
        settle_in(call, &session, &mut session.open_ledger(&call.place)?)?;
        left = look()?;
        for known in before.landings.iter().filter(|known| !left.landings.contains(known)) {
            let says = format!("{} and is settled: {}", words(known), state(registry, id, known)?);
            checks.push(Check::mended(WHAT, "landing-unsettled", says));
        }
        for flow in before.resolvers.iter().filter(|flow| !left.resolvers.contains(flow)) {
            checks.push(Check::mended(
                WHAT,
                "resolver-left",
                format!("{}, and is cleared up after", killed(flow)),
            ));
        }
    }
    for known in &left.landings {
        let details = json!({
            "flow": known.flow, "parent": known.landing.parent, "state": known.state,
            "landing": known.landing.landing, "operation": known.landing.chain,
        });
        let says = format!("{}: whether it has happened is not settled yet", words(known));
        checks.push(Check::warning(WHAT, "landing-unsettled", says, Remedy::fix()).details(details));
    }
    for flow in &left.resolvers {
        let says = format!("{}, and its workspace is left", killed(flow));
        checks
            .push(Check::warning(WHAT, "resolver-left", says, Remedy::fix()).details(json!({"flow": flow})));
    }
    Ok(())
}

fn words(known: &KnownLanding) -> String {
    let what = if known.state == "undoing" { "taking back the landing" } else { "the landing" };
    format!("{what} of {} on {} was cut short", known.flow, known.landing.parent.as_str())
}

fn killed(flow: &Option<String>) -> String {
    let flow = flow.as_deref().unwrap_or("a flow");
    format!("flow.hooks.on-conflict was killed at the conflict of {flow}")
}

/// What has become of a landing, in a word.
fn state(registry: &Registry, id: &RepoId, known: &KnownLanding) -> anyhow::Result<String> {
    let Some(flow) = registry.flow(id, &known.flow)? else { return Ok("its flow is gone".to_owned()) };
    let rows = registry.landings(flow.id)?;
    let row = rows.into_iter().find(|row| row.key == known.landing.landing);
    Ok(match row.map(|row| row.state).as_deref() {
        Some("dropped") => "it never happened, and can be made again".to_owned(),
        Some("landed") => "it has happened".to_owned(),
        Some("undone") => "it is taken back".to_owned(),
        other => other.unwrap_or("it is not on record any more").to_owned(),
    })
}

/// Those whose rebase has been published: with the others a kill came first, and the flow is where it was.
fn published(
    call: &Call,
    has_jj: bool,
    waiting: Vec<(BookmarkName, Conflict)>,
) -> Vec<(BookmarkName, Conflict)> {
    // Several heads would be merged by whoever reads: that is for a command that works here.
    let has_one_head = || Repo::find(&call.place.dir)?.load_heads().ok().filter(|heads| heads.len() == 1);
    if waiting.is_empty() || !has_jj || has_one_head().is_none() {
        return waiting;
    }
    // Where jj does not tell, all are.
    let Ok(graph) = Session::open(&call.place).and_then(|session| session.read_flows()) else {
        return waiting;
    };
    let stands = |conflict: &Conflict| conflict.before.iter().any(|tip| graph.place(&tip.commit).is_some());
    waiting.into_iter().filter(|(_, conflict)| !stands(conflict)).collect()
}

fn tell_conflict((flow, conflict): &(BookmarkName, Conflict)) -> Check {
    let says = format!("{flow} met a conflict with {}, and waits", conflict.parent.as_str());
    Check::warning(WHAT, "conflict-waiting", says, Remedy::run("jj flow conflicts"))
        .details(json!({"flow": flow, "parent": conflict.parent}))
}

/// What waits in other repos, with the command that looks into the first of them.
fn tell_others(
    others: &[Waiting],
    code: &'static str,
    word: &str,
    says: &str,
    number: fn(&Waiting) -> u32,
) -> Option<Check> {
    let all: Vec<&Waiting> = others.iter().filter(|other| number(other) > 0).collect();
    let first = all.first()?;
    let total: u32 = all.iter().map(|other| number(other)).sum();
    let mut roots: Vec<&str> = all.iter().take(SHOWN).map(|other| other.root.as_str()).collect();
    if all.len() > SHOWN {
        roots.push("…");
    }
    let says = format!(
        "{} in {} {says}: {}",
        counted(total.into(), word),
        counted(all.len() as u64, "other repo"),
        roots.join(", ")
    );
    let repos: Vec<_> = all.iter().map(|other| json!({"root": other.root, "count": number(other)})).collect();
    let remedy = Remedy::run(format!("jj-flow -R {} conflicts", quoted(&first.root)));
    Some(Check::warning(WHAT, code, says, remedy).details(json!({"count": total, "repos": repos})))
}
