//! What is shown on a terminal that is narrower than the text; in a pipe nothing is narrow.

use std::io::{IsTerminal as _, stdout};

use super::table::{table, width};

/// Text in a column narrower than this is no text to read.
const READABLE: usize = 24;

/// How many cells a line of stdout has, where that is a terminal.
pub(super) fn terminal_width() -> Option<usize> {
    let size = stdout().is_terminal().then(|| terminal_size::terminal_size_of(stdout())).flatten();
    size.map(|(width, _)| usize::from(width.0))
}

/// A table without columns that have nothing in them and, as far as it takes, those that can be spared, where it does
/// not fit. What they say is told by `--json`.
pub(crate) fn fitted(heading: &[&str], rows: Vec<Vec<String>>, spare: &[&str]) -> String {
    let whole = table(heading, rows.clone());
    match terminal_width() {
        Some(room) => narrowed(whole, heading, rows, spare, room),
        None => whole,
    }
}

fn narrowed(
    whole: String,
    heading: &[&str],
    mut rows: Vec<Vec<String>>,
    spare: &[&str],
    room: usize,
) -> String {
    let mut heading = heading.to_vec();
    let is_empty = |title: &&str| {
        let at = heading.iter().position(|own| own == title);
        at.is_some_and(|at| rows.iter().all(|row| row[at].is_empty()))
    };
    let empty: Vec<&str> = spare.iter().copied().filter(is_empty).collect();
    let others = spare.iter().copied().filter(|title| !empty.contains(title));
    let order: Vec<&str> = empty.iter().copied().chain(others).collect();
    let mut text = whole;
    for title in order {
        if text.lines().map(width).max() <= Some(room) {
            break;
        }
        if let Some(at) = heading.iter().position(|own| *own == title) {
            heading.remove(at);
            rows.iter_mut().for_each(|row| _ = row.remove(at));
            text = table(&heading, rows.clone());
        }
    }
    text
}

/// A table whose last column is prose: that goes on in its column, or, where there is too little room, beneath.
pub(crate) fn with_prose(heading: &[&str], rows: Vec<Vec<String>>) -> String {
    match terminal_width() {
        Some(room) => prose_within(heading, rows, room),
        None => table(heading, rows),
    }
}

fn prose_within(heading: &[&str], mut rows: Vec<Vec<String>>, room: usize) -> String {
    let Some((prose, others)) = heading.split_last() else { return String::new() };
    let whole = table(heading, rows.clone());
    let column = whole.find(&prose.to_uppercase()).unwrap_or_default();
    if column + READABLE <= room {
        return whole.lines().map(|line| hang(line, column, room)).collect::<Vec<_>>().join("\n");
    }
    let beneath: Vec<String> = rows.iter_mut().filter_map(Vec::pop).collect();
    let short = table(others, rows);
    let (first, rest) = short.split_once('\n').unwrap_or((&short, ""));
    let rows = rest
        .lines()
        .zip(&beneath)
        .map(|(row, prose)| format!("{row}\n{}", hang(&format!("    {prose}"), 4, room)));
    std::iter::once(first.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}

/// Lines whose text from a column on is prose: it goes on in that column, or beneath where there is too little room.
pub(crate) fn hung(lines: &str, column: usize) -> String {
    match terminal_width() {
        Some(room) => lines.lines().map(|line| hang(line, column, room)).collect::<Vec<_>>().join("\n"),
        None => lines.to_owned(),
    }
}

fn hang(line: &str, column: usize, room: usize) -> String {
    let column = if column + READABLE > room { 4 } else { column };
    let indent = " ".repeat(column);
    let options = textwrap::Options::new(room)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    if width(line) <= room { line.to_owned() } else { textwrap::fill(line, options) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_one_by_one_until_it_fits() {
        let heading = ["flow", "parent", "change", "age"];
        let rows = vec![vec!["a8f2--research".into(), String::new(), "kmrxpsyz".into(), "now".into()]];
        let shown = |room| {
            let whole = table(&heading, rows.clone());
            let text = narrowed(whole, &heading, rows.clone(), &["change", "parent"], room);
            text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(60), "FLOW PARENT CHANGE AGE");
        assert_eq!(shown(30), "FLOW CHANGE AGE");
        assert_eq!(shown(20), "FLOW AGE");
        assert_eq!(shown(5), "FLOW AGE");
    }

    #[test]
    fn prose_without_room_goes_beneath() {
        let rows = vec![vec!["flow.push".into(), "false".into(), "whether a landing is pushed".into()]];
        let shown = |room| prose_within(&["setting", "value", "meaning"], rows.clone(), room);
        assert_eq!(shown(80), "SETTING    VALUE  MEANING\nflow.push  false  whether a landing is pushed");
        assert_eq!(
            shown(44),
            "SETTING    VALUE  MEANING\nflow.push  false  whether a landing is\n                  pushed"
        );
        assert_eq!(shown(30), "SETTING    VALUE\nflow.push  false\n    whether a landing is\n    pushed");
    }

    #[test]
    fn prose_goes_on_in_its_column() {
        let line = "flow.push  false  whether a landing on the trunk is pushed";
        assert_eq!(hang(line, 18, 80), line);
        assert_eq!(
            hang(line, 18, 42),
            "flow.push  false  whether a landing on the\n                  trunk is pushed"
        );
        assert_eq!(
            hang(line, 18, 30),
            "flow.push  false  whether a\n    landing on the trunk is\n    pushed"
        );
    }
}
