//! Making the registry agree with what jj holds.

mod diff;
mod trail;

pub(crate) use diff::diff;
pub(crate) use trail::{Replay, causes, replay};
