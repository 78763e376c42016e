//! Which rows are asked for, as SQL has it.

use jiff::Timestamp;
use rusqlite::functions::FunctionFlags;

use super::rows::{Page, text_of};
use super::{Registry, failure};
use crate::model::{BookmarkName, RepoId, Status};
use crate::name::grammar::Segment;
use crate::name::intent::Types;

/// Which flows are asked for, or which events of flows; what is not given does not restrict.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) repo: Option<RepoId>,
    pub(crate) bookmark: Option<BookmarkName>,
    pub(crate) status: Vec<Status>,
    pub(crate) uid: Option<String>,
    /// A type that the intent names, and all types that there are.
    pub(crate) kind: Option<(String, Types)>,
    pub(crate) component: Option<String>,
    pub(crate) parent: Option<LandsOn>,
    /// Touched, or happened, since then.
    pub(crate) since: Option<Timestamp>,
    /// Stands in the bookmark, the component or the reason, in whatever case.
    pub(crate) text: Option<String>,
    /// Rows whose bookmark is gone too, and, of all repos, those of repos that were forgotten.
    pub(crate) gone: bool,
    pub(crate) limit: Option<usize>,
    /// Where the page before ended.
    pub(crate) after: Option<Cursor>,
}

/// What flows are to land on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LandsOn {
    /// The trunk, which the row of a root flow does not name.
    Trunk(BookmarkName),
    Bookmark(BookmarkName),
    /// A flow of whichever repo, in full or by the end of its name.
    Ending(String),
}

impl LandsOn {
    /// Whether a flow lands on it whose row has this parent.
    pub(crate) fn is(&self, parent: Option<&BookmarkName>) -> bool {
        match self {
            Self::Trunk(trunk) => parent.is_none_or(|parent| parent == trunk),
            Self::Bookmark(name) => parent == Some(name),
            Self::Ending(end) => parent.is_some_and(|parent| {
                format!("--{}", parent.as_str())
                    .to_lowercase()
                    .ends_with(&format!("--{}", end.to_lowercase()))
            }),
        }
    }

    fn condition(&self) -> (&'static str, String) {
        match self {
            Self::Trunk(trunk) => ("(f.parent_flow IS NULL OR f.parent_flow = ?)", trunk.to_string()),
            Self::Bookmark(name) => ("f.parent_flow = ?", name.to_string()),
            Self::Ending(end) => {
                ("('--' || f.parent_flow) LIKE ? ESCAPE '\\'", format!("%--{}", escaped(end)))
            }
        }
    }
}

/// A place in a list that is sorted by time and number, latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    at: String,
    id: i64,
}

impl Cursor {
    /// Reads what a page gave as its end.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('_')?;
        at.parse::<Timestamp>().ok()?;
        Some(Self { at: at.to_owned(), id: id.parse().ok()? })
    }
}

/// The function by which SQL asks whether an intent is of a type. It is this connection's alone and stands nowhere in
/// the schema.
const IS_OF_TYPE: &str = "flow_is_of_type";

/// The same for a text in lower case, of whatever script.
const IN_LOWER_CASE: &str = "flow_in_lower_case";

