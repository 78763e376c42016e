//! The lines that another machine's jj has printed, read one by one: what is no line is left out and told, whatever it
//! holds, and no more is kept than flows need.

use std::collections::HashMap;
use std::io::{BufRead, Read as _};

use crate::graph::Change;
use crate::jj::{Told, parse_line};
use crate::model::{BookmarkName, CommitId, Tip};
use crate::name::FlowName;

/// A longer line is none.
const LINE_LIMIT: u64 = 1024 * 1024;

/// How many of the lines that were left out are told one by one.
const TOLD_LIMIT: usize = 100;

/// How much is shown of a line that was left out, in characters.
const SHOWN: usize = 60;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Children before parents.
    pub(crate) changes: Vec<Change>,
    /// The bookmarks to land on that have a commit beneath them. Only where lines say so.
    pub(crate) within: HashMap<CommitId, Vec<BookmarkName>>,
    /// Of conflicted flows the tip that stands for all: the first of their targets.
    pub(crate) firsts: HashMap<BookmarkName, Tip>,
    /// The first ones that were left out.
    pub(crate) skipped: Vec<Skipped>,
    /// How many were left out.
    pub(crate) skipped_lines: usize,
    /// Whether the last line has no end.
    pub(crate) is_cut_off: bool,
}

/// A line that was left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) line: usize,
    pub(crate) reason: String,
    /// How it begins.
    pub(crate) text: String,
}

impl Lines {
    /// Reads to the end. `bases` are the bookmarks besides flows that matter.
    pub(crate) fn read(mut input: impl BufRead, bases: &[BookmarkName]) -> std::io::Result<Self> {
        let mut reader =
            Reader { lines: Self::default(), bases, places: HashMap::new(), names: HashMap::new() };
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            // One byte more than a line has tells that it is too long.
            let length = input.by_ref().take(LINE_LIMIT + 1).read_until(b'\n', &mut bytes)?;
            if length == 0 {
                break;
            }
            reader.lines.is_cut_off = bytes.pop_if(|last| *last == b'\n').is_none();
            let is_too_long = bytes.len() as u64 > LINE_LIMIT;
            if is_too_long {
                reader.lines.is_cut_off = !skip_line(&mut input)?;
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let taken = match std::str::from_utf8(&bytes) {
                _ if is_too_long => Err(format!("it is longer than {LINE_LIMIT} bytes")),
                Err(_) => Err("it is not UTF-8".to_owned()),
                Ok(text) => parse_line(text).and_then(|told| reader.take(told)),
            };
            if let Err(reason) = taken {
                reader.lines.skip(number, reason, &bytes);
            }
        }
        Ok(reader.lines.in_order())
    }

    /// Whether what is not in it is not there.
    pub(crate) fn is_whole(&self) -> bool {
        self.skipped_lines == 0 && !self.is_cut_off && !self.changes.is_empty()
    }

    fn skip(&mut self, line: usize, reason: String, bytes: &[u8]) {
        self.skipped_lines += 1;
        if self.skipped.len() < TOLD_LIMIT {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]).into_owned();
            self.skipped.push(Skipped { line, reason: shortened(&reason), text: shortened(&text) });
        }
    }

    /// `jj log --reversed` has it the other way round.
    fn in_order(mut self) -> Self {
        let places: HashMap<&CommitId, usize> =
            self.changes.iter().enumerate().map(|(place, change)| (&change.commit, place)).collect();
        let is_after_parent = |(place, change): (usize, &Change)| {
            change.parents.iter().any(|parent| places.get(parent).is_some_and(|parent| *parent < place))
        };
        if self.changes.iter().enumerate().any(is_after_parent) {
            self.changes.reverse();
        }
        self
    }
}

struct Reader<'a> {
    lines: Lines,
    bases: &'a [BookmarkName],
    /// Where each commit stands among the changes.
    places: HashMap<CommitId, usize>,
    /// The flows' names, by themselves in lower case.
    names: HashMap<String, BookmarkName>,
}

impl Reader<'_> {
    fn take(&mut self, Told { mut change, within, first_of }: Told) -> Result<(), String> {
        let is_flow = |name: &BookmarkName| FlowName::parse(name.as_str()).is_ok();
        change.bookmarks.retain(|bookmark| is_flow(&bookmark.name) || self.bases.contains(&bookmark.name));
        if !change.trunk {
            change.remotes.clear();
        }
        // Of a description only whether there is one matters.
        change.description = change.description.chars().next().map(String::from).unwrap_or_default();
        if let Some(place) = self.places.get(&change.commit) {
            let same = self.lines.changes[*place] == change;
            return if same { Ok(()) } else { Err("another line tells otherwise of this commit".to_owned()) };
        }
        for flow in change.bookmarks.iter().map(|bookmark| &bookmark.name).filter(|name| is_flow(name)) {
            let other = self.names.entry(flow.as_str().to_ascii_lowercase()).or_insert_with(|| flow.clone());
            if other != flow {
                return Err(format!("its flow {flow} is {other} but for its case"));
            }
        }
        self.lines.firsts.extend(first_of.into_iter().filter(is_flow).map(|name| (name, change.tip())));
        if let Some(within) = within {
            self.lines.within.insert(change.commit.clone(), within);
        }
        self.places.insert(change.commit.clone(), self.lines.changes.len());
        self.lines.changes.push(change);
        Ok(())
    }
}

