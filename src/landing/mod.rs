//! Landing a flow on its parent: a pure plan, then one publish of a speculative chain, or nothing.
//!
//! A landing is journalled before it is published. Whoever comes next in the repo and finds one that was never
//! settled asks jj which of the two states it is in.

mod check;
mod plan;
mod publish;
mod settle;

pub(crate) use plan::{Plan, Request, count, plan};
pub(crate) use publish::{Landed, forecast, land};
pub(crate) use settle::settle;
