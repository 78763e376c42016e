//! The grammar of a flow's name: `uid--intent--subflow…`, as in `a8f2--jjResearch--scaling`.
//!
//! Whether an intent names a type and how deep a name may be are settings of a repo: `normalise`
//! knows them, this module does not.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::BookmarkName;

/// The longest flow name, in bytes: git's loose refs take 250, with room left for a suffix.
pub(crate) const MAX_BYTES: usize = 200;
pub(crate) const SEPARATOR: &str = "--";
pub(crate) const DEFAULT_MAX_DEPTH: usize = 8;

/// The grammar as jj reads it in `regex:'…'`. Up to `MAX_BYTES`, it matches what `FlowName::parse` takes.
pub(crate) const FLOW_NAME_REGEX: &str = "^[0-9a-f]{4,8}(--[a-z][A-Za-z0-9]*)+$";

/// Why a text is no name. Shown as a clause about that text, to stand after `Could not …: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    Empty,
    NoLetter,
    NoUid,
    NoIntent,
    NoType { intent: String, types: String },
    TooLong { bytes: usize },
    TooDeep { depth: usize, max: usize },
    BadUid(String),
    BadSegment(String),
    BadType(String),
    UnknownType { default: String, types: String },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::NoLetter => f.write_str("it has no letter or digit left to make a name of"),
            Self::NoUid => f.write_str("it does not begin with a uid and `--`"),
            Self::NoIntent => f.write_str("it has no intent after its uid"),
            Self::NoType { intent, types } => write!(f, "its intent `{intent}` names no type ({types})"),
            Self::TooLong { bytes } => write!(f, "it takes {bytes} bytes, and {MAX_BYTES} are the most"),
            Self::TooDeep { depth, max } => write!(f, "it is {depth} segments deep, and {max} are the most"),
            Self::BadUid(text) => {
                write!(f, "`{}` is not a uid (4 to 8 of 0-9 and a-f)", text.escape_debug())
            }
            Self::BadSegment(text) => {
                write!(f, "`{}` is not a camelCase segment of ASCII letters and digits", text.escape_debug())
            }
            Self::BadType(text) => {
                write!(f, "`{}` is not a type (one word of at most 32 of a-z)", text.escape_debug())
            }
            Self::UnknownType { default, types } => {
                write!(f, "`{}` is not one of the types ({types})", default.escape_debug())
            }
        }
    }
}

impl std::error::Error for NameError {}

/// The short, stable hash of an agent's or a session's context: 4 to 8 lowercase hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Uid(String);

