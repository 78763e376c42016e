//! Small things that every listing shares.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde_json::Value;

use crate::model::Status;
use crate::text::plain;

pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const HINT: Style = AnsiColor::Cyan.on_default();
pub(super) const HERE: Style = AnsiColor::Green.on_default().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
pub(super) const NAME: Style = AnsiColor::Magenta.on_default();

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

/// A word that calls for attention; a failure's more than a warning's.
pub(crate) fn alarm(word: &str, is_failure: bool) -> String {
    let style = if is_failure { ERROR } else { AnsiColor::Yellow.on_default() };
    format!("{style}{word}{style:#}")
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
}
