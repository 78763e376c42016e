//! What is wrong with a setting, and what was meant by it.

use std::fmt;

use serde_json::Value;

use super::SETTINGS;
use crate::name::grammar::NameError;

/// How near two names are, from 0 to 1, for one to be taken for a slip of the other.
const NEAR: f64 = 0.6;

/// A setting that does not hold, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// Its name without `flow.`.
    pub(crate) setting: String,
    pub(crate) fault: Fault,
    says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no such setting; the one whose name is nearest, where one is near.
    Unknown {
        nearest: Option<&'static str>,
    },
    Value,
    /// It counts in the user's own config only, and came from elsewhere.
    Foreign,
}

impl Complaint {
    pub(super) fn unknown(name: &str) -> Self {
        let nearest = nearest(name);
        let meant = nearest.map(|known| format!("; did you mean flow.{known}?")).unwrap_or_default();
        let says = format!("flow.{name} is no setting of jj-flow{meant}");
        Self { setting: name.to_owned(), fault: Fault::Unknown { nearest }, says }
    }

    pub(super) fn value(name: &str, value: &Value) -> Self {
        let says = format!("flow.{name} cannot be {value}: it is {}", form(name));
        Self { setting: name.to_owned(), fault: Fault::Value, says }
    }

    pub(super) fn types(error: &NameError) -> Self {
        let says = format!("flow.types or flow.default-type: {error}");
        Self { setting: "types".to_owned(), fault: Fault::Value, says }
    }

    pub(super) fn foreign(name: &str) -> Self {
        let says = format!("flow.{name} counts in the user's own config only");
        Self { setting: name.to_owned(), fault: Fault::Foreign, says }
    }

    /// The same with a full stop, where it is not a question.
    pub(crate) fn sentence(&self) -> String {
        if self.says.ends_with('?') { self.says.clone() } else { format!("{}.", self.says) }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}

/// The setting that somebody meant: its name is the end of a known one, or one slip away from it.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace('_', "-");
    let known = || SETTINGS.iter().map(|(known, ..)| *known);
    let is_end = |known: &str| known.strip_suffix(&name).is_some_and(|before| before.ends_with(['.', '-']));
    let distance = |known: &'static str| {
        let end = known.rsplit('.').next().unwrap_or(known);
        let whole = strsim::normalized_damerau_levenshtein(&name, known);
        (known, whole.max(strsim::normalized_damerau_levenshtein(&name, end)))
    };
    let near = known().map(distance).filter(|(_, near)| *near >= NEAR);
    let nearest = near.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(known, _)| known);
    nearest.or_else(|| known().find(|known| is_end(known)))
}

/// What a setting may be set to, in words.
fn form(name: &str) -> &'static str {
    match name {
        "policy" => "rewrite, strict, warn or off",
        "types" | "exempt" | "component-roots" | "session-env" => {
            "a list of texts, such as [\"one\", \"two\"]"
        }
        "max-depth" => "a number from 1 to 50",
        "verify-jobs" | "guard.max-changes" | "guard.max-files" => "a number from 1 on",
        "hooks.verify" | "hooks.on-conflict" => "a line for sh, or a list of words",
        "hook-timeout" => "a time such as \"30m\"",
        "keep-merged" | "keep-events" | "keep-gone" => "a time such as \"30d\", or \"forever\"",
        "push" | "guard.allow-ignored" => "true or false",
        _ => "a text, and not an empty one",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("polciy", Some("policy"))]
    #[case("type", Some("types"))]
    #[case("verify", Some("hooks.verify"))]
    #[case("hook.verify", Some("hooks.verify"))]
    #[case("hooks.on_conflict", Some("hooks.on-conflict"))]
    #[case("hooks.onConflict", Some("hooks.on-conflict"))]
    #[case("max-chagnes", Some("guard.max-changes"))]
    #[case("timeout", Some("hook-timeout"))]
    #[case("Trunk", Some("trunk"))]
    #[case("jobs", Some("verify-jobs"))]
    #[case("colour", None)]
    #[case("x", None)]
    #[case("", None)]
    fn what_was_meant_is_found(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(nearest(name), expected);
    }
}
