//! What is being done, on stderr: a bar on a terminal, else one line for each leg.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// What is being done, on stderr.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar if stderr is a terminal, else one line for each leg.
    #[expect(clippy::new_without_default, reason = "it depends on what stderr is")]
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            // The template is a constant that can be read, or else the bar looks as it does by default.
            let style = ProgressStyle::with_template("{prefix}: {msg} {wide_bar} {percent}%");
            ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar }
    }

    /// A leg begins.
    pub(crate) fn leg(&self, leg: impl Display) {
        match &self.bar {
            Some(bar) => bar.set_prefix(leg.to_string()),
            None => self.say(leg),
        }
    }

    /// Something that is to stay.
    pub(crate) fn say(&self, what: impl Display) {
        let line = format!("prove: {what}");
        match &self.bar {
            Some(bar) => bar.println(line),
            // Nobody has to read it.
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// Something in it is being done.
    pub(crate) fn doing(&self, what: impl Display) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_string());
            bar.set_length(1);
            bar.set_position(0);
        }
    }

    /// So much of it is done.
    pub(crate) fn part(&self, done: usize, of: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
