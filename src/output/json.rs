//! Flows and changes as programs read them.

use serde_json::{Value, json};

use crate::graph::Change;
use crate::model::Flow;
use crate::name::FlowName;

/// One row of `FlowRegistry`; times are RFC 3339 in UTC.
pub(crate) fn flow_json(flow: &Flow) -> Value {
    let name = FlowName::parse(flow.bookmark.as_str()).ok();
    json!({
        "flow": flow.bookmark,
        "uid": name.as_ref().map(|name| name.uid().as_str()),
        "intent": name.as_ref().map(FlowName::intent),
        "subflow": name.as_ref().and_then(FlowName::subflow),
        "component": flow.component,
        "status": flow.status,
        "reason": flow.reason,
        "trouble": flow.trouble,
        "parent": flow.parent,
        "change_id": flow.tip.change,
        "commit_id": flow.tip.commit,
        "repo": flow.repo,
        "root": flow.root,
        "actor": flow.actor,
        "created_at": flow.created_at,
        "updated_at": flow.updated_at,
        "gone_at": flow.gone_at,
    })
}

/// One change of a flow.
pub(crate) fn change_json(change: &Change) -> Value {
    json!({
        "change_id": change.id,
        "commit_id": change.commit,
        "description": change.description,
        "empty": change.empty,
        "conflict": change.conflict,
    })
}
