//! jj's words and options, as tables: extend these, not the scanner.

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Nothing,
    Any,
    NonEmpty,
    OneOf(&'static [&'static str]),
}

/// What an option means to the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Repository,
    AtOperation,
    Config,
    ConfigFile,
    Color,
    IgnoreWorkingCopy,
    NoIntegrateOperation,
    Quiet,
    /// jj prints a text and looks no further.
    Answer,
    /// `NAME=REVISION`, of which the name is a symbol.
    Named,
    /// A pattern of bookmarks' names.
    Pattern,
    /// Stepped over, with its value.
    Unread,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct OptionRule {
    pub(super) names: &'static [&'static str],
    pub(super) letter: Option<char>,
    pub(super) value: Value,
    pub(super) role: Role,
}

pub(super) const fn flag(names: &'static [&'static str], letter: Option<char>, role: Role) -> OptionRule {
    takes(Value::Nothing, names, letter, role)
}

pub(super) const fn takes(
    value: Value,
    names: &'static [&'static str],
    letter: Option<char>,
    role: Role,
) -> OptionRule {
    OptionRule { names, letter, value, role }
}

/// Legal anywhere on the command line.
const GLOBAL: &[OptionRule] = &[
    takes(Value::Any, &["repository"], Some('R'), Role::Repository),
    takes(Value::Any, &["at-operation", "at-op"], None, Role::AtOperation),
    takes(Value::Any, &["config"], None, Role::Config),
    takes(Value::Any, &["config-file"], None, Role::ConfigFile),
    takes(Value::OneOf(&["always", "never", "debug", "auto"]), &["color"], None, Role::Color),
    flag(&["ignore-working-copy"], None, Role::IgnoreWorkingCopy),
    flag(&["no-integrate-operation"], None, Role::NoIntegrateOperation),
    flag(&["quiet"], None, Role::Quiet),
    flag(&["ignore-immutable"], None, Role::Unread),
    flag(&["debug"], None, Role::Unread),
    flag(&["no-pager"], None, Role::Unread),
    flag(&["help"], Some('h'), Role::Answer),
];

/// The options of one place on the command line, beside the global ones.
pub(super) type Own = &'static [OptionRule];

/// Before the first word.
pub(super) const BEFORE_COMMAND: Own = &[flag(&["version"], Some('V'), Role::Answer)];
/// Between a group of commands, such as `bookmark`, and its verb.
pub(super) const BEFORE_VERB: Own = &[];

pub(super) fn long(own: Own, name: &str) -> Option<&'static OptionRule> {
    GLOBAL.iter().chain(own).find(|rule| rule.names.contains(&name))
}

pub(super) fn short(own: Own, letter: char) -> Option<&'static OptionRule> {
    GLOBAL.iter().chain(own).find(|rule| rule.letter == Some(letter))
}

/// Whether `word` is a command of every supported jj, hidden ones and built-in aliases included, so that no alias can
/// stand behind it; those that lead to a watched one are not among them. `converge` (new in 0.45) and `bench` (a
/// compile-time feature) are missing too.
pub(super) fn is_builtin(word: &str) -> bool {
    #[rustfmt::skip]
    let known = matches!(
        word,
        "absorb" | "arrange" | "bisect" | "commit" | "config" | "debug" | "describe" | "diff" | "diffedit"
        | "duplicate" | "edit" | "evolog" | "evolution-log" | "file" | "fix" | "gerrit" | "help" | "interdiff" | "log"
        | "metaedit" | "new" | "next" | "obslog" | "parallelize" | "prev" | "rebase" | "resolve" | "restore"
        | "revert" | "root" | "run" | "show" | "sign" | "simplify-parents" | "sparse" | "split" | "squash" | "status"
        | "tag" | "unsign" | "util" | "version" | "workspace"
    );
    known
}

/// Aliases of jj's own config that lead nowhere near a bookmark. A user may redefine them, but asking the config at
/// each `jj st` would cost more than the command: what a redefinition does is found later, by its operation.
pub(super) fn is_harmless_alias(word: &str) -> bool {
    matches!(word, "ci" | "desc" | "st")
}
