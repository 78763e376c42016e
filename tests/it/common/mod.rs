//! The harness: a [`TestEnvironment`] is one person's machine, a [`TestRepo`] a folder on it, an [`Output`] what a
//! command said.
//!
//! Two runs of the same test give the same change, commit and operation ids, so that snapshots compare exactly.

#![allow(dead_code, unused_imports, reason = "the harness offers more than any one state of the tests uses")]

mod contract;
mod environment;
pub(crate) mod invariants;
mod output;
#[cfg(target_os = "linux")]
pub(crate) mod process;
mod repo;
#[cfg(target_os = "linux")]
pub(crate) mod terminal;
mod tools;

mod self_test;

pub(crate) use contract::assert_promised;
pub(crate) use environment::TestEnvironment;
pub(crate) use output::Output;
pub(crate) use repo::TestRepo;
pub(crate) use tools::real_jj;
