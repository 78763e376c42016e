//! What a command said and how it ended, in a form that snapshots compare.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;

use super::TestEnvironment;

/// Paths of the environment read `$TEST_ENV`, so that two runs show the same text.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code; 128 and the signal's number where one ended the process, as in a shell.
    pub(crate) code: i32,
    command: String,
}

impl Output {
    pub(super) fn new(env: &TestEnvironment, command: String, output: std::process::Output) -> Self {
        let text = |bytes: &[u8]| env.normalize(&String::from_utf8_lossy(bytes));
        let status = output.status;
        Self {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            command,
        }
    }

    /// The output of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// The output of a command that must have ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(self.code == code, "{} was to exit {code}:\n{self}", self.command);
        self
    }

    /// The command that the error's hint gives.
    pub(crate) fn hint(&self) -> String {
        let hint = self.stderr.lines().find_map(|line| line.strip_prefix("Hint: "));
        hint.unwrap_or_else(|| panic!("There is no hint: {self}")).to_owned()
    }

    /// What `--json` printed.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{} printed no JSON ({error}):\n{self}", self.command))
    }
}

/// Stdout as it is; below it stderr and the exit code, where they are not empty and not 0.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)?;
        if !self.stderr.is_empty() {
            write!(f, "--- stderr\n{}", self.stderr)?;
        }
        if self.code != 0 {
            writeln!(f, "--- exit {}", self.code)?;
        }
        Ok(())
    }
}
