//! The names that a command was given, read and written as jj does.

use std::ffi::OsString;

use super::argv::{Reading, Verb, Watched};

/// A bookmark's name, and the text in argv that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) index: usize,
    /// Where in the argument it begins, and the bytes that it takes there.
    offset: usize,
    length: usize,
    pub(crate) text: String,
    /// Whether the command makes a bookmark of this name where there is none. Else one is meant that is there.
    pub(crate) makes: bool,
}

impl Name {
    /// Another name for the same place.
    pub(crate) fn renamed(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..*self }
    }
}

/// Every name that the command was given, in order; patterns that may match several bookmarks are none. `None` where
/// jj will refuse one of them, and with it the command.
pub(crate) fn names(watched: &Watched<'_>) -> Option<Vec<Name>> {
    let mut names = Vec::new();
    for (place, argument) in watched.arguments.iter().enumerate() {
        let text = match argument.reading {
            Reading::Symbol => parse_symbol(argument.text)?,
            Reading::Pattern if is_identifier(argument.text) && !argument.text.contains('*') => {
                argument.text.to_owned()
            }
            Reading::Pattern | Reading::Other => continue,
        };
        // Of `rename OLD NEW` only the new name is made.
        let makes = argument.reading == Reading::Symbol && (watched.verb, place) != (Verb::Rename, 0);
        let (index, offset, length) = (argument.index, argument.offset, argument.text.len());
        names.push(Name { index, offset, length, text, makes });
    }
    Some(names)
}

/// `argv` with each of `names` in its place, quoted where jj needs that; every other argument as it was.
pub(crate) fn rewrite(argv: &[OsString], names: &[Name]) -> Vec<OsString> {
    let mut argv = argv.to_vec();
    for name in names {
        let text = argv.get(name.index).and_then(|argument| argument.to_str()).unwrap_or_default();
        let (before, rest) = text.split_at_checked(name.offset).unwrap_or_default();
        if let Some(after) = rest.get(name.length..) {
            argv[name.index] = format!("{before}{}{after}", symbol(&name.text)).into();
        }
    }
    argv
}

/// jj's `revset::parse_symbol`: an identifier or a string literal, and not empty.
fn parse_symbol(text: &str) -> Option<String> {
    let name = if let Some(rest) = text.strip_prefix('"') {
        parse_escaped(rest)?
    } else if let Some(rest) = text.strip_prefix('\'') {
        rest.strip_suffix('\'').filter(|content| !content.contains('\''))?.to_owned()
    } else {
        is_identifier(text).then(|| text.to_owned())?
    };
    (!name.is_empty()).then_some(name)
}

/// What stands between double quotes, given all that follows the first.
fn parse_escaped(rest: &str) -> Option<String> {
    let mut name = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(name),
            '\\' => name.push(match chars.next()? {
                't' => '\t',
                'r' => '\r',
                'n' => '\n',
                '0' => '\0',
                'e' => '\x1b',
                'x' => {
                    let code = chars.next()?.to_digit(16)? * 16 + chars.next()?.to_digit(16)?;
                    char::from_u32(code)?
                }
                quoted @ ('"' | '\\') => quoted,
                _ => return None,
            }),
            plain => name.push(plain),
        }
    }
}

/// Parts joined by one `.`, one `+`, or any number of `-`.
fn is_identifier(text: &str) -> bool {
    let mut before = None;
    for char in text.chars() {
        let fits = match char {
            '.' | '+' => before.is_some_and(is_identifier_part),
            '-' => before.is_some_and(|before| before == '-' || is_identifier_part(before)),
            _ => is_identifier_part(char),
        };
        if !fits {
            return false;
        }
        before = Some(char);
    }
    before.is_some_and(is_identifier_part)
}

fn is_identifier_part(char: char) -> bool {
    matches!(char, '_' | '*' | '/') || unicode_ident::is_xid_continue(char)
}

