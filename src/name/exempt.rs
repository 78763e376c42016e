//! The names that no policy touches.

/// Those where the settings name no others: long-lived branches, releases, a host's
/// pages, and what jj (`push-…`) and update bots create by themselves.
pub(crate) const DEFAULT_EXEMPT: [&str; 13] = [
    "main",
    "master",
    "trunk",
    "dev",
    "develop",
    "staging",
    "production",
    "release/*",
    "hotfix/*",
    "gh-pages",
    "push-*",
    "dependabot/*",
    "renovate/*",
];

/// Globs over whole names, case-sensitive: `*` is any text, `/` included, and `?` any one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exempt(Vec<Vec<char>>);

impl Exempt {
    pub(crate) fn new(globs: &[impl AsRef<str>]) -> Self {
        Self(globs.iter().map(|glob| glob.as_ref().chars().collect()).collect())
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        self.0.iter().any(|glob| glob_matches(glob, &name))
    }
}

impl Default for Exempt {
    fn default() -> Self {
        Self::new(&DEFAULT_EXEMPT)
    }
}

/// Takes each `*` as short as it can be and lengthens only the last one: the cost is a product of lengths.
fn glob_matches(glob: &[char], name: &[char]) -> bool {
    let (mut at, mut taken) = (0, 0);
    let mut star = None;
    while taken < name.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, taken));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[taken] => {
                at += 1;
                taken += 1;
            }
            _ => {
                let Some((star_at, upto)) = star else { return false };
                star = Some((star_at, upto + 1));
                (at, taken) = (star_at + 1, upto + 1);
            }
        }
    }
    glob[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("main", "main", true)]
    #[case("main", "Main", false)]
    #[case("main", "main2", false)]
    #[case("release/*", "release/", true)]
    #[case("release/*", "release", false)]
    #[case("*", "", true)]
    #[case("v?.?", "v1.2", true)]
    #[case("v?.?", "v1.23", false)]
    #[case("?", "ä", true)]
    #[case("*-wip-*", "a-wip-b-wip-c", true)]
    #[case("a*b*c", "abcbbc", true)]
    #[case("a*b*c", "abcbb", false)]
    #[case("a.c", "abc", false)]
    fn a_glob_matches_the_whole_name(#[case] glob: &str, #[case] name: &str, #[case] matches: bool) {
        assert_eq!(Exempt::new(&[glob]).matches(name), matches);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_glob_is_the_regex_it_looks_like(glob in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            let pattern = glob.replace('*', ".*").replace('?', ".");
            let regex = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
            prop_assert_eq!(Exempt::new(&[&glob]).matches(&name), regex.is_match(&name));
        }
    }
}
