//! Everything that a test's command prints with `--json` is held against the schemas of `jj flow schema`.

use std::process::Command;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::tools::JJ_FLOW;

/// Commands with a command of their own.
const GROUPS: [&str; 4] = ["repo", "name", "hook", "skill"];

/// What may stand before the command and takes no value.
const FLAGS: [&str; 3] = ["--json", "--all", "--via-jj"];

/// The schemas, with nothing allowed that they do not tell of.
static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    let told = Command::new(JJ_FLOW).args(["schema"]).env_clear().current_dir("/").output().unwrap();
    let mut schemas = serde_json::from_slice(&told.stdout).expect("jj flow schema prints JSON");
    close(&mut schemas);
    schemas
});

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_condition = |name: &str| matches!(name, "if" | "then");
            fields.iter_mut().filter(|(name, _)| !is_condition(name)).for_each(|(_, field)| close(field));
            // What a later version may say is not said by this one.
            if let Some(ways) = fields.get_mut("anyOf").and_then(Value::as_array_mut) {
                ways.retain(|way| way["description"] != "One of a later version.");
            }
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

/// Checks what jj-flow printed with `--json`, by its own name, through jj's alias or as the shim.
#[track_caller]
pub(super) fn check(words: &[String], stdout: &str) {
    let Some(args) = arguments(words) else { return };
    let ends = args.iter().position(|word| word == "--").unwrap_or(args.len());
    if args[..ends].iter().any(|word| word == "--json") {
        let objects = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        objects
            .filter(|object| object.get("schema").is_some())
            .for_each(|object| assert_promised(&command(args), &object));
    }
}

/// What jj-flow is given; none where another program was run.
fn arguments(words: &[String]) -> Option<&[String]> {
    match words.split_first()? {
        (program, args) if program.rsplit('/').next() == Some("jj-flow") => Some(args),
        (program, args) if program.rsplit('/').next() == Some("jj") => {
            let flow = args.iter().position(|word| word == "flow")?;
            Some(&args[flow + 1..])
        }
        _ => None,
    }
}

/// The command as the schemas name it.
fn command(args: &[String]) -> String {
    let is_known = |word: &String| GROUPS.contains(&word.as_str()) || SCHEMAS["$defs"].get(word).is_some();
    let is_value =
        |at: usize| at > 0 && args[at - 1].starts_with('-') && !FLAGS.contains(&args[at - 1].as_str());
    match (0..args.len()).find(|at| is_known(&args[*at]) && !is_value(*at)) {
        None => "tree".to_owned(),
        Some(at) if GROUPS.contains(&args[at].as_str()) => {
            let verb = args[at + 1..].iter().find(|word| !word.starts_with('-'));
            format!("{}-{}", args[at], verb.map_or("", |verb| verb))
        }
        Some(at) => args[at].clone(),
    }
}

/// The object is what the contract promises of this command, with nothing beside it.
#[track_caller]
pub(crate) fn assert_promised(command: &str, object: &Value) {
    let name = if object["ok"] == true { command } else { "Error" };
    let mut schema = SCHEMAS.clone();
    assert!(schema["$defs"].get(name).is_some(), "There is no schema of {name}: {object}");
    let fields = schema.as_object_mut().unwrap();
    fields.remove("anyOf");
    fields.insert("$ref".into(), format!("#/$defs/{name}").into());
    let complaints = complain(&schema, object);
    assert!(complaints.is_empty(), "{command} broke its contract:\n{}\n{object:#}", complaints.join("\n"));
}

fn complain(schema: &Value, object: &Value) -> Vec<String> {
    let validator: Validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .unwrap_or_else(|error| panic!("jj flow schema prints no JSON Schema: {error}"));
    let told = validator.iter_errors(object);
    told.map(|error| format!("{}: {error}", error.instance_path())).collect()
}
