//! A journal's lines one by one, and how those that it has lost come back between the others.

use std::collections::{HashMap, HashSet};

use crate::event::Event;

/// How a journal stands, taken by itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) lines: usize,
    /// The numbers, from 1 on, of the lines that are no events.
    pub(crate) bad: Vec<usize>,
    /// The last line lacks its newline: a write that a full disk or a kill cut short.
    pub(crate) torn: bool,
    /// The events' keys, in order.
    pub(crate) keys: Vec<String>,
}

/// A journal as it should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) text: Vec<u8>,
    /// How many lines came back.
    pub(super) restored: usize,
    /// Lines of another repo, which do not belong here.
    pub(super) aside: Vec<u8>,
}

/// An event's key, and its line.
pub(crate) type Known = (String, String);

pub(super) fn look(text: &[u8]) -> Look {
    let mut look = Look { torn: text.last().is_some_and(|last| *last != b'\n'), ..Look::default() };
    for (index, line) in split(text).enumerate() {
        look.lines += 1;
        match key(line) {
            Some(key) => look.keys.push(key),
            None if line.is_empty() => {}
            None => look.bad.push(index + 1),
        }
    }
    look
}

/// Puts each lost line behind the one that it followed. What is there stays in its order, lines that nobody
/// understands too; a torn end that is the beginning of a lost line becomes that line.
pub(super) fn merge(text: &[u8], known: &[Known], foreign: &HashSet<String>) -> Merged {
    let keys: Vec<(&[u8], Option<String>)> = split(text).map(|line| (line, key(line))).collect();
    let present: HashSet<&str> = keys.iter().filter_map(|(_, key)| key.as_deref()).collect();
    let mut lost: HashMap<Option<String>, Vec<&str>> = HashMap::new();
    let mut before = None;
    for (key, line) in known {
        if present.contains(key.as_str()) {
            before = Some(key.clone());
        } else {
            lost.entry(before.clone()).or_default().push(line);
        }
    }
    let restored = lost.values().map(Vec::len).sum();
    // Where no line at all is this repo's, another one's file was put here.
    let is_another = !foreign.is_empty() && before.is_none();
    let is_whole_again = |torn: &[u8]| lost.values().flatten().any(|line| line.as_bytes().starts_with(torn));
    let ends_torn = text.last().is_some_and(|last| *last != b'\n');
    let mut merged = Merged { restored, ..Merged::default() };
    let put = |to: &mut Vec<u8>, line: &[u8]| to.extend_from_slice(&[line, b"\n"].concat());
    let put_lost = |to: &mut Vec<u8>, behind: &Option<String>| {
        lost.get(behind).into_iter().flatten().for_each(|line| put(to, line.as_bytes()));
    };
    put_lost(&mut merged.text, &None);
    let mut told: HashSet<&str> = HashSet::new();
    for (index, (line, key)) in keys.iter().enumerate() {
        match key {
            _ if is_another => put(&mut merged.aside, line),
            Some(key) if foreign.contains(key) => put(&mut merged.aside, line),
            None if ends_torn && index + 1 == keys.len() && is_whole_again(line) => {}
            _ => put(&mut merged.text, line),
        }
        if key.as_deref().is_some_and(|key| told.insert(key)) {
            put_lost(&mut merged.text, key);
        }
    }
    merged
}

fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n').filter(move |_| !text.is_empty())
}

