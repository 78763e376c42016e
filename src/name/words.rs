//! Free text as words: what it says, in ASCII and camelCase.

use heck::ToLowerCamelCase;

use super::grammar::{NameError, Segment};

/// Folders of branches that say nothing about the work; `fix/` and its like do, and stay as a word.
const PLAIN_FOLDERS: [&str; 4] = ["feature", "feat", "topic", "task"];

/// What the text says, without the one leading folder that says nothing.
pub(super) fn without_folder(text: &str) -> &str {
    let text = text.trim();
    match text.split_once('/') {
        Some((folder, rest))
            if PLAIN_FOLDERS.iter().any(|plain| folder.eq_ignore_ascii_case(plain))
                && rest.contains(char::is_alphanumeric) =>
        {
            rest.trim()
        }
        _ => text,
    }
}

/// Words in camelCase, of which the first may begin with a digit.
pub(super) fn camel_case(text: &str) -> Result<String, NameError> {
    if Segment::parse(text).is_ok() {
        return Ok(text.to_owned());
    }
    match ascii(text).to_lower_camel_case() {
        _ if text.is_empty() => Err(NameError::Empty),
        camel if camel.is_empty() => Err(NameError::NoLetter),
        camel => Ok(camel),
    }
}

/// The text in ASCII letters, digits and spaces: accents and apostrophes vanish, other signs part words.
pub(super) fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match deunicode::deunicode_char(c) {
            Some("" | "'") => {}
            Some(letters) if c.is_alphanumeric() => plain.push_str(letters),
            _ => plain.push(' '),
        }
    }
    plain.retain(|c| c != '\'');
    plain.replace(|c: char| !c.is_ascii_alphanumeric(), " ")
}

/// `word` before a camelCase text: `logic` and `fooBar` are `logicFooBar`.
pub(super) fn in_front(word: &str, camel: &str) -> String {
    let mut letters = camel.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    word.chars().chain(first).chain(letters).collect()
}
