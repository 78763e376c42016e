//! Every row of `jj flow --help` is a whole one: its answer has a schema, and it is completed. That its example runs,
//! `documents_help` sees to.

use crate::common::TestEnvironment;
use crate::completion::field;
use crate::documents_help::commands;

/// Commands whose answer with `--json` is the same as without: a listing of others.
fn is_group(command: &str, all: &[(String, String)]) -> bool {
    all.iter().any(|(other, _)| other.starts_with(&format!("{command} ")))
}

#[test]
fn every_command_has_a_schema() {
    let env = TestEnvironment::new();
    let home = env.dir("home");
    let mut all = Vec::new();
    commands(&home, &[], &mut all);
    assert!(all.len() > 40, "{}", all.len());
    for (command, _) in all.iter().filter(|(command, _)| !is_group(command, &all)) {
        let name = if command.is_empty() { "tree" } else { command };
        let words: Vec<&str> = name.split(' ').collect();
        let schema = home.flow(&[&["schema"], words.as_slice()].concat()).ok().json();
        let title = format!("jj-flow: {}", name.replace(' ', "-"));
        assert_eq!(schema["title"], title.as_str());
        jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_command_is_completed() {
    let env = TestEnvironment::new();
    let repo = field(&env);
    let mut all = Vec::new();
    commands(&repo, &[], &mut all);
    for (command, _) in all.iter().filter(|(command, _)| !command.is_empty()) {
        let words: Vec<&str> = ["jj", "flow"].into_iter().chain(command.split(' ')).collect();
        let offered = crate::completion::values(&repo, &words);
        assert!(
            offered.iter().any(|word| Some(word.as_str()) == words.last().copied()),
            "{command}: {offered:?}"
        );
    }
}

#[test]
fn a_schema_of_nothing_is_refused_and_of_everything_is_one() {
    let env = TestEnvironment::new();
    let home = env.dir("home");
    insta::assert_snapshot!(home.flow(&["schema", "nothing"]).exits(2), @r#"
    --- stderr
    Error: There is no command `nothing` with an answer
    Hint: jj flow schema
    --- exit 2
    "#);
    let all = home.flow(&["schema"]).ok().json();
    let told = home.flow(&["schema", "--json"]).ok().json();
    assert_eq!(told["document"], all);
    let schema = jsonschema::draft202012::new(&all).unwrap();
    let error = home.flow(&["show", "x", "--json"]).exits(1).json();
    assert!(schema.is_valid(&error) && schema.is_valid(&told));
    let codes = home.flow(&["schema", "code"]).ok().json();
    let codes = codes["$defs"]["Code"]["anyOf"][0]["oneOf"].as_array().unwrap().clone();
    assert!(codes.iter().any(|code| code["const"] == error["error"]["code"]));
    let mut without_packet = error.clone();
    without_packet["error"]["code"] = "conflict".into();
    assert!(!schema.is_valid(&without_packet));
}
