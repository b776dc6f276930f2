//! A table of text for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is between two columns.
const GAP: &str = "  ";
/// The fewest characters that an id is cut to: the time in it, which is to the millisecond. So rows that come later mostly
/// differ in it, too.
const SHORTEST_ID: usize = 13;
/// The narrowest that a column is cut to.
const MIN_WIDTH: usize = 12;

/// What stands in a column of a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    style: Style,
    is_id: bool,
}

impl Cell {
    /// A text without what would move the cursor or change colours: some of it comes from targets.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text: String = text.into();
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { text, ..Self::default() }
    }

    /// A word in the colour of how good it is.
    pub(super) fn word(word: &str) -> Self {
        Self { style: style_of(word), ..Self::new(word) }
    }

    /// An id, of which a table shows as much as tells it from the others.
    pub(super) fn id(id: impl ToString) -> Self {
        Self { is_id: true, ..Self::new(id.to_string()) }
    }
}

/// The colour of a state, an outcome or a severity.
pub(super) fn style_of(word: &str) -> Style {
    let color = match word {
        "on" | "ok" | "done" | "healthy" | "alive" => AnsiColor::Green,
        "flapping" | "put_off" | "late" | "warn" | "retrying" | "stopping" => AnsiColor::Yellow,
        "running" => AnsiColor::Cyan,
        "off" | "paused" | "deleted" | "cancelled" | "waiting" | "gone" | "" | "-" => {
            return Style::new().effects(Effects::DIMMED);
        }
        // All else is bad: failing, failed, timeout, ...
        _ => AnsiColor::Red,
    };
    color.on_default()
}

/// A table whose columns stay as wide as they have been.
#[derive(Debug, Default)]
pub(super) struct Table {
    widths: Vec<usize>,
    /// How wide the terminal is, if the table is to fit it.
    room: Option<usize>,
    /// The columns that a narrow terminal goes without, the first to go first.
    spare: &'static [&'static str],
    /// Which are left out, as decided with the first rows.
    left_out: Vec<usize>,
}

impl Table {
    /// A table that fits this terminal, if it can.
    pub(super) fn within(room: Option<usize>, spare: &'static [&'static str]) -> Self {
        Self { room, spare, ..Self::default() }
    }

    /// The rows as lines; before the first ones, the heads of the columns.
    pub(super) fn lines(&mut self, head: &[&str], mut rows: Vec<Vec<Cell>>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        shorten_ids(&mut rows);
        let is_id: Vec<bool> = rows[0].iter().map(|cell| cell.is_id).collect();
        let is_first = self.widths.is_empty();
        if is_first {
            self.widths = vec![0; head.len()];
            let bold = Style::new().bold();
            rows.insert(0, head.iter().map(|&head| Cell { style: bold, ..Cell::new(head) }).collect());
        }
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        let widths = self.fitting(head, &is_id, is_first);
        let mut lines = String::new();
        for row in &rows {
            let shown: Vec<(&Cell, usize)> =
                row.iter().zip(&widths).filter_map(|(cell, width)| Some((cell, (*width)?))).collect();
            let last = shown.iter().rposition(|(cell, _)| !cell.text.is_empty()).unwrap_or(0);
            for (at, (cell, width)) in shown.into_iter().enumerate().take(last + 1) {
                let (style, text) = (cell.style, cut(&cell.text, width));
                let fill = if at == last { 0 } else { width - text.width() + GAP.len() };
                // Writing to a text cannot fail.
                let _ = write!(lines, "{style}{text}{style:#}{:fill$}", "");
            }
            lines.push('\n');
        }
        lines
    }

    /// How wide each column is shown; none: it is left out. Which are, is decided once, as heads are printed once.
    fn fitting(&mut self, head: &[&str], is_id: &[bool], is_first: bool) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> = self.widths.iter().copied().map(Some).collect();
        let Some(room) = self.room else { return widths };
        // Of an id that is cut, nobody knows what it is.
        let floors: Vec<usize> = self
            .widths
            .iter()
            .zip(is_id)
            .map(|(&width, &is_id)| if is_id { width } else { width.min(MIN_WIDTH) })
            .collect();
        if is_first {
            let mut spare = self.spare.iter().filter_map(|name| head.iter().position(|head| head == name));
            let is_shown = |left_out: &[usize], at: usize| !left_out.contains(&at);
            while total((0..floors.len()).filter(|at| is_shown(&self.left_out, *at)).map(|at| floors[at])) > room
                && let Some(at) = spare.next()
            {
                self.left_out.push(at);
            }
        }
        self.left_out.iter().for_each(|at| widths[*at] = None);
        while total(widths.iter().copied().flatten()) > room {
            let can_give =
                widths.iter_mut().zip(&floors).filter_map(|(width, floor)| width.as_mut().filter(|it| **it > *floor));
            let Some(widest) = can_give.max_by_key(|width| **width) else { break };
            *widest -= 1;
        }
        widths
    }
}

