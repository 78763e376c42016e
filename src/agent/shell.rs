//! A line of shell as an agent types it, cut into its simple commands. Only what stands there in plain words is read:
//! what a shell would have to work out (variables, substitutions, globs) is left open.

/// One word of a simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Whether the shell makes something else of it: a variable, a substitution or a glob is in it.
    pub(crate) is_open: bool,
}

/// Parentheses, each a command of one word.
pub(super) const OPEN: &str = "(";
pub(super) const CLOSE: &str = ")";

/// The words of each simple command in order, those in parentheses and behind `&&` among them; what is quoted, said in
/// comments or in here-documents is no command.
pub(crate) fn simple_commands(line: &str) -> Vec<Vec<Word>> {
    let mut reader = Reader { rest: line, ..Reader::default() };
    while reader.step() {}
    reader.end_command();
    reader.commands
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a str,
    /// The word that is being read, where one has begun.
    word: Option<Word>,
    words: Vec<Word>,
    commands: Vec<Vec<Word>>,
    /// What ends the here-documents that begin behind this line, and whether tabs may stand before it.
    pending: Vec<(String, bool)>,
    /// Whether a substitution of the old form is being read.
    is_in_backquotes: bool,
    /// The next word is one of these.
    takes: Takes,
}

/// What a redirection says of the word behind it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Takes {
    #[default]
    Nothing,
    File,
    End {
        tabs: bool,
    },
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = &self.rest[char.len_utf8()..];
        Some(char)
    }

    fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    /// Reads one step further; false at the end.
    fn step(&mut self) -> bool {
        let Some(char) = self.next() else { return false };
        match char {
            ' ' | '\t' | '\r' => self.end_word(),
            '\n' => {
                self.end_command();
                self.pass_documents();
            }
            '#' if self.word.is_none() => self.pass_line(),
            '\'' => {
                let (text, rest) = self.rest.split_once('\'').unwrap_or((self.rest, ""));
                self.rest = rest;
                self.word().text.push_str(text);
            }
            '"' => self.read_quoted(),
            '\\' => match self.next() {
                Some('\n') | None => {}
                Some(quoted) => self.word().text.push(quoted),
            },
            '<' | '>' => self.redirect(char),
            // `2>&1`, `&>file`: part of a redirection, and no end of a command.
            '&' if self.rest.starts_with('>') => self.end_word(),
            ';' | '&' | '|' => self.end_command(),
            '(' => self.mark(OPEN),
            ')' => self.mark(CLOSE),
            // `$((1 << 3))` is a number, and no document follows.
            '$' if self.take("((") => self.pass_number(),
            '$' if self.take("(") => {
                self.substitute();
                self.mark(OPEN);
            }
            '`' if std::mem::take(&mut self.is_in_backquotes) => self.end_command(),
            '`' => {
                self.is_in_backquotes = true;
                self.substitute();
            }
            '$' | '*' | '?' | '[' => {
                let word = self.word();
                word.text.push(char);
                word.is_open = true;
            }
            plain => self.word().text.push(plain),
        }
        true
    }

    fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    /// What a substitution runs is a command of its own; the word around it stays open.
    fn substitute(&mut self) {
        self.word().is_open = true;
        self.end_command();
    }

    /// A parenthesis is a command of its own.
    fn mark(&mut self, text: &str) {
        self.end_command();
        self.commands.push(vec![Word { text: text.to_owned(), is_open: false }]);
    }

    fn pass_number(&mut self) {
        self.word().is_open = true;
        self.rest = self.rest.split_once("))").map_or("", |(_, rest)| rest);
    }

    fn read_quoted(&mut self) {
        self.word();
        while let Some(char) = self.next() {
            match char {
                '"' => return,
                '\\' if self.rest.starts_with(['"', '\\', '$', '`', '\n']) => {
                    let quoted = self.next().filter(|quoted| *quoted != '\n');
                    self.word().text.extend(quoted);
                }
                '$' | '`' => {
                    let word = self.word();
                    word.text.push(char);
                    word.is_open = true;
                }
                plain => self.word().text.push(plain),
            }
        }
    }

    fn redirect(&mut self, char: char) {
        // The number of the file that is redirected is no word of the command.
        if self.word.as_ref().is_some_and(|word| word.text.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.takes = Takes::File;
        if char == '<' && self.take("<<") {
            return;
        }
        if char == '<' && self.take("<") {
            self.takes = Takes::End { tabs: self.take("-") };
        } else if !(self.take(">") || self.take("&")) {
            self.take("|");
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::take(&mut self.takes) {
            Takes::Nothing => self.words.push(word),
            Takes::File => {}
            Takes::End { tabs } => self.pending.push((word.text, tabs)),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
    }

    fn pass_line(&mut self) {
        self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
    }

    fn pass_documents(&mut self) {
        for (end, tabs) in std::mem::take(&mut self.pending) {
            let mut rest = self.rest;
            while !rest.is_empty() {
                let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
                rest = behind;
                if (if tabs { line.trim_start_matches('\t') } else { line }) == end {
                    break;
                }
            }
            self.rest = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Words between spaces, an open one behind `~`, commands between bars.
    fn shown(line: &str) -> String {
        let word = |word: &Word| format!("{}{}", if word.is_open { "~" } else { "" }, word.text);
        let command = |words: &Vec<Word>| words.iter().map(word).collect::<Vec<_>>().join(" ");
        simple_commands(line).iter().map(command).collect::<Vec<_>>().join(" | ")
    }

    #[rstest]
    #[case("git branch x", "git branch x")]
    #[case("cd a && git branch x; ls", "cd a | git branch x | ls")]
    #[case("a|b & c\nd", "a | b | c | d")]
    #[case("(cd a; b) || { c; }", "( | cd a | b | ) | { c | }")]
    #[case("echo 'git branch x' \"a; b\" c\\ d", "echo git branch x a; b c d")]
    #[case("jj b c \"x\"y'z'", "jj b c xyz")]
    #[case("git branch $NAME \"$NAME\" '$NAME' *.rs", "git branch ~$NAME ~$NAME $NAME ~*.rs")]
    #[case("echo $(git branch x)", "echo ~ | ( | git branch x | )")]
    #[case("echo $((1 << 3)); git branch x", "echo ~ | git branch x")]
    #[case("echo `git branch x` y", "echo ~ | git branch x | y")]
    #[case("a # git branch x\nb", "a | b")]
    #[case("a#b c", "a#b c")]
    #[case("a > f 2>&1 <in >>out b", "a b")]
    #[case("a &> f; b", "a | b")]
    #[case("cat <<EOF > f\ngit branch x\nEOF\nls", "cat | ls")]
    #[case("cat <<-'END' && b\n\tgit branch x\n\tEND\nls", "cat | b | ls")]
    #[case("cat <<< 'git branch x'; b", "cat | b")]
    #[case("cat <<EOF\ngit branch x", "cat")]
    #[case("git \\\n branch x", "git branch x")]
    #[case(
        "git commit -m \"$(cat <<'E'\ngit branch x\nE\n)\"",
        "git commit -m ~$(cat <<'E'\ngit branch x\nE\n)"
    )]
    #[case("'", "")]
    fn a_line_is_cut_into_simple_commands(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(shown(line), expected);
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in r#"([a-z \n'"`$(){};&|<>#\\*-]|<<E|\nE\n){0,60}"#) {
            let words: usize = simple_commands(&line).iter().map(Vec::len).sum();
            prop_assert!(words <= line.chars().count());
        }
    }
}
