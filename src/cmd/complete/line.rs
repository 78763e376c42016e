//! The line that a shell asks about.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::env;

/// Where the cursor stands, counted in words from the program's name; fish and powershell end there instead.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";

/// A flag of jj-flow's, to stand where a word is to say nothing.
const FILLER: &str = "--json";

/// A command line as far as its cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    before: Vec<OsString>,
    /// As far as it is typed.
    word: OsString,
    index: usize,
}

/// The words that a registration script puts behind `--`, the program's name first; none where it was not one that
/// called.
pub(super) fn words(args: &[OsString]) -> &[OsString] {
    args.iter().position(|arg| arg == "--").map_or(&[], |at| &args[at + 1..])
}

impl Line {
    /// None where the cursor stands on the program's name, or on a piece of a word that means nothing by itself.
    pub(super) fn read(shell: &str, words: &[OsString]) -> Option<Self> {
        let index = match shell {
            "fish" | "powershell" => words.len() - 1,
            _ => env::var(INDEX)?.parse().ok()?,
        };
        Self::at(index, shell == "bash", words)
    }

    fn at(index: usize, in_pieces: bool, words: &[OsString]) -> Option<Self> {
        let before = words.get(1..index.min(words.len()))?;
        let before = if in_pieces { whole(before)? } else { before.to_vec() };
        (index > 0).then(|| Self { before, word: words.get(index).cloned().unwrap_or_default(), index })
    }

    /// The words before the cursor's, without the program's name.
    pub(super) fn before(&self) -> &[OsString] {
        &self.before
    }

    /// The line for a command whose own words are these: as many as the shell counted, since clap reads the cursor's
    /// place from the environment.
    pub(super) fn padded(&self, before: &[OsString]) -> Vec<OsString> {
        let missing = self.index.saturating_sub(1 + before.len());
        let filler = std::iter::repeat_n(FILLER, 1 + missing).map(OsString::from);
        filler.chain(before.iter().cloned()).chain([self.word.clone()]).collect()
    }
}

/// Bash takes words apart at `=` and `:`; here they are whole again. Of an option with its value at the cursor the
/// name is left, and None of anything else that the cursor cuts in two.
fn whole(pieces: &[OsString]) -> Option<Vec<OsString>> {
    let mut words: Vec<OsString> = Vec::new();
    let mut goes_on = false;
    for piece in pieces {
        let is_break = is_break(piece);
        match words.last_mut().filter(|_| is_break || goes_on) {
            Some(word) => word.push(piece),
            None => words.push(piece.clone()),
        }
        goes_on = is_break;
    }
    if goes_on {
        let cut = words.pop()?;
        let option =
            cut.to_str()?.strip_suffix('=').filter(|text| text.starts_with("--") && !text.contains('='))?;
        words.push(option.into());
    }
    Some(words)
}

fn is_break(piece: &OsStr) -> bool {
    !piece.is_empty() && piece.as_bytes().iter().all(|byte| matches!(byte, b'=' | b':'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn split(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[rstest]
    #[case("-R x --config a = b flow", Some("-R x --config a=b flow"))]
    #[case("log -r main :: x", Some("log -r main::x"))]
    #[case("new --parent =", Some("new --parent"))]
    #[case("--config a =", None)]
    #[case("--config=a =", None)]
    #[case("", Some(""))]
    fn words_that_bash_took_apart_are_whole_again(#[case] pieces: &str, #[case] expected: Option<&str>) {
        assert_eq!(whole(&split(pieces)), expected.map(split));
    }

    #[rstest]
    #[case::at_the_name(0, None)]
    #[case::inside(1, Some(("", "flow")))]
    #[case::at_the_end(2, Some(("flow", "do")))]
    #[case::behind_the_end(3, Some(("flow do", "")))]
    #[case::far_behind(9, Some(("flow do", "")))]
    fn the_cursor_is_where_the_shell_says(#[case] index: usize, #[case] expected: Option<(&str, &str)>) {
        let line = Line::at(index, false, &split("jj flow do"));
        let found = line.as_ref().map(|line| (line.before.clone(), line.word.clone()));
        assert_eq!(found, expected.map(|(before, word)| (split(before), word.into())));
        if let Some(line) = line {
            assert_eq!(line.padded(&[])[index], line.word);
        }
    }

    #[test]
    fn only_a_registration_script_gives_words() {
        assert_eq!(words(&split("flow done")), [""; 0]);
        assert_eq!(words(&split("--")), [""; 0]);
        assert_eq!(words(&split("-- jj log -- x")), ["jj", "log", "--", "x"]);
    }
}
