//! JSON as somebody keeps it: serde finds the places, text goes in and out there, every other byte stays.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The whole value in a text, or what is wrong with it.
pub(super) fn whole(text: &str) -> serde_json::Result<Range<usize>> {
    let value: &RawValue = serde_json::from_str(text)?;
    Ok(span(text, value))
}

/// An object or an array, and the places of what is in it.
#[derive(Clone, Debug)]
pub(super) struct Container {
    span: Range<usize>,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Of a member of an object.
    pub(super) key: String,
    /// From the key on.
    span: Range<usize>,
    pub(super) value: Range<usize>,
}

/// How what is put in is laid out.
struct Layout {
    /// What a line begins with where the new text is: a line break and its indentation, or a space.
    line: String,
    indent: String,
}

impl Container {
    pub(super) fn object(text: &str, place: Range<usize>) -> Option<Self> {
        let Members(members) = serde_json::from_str(&text[place.clone()]).ok()?;
        let item = |(key, value): (&RawValue, &RawValue)| {
            let name = serde_json::from_str(key.get()).ok()?;
            let (key, value) = (span(text, key), span(text, value));
            Some(Item { key: name, span: key.start..value.end, value })
        };
        Some(Self { span: place, items: members.into_iter().map(item).collect::<Option<_>>()? })
    }

    pub(super) fn array(text: &str, place: Range<usize>) -> Option<Self> {
        let elements: Vec<&RawValue> = serde_json::from_str(&text[place.clone()]).ok()?;
        let spans = elements.into_iter().map(|element| span(text, element));
        let items = spans.map(|span| Item { key: String::new(), span: span.clone(), value: span });
        Some(Self { span: place, items: items.collect() })
    }

    /// The place of a member; of several with one name the last one counts, as for whoever reads the file.
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.items.iter().rposition(|item| item.key == key)
    }

    /// Whether white space stands behind the opening bracket. What [`Container::with`] makes has it, and what it puts
    /// into an empty container stands right behind the bracket: so the two are known apart later.
    pub(super) fn is_spaced(&self) -> bool {
        self.items.first().is_some_and(|item| item.span.start > self.span.start + 1)
    }

    /// The text with one more item at the end of this container.
    pub(super) fn with(&self, text: &str, key: Option<&str>, value: &Value) -> String {
        let (at, lead) = match self.items.last() {
            Some(last) => (last.span.end, format!(",{}", self.gap(text))),
            None => (self.span.start + 1, String::new()),
        };
        let layout = self.layout(text, &lead);
        let key = key.map_or_else(String::new, |key| format!("{}: ", Value::from(key)));
        let value = pretty(value, &layout.indent).replace('\n', &layout.line);
        [&text[..at], &lead, &key, &value, &text[at..]].concat()
    }

    /// The text without one item, and without the comma that parted it from its neighbour.
    pub(super) fn without(&self, text: &str, index: usize) -> String {
        let item = &self.items[index].span;
        let before = index.checked_sub(1).map(|index| self.items[index].span.end);
        let cut = match (before, self.items.get(index + 1)) {
            (Some(end), _) => end..item.end,
            (None, Some(next)) => item.start..next.span.start,
            (None, None) => item.clone(),
        };
        [&text[..cut.start], &text[cut.end..]].concat()
    }

    /// The white space before the last item.
    fn gap<'t>(&self, text: &'t str) -> &'t str {
        let last = self.items.last().map_or(self.span.start + 1, |item| item.span.start);
        let before = &text[..last];
        match &before[before.trim_end().len()..] {
            "" if self.items.len() == 1 => " ",
            gap => gap,
        }
    }

    fn layout(&self, text: &str, lead: &str) -> Layout {
        let top = whole(text).ok().and_then(|place| Self::object(text, place));
        let is_one_line =
            top.as_ref().is_some_and(|top| !top.items.is_empty() && !text[top.span.clone()].contains('\n'));
        if is_one_line {
            return Layout { line: " ".into(), indent: String::new() };
        }
        let first = top.and_then(|top| Some(top.items.first()?.span.start));
        let indent = first.and_then(|start| indentation(&text[..start])).unwrap_or("  ");
        let here = match lead.rsplit_once('\n') {
            Some((_, here)) => here,
            None => line_start(&text[..self.span.start]),
        };
        let has_cr = text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r'));
        let line_break = if has_cr { "\r\n" } else { "\n" };
        Layout { line: format!("{line_break}{here}"), indent: indent.to_owned() }
    }
}

/// Everything that is in something on lines of its own.
pub(super) fn pretty(value: &Value, indent: &str) -> String {
    let text = format!("{value:#}");
    let indented = |line: &str| {
        let content = line.trim_start();
        indent.repeat((line.len() - content.len()) / 2) + content
    };
    text.lines().map(indented).collect::<Vec<_>>().join("\n")
}

/// The white space between a line break and the end of this text.
fn indentation(before: &str) -> Option<&str> {
    let (_, line) = before.rsplit_once('\n')?;
    line.trim().is_empty().then_some(line).filter(|line| !line.is_empty())
}

/// The white space that the last line of this text begins with.
fn line_start(before: &str) -> &str {
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    &line[..line.len() - line.trim_start().len()]
}

/// Where a piece of a text stands in it.
fn span(text: &str, piece: &RawValue) -> Range<usize> {
    let start = piece.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + piece.get().len()
}

/// The members of an object as they are written, those of one name too.
struct Members<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'t> Deserialize<'t> for Members<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

struct Collect;

impl<'t> Visitor<'t> for Collect {
    type Value = Members<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
