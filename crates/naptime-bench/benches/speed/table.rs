//! The table that is printed: what was measured, its bar, and whether it is met; and the commands it was measured with.
//!
//! It is Markdown that reads well as plain text, so that it can be put into a README as it is.

use std::fmt;

/// One line.
struct Row {
    piece: String,
    what: String,
    measured: String,
    bar: Option<Bar>,
}

/// What is asked for, and whether it was reached.
pub(crate) struct Bar {
    text: String,
    met: bool,
}

impl Bar {
    /// A bar in words.
    pub(crate) fn new(text: impl Into<String>, met: bool) -> Self {
        Self { text: text.into(), met }
    }

    /// `value` is to be at least `limit`.
    pub(crate) fn at_least(value: f64, limit: f64, unit: &str) -> Self {
        Self::new(format!(">= {limit} {unit}"), value >= limit)
    }

    /// `value` is to be at most `limit`.
    pub(crate) fn at_most(value: f64, limit: f64, unit: &str) -> Self {
        Self::new(format!("<= {limit} {unit}"), value <= limit)
    }

    /// `value` is to be less than `limit`.
    pub(crate) fn below(value: f64, limit: f64, unit: &str) -> Self {
        Self::new(format!("< {limit} {unit}"), value < limit)
    }

    /// There is to be none.
    pub(crate) fn none(count: f64) -> Self {
        Self::new("none", count == 0.0)
    }

    /// Says beside it what is aimed at.
    pub(crate) fn aim(self, aim: &str) -> Self {
        Self { text: format!("{} (aim {aim})", self.text), ..self }
    }
}

/// All lines so far.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    commands: Vec<(String, String)>,
}

impl Table {
    /// Adds a line that is held to a bar.
    pub(crate) fn check(&mut self, piece: &str, what: &str, measured: impl Into<String>, bar: Bar) {
        self.push(piece, what, measured.into(), Some(bar));
    }

    /// Adds a line that is told and not judged.
    pub(crate) fn tell(&mut self, piece: &str, what: &str, measured: impl Into<String>) {
        self.push(piece, what, measured.into(), None);
    }

    /// Says which command a piece is measured with, and returns how many of this piece were said before.
    pub(crate) fn command(&mut self, piece: &str, command: &str) -> usize {
        eprintln!("bench:   {piece}: {command}");
        let before = self.commands.iter().filter(|(of, _)| of == piece).count();
        self.commands.push((piece.to_owned(), command.to_owned()));
        before
    }

    /// Adds a piece that could not be measured, which counts as missed.
    pub(crate) fn failed(&mut self, piece: &str, error: &str) {
        self.push(piece, "could not be measured", error.to_owned(), Some(Bar::new("measured", false)));
    }

    /// Whether no bar was missed.
    pub(crate) fn all_met(&self) -> bool {
        self.rows.iter().filter_map(|row| row.bar.as_ref()).all(|bar| bar.met)
    }

    fn push(&mut self, piece: &str, what: &str, measured: String, bar: Option<Bar>) {
        let row = Row { piece: piece.to_owned(), what: what.to_owned(), measured, bar };
        eprintln!("bench:   {}: {}: {}", row.piece, row.what, row.measured);
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["", "what", "measured", "bar", "met"].map(str::to_owned);
        let mut before = "";
        let rows = self.rows.iter().map(|row| {
            let (bar, met) = match &row.bar {
                Some(bar) => (bar.text.as_str(), if bar.met { "yes" } else { "NO" }),
                None => ("", ""),
            };
            // Named once, where it begins.
            let piece = if row.piece == before { "" } else { &row.piece };
            before = &row.piece;
            [piece, &row.what, &row.measured, bar, met].map(str::to_owned)
        });
        let cells: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
        let widths: [usize; 5] =
            std::array::from_fn(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3));
        for (number, row) in cells.iter().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                for width in widths {
                    write!(f, "|{:-<1$}", "", width + 2)?;
                }
                writeln!(f, "|")?;
            }
        }
        if !self.commands.is_empty() {
            writeln!(f)?;
        }
        for (piece, command) in &self.commands {
            writeln!(f, "- {piece}: `{command}`")?;
        }
        Ok(())
    }
}
