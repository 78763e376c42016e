//! Which `jj` on PATH is the real one: never this program, a link to it, a copy of it, or a wrapper that runs it.
//!
//! A link shares this program's file. A copy, or a wrapper that does `exec jj`, is found out by being reached a
//! second time: what is started carries `JJ_FLOW_SHIM=<how><pid>:<the jj tried>`, where exec (`=`) keeps the pid
//! and a spawned child (`>`) has it as its parent's. Whoever meets its own mark goes on with PATH behind the jj
//! that was tried. A mark that an editor's shell inherited names another pid and means nothing.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::env;

const MARK: &str = "JJ_FLOW_SHIM";

/// The real jj, or none on PATH.
pub(crate) fn locate() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let own = env::current_exe().ok().and_then(|own| std::fs::metadata(own).ok());
    let tried = tried();
    let found = which::which_in_all("jj", Some(path), env::any_current_dir());
    let mut found: Vec<PathBuf> = found.ok()?.collect();
    // What was tried, and all that stands before it, has been found wanting, wherever PATH names it again.
    if let Some(last) = tried.and_then(|tried| found.iter().position(|candidate| *candidate == tried)) {
        let behind = found.split_off(last + 1);
        found = behind.into_iter().filter(|candidate| !found.contains(candidate)).collect();
    }
    found.into_iter().find(|candidate| !own.as_ref().is_some_and(|own| is_file(candidate, own)))
}

/// The mark for a program that this process becomes.
pub(crate) fn guard(program: &Path) -> (&'static str, OsString) {
    mark('=', program)
}

/// The mark for a program that this process starts as its child.
pub(crate) fn guard_spawn(program: &Path) -> (&'static str, OsString) {
    mark('>', program)
}

fn mark(how: char, program: &Path) -> (&'static str, OsString) {
    let mut value = OsString::from(format!("{how}{}:", std::process::id()));
    value.push(program);
    (MARK, value)
}

/// The jj that led back to this very process.
fn tried() -> Option<PathBuf> {
    let mark = env::var_os(MARK)?;
    let colon = mark.as_bytes().iter().position(|byte| *byte == b':')?;
    let (process, program) = (&mark.as_bytes()[..colon], &mark.as_bytes()[colon + 1..]);
    let ours = process == format!("={}", std::process::id()).as_bytes()
        || process == format!(">{}", std::os::unix::process::parent_id()).as_bytes();
    ours.then(|| OsStr::from_bytes(program).into())
}

fn is_file(path: &Path, own: &Metadata) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.dev() == own.dev() && file.ino() == own.ino())
}
