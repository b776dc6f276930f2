//! Rows of the table in a dump: its INSERT, REPLACE and COPY statements. The subset of SQL that dumps use, not SQL at
//! large; a parser of SQL stops at the first thing that it does not know, and one row must not hide the others.

mod copy;
mod create;
mod dialect;
mod lexer;
#[cfg(test)]
mod tests;
mod value;

use naptime_core::Invalid;

use self::lexer::Lexer;
use super::ReadRow;
use super::row::Row;

pub(super) use self::dialect::Strings;

/// The table.
const TABLE: &str = "queued_job";
/// What a fault between rows means for the rows after it.
const NOTHING_MORE: &str = "nothing more of this statement is read";

/// The rows of `queued_job`. `strings`: what a backslash in a string is; none: what the dump says.
pub(super) fn rows(text: &str, strings: Option<Strings>) -> impl Iterator<Item = ReadRow> + '_ {
    let fixed = strings.is_some();
    let dialect = dialect::of(text);
    let lexer = Lexer::new(text, strings.map_or(dialect, |strings| dialect.with_strings(strings)));
    Statements { lexer, fixed, created: None, any_row: false, within: Within::Nothing }
}

/// The names of the columns, or why the rows can't be read.
type Columns = Result<Vec<String>, Invalid>;

/// The statements of a dump, read row by row.
struct Statements<'a> {
    lexer: Lexer<'a>,
    /// Whether the dump is not asked what a backslash is.
    fixed: bool,
    /// The columns of the table, by its CREATE TABLE.
    created: Option<Vec<String>>,
    /// Whether a row of the table came before.
    any_row: bool,
    within: Within,
}

/// What is read on with.
enum Within {
    Nothing,
    Values(Columns),
    /// The last row of VALUES was read.
    AfterValues,
    Copy(Columns),
}

/// A fault of a statement.
fn bad(detail: impl Into<String>) -> Invalid {
    Invalid::new("sql", "not_an_insert", detail.into())
}

