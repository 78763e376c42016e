//! What becomes of a name that a command asks for: kept, rewritten, refused or only remarked on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::exempt::Exempt;
use super::grammar::{FlowName, Uid};
use super::normalise::{self, Rules};

/// What happens to a new name that does not conform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Policy {
    #[default]
    Rewrite,
    Strict,
    Warn,
    Off,
}

/// A text that names no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownPolicy(String);

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a policy (rewrite, strict, warn or off)", self.0.escape_debug())
    }
}

impl std::error::Error for UnknownPolicy {}

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        match text {
            "rewrite" => Ok(Self::Rewrite),
            "strict" => Ok(Self::Strict),
            "warn" => Ok(Self::Warn),
            "off" => Ok(Self::Off),
            _ => Err(UnknownPolicy(text.to_owned())),
        }
    }
}

/// What a name is judged by.
pub(crate) struct Naming<'a> {
    pub(crate) policy: Policy,
    pub(crate) rules: &'a Rules,
    pub(crate) exempt: &'a Exempt,
    /// The uid of a name that brings none.
    pub(crate) uid: &'a Uid,
    /// The bookmark with this name or, without regard to ASCII case, the spelling of the one that there is.
    pub(crate) exists: &'a dyn Fn(&str) -> Option<String>,
}

/// The answer about one requested name. A reason is a clause to stand after `Could not …: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stays as it is, and is no flow's name.
    Keep,
    /// It stays as it is, and has the grammar of a flow's name; a new one conforms unless the policy is off.
    Flow(FlowName),
    /// This name is meant, whether or not it exists yet.
    Rewrite(FlowName),
    Refuse {
        reason: String,
        suggestion: Option<FlowName>,
    },
    /// It stays as it is, and a person should hear of it.
    Warn {
        reason: String,
        suggestion: Option<FlowName>,
    },
}

/// Judges a name, new or not. Exempt names and those of existing bookmarks are always kept. A name that meets
/// another but for case is that one, so that `create foo` and `set Foo` are one flow.
pub(crate) fn judge(requested: &str, naming: &Naming<'_>) -> Verdict {
    if naming.exempt.matches(requested) {
        return Verdict::Keep;
    }
    if naming.policy == Policy::Off {
        return kept(requested);
    }
    let reason = match ((naming.exists)(requested), normalise::conforming(requested, naming.rules)) {
        (Some(spelling), _) if spelling == requested => return kept(requested),
        (None, Ok(name)) => return Verdict::Flow(name),
        (Some(spelling), Ok(name)) => differs_in_case(&name, &spelling),
        (_, Err(error)) => error.to_string(),
    };
    match (naming.policy, meant(requested, naming)) {
        (Policy::Warn, Ok(name)) => Verdict::Warn { reason, suggestion: Some(name) },
        (Policy::Warn, Err((reason, suggestion))) => Verdict::Warn { reason, suggestion },
        (Policy::Strict, Ok(name)) => Verdict::Refuse { reason, suggestion: Some(name) },
        (_, Ok(name)) => Verdict::Rewrite(name),
        (_, Err((reason, suggestion))) => Verdict::Refuse { reason, suggestion },
    }
}

/// The flow that is meant by a name that no bookmark has: the one that a command which made this name would have made,
/// where it is there. `exists` knows remote bookmarks too.
pub(crate) fn stands_for(requested: &str, naming: &Naming<'_>) -> Option<FlowName> {
    let is_free = naming.policy == Policy::Rewrite
        && !naming.exempt.matches(requested)
        && (naming.exists)(requested).is_none_or(|spelling| spelling != requested);
    let flow = is_free.then(|| meant(requested, naming).ok())??;
    (naming.exists)(flow.as_str()).is_some().then_some(flow)
}

/// Whether a name is that of a bookmark that is no flow's.
pub(crate) fn is_no_flow(name: &str, naming: &Naming<'_>) -> bool {
    let is_there = (naming.exists)(name).is_some_and(|spelling| spelling == name);
    is_there && FlowName::parse(name).is_err()
}

/// A name that stays: a flow's where it follows the grammar.
fn kept(requested: &str) -> Verdict {
    FlowName::parse(requested).map_or(Verdict::Keep, Verdict::Flow)
}

/// The flow's name that a text stands for, in the spelling of the bookmark that there is.
fn meant(requested: &str, naming: &Naming<'_>) -> Result<FlowName, (String, Option<FlowName>)> {
    let name = normalise::flow_name(requested, naming.uid, naming.rules)
        .map_err(|refusal| (refusal.error.to_string(), refusal.nearest))?;
    let Some(spelling) = (naming.exists)(name.as_str()) else { return Ok(name) };
    FlowName::parse(&spelling)
        .map_err(|_| (differs_in_case(&name, &spelling), free_name_beside(&name, naming)))
}

fn differs_in_case(name: &FlowName, spelling: &str) -> String {
    format!("`{name}` differs only in case from the bookmark `{}`", spelling.escape_debug())
}

