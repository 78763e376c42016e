//! Runs a program in this process's place, where something is left to do when it has ended: it has the terminal, the
//! group and whatever else is inherited, and signals end it rather than this process.
//!
//! What the terminal sends at a key (Ctrl-C, Ctrl-\) reaches the whole group in the foreground, so the program has it
//! already; what another process sends, and a hanging up, which may reach this process alone, is handed on. Ctrl-Z
//! stops both, and `fg` wakes both.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGINT, SIGQUIT};
use signal_hook::low_level::emulate_default_handler;

use super::command;
use super::signals::{Hearing, Signal};

/// A program that has ended. While this lives, no signal ends this process.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    _deaf: Hearing,
}

#[derive(Default)]
struct Running {
    child: Option<Pid>,
    /// What came before the program was there.
    early: Vec<Signal>,
}

/// Runs a program under the name `argv0` to its end, and something else while it runs.
pub(crate) fn run_in_foreground(
    program: &Path,
    argv0: &OsStr,
    args: &[OsString],
    env: &[(&str, OsString)],
    meanwhile: impl FnOnce(),
) -> std::io::Result<Ended> {
    let running = Arc::new(Mutex::new(Running::default()));
    let heard = Arc::clone(&running);
    let hearing = Hearing::start(move |signal| {
        let mut running = heard.lock().unwrap_or_else(PoisonError::into_inner);
        match running.child {
            Some(child) => hand_on(signal, child),
            None => running.early.push(signal),
        }
    })?;
    let mut child = command(program, args, env).arg0(argv0).spawn()?;
    let pid = Pid::from_child(&child);
    {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.child = Some(pid);
        running.early.drain(..).for_each(|signal| hand_on(signal, pid));
    }
    meanwhile();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
    // From here on the id may be another process's.
    running.lock().unwrap_or_else(PoisonError::into_inner).child = None;
    Ok(Ended { status: child.wait()?, _deaf: hearing })
}

fn hand_on(signal: Signal, child: Pid) {
    let is_key = signal.is_from_system && matches!(signal.number, SIGINT | SIGQUIT);
    if !is_key {
        raise(signal.number, child);
    }
}

fn raise(signal: i32, process: Pid) {
    if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        let _ = kill_process(process, signal);
    }
}

impl Ended {
    /// Ends this process as the program ended: with its status, or by the signal that ended it.
    pub(crate) fn pass_on(self) -> ExitCode {
        if let Some(code) = self.status.code() {
            // Whatever comes until this process has ended comes too late.
            std::mem::forget(self);
            return ExitCode::from(u8::try_from(code).unwrap_or(1));
        }
        let signal = self.status.signal().unwrap_or_default();
        drop(self);
        let _ = emulate_default_handler(signal);
        raise(signal, rustix::process::getpid());
        ExitCode::from(u8::try_from(128 + signal).unwrap_or(1))
    }
}
