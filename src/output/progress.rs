//! A progress bar on a terminal, and nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Out;

/// How far a command with many items has got.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    out: Out,
}

impl Progress {
    /// `what` names the items. A program that reads the answer is shown nothing.
    pub(crate) fn new(out: Out, all: usize, what: &str) -> Self {
        let target = if out.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(all as u64), target);
        let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        Self { bar, out }
    }

    /// Of items whose number is not known before: a thousand more.
    pub(crate) fn grow(&self) {
        self.bar.inc_length(1_000);
        self.bar.inc(1_000);
    }

    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Says something above the bar.
    pub(crate) fn note(&self, text: &str) -> std::io::Result<()> {
        self.bar.suspend(|| self.out.note(text))
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
