//! Processes that are nobody's child: who started them, what they ignore, when they end. Nothing here waits without
//! a bound.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, test_kill_process};

/// How long a test waits for what is sure to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is running, whatever becomes of its id.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: Pid,
    handle: OwnedFd,
}

impl Running {
    #[track_caller]
    pub(crate) fn new(pid: Pid) -> Self {
        let handle = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        Self { pid, handle }
    }

    /// Who started it, as long as that one runs.
    #[track_caller]
    pub(crate) fn parent(&self) -> Self {
        let stat = stat(self.pid);
        Self::new(Pid::from_raw(stat[1].parse().unwrap()).unwrap())
    }

    #[track_caller]
    pub(crate) fn kill(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    /// It ends, or has ended.
    #[track_caller]
    pub(crate) fn ends(&self) {
        assert!(can_read(&self.handle), "{:?} does not end", self.pid);
    }

    /// It is stopped, as by Ctrl-Z.
    #[track_caller]
    pub(crate) fn stops(&self) {
        self.comes_to(true);
    }

    #[track_caller]
    pub(crate) fn goes_on(&self) {
        self.comes_to(false);
    }

    #[track_caller]
    fn comes_to(&self, is_stopped: bool) {
        let since = Instant::now();
        while (stat(self.pid)[0] == "T") != is_stopped {
            assert!(since.elapsed() < PATIENCE, "{:?} stays as it is: {:?}", self.pid, stat(self.pid));
            std::thread::yield_now();
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        test_kill_process(self.pid).is_ok()
    }

    pub(crate) fn ignores(&self, signal: Signal) -> bool {
        is_ignored(&self.pid.as_raw_nonzero().to_string(), signal)
    }
}

/// How a child ends.
#[track_caller]
pub(crate) fn end_of(child: &mut Child) -> ExitStatus {
    let running = Running::new(Pid::from_child(child));
    if !can_read(&running.handle) {
        let _ = child.kill();
        panic!("{child:?} does not end");
    }
    child.wait().unwrap()
}

/// Whether there is something to be read before patience ends.
pub(super) fn can_read(from: impl AsFd) -> bool {
    let limit = Timespec { tv_sec: PATIENCE.as_secs().try_into().unwrap(), tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&limit));
    ready.unwrap() > 0
}

/// Whether this process ignores a signal, as in the background of a script, and hands that down.
pub(crate) fn is_ignored_here(signal: Signal) -> bool {
    is_ignored("self", signal)
}

fn is_ignored(process: &str, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

/// What `/proc` says of a process, from its state on.
#[track_caller]
fn stat(pid: Pid) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let (_, behind_name) = stat.rsplit_once(") ").unwrap();
    behind_name.split(' ').map(str::to_owned).collect()
}
