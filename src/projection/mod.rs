//! Making the registry agree with what jj holds.

mod diff;

pub(crate) use diff::diff;
