//! The type rule: an intent says which kind of work it is, `research` in `jjResearch`.

use heck::ToSnakeCase;

use super::grammar::{NameError, Segment};

const BUILT_IN: [&str; 4] = ["logic", "research", "schema", "docs"];
const MAX_TYPE_BYTES: usize = 32;

/// The types that an intent may name: the four that are always known and what users add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Types(Vec<String>);

impl Types {
    /// The known types and `extra` ones, each one lowercase word.
    pub(crate) fn new(extra: &[String]) -> Result<Self, NameError> {
        let mut types = Self::default();
        for word in extra {
            let lowercase = word.bytes().all(|byte| byte.is_ascii_lowercase());
            if !lowercase || !(1..=MAX_TYPE_BYTES).contains(&word.len()) {
                return Err(NameError::BadType(word.clone()));
            }
            if !types.contains(word) {
                types.0.push(word.clone());
            }
        }
        Ok(types)
    }

    pub(crate) fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The first type that an intent names. A type is a whole camelCase word, wherever it stands and
    /// whatever number follows it: `jjResearch`, `docsIndex`, `newSchema2`, but not `docstring`.
    pub(crate) fn find(&self, intent: &Segment) -> Option<&str> {
        intent.as_str().to_snake_case().split('_').find_map(|word| self.named_by(word))
    }

    /// The type that one lowercase word names, a number behind it aside.
    pub(super) fn named_by(&self, word: &str) -> Option<&str> {
        let letters = word.split(|c: char| c.is_ascii_digit()).next()?;
        self.iter().find(|known| *known == letters)
    }
}

impl Default for Types {
    fn default() -> Self {
        Self(BUILT_IN.map(String::from).to_vec())
    }
}

impl std::fmt::Display for Types {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("research", Some("research"))]
    #[case("jjResearch", Some("research"))]
    #[case("researchX", Some("research"))]
    #[case("jjResearchX", Some("research"))]
    #[case("jjRESEARCH", Some("research"))]
    #[case("logicSamskara", Some("logic"))]
    #[case("logicDocs", Some("logic"))]
    #[case("docsLogic", Some("docs"))]
    #[case("newSchema2", Some("schema"))]
    #[case("research3d", Some("research"))]
    #[case("v2Docs", Some("docs"))]
    #[case("parserFix", Some("fix"))]
    #[case("docstring", None)]
    #[case("newDocstring", None)]
    #[case("prefix", None)]
    #[case("testimony", None)]
    #[case("logical", None)]
    #[case("jjresearch", None)]
    #[case("foo", None)]
    fn a_type_is_a_whole_word(#[case] intent: &str, #[case] found: Option<&str>) {
        let types = Types::new(&["fix".into(), "test".into()]).unwrap();
        assert_eq!(types.find(&Segment::parse(intent).unwrap()), found);
    }

    #[rstest]
    #[case("")]
    #[case("Fix")]
    #[case("bug-fix")]
    #[case("v2")]
    #[case("küche")]
    #[case("abcdefghijklmnopqrstuvwxyzabcdefg")]
    fn a_type_is_one_lowercase_word(#[case] word: &str) {
        assert_eq!(Types::new(&[word.into()]), Err(NameError::BadType(word.into())));
    }

    #[test]
    fn types_are_listed_once() {
        let types = Types::new(&["fix".into(), "docs".into(), "fix".into()]).unwrap();
        assert_eq!(types.to_string(), "logic, research, schema, docs, fix");
    }
}
