//! Scans the arguments of `jj` as far as somebody needs to know them.

use std::ffi::OsString;

use super::grammar::{self, OptionRule, Own, Role, Value};
use super::verbs::{First, Second, first};
pub(crate) use super::verbs::{Reading, Verb};

/// A command line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan<'a> {
    pub(crate) command: Command<'a>,
    /// Those that were read: after a word that is jj's own business nothing is.
    pub(crate) globals: Globals<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// No word of jj's, or an option that belongs to one: jj puts `ui.default-command` in front.
    Default,
    /// `jj flow …`: `rest` follows the word, unread.
    Flow { rest: &'a [OsString] },
    /// A command that names bookmarks or acts on them, with as many arguments as it takes.
    Watched(Watched<'a>),
    /// Perhaps an alias, `b` among them: config knows, and `expand` puts its definition at `index`.
    Unknown { word: &'a str, index: usize },
    /// jj's own business: a built-in command, `--help`, `--version`.
    Jj,
    /// jj will say what is wrong.
    Malformed,
}

/// A verb and the arguments that name bookmarks, as written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Watched<'a> {
    pub(crate) verb: Verb,
    pub(crate) arguments: Vec<Argument<'a>>,
}

/// A text that is an argument, or stands in one: behind `--bookmark=`, or before the `=` of `--named`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argument<'a> {
    /// Its place in argv.
    pub(crate) index: usize,
    /// How many bytes of the argument come before it.
    pub(crate) offset: usize,
    pub(crate) text: &'a str,
    pub(crate) reading: Reading,
}

/// The global options, wherever they stood. The last of a repeated one counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Globals<'a> {
    pub(crate) repository: Option<&'a str>,
    /// None for `@` too, which is where the repo stands: jj snapshots and publishes as if it were not there.
    pub(crate) at_operation: Option<&'a str>,
    /// `--config` and `--config-file` in order.
    pub(crate) configs: Vec<ConfigArg<'a>>,
    pub(crate) color: Option<&'a str>,
    pub(crate) ignore_working_copy: bool,
    pub(crate) no_integrate_operation: bool,
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigArg<'a> {
    /// `NAME=VALUE`
    Item(&'a str),
    /// A path.
    File(&'a str),
}

/// Reads `argv` (without the program's name) as jj's parser does.
pub(crate) fn scan(argv: &[OsString]) -> Scan<'_> {
    let mut reader = Reader {
        argv,
        at: 0,
        literal: false,
        fresh: [true; 2],
        globals: Globals::default(),
        named: Vec::new(),
    };
    let command = reader.command();
    Scan { command, globals: reader.globals }
}

/// `argv` with the word at `index` replaced by the alias's `definition`. Aliases nest and may loop: whoever scans the
/// result again bounds the depth.
pub(crate) fn expand(argv: &[OsString], index: usize, definition: &[String]) -> Vec<OsString> {
    let before = argv.iter().take(index).cloned();
    let after = argv.iter().skip(index.saturating_add(1)).cloned();
    before.chain(definition.iter().map(OsString::from)).chain(after).collect()
}

/// What the next argument that is no known option turned out to be.
enum Step<'a> {
    Word(Text<'a>),
    End,
    Answer,
    UnknownOption,
    Malformed,
}

/// A word, or an option's value, and where it stands.
#[derive(Clone, Copy)]
struct Text<'a> {
    index: usize,
    offset: usize,
    text: &'a str,
}

impl<'a> Text<'a> {
    fn read_as(self, reading: Reading) -> Argument<'a> {
        Argument { index: self.index, offset: self.offset, text: self.text, reading }
    }
}

struct Reader<'a> {
    argv: &'a [OsString],
    at: usize,
    /// `--` was read.
    literal: bool,
    /// Whether a `--config`, a `--config-file` is the first between these two words.
    fresh: [bool; 2],
    globals: Globals<'a>,
    /// Options whose value names a bookmark.
    named: Vec<Argument<'a>>,
}