impl Filter {
    /// The condition over `FlowRegistry AS f`, and the values of its parameters in their order. `at` and `id` are the
    /// columns that the list is sorted by.
    pub(super) fn condition(&self, at: &str, id: &str) -> (String, Vec<String>) {
        let mut terms: Vec<String> = Vec::new();
        let mut values: Vec<String> = Vec::new();
        let mut restrict = |term: &str, some: &[String]| {
            terms.push(term.to_owned());
            values.extend_from_slice(some);
        };
        let one = |value: &str| [value.to_owned()];
        if let Some(repo) = &self.repo {
            restrict("f.repo = ?", &one(repo.as_str()));
        }
        if let Some(bookmark) = &self.bookmark {
            restrict("lower(f.bookmark) = lower(?)", &one(bookmark.as_str()));
        }
        if let Some(uid) = &self.uid {
            restrict("f.uid = ?", &one(uid));
        }
        if let Some((kind, _)) = &self.kind {
            let term = format!("instr(lower(f.intent), ?) > 0 AND {IS_OF_TYPE}(f.intent)");
            restrict(&term, &one(kind));
        }
        if let Some(component) = &self.component {
            restrict("f.component = ?", &one(component));
        }
        if let Some(parent) = &self.parent {
            let (term, value) = parent.condition();
            restrict(term, &one(&value));
        }
        if let Some(since) = self.since {
            restrict(&format!("{at} >= ?"), &one(&text_of(since)));
        }
        if let Some(text) = &self.text {
            let columns = ["f.bookmark", "f.component", "f.reason"];
            // SQLite's own LIKE knows the letters of ASCII, takes 50,000 bytes, and is three times as fast.
            let (terms, value) = if text.is_ascii() && text.len() < 20_000 {
                (columns.map(|column| format!("{column} LIKE ? ESCAPE '\\'")), pattern(text))
            } else {
                let lower = |column| format!("instr({IN_LOWER_CASE}(coalesce({column}, '')), ?) > 0");
                (columns.map(lower), text.to_lowercase())
            };
            restrict(&format!("({})", terms.join(" OR ")), &[value.clone(), value.clone(), value]);
        }
        if !self.status.is_empty() {
            let marks = vec!["?"; self.status.len()].join(", ");
            let words: Vec<String> = self.status.iter().map(ToString::to_string).collect();
            restrict(&format!("f.status IN ({marks})"), &words);
        }
        if let Some(Cursor { at: then, id: last }) = &self.after {
            restrict(&format!("({at}, {id}) < (?, CAST(? AS INTEGER))"), &[then.clone(), last.to_string()]);
        }
        if !self.gone {
            restrict("f.gone_at IS NULL", &[]);
            if self.repo.is_none() {
                let forgotten = "SELECT id FROM repos WHERE forgotten_at IS NOT NULL";
                restrict(&format!("f.repo NOT IN ({forgotten})"), &[]);
            }
        }
        if terms.is_empty() { ("TRUE".to_owned(), values) } else { (terms.join(" AND "), values) }
    }

    /// How many rows are read: one more than are wanted tells whether there are more.
    pub(super) fn fetched(&self) -> i64 {
        self.limit.and_then(|limit| i64::try_from(limit).ok()?.checked_add(1)).unwrap_or(-1)
    }

    pub(super) fn page<T>(&self, mut rows: Vec<T>, place: impl Fn(&T) -> (String, i64)) -> Page<T> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(place).map(|(at, id)| format!("{at}_{id}"));
        Page { rows, next }
    }
}

impl Registry {
    /// Lets SQL on this connection ask for what the filter asks for.
    pub(super) fn know(&self, filter: &Filter) -> anyhow::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        if filter.text.as_ref().is_some_and(|text| !text.is_ascii()) {
            let lower = |context: &rusqlite::functions::Context<'_>| {
                Ok(context.get_raw(0).as_str().unwrap_or_default().to_lowercase())
            };
            self.db.create_scalar_function(IN_LOWER_CASE, 1, flags, lower).map_err(failure)?;
        }
        let Some((kind, types)) = filter.kind.clone() else { return Ok(()) };
        let is_of_type = move |context: &rusqlite::functions::Context<'_>| {
            let intent = context.get_raw(0).as_str().unwrap_or_default();
            let intent = Segment::parse(intent).ok();
            Ok(intent.is_some_and(|intent| types.find(&intent) == Some(kind.as_str())))
        };
        self.db.create_scalar_function(IS_OF_TYPE, 1, flags, is_of_type).map_err(failure)
    }
}

/// What LIKE takes for a text anywhere in another.
fn pattern(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// What LIKE takes for a text.
fn escaped(text: &str) -> String {
    let escape = |character: char| matches!(character, '%' | '_' | '\\').then_some('\\');
    text.chars().flat_map(|character| escape(character).into_iter().chain([character])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_a_page_gave_or_none() {
        let cursor = Cursor::parse("2001-02-03T04:05:06.007Z_42").unwrap();
        assert_eq!(cursor, Cursor { at: "2001-02-03T04:05:06.007Z".into(), id: 42 });
        for text in ["", "_", "42", "2001-02-03T04:05:06.007Z_", "now_42", "2001-02-03T04:05:06.007Z_4'2"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
