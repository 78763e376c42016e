//! What an agent says of the moment, as JSON on stdin. Claude Code's form, which others have taken over: what is not
//! understood says nothing, and nothing is in anybody's way because of it.

use std::io::{IsTerminal as _, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::config::Config;
use crate::env;
use crate::name::Uid;
use crate::registry::Registry;
use crate::session::{Place, context_of};
use crate::text::quoted;
use crate::uid::Context;

/// No agent says more than this.
const MOST: u64 = 16 << 20;

/// The variable that names a session to every command of ours.
pub(super) const SESSION: &str = "JJ_FLOW_SESSION";

#[derive(Debug, Default)]
pub(super) struct Payload {
    session_id: Option<String>,
    cwd: Option<Utf8PathBuf>,
    /// Whether the agent goes on because a hook at its end has said something.
    pub(super) stop_hook_active: bool,
    tool_input: Value,
}

impl Payload {
    /// Reads stdin: none where that is no event. A person at a terminal says nothing.
    pub(super) fn read() -> Option<Self> {
        let stdin = std::io::stdin();
        let mut text = Vec::new();
        if stdin.is_terminal() || stdin.lock().take(MOST).read_to_end(&mut text).is_err() {
            return None;
        }
        let Value::Object(mut event) = serde_json::from_slice(&text).ok()? else { return None };
        let word = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_name = |id: &String| !id.is_empty() && !id.contains(char::is_control);
        Some(Self {
            session_id: word("session_id").filter(is_name),
            cwd: word("cwd").map(Utf8PathBuf::from),
            stop_hook_active: event.get("stop_hook_active").is_some_and(|active| *active != false),
            tool_input: event.remove("tool_input").unwrap_or_default(),
        })
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

    /// The session under the name that its commands have it by, once they have been told; none where `JJ_FLOW_UID` says
    /// who they are.
    pub(super) fn session(&self) -> Option<Context> {
        let id = self.session_id.as_deref().filter(|_| env::var("JJ_FLOW_UID").is_none());
        id.map(|id| Context::session(SESSION, id))
    }

    /// What the session is remembered by.
    pub(super) fn mark(&self) -> Option<String> {
        self.session_id.clone().or_else(|| env::var(SESSION)).or_else(|| env::var("JJ_FLOW_UID"))
    }

    /// The uid of the session, where it is known: what session-start has named to its commands, else what names it in
    /// their environment. A person's is never taken for an agent's.
    pub(super) fn uid(
        &self,
        config: &Config,
        dir: &Utf8Path,
        registry: Option<&Registry>,
    ) -> anyhow::Result<Option<Uid>> {
        if let Some(uid) = env::var("JJ_FLOW_UID") {
            return Ok(Some(Uid::parse(&uid)?));
        }
        let Some(registry) = registry else { return Ok(None) };
        let around = Some(context_of(config, dir)).filter(Context::is_session);
        for context in self.session().into_iter().chain(around) {
            if let Some(uid) = registry.uid_of(&context.to_string())? {
                return Ok(Some(uid));
            }
        }
        Ok(None)
    }
}
