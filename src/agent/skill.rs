//! A skill of an agent: a file of our own, or one marked section in somebody else's.
//!
//! The section stands between two lines of its own. What is outside of it is never changed. A file that was made for
//! the skill says so in the first of the two lines, with a digest of what is outside of the section: once somebody has
//! changed that, the file is theirs.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{Refusal, Rest};

const BEGIN: &str = "<!-- jj-flow: begin";
const END: &str = "<!-- jj-flow: end -->";

/// A section in a text.
struct Section {
    /// From its first line on, without the line break behind its last one.
    span: Range<usize>,
    line_break: &'static str,
    /// The digest of what was outside of it, and how many folders were made for the file.
    made: Option<(String, usize)>,
}

/// A file for the skill alone, for which so many folders are made.
pub(crate) fn make(skill: &str, folders: usize) -> String {
    let (front, body) = split_front(skill);
    let begin = format!("{BEGIN}, file {}, folders {folders} -->", digest(front));
    format!("{front}\n{}\n", section(&begin, body, "\n"))
}

/// The file with the skill in it, in the place of whatever version of it was there.
pub(crate) fn install(text: &str, skill: &str) -> Result<String, Refusal> {
    let body = split_front(skill).1;
    let begin = format!("{BEGIN} -->");
    let Some(old) = find(text)? else {
        let line_break = match text.split_once('\n') {
            Some((line, _)) if line.ends_with('\r') => "\r\n",
            _ => "\n",
        };
        let new = section(&begin, body, line_break);
        // A text without a line break at its end still has none then: so it is known when the section goes again.
        return Ok(match text.ends_with('\n') {
            true => format!("{text}{line_break}{new}{line_break}"),
            false => format!("{text}{line_break}{line_break}{new}"),
        });
    };
    if let Rest::Nothing { folders } = without(text, &old) {
        return Ok(make(skill, folders));
    }
    let new = section(&begin, body, old.line_break);
    Ok([&text[..old.span.start], &new, &text[old.span.end..]].concat())
}

/// The file without the skill.
pub(crate) fn uninstall(text: &str) -> Result<Rest, Refusal> {
    Ok(find(text)?.map_or(Rest::Same, |section| without(text, &section)))
}

/// What is before the section's body in a file of our own, and the body.
fn split_front(skill: &str) -> (&str, &str) {
    let rest = skill.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    let body = rest.map_or(skill, |(_, body)| body);
    (&skill[..skill.len() - body.len()], body.trim())
}

fn section(begin: &str, body: &str, line_break: &str) -> String {
    format!("{begin}\n{body}\n{END}").replace('\n', line_break)
}

fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text);
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn find(text: &str) -> Result<Option<Section>, Refusal> {
    let mut begins = Vec::new();
    let mut ends = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        let content = content.strip_suffix('\r').unwrap_or(content);
        if content.starts_with(BEGIN) && content.ends_with("-->") {
            begins.push((at, line));
        } else if content == END {
            ends.push(at + content.len());
        }
        at += line.len();
    }
    match (begins.as_slice(), ends.as_slice()) {
        ([], []) => Ok(None),
        ([(start, line)], [end]) if start < end => {
            let line_break = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
            Ok(Some(Section { span: *start..*end, line_break, made: made(line.trim_end()) }))
        }
        _ => Err(Refusal(format!("has lines `{BEGIN} -->` and `{END}` that are no pair"))),
    }
}

/// What the first line of a section says of its file.
fn made(begin: &str) -> Option<(String, usize)> {
    let rest = begin.strip_prefix(BEGIN)?.strip_prefix(", file ")?.strip_suffix(" -->")?;
    let (digest, folders) = rest.split_once(", folders ")?;
    Some((digest.to_owned(), folders.parse().ok()?))
}

