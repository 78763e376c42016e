//! The signals that end this process, heard while somebody waits for a program.
//!
//! The first [`Hearing`] of the process installs handlers and a thread, for good. While no hearing is there that
//! thread ends the process as the signal would have. A signal that was ignored at the start (`nohup`, a job in the
//! background of a script) stays ignored, here and in the programs started, where `/proc` tells.

use std::sync::{Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::emulate_default_handler;
use signal_hook::low_level::siginfo::{Cause, Origin};

type Listener = Box<dyn Fn(Signal) + Send>;

/// A signal that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal {
    pub(super) number: i32,
    /// From the system itself, as a terminal's Ctrl-C is. Else a process sent it, as far as the system tells.
    pub(super) is_from_system: bool,
}

static HEARD: Mutex<Heard> = Mutex::new(Heard { installed: false, next: 0, listeners: Vec::new() });

struct Heard {
    installed: bool,
    next: u64,
    listeners: Vec<(u64, Listener)>,
}

/// While it lives, a signal goes to its listener and does not end the process.
#[derive(Debug)]
pub(super) struct Hearing(u64);

impl Hearing {
    /// `listener` is called on another thread and must not block.
    pub(super) fn start(listener: impl Fn(Signal) + Send + 'static) -> std::io::Result<Self> {
        let mut heard = heard();
        if !heard.installed {
            let ignored = ignored();
            let ends_us = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
            let signals = SignalsInfo::<WithOrigin>::new(
                [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(ends_us),
            )?;
            std::thread::Builder::new().name("signals".into()).spawn(move || hear(signals))?;
            heard.installed = true;
        }
        let id = heard.next;
        heard.next += 1;
        heard.listeners.push((id, Box::new(listener)));
        Ok(Self(id))
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        heard().listeners.retain(|(id, _)| *id != self.0);
    }
}

fn hear(mut signals: SignalsInfo<WithOrigin>) {
    for Origin { signal, cause, .. } in signals.forever() {
        let heard = heard();
        if heard.listeners.is_empty() {
            let _ = emulate_default_handler(signal);
        }
        let signal = Signal { number: signal, is_from_system: matches!(cause, Cause::Kernel) };
        heard.listeners.iter().for_each(|(_, listener)| listener(signal));
    }
}

fn heard() -> MutexGuard<'static, Heard> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The signals that the process ignores, the first in the lowest bit; none where the system has no `/proc`.
pub(super) fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
