//! `jj flow uid`: who the caller is to the registry.

use clap::Args;
use serde_json::json;

use super::Call;
use crate::env;
use crate::session::Session;

/// Print the uid that your flows begin with
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow uid")]
pub(super) struct UidArgs {}

pub(super) fn run(_: &UidArgs, call: Call) -> anyhow::Result<()> {
    let session = Session::open(&call.place)?;
    let uid = session.open_ledger(&call.place)?.actor.uid;
    let (source, value) = source(&session);
    let object = json!({"uid": uid, "context": {"source": source, "value": value}});
    Ok(call.out.answer(uid.as_str(), object)?)
}

/// Who the uid stands for: the variable that names it, the workspace of a flow, or `user`, and its value.
pub(super) fn source(session: &Session) -> (String, String) {
    let context = session.context();
    match (env::var("JJ_FLOW_UID"), session.own_flow()) {
        (Some(value), _) => ("JJ_FLOW_UID".to_owned(), value),
        (None, Some(flow)) => ("workspace".to_owned(), flow.to_string()),
        (None, None) => (context.source().to_owned(), context.value().to_owned()),
    }
}