/// The key of the event that a line is.
pub(super) fn key(line: &[u8]) -> Option<String> {
    Some(serde_json::from_slice::<Event>(line).ok()?.key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `a` stands for an event with that key, `?` for a line that is none.
    fn line(word: &str) -> String {
        if word.starts_with('?') {
            return word.to_owned();
        }
        format!(
            r#"{{"key":"{word}","at":"1970-01-01T00:00:00Z","actor":"a8f2","flow":"f","kind":"deleted"}}"#
        )
    }

    fn text(words: &str) -> String {
        words.split_whitespace().map(|word| line(word) + "\n").collect()
    }

    fn merged(have: &str, known: &str, foreign: &str) -> (String, usize, String) {
        let known: Vec<Known> = known.split_whitespace().map(|word| (word.to_owned(), line(word))).collect();
        let foreign = foreign.split_whitespace().map(str::to_owned).collect();
        let Merged { text, restored, aside } = merge(have.as_bytes(), &known, &foreign);
        let words = |text: Vec<u8>| {
            let words = split(&text).map(|line| key(line).unwrap_or_else(|| "?".into())).collect::<Vec<_>>();
            words.join(" ")
        };
        (words(text), restored, words(aside))
    }

    #[rstest]
    #[case::whole("a b c", "a b c", "a b c", 0)]
    #[case::deleted("", "a b c", "a b c", 3)]
    #[case::cut_short("a", "a b c", "a b c", 2)]
    #[case::cut_short_and_gone_on("a n", "a b c", "a b c n", 2)]
    #[case::deleted_and_gone_on("n", "a b", "a b n", 2)]
    #[case::without_its_beginning("c", "a b c", "a b c", 2)]
    #[case::with_holes("b d n", "a b c d e", "a b c d e n", 3)]
    #[case::with_a_line_that_is_none("a ?x c", "a b c", "a b ? c", 1)]
    #[case::refused_ones_stay("a n b", "a b", "a n b", 0)]
    #[case::told_twice("a a c", "a b c", "a b a c", 1)]
    #[case::in_another_order("b a", "a b c", "b c a", 1)]
    #[case::nothing_known("a b", "", "a b", 0)]
    fn lost_lines_come_back_where_they_were(
        #[case] have: &str,
        #[case] known: &str,
        #[case] expected: &str,
        #[case] restored: usize,
    ) {
        assert_eq!(merged(&text(have), known, ""), (expected.to_owned(), restored, String::new()));
    }

    #[test]
    fn a_torn_end_becomes_the_line_that_it_was_or_stays() {
        let torn = |end: &str| text("a") + end;
        let (_, ends) = (0, line("b"));
        assert_eq!(merged(&torn(&ends[..20]), "a b c", "").0, "a b c");
        assert_eq!(merged(&torn("{\"key\":\"zz"), "a b c", "").0, "a b c ?");
        assert_eq!(merged(&torn(&ends), "a b", "").0, "a b");
        let Merged { text: mended, .. } = merge(torn("?x").as_bytes(), &[], &HashSet::new());
        assert_eq!(String::from_utf8(mended).unwrap(), text("a ?x"));
    }

    #[test]
    fn lines_of_another_repo_are_set_aside() {
        assert_eq!(merged(&text("x y"), "a b", "x"), ("a b".into(), 2, "x y".into()));
        assert_eq!(merged(&text("a x n"), "a b", "x"), ("a b n".into(), 1, "x".into()));
    }

    #[test]
    fn a_look_tells_which_lines_are_none() {
        let looked = look(format!("{}?\n{}{{", text("a ?x"), text("b")).as_bytes());
        let keys = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(looked, Look { lines: 5, bad: vec![2, 3, 5], torn: true, keys });
        assert_eq!(look(b""), Look::default());
    }

    /// Lines as a journal could have them after anything: events, beginnings of events, any bytes.
    fn any_lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let good = (0..20_u8).prop_map(|key| line(&format!("e{key}")).into_bytes());
        let torn = (0..20_u8, 1..60_usize)
            .prop_map(|(key, end)| line(&format!("e{key}")).as_bytes()[..end].to_vec());
        let bytes =
            proptest::collection::vec(any::<u8>().prop_filter("a line's end", |byte| *byte != b'\n'), 0..40);
        proptest::collection::vec(prop_oneof![good, torn, bytes], 0..12)
    }

    proptest! {
        #[test]
        fn whatever_stands_between_them_events_are_found_and_lost_ones_come_back(
            lines in any_lines(),
            is_torn in any::<bool>(),
            known in 0..20_u8,
        ) {
            let mut text = lines.join(&b'\n');
            if !is_torn && !text.is_empty() {
                text.push(b'\n');
            }
            let keys: Vec<String> = lines.iter().filter_map(|line| key(line)).collect();
            prop_assert_eq!(&look(&text).keys, &keys);
            let known: Vec<Known> = (0..known).map(|key| format!("e{key}")).map(|key| (key.clone(), line(&key))).collect();
            let merged = merge(&text, &known, &HashSet::new());
            let after: Vec<&[u8]> = split(&merged.text).collect();
            // Nothing goes but an end that became whole again, and everything known is there.
            let mut rest = after.iter();
            let mut stays = |line: &&[u8]| rest.any(|other| other == line);
            let gone: Vec<&[u8]> = split(&text).filter(|line| !stays(line)).collect();
            prop_assert!(gone.is_empty() || is_torn && gone.len() == 1 && gone[0] == *lines.last().unwrap());
            let found: HashSet<String> = after.iter().filter_map(|line| key(line)).collect();
            prop_assert!(known.iter().all(|(key, _)| found.contains(key)));
            prop_assert_eq!(merge(&merged.text, &known, &HashSet::new()).restored, 0);
        }
    }
}
