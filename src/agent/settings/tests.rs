use proptest::prelude::*;
use rstest::rstest;

use super::*;

const PLAIN: &str = "jj-flow";

fn rest(text: &str) -> String {
    match uninstall(text, PLAIN) {
        Ok(Rest::Text(text)) => text,
        other => panic!("{other:?} of {text}"),
    }
}

#[track_caller]
fn installed(text: &str) -> String {
    let installed = install(text, PLAIN).unwrap();
    assert_eq!(rest(&installed), text);
    assert_eq!(install(&installed, PLAIN).unwrap(), installed);
    installed
}

#[test]
fn a_new_file_is_laid_out_as_the_agent_writes_it() {
    insta::assert_snapshot!(make(PLAIN, 0), @r#"
    {
      "hooks": {
        "SessionStart": [
          {
            "hooks": [
              {
                "type": "command",
                "command": "jj-flow hook session-start",
                "timeout": 10
              }
            ]
          }
        ],
        "PreToolUse": [
          {
            "matcher": "Bash",
            "hooks": [
              {
                "type": "command",
                "command": "jj-flow hook pre-tool-use",
                "timeout": 10
              }
            ]
          }
        ],
        "Stop": [
          {
            "hooks": [
              {
                "type": "command",
                "command": "jj-flow hook stop",
                "timeout": 10
              }
            ]
          }
        ]
      }
    }
    "#);
    assert_eq!(uninstall(&make(PLAIN, 2), PLAIN), Ok(Rest::Nothing { folders: 2 }));
    // The agent wrote it again, without a line break at its end.
    assert_eq!(uninstall(&snippet(PLAIN), PLAIN), Ok(Rest::Nothing { folders: 0 }));
    assert_eq!(install(&make("/old/jj-flow", 1), PLAIN).unwrap(), make(PLAIN, 1));
}

#[test]
fn hooks_of_others_and_the_layout_stay() {
    let text = r#"{
	"model": "opus",
	"hooks": {
		"Stop": [
			{ "hooks": [{ "type": "command", "command": "say done" }] }
		],
		"PreToolUse": []
	},
	"env": {"A": "b"}
}
"#;
    insta::assert_snapshot!(installed(text), @r#"
    {
    	"model": "opus",
    	"hooks": {
    		"Stop": [
    			{ "hooks": [{ "type": "command", "command": "say done" }] },
    			{
    				"hooks": [
    					{
    						"type": "command",
    						"command": "jj-flow hook stop",
    						"timeout": 10
    					}
    				]
    			}
    		],
    		"PreToolUse": [{
    			"matcher": "Bash",
    			"hooks": [
    				{
    					"type": "command",
    					"command": "jj-flow hook pre-tool-use",
    					"timeout": 10
    				}
    			]
    		}],
    		"SessionStart": [
    			{
    				"hooks": [
    					{
    						"type": "command",
    						"command": "jj-flow hook session-start",
    						"timeout": 10
    					}
    				]
    			}
    		]
    	},
    	"env": {"A": "b"}
    }
    "#);
}

#[test]
fn a_file_of_one_line_stays_one() {
    insta::assert_snapshot!(installed(r#"{"model": "opus", "env": {}}"#), @r#"{"model": "opus", "env": {}, "hooks": { "SessionStart": [ { "hooks": [ { "type": "command", "command": "jj-flow hook session-start", "timeout": 10 } ] } ], "PreToolUse": [ { "matcher": "Bash", "hooks": [ { "type": "command", "command": "jj-flow hook pre-tool-use", "timeout": 10 } ] } ], "Stop": [ { "hooks": [ { "type": "command", "command": "jj-flow hook stop", "timeout": 10 } ] } ] }}"#);
}

#[test]
fn an_empty_object_is_not_taken_for_ours() {
    insta::assert_snapshot!(installed("{}\n"), @r#"
    {"hooks": {
      "SessionStart": [
        {
          "hooks": [
            {
              "type": "command",
              "command": "jj-flow hook session-start",
              "timeout": 10
            }
          ]
        }
      ],
      "PreToolUse": [
        {
          "matcher": "Bash",
          "hooks": [
            {
              "type": "command",
              "command": "jj-flow hook pre-tool-use",
              "timeout": 10
            }
          ]
        }
      ],
      "Stop": [
        {
          "hooks": [
            {
              "type": "command",
              "command": "jj-flow hook stop",
              "timeout": 10
            }
          ]
        }
      ]
    }}
    "#);
}

#[rstest]
#[case("{ }")]
#[case("{\n}\n")]
#[case("\u{feff}{\"a\": 1}")]
#[case("{\r\n  \"a\": 1\r\n}\r\n")]
#[case("{\"hooks\": {}}")]
#[case("{\n  \"hooks\": {}\n}")]
#[case("{\n  \"hooks\": {\n  }\n}")]
#[case("{\n  \"hooks\": {\"Stop\": []}\n}")]
#[case("{\n  \"hooks\": {\"Stop\": [ ]}\n}")]
#[case("{\n  \"hooks\": {\"Stop\": [{}, 1, null, {\"hooks\": 3}, {\"hooks\": [{\"command\": 7}]}]}\n}")]
#[case("{\"hooks\": 1, \"hooks\": {}}")]
#[case("{\"a\": 1, \"a\": 2, \"h\\u006foks\": {\"St\\u006fp\": [ {} ]}}")]
#[case("  {\n \"a\":1e999 , \"b\" : \"\\ud800\"\n ,\"c\":-0.0}  ")]
fn odd_settings_come_out_as_they_were(#[case] text: &str) {
    installed(text);
}

#[rstest]
#[case("", "is not JSON: EOF while parsing a value at line 1 column 0")]
#[case("{\"a\": 1,}", "is not JSON: key must be a string at line 1 column 9")]
#[case("{} // mine", "is not JSON: trailing characters at line 1 column 4")]
#[case(
    "{\"a\": \"\u{1}\"}",
    "is not JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 7"
)]
#[case("[]", "is not a JSON object")]
#[case("{\"hooks\": []}", "has `hooks` that are not a JSON object")]
#[case("{\"hooks\": null}", "has `hooks` that are not a JSON object")]
#[case("{\"hooks\": {\"Stop\": {}}}", "has `hooks.Stop` that is not a JSON array")]
fn what_is_no_settings_is_refused(#[case] text: &str, #[case] why: &str) {
    assert_eq!(install(text, PLAIN), Err(Refusal(why.to_owned())));
}

#[test]
fn hooks_of_an_older_version_are_exchanged() {
    let text = "{\n  \"a\": 1\n}\n";
    let old = install(text, "'/old place/jj-flow'").unwrap().replace(": 10", ": 60");
    assert_eq!(install(&old, PLAIN).unwrap(), installed(text));
    let one_less = installed(text).replace("jj-flow hook stop", "true");
    let again = install(&one_less, PLAIN).unwrap();
    assert_eq!(again.matches("jj-flow hook").count(), 3, "{again}");
    assert!(rest(&again).contains("\"true\""));
}

#[test]
fn a_hook_that_shares_its_group_leaves_it_to_the_other() {
    let text = r#"{"hooks": {"Stop": [{"hooks": [{"command": "a"}, {"command": "jj-flow hook stop"}]}]}}"#;
    assert_eq!(rest(text), r#"{"hooks": {"Stop": [{"hooks": [{"command": "a"}]}]}}"#);
    let first = r#"{"hooks": {"Stop": [{"hooks": [{"command": "jj-flow hook stop"}, {"command": "a"}]}]}}"#;
    assert_eq!(rest(first), r#"{"hooks": {"Stop": [{"hooks": [{"command": "a"}]}]}}"#);
}

#[rstest]
#[case("jj-flow hook stop", true)]
#[case("/usr/bin/jj-flow hook stop", true)]
#[case("'/home/ada l/jj-flow' hook stop", true)]
#[case(r"'/home/it'\''s/jj-flow' hook pre-tool-use", true)]
#[case("\"/home/ada l/jj-flow\" hook stop --agent=claude", true)]
#[case("/opt/flow hook stop", true)]
#[case("jj-flow hook stop; say done", false)]
#[case("jj-flow hook stop && say done", false)]
#[case("say 'x; jj-flow' hook stop", false)]
#[case("'a' && 'b/jj-flow' hook stop", false)]
#[case("cd x && jj-flow hook stop", false)]
#[case("my-jj-flow hook stop", false)]
#[case("jj-flow sync", false)]
#[case("", false)]
fn a_hook_is_known_by_its_command(#[case] command: &str, #[case] expected: bool) {
    assert_eq!(is_ours(command, "/opt/flow"), expected);
}

/// White space, as a person or a formatter leaves it.
fn gap() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "", " ", "\n", "\n  ", "\r\n\t", " \n\n "]).prop_map(str::to_owned)
}

fn list(open: char, close: char, item: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let items = prop::collection::vec((gap(), item, gap()), 0..4);
    (items, gap()).prop_map(move |(items, inside)| {
        let items: Vec<String> =
            items.into_iter().map(|(before, item, after)| before + &item + &after).collect();
        if items.is_empty() {
            format!("{open}{inside}{close}")
        } else {
            format!("{open}{}{close}", items.join(","))
        }
    })
}

fn member(
    key: impl Strategy<Value = String>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (key, gap(), gap(), value)
        .prop_map(|(key, before, after, value)| format!("\"{key}\"{before}:{after}{value}"))
}

fn one_of(words: &[&str]) -> impl Strategy<Value = String> {
    prop::sample::select(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = one_of(&["1", "-2.50e3", "null", "\"a, b\"", "\"{[\\\"\\u00e9\"", "true"]);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let key = one_of(&["hooks", "Stop", "command", "x"]);
        prop_oneof![list('[', ']', inner.clone()), list('{', '}', member(key, inner))]
    })
}

