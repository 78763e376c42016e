//! Free text made into names. Spelling is never a reason to refuse: what is refused has nothing left to
//! make a name of, is too long or too deep, and comes with the nearest good name.
//!
//! Text that already is a segment is kept to the letter, which makes every function here idempotent.
//! All other text is put into ASCII, split into words (`HTTPServer` is `http server`, `3dResearch` is `3d
//! research`) and joined in camelCase. A digit cannot begin a segment: an intent gets its type in front
//! (`3d research` is `research3d`), a sub-flow the word `sub` (`3d` is `sub3d`).

use heck::{ToLowerCamelCase, ToSnakeCase};

use super::grammar::{DEFAULT_MAX_DEPTH, FlowName, NameError, SEPARATOR, Segment, Uid};
use super::intent::Types;
use super::nearest::nearest;
use super::words::{ascii, camel_case, in_front, without_folder};

const NUMBERED: &str = "sub";
/// What a repo asks of its names beyond the grammar. `default_type` is one of `types`, `max_depth` at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) types: Types,
    pub(crate) default_type: String,
    pub(crate) max_depth: usize,
}

impl Rules {
    /// Rules from settings; a depth of 0 is taken as 1.
    pub(crate) fn new(types: Types, default_type: &str, max_depth: usize) -> Result<Self, NameError> {
        if !types.contains(default_type) {
            return Err(NameError::UnknownType {
                default: default_type.to_owned(),
                types: types.to_string(),
            });
        }
        Ok(Self { types, default_type: default_type.to_owned(), max_depth: max_depth.max(1) })
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { types: Types::default(), default_type: "logic".to_owned(), max_depth: DEFAULT_MAX_DEPTH }
    }
}

/// A text that became no name, and the nearest one that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: NameError,
    pub(crate) nearest: Option<FlowName>,
}

/// Free text as a sub-flow's segment.
pub(crate) fn segment(text: &str) -> Result<Segment, NameError> {
    let camel = camel_case(without_folder(text))?;
    Segment::parse(&camel).or_else(|_| Segment::parse(&in_front(NUMBERED, &camel)))
}

/// Free text as an intent: one that names no type gets the default type in front.
pub(crate) fn intent(text: &str, rules: &Rules) -> Result<Segment, NameError> {
    let text = without_folder(text);
    let camel = camel_case(text)?;
    match Segment::parse(&camel) {
        Ok(segment) if rules.types.find(&segment).is_some() => return Ok(segment),
        Ok(_) => {}
        Err(_) => {
            let snake = ascii(text).to_snake_case();
            let mut words: Vec<&str> = snake.split('_').collect();
            if let Some(at) = words.iter().position(|word| rules.types.named_by(word).is_some()) {
                words[..=at].rotate_right(1);
                return Segment::parse(&words.join("_").to_lower_camel_case());
            }
        }
    }
    Segment::parse(&in_front(&rules.default_type, &camel))
}

/// A requested name, with or without a uid, as the conforming one; `uid` is for a name that brings none.
pub(crate) fn flow_name(text: &str, uid: &Uid, rules: &Rules) -> Result<FlowName, Refusal> {
    if let Ok(name) = conforming(text, rules) {
        return Ok(name);
    }
    let text = without_folder(text);
    let (own_uid, path) = match split_uid(text) {
        Some((uid, path)) => (Some(uid), path),
        None => (None, text),
    };
    let mut parts = path.split(SEPARATOR).map(str::trim).filter(|part| !part.is_empty());
    let intent = match parts.next() {
        Some(part) => intent(part, rules),
        None if own_uid.is_some() => Err(NameError::NoIntent),
        None => intent(text, rules),
    };
    let subflows: Vec<_> = parts.map(segment).collect();
    let uid = own_uid.as_ref().unwrap_or(uid);

    let wanted: Result<Vec<_>, _> = std::iter::once(&intent).chain(&subflows).cloned().collect();
    let made = wanted.and_then(|segments| {
        require_depth(segments.len(), rules)?;
        FlowName::from_segments(uid, &segments)
    });
    made.map_err(|error| {
        let good: Vec<_> = intent
            .or_else(|_| Segment::parse(&rules.default_type))
            .into_iter()
            .chain(subflows.into_iter().flatten())
            .collect();
        Refusal { error, nearest: nearest(uid, &good, rules) }
    })
}

