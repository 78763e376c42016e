//! `jj flow hook session-start`: a session gets its uid, and hears of the flows that it has open.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::payload::{Payload, SESSION};
use crate::cmd::Call;
use crate::env;
use crate::jj::Repo;
use crate::model::{Flow, Status};
use crate::output::{flow_json, plain};
use crate::registry::{Filter, Registry};
use crate::session::{Session, require_uid};
use crate::text::quoted;
use crate::uid::Context;

/// Give an agent's session its uid and tell it of the flows that it has open
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook session-start <event.json\n\n\
    The event is JSON on stdin, as Claude Code gives it at SessionStart. Where CLAUDE_ENV_FILE is set, the session is \
    named there to every command that follows.")]
pub(super) struct SessionStartArgs {}

/// Names the file of variables that a session's commands begin with.
const ENV_FILE: &str = "CLAUDE_ENV_FILE";

pub(super) fn run(payload: &Payload, call: &Call) -> anyhow::Result<()> {
    let exported = match (payload.session(), env::var(ENV_FILE)) {
        (Some(session), Some(file)) => {
            export(&file, &session).with_context(|| format!("Could not write {ENV_FILE} ({file})"))?;
            Some(session)
        }
        _ => None,
    };
    let is_exported = exported.is_some();
    let place = payload.place(&call.place);
    if Repo::find(&place.dir).is_none() {
        return super::say(call, None, json!({"uid": null, "exported": is_exported, "flows": []}));
    }
    let session = Session::open(&place)?;
    let mut registry = Registry::open(&place.registry_path(&session.config)?)?;
    let uid = match exported {
        Some(context) => require_uid(&context, Some(&mut registry), session.now)?,
        // Whom the other events take the session for.
        None => match payload.uid(&session.config, session.repo().root(), Some(&registry))? {
            Some(known) => known,
            None => session.require_uid(Some(&mut registry))?,
        },
    };
    let open = Status::ALL.into_iter().filter(|status| status.is_open()).collect();
    let flows = registry.flows(&Filter { uid: Some(uid.to_string()), status: open, ..Filter::default() })?;
    let rows: Vec<_> = flows.iter().map(flow_json).collect();
    let text = text(uid.as_str(), &flows, session.repo());
    super::say(call, Some(&text), json!({"uid": uid, "exported": is_exported, "flows": rows}))
}

/// Adds the session to the file, where another or none was named last.
fn export(file: &str, session: &Context) -> std::io::Result<()> {
    let line = format!("export {SESSION}={}\n", quoted(session.value()));
    let known = std::fs::read_to_string(file).unwrap_or_default();
    let named = known.lines().rfind(|line| line.starts_with(&format!("export {SESSION}=")));
    if named == Some(line.trim_end()) {
        return Ok(());
    }
    let begins_anew = known.is_empty() || known.ends_with('\n');
    let text = if begins_anew { line } else { format!("\n{line}") };
    OpenOptions::new().append(true).create(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

/// What the session reads: who it is, what it has open, and where to begin.
fn text(uid: &str, flows: &[Flow], here: &Repo) -> String {
    let mut lines = vec![format!("This is a jj repo with jj-flow. Your flows begin with {uid}.")];
    for flow in flows {
        let elsewhere = if flow.root == here.main_root().as_str() {
            String::new()
        } else {
            format!(" in {}", plain(&flow.root))
        };
        lines.push(format!("Open: {} ({}){elsewhere}", flow.bookmark, flow.status));
    }
    lines.push(match flows {
        [] => "Before the first edit: jj flow new WHAT IT IS FOR. To land it: jj flow done.".to_owned(),
        _ => "Where you stand, and what comes next: jj flow context".to_owned(),
    });
    lines.join("\n")
}