/// The shortest way to write `name` that `parse_symbol` reads back.
fn symbol(name: &str) -> String {
    if is_identifier(name) {
        return name.to_owned();
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for char in name.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\0' => quoted.push_str("\\0"),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::argv::{Command, scan};
    use super::*;

    fn names_in(argv: &[OsString]) -> Option<Vec<Name>> {
        match scan(argv).command {
            Command::Watched(watched) => names(&watched),
            _ => None,
        }
    }

    fn create(names: &[&str]) -> Vec<OsString> {
        ["bookmark", "create", "--"].iter().chain(names).map(OsString::from).collect()
    }

    #[rstest]
    #[case("x", "x")]
    #[case("a8f2--jjResearch--scaling", "a8f2--jjResearch--scaling")]
    #[case("release/1.2", "release/1.2")]
    #[case("x*", "x*")]
    #[case("x+y", "x+y")]
    #[case("x---y", "x---y")]
    #[case("_", "_")]
    #[case("/", "/")]
    #[case("*", "*")]
    #[case("1", "1")]
    #[case("saṃskāra", "saṃskāra")]
    #[case("हिन्दी", "हिन्दी")]
    #[case("研究", "研究")]
    #[case("'weird name'", "weird name")]
    #[case(r"'a\n'", r"a\n")]
    #[case(r#"'"'"#, r#"""#)]
    #[case("'-r'", "-r")]
    #[case("\"weird name\"", "weird name")]
    #[case("\"it's\"", "it's")]
    #[case(r#""a\"b""#, "a\"b")]
    #[case(r#""\\""#, "\\")]
    #[case(r#""\t\r\n\0\e""#, "\t\r\n\0\x1b")]
    #[case(r#""\x41\xe9""#, "Aé")]
    #[case("\"a\nb\"", "a\nb")]
    fn symbols(#[case] written: &str, #[case] name: &str) {
        assert_eq!(parse_symbol(written).as_deref(), Some(name));
        assert_eq!(parse_symbol(&symbol(name)).as_deref(), Some(name));
    }

    #[rstest]
    #[case("")]
    #[case("''")]
    #[case("\"\"")]
    #[case("'")]
    #[case("\"")]
    #[case("'x")]
    #[case("x'")]
    #[case("'x'y")]
    #[case("'x''y'")]
    #[case("\"x\"y")]
    #[case("\"x")]
    #[case(r#""x\""#)]
    #[case(r#""\q""#)]
    #[case(r#""\x4""#)]
    #[case(r#""\x+4""#)]
    #[case("weird name")]
    #[case(" x")]
    #[case("x ")]
    #[case("-x")]
    #[case("x-")]
    #[case("x+")]
    #[case(".x")]
    #[case("x..y")]
    #[case("x++y")]
    #[case("x.-y")]
    #[case("x-.y")]
    #[case("x-+y")]
    #[case("x@")]
    #[case("x@origin")]
    #[case("@")]
    #[case("x:y")]
    #[case("x|y")]
    #[case("x~")]
    #[case("x²")]
    #[case("x y")]
    #[case("(x)")]
    #[case("x()")]
    fn no_symbols(#[case] written: &str) {
        assert_eq!(parse_symbol(written), None);
    }

    #[rstest]
    fn one_bad_name_leaves_all_to_jj() {
        assert_eq!(names_in(&create(&["x", "x y"])), None);
    }

    #[rstest]
    #[case("-R x bookmark rename x 'y z' --quiet", "-R x bookmark rename x NEW --quiet")]
    #[case("bookmark create x y", "bookmark create NEW NEW")]
    #[case("bookmark set -r@ x", "bookmark set -r@ NEW")]
    #[case("git push --named x=@", "git push --named NEW=@")]
    #[case("git push --named=x=y=z", "git push --named=NEW=y=z")]
    fn names_that_are_made_are_rewritten_in_their_place(#[case] line: &str, #[case] expected: &str) {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let argv = words(&line.replace("'y z'", "'y·z'"));
        let made: Vec<Name> = names_in(&argv).unwrap().into_iter().filter(|name| name.makes).collect();
        let new: Vec<Name> = made.iter().map(|name| name.renamed("NEW")).collect();
        assert_eq!(rewrite(&argv, &new), words(expected));
        assert_eq!(rewrite(&argv, &[]), argv);
    }

    #[rstest]
    #[case("bookmark move x --to @", &["x"])]
    #[case("bookmark m -t@ x y* a|b 'z'", &["x"])]
    #[case("bookmark delete x glob:y", &["x"])]
    #[case("bookmark forget x ~y", &["x"])]
    #[case("bookmark advance", &[])]
    #[case("git push -bx --bookmark=y --branch z -b w*", &["x", "y", "z"])]
    #[case("bookmark track x@origin y", &[])]
    #[case("bookmark rename x y", &["x"])]
    fn plain_patterns_mean_bookmarks_that_are_there(#[case] line: &str, #[case] expected: &[&str]) {
        let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let found: Vec<Name> = names_in(&argv).unwrap().into_iter().filter(|name| !name.makes).collect();
        assert_eq!(found.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(), expected);
        let new: Vec<Name> = found.iter().map(|name| name.renamed("NEW")).collect();
        let rewritten = rewrite(&argv, &new);
        let again: Vec<_> = names_in(&rewritten).unwrap().into_iter().filter(|name| !name.makes).collect();
        assert!(again.iter().all(|name| name.text == "NEW") && again.len() == expected.len());
    }

    #[rstest]
    fn a_rewritten_name_is_quoted_where_jj_needs_it() {
        let argv = ["bookmark", "rename", "x", "y"].map(OsString::from);
        let new = names_in(&argv).unwrap()[1].renamed("it's \"y\"");
        assert_eq!(rewrite(&argv, &[new]), ["bookmark", "rename", "x", r#""it's \"y\"""#]);
    }

    proptest! {
        #[test]
        fn a_name_survives_its_writing(name in "\\PC+|[a-c.+*/'\"\\\\ \0\n-]+") {
            prop_assert_eq!(parse_symbol(&symbol(&name)), Some(name));
        }

        #[test]
        fn rewriting_alike_changes_nothing(written in prop::collection::vec("'[ -&(-~]+'|[a-c.+-]+|\"[a-c]\"", 1..4)) {
            let argv = create(&written.iter().map(String::as_str).collect::<Vec<_>>());
            let texts = |names: Vec<Name>| names.into_iter().map(|name| (name.index, name.text)).collect::<Vec<_>>();
            if let Some(found) = names_in(&argv) {
                prop_assert_eq!(names_in(&rewrite(&argv, &found)).map(texts), Some(texts(found)));
            }
        }
    }
}
