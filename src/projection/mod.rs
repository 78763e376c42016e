//! Making the registry agree with what jj holds.

mod diff;
mod elsewhere;
mod fleet;
mod history;
mod level;
mod lines;
mod trail;

pub(crate) use elsewhere::{Before, Seen, Standings, look};
pub(crate) use fleet::{Fleet, Member, Outcome, Setting};
pub(crate) use level::{Look, level, load_tips};
pub(crate) use lines::Lines;
pub(crate) use trail::{Replay, replay};