fn without(text: &str, section: &Section) -> Rest {
    let (mut before, after) = (&text[..section.span.start], &text[section.span.end..]);
    let own_breaks = if after.is_empty() { 2 } else { 1 };
    for number in 1..=own_breaks {
        let shorter = before.strip_suffix(section.line_break);
        // A line break that ends somebody's line is not ours, unless it is the second of two.
        let is_ours = |rest: &&str| number == 2 || rest.is_empty() || rest.ends_with('\n');
        before = shorter.filter(is_ours).unwrap_or(before);
    }
    let rest = [before, after.strip_prefix(section.line_break).unwrap_or(after)].concat();
    match &section.made {
        Some((made, folders)) if *made == digest(&rest) => Rest::Nothing { folders: *folders },
        _ => Rest::Text(rest),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const SKILL: &str = "---\nname: x\n---\n\n# Skill\n\nDo this.\n";
    const NEWER: &str = "---\nname: y\n---\n\n# Skill\n\nDo that.\nAnd this.\n";
    const IN_FILE: &str = "<!-- jj-flow: begin -->\n# Skill\n\nDo this.\n<!-- jj-flow: end -->";

    fn rest(text: &str) -> String {
        match uninstall(text) {
            Ok(Rest::Text(text)) => text,
            other => panic!("{other:?} of {text:?}"),
        }
    }

    #[rstest]
    #[case::empty("", "\n\n", "")]
    #[case::a_line("# Mine\n", "\n", "\n")]
    #[case::no_line_break("# Mine", "\n\n", "")]
    #[case::an_empty_line("# Mine\n\n", "\n", "\n")]
    fn somebody_elses_file_gets_one_section(#[case] text: &str, #[case] before: &str, #[case] after: &str) {
        let installed = install(text, SKILL).unwrap();
        assert_eq!(installed, format!("{text}{before}{IN_FILE}{after}"));
        assert_eq!(rest(&installed), text);
    }

    #[test]
    fn line_breaks_are_those_of_the_file() {
        let installed = install("# Mine\r\nthis\r\n", SKILL).unwrap();
        assert_eq!(installed, format!("# Mine\r\nthis\r\n\r\n{}\r\n", IN_FILE.replace('\n', "\r\n")));
        let newer = install(&installed, NEWER).unwrap();
        assert!(newer.contains("\r\nDo that.\r\nAnd this.\r\n<!--"), "{newer:?}");
        assert_eq!(rest(&newer), "# Mine\r\nthis\r\n");
    }

    #[test]
    fn a_section_stays_where_it_was_moved_to() {
        let installed = install("# Mine\n", SKILL).unwrap();
        let edited = format!("above\n{installed}below\n");
        assert_eq!(install(&edited, NEWER).unwrap(), edited.replace("Do this.", "Do that.\nAnd this."));
        assert_eq!(rest(&edited), "above\n# Mine\nbelow\n");
        assert_eq!(rest(&format!("{IN_FILE}\nbelow\n")), "below\n");
        assert_eq!(rest(&format!("above\n{IN_FILE}\nbelow\n")), "above\nbelow\n");
    }

    #[test]
    fn a_file_of_our_own_is_updated_and_removed_whole() {
        let made = make(SKILL, 2);
        assert!(made.starts_with("---\nname: x\n---\n\n<!-- jj-flow: begin, file "), "{made}");
        assert_eq!(install(&made, SKILL).unwrap(), made);
        assert_eq!(uninstall(&made), Ok(Rest::Nothing { folders: 2 }));
        assert_eq!(install(&made, NEWER).unwrap(), make(NEWER, 2));
        // The section is ours to change, whatever somebody did to it.
        assert_eq!(install(&made.replace("Do this.", "Do nothing."), SKILL).unwrap(), made);
    }

    #[test]
    fn a_file_of_our_own_that_somebody_changed_is_theirs() {
        let changed = make(SKILL, 2).replace("name: x", "name: mine") + "Mine.\n";
        assert_eq!(rest(&changed), "---\nname: mine\n---\nMine.\n");
        let installed = install(&changed, NEWER).unwrap();
        assert!(
            installed.starts_with("---\nname: mine\n---\n\n<!-- jj-flow: begin -->\n# Skill\n\nDo that.")
        );
        assert!(installed.ends_with("\nMine.\n"), "{installed}");
    }

    #[rstest]
    #[case("<!-- jj-flow: begin -->\nx\n")]
    #[case("x\n<!-- jj-flow: end -->")]
    #[case("<!-- jj-flow: end -->\n<!-- jj-flow: begin -->\n")]
    #[case("<!-- jj-flow: begin -->\n<!-- jj-flow: begin -->\n<!-- jj-flow: end -->\n")]
    fn marks_that_are_no_pair_are_refused(#[case] text: &str) {
        let why = Refusal(format!("has lines `{BEGIN} -->` and `{END}` that are no pair"));
        assert_eq!(install(text, SKILL), Err(why.clone()));
        assert_eq!(uninstall(text), Err(why));
    }

    #[test]
    fn a_mark_inside_of_a_line_is_none() {
        let text = format!("See {BEGIN} --> and {END}.\n");
        assert_eq!(uninstall(&text), Ok(Rest::Same));
        assert_eq!(rest(&install(&text, SKILL).unwrap()), text);
    }

    proptest! {
        #[test]
        fn what_went_in_comes_out(text in "([a-z#-]{0,3}|\r\n|\n|\r| |é)*") {
            let installed = install(&text, SKILL).unwrap();
            prop_assert_eq!(install(&installed, SKILL).unwrap(), installed.clone());
            prop_assert_eq!(rest(&installed), text.clone());
            prop_assert_eq!(rest(&install(&installed, NEWER).unwrap()), text);
        }
    }
}
