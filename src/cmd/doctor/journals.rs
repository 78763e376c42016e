//! The journals of all repos: whether they have every line that the registry knows of.

use camino::Utf8Path;
use serde_json::json;

use super::check::{Check, Remedy, State};
use crate::cmd::Call;
use crate::jj::Repo;
use crate::journal::{Journal, Look};
use crate::ledger::{Condition, examine, journal_of, mend};
use crate::model::RepoId;
use crate::registry::Registry;
use crate::text::counted;

const WHAT: &str = "repo";
/// How many line numbers are told to a person.
const SHOWN: usize = 10;

/// Looks at the journal of the repo at hand, and with a registry at those of all others: of them, what is wrong is told.
pub(super) fn check(call: &Call, registry: Option<&Utf8Path>, is_fixing: bool, checks: &mut Vec<Check>) {
    let here = Repo::find(&call.place.dir).map(|repo| Journal::of(repo.dir()));
    let id = here.as_ref().and_then(|journal| Some(journal.identity()?.id));
    let mut is_told = false;
    let all = registry.map(|path| check_all(path, id.as_ref(), is_fixing)).transpose();
    match all {
        Ok(all) => {
            for (is_here, check) in all.into_iter().flatten() {
                is_told |= is_here;
                checks.push(check);
            }
        }
        Err(error) => checks.push(Check::failed(WHAT, &error)),
    }
    match here {
        None => {
            let has_git = call.place.dir.ancestors().any(|dir| dir.join(".git").exists());
            checks.push(Check::good(
                WHAT,
                if has_git { "git's alone here, and none of jj's" } else { "none here" },
            ));
        }
        Some(_) if is_told => {}
        Some(journal) => checks.push(match journal.look() {
            Err(error) => Check::failed(WHAT, &anyhow::Error::from(error).context(journal.path())),
            Ok(look) => say(&journal, &Condition { look, ..Condition::default() }),
        }),
    }
}

/// Each check, and whether it is about the repo at hand.
fn check_all(path: &Utf8Path, here: Option<&RepoId>, is_fixing: bool) -> anyhow::Result<Vec<(bool, Check)>> {
    let mut registry = Registry::open(path)?;
    let mut checks = Vec::new();
    for repo in registry.repo_rows()? {
        let Some(journal) = journal_of(path, &repo) else { continue };
        let is_here = here == Some(&repo.id);
        let found = check_one(&mut registry, &journal, &repo.id, is_fixing);
        let found = found.unwrap_or_else(|error| {
            vec![Check::failed(WHAT, &error.context(format!("Could not read {}", journal.path())))]
        });
        checks.extend(
            found
                .into_iter()
                .filter(|check| is_here || check.state != State::Good)
                .map(|check| (is_here, check)),
        );
    }
    Ok(checks)
}

fn check_one(
    registry: &mut Registry,
    journal: &Journal,
    repo: &RepoId,
    is_fixing: bool,
) -> anyhow::Result<Vec<Check>> {
    let mut condition = examine(registry, journal, repo)?;
    let mut checks = Vec::new();
    if is_fixing && condition.is_broken() {
        let restored = mend(registry, journal, repo)?;
        let says = format!("{}, and is mended: {}", wrong(&condition), journal.path());
        let details = json!({"journal": journal.path(), "restored": restored, "foreign": condition.foreign});
        checks.push(Check::mended(WHAT, "journal-broken", says).details(details));
        condition = examine(registry, journal, repo)?;
    }
    checks.push(say(journal, &condition));
    Ok(checks)
}

fn say(journal: &Journal, condition: &Condition) -> Check {
    let Look { lines, bad, .. } = &condition.look;
    let path = journal.path();
    let details = json!({
        "journal": path, "lines": lines, "bad_lines": bad, "torn": condition.look.torn,
        "lacking": condition.lacking, "foreign": condition.foreign, "behind": condition.behind,
    });
    let check = if condition.is_broken() {
        Check::warning(WHAT, "journal-broken", format!("{}: {path}", wrong(condition)), Remedy::fix())
    } else if bad.is_empty() {
        Check::good(WHAT, format!("{} in {path}", counted(*lines as u64, "recorded event")))
    } else {
        let mut numbers: Vec<String> = bad.iter().take(SHOWN).map(ToString::to_string).collect();
        if bad.len() > SHOWN {
            numbers.push("…".to_owned());
        }
        let says = format!(
            "{} of {lines} lines are not understood and are passed over: {} of {path}",
            bad.len(),
            numbers.join(", ")
        );
        let advice = "a newer jj-flow may know what they say: they are kept, and harm nothing";
        Check::warning(WHAT, "journal-lines", says, Remedy::advice(advice))
    };
    check.details(details)
}

/// What is wrong with a journal, in words.
fn wrong(condition: &Condition) -> String {
    let Condition { look, lacking, foreign, behind } = condition;
    let said = [
        (*lacking > 0).then(|| format!("lacks {lacking} lines that the registry has")),
        (*foreign > 0).then(|| format!("has {foreign} lines of another repo")),
        look.torn.then(|| "breaks off in its last line".to_owned()),
        (*behind && *lacking == 0).then(|| "has lines that the registry has not taken in yet".to_owned()),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    format!("the journal {}", said.join(" and "))
}