impl Iterator for Statements<'_> {
    type Item = ReadRow;

    fn next(&mut self) -> Option<ReadRow> {
        loop {
            // In a COPY, blanks and what looks like a comment are part of a row.
            let at_end = !matches!(self.within, Within::Copy(_)) && self.lexer.at_end();
            if let Some((line, fault)) = self.lexer.take_comment_fault() {
                return Some(Err((line, vec![fault])));
            }
            let line = self.lexer.line;
            let at = |fault: Invalid| (line, vec![fault]);
            let read = match std::mem::replace(&mut self.within, Within::Nothing) {
                Within::Nothing if at_end => return None,
                Within::Nothing => self.statement().map(|()| None).map_err(at),
                Within::Values(columns) => self.values(columns).map(Some),
                Within::AfterValues => self.after_values().map(|()| None).map_err(at),
                Within::Copy(columns) => self.copied(columns),
            };
            match read {
                Ok(None) => {}
                Ok(Some(row)) => {
                    self.any_row = true;
                    return Some(Ok(row));
                }
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}

impl Statements<'_> {
    /// Reads a statement, or its beginning if it has rows of the table.
    fn statement(&mut self) -> Result<(), Invalid> {
        if let Some(line) = self.lexer.take_other_line() {
            let copies = line.starts_with("\\copy") && line.contains(TABLE);
            return if copies { Err(bad("the rows of \\copy are not in this file as SQL")) } else { Ok(()) };
        }
        if self.lexer.take_end() || self.lexer.take_delimiter() {
            return Ok(());
        }
        let word = self.lexer.peek_word().to_uppercase();
        if ["INSERT", "REPLACE", "COPY", "CREATE", "ALTER", "SET"].contains(&&*word) {
            self.lexer.word();
        }
        match &*word {
            "INSERT" | "REPLACE" => self.insert(),
            "COPY" => self.copy(),
            // ALTER PROCEDURE of SQL Server has a body, too.
            "CREATE" | "ALTER" => self.create(),
            "SET" => self.set(),
            _ => self.other(&word),
        }
    }

    /// A statement that is not carried out here, which is a fault if it changes the table.
    fn other(&mut self, word: &str) -> Result<(), Invalid> {
        // Before the first row nothing is deleted: dumps empty the table so.
        let empties = !self.any_row && matches!(word, "TRUNCATE" | "DELETE");
        let changes = match word {
            "DO" => self.lexer.skip_block()?,
            "WITH" | "EXPLAIN" | "PREPARE" => self.lexer.skip_whole_statement()?,
            _ => self.lexer.skip_statement()?,
        };
        if changes && !empties {
            return Err(bad(format!(
                "this {word} statement changes the table {TABLE}, and it is not carried out here"
            )));
        }
        Ok(())
    }

    /// Passes over what is left of a statement that is not read.
    fn skip(&mut self) -> Result<(), Invalid> {
        if self.lexer.skip_statement()? {
            return Err(bad(format!("this statement changes the table {TABLE}, and it is not carried out here")));
        }
        Ok(())
    }

    /// `INSERT INTO queued_job (a, b) VALUES`, up to its rows.
    fn insert(&mut self) -> Result<(), Invalid> {
        self.lexer.skip_to_table();
        if !self.lexer.is_table()? {
            return self.skip();
        }
        if self.lexer.is_next(&["AS"]) {
            self.lexer.word();
            self.lexer.name()?;
        }
        let columns = if self.lexer.take('(') { self.columns()? } else { self.of_table("INSERT") };
        if self.lexer.is_next(&["OVERRIDING"]) {
            for _ in 0..3 {
                self.lexer.word();
            }
        }
        if !self.lexer.is_next(&["VALUES", "VALUE"]) {
            self.lexer.skip_statement()?;
            return Err(bad(
                "VALUES is missing after the columns, so the rows of this statement are not here to be read",
            ));
        }
        self.lexer.word();
        self.within = Within::Values(columns);
        Ok(())
    }

    /// `COPY queued_job (a, b) FROM stdin;`, up to its rows. The rows of another table are passed over.
    fn copy(&mut self) -> Result<(), Invalid> {
        let ours = self.lexer.is_table()?;
        let columns = if self.lexer.take('(') { self.columns()? } else { self.of_table("COPY") };
        let from_here =
            self.lexer.word().eq_ignore_ascii_case("FROM") && self.lexer.word().eq_ignore_ascii_case("STDIN");
        let plain = self.lexer.take(';');
        if !plain {
            self.skip()?;
        }
        if !from_here {
            return if ours {
                Err(bad("the COPY is not FROM stdin, so its rows are not in this file"))
            } else {
                Ok(())
            };
        }
        self.lexer.next_line();
        let not_plain = || bad("the COPY has options; dump it in the plain format, without WITH");
        if ours {
            self.within = Within::Copy(if plain { columns } else { Err(not_plain()) });
            return Ok(());
        }
        while let Some(line) = copy::line(&mut self.lexer) {
            if line == copy::END {
                return Ok(());
            }
        }
        Err(bad(copy::NO_END))
    }

    /// `SET standard_conforming_strings = on;`
    fn set(&mut self) -> Result<(), Invalid> {
        if ["SESSION", "LOCAL"].contains(&&*self.lexer.peek_word().to_uppercase()) {
            self.lexer.word();
        }
        if self.lexer.word().eq_ignore_ascii_case(dialect::STANDARD_STRINGS) && !self.fixed {
            let _ = self.lexer.take('=') || self.lexer.word().eq_ignore_ascii_case("TO");
            let value =
                if self.lexer.peek() == Some('\'') { self.lexer.quoted()? } else { self.lexer.word().to_owned() };
            let on = matches!(&*value.to_lowercase(), "on" | "true" | "yes" | "1");
            self.lexer.strings = if on { Strings::Standard } else { Strings::Postgres };
        }
        self.skip()
    }

    /// One row of VALUES.
    fn values(&mut self, columns: Columns) -> Result<Row, (u64, Vec<Invalid>)> {
        if self.lexer.is_next(&["ROW"]) {
            self.lexer.word();
        }
        if self.lexer.peek() != Some('(') {
            let mut faults = vec![bad(format!("a row is missing before `{}`: {NOTHING_MORE}", self.lexer.excerpt()))];
            let line = self.lexer.line;
            faults.extend(self.skip().err());
            return Err((line, faults));
        }
        let line = self.lexer.line;
        let row = self.tuple(&columns).map_err(|faults| (line, faults));
        self.within = if self.lexer.take(',') { Within::Values(columns) } else { Within::AfterValues };
        row
    }

    fn tuple(&mut self, columns: &Columns) -> Result<Row, Vec<Invalid>> {
        let begin = self.lexer.clone();
        self.lexer.expect('(').map_err(|fault| vec![fault])?;
        let read = value::list(&mut self.lexer).and_then(|values| {
            if self.lexer.take(')') {
                return Ok(values);
            }
            let (after, before) = (values.len(), self.lexer.excerpt());
            Err(bad(format!("`,` or `)` is missing after value {after}, before `{before}`")))
        });
        let values = match read {
            Ok(values) => values,
            Err(fault) => {
                // The fault may be within a bracket of its own, and the rows after this one are to be found.
                self.lexer = begin;
                let mut faults = vec![fault];
                match self.lexer.skip_brackets() {
                    Ok(true) => {}
                    Ok(false) => faults.push(bad(format!("the row has no `)`: {NOTHING_MORE}"))),
                    Err(fault) if fault == faults[0] => {}
                    Err(fault) => faults.push(fault),
                }
                return Err(faults);
            }
        };
        columns.as_ref().map_err(Clone::clone).and_then(|columns| row(begin.line, columns, values)).map_err(|e| vec![e])
    }

    /// What comes after the last row of VALUES: the end, or what is to be done with rows that are there already.
    fn after_values(&mut self) -> Result<(), Invalid> {
        if self.lexer.take_end() || self.lexer.at_end() || self.lexer.begins_statement() {
            return Ok(());
        }
        if self.lexer.is_next(&["ON", "RETURNING", "AS"]) {
            return self.skip();
        }
        let fault = bad(format!("`,` or `;` is missing before `{}`: {NOTHING_MORE}", self.lexer.excerpt()));
        self.lexer.skip_statement()?;
        Err(fault)
    }

    /// One row of a COPY; none if there is no more.
    fn copied(&mut self, columns: Columns) -> Result<Option<Row>, (u64, Vec<Invalid>)> {
        let line = self.lexer.line;
        let at = |fault: Invalid| (line, vec![fault]);
        let Some(text) = copy::line(&mut self.lexer) else {
            return Err(at(bad(copy::NO_END)));
        };
        if text == copy::END {
            return Ok(None);
        }
        let read = columns.as_ref().map_err(Clone::clone).and_then(|columns| row(line, columns, copy::fields(text)?));
        self.within = Within::Copy(columns);
        read.map(Some).map_err(at)
    }
}

fn row(line: u64, columns: &[String], values: Vec<Option<String>>) -> Result<Row, Invalid> {
    if values.len() != columns.len() {
        return Err(bad(format!("there are {} values, and {} columns", values.len(), columns.len())));
    }
    // PostgreSQL writes bytes so. As a text it would be sent as it stands here.
    let bytes = |value: &String| {
        let digits = value.strip_prefix("\\x").unwrap_or_default();
        digits.len() >= 2 && digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    if let Some(at) = values.iter().position(|value| value.as_ref().is_some_and(bytes))
        && Row::reads(&columns[at])
    {
        return Err(Invalid::new(columns[at].clone(), "bytes", "these are bytes (\\x...); dump the column as text"));
    }
    Ok(Row::new(line, columns.iter().cloned().zip(values)))
}
