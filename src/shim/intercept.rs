//! The names a bookmark verb was given, read and written as jj does.

use std::ffi::OsString;

use super::argv::{Argument, Naming};

/// A bookmark's name, and which argument holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) index: usize,
    pub(crate) text: String,
}

/// Every name of the verb, in order (for `rename` the old one, then the new one); `None` where jj will refuse one of
/// them, and with it the command.
pub(crate) fn names(naming: &Naming<'_>) -> Option<Vec<Name>> {
    let read =
        |argument: &Argument<'_>| Some(Name { index: argument.index, text: parse_symbol(argument.text)? });
    naming.arguments.iter().map(read).collect()
}

/// `argv` with each of `names` in its place, quoted where jj needs that; every other argument as it was.
pub(crate) fn rewrite(argv: &[OsString], names: &[Name]) -> Vec<OsString> {
    let mut argv = argv.to_vec();
    for name in names {
        if let Some(argument) = argv.get_mut(name.index) {
            *argument = symbol(&name.text).into();
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
            Command::Bookmark(naming) => names(&naming),
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
    fn rewriting_touches_names_only() {
        let argv = ["-R", "x", "bookmark", "rename", "x", "'y z'", "--quiet"].map(OsString::from);
        let mut found = names_in(&argv).unwrap();
        assert_eq!(found, [Name { index: 4, text: "x".into() }, Name { index: 5, text: "y z".into() }]);
        let old = found.remove(0);
        found[0].text = "a8f2--logicY".into();
        assert_eq!(rewrite(&argv, &found), ["-R", "x", "bookmark", "rename", "x", "a8f2--logicY", "--quiet"]);
        found[0].text = "it's \"y\"".into();
        let quoted = ["-R", "x", "bookmark", "rename", "x", r#""it's \"y\"""#, "--quiet"];
        assert_eq!(rewrite(&argv, &found), quoted);
        assert_eq!(names_in(&rewrite(&argv, std::slice::from_ref(&old))).unwrap()[0], old);
    }

    proptest! {
        #[test]
        fn a_name_survives_its_writing(name in "\\PC+|[a-c.+*/'\"\\\\ \0\n-]+") {
            prop_assert_eq!(parse_symbol(&symbol(&name)), Some(name));
        }

        #[test]
        fn rewriting_alike_changes_nothing(written in prop::collection::vec("'[ -&(-~]+'|[a-c.+-]+|\"[a-c]\"", 1..4)) {
            let argv = create(&written.iter().map(String::as_str).collect::<Vec<_>>());
            if let Some(found) = names_in(&argv) {
                prop_assert_eq!(names_in(&rewrite(&argv, &found)), Some(found));
            }
        }
    }
}
