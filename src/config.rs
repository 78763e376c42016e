//! The `[flow]` table of jj's config, understood.

use std::time::Duration;

use serde_json::Value;

use crate::model::BookmarkName;
use crate::name::intent::Types;
use crate::name::normalise::Rules;
use crate::name::policy::{Exempt, Policy};

/// One setting as it was found: the name without `flow.`, and whether the user's own config or command line
/// set it rather than a repo's.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) personal: bool,
}

/// What a root flow lands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trunk {
    /// The local bookmark behind `trunk()`, which jj's config may name, else main, master or trunk.
    Auto(Option<BookmarkName>),
    /// `none`: root flows stay at `success`.
    None,
    Named(BookmarkName),
}

impl Trunk {
    /// The name that somebody gave: the user, or jj's own config.
    pub(crate) fn named(&self) -> Option<&BookmarkName> {
        match self {
            Self::Named(name) | Self::Auto(Some(name)) => Some(name),
            Self::Auto(None) | Self::None => None,
        }
    }
}

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

/// Against dragging an old line of work onto today's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// How many changes a landing may rebase.
    pub(crate) max_changes: usize,
    /// How many files they may touch together.
    pub(crate) max_files: usize,
    /// Whether they may add files that the parent ignores.
    pub(crate) allow_ignored: bool,
}

/// Every setting, with its default where nothing is set.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) policy: Policy,
    pub(crate) rules: Rules,
    pub(crate) exempt: Exempt,
    pub(crate) trunk: Trunk,
    /// Whether jj's `trunk()` is an expression that only jj can tell the meaning of.
    pub(crate) has_own_trunk: bool,
    pub(crate) component: Option<String>,
    pub(crate) component_roots: Vec<String>,
    pub(crate) session_env: Vec<String>,
    pub(crate) registry: Option<String>,
    pub(crate) verify: Option<Hook>,
    /// The hook for verifying is set to what is no command: nobody wants to land unverified then.
    pub(crate) verify_is_broken: bool,
    pub(crate) on_conflict: Option<Hook>,
    pub(crate) conflict_tool: Option<Tool>,
    pub(crate) hook_timeout: Duration,
    /// How many verifications of one repo run at the same time.
    pub(crate) verify_jobs: usize,
    pub(crate) guard: Guard,
    pub(crate) push: bool,
    pub(crate) email: Option<String>,
    /// `ui.color`.
    pub(crate) color: Option<String>,
}

/// The settings that there are, for `jj flow config` and `doctor`: name, default as TOML, meaning.
pub(crate) const SETTINGS: &[(&str, &str, &str)] = &[
    (
        "policy",
        "\"rewrite\"",
        "what happens to a new bookmark's name that does not conform: rewrite, strict, warn, off",
    ),
    ("types", "[]", "types beside logic, research, schema and docs"),
    ("default-type", "\"logic\"", "the type that an intent without one gets"),
    ("max-depth", "8", "how many segments a name may have"),
    ("exempt", "[…]", "names that stay as they are, with * and ?; replaces the default list"),
    ("trunk", "unset", "the bookmark that root flows land on; none: they stay at success"),
    ("component", "unset", "this repo's component"),
    ("component-roots", "[\"Components\"]", "folders whose subfolders are components"),
    ("session-env", "[]", "more variables that name an agent's session"),
    ("registry", "unset", "the registry's file; from the user's own config only"),
    (
        "hooks.verify",
        "unset",
        "what must pass on the tree that would land: a line for sh, or a list of words",
    ),
    ("hooks.on-conflict", "unset", "what resolves conflicts, in a workspace of its own, the packet on stdin"),
    ("hook-timeout", "\"30m\"", "how long a hook may take"),
    ("verify-jobs", "2", "how many verifications of one repo run at the same time"),
    ("conflict-tool", "unset", "a merge tool of jj's that is tried on conflicts first"),
    ("guard.max-changes", "200", "how many changes a landing may rebase"),
    ("guard.max-files", "2000", "how many files the rebased changes may touch"),
    ("guard.allow-ignored", "false", "whether rebased changes may add files that the parent ignores"),
    ("push", "false", "whether a landing on the trunk is pushed, as with --push"),
];

