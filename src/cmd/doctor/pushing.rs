//! Where landings are pushed to: with `flow.push`, the trunk follows a remote's, or jj pushes it nowhere.

use serde_json::json;

use super::check::{Check, Remedy};
use super::setup::Setup;
use crate::cmd::Call;
use crate::jj::{Repo, revset};
use crate::session::Session;
use crate::survey::Survey;
use crate::text::quoted;

const WHAT: &str = "pushing";

/// Looks at the trunk of the repo at hand, where its landings are pushed.
pub(super) fn check(call: &Call, setup: &Setup) -> Option<Check> {
    // Several heads would be merged by whoever reads.
    let has_one_head = Repo::find(&call.place.dir)?.load_heads().is_ok_and(|heads| heads.len() == 1);
    if !setup.config.push || !has_one_head {
        return None;
    }
    look(call).unwrap_or_else(|error| Some(Check::failed(WHAT, &error)))
}

fn look(call: &Call) -> anyhow::Result<Option<Check>> {
    let session = Session::open(&call.place)?;
    let survey = Survey::new(session.read_flows()?, Vec::new(), &session.config.trunk);
    let Some(trunk) = &survey.trunk else { return Ok(None) };
    let graph = session.jj.read_at(&survey.graph.op, &revset::at_remotes(trunk))?;
    let changes = graph.changes().iter().flat_map(|change| &change.remotes);
    let remotes: Vec<_> = changes.filter(|remote| remote.name == *trunk).collect();
    let Some(first) = remotes.first() else { return Ok(None) };
    if let Some(followed) = remotes.iter().find(|remote| remote.tracked) {
        let says = format!("{} follows {}@{}", trunk.as_str(), trunk.as_str(), followed.remote);
        return Ok(Some(Check::good(WHAT, says)));
    }
    let says = format!(
        "flow.push is on, and {} does not follow {}@{}",
        trunk.as_str(),
        trunk.as_str(),
        first.remote
    );
    let (bookmark, remote) = (quoted(trunk.as_str()), quoted(&first.remote));
    let remedy = Remedy::run(format!("jj bookmark track {bookmark} --remote {remote}"));
    let details = json!({"bookmark": trunk, "remote": first.remote});
    Ok(Some(Check::warning(WHAT, "trunk-untracked", says, remedy).details(details)))
}
