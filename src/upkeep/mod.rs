//! What may go: workspaces and bookmarks of flows that have landed, moves that later ones followed, repos that are not
//! there any more. Each is a pure plan first.
//!
//! Nothing goes that anybody may still need or that could not be brought back: bookmarks by jj's own undo, repos from
//! their archive. A move is the one thing that is gone for good.

mod delete;
mod gone;
mod merged;
mod moves;
mod workspaces;

pub(crate) use delete::{delete, load_beneath};
pub(crate) use gone::{Ground, look, take_away};
pub(crate) use merged::{Going, MergedPlan, Stays, parents_asked, plan_merged};
pub(crate) use moves::remove_moves;
pub(crate) use workspaces::{Leaving, Staying, plan_workspaces, put_back, remove_workspace};

use crate::registry::Space;

/// What the database takes for an event beside its line.
const EVENT: u64 = 200;

/// The least that is worth writing the database anew for.
const WORTH: u64 = 1 << 20;

/// How much of the database is free once events with lines of this length together have gone.
pub(crate) fn freed_by(events: usize, bytes: u64) -> u64 {
    bytes + EVENT * events as u64
}

/// Whether it pays to write the database anew, once this much more of it is free: for over a quarter of it.
pub(crate) fn pays(space: Space, freed: u64) -> bool {
    let free = (space.free + freed).min(space.all);
    free > WORTH && free > space.all / 4
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(8 << 20, 3 << 20, 0, true)]
    #[case(8 << 20, 2 << 20, 0, false)]
    #[case(8 << 20, 2 << 20, 1, true)]
    #[case(8 << 20, 0, 3 << 20, true)]
    #[case(1 << 20, 1 << 20, 1 << 20, false)]
    #[case(0, 0, 0, false)]
    fn a_vacuum_pays_for_a_quarter_and_a_mebibyte(
        #[case] all: u64,
        #[case] free: u64,
        #[case] freed: u64,
        #[case] expected: bool,
    ) {
        assert_eq!(pays(Space { all, free }, freed), expected);
    }
}
