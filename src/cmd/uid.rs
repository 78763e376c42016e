//! `jj flow uid`: who the caller is to the registry.

use clap::Args;
use serde_json::json;

use super::Call;
use crate::env;
use crate::jj::Repo;
use crate::name::FlowName;
use crate::registry::Registry;
use crate::session::{Session, context_of, require_jj};
use crate::uid::Context;

/// Print the uid that your flows begin with
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow uid")]
pub(super) struct UidArgs {}

pub(super) fn run(_: &UidArgs, call: Call) -> anyhow::Result<()> {
    let (uid, (source, value)) = match Repo::find(&call.place.dir) {
        Some(_) => {
            let session = Session::open(&call.place)?;
            (session.open_ledger(&call.place)?.actor.uid, source(&session))
        }
        None => {
            let place = &call.place;
            let (config, _) = place.load_config(&require_jj()?)?;
            let mut registry = Registry::open(&place.registry_path(&config)?)?;
            let uid = place.require_uid(&config, Some(&mut registry))?;
            (uid, named(None, &context_of(&config, &place.dir)))
        }
    };
    let object = json!({"uid": uid, "context": {"source": source, "value": value}});
    Ok(call.out.answer(uid.as_str(), object)?)
}

/// Who the uid stands for: the variable that names it, the workspace of a flow, or `user`, and its value.
pub(super) fn source(session: &Session) -> (String, String) {
    named(session.own_flow(), &session.context())
}

fn named(own: Option<FlowName>, context: &Context) -> (String, String) {
    match (env::var("JJ_FLOW_UID"), own) {
        (Some(value), _) => ("JJ_FLOW_UID".to_owned(), value),
        (None, Some(flow)) => ("workspace".to_owned(), flow.to_string()),
        (None, None) => (context.source().to_owned(), context.value().to_owned()),
    }
}