impl<'a> Reader<'a> {
    fn command(&mut self) -> Command<'a> {
        match self.step(grammar::BEFORE_COMMAND) {
            Step::Word(_) if self.literal => Command::Malformed,
            Step::Word(word) => self.first_word(word),
            Step::End | Step::UnknownOption if !self.asks_for_answer() => Command::Default,
            Step::Answer => Command::Jj,
            Step::End | Step::UnknownOption | Step::Malformed => Command::Malformed,
        }
    }

    fn first_word(&mut self, Text { index, text, .. }: Text<'a>) -> Command<'a> {
        match first(text) {
            Some(First::Verb(verb)) => self.verb(verb),
            Some(First::Group(second)) => self.group(second),
            None if text == "flow" => Command::Flow { rest: &self.argv[self.at..] },
            None if grammar::is_builtin(text) || grammar::is_harmless_alias(text) => Command::Jj,
            None => Command::Unknown { word: text, index },
        }
    }

    /// With one of these anywhere, written out, jj leaves the default command away.
    fn asks_for_answer(&self) -> bool {
        self.argv.iter().any(|arg| ["--help", "-h", "--version", "-V"].iter().any(|flag| arg == flag))
    }

    fn group(&mut self, second: fn(&str) -> Second) -> Command<'a> {
        self.enter();
        match self.step(grammar::BEFORE_VERB) {
            Step::Word(_) if self.literal => Command::Malformed,
            Step::Word(word) => match second(word.text) {
                Second::Verb(verb) => self.verb(verb),
                Second::Other => Command::Jj,
                Second::Unknown => Command::Malformed,
            },
            Step::Answer => Command::Jj,
            Step::End | Step::UnknownOption | Step::Malformed => Command::Malformed,
        }
    }

    fn verb(&mut self, verb: Verb) -> Command<'a> {
        self.enter();
        let rule = verb.rule();
        let mut words = Vec::new();
        loop {
            match self.step(rule.options) {
                Step::Word(word) => words.push(word.read_as(rule.reading)),
                Step::End if rule.accepts(words.len()) => break,
                Step::Answer => return Command::Jj,
                Step::End | Step::UnknownOption | Step::Malformed => return Command::Malformed,
            }
        }
        words.append(&mut self.named);
        words.retain(|argument| argument.reading != Reading::Other);
        words.sort_by_key(|argument| argument.index);
        Command::Watched(Watched { verb, arguments: words })
    }

    /// A further word was read. jj forgets the `--config`s before it where there are some after it, and so for
    /// `--config-file`; every other option keeps its last value.
    fn enter(&mut self) {
        self.fresh = [true; 2];
    }

    /// Reads options up to the next word.
    fn step(&mut self, own: Own) -> Step<'a> {
        while let Some(arg) = self.argv.get(self.at) {
            let Some(text) = arg.to_str() else { return Step::Malformed };
            let index = self.at;
            self.at += 1;
            if self.literal || is_word(text) {
                return Step::Word(Text { index, offset: 0, text });
            }
            let read = match text.strip_prefix("--") {
                Some("") => {
                    self.literal = true;
                    Ok(())
                }
                Some(option) => self.long(own, index, option),
                None => self.cluster(own, index, &text[1..]),
            };
            if let Err(step) = read {
                return step;
            }
        }
        Step::End
    }

    fn long(&mut self, own: Own, index: usize, option: &'a str) -> Result<(), Step<'a>> {
        let (name, attached) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        let rule = grammar::long(own, name).ok_or(Step::UnknownOption)?;
        match (rule.value, attached) {
            (Value::Nothing, Some(_)) => Err(Step::Malformed),
            _ => self.apply(rule, attached.map(|value| self.end_of(index, value))),
        }
    }

    fn cluster(&mut self, own: Own, index: usize, cluster: &'a str) -> Result<(), Step<'a>> {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            let rule = grammar::short(own, letter).ok_or(Step::UnknownOption)?;
            if rule.value != Value::Nothing {
                let glued = Some(letters.as_str()).filter(|rest| !rest.is_empty());
                let value = glued.map(|rest| rest.strip_prefix('=').unwrap_or(rest));
                return self.apply(rule, value.map(|value| self.end_of(index, value)));
            }
            self.apply(rule, None)?;
        }
        Ok(())
    }

    /// A value that an argument ends with.
    fn end_of(&self, index: usize, text: &'a str) -> Text<'a> {
        Text { index, offset: self.argv[index].len() - text.len(), text }
    }

    fn apply(&mut self, rule: &OptionRule, attached: Option<Text<'a>>) -> Result<(), Step<'a>> {
        let found = match rule.value {
            Value::Nothing => None,
            _ => Some(attached.or_else(|| self.detached()).ok_or(Step::Malformed)?),
        };
        let value = found.map_or("", |found| found.text);
        let fits = match rule.value {
            Value::Nothing | Value::Any => true,
            Value::NonEmpty => !value.is_empty(),
            Value::OneOf(choices) => choices.contains(&value),
        };
        if !fits {
            return Err(Step::Malformed);
        }
        match rule.role {
            Role::Repository => self.globals.repository = Some(value),
            Role::AtOperation => self.globals.at_operation = Some(value).filter(|value| *value != "@"),
            Role::Config => self.config(0, ConfigArg::Item(value)),
            Role::ConfigFile => self.config(1, ConfigArg::File(value)),
            Role::Color => self.globals.color = Some(value),
            Role::IgnoreWorkingCopy => self.globals.ignore_working_copy = true,
            Role::NoIntegrateOperation => self.globals.no_integrate_operation = true,
            Role::Quiet => self.globals.quiet = true,
            Role::Answer => return Err(Step::Answer),
            Role::Pattern => self.named.extend(found.map(|found| found.read_as(Reading::Pattern))),
            Role::Named => {
                let (name, _) = value.split_once('=').ok_or(Step::Malformed)?;
                let name = found.map(|found| Text { text: name, ..found });
                self.named.extend(name.map(|name| name.read_as(Reading::Symbol)));
            }
            Role::Unread => {}
        }
        Ok(())
    }

    /// The argument after an option, where it can be its value.
    fn detached(&mut self) -> Option<Text<'a>> {
        let index = self.at;
        let text = self.argv.get(index)?.to_str().filter(|text| is_word(text))?;
        self.at += 1;
        Some(Text { index, offset: 0, text })
    }

    fn config(&mut self, kind: usize, arg: ConfigArg<'a>) {
        if std::mem::take(&mut self.fresh[kind]) {
            let same = std::mem::discriminant(&arg);
            self.globals.configs.retain(|earlier| std::mem::discriminant(earlier) != same);
        }
        self.globals.configs.push(arg);
    }
}

/// A lone `-` is no option.
fn is_word(text: &str) -> bool {
    text == "-" || !text.starts_with('-')
}

#[cfg(test)]
mod tests;
