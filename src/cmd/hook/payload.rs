//! What an agent says of the moment, as JSON on stdin. Claude Code's form, which others have taken over: what is not
//! understood says nothing, and nothing is in anybody's way because of it.

use std::io::{IsTerminal as _, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value;

use crate::config::Config;
use crate::env;
use crate::registry::Registry;
use crate::session::{Place, context_of};
use crate::text::quoted;
use crate::uid::Context;

/// No agent says more than this.
const MOST: u64 = 16 << 20;

/// The variable that names a session to every command of ours.
pub(super) const SESSION: &str = "JJ_FLOW_SESSION";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    pub(super) session_id: Option<String>,
    cwd: Option<Utf8PathBuf>,
    /// Whether the agent goes on because a hook at its end has said something.
    pub(super) stop_hook_active: bool,
    tool_input: Value,
}

impl Payload {
    /// Reads stdin; a person at a terminal says nothing.
    pub(super) fn read() -> Self {
        let stdin = std::io::stdin();
        let mut text = Vec::new();
        if stdin.is_terminal() || stdin.lock().take(MOST).read_to_end(&mut text).is_err() {
            return Self::default();
        }
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The line of shell that a tool is about to run, of Claude Code's `Bash` or another agent's like of it.
    pub(super) fn line(&self) -> Option<String> {
        match self.tool_input.get("command")? {
            Value::String(line) => Some(line.clone()),
            Value::Array(words) => {
                let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                match words.as_slice() {
                    [shell, "-c" | "-lc", line] if shell.ends_with("sh") => Some((*line).to_owned()),
                    words => Some(words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
                }
            }
            _ => None,
        }
    }

    /// The place that the agent is in.
    pub(super) fn place(&self, given: &Place) -> Place {
        let told = self.cwd.as_deref().and_then(|dir| dir.canonicalize_utf8().ok());
        Place { dir: told.unwrap_or_else(|| given.dir.clone()), options: given.options.clone() }
    }

    /// The session, under the name that its commands have it by; none where something else names it.
    pub(super) fn session(&self) -> Option<Context> {
        let is_named = env::var("JJ_FLOW_UID").or_else(|| env::var(SESSION)).is_some();
        let id = self.session_id.as_deref().filter(|id| !id.is_empty() && !id.contains(char::is_control));
        id.filter(|_| !is_named).map(|id| Context::session(SESSION, id))
    }

    /// The uids that the session's flows may begin with: whether its commands were told the session is not known here.
    pub(super) fn uids(
        &self,
        config: &Config,
        dir: &Utf8Path,
        registry: &Registry,
    ) -> anyhow::Result<Vec<String>> {
        if let Some(uid) = env::var("JJ_FLOW_UID") {
            return Ok(vec![uid]);
        }
        let contexts = self.session().into_iter().chain([context_of(config, dir)]);
        let mut uids = Vec::new();
        for context in contexts {
            uids.extend(registry.uid_of(&context.to_string())?.map(|uid| uid.to_string()));
        }
        uids.dedup();
        Ok(uids)
    }
}