/// Goes on behind the end of a line, and says whether it has one.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<bool> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn line(digit: char, parent: Option<char>, flow: &str) -> String {
        let id = |digit: char| digit.to_string().repeat(40);
        let parents: Vec<String> = parent.map(|parent| format!("\"{}\"", id(parent))).into_iter().collect();
        let (commit, change, parents) = (id(digit), "k".repeat(32), parents.join(","));
        format!(
            r#"{{"commit_id":"{commit}","parents":[{parents}],"change_id":"{change}","description":"d"}}{}[{{"name":"{flow}","target":["{commit}"]}}]"#,
            '\t'
        )
    }

    fn read(input: &[u8]) -> Lines {
        Lines::read(input, &[BookmarkName::new("main")]).unwrap()
    }

    #[test]
    fn what_is_no_line_is_left_out_and_the_rest_is_taken() {
        let good = [line('2', Some('1'), "a8f2--docs"), line('1', None, "main")];
        let long = format!("{}\n", "x".repeat(3 * 1024 * 1024));
        let input = format!("{}\nno \u{1b}[31m line {long}\n\n{}\n", good[0], good[1]);
        let lines = read(input.as_bytes());
        assert_eq!((lines.changes.len(), lines.skipped_lines, lines.is_cut_off), (2, 1, false));
        assert_eq!(lines.skipped[0].line, 2);
        assert_eq!(lines.skipped[0].reason, "it is longer than 1048576 bytes");
        assert!(lines.skipped[0].text.chars().count() <= SHOWN + 1 && !lines.is_whole());
    }

    #[rstest]
    #[case::nothing(b"", 0, false)]
    #[case::cut_off(b"{\"commit\":{\"comm", 1, true)]
    #[case::other_bytes(b"\xff\xfe\n", 1, false)]
    fn what_is_not_whole_is_known(#[case] input: &[u8], #[case] skipped: usize, #[case] is_cut_off: bool) {
        let lines = read(input);
        assert_eq!((lines.skipped_lines, lines.is_cut_off), (skipped, is_cut_off));
        assert!(!lines.is_whole());
    }

    #[test]
    fn a_last_line_without_its_end_is_taken_where_it_is_one() {
        let lines = read(line('1', None, "a8f2--docs").as_bytes());
        assert_eq!((lines.changes.len(), lines.skipped_lines, lines.is_whole()), (1, 0, false));
    }

    #[test]
    fn a_line_told_twice_is_one_and_one_told_otherwise_is_none() {
        let (one, other) = (line('1', None, "a8f2--docs"), line('1', None, "a8f2--schema"));
        let lines = read(format!("{one}\n{one}\n{other}\n").as_bytes());
        assert_eq!((lines.changes.len(), lines.skipped_lines, lines.skipped[0].line), (1, 1, 3));
    }

    #[test]
    fn a_name_in_another_case_is_no_other_flow() {
        let input = format!("{}\n{}\n", line('1', None, "a8f2--docsApi"), line('2', None, "a8f2--docsapi"));
        let lines = read(input.as_bytes());
        assert_eq!(lines.changes.len(), 1);
        assert_eq!(lines.skipped[0].reason, "its flow a8f2--docsapi is a8f2--docsApi but for its case");
    }

    #[test]
    fn children_come_before_parents_however_they_were_printed() {
        let (child, parent) = (line('2', Some('1'), "a8f2--docs"), line('1', None, "main"));
        for input in [format!("{child}\n{parent}\n"), format!("{parent}\n{child}\n")] {
            let commits = read(input.as_bytes()).changes.into_iter().map(|change| change.commit);
            assert_eq!(
                commits.map(|commit| commit.to_string()).collect::<Vec<_>>(),
                ["2".repeat(40), "1".repeat(40)]
            );
        }
    }

    #[test]
    fn a_crowd_of_bad_lines_is_counted() {
        let lines = read("x\n".repeat(5_000).as_bytes());
        assert_eq!((lines.skipped.len(), lines.skipped_lines), (TOLD_LIMIT, 5_000));
    }

    /// Every file of `corpus`, whole and cut off anywhere, and what there is to be said of it on a terminal.
    #[test]
    fn odd_lines_are_taken_or_told() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/src/projection/corpus");
        let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() > 10);
        for file in files {
            let text = std::fs::read(&file).unwrap();
            for end in 0..=text.len() {
                let lines = read(&text[..end]);
                let told =
                    text[..end].split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                assert!(lines.changes.len() + lines.skipped_lines <= told.count(), "{file:?} up to {end}");
                let is_short = |skipped: &Skipped| skipped.text.chars().count() <= SHOWN + 1;
                assert!(lines.skipped.iter().all(is_short), "{file:?} up to {end}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_good_line_is_taken_whatever_stands_around_it(
            before in proptest::collection::vec(any::<u8>(), 0..200),
            wrong in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let good = line('1', None, "a8f2--docs");
            let mut spoilt = line('2', None, "a8f2--schema").into_bytes();
            let wrong = wrong.index(spoilt.len());
            spoilt[wrong] = byte;
            let lines = read(&[&before[..], b"\n", &spoilt, b"\n", good.as_bytes(), b"\n"].concat());
            let commits: Vec<&str> = lines.changes.iter().map(|change| change.commit.as_str()).collect();
            prop_assert!(commits.contains(&"1".repeat(40).as_str()), "{:?}", lines.skipped);
        }
    }
}
