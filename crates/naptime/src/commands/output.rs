//! How what was found is printed: a table for people, tabs for other programs, JSON as the API sends it, or ids.

use std::io::{self, IsTerminal, Write};
use std::marker::PhantomData;
use std::time::Duration;

use clap::Args;
use naptime_client::{Item, Timestamp};
use naptime_core::duration;
use serde_json::Value;

use super::table::{Cell, Table};

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print one JSON object a line, as the API sends it
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Print ids (or names) only
    #[arg(long, short)]
    quiet: bool,
}

/// What is printed of each thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    Tabs,
    Json,
    Ids,
}

impl OutputArgs {
    pub(super) fn form(&self) -> Form {
        match (self.json, self.quiet) {
            (true, _) => Form::Json,
            (_, true) => Form::Ids,
            _ if io::stdout().is_terminal() => Form::Table,
            _ => Form::Tabs,
        }
    }
}

/// What a list shows of a thing.
pub(super) trait Row {
    /// The heads of the columns.
    const HEAD: &'static [&'static str];
    /// The columns that a narrow terminal goes without, the first to go first.
    const SPARE: &'static [&'static str] = &[];

    /// What `--quiet` prints.
    fn id(&self) -> String;

    /// The columns.
    fn cells(&self, look: Look) -> Vec<Cell>;
}

/// For whom times are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    people: bool,
    pub(super) now: Timestamp,
}

impl Look {
    pub(super) fn of(form: Form) -> Self {
        Self { people: form == Form::Table, now: Timestamp::now() }
    }

    /// A time: how far away it is, or RFC 3339.
    pub(super) fn when(self, at: Option<Timestamp>) -> Cell {
        match at {
            None => Cell::new(if self.people { "-" } else { "" }),
            Some(at) if self.people => Cell::new(relative(at, self.now)),
            Some(at) => Cell::new(at.to_string()),
        }
    }

    /// A share from 0 to 1: in percent, or as a number. What is not all is never 100 %.
    pub(super) fn share(self, share: Option<f64>) -> Cell {
        match share {
            None => Cell::default(),
            Some(share) if self.people => Cell::new(format!("{:.1} %", (share * 1000.0).floor() / 10.0)),
            Some(share) => Cell::new(share.to_string()),
        }
    }

    /// Milliseconds: as a duration, or as a number.
    pub(super) fn took(self, ms: u64) -> Cell {
        Cell::new(if self.people { duration::show(Duration::from_millis(ms)) } else { ms.to_string() })
    }
}

/// Prints things as rows.
pub(super) struct Printer<T> {
    form: Form,
    /// What a table still has to show, once all widths are known.
    rows: Vec<Vec<Cell>>,
    table: Table,
    of: PhantomData<fn() -> T>,
}

impl<T: Row> Printer<T> {
    pub(super) fn new(args: &OutputArgs) -> Self {
        Self { form: args.form(), rows: Vec::new(), table: Table::within(room(), T::SPARE), of: PhantomData }
    }

    /// Prints a thing; in a table, with the next [`flush`](Self::flush).
    pub(super) fn print(&mut self, item: &Item<T>) -> io::Result<()> {
        match self.form {
            Form::Json => json(item.json()),
            Form::Ids => line(&item.id()),
            Form::Tabs => {
                let texts: Vec<String> = item.cells(Look::of(self.form)).into_iter().map(|cell| cell.text).collect();
                line(&texts.join("\t"))
            }
            Form::Table => {
                self.rows.push(item.cells(Look::of(self.form)));
                Ok(())
            }
        }
    }

    /// Prints what a table still has to show.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        styled(&self.table.lines(T::HEAD, std::mem::take(&mut self.rows)))
    }
}

/// Prints lines with colours, or without where they are not wanted (`NO_COLOR`).
pub(super) fn styled(lines: &str) -> io::Result<()> {
    anstream::stdout().lock().write_all(lines.as_bytes())
}

/// Prints a document on a line.
pub(super) fn json(value: &Value) -> io::Result<()> {
    line(&value.to_string())
}

/// Prints a line.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// How wide the terminal is, if there is one that says so.
fn room() -> Option<usize> {
    let columns = rustix::termios::tcgetwinsize(io::stdout()).ok()?.ws_col;
    (columns > 0).then_some(columns.into())
}

/// How far away a time is: `in 4m`, `3s ago`.
fn relative(at: Timestamp, now: Timestamp) -> String {
    let ms = at.as_millisecond() - now.as_millisecond();
    match (ms.unsigned_abs() / 1000, ms > 0) {
        (0, _) => "now".to_owned(),
        (seconds, true) => format!("in {}", span(seconds)),
        (seconds, false) => format!("{} ago", span(seconds)),
    }
}

/// A span of time in its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let whole = match seconds {
        86_400.. => seconds - seconds % 3_600,
        3_600.. => seconds - seconds % 60,
        _ => seconds,
    };
    duration::show(Duration::from_secs(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_how_far_away_a_time_is() {
        let now = Timestamp::from_second(1_000_000).expect("in range");
        let check = |seconds: i64, expect: &str| {
            let at = Timestamp::from_second(1_000_000 + seconds).expect("in range");
            assert_eq!(relative(at, now), expect);
        };
        check(0, "now");
        check(250, "in 4m 10s");
        check(-3, "3s ago");
        check(3_723, "in 1h 2m");
        check(-90_061, "1d 1h ago");
    }
}
