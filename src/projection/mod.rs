//! Making the registry agree with what jj holds.

mod diff;
mod fleet;
mod history;
mod level;
mod trail;

pub(crate) use fleet::{Fleet, Member, Outcome, Setting};
pub(crate) use level::{Look, level, load_tips};
pub(crate) use trail::{Replay, replay};