/// Reads a name that needs no change: the grammar, an intent that names a type, no more than the deepest.
pub(crate) fn conforming(text: &str, rules: &Rules) -> Result<FlowName, NameError> {
    let name = FlowName::parse(text)?;
    let intent = Segment::parse(name.intent())?;
    if rules.types.find(&intent).is_none() {
        return Err(NameError::NoType { intent: intent.to_string(), types: rules.types.to_string() });
    }
    require_depth(name.depth(), rules)?;
    Ok(name)
}

fn require_depth(depth: usize, rules: &Rules) -> Result<(), NameError> {
    let max = rules.max_depth;
    if depth <= max { Ok(()) } else { Err(NameError::TooDeep { depth, max }) }
}

/// The uid that a name begins with, in either case, and what follows it.
fn split_uid(text: &str) -> Option<(Uid, &str)> {
    let (head, path) = text.split_once(SEPARATOR)?;
    Some((Uid::parse(&head.trim().to_ascii_lowercase()).ok()?, path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn uid() -> Uid {
        Uid::parse("a8f2").unwrap()
    }

    fn made(text: &str) -> Result<String, Refusal> {
        flow_name(text, &uid(), &Rules::default()).map(|name| name.to_string())
    }

    #[rstest]
    #[case("JJ research", "jjResearch")]
    #[case("jj-research", "jjResearch")]
    #[case("JjResearch", "jjResearch")]
    #[case("JJ RESEARCH", "jjResearch")]
    #[case("feature/jj_research", "jjResearch")]
    #[case("Feat/jj.research", "jjResearch")]
    #[case("fix/login", "logicFixLogin")]
    #[case("docs/index", "docsIndex")]
    #[case("bob/feature/docs", "bobFeatureDocs")]
    #[case("feature/", "logicFeature")]
    #[case("Saṃskāra logic", "samskaraLogic")]
    #[case("Sam\u{323}ska\u{304}ra logic", "samskaraLogic")]
    #[case("don't research “quotes”", "dontResearchQuotes")]
    #[case("объект schema", "obektSchema")]
    #[case("北京 research", "beiJingResearch")]
    #[case("foo", "logicFoo")]
    #[case("HTTPServer", "logicHttpServer")]
    #[case("docstring", "logicDocstring")]
    #[case("research2", "research2")]
    #[case("jjResearchX", "jjResearchX")]
    #[case("aBCdDocs", "aBCdDocs")]
    #[case("aBCd", "logicABCd")]
    #[case("a1B2", "logicA1B2")]
    #[case("3d", "logic3d")]
    #[case("3d engine", "logic3dEngine")]
    #[case("3d research", "research3d")]
    #[case("3dResearch", "research3d")]
    #[case("2024-05 jj research notes", "research202405JjNotes")]
    fn an_intent_names_its_type(#[case] text: &str, #[case] made: &str) {
        assert_eq!(intent(text, &Rules::default()).unwrap().as_str(), made);
    }

    #[rstest]
    #[case("scaling", "scaling")]
    #[case("Fix Loop", "fixLoop")]
    #[case("feature/fix_loop", "fixLoop")]
    #[case("HTTPServer", "httpServer")]
    #[case("a1B2", "a1B2")]
    #[case("aBCd", "aBCd")]
    #[case("2", "sub2")]
    #[case("3d scaling", "sub3dScaling")]
    fn a_subflow_needs_no_type(#[case] text: &str, #[case] made: &str) {
        assert_eq!(segment(text).unwrap().as_str(), made);
    }

    #[rstest]
    #[case("foo", "a8f2--logicFoo")]
    #[case("--x", "a8f2--logicX")]
    #[case("a8f2--jjResearch", "a8f2--jjResearch")]
    #[case("a8f2--foo", "a8f2--logicFoo")]
    #[case("A8F2--jjResearch", "a8f2--jjResearch")]
    #[case("b1c4--JJ research", "b1c4--jjResearch")]
    #[case("feature/b1c4--jjResearch", "b1c4--jjResearch")]
    #[case(" a8f2 -- jj research -- Fix Loop ", "a8f2--jjResearch--fixLoop")]
    #[case("jjResearch--scaling", "a8f2--jjResearch--scaling")]
    #[case("jjResearch--3d----x--", "a8f2--jjResearch--sub3d--x")]
    #[case("a8f2", "a8f2--logicA8f2")]
    #[case("12345678", "a8f2--logic12345678")]
    #[case("a8f2b1c4d--x", "a8f2--logicA8f2b1c4d--x")]
    fn a_request_becomes_a_name(#[case] text: &str, #[case] name: &str) {
        assert_eq!(made(text).unwrap(), name);
    }

    #[rstest]
    #[case("", NameError::Empty, "a8f2--logic")]
    #[case("  ", NameError::Empty, "a8f2--logic")]
    #[case("!? ★", NameError::NoLetter, "a8f2--logic")]
    #[case("--", NameError::NoLetter, "a8f2--logic")]
    #[case("a8f2--", NameError::NoIntent, "a8f2--logic")]
    #[case("b1c4--!--scaling", NameError::NoLetter, "b1c4--logic--scaling")]
    #[case("jjResearch--!--scaling", NameError::NoLetter, "a8f2--jjResearch--scaling")]
    #[case("a--b--c--d--e--f--g--h--i",
        NameError::TooDeep { depth: 9, max: 8 }, "a8f2--logicA--b--c--d--e--f--g--h")]
    fn a_refusal_shows_the_nearest_name(#[case] text: &str, #[case] error: NameError, #[case] nearest: &str) {
        let refusal = made(text).unwrap_err();
        assert_eq!(refusal.error, error);
        assert_eq!(refusal.nearest.unwrap().as_str(), nearest);
    }

    #[rstest]
    #[case("a8f2--jjResearch--foo", None)]
    #[case("foo", Some("it does not begin with a uid and `--`"))]
    #[case("a8f2--foo", Some("its intent `foo` names no type (logic, research, schema, docs)"))]
    #[case("a8f2--docs--a--b--c--d--e--f--g--h", Some("it is 9 segments deep, and 8 are the most"))]
    fn conforming_is_grammar_type_and_depth(#[case] text: &str, #[case] reason: Option<&str>) {
        let error = conforming(text, &Rules::default()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), reason);
    }

    #[test]
    fn settings_add_types_and_choose_the_default() {
        let types = Types::new(&["fix".into()]).unwrap();
        let rules = Rules::new(types.clone(), "fix", 0).unwrap();
        assert_eq!(flow_name("foo", &uid(), &rules).unwrap().as_str(), "a8f2--fixFoo");
        assert_eq!(
            flow_name("foo--x", &uid(), &rules).unwrap_err().nearest.unwrap().as_str(),
            "a8f2--fixFoo"
        );
        let error = Rules::new(types, "fxi", 8).unwrap_err();
        assert_eq!(error.to_string(), "`fxi` is not one of the types (logic, research, schema, docs, fix)");
    }

    /// Any text at all, and texts in which what means something here is frequent.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "--", "-", "_", " ", "/", "a8f2", "A8F2", "feature/", "research", "Docs", "LOGIC", "3", "42d",
            "x", "Foo", "BAR", "aBCd", "saṃ", "北", "'", "!", "\u{323}",
        ]);
        prop_oneof![
            any::<String>(),
            "\\PC{0,400}",
            prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn every_text_becomes_a_name_or_has_a_nearest_one(text in texts()) {
            let rules = Rules::default();
            let name = match flow_name(&text, &uid(), &rules) {
                Ok(name) => name,
                Err(refusal) => {
                    prop_assert!(!refusal.error.to_string().is_empty());
                    refusal.nearest.unwrap()
                }
            };
            prop_assert_eq!(&conforming(name.as_str(), &rules).unwrap(), &name);
            prop_assert_eq!(flow_name(name.as_str(), &uid(), &rules).unwrap(), name);
        }

        #[test]
        fn normalising_twice_changes_nothing(text in texts()) {
            let rules = Rules::default();
            if let Ok(once) = intent(&text, &rules) {
                prop_assert!(rules.types.find(&once).is_some());
                prop_assert_eq!(intent(once.as_str(), &rules).unwrap(), once);
            }
            if let Ok(once) = segment(&text) {
                prop_assert_eq!(segment(once.as_str()).unwrap(), once);
            }
        }

        #[test]
        fn a_segment_is_kept_to_the_letter(text in "[a-z][A-Za-z0-9]{0,20}") {
            let kept = segment(&text).unwrap();
            prop_assert_eq!(kept.as_str(), &text);
            let made = intent(&text, &Rules::default()).unwrap();
            prop_assert!(made.as_str()[1..].ends_with(&text[1..]));
        }
    }
}
