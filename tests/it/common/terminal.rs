//! A terminal, and whoever sits at it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

use super::TestRepo;
use super::process::can_read;

/// Hangs up when it is dropped.
#[derive(Debug)]
pub(crate) struct Terminal {
    line: File,
    /// What was shown and not expected yet.
    shown: String,
}

impl Terminal {
    /// Starts a program as the leader of a session that has this terminal.
    pub(crate) fn start(
        repo: &TestRepo<'_>,
        args: &[&str],
        configure: impl FnOnce(&mut Command) -> &mut Command,
    ) -> (Self, Child) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let line = openpt(flags).unwrap();
        grantpt(&line).unwrap();
        unlockpt(&line).unwrap();
        let end = File::from(ioctl_tiocgptpeer(&line, flags).unwrap());
        // It becomes the program itself: what is started is no leader of a group yet.
        let mut command = repo.command("setsid", &[&["--ctty"], args].concat());
        let (stdout, stderr) = (end.try_clone().unwrap(), end.try_clone().unwrap());
        let child = configure(command.stdin(end).stdout(stdout).stderr(stderr)).spawn().unwrap();
        (Self { line: File::from(line), shown: String::new() }, child)
    }

    /// Types something: `\n` is Enter, `\x03` is Ctrl-C.
    #[track_caller]
    pub(crate) fn send(&mut self, keys: &str) {
        self.line.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads on until this was shown.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown.find(text) {
                self.shown.drain(..at + text.len());
                return;
            }
            assert!(can_read(&self.line), "{text:?} is not shown:\n{}", self.shown);
            let mut bytes = [0; 4096];
            // An error says that nobody has the other end any more.
            let length = self.line.read(&mut bytes).unwrap_or(0);
            assert!(length > 0, "{text:?} is never shown:\n{}", self.shown);
            self.shown += &String::from_utf8_lossy(&bytes[..length]);
        }
    }
}
