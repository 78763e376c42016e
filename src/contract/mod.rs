//! The contract with programs: a JSON Schema of everything that `--json` prints. It only grows: fields and words are
//! added, none changes its meaning or goes.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::error::Kind;

/// The version in every object that is printed.
pub(crate) const VERSION: u32 = 1;

/// What answers have in common, by name.
const SHARED: &str = include_str!("shared.json");
/// What each command answers, without the fields that every answer has.
const ANSWERS: &str = include_str!("answers.json");

/// What stands beside the words that there are.
static LATER: LazyLock<Value> =
    LazyLock::new(|| json!({"type": "string", "description": "One of a later version."}));

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema of one command's answers (`new`, `repo-list`, `tree` for `jj flow` itself), of a part of several such
/// as `Error` or `Packet`, or of everything that is printed. None where there is nothing of that name.
pub(crate) fn document(name: Option<&str>) -> Option<Value> {
    let mut parts = parse(SHARED);
    parts.insert("Code".into(), codes());
    parts.insert("Error".into(), error());
    let answers = parse(ANSWERS);
    let printed = answers.keys().cloned().chain(["Error".to_owned()]);
    let printed: Vec<Value> = printed.map(|name| reference(&name)).collect();
    let answers: Vec<_> = answers.into_iter().map(|(name, it)| (name, complete(&it, &parts))).collect();
    parts.extend(answers);
    let mut document = match name {
        Some(name) => {
            let like = || parts.keys().find(|known| known.eq_ignore_ascii_case(name));
            let name = parts.get_key_value(name).map(|(known, _)| known).or_else(like)?;
            let of = reference(name);
            json!({"$schema": DIALECT, "title": format!("jj-flow: {name}"), "allOf": [of]})
        }
        None => json!({"$schema": DIALECT, "title": "jj-flow: whatever --json prints", "anyOf": printed}),
    };
    document["$defs"] = parts.into();
    Some(document)
}

fn parse(text: &str) -> Map<String, Value> {
    let mut parts: Map<String, Value> =
        serde_json::from_str(text).expect("the schemas of this crate are JSON objects");
    parts.values_mut().for_each(open);
    parts
}

/// A list of words is of those that there are: a later version may have another.
fn open(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(open);
            if let Some(words) = fields.remove("enum") {
                fields.insert("anyOf".into(), json!([{"enum": words}, LATER.clone()]));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(open),
        _ => {}
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// Every code that there is, with its meaning and its exit status.
fn codes() -> Value {
    let code = |kind: &Kind| {
        let says = format!("{}; exit {}", kind.meaning(), kind.exit());
        json!({"const": kind.code(), "description": says})
    };
    let known = json!({"oneOf": Kind::ALL.iter().map(code).collect::<Vec<_>>()});
    json!({"anyOf": [known, LATER.clone()]})
}

fn error() -> Value {
    let of = json!({
        "type": "object",
        "required": ["code", "message", "hint"],
        "properties": {
            "code": reference("Code"),
            "message": {"type": "string"},
            "hint": {"description": "A command that runs as it stands.", "type": ["string", "null"]},
            "details": {"type": "object"},
        },
        "if": {"properties": {"code": {"const": "conflict"}}},
        "then": {"properties": {"details": reference("Packet")}, "required": ["details"]},
    });
    json!({
        "type": "object",
        "required": ["schema", "ok", "error"],
        "properties": {"schema": {"const": VERSION}, "ok": {"const": false}, "error": of},
    })
}

/// An answer with the fields that every answer has.
fn complete(answer: &Value, parts: &Map<String, Value>) -> Value {
    let shared = answer["$ref"].as_str().and_then(|path| parts.get(path.rsplit('/').next()?));
    if let Some(shared) = shared {
        return complete(shared, parts);
    }
    let mut whole = answer.clone();
    if let Some(ways) = whole.get_mut("anyOf").and_then(Value::as_array_mut) {
        ways.iter_mut().for_each(|way| *way = complete(way, parts));
        return whole;
    }
    let mut properties = Map::from_iter([
        ("schema".to_owned(), json!({"const": VERSION})),
        ("ok".to_owned(), json!({"const": true})),
    ]);
    let mut required = vec![json!("schema"), json!("ok")];
    properties.extend(whole["properties"].as_object().cloned().unwrap_or_default());
    required.extend(whole["required"].as_array().cloned().unwrap_or_default());
    whole["properties"] = properties.into();
    whole["required"] = required.into();
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that a schema refers to, wherever it does.
    fn references(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(fields) => {
                let name = fields.get("$ref").and_then(|path| path.as_str()?.strip_prefix("#/$defs/"));
                found.extend(name.map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_part_is_used() {
        let document = document(None).unwrap();
        let mut used = Vec::new();
        references(&document, &mut used);
        let parts = document["$defs"].as_object().unwrap();
        let lost: Vec<_> = used.iter().filter(|name| !parts.contains_key(*name)).collect();
        let idle: Vec<_> = parts.keys().filter(|name| !used.contains(name)).collect();
        assert!(lost.is_empty() && idle.is_empty(), "lost: {lost:?}, idle: {idle:?}");
    }

    #[test]
    fn a_word_of_a_later_version_is_allowed() {
        let parts = parse(SHARED);
        assert_eq!(parts["Status"]["anyOf"][0]["enum"][0], "in-progress");
        assert_eq!(parts["Status"]["anyOf"][1]["type"], "string");
        assert_eq!(parts["Landing"]["properties"]["state"]["anyOf"][1]["type"], "string");
    }

    #[test]
    fn no_part_has_the_name_of_a_command() {
        let (parts, answers) = (parse(SHARED), parse(ANSWERS));
        assert!(parts.keys().all(|part| part.starts_with(char::is_uppercase)));
        assert!(answers.keys().all(|answer| answer.starts_with(char::is_lowercase)));
    }

    #[test]
    fn every_answer_has_a_version_and_says_that_it_is_one() {
        for name in parse(ANSWERS).keys() {
            let whole = &document(Some(name)).unwrap()["$defs"][name];
            let ways = whole["anyOf"].as_array().cloned().unwrap_or_else(|| vec![whole.clone()]);
            for way in ways {
                assert_eq!(way["properties"]["ok"], json!({"const": true}), "{name}");
                assert_eq!(
                    way["required"].as_array().unwrap()[..2],
                    [json!("schema"), json!("ok")],
                    "{name}"
                );
            }
        }
    }
}
