//! One thing that was looked at, and what mends it.

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::cmd::run_there;
use crate::error::{Failure, Kind};
use crate::output::{alarm, hung, plain};

/// What mends whatever is jj-flow's own.
const FIX: &str = "jj-flow doctor --fix";

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Check {
    what: &'static str,
    pub(super) state: State,
    /// A word for programs, where something was found. Codes are part of the JSON contract: they are added to, never changed.
    code: Option<&'static str>,
    says: String,
    remedy: Option<Remedy>,
    details: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Good,
    Mended,
    Warning,
    Bad,
}

impl State {
    /// From the best to the worst.
    pub(super) const ALL: [Self; 4] = [Self::Good, Self::Mended, Self::Warning, Self::Bad];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Mended => "mended",
            Self::Warning => "warning",
            Self::Bad => "failed",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Mended => "done",
            Self::Warning => "warn",
            Self::Bad => "FAIL",
        }
    }
}

/// What is to be done about something.
#[derive(Debug)]
pub(super) enum Remedy {
    /// A command that runs as it stands.
    Run(String),
    /// What no command can do, and why.
    Advice(String),
}

impl Remedy {
    pub(super) fn run(command: impl Into<String>) -> Self {
        Self::Run(command.into())
    }

    pub(super) fn advice(text: impl Into<String>) -> Self {
        Self::Advice(text.into())
    }

    /// What `--fix` does.
    pub(super) fn fix() -> Self {
        Self::run(FIX)
    }
}

impl Check {
    fn new(what: &'static str, state: State, says: impl Into<String>) -> Self {
        Self { what, state, code: None, says: says.into(), remedy: None, details: None }
    }

    pub(super) fn good(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, State::Good, says)
    }

    /// The code is that of what was wrong.
    pub(super) fn mended(what: &'static str, code: &'static str, says: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::new(what, State::Mended, says) }
    }

    pub(super) fn warning(
        what: &'static str,
        code: &'static str,
        says: impl Into<String>,
        remedy: Remedy,
    ) -> Self {
        Self { code: Some(code), remedy: Some(remedy), ..Self::new(what, State::Warning, says) }
    }

    pub(super) fn bad(
        what: &'static str,
        code: &'static str,
        says: impl Into<String>,
        remedy: Remedy,
    ) -> Self {
        Self { state: State::Bad, ..Self::warning(what, code, says, remedy) }
    }

    /// A failure as it would have been told by the command that met it.
    pub(super) fn failed(what: &'static str, error: &anyhow::Error) -> Self {
        let Failure { kind, message, hint, .. } = Failure::of(error);
        let remedy = match hint.filter(|hint| hint != "jj-flow doctor") {
            Some(hint) => Remedy::Run(hint),
            None => Remedy::advice(match kind {
                Kind::Busy | Kind::Raced => "try again: somebody else is at work",
                _ => "no command mends that: the message says what is in the way",
            }),
        };
        Self::bad(what, kind.code(), message, remedy)
    }

    pub(super) fn details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// The mark, what was looked at and what was found, then the remedy: ready for a terminal.
    pub(super) fn lines(&self, width: usize) -> String {
        let column = width + 8;
        let margin = format!("\n{:1$}", "", column);
        let mark = format!("{:4}", self.state.mark());
        let mark = match self.state {
            State::Good | State::Mended => mark,
            State::Warning | State::Bad => alarm(&mark, self.state == State::Bad),
        };
        let set_in = |text: &str| plain(text.trim_end()).replace('\n', &margin);
        let says = format!("{mark}  {:width$}  {}", self.what, set_in(&self.says));
        let says = hung(&says, column);
        match &self.remedy {
            // A command stays in one piece, however narrow the terminal.
            Some(Remedy::Run(command)) => format!("{says}{margin}{}", set_in(&format!("run: {command}"))),
            Some(Remedy::Advice(advice)) => hung(&format!("{says}{margin}{}", set_in(advice)), column),
            None => says,
        }
    }

    pub(super) fn json(&self) -> Value {
        let (hint, advice) = match &self.remedy {
            Some(Remedy::Run(command)) => (Some(command), None),
            Some(Remedy::Advice(advice)) => (None, Some(advice)),
            None => (None, None),
        };
        let mut object = json!({
            "check": self.what, "state": self.state.word(), "code": self.code, "message": self.says,
            "hint": hint, "advice": advice,
        });
        if let Some(details) = &self.details {
            object["details"] = details.clone();
        }
        object
    }

    /// What has just been tried is no remedy, and what jj or jj-flow is to do is done in the folder that was looked at.
    pub(super) fn finish(mut self, is_fixing: bool, dir: &Utf8Path) -> Self {
        self.remedy = self.remedy.map(|remedy| match remedy {
            Remedy::Run(command) if is_fixing && command == FIX => {
                Remedy::advice("--fix has just been tried, and could not mend it")
            }
            Remedy::Run(command) if command.starts_with("jj") => Remedy::Run(run_there(command, dir)),
            other => other,
        });
        self
    }

    pub(super) fn width(&self) -> usize {
        self.what.len()
    }
}
