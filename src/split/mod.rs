//! Folders of one repo become repos of their own, with their history.
//!
//! One [pass](mod@scan) over the source's history finds what each commit has at each path; for each path a pure
//! [plan](mod@plan) says which commits are kept, and [writing](mod@write) makes them: the same history gives the same ids
//! everywhere. The [repo](mod@create) is made out of sight and takes its place when it is whole; one that is there already is
//! [brought](mod@update) what is new. Of the source everything is only read.

mod create;
mod manifest;
mod paths;
mod plan;
mod refs;
mod rewrite;
mod scan;
mod state;
mod update;
mod write;

pub(crate) use create::{Outcome, Work, clear_unfinished, create};
pub(crate) use manifest::{FILE as MANIFEST, Manifest, Member};
pub(crate) use paths::{Component, PathError};
pub(crate) use plan::{Plan, plan};
pub(crate) use refs::{Names, names, object_id, without_removals};
pub(crate) use rewrite::reverse_hex;
pub(crate) use scan::{Found, History};
pub(crate) use state::{FOLDER, State, digest, path_of};
pub(crate) use update::update;
pub(crate) use write::{Source, change_of, write};
