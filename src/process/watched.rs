//! Runs a program that may do anything: hang, flood, be killed, leave others behind.
//!
//! The program leads a process group of its own. When [`run_watched`] returns, whatever was left of that group was
//! killed. Who left the group (`setsid`) lives on, with the stdin that was handed over; what it prints is lost.
//!
//! One thread reads, one waits for the leader, and both tell the caller's thread over one channel. The leader is
//! reaped only after its group was killed, so that the group's id is still its own.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::PipeReader;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::signals::Hearing;

/// How much of the output's end is kept, in bytes.
pub(crate) const KEPT: usize = 16 * 1024;
/// A line that is longer is shown in pieces.
const LONG_LINE: usize = 8 * 1024;
/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is awaited from who outlives the group.
const DRAIN: Duration = Duration::from_secs(1);

/// A program to run under watch.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// A name without a slash is looked for in `PATH`, in that of `set` where it is set.
    pub(crate) program: &'a OsStr,
    pub(crate) args: &'a [OsString],
    pub(crate) dir: &'a Path,
    pub(crate) set: &'a [(&'a str, OsString)],
    /// Taken away before `set` is added.
    pub(crate) unset: &'a [&'a str],
    /// Handed over: it stays open, and locked if it was, for as long as any descendant keeps it.
    pub(crate) stdin: File,
    pub(crate) timeout: Duration,
}

/// Why a program is no longer running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(i32),
    /// By this signal, which did not come from here.
    Killed(i32),
    TimedOut,
    /// This process got this signal, and is to end.
    Interrupted(i32),
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    /// Until the leader's end.
    pub(crate) took: Duration,
    /// The last [`KEPT`] bytes of stdout and stderr, from the start of a line where there is one.
    pub(crate) tail: String,
    /// There was more before `tail`.
    pub(crate) cut: bool,
}

/// Runs a program to its end, its timeout or ours. An error says that it could not start.
///
/// `show` gets stdout and stderr in order of arrival, whole lines where they are not too long. All waits for it: while
/// it blocks no timeout is noticed.
pub(crate) fn run_watched(task: Task<'_>, show: &mut dyn FnMut(&[u8])) -> std::io::Result<Ran> {
    let timeout = task.timeout;
    let (events, inbox) = channel();
    let to_us = events.clone();
    let hearing = Hearing::start(move |signal| _ = to_us.send(Event::Signal(signal.number)))?;
    let started = Instant::now();
    let (mut leader, pipe) = start(task)?;
    let group = Pid::from_child(&leader);
    let mut watch = Watch::start(group, pipe, events, inbox, Output::new(show));

    let in_time = watch.wait(timeout, |watch| watch.exited || watch.signal.is_some());
    if !watch.exited {
        let _ = kill_process_group(group, Signal::TERM);
        watch.wait(GRACE, |watch| watch.exited);
    }
    let took = started.elapsed();
    let _ = kill_process_group(group, Signal::KILL);
    watch.wait(DRAIN, |watch| watch.exited && watch.closed);

    drop(hearing);
    watch.hear_the_rest();
    // A leader that even KILL does not end (another user's, by sudo) is left alone.
    let status = if watch.exited { Some(leader.wait()?) } else { None };
    let ending = match (watch.signal, status) {
        (Some(signal), _) => Ending::Interrupted(signal),
        (None, Some(status)) if in_time => match status.code() {
            Some(code) => Ending::Exited(code),
            None => Ending::Killed(status.signal().unwrap_or_default()),
        },
        _ => Ending::TimedOut,
    };
    let (tail, cut) = watch.output.finish();
    Ok(Ran { ending, took, tail, cut })
}

#[expect(clippy::disallowed_methods, reason = "this module is the gate")]
fn start(task: Task<'_>) -> std::io::Result<(Child, PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(task.program);
    command.args(task.args).process_group(0);
    super::enter(&mut command, task.dir);
    task.unset.iter().for_each(|name| _ = command.env_remove(name));
    command.envs(task.set.iter().map(|(name, value)| (name, value)));
    command.stdin(task.stdin).stdout(writer.try_clone()?).stderr(writer);
    Ok((command.spawn()?, reader))
}