/// Settings whose `hooks`, where there are any, an agent could read.
fn settings() -> impl Strategy<Value = String> {
    let events = one_of(&["SessionStart", "PreToolUse", "Stop", "Notification"]);
    let hooks = member(Just("hooks".to_owned()), list('{', '}', member(events, list('[', ']', value()))));
    let other = member(one_of(&["a", "env", "model"]), value());
    let top = list('{', '}', prop_oneof![3 => other, 1 => hooks]);
    (gap(), top, gap()).prop_map(|(before, top, after)| before + &top + &after)
}

/// Whether everything of an older value is in a newer one, which has only more behind it.
fn extends(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(key, old)| new.get(key).is_some_and(|new| extends(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() >= old.len() && new.iter().zip(old).all(|(n, o)| n == o)
        }
        _ => new == old,
    }
}

proptest! {
    #[test]
    fn what_went_in_comes_out(text in settings()) {
        let installed = installed(&text);
        let [new, old] = [&installed, &text].map(|text| serde_json::from_str::<Value>(text).unwrap());
        prop_assert!(extends(&new, &old), "{installed}");
        for (event, matcher, name) in HOOKS {
            let groups = new["hooks"][event].as_array().unwrap();
            prop_assert_eq!(groups.iter().filter(|found| **found == group(PLAIN, matcher, name)).count(), 1);
        }
        prop_assert_eq!(rest(&install(&installed, "/other/jj-flow").unwrap()), text);
    }

    /// Whatever it is, it is worked on or refused, and nothing panics.
    #[test]
    fn any_value_is_worked_on_or_refused(text in value()) {
        if install(&text, PLAIN).is_ok() {
            installed(&text);
        }
    }
}
