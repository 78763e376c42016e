//! Small things that every listing shares.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::Value;

use crate::model::Status;

pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const HINT: Style = AnsiColor::Cyan.on_default();
pub(super) const HERE: Style = AnsiColor::Green.on_default().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
pub(super) const NAME: Style = AnsiColor::Magenta.on_default();

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

/// Marks that change the direction of what follows, and with it what a name seems to say.
fn is_bidi(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A status in its colour.
pub(crate) fn status(status: Status) -> String {
    let style = match status {
        Status::InProgress => AnsiColor::Yellow.on_default(),
        Status::Success => AnsiColor::Green.on_default(),
        Status::Failed => AnsiColor::Red.on_default(),
        Status::Merged => AnsiColor::Cyan.on_default(),
    };
    format!("{style}{status}{style:#}")
}

/// How long ago, in one unit: `now`, `5m`, `3h`, `12d`, `2y`.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    let units = [(365 * 86_400, "y"), (86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    unit.map_or_else(|| "now".to_owned(), |(length, letter)| format!("{}{letter}", seconds / length))
}

/// A value of a query as a table shows it.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "now")]
    #[case(59, "now")]
    #[case(60, "1m")]
    #[case(3_600 * 5, "5h")]
    #[case(86_400 * 364, "364d")]
    #[case(86_400 * 800, "2y")]
    #[case(-5, "now")]
    fn ages(#[case] seconds: i64, #[case] text: &str) {
        let then = Timestamp::UNIX_EPOCH;
        let now = Timestamp::from_second(seconds).unwrap();
        assert_eq!(age(now, then), text);
    }

    #[test]
    fn nothing_foreign_reaches_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\r\n"), "a\\u{1b}[31mb\\u{202e}c\\u{d}\n");
        assert!(matches!(plain("plain Saṃskāra"), Cow::Borrowed(_)));
    }
}
