//! The commands that name bookmarks or act on them, with the options that each takes, as jj 0.45 has them.

use super::grammar::{OptionRule, Own, Role, Value, flag, takes};

/// A command that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Set,
    Rename,
    Move,
    Advance,
    Delete,
    Forget,
    Track,
    Untrack,
    Push,
    Fetch,
    Import,
    Undo,
    Redo,
    Restore,
    Revert,
    Integrate,
    Abandon,
}

/// How jj reads an argument that names bookmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// One name, as a symbol of the revset language.
    Symbol,
    /// A pattern that may match several, or none.
    Pattern,
    /// It names no bookmark here.
    Other,
}

/// What stands behind a verb.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) options: Own,
    pub(super) reading: Reading,
    /// How many arguments it takes, at least and at most.
    least: usize,
    most: usize,
}

impl Rule {
    pub(super) fn accepts(&self, arguments: usize) -> bool {
        (self.least..=self.most).contains(&arguments)
    }
}

const MANY: usize = usize::MAX;

const fn revision(names: &'static [&'static str], letter: char) -> OptionRule {
    takes(Value::NonEmpty, names, Some(letter), Role::Unread)
}

const fn word(names: &'static [&'static str], letter: Option<char>) -> OptionRule {
    takes(Value::Any, names, letter, Role::Unread)
}

const fn switch(names: &'static [&'static str]) -> OptionRule {
    flag(names, None, Role::Unread)
}

const TARGET: OptionRule = revision(&["revision", "to"], 'r');
const TO: OptionRule = revision(&["to"], 't');
const BACKWARDS: OptionRule = flag(&["allow-backwards"], Some('B'), Role::Unread);
const REMOTE: OptionRule = word(&["remote"], None);
const WHAT: OptionRule = takes(Value::OneOf(&["repo", "remote-tracking"]), &["what"], None, Role::Unread);

const SET: Own = &[TARGET, BACKWARDS];
const RENAME: Own = &[switch(&["overwrite-existing"])];
const MOVE: Own = &[revision(&["from"], 'f'), TO, BACKWARDS];
const FORGET: Own = &[switch(&["include-remotes"])];

const PUSH: Own = &[
    REMOTE,
    takes(Value::Any, &["bookmark", "branch"], Some('b'), Role::Pattern),
    word(&["tag"], Some('t')),
    switch(&["all"]),
    switch(&["tracked"]),
    switch(&["deleted"]),
    switch(&["allow-empty-description"]),
    switch(&["allow-private"]),
    switch(&["allow-conflicts"]),
    revision(&["revision", "revisions"], 'r'),
    revision(&["change"], 'c'),
    takes(Value::Any, &["named"], None, Role::Named),
    switch(&["dry-run"]),
    word(&["option"], Some('o')),
];

const FETCH: Own = &[
    word(&["branch", "bookmark"], Some('b')),
    word(&["tag"], Some('t')),
    switch(&["tracked"]),
    REMOTE,
    switch(&["all-remotes"]),
];

const ABANDON: Own = &[
    takes(Value::NonEmpty, &[], Some('r'), Role::Unread),
    switch(&["retain-bookmarks"]),
    switch(&["restore-descendants"]),
];

impl Verb {
    pub(super) fn rule(self) -> Rule {
        use Reading::{Other, Pattern, Symbol};
        let (options, reading, least, most): (Own, _, _, _) = match self {
            Self::Create => (&[TARGET], Symbol, 1, MANY),
            Self::Set => (SET, Symbol, 1, MANY),
            Self::Rename => (RENAME, Symbol, 2, 2),
            Self::Move => (MOVE, Pattern, 0, MANY),
            Self::Advance => (&[TO], Pattern, 0, MANY),
            Self::Delete => (&[], Pattern, 1, MANY),
            Self::Forget => (FORGET, Pattern, 1, MANY),
            // These take what a remote has.
            Self::Track | Self::Untrack => (&[REMOTE], Other, 1, MANY),
            Self::Push => (PUSH, Other, 0, 0),
            Self::Fetch => (FETCH, Other, 0, 0),
            Self::Import | Self::Undo | Self::Redo => (&[], Other, 0, 0),
            Self::Restore => (&[WHAT], Other, 1, 1),
            Self::Revert => (&[WHAT], Other, 0, 1),
            Self::Integrate => (&[], Other, 1, 1),
            Self::Abandon => (ABANDON, Other, 0, MANY),
        };
        Rule { options, reading, least, most }
    }

    /// Its word, as a person would type it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Set => "set",
            Self::Rename => "rename",
            Self::Move => "move",
            Self::Advance => "advance",
            Self::Delete => "delete",
            Self::Forget => "forget",
            Self::Track => "track",
            Self::Untrack => "untrack",
            Self::Push => "push",
            Self::Fetch => "fetch",
            Self::Import => "import",
            Self::Undo => "undo",
            Self::Redo => "redo",
            Self::Restore => "restore",
            Self::Revert => "revert",
            Self::Integrate => "integrate",
            Self::Abandon => "abandon",
        }
    }
}

/// A first word that leads to a watched command.
pub(super) enum First {
    Verb(Verb),
    /// A group of commands, whose second word decides.
    Group(fn(&str) -> Second),
}

/// The second word of a group.
pub(super) enum Second {
    Verb(Verb),
    Other,
    Unknown,
}

pub(super) fn first(word: &str) -> Option<First> {
    Some(match word {
        "bookmark" => First::Group(bookmark),
        "git" => First::Group(git),
        "operation" | "op" => First::Group(operation),
        "abandon" => First::Verb(Verb::Abandon),
        "undo" => First::Verb(Verb::Undo),
        "redo" => First::Verb(Verb::Redo),
        _ => return None,
    })
}

/// The letters are built in.
fn bookmark(word: &str) -> Second {
    Second::Verb(match word {
        "create" | "c" => Verb::Create,
        "set" | "s" => Verb::Set,
        "rename" | "r" => Verb::Rename,
        "move" | "m" => Verb::Move,
        "advance" | "a" => Verb::Advance,
        "delete" | "d" => Verb::Delete,
        "forget" | "f" => Verb::Forget,
        "track" | "t" => Verb::Track,
        "untrack" => Verb::Untrack,
        "list" | "l" => return Second::Other,
        _ => return Second::Unknown,
    })
}

fn git(word: &str) -> Second {
    Second::Verb(match word {
        "push" => Verb::Push,
        "fetch" => Verb::Fetch,
        "import" => Verb::Import,
        _ => return Second::Other,
    })
}

fn operation(word: &str) -> Second {
    Second::Verb(match word {
        "restore" => Verb::Restore,
        "revert" => Verb::Revert,
        "integrate" => Verb::Integrate,
        _ => return Second::Other,
    })
}