/// Reads the settings; each that is unknown or of the wrong form is a complaint, and its default holds. `tools` are
/// the settings of jj's `merge-tools`, under their full names.
pub(crate) fn understand(
    settings: &[Setting],
    tools: &[Setting],
    email: Option<String>,
    color: Option<String>,
) -> (Config, Vec<String>) {
    let mut complaints = Vec::new();
    let mut types = Vec::new();
    let mut default_type = "logic".to_owned();
    let mut max_depth = crate::name::grammar::DEFAULT_MAX_DEPTH;
    let mut config = Config {
        policy: Policy::default(),
        rules: Rules::default(),
        exempt: Exempt::default(),
        trunk: Trunk::Auto(None),
        has_own_trunk: false,
        component: None,
        component_roots: vec!["Components".to_owned()],
        session_env: Vec::new(),
        registry: None,
        verify: None,
        verify_is_broken: false,
        on_conflict: None,
        conflict_tool: None,
        hook_timeout: Duration::from_secs(30 * 60),
        verify_jobs: 2,
        guard: Guard { max_changes: 200, max_files: 2000, allow_ignored: false },
        push: false,
        email,
        color,
    };
    for Setting { name, value, personal } in settings {
        let understood = match name.as_str() {
            "policy" => text(value).and_then(|word| word.parse().ok()).map(|policy| config.policy = policy),
            "types" => texts(value).map(|list| types = list),
            "default-type" => text(value).map(|word| default_type = word),
            "max-depth" => value
                .as_u64()
                .filter(|depth| (1..=50).contains(depth))
                .map(|depth| max_depth = depth as usize),
            "exempt" => texts(value).map(|list| config.exempt = Exempt::new(&list)),
            "trunk" => text(value).filter(|name| !name.is_empty()).map(|name| config.trunk = trunk(&name)),
            "component" => {
                text(value).filter(|name| !name.is_empty()).map(|name| config.component = Some(name))
            }
            "component-roots" => texts(value).map(|list| config.component_roots = list),
            "session-env" => texts(value).map(|list| config.session_env = list),
            // A repo's config may have come with a clone: it does not say which file is opened.
            "registry" if !personal => {
                complaints.push("flow.registry counts in the user's own config only".to_owned());
                continue;
            }
            "registry" => text(value).map(|path| config.registry = Some(path)),
            "hooks.verify" => hook(value, *personal).map(|hook| config.verify = Some(hook)),
            "hooks.on-conflict" => hook(value, *personal).map(|hook| config.on_conflict = Some(hook)),
            "hook-timeout" => duration(value).map(|time| config.hook_timeout = time),
            "verify-jobs" => count(value).map(|jobs| config.verify_jobs = jobs),
            "conflict-tool" => text(value)
                .filter(|name| !name.is_empty())
                .map(|name| config.conflict_tool = Some(tool(name, *personal, tools))),
            "guard.max-changes" => count(value).map(|max| config.guard.max_changes = max),
            "guard.max-files" => count(value).map(|max| config.guard.max_files = max),
            "guard.allow-ignored" => value.as_bool().map(|allow| config.guard.allow_ignored = allow),
            "push" => value.as_bool().map(|push| config.push = push),
            _ => {
                complaints.push(format!("flow.{name} is no setting of jj-flow"));
                continue;
            }
        };
        if understood.is_none() {
            config.verify_is_broken |= name == "hooks.verify";
            complaints.push(format!("flow.{name} cannot be {value}"));
        }
    }
    match Types::new(&types).and_then(|types| Rules::new(types, &default_type, max_depth)) {
        Ok(rules) => config.rules = rules,
        Err(error) => {
            config.rules.max_depth = max_depth;
            complaints.push(format!("flow.types or flow.default-type: {error}"));
        }
    }
    (config, complaints)
}

fn trunk(name: &str) -> Trunk {
    if name == "none" { Trunk::None } else { Trunk::Named(BookmarkName::new(name)) }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

/// A number that is not 0.
fn count(value: &Value) -> Option<usize> {
    value.as_u64().filter(|count| *count > 0).and_then(|count| count.try_into().ok())
}

/// `"90s"`, `"1h 30m"`, or a number of seconds.
pub(crate) fn duration(value: &Value) -> Option<Duration> {
    let time = match value {
        Value::String(text) => text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()?,
        other => Duration::from_secs(other.as_u64()?),
    };
    (!time.is_zero()).then_some(time)
}

fn hook(value: &Value, personal: bool) -> Option<Hook> {
    let command = match value {
        Value::String(line) if !line.trim().is_empty() => HookCommand::Line(line.clone()),
        list => HookCommand::Words(
            texts(list).filter(|words| words.first().is_some_and(|program| !program.is_empty()))?,
        ),
    };
    Some(Hook { command, personal })
}

/// A tool that a repo's config has a word in is no more the user's own than the repo's hooks are.
fn tool(name: String, personal: bool, tools: &[Setting]) -> Tool {
    let prefixes = [format!("merge-tools.{name}."), format!("merge-tools.{name:?}.")];
    let of_it = |setting: &&Setting| prefixes.iter().any(|prefix| setting.name.starts_with(prefix));
    let foreign = tools.iter().filter(of_it).filter(|setting| !setting.personal);
    let mut words = vec![name.clone()];
    words.extend(foreign.map(|setting| format!("{}={}", setting.name, setting.value)));
    let personal = personal && words.len() == 1;
    Tool { name, hook: Hook { command: HookCommand::Words(words), personal } }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(complaints, Vec::<String>::new());
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
        assert_eq!(complaints, Vec::<String>::new());
        assert_eq!(config.verify.unwrap().text(), "cargo test && cargo clippy");
        assert_eq!(config.on_conflict.unwrap().text(), r#"["resolve","--all"]"#);
        assert_eq!(config.hook_timeout, Duration::from_secs(90));
    }

    #[test]
    fn a_tool_that_the_repo_defines_is_not_the_users_own() {
        let program = |personal| Setting {
            name: "merge-tools.mine.program".into(),
            value: json!("/bin/mine"),
            personal,
        };
        let list = settings(&[("conflict-tool", json!("mine"))]);
        let tool = |tools: &[Setting]| understand(&list, tools, None, None).0.conflict_tool.unwrap().hook;
        assert!(tool(&[program(true)]).personal);
        let foreign = tool(&[program(false)]);
        assert!(!foreign.personal && foreign.text().contains("/bin/mine"));
    }

    #[test]
    fn a_repo_does_not_choose_the_registry() {
        let setting = Setting { name: "registry".into(), value: json!("/tmp/x"), personal: false };
        let (config, complaints) = understand(&[setting], &[], None, None);
        assert_eq!((config.registry, complaints.len()), (None, 1));
    }
}
