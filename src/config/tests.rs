//! What settings come to.

use rstest::rstest;
use serde_json::json;

use super::*;

fn settings(list: &[(&str, Value)]) -> Vec<Setting> {
    let setting = |(name, value): &(&str, Value)| Setting {
        name: (*name).to_owned(),
        value: value.clone(),
        personal: true,
    };
    list.iter().map(setting).collect()
}

#[test]
fn settings_are_taken() {
    let list = settings(&[
        ("policy", json!("strict")),
        ("types", json!(["ops"])),
        ("default-type", json!("ops")),
        ("trunk", json!("none")),
        ("max-depth", json!(3)),
    ]);
    let (config, complaints) = understand(&list, &[], None, None);
    assert_eq!(complaints, []);
    assert_eq!((config.policy, config.trunk), (Policy::Strict, Trunk::None));
    assert_eq!((config.rules.default_type.as_str(), config.rules.max_depth), ("ops", 3));
}

#[rstest]
#[case("policy", json!("sometimes"))]
#[case("policy", json!(1))]
#[case("types", json!("ops"))]
#[case("types", json!(["Not One Word"]))]
#[case("default-type", json!("unknown"))]
#[case("max-depth", json!(0))]
#[case("trunk", json!(""))]
#[case("polciy", json!("off"))]
#[case("hooks.verify", json!(""))]
#[case("hooks.verify", json!([]))]
#[case("hooks.on-conflict", json!(["ok", 1]))]
#[case("hook-timeout", json!("soon"))]
#[case("hook-timeout", json!("-5m"))]
#[case("verify-jobs", json!(0))]
#[case("guard.max-files", json!("many"))]
#[case("push", json!("yes"))]
#[case("keep-merged", json!("never"))]
#[case("keep-merged", json!(30))]
#[case("keep-events", json!("-1d"))]
#[case("keep-events", json!("1 month"))]
#[case("keep-gone", json!(""))]
fn what_is_wrong_is_said_and_the_default_holds(#[case] name: &str, #[case] value: Value) {
    let (config, complaints) = understand(&settings(&[(name, value)]), &[], None, None);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert_eq!(
        (config.policy, &config.trunk, &config.rules),
        (Policy::Rewrite, &Trunk::Auto(None), &Rules::default())
    );
}

#[test]
fn a_hook_is_a_line_or_words_and_a_timeout_a_duration() {
    let list = settings(&[
        ("hooks.verify", json!("cargo test && cargo clippy")),
        ("hooks.on-conflict", json!(["resolve", "--all"])),
        ("hook-timeout", json!("1m 30s")),
    ]);
    let (config, complaints) = understand(&list, &[], None, None);
    assert_eq!(complaints, []);
    assert_eq!(config.verify.unwrap().text(), "cargo test && cargo clippy");
    assert_eq!(config.on_conflict.unwrap().text(), r#"["resolve","--all"]"#);
    assert_eq!(config.hook_timeout, Duration::from_secs(90));
}

#[test]
fn a_tool_that_the_repo_defines_is_not_the_users_own() {
    let program =
        |personal| Setting { name: "merge-tools.mine.program".into(), value: json!("/bin/mine"), personal };
    let list = settings(&[("conflict-tool", json!("mine"))]);
    let tool = |tools: &[Setting]| understand(&list, tools, None, None).0.conflict_tool.unwrap().hook;
    assert!(tool(&[program(true)]).personal);
    let foreign = tool(&[program(false)]);
    assert!(!foreign.personal && foreign.text().contains("/bin/mine"));
}

#[test]
fn a_repo_chooses_neither_the_registry_nor_what_becomes_of_other_repos() {
    let foreign = |name: &str, value: &str| {
        let setting = Setting { name: name.into(), value: json!(value), personal: false };
        let (config, complaints) = understand(&[setting], &[], None, None);
        let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert_eq!(said, [format!("flow.{name} counts in the user's own config only")]);
        config
    };
    assert_eq!(foreign("registry", "/tmp/x").registry, None);
    assert_eq!(foreign("keep-gone", "0s").keep_gone, Keep::days(90));
}

#[rstest]
#[case("30d", Keep::days(30))]
#[case("2w", Keep::days(14))]
#[case("1w 1d", Keep::days(8))]
#[case("P90D", Keep::days(90))]
#[case("36h", Keep::For(Duration::from_secs(36 * 60 * 60)))]
#[case("0s", Keep::days(0))]
#[case("forever", Keep::Forever)]
fn what_is_kept_is_kept_for_days_and_weeks_too(#[case] text: &str, #[case] expected: Keep) {
    let (config, complaints) = understand(&settings(&[("keep-merged", json!(text))]), &[], None, None);
    assert_eq!((config.keep_merged, complaints), (expected, vec![]));
}

#[test]
fn what_is_older_than_it_is_kept_for_goes() {
    let now: Timestamp = "2001-02-03T04:05:06Z".parse().unwrap();
    assert_eq!(Keep::days(2).until(now), Some("2001-02-01T04:05:06Z".parse().unwrap()));
    assert_eq!(Keep::Forever.until(now), None);
    assert_eq!(Keep::For(Duration::MAX).until(now), None);
}

#[test]
fn of_every_setting_it_is_said_what_it_can_be() {
    for (name, ..) in SETTINGS {
        let (_, complaints) = understand(&settings(&[(name, json!(-1))]), &[], None, None);
        let said = complaints[0].to_string();
        assert!(said.starts_with(&format!("flow.{name} cannot be -1: it is ")), "{said}");
        assert_eq!(complaints[0].fault, Fault::Value);
    }
}
