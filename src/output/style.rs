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
        Value::Number(number) if number.is_f64() => number.as_f64().map(short).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// A fraction with three places, or so many that three digits of a small one are seen: formats for programs have them all.
fn short(number: f64) -> String {
    let size = number.abs();
    if !(1e-9..1e15).contains(&size) {
        return Value::from(number).to_string();
    }
    let places =
        (0..12).find(|places| size * 10_f64.powi(*places) >= 1.0).map_or(3, |zeros| zeros as usize + 2);
    let text = format!("{number:.0$}", places.max(3));
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.000_309_757, "0.00031")]
    #[case(12.345_678, "12.346")]
    #[case(-0.5, "-0.5")]
    #[case(2.0, "2.0")]
    #[case(0.0, "0.0")]
    #[case(1e300, "1e+300")]
    fn fractions_are_short(#[case] number: f64, #[case] text: &str) {
        assert_eq!(value_text(&number.into()), text);
    }

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
