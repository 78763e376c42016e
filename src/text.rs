//! Text from elsewhere, made safe for where it goes.

use std::borrow::Cow;

/// Text from elsewhere, with every control character but the line break shown instead of obeyed.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let harmless = |character: char| character == '\n' || !(character.is_control() || is_bidi(character));
    if text.chars().all(harmless) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if harmless(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown.into()
}

/// JSON, with what [`plain`] shows instead written as JSON's own escapes: whoever reads it gets the same, and a terminal
/// obeys nothing.
pub(crate) fn plain_json(json: &str) -> Cow<'_, str> {
    // The other control characters are escapes already, or stand between the values.
    let obeyed = |character: char| character >= '\u{7f}' && (character.is_control() || is_bidi(character));
    if !json.contains(obeyed) {
        return json.into();
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if obeyed(character) {
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// A word as every shell reads it, quoted where it has to be.
pub(crate) fn quoted(word: &str) -> String {
    let harmless = |character: char| character.is_alphanumeric() || "/._-+:@%=,".contains(character);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `1 event`, `2 events`.
pub(crate) fn counted(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Whether one word is perhaps the other with a slip: a letter wrong, missing, too many or swapped, in every four.
pub(crate) fn is_near(one: &str, other: &str) -> bool {
    let longest = one.chars().count().max(other.chars().count());
    longest > 2 && strsim::osa_distance(&one.to_lowercase(), &other.to_lowercase()) <= (longest / 4).max(1)
}

/// Marks that change the direction of what follows, and with it what a name seems to say.
fn is_bidi(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_reaches_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\r\n"), "a\\u{1b}[31mb\\u{202e}c\\u{d}\n");
        assert!(matches!(plain("plain Saṃskāra"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same_without_what_a_terminal_obeys() {
        let value =
            serde_json::json!({"a\u{9b}31m": "b\u{7f}\u{202e}\u{61c}c\u{1b}[31m\nSaṃskāra \u{10ffff}"});
        let json = value.to_string();
        let shown = plain_json(&json);
        assert_eq!(plain(&shown), shown);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(matches!(plain_json("{\"plain\":\"Saṃskāra\"}"), Cow::Borrowed(_)));
    }

    #[rstest::rstest]
    #[case("nwe", "new", true)]
    #[case("reserch", "research", true)]
    #[case("Resaerhc", "research", true)]
    #[case("status", "sub", false)]
    #[case("ls", "gc", false)]
    fn a_slip_is_near(#[case] one: &str, #[case] other: &str, #[case] near: bool) {
        assert_eq!(is_near(one, other), near);
    }

    #[rstest::rstest]
    #[case("a8f2--research", "a8f2--research")]
    #[case("", "''")]
    #[case("a b", "'a b'")]
    #[case("it's $HOME", r"'it'\''s $HOME'")]
    #[case("-x;`y`", "'-x;`y`'")]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise(#[case] word: &str, #[case] shown: &str) {
        assert_eq!(quoted(word), shown);
    }
}
