//! What agents keep in files of their own, as text before and text after: a skill, and the settings that name hooks.
//! And what they type: which programs a line of shell runs.
//!
//! Skill and hooks go in and come out again to the byte, and no receipt is kept anywhere: what is ours is known by the text
//! itself. Pure: which files those are, and writing them, is the commands' part.

pub(crate) mod commands;
mod json;
pub(crate) mod settings;
mod shell;
pub(crate) mod skill;

/// What is left of a file when jj-flow's part is taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// There was nothing of jj-flow's in it.
    Same,
    Text(String),
    /// jj-flow had made it, and so many folders for it.
    Nothing {
        folders: usize,
    },
}

/// Why a file cannot be worked on, said behind its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);
