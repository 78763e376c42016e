//! jj-flow: the ledger and the landing strip for many agents working in many jj repos.
//!
//! One binary, two faces: under the name `jj` it is the shim that stands before the real jj ([`shim`] decides,
//! [`cmd::shim`] acts); under any other name it is the command line ([`cmd`]).
//!
//! - pure: [`model`], [`event`], [`name`], [`uid`], [`config`], [`graph`], [`survey`], [`text`], [`agent`], [`shim`]
//! - the words of the JSON output: [`contract`]
//! - gates to the outside: [`mod@env`], [`process`], [`jj`], [`git`], [`hook`], [`slots`], [`registry`], [`journal`],
//!   [`output`]
//! - what is done with them: [`ledger`], [`session`], [`projection`], [`landing`], [`upkeep`], [`split`],
//!   [`cmd`]

mod agent;
mod cmd;
mod config;
mod contract;
mod env;
mod error;
mod event;
mod failpoint;
mod git;
mod graph;
mod hook;
mod jj;
mod journal;
mod landing;
mod ledger;
mod model;
mod name;
mod output;
mod process;
mod projection;
mod registry;
mod session;
mod shim;
mod slots;
mod split;
mod survey;
mod text;
mod uid;
mod upkeep;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    if Path::new(&name).file_name().is_some_and(|name| name == "jj") {
        cmd::shim::run(&name, &args)
    } else {
        cmd::run(&args)
    }
}