enum Event {
    Output(Vec<u8>),
    /// Nobody has stdout or stderr open any more.
    Closed,
    /// The leader ended and is not reaped yet.
    Exited,
    Signal(i32),
}

/// What is known of a running group.
struct Watch<'a> {
    inbox: Receiver<Event>,
    /// Buffers go round between the reader and here: it does not read faster than output is taken.
    buffers: Sender<Vec<u8>>,
    output: Output<'a>,
    exited: bool,
    closed: bool,
    signal: Option<i32>,
}

impl<'a> Watch<'a> {
    fn start(
        leader: Pid,
        pipe: PipeReader,
        events: Sender<Event>,
        inbox: Receiver<Event>,
        output: Output<'a>,
    ) -> Self {
        let (buffers, empty) = channel();
        for _ in 0..2 {
            let _ = buffers.send(Vec::new());
        }
        let reader_events = events.clone();
        thread::spawn(move || read(&pipe, &empty, &reader_events));
        thread::spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = retry_on_intr(|| waitid(WaitId::Pid(leader), options));
            let _ = events.send(Event::Exited);
        });
        Self { inbox, buffers, output, exited: false, closed: false, signal: None }
    }

    /// Takes what comes until `done`, at most for `limit`; whether it was done.
    fn wait(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let since = Instant::now();
        while !done(self) {
            let left = limit.saturating_sub(since.elapsed());
            // A flood always has an event ready: the time is looked at before the inbox.
            let event = if left.is_zero() { None } else { self.inbox.recv_timeout(left).ok() };
            match event {
                Some(Event::Output(bytes)) => {
                    self.output.take(&bytes);
                    let _ = self.buffers.send(bytes);
                }
                Some(Event::Closed) => self.closed = true,
                Some(Event::Exited) => self.exited = true,
                Some(Event::Signal(signal)) => _ = self.signal.get_or_insert(signal),
                None => return false,
            }
        }
        true
    }

    /// A signal that came last is not lost.
    fn hear_the_rest(&mut self) {
        for event in self.inbox.try_iter() {
            if let Event::Signal(signal) = event {
                self.signal.get_or_insert(signal);
            }
        }
    }
}

/// Reads until the end of the output or of the watch.
fn read(pipe: &PipeReader, empty: &Receiver<Vec<u8>>, events: &Sender<Event>) {
    for mut buffer in empty {
        buffer.resize(LONG_LINE, 0);
        let length = retry_on_intr(|| rustix::io::read(pipe, &mut buffer[..])).unwrap_or(0);
        if length == 0 {
            break;
        }
        buffer.truncate(length);
        if events.send(Event::Output(buffer)).is_err() {
            break;
        }
    }
    let _ = events.send(Event::Closed);
}

/// Shows output by lines and keeps the end of it.
struct Output<'a> {
    show: &'a mut dyn FnMut(&[u8]),
    /// Not shown yet.
    line: Vec<u8>,
    /// At least the last [`KEPT`] bytes and the one before.
    end: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(show: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { show, line: Vec::new(), end: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.line.extend_from_slice(bytes);
        let lines = self.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let ready = if self.line.len() - lines < LONG_LINE { lines } else { self.line.len() };
        if ready > 0 {
            (self.show)(&self.line[..ready]);
            self.line.drain(..ready);
        }
        self.end.extend_from_slice(bytes);
        if self.end.len() > 4 * KEPT {
            self.end.drain(..self.end.len() - KEPT - 1);
        }
    }

    /// The kept end, and whether it is less than all.
    fn finish(self) -> (String, bool) {
        if !self.line.is_empty() {
            (self.show)(&self.line);
        }
        let Some(before) = self.end.len().checked_sub(KEPT + 1) else {
            return (String::from_utf8_lossy(&self.end).into_owned(), false);
        };
        let end = &self.end[before..];
        let line_start = end[..KEPT].iter().position(|byte| *byte == b'\n');
        (String::from_utf8_lossy(&end[line_start.unwrap_or(0) + 1..]).into_owned(), true)
    }
}

#[cfg(test)]
mod tests;