/// The name with the first number behind it that nothing else has.
fn free_name_beside(name: &FlowName, naming: &Naming<'_>) -> Option<FlowName> {
    (2..100)
        .filter_map(|number| normalise::conforming(&format!("{name}{number}"), naming.rules).ok())
        .find(|name| (naming.exists)(name.as_str()).is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn judged(policy: Policy, requested: &str, bookmarks: &[&str]) -> Verdict {
        let exists = |name: &str| {
            let same = bookmarks.iter().find(|bookmark| **bookmark == name);
            same.or_else(|| bookmarks.iter().find(|bookmark| bookmark.eq_ignore_ascii_case(name)))
                .map(|bookmark| (*bookmark).to_owned())
        };
        judge(
            requested,
            &Naming {
                policy,
                rules: &Rules::default(),
                exempt: &Exempt::default(),
                uid: &Uid::parse("a8f2").unwrap(),
                exists: &exists,
            },
        )
    }

    /// A verdict on one line.
    fn line(verdict: Verdict) -> String {
        let shown = |name: Option<FlowName>| name.map_or("nothing".to_owned(), |name| name.to_string());
        match verdict {
            Verdict::Keep => "keep".to_owned(),
            Verdict::Flow(name) => format!("flow {name}"),
            Verdict::Rewrite(name) => format!("rewrite {name}"),
            Verdict::Refuse { reason, suggestion } => format!("refuse: {reason}; {}", shown(suggestion)),
            Verdict::Warn { reason, suggestion } => format!("warn: {reason}; {}", shown(suggestion)),
        }
    }

    const NO_UID: &str = "it does not begin with a uid and `--`";
    const NO_LETTER: &str = "it has no letter or digit left to make a name of";

    #[rstest]
    #[case(Policy::Rewrite, "rewrite a8f2--logicFoo", "refuse: ")]
    #[case(Policy::Strict, "refuse: {NO_UID}; a8f2--logicFoo", "refuse: ")]
    #[case(Policy::Warn, "warn: {NO_UID}; a8f2--logicFoo", "warn: ")]
    #[case(Policy::Off, "keep", "keep")]
    fn a_policy_decides_about_new_names(#[case] policy: Policy, #[case] foo: &str, #[case] symbols: &str) {
        assert_eq!(line(judged(policy, "foo", &[])), foo.replace("{NO_UID}", NO_UID));
        let symbols = match symbols {
            "keep" => symbols.to_owned(),
            _ => format!("{symbols}{NO_LETTER}; a8f2--logic"),
        };
        assert_eq!(line(judged(policy, "???", &[])), symbols);
    }

    #[rstest]
    #[case("main", &[], "keep")]
    #[case("release/1.0/rc1", &[], "keep")]
    #[case("push-qpvuntsmwlqt", &[], "keep")]
    #[case("foo", &["foo"], "keep")]
    #[case("a8f2--foo", &["a8f2--foo"], "flow a8f2--foo")]
    #[case("a8f2--jjResearch", &[], "flow a8f2--jjResearch")]
    #[case("a8f2--jjResearch", &["a8f2--jjResearch", "A8F2--jjResearch"], "flow a8f2--jjResearch")]
    #[case("b1c4--docs--x", &["a8f2--docs--x"], "flow b1c4--docs--x")]
    fn some_names_are_kept_under_every_policy(
        #[values(Policy::Rewrite, Policy::Strict, Policy::Warn, Policy::Off)] policy: Policy,
        #[case] requested: &str,
        #[case] bookmarks: &[&str],
        #[case] verdict: &str,
    ) {
        assert_eq!(line(judged(policy, requested, bookmarks)), verdict);
    }

    #[rstest]
    #[case("foo", &["a8f2--logicFoo"], "rewrite a8f2--logicFoo")]
    #[case("Foo", &["foo"], "rewrite a8f2--logicFoo")]
    #[case("research x", &["a8f2--researchx"], "rewrite a8f2--researchx")]
    #[case("a8f2--researchX", &["a8f2--researchx"], "rewrite a8f2--researchx")]
    #[case("A8F2--researchX", &["a8f2--researchx"], "rewrite a8f2--researchx")]
    #[case("foo", &["A8F2--LogicFoo", "a8f2--logicfoo2"],
        "refuse: `a8f2--logicFoo` differs only in case from the bookmark `A8F2--LogicFoo`; a8f2--logicFoo3")]
    #[case("Main", &["main"], "rewrite a8f2--logicMain")]
    fn names_are_unique_without_case(
        #[case] requested: &str,
        #[case] bookmarks: &[&str],
        #[case] verdict: &str,
    ) {
        assert_eq!(line(judged(Policy::Rewrite, requested, bookmarks)), verdict);
    }

    #[rstest]
    #[case(
        Policy::Strict,
        "refuse: `a8f2--docsX` differs only in case from the bookmark `a8f2--docsx`; a8f2--docsx"
    )]
    #[case(
        Policy::Warn,
        "warn: `a8f2--docsX` differs only in case from the bookmark `a8f2--docsx`; a8f2--docsx"
    )]
    #[case(Policy::Off, "flow a8f2--docsX")]
    fn a_policy_decides_about_case(#[case] policy: Policy, #[case] verdict: &str) {
        assert_eq!(line(judged(policy, "a8f2--docsX", &["a8f2--docsx"])), verdict);
    }

    #[test]
    fn a_policy_reads_as_it_is_written() {
        for policy in [Policy::Rewrite, Policy::Strict, Policy::Warn, Policy::Off] {
            let written = serde_json::to_string(&policy).unwrap();
            assert_eq!(written.trim_matches('"').parse(), Ok(policy));
        }
        let error = "Strict".parse::<Policy>().unwrap_err();
        assert_eq!(error.to_string(), "`Strict` is not a policy (rewrite, strict, warn or off)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_a_verdict_rewrites_to_is_a_flow(requested in "\\PC{0,30}") {
            if let Verdict::Rewrite(name) = judged(Policy::Rewrite, &requested, &[]) {
                prop_assert_eq!(judged(Policy::Strict, name.as_str(), &[]), Verdict::Flow(name));
            }
        }
    }
}
