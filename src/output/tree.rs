//! Flows as a tree under the bookmarks that they land on.

use std::fmt::Write;

use super::narrow::terminal_width;
use super::style::{HERE, NAME, QUIET};
use super::table::width;

/// One line of the tree, with its own lines beneath it.
#[derive(Debug, Default)]
pub(crate) struct Leaf {
    pub(crate) name: String,
    /// What stands behind the name, each in a column of its own, perhaps styled.
    pub(crate) columns: Vec<String>,
    pub(crate) here: bool,
    /// A line that only holds others, such as the trunk.
    pub(crate) quiet: bool,
    pub(crate) leaves: Vec<Leaf>,
}

/// The lines of the tree, columns aligned; the current flow is marked `@`. Where they do not fit, columns go, those
/// first whose places come first in `spare`.
pub(crate) fn tree(roots: &[Leaf], spare: &[usize]) -> String {
    let mut lines = Vec::new();
    for root in roots {
        lines.push((label("", root), &root.columns));
        collect(&root.leaves, "", &mut lines);
    }
    match terminal_width() {
        Some(room) => narrowed(&lines, spare, room),
        None => drawn(&lines, &[]),
    }
}

fn narrowed(lines: &[(String, &Vec<String>)], spare: &[usize], room: usize) -> String {
    let mut texts = (0..=spare.len()).map(|spared| drawn(lines, &spare[..spared]));
    let fits = |text: &String| text.lines().all(|line| width(line) <= room);
    texts.find(fits).unwrap_or_else(|| drawn(lines, spare))
}

/// The lines without some columns.
fn drawn(lines: &[(String, &Vec<String>)], but: &[usize]) -> String {
    let columns = lines.iter().map(|(_, columns)| columns.len()).max().unwrap_or(0);
    let named = lines.iter().filter(|(_, columns)| !columns.is_empty());
    let names = named.map(|(label, _)| width(label)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|place| if but.contains(&place) { &[] } else { lines })
        .enumerate()
        .map(|(place, lines)| {
            lines.iter().filter_map(|(_, columns)| columns.get(place)).map(|cell| width(cell)).max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    let line = |(label, columns): &(String, &Vec<String>)| {
        let mut text = label.clone();
        let mut gap = names.saturating_sub(width(label));
        // A column that is empty in every line takes no room.
        for (cell, full) in columns.iter().zip(&widths).filter(|(_, full)| **full > 0) {
            let _ = write!(text, "{:1$}{cell}", "", gap + 2);
            gap = full - width(cell);
        }
        text.trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn label(branch: &str, leaf: &Leaf) -> String {
    let mark = if leaf.here { format!("{HERE}@{HERE:#} ") } else { String::new() };
    let style = if leaf.quiet { QUIET } else { NAME };
    format!("{QUIET}{branch}{QUIET:#}{mark}{style}{}{style:#}", leaf.name)
}

fn collect<'a>(leaves: &'a [Leaf], indent: &str, lines: &mut Vec<(String, &'a Vec<String>)>) {
    for (place, leaf) in leaves.iter().enumerate() {
        let (branch, below) =
            if place + 1 == leaves.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push((label(&format!("{indent}{branch}"), leaf), &leaf.columns));
        collect(&leaf.leaves, &format!("{indent}{below}"), lines);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn leaf(name: &str, column: &str, leaves: Vec<Leaf>) -> Leaf {
        let columns = vec![column.to_owned(), String::new(), "1".to_owned()];
        Leaf { name: name.to_owned(), columns, leaves, ..Leaf::default() }
    }

    #[test]
    fn branches_and_columns_line_up() {
        let here = Leaf { here: true, ..leaf("c", "x", vec![]) };
        let root = leaf("a", "open", vec![leaf("bb", "merged", vec![here]), leaf("d", "x", vec![])]);
        let trunk = Leaf { name: "main".into(), quiet: true, leaves: vec![root], ..Leaf::default() };
        let plain = anstream::adapter::strip_str(&tree(&[trunk], &[])).to_string();
        let expected = [
            "main",
            "└─ a          open    1",
            "   ├─ bb      merged  1",
            "   │  └─ @ c  x       1",
            "   └─ d       x       1",
        ];
        assert_eq!(plain.lines().collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case(40, "└─ a8f2--docs  in-progress  1 ahead  now")]
    #[case(39, "└─ a8f2--docs  in-progress  1 ahead")]
    #[case(30, "└─ a8f2--docs  in-progress")]
    #[case(20, "└─ a8f2--docs")]
    #[case(5, "└─ a8f2--docs")]
    fn columns_go_one_by_one_until_it_fits(#[case] room: usize, #[case] shown: &str) {
        let columns = ["in-progress", "1 ahead", "", "now"].map(str::to_owned).to_vec();
        let lines = [("└─ a8f2--docs".to_owned(), &columns)];
        assert_eq!(narrowed(&lines, &[3, 1, 2, 0], room), shown);
    }
}
