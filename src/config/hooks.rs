//! Programs that the settings name: hooks and merge tools.

use serde_json::Value;

use super::Setting;
use super::values::texts;

/// A program that somebody wants to be run at a step of a landing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) command: HookCommand,
    /// Whether the user's own config or command line set it. One that a clone may have brought needs an approval.
    pub(crate) personal: bool,
}

/// How a hook is written in config. Nothing is ever put into either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HookCommand {
    /// A line for `sh`.
    Line(String),
    /// A program and its arguments.
    Words(Vec<String>),
}

impl Hook {
    /// The command as config has it: what is approved, and what a verification is kept under.
    pub(crate) fn text(&self) -> String {
        match &self.command {
            // A line that reads like a list of words is none: shown as what runs it.
            HookCommand::Line(line) if serde_json::from_str::<Vec<String>>(line).is_ok() => {
                Value::from(vec!["sh", "-c", line]).to_string()
            }
            HookCommand::Line(line) => line.clone(),
            HookCommand::Words(words) => Value::from(words.clone()).to_string(),
        }
    }
}

/// A merge tool of jj's that is tried on a conflict before anybody is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The tool as a hook: its name and every setting of it that is not the user's own.
    pub(crate) hook: Hook,
}

pub(super) fn hook(value: &Value, personal: bool) -> Option<Hook> {
    let command = match value {
        Value::String(line) if !line.trim().is_empty() => HookCommand::Line(line.clone()),
        list => HookCommand::Words(
            texts(list).filter(|words| words.first().is_some_and(|program| !program.is_empty()))?,
        ),
    };
    Some(Hook { command, personal })
}

/// A tool that a repo's config has a word in is no more the user's own than the repo's hooks are.
pub(super) fn tool(name: String, personal: bool, tools: &[Setting]) -> Tool {
    let prefixes = [format!("merge-tools.{name}."), format!("merge-tools.{name:?}.")];
    let of_it = |setting: &&Setting| prefixes.iter().any(|prefix| setting.name.starts_with(prefix));
    let foreign = tools.iter().filter(of_it).filter(|setting| !setting.personal);
    let mut words = vec![name.clone()];
    words.extend(foreign.map(|setting| format!("{}={}", setting.name, setting.value)));
    let personal = personal && words.len() == 1;
    Tool { name, hook: Hook { command: HookCommand::Words(words), personal } }
}
