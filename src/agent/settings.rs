//! The hooks of jj-flow in an agent's settings, which are JSON.
//!
//! Ours are known by the command that they run. A container that becomes empty with the last of them goes too where
//! installing made it, and stays where it was there before: see [`Container::is_spaced`].

use std::ops::Range;

use serde_json::{Value, json};

use super::json::{Container, pretty, whole};
use super::{Refusal, Rest};

/// The event, the tools that it is about, and the command behind `jj-flow hook`.
const HOOKS: [(&str, Option<&str>, &str); 3] = [
    ("SessionStart", None, "session-start"),
    ("PreToolUse", Some("Bash"), "pre-tool-use"),
    ("Stop", None, "stop"),
];

/// How many seconds the agent waits for a hook.
const TIMEOUT: u32 = 10;

/// The settings with our hooks, which run `program`, a word as a shell reads it. Others of ours are exchanged for them.
pub(crate) fn install(text: &str, program: &str) -> Result<String, Refusal> {
    let (mark, json) = split_mark(text);
    require_object(json)?;
    let found: Vec<_> = ours(json, program).iter().filter_map(|path| described(json, path)).collect();
    let wanted = HOOKS
        .map(|(event, matcher, name)| (event.to_owned(), matcher.map(str::to_owned), handler(program, name)));
    if found.len() == wanted.len() && wanted.iter().all(|hook| found.contains(hook)) {
        return Ok(text.to_owned());
    }
    let mut json = match without_ours(json, program) {
        Rest::Nothing { folders } => return Ok(format!("{mark}{}", make(program, folders))),
        Rest::Text(rest) => rest,
        Rest::Same => json.to_owned(),
    };
    for (event, matcher, name) in HOOKS {
        json = with_hook(&json, event, &group(program, matcher, name))?;
    }
    Ok(format!("{mark}{json}"))
}

/// Settings that hold nothing but our hooks. The line breaks at their end tell how many folders are made for the file.
pub(crate) fn make(program: &str, folders: usize) -> String {
    format!("{}{}", snippet(program), "\n".repeat(folders + 1))
}

/// The hooks by themselves.
pub(crate) fn snippet(program: &str) -> String {
    let hooks =
        HOOKS.map(|(event, matcher, name)| (event.to_owned(), json!([group(program, matcher, name)])));
    pretty(&json!({"hooks": Value::Object(hooks.into_iter().collect())}), "  ")
}

/// The settings without our hooks.
pub(crate) fn uninstall(text: &str, program: &str) -> Result<Rest, Refusal> {
    let (mark, json) = split_mark(text);
    require_object(json)?;
    Ok(match without_ours(json, program) {
        Rest::Text(rest) => Rest::Text(format!("{mark}{rest}")),
        other => other,
    })
}

fn group(program: &str, matcher: Option<&str>, name: &str) -> Value {
    let hooks = json!([handler(program, name)]);
    match matcher {
        Some(matcher) => json!({"matcher": matcher, "hooks": hooks}),
        None => json!({"hooks": hooks}),
    }
}

fn handler(program: &str, name: &str) -> Value {
    json!({"type": "command", "command": format!("{program} hook {name}"), "timeout": TIMEOUT})
}

/// A byte order mark, and what follows it.
fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches('\u{feff}').len())
}

fn require_object(json: &str) -> Result<Container, Refusal> {
    let place = whole(json).map_err(|error| Refusal(format!("is not JSON: {error}")))?;
    Container::object(json, place).ok_or_else(|| Refusal("is not a JSON object".to_owned()))
}

fn with_hook(json: &str, event: &str, group: &Value) -> Result<String, Refusal> {
    let top = require_object(json)?;
    let Some(at) = top.position("hooks") else {
        return Ok(top.with(json, Some("hooks"), &json!({event: [group]})));
    };
    let hooks = Container::object(json, top.items[at].value.clone())
        .ok_or_else(|| Refusal("has `hooks` that are not a JSON object".to_owned()))?;
    let Some(at) = hooks.position(event) else {
        return Ok(hooks.with(json, Some(event), &json!([group])));
    };
    let groups = Container::array(json, hooks.items[at].value.clone())
        .ok_or_else(|| Refusal(format!("has `hooks.{event}` that is not a JSON array")))?;
    Ok(groups.with(json, None, group))
}

/// The containers around a value from the outside in, each with the place in it that leads on.
type Path = Vec<(Container, usize)>;

