//! The gate to hooks: programs that the config names for a step of a landing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::time::Duration;

use camino::Utf8Path;

use crate::config::{Hook, HookCommand};
use crate::git::LOCAL_VARIABLES;
use crate::process::watched::{Ending, Ran, Task, run_watched};

/// Variables of ours and jj's that mean something else inside a hook.
const OURS: &[&str] = &["JJ_WORKSPACE_ROOT", "JJ_FLOW_SHIM"];

/// One run of a hook.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) hook: &'a Hook,
    /// Its name in config: `verify`, `on-conflict`.
    pub(crate) name: &'a str,
    pub(crate) dir: &'a Utf8Path,
    /// What it is told, beside `JJ_FLOW_HOOK`: `JJ_FLOW_PARENT` and the like.
    pub(crate) about: &'a [(&'a str, String)],
    /// A lock that is held for as long as the hook or what it leaves behind lives, or something to read.
    pub(crate) stdin: File,
    pub(crate) timeout: Duration,
}

/// Runs a hook in a process group of its own, which ends with it. An error says that it could not start.
pub(crate) fn run(run: Run<'_>, show: &mut dyn FnMut(&[u8])) -> std::io::Result<Ran> {
    let (program, args): (&OsStr, Vec<OsString>) = match &run.hook.command {
        HookCommand::Line(line) => ("sh".as_ref(), vec!["-c".into(), line.into()]),
        HookCommand::Words(words) => (words[0].as_ref(), words[1..].iter().map(Into::into).collect()),
    };
    let mut set = vec![("JJ_FLOW_HOOK", OsString::from(run.name))];
    set.extend(run.about.iter().map(|(name, value)| (*name, value.into())));
    let unset = [LOCAL_VARIABLES, OURS].concat();
    let task = Task {
        program,
        args: &args,
        dir: run.dir.as_std_path(),
        set: &set,
        unset: &unset,
        stdin: run.stdin,
        timeout: run.timeout,
    };
    run_watched(task, show)
}

/// `exit 1`, `signal 9`, `timed out`, `interrupted`.
pub(crate) fn ending(ending: Ending) -> String {
    match ending {
        Ending::Exited(code) => format!("exit {code}"),
        Ending::Killed(signal) => format!("signal {signal}"),
        Ending::TimedOut => "timed out".to_owned(),
        Ending::Interrupted(_) => "interrupted".to_owned(),
    }
}
