//! The gate to the terminal: stdout answers, stderr narrates.

mod csv;
mod json;
mod narrow;
mod progress;
mod style;
mod table;
mod tree;

use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use serde_json::{Map, Value};

pub(crate) use csv::csv_line;
pub(crate) use json::{change_json, flow_json};
pub(crate) use narrow::{fitted, hung, with_prose};
pub(crate) use progress::Progress;
pub(crate) use style::{age, alarm, status, value_text};
pub(crate) use table::table;
pub(crate) use tree::{Leaf, tree};

use crate::contract;
use crate::error::Failure;
pub(crate) use crate::text::plain;
use crate::text::plain_json;

/// How a command answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    json: bool,
    color: ColorChoice,
}

/// Puts bytes on stdout that are another program's to read.
pub(crate) fn raw(bytes: &[u8]) -> io::Result<()> {
    io::stdout().lock().write_all(bytes)
}

/// Puts a record on stdout that is another program's to read; on a terminal nothing in it is obeyed.
pub(crate) fn record(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if !stdout.is_terminal() {
        return stdout.write_all(text.as_bytes());
    }
    text.lines().try_for_each(|line| writeln!(stdout, "{}", plain(line)))
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, color: ColorChoice::Auto }
    }

    /// Follows jj's own `ui.color`: `always`, `never`, `debug` or `auto`.
    pub(crate) fn follow(&mut self, ui_color: Option<&str>) {
        self.color = match ui_color {
            Some("always" | "debug") => ColorChoice::AlwaysAnsi,
            Some("never") => ColorChoice::Never,
            _ => ColorChoice::Auto,
        };
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Tells a person on stdout what a program reads elsewhere in the object.
    pub(crate) fn text_only(&self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { self.line(text) }
    }

    /// Answers: the text to a person, the object to a program.
    pub(crate) fn answer(&self, text: &str, object: Value) -> io::Result<()> {
        if self.json { self.object(true, object) } else { self.line(text) }
    }

    /// Answers with the object, whoever reads it.
    pub(crate) fn json(&self, object: Value) -> io::Result<()> {
        self.object(true, object)
    }

    /// Tells a person what happens; says nothing to a program's stdout.
    pub(crate) fn note(&self, text: &str) -> io::Result<()> {
        writeln!(AutoStream::new(io::stderr(), self.color), "{text}")
    }

    /// Says what went wrong, in jj's own form.
    pub(crate) fn failure(&self, failure: &Failure) -> io::Result<()> {
        if self.json {
            let mut error = Map::new();
            error.insert("code".into(), failure.kind.code().into());
            error.insert("message".into(), failure.message.clone().into());
            error.insert("hint".into(), failure.hint.clone().into());
            if let Some(details) = &failure.details {
                error.insert("details".into(), details.clone());
            }
            return self
                .object(false, Value::Object(Map::from_iter([("error".into(), Value::Object(error))])));
        }
        self.note(&format!(
            "{}Error: {}{}",
            style::ERROR,
            style::ERROR.render_reset(),
            plain(&failure.message)
        ))?;
        match &failure.hint {
            Some(hint) => {
                self.note(&format!("{}Hint: {}{}", style::HINT, style::HINT.render_reset(), plain(hint)))
            }
            None => Ok(()),
        }
    }

    /// Prints lines to stdout as they are: already escaped and styled.
    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        writeln!(AutoStream::new(io::stdout().lock(), self.color), "{text}")
    }

    fn object(&self, ok: bool, object: Value) -> io::Result<()> {
        let mut all = Map::from_iter([("schema".into(), contract::VERSION.into()), ("ok".into(), ok.into())]);
        if let Value::Object(fields) = object {
            all.extend(fields);
        }
        writeln!(io::stdout().lock(), "{}", plain_json(&Value::Object(all).to_string()))
    }
}