impl Uid {
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match text.len() {
            4..=8 if hex => Ok(Self(text.to_owned())),
            _ => Err(NameError::BadUid(text.to_owned())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An intent or a sub-flow: camelCase, ASCII. Its length is bounded only by the name it stands in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Segment(String);

impl Segment {
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let starts_lower = text.starts_with(|first: char| first.is_ascii_lowercase());
        if starts_lower && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::BadSegment(text.to_owned()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that follows the grammar. Names sort as their texts do, so a flow stands right before its sub-flows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FlowName {
    text: String,
    uid: Uid,
}

impl FlowName {
    /// The name with these segments, of which the first is the intent.
    pub(crate) fn from_segments(uid: &Uid, segments: &[Segment]) -> Result<Self, NameError> {
        if segments.is_empty() {
            return Err(NameError::NoIntent);
        }
        let parts: Vec<&str> =
            std::iter::once(uid.as_str()).chain(segments.iter().map(Segment::as_str)).collect();
        let text = parts.join(SEPARATOR);
        match text.len() {
            0..=MAX_BYTES => Ok(Self { text, uid: uid.clone() }),
            bytes => Err(NameError::TooLong { bytes }),
        }
    }

    /// Reads a name by the grammar alone: its intent may lack a type, and any depth that fits is taken.
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(NameError::TooLong { bytes: text.len() });
        }
        let (uid, segments) = text.split_once(SEPARATOR).ok_or(NameError::NoUid)?;
        let uid = Uid::parse(uid)?;
        if segments.is_empty() {
            return Err(NameError::NoIntent);
        }
        segments.split(SEPARATOR).try_for_each(|segment| Segment::parse(segment).map(drop))?;
        Ok(Self { text: text.to_owned(), uid })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn uid(&self) -> &Uid {
        &self.uid
    }

    /// The intent and the sub-flows, outermost first; never empty.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split(SEPARATOR).skip(1)
    }

    pub(crate) fn intent(&self) -> &str {
        self.segments().next().unwrap_or_default()
    }

    /// All that follows the intent: `scaling--deeper`.
    pub(crate) fn subflow(&self) -> Option<&str> {
        self.text.splitn(3, SEPARATOR).nth(2)
    }

    /// The number of segments: 1 for a root flow.
    pub(crate) fn depth(&self) -> usize {
        self.segments().count()
    }

    /// The name without its last segment; none for a root flow.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (parent, _) = self.text.rsplit_once(SEPARATOR)?;
        parent.contains(SEPARATOR).then(|| Self { text: parent.to_owned(), uid: self.uid.clone() })
    }

    pub(crate) fn child(&self, segment: &Segment) -> Result<Self, NameError> {
        Self::parse(&format!("{self}{SEPARATOR}{segment}"))
    }

    pub(crate) fn bookmark(&self) -> BookmarkName {
        BookmarkName::new(self.text.clone())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FlowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for FlowName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;
    use rstest::rstest;

    use super::*;

    fn name(text: &str) -> FlowName {
        FlowName::parse(text).unwrap()
    }

    #[rstest]
    #[case("a8f2--jjResearch", "a8f2", "jjResearch", None, 1)]
    #[case("a8f2--jjResearch--scaling", "a8f2", "jjResearch", Some("scaling"), 2)]
    #[case("b1c4d5e6--logicSamskara--bridge--x9", "b1c4d5e6", "logicSamskara", Some("bridge--x9"), 3)]
    #[case("0123--x", "0123", "x", None, 1)]
    fn a_name_gives_its_parts(
        #[case] text: &str,
        #[case] uid: &str,
        #[case] intent: &str,
        #[case] subflow: Option<&str>,
        #[case] depth: usize,
    ) {
        let name = name(text);
        assert_eq!(
            (name.uid().as_str(), name.intent(), name.subflow(), name.depth()),
            (uid, intent, subflow, depth)
        );
        assert_eq!(name.bookmark().as_str(), text);
        assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{text}\""));
    }

    #[rstest]
    #[case("", NameError::Empty)]
    #[case("main", NameError::NoUid)]
    #[case("a8f2", NameError::NoUid)]
    #[case("a8f2-jjResearch", NameError::NoUid)]
    #[case("a8f--jjResearch", NameError::BadUid("a8f".into()))]
    #[case("a8f2b1c4d--x", NameError::BadUid("a8f2b1c4d".into()))]
    #[case("A8F2--jjResearch", NameError::BadUid("A8F2".into()))]
    #[case("--jjResearch", NameError::BadUid(String::new()))]
    #[case("a8f2--", NameError::NoIntent)]
    #[case("a8f2--JjResearch", NameError::BadSegment("JjResearch".into()))]
    #[case("a8f2--3d", NameError::BadSegment("3d".into()))]
    #[case("a8f2--jj_research", NameError::BadSegment("jj_research".into()))]
    #[case("a8f2--saṃskāra", NameError::BadSegment("saṃskāra".into()))]
    #[case("a8f2--research--", NameError::BadSegment(String::new()))]
    #[case("a8f2--research---x", NameError::BadSegment("-x".into()))]
    #[case("a8f2--research\n", NameError::BadSegment("research\n".into()))]
    fn what_is_no_name(#[case] text: &str, #[case] error: NameError) {
        assert_eq!(FlowName::parse(text), Err(error));
        assert!(!Regex::new(FLOW_NAME_REGEX).unwrap().is_match(text));
    }

    #[test]
    fn a_name_has_at_most_200_bytes() {
        let longest = format!("a8f2--{}", "x".repeat(MAX_BYTES - 6));
        assert_eq!(name(&longest).as_str(), longest);
        assert_eq!(FlowName::parse(&format!("{longest}x")), Err(NameError::TooLong { bytes: 201 }));
        let child = name(&longest).child(&Segment::parse("x").unwrap());
        assert_eq!(child, Err(NameError::TooLong { bytes: 203 }));
    }

    #[test]
    fn parents_and_children_are_inverse() {
        let root = name("a8f2--jjResearch");
        let sub = root.child(&Segment::parse("scaling").unwrap()).unwrap();
        assert_eq!(sub.as_str(), "a8f2--jjResearch--scaling");
        assert_eq!(sub.parent(), Some(root.clone()));
        assert_eq!(root.parent(), None);
        assert!(root < sub && sub < name("a8f2--jjResearchX"));
    }

    #[test]
    fn an_error_is_a_clause_that_is_safe_to_show() {
        let shown = FlowName::parse("a8f2--a\u{1b}[31m").unwrap_err().to_string();
        assert_eq!(shown, "`a\\u{1b}[31m` is not a camelCase segment of ASCII letters and digits");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_name_survives_the_text_it_is_written_as(
            uid in "[0-9a-f]{4,8}",
            segments in prop::collection::vec("[a-z][A-Za-z0-9]{0,15}", 1..8),
        ) {
            let uid = Uid::parse(&uid).unwrap();
            let segments: Vec<_> = segments.iter().map(|text| Segment::parse(text).unwrap()).collect();
            let name = FlowName::from_segments(&uid, &segments).unwrap();
            prop_assert_eq!(&FlowName::parse(name.as_str()).unwrap(), &name);
            prop_assert_eq!(name.uid(), &uid);
            prop_assert!(name.segments().eq(segments.iter().map(Segment::as_str)));
        }

        #[test]
        fn regex_and_parser_agree(text in "[0-9a-g]{3,9}-{1,3}[A-Ca-c1]{0,4}(-{1,3}[A-Ca-c1_]{0,3}){0,3}\n?") {
            let regex = Regex::new(FLOW_NAME_REGEX).unwrap();
            prop_assert_eq!(regex.is_match(&text), FlowName::parse(&text).is_ok());
        }
    }
}
