//! The only place that starts a process. No shell is ever involved: a program and its arguments.

mod foreground;
mod signals;
pub(crate) mod watched;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

pub(crate) use foreground::run_in_foreground;

use crate::env;

/// What a process that ran to its end left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs a program to its end with no stdin, in `dir`, and keeps what it prints.
pub(crate) fn run_captured(
    program: &Path,
    args: &[OsString],
    dir: Option<&Path>,
    env: &[(&str, OsString)],
) -> std::io::Result<Finished> {
    run_without(&[], program, args, dir, env)
}

/// The same without some variables that this process has.
pub(crate) fn run_without(
    unset: &[&str],
    program: &Path,
    args: &[OsString],
    dir: Option<&Path>,
    env: &[(&str, OsString)],
) -> std::io::Result<Finished> {
    let mut command = command(program, args, env);
    unset.iter().for_each(|name| _ = command.env_remove(name));
    if let Some(dir) = dir {
        enter(&mut command, dir);
    }
    let output = command.stdin(Stdio::null()).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Finished { status: output.status, stdout: output.stdout, stderr })
}

/// Becomes another program, under the name `argv0`; returns only where that failed.
pub(crate) fn exec(
    program: &Path,
    argv0: &OsStr,
    args: &[OsString],
    env: &[(&str, OsString)],
) -> std::io::Error {
    command(program, args, env).arg0(argv0).exec()
}

/// Lets a program run in another folder, where the user's own config is still the user's own.
fn enter(command: &mut Command, dir: &Path) {
    command.current_dir(dir);
    if let Some(paths) = env::jj_config().and_then(|paths| std::env::join_paths(paths).ok()) {
        let is_given = command.get_envs().any(|(name, _)| name == "JJ_CONFIG");
        if !is_given {
            command.env("JJ_CONFIG", paths);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this module is the gate")]
fn command(program: &Path, args: &[OsString], env: &[(&str, OsString)]) -> Command {
    let mut command = Command::new(program);
    command.args(args).envs(env.iter().map(|(name, value)| (name, value)));
    command
}
