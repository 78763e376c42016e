//! What a flow is called: the grammar of its name, the making of one from free text, and what a
//! repo's policy says about a name that somebody asks for.

pub(crate) mod exempt;
pub(crate) mod grammar;
pub(crate) mod intent;
mod nearest;
pub(crate) mod normalise;
pub(crate) mod policy;
mod words;

pub(crate) use grammar::{FlowName, Uid};
