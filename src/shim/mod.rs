//! What a command line of `jj` asks for, told from its arguments alone.
//!
//! `argv::scan` reads `&[OsString]` (what follows the program's name) as jj would: `grammar` holds jj's words and
//! options, `verbs` the commands that are watched, `intercept` reads the names that one was given and puts others in
//! their place. All of it is pure: no I/O, no environment, no config, and no panic on any bytes. It runs before every
//! jj command, so it stops at the first word that is none of our business.
//!
//! A doubtful command line is always left to jj: an interception missed is found again by its operation, one made in
//! error is not forgiven.

pub(crate) mod argv;
mod grammar;
pub(crate) mod intercept;
mod verbs;
