//! The `[flow]` table of jj's config, understood.

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

/// Every setting, with its default where nothing is set.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) policy: Policy,
    pub(crate) rules: Rules,
    pub(crate) exempt: Exempt,
    pub(crate) trunk: Trunk,
    pub(crate) component: Option<String>,
    pub(crate) component_roots: Vec<String>,
    pub(crate) session_env: Vec<String>,
    pub(crate) registry: Option<String>,
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
];

/// Reads the settings; each that is unknown or of the wrong form is a complaint, and its default holds.
pub(crate) fn understand(
    settings: &[Setting],
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
        component: None,
        component_roots: vec!["Components".to_owned()],
        session_env: Vec::new(),
        registry: None,
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
            _ => {
                complaints.push(format!("flow.{name} is no setting of jj-flow"));
                continue;
            }
        };
        if understood.is_none() {
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
        let (config, complaints) = understand(&list, None, None);
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
    fn what_is_wrong_is_said_and_the_default_holds(#[case] name: &str, #[case] value: Value) {
        let (config, complaints) = understand(&settings(&[(name, value)]), None, None);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert_eq!(
            (config.policy, &config.trunk, &config.rules),
            (Policy::Rewrite, &Trunk::Auto(None), &Rules::default())
        );
    }

    #[test]
    fn a_repo_does_not_choose_the_registry() {
        let setting = Setting { name: "registry".into(), value: json!("/tmp/x"), personal: false };
        let (config, complaints) = understand(&[setting], None, None);
        assert_eq!((config.registry, complaints.len()), (None, 1));
    }
}