/// How wide a line of columns is.
fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|width| width + GAP.len()).sum::<usize>().saturating_sub(GAP.len())
}

/// A text in so much room. The end of one that is too long is left out, and a mark is in its place.
fn cut(text: &str, room: usize) -> Cow<'_, str> {
    if text.width() <= room {
        return text.into();
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < room
    };
    text.chars().take_while(fits).chain(['…']).collect::<String>().into()
}

/// Cuts ids to the length at which all of these rows still differ.
fn shorten_ids(rows: &mut [Vec<Cell>]) {
    let mut ids: Vec<String> = rows.iter().flatten().filter(|cell| cell.is_id).map(|cell| cell.text.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let shared = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let length = ids.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or(0).max(SHORTEST_ID);
    for cell in rows.iter_mut().flatten().filter(|cell| cell.is_id) {
        // Ids are ASCII; what is not is left whole.
        if cell.text.is_char_boundary(length.min(cell.text.len())) {
            cell.text.truncate(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &str) -> String {
        anstream::adapter::strip_str(lines).to_string()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::default();
        let rows = |texts: &[[&str; 2]]| texts.iter().map(|row| row.map(Cell::new).to_vec()).collect();
        let first = table.lines(&["A", "B"], rows(&[["日本", "x"], ["a", ""]]));
        assert_eq!(plain(&first), "A     B\n日本  x\na\n");
        assert_eq!(plain(&table.lines(&["A", "B"], rows(&[["c", "y"]]))), "c     y\n", "as before, without heads");
        assert_eq!(table.lines(&["A", "B"], Vec::new()), "");
    }

    #[test]
    fn what_targets_send_moves_no_cursor() {
        assert_eq!(Cell::new("a\tb\nc\u{1b}[31m").text, "a b c [31m");
    }

    #[test]
    fn ids_are_cut_to_where_they_differ() {
        let shown = |ids: &[&str]| {
            let mut rows: Vec<Vec<Cell>> = ids.iter().map(|id| vec![Cell::id(id)]).collect();
            shorten_ids(&mut rows);
            rows.concat().into_iter().map(|cell| cell.text).collect::<Vec<_>>()
        };
        assert_eq!(shown(&["0193a7c4-1111-7aaa", "0193a7c4-1111-7bbb"]), ["0193a7c4-1111-7a", "0193a7c4-1111-7b"]);
        assert_eq!(shown(&["0193a7c4-1111-7aaa", "0193a7c4-2222-7aaa"]), ["0193a7c4-1111", "0193a7c4-2222"]);
        assert_eq!(shown(&["0193a7c4-1111-7aaa"]), ["0193a7c4-1111"]);
    }

    #[test]
    fn a_narrow_terminal_goes_without_what_can_be_spared() {
        let row = || vec![Cell::id("0193a7c4-1111"), Cell::new("https://example.com/a/b"), Cell::new("GET")];
        let check = |room: usize, expect: &str| {
            let mut table = Table::within(Some(room), &["METHOD"]);
            assert_eq!(plain(&table.lines(&["ID", "URL", "METHOD"], vec![row()])), expect, "{room}");
            table.lines(&["ID", "URL", "METHOD"], vec![row()])
        };
        check(46, "ID             URL                      METHOD\n0193a7c4-1111  https://example.com/a/b  GET\n");
        check(40, "ID             URL                METHOD\n0193a7c4-1111  https://example.…  GET\n");
        let later = check(30, "ID             URL\n0193a7c4-1111  https://exampl…\n");
        assert_eq!(plain(&later), "0193a7c4-1111  https://exampl…\n", "the same columns, without heads");
        // Ids stay whole, and what nobody can read is not shown: such a line is wrapped.
        check(10, "ID             URL\n0193a7c4-1111  https://exa…\n");
        assert_eq!((cut("日本語", 5), cut("日本語", 6)), ("日本…".into(), "日本語".into()));
    }
}