/// What leads from a value to the next one in it.
#[derive(Clone, Copy)]
enum Turn {
    Member(&'static str),
    AnyMember,
    AnyElement,
}

/// From the settings to a hook: `hooks`, the event, the group, its `hooks`.
const WAY: &[Turn] =
    &[Turn::Member("hooks"), Turn::AnyMember, Turn::AnyElement, Turn::Member("hooks"), Turn::AnyElement];

fn ours(json: &str, program: &str) -> Vec<Path> {
    let mut found = Vec::new();
    if let Ok(place) = whole(json) {
        walk(json, place, WAY, &Vec::new(), &mut found);
    }
    found.retain(|path| command(json, path).is_some_and(|command| is_ours(&command, program)));
    found
}

/// Every path of this shape; what has another shape is passed over.
fn walk(json: &str, place: Range<usize>, way: &[Turn], path: &Path, found: &mut Vec<Path>) {
    let Some((turn, rest)) = way.split_first() else {
        found.push(path.clone());
        return;
    };
    let container = match turn {
        Turn::AnyElement => Container::array(json, place),
        Turn::Member(_) | Turn::AnyMember => Container::object(json, place),
    };
    let Some(container) = container else { return };
    let turns = match turn {
        Turn::Member(key) => container.position(key).map_or(0..0, |at| at..at + 1),
        Turn::AnyMember | Turn::AnyElement => 0..container.items.len(),
    };
    for at in turns {
        let path = [path.as_slice(), &[(container.clone(), at)]].concat();
        walk(json, container.items[at].value.clone(), rest, &path, found);
    }
}

/// The value that a path leads to.
fn value(json: &str, path: &[(Container, usize)]) -> Option<Value> {
    let (container, at) = path.last()?;
    serde_json::from_str(&json[container.items[*at].value.clone()]).ok()
}

fn command(json: &str, path: &Path) -> Option<String> {
    Some(value(json, path)?["command"].as_str()?.to_owned())
}

/// The event, the matcher and the hook.
fn described(json: &str, path: &Path) -> Option<(String, Option<String>, Value)> {
    let (events, event) = &path[1];
    let group = value(json, &path[..3])?;
    let matcher = group["matcher"].as_str().map(str::to_owned);
    Some((events.items[*event].key.clone(), matcher, value(json, path)?))
}

fn without_ours(json: &str, program: &str) -> Rest {
    let mut rest = Rest::Same;
    loop {
        let text = if let Rest::Text(text) = &rest { text.as_str() } else { json };
        let Some(path) = ours(text, program).into_iter().next() else { return rest };
        match without(text, &path) {
            Some(less) => rest = Rest::Text(less),
            None => {
                let breaks = json[json.trim_end().len()..].matches('\n').count();
                return Rest::Nothing { folders: breaks.saturating_sub(1) };
            }
        }
    }
}

/// The text without a hook, and without each container that only held it and was made for it. A group without hooks
/// is nothing. None where no text is left.
fn without(json: &str, path: &Path) -> Option<String> {
    let (group, outside) = path.split_at_checked(3).map(|(outside, group)| (group, outside))?;
    let (handlers, handler) = group.last()?;
    if handlers.items.len() > 1 {
        return Some(handlers.without(json, *handler));
    }
    let stays = |(container, _): &&(Container, usize)| container.items.len() > 1 || !container.is_spaced();
    let (container, at) = outside.iter().rev().find(stays)?;
    Some(container.without(json, *at))
}

/// Whether a command is a hook of jj-flow's and nothing more, from wherever it was installed.
fn is_ours(command: &str, program: &str) -> bool {
    let Some((word, name)) = command.trim().rsplit_once(" hook ") else { return false };
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-= ".contains(character);
    name.chars().all(is_plain) && (word == program || is_own_name(word))
}

/// Whether one word of a shell's, quoted or not, names a program called jj-flow.
fn is_own_name(word: &str) -> bool {
    let quoted = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    let path = match (quoted('\''), quoted('"')) {
        (Some(path), _) if path.replace(r"'\''", "").contains('\'') => return false,
        (Some(path), _) => path,
        (None, Some(path)) if path.contains(['"', '$', '`']) => return false,
        (None, Some(path)) => path,
        (None, None) if word.contains(|character: char| " \t\n;&|<>()$`'\"".contains(character)) => {
            return false;
        }
        (None, None) => word,
    };
    path == "jj-flow" || path.ends_with("/jj-flow")
}

#[cfg(test)]
mod tests;
