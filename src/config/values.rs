//! Single values of settings: none where one is not of its form.

use std::time::Duration;

use serde_json::Value;

use super::Keep;

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

/// A number that is not 0.
pub(super) fn count(value: &Value) -> Option<usize> {
    value.as_u64().filter(|count| *count > 0).and_then(|count| count.try_into().ok())
}

/// `"90s"`, `"1h 30m"`, `"2d"`, or a number of seconds.
pub(crate) fn duration(value: &Value) -> Option<Duration> {
    let time = match value {
        Value::String(text) => length(text)?,
        other => Duration::from_secs(other.as_u64()?),
    };
    (!time.is_zero()).then_some(time)
}

/// `"30d"`, `"2w"`, `"0s"` for no time at all, or `"forever"`. A bare number could mean days as well as seconds, and
/// what goes too early is gone.
pub(super) fn keep(value: &Value) -> Option<Keep> {
    match value.as_str()? {
        "forever" => Some(Keep::Forever),
        text => length(text).map(Keep::For),
    }
}

/// A length of time in weeks, days and smaller units. How long a month or a year is nobody can say.
fn length(text: &str) -> Option<Duration> {
    let span: jiff::Span = text.parse().ok()?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}
