//! Columns without lines, as wide as they need.

use unicode_width::UnicodeWidthStr;

/// How many terminal cells a text takes; its styling takes none.
pub(super) fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().width()
}

/// Rows under a heading; the heading alone where there are none. Cells are escaped already, perhaps styled, and
/// a line break in one becomes a blank: one row is one line.
pub(crate) fn table(heading: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut all = vec![heading.iter().map(|title| title.to_uppercase()).collect::<Vec<_>>()];
    all.extend(rows);
    for cell in all.iter_mut().flatten().filter(|cell| cell.contains('\n')) {
        *cell = cell.replace('\n', " ");
    }
    let widths: Vec<usize> =
        (0..heading.len()).map(|place| all.iter().map(|row| width(&row[place])).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells =
            row.iter().zip(&widths).map(|(cell, full)| format!("{cell}{:1$}", "", full - width(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let rows = vec![
            vec!["a8f2--research".into(), "1".into()],
            vec!["\u{1b}[31m東京\u{1b}[0m".into(), "two\nlines".into()],
        ];
        let text = table(&["flow", "n"], rows);
        assert_eq!(
            text,
            "FLOW            N\na8f2--research  1\n\u{1b}[31m東京\u{1b}[0m            two lines"
        );
    }
}
