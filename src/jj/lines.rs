//! The same lines of JSON as written by somebody else's jj: what to ask it, and a line of its answer. Lines come from
//! elsewhere, so nothing in them is trusted.

use serde_json::Value;

use super::read::{Commit, END, Line, Ref, TEMPLATE, change, revset};
use crate::graph::Change;
use crate::model::BookmarkName;

/// One commit as a line tells of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) change: Change,
    /// Which of the bookmarks that were asked about have it beneath them; none where the line does not say.
    pub(crate) within: Option<Vec<BookmarkName>>,
    /// The conflicted bookmarks that have it as the first of their targets.
    pub(crate) first_of: Vec<BookmarkName>,
}

/// The template, on one line and without a single quote. `bases` are what flows land on.
pub(crate) fn line_template(bases: &[BookmarkName]) -> String {
    let within = bases.iter().map(|base| {
        let beneath = revset::quoted(&format!("::{}", revset::exactly(base)));
        let name = revset::quoted(base.as_str());
        format!("if(self.contained_in({beneath}), json({name}))")
    });
    let within = within.collect::<Vec<_>>().join(", ");
    let within = format!(r#"++ ",\"within\":[" ++ separate(",", {within}) ++ "]""#);
    let template = TEMPLATE.split_whitespace().collect::<Vec<_>>().join(" ");
    unquoted(&format!("{template} {within}{END}"))
}

/// How far beneath a flow that has landed its changes are asked about.
const DEPTH: usize = 8;

/// The revset, likewise: what a survey needs, and the last changes of flows that the bases have beneath them.
pub(crate) fn line_revset(flow_names: &str, bases: &[BookmarkName]) -> String {
    let names: Vec<String> = bases.iter().map(revset::exactly).collect();
    let flows = format!("bookmarks(regex:{})", revset::quoted(flow_names));
    let landed = format!("ancestors({flows} & ::({}), {DEPTH})", names.join(" | "));
    unquoted(&format!("{} | ({landed} ~ root())", revset::survey(flow_names, bases, &[])))
}

/// A single quote can only stand in a string literal.
fn unquoted(expression: &str) -> String {
    expression.replace('\'', r"\x27")
}

/// Reads a line of the template, or `json(self)`, a tab and `json(local_bookmarks)`. An error says why it is neither.
pub(crate) fn parse_line(text: &str) -> Result<Told, String> {
    let error = |error: serde_json::Error| error.to_string();
    let mut line = match text.split_once('\t') {
        Some((commit, bookmarks)) => bare(
            serde_json::from_str(commit).map_err(error)?,
            serde_json::from_str(bookmarks).map_err(error)?,
        ),
        None => serde_json::from_str::<Line>(text).map_err(error)?,
    };
    check(&line.commit)?;
    line.bookmarks.retain(|bookmark| bookmark.remote.is_none());
    for Ref { name, target, .. } in &line.bookmarks {
        if !target.iter().step_by(2).flatten().any(|added| *added == line.commit.commit_id) {
            return Err(format!("its bookmark {name} is not on it"));
        }
    }
    let is_first = |bookmark: &&Ref| {
        bookmark.target.len() > 1
            && bookmark.target.iter().step_by(2).flatten().next() == Some(&line.commit.commit_id)
    };
    let first_of = line.bookmarks.iter().filter(is_first).map(|bookmark| BookmarkName::new(&bookmark.name));
    let first_of = first_of.collect();
    let within = line.within.take();
    let within = within.map(|names| names.into_iter().map(BookmarkName::new).collect());
    Ok(Told { change: change(line), within, first_of })
}

fn bare(commit: Commit, bookmarks: Vec<Ref>) -> Line {
    Line {
        commit,
        bookmarks,
        remotes: Vec::new(),
        workspaces: Vec::new(),
        here: false,
        trunk: false,
        beneath: false,
        empty: false,
        conflict: false,
        divergent: false,
        hidden: false,
        immutable: false,
        within: None,
        touched: Vec::new(),
    }
}

/// Ids are shown and compared as they are, and never escaped.
fn check(commit: &Commit) -> Result<(), String> {
    let is_hex = |id: &str| {
        (40..=128).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_change =
        |id: &str| (32..=128).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b'k'..=b'z'));
    let wrong = std::iter::once(&commit.commit_id).chain(&commit.parents).find(|id| !is_hex(id));
    let wrong = wrong.or_else(|| Some(&commit.change_id).filter(|id| !is_change(id)));
    wrong.map_or(Ok(()), |id| Err(format!("{} is no full id", Value::from(id.as_str()))))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const COMMIT: &str = r#"{"commit_id":"0123456789012345678901234567890123456789","parents":[],
        "change_id":"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk","description":"text\n"}"#;
    const HERE: &str = r#"[{"name":"a8f2--docs","target":["0123456789012345678901234567890123456789"]}]"#;

    #[test]
    fn the_form_that_people_write_by_hand_is_read() {
        let told = parse_line(&format!("{COMMIT}\t{HERE}")).unwrap();
        assert_eq!(told.change.bookmarks.len(), 1);
        assert!(!told.change.divergent && told.within.is_none());
    }

    #[rstest]
    #[case("", "EOF")]
    #[case("{}", "missing field `commit`")]
    #[case("welcome to this machine\t", "expected value")]
    #[case(&format!("{COMMIT}\t"), "EOF")]
    #[case(&format!("{}\t{HERE}", COMMIT.replace("\"0123", "\"0x23")), "\"0x23456789012345678901234567890123456789\" is no full id")]
    #[case(&format!("{}\t{HERE}", COMMIT.replace("kkkk", "aaaa")), "is no full id")]
    #[case(&format!("{COMMIT}\t{}", HERE.replace("[\"0123", "[\"3210")), "its bookmark a8f2--docs is not on it")]
    #[case(&format!("{COMMIT}\t{}", HERE.replace("[\"0123456789012345678901234567890123456789\"]", "[]")), "is not on it")]
    fn what_is_no_line_says_why(#[case] text: &str, #[case] reason: &str) {
        let error = parse_line(text).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_is_asked_stands_in_single_quotes() {
        let bases = [BookmarkName::new("main"), BookmarkName::new("it's")];
        for text in [line_template(&bases), line_revset("^a8f2$", &bases)] {
            assert!(!text.contains(['\'', '\n']), "{text}");
            assert!(text.contains(r"it\x27s"), "{text}");
        }
    }
}
