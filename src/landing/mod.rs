//! Landing a flow on its parent: a pure plan, then one publish of a speculative chain, or nothing.
//!
//! A landing is journalled before it is published. Whoever comes next in the repo and finds one that was never
//! settled asks jj which of the two states it is in.

mod abort;
mod along;
mod back;
mod chain;
mod check;
mod forecast;
mod guard;
mod land;
mod mend;
mod packet;
mod parent;
mod plan;
mod publish;
mod push;
mod resolve;
mod settle;
mod strip;
mod undo;
mod verify;

pub(crate) use abort::{Aborted, abort};
pub(crate) use forecast::forecast;
pub(crate) use land::land;
pub(crate) use packet::{Packet, read_packet};
pub(crate) use parent::require_parent;
pub(crate) use plan::{Goal, Plan, Request, carried_by, count, plan};
pub(crate) use publish::Landed;
pub(crate) use push::{land_and_push, push_landed};
pub(crate) use resolve::ON_CONFLICT;
pub(crate) use settle::settle;
pub(crate) use strip::{News, Strip};
pub(crate) use undo::{Undone, undo};
pub(crate) use verify::VERIFY;
