//! Who works: which context, and which uid stands for it.

use camino::Utf8Path;
use jiff::Timestamp;

use crate::config::Config;
use crate::env;
use crate::error::{Failure, Kind};
use crate::ledger::Actor;
use crate::name::Uid;
use crate::registry::Registry;
use crate::uid::{Context, candidates};

/// An agent's session, or the jj user in a folder.
pub(crate) fn context(config: &Config, dir: &Utf8Path) -> Context {
    let variables = ["JJ_FLOW_SESSION", "CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID"];
    let more = config.session_env.iter().map(String::as_str);
    let session =
        variables.into_iter().chain(more).find_map(|name| Some(Context::session(name, &env::var(name)?)));
    session.unwrap_or_else(|| {
        let email = config.email.as_deref().unwrap_or_default();
        Context::person(email, dir.as_str())
    })
}

/// `JJ_FLOW_UID`, else the uid recorded for the context, else a new one, recorded. Without a registry it is the
/// context's shortest.
pub(crate) fn require_uid(
    context: &Context,
    registry: Option<&mut Registry>,
    now: Timestamp,
) -> anyhow::Result<Uid> {
    if let Some(uid) = env::var("JJ_FLOW_UID") {
        return Uid::parse(&uid).map_err(|error| {
            Failure::new(Kind::Usage, format!("Could not take the uid from JJ_FLOW_UID: {error}"))
                .hint("JJ_FLOW_UID=a8f2 jj-flow uid")
                .into()
        });
    }
    let mut all = candidates(context);
    let claimed = match registry {
        Some(registry) => registry.claim_uid(&context.to_string(), all, now)?,
        None => all.next(),
    };
    claimed.ok_or_else(|| Failure::new(Kind::Registry, "Could not find a uid that nobody else has").into())
}

/// A uid with the context that it stands for; one that was given stands for none.
pub(super) fn actor(uid: Uid, context: &Context) -> Actor {
    let context = env::var("JJ_FLOW_UID").is_none().then(|| context.to_string());
    Actor { uid, context }
}
