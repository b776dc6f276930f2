//! Rows of the table in a dump: its INSERT, REPLACE and COPY statements. The subset of SQL that dumps use, not SQL at
//! large; a parser of SQL stops at the first thing that it does not know, and one row must not hide the others.

mod copy;
mod dialect;
mod lexer;
mod value;

use naptime_core::Invalid;

use self::lexer::Lexer;
use super::ReadRow;
use super::row::Row;

pub(super) use self::dialect::Strings;

/// The table.
const TABLE: &str = "queued_job";

/// The rows of `queued_job`. `strings`: what a backslash in a string is; none: what the dump says.
pub(super) fn rows(text: &str, strings: Option<Strings>) -> impl Iterator<Item = ReadRow> + '_ {
    let fixed = strings.is_some();
    let lexer = Lexer::new(text, strings.unwrap_or_else(|| dialect::of(text)));
    Statements { lexer, fixed, created: None, within: Within::Nothing }
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
    within: Within,
}

/// What is read on with.
enum Within {
    Nothing,
    Values(Columns),
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
            let read = match std::mem::replace(&mut self.within, Within::Nothing) {
                Within::Nothing => {
                    if self.lexer.at_end() {
                        return None;
                    }
                    let line = self.lexer.line;
                    self.statement().map(|()| None).map_err(|fault| (line, vec![fault]))
                }
                Within::Values(columns) => self.values(columns).map(Some),
                Within::Copy(columns) => self.copied(columns),
            };
            match read {
                Ok(None) => {}
                Ok(Some(row)) => return Some(Ok(row)),
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}

impl Statements<'_> {
    /// Reads a statement, or its beginning if it has rows of the table.
    fn statement(&mut self) -> Result<(), Invalid> {
        if self.lexer.skip_meta_command() {
            return Ok(());
        }
        match &*self.lexer.word().to_uppercase() {
            "INSERT" | "REPLACE" => self.insert(),
            "COPY" => self.copy(),
            "CREATE" => self.create(),
            "SET" => self.set(),
            _ => self.lexer.skip_statement(),
        }
    }

    /// `INSERT INTO queued_job (a, b) VALUES`, up to its rows.
    fn insert(&mut self) -> Result<(), Invalid> {
        const BEFORE: [&str; 12] = [
            "IGNORE",
            "LOW_PRIORITY",
            "DELAYED",
            "HIGH_PRIORITY",
            "OR",
            "REPLACE",
            "ABORT",
            "ROLLBACK",
            "FAIL",
            "INTO",
            "OVERWRITE",
            "ONLY",
        ];
        while BEFORE.contains(&&*self.lexer.peek_word().to_uppercase()) {
            self.lexer.word();
        }
        if !self.is_table()? {
            return self.lexer.skip_statement();
        }
        let columns = if self.lexer.take('(') { self.columns()? } else { self.of_table("INSERT") };
        if self.lexer.peek_word().eq_ignore_ascii_case("OVERRIDING") {
            for _ in 0..3 {
                self.lexer.word();
            }
        }
        let word = self.lexer.word();
        if !word.eq_ignore_ascii_case("VALUES") && !word.eq_ignore_ascii_case("VALUE") {
            self.lexer.skip_statement()?;
            return Err(bad(
                "VALUES is missing after the columns, so the rows of this statement are not here to be read",
            ));
        }
        self.within = Within::Values(columns);
        Ok(())
    }

    /// `COPY queued_job (a, b) FROM stdin;`, up to its rows. The rows of another table are passed over.
    fn copy(&mut self) -> Result<(), Invalid> {
        let ours = self.is_table()?;
        let columns = if self.lexer.take('(') { self.columns()? } else { self.of_table("COPY") };
        let from_here =
            self.lexer.word().eq_ignore_ascii_case("FROM") && self.lexer.word().eq_ignore_ascii_case("STDIN");
        let plain = self.lexer.take(';');
        if !plain {
            self.lexer.skip_statement()?;
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
        while copy::line(&mut self.lexer).is_some_and(|line| line != copy::END) {}
        Ok(())
    }

    /// `CREATE TABLE queued_job (a int, b text)`, for what has rows without the names of their columns.
    fn create(&mut self) -> Result<(), Invalid> {
        while ["GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"].contains(&&*self.lexer.peek_word().to_uppercase()) {
            self.lexer.word();
        }
        if !self.lexer.word().eq_ignore_ascii_case("TABLE") {
            return self.lexer.skip_statement();
        }
        while ["IF", "NOT", "EXISTS"].contains(&&*self.lexer.peek_word().to_uppercase()) {
            self.lexer.word();
        }
        if self.is_table()? && self.lexer.take('(') {
            const NO_COLUMN: [&str; 12] = [
                "CONSTRAINT",
                "PRIMARY",
                "KEY",
                "UNIQUE",
                "INDEX",
                "FULLTEXT",
                "SPATIAL",
                "FOREIGN",
                "CHECK",
                "EXCLUDE",
                "LIKE",
                "PERIOD",
            ];
            let mut columns = Vec::new();
            loop {
                let quoted = self.lexer.peek().is_some_and(|c| matches!(c, '`' | '"'));
                let name = self.lexer.name()?;
                if quoted || !NO_COLUMN.contains(&&*name.to_uppercase()) {
                    columns.push(name.to_lowercase());
                }
                self.lexer.skip_item()?;
                if !self.lexer.take(',') {
                    break;
                }
            }
            self.created = Some(columns);
        }
        self.lexer.skip_statement()
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
        self.lexer.skip_statement()
    }

    /// Reads the name of a table. Whether it is the one whose rows are taken over.
    fn is_table(&mut self) -> Result<bool, Invalid> {
        let mut table = self.lexer.name()?;
        while self.lexer.take('.') {
            table = self.lexer.name()?;
        }
        Ok(table.eq_ignore_ascii_case(TABLE))
    }

    /// The names of columns, after their opening bracket.
    fn columns(&mut self) -> Result<Columns, Invalid> {
        let mut columns = vec![self.lexer.name()?.to_lowercase()];
        while self.lexer.take(',') {
            columns.push(self.lexer.name()?.to_lowercase());
        }
        self.lexer.expect(')')?;
        Ok(Row::check_columns(&columns).map(|()| columns))
    }

    /// The columns of a statement that does not name them.
    fn of_table(&self, statement: &str) -> Columns {
        let columns = self.created.clone().ok_or_else(|| {
            bad(format!(
                "the {statement} does not name its columns, and no CREATE TABLE before it does; dump it with them"
            ))
        })?;
        Row::check_columns(&columns).map(|()| columns)
    }

    /// One row of VALUES.
    fn values(&mut self, columns: Columns) -> Result<Row, (u64, Vec<Invalid>)> {
        if self.lexer.peek_word().eq_ignore_ascii_case("ROW") {
            self.lexer.word();
        }
        self.lexer.blanks();
        let line = self.lexer.line;
        let row = self.tuple(&columns).map_err(|fault| (line, vec![fault]));
        if self.lexer.take(',') {
            self.within = Within::Values(columns);
        } else if let Err(fault) = self.lexer.skip_statement() {
            return Err((line, vec![fault]));
        }
        row
    }

    fn tuple(&mut self, columns: &Columns) -> Result<Row, Invalid> {
        let line = self.lexer.line;
        self.lexer.expect('(')?;
        let mut read = value::list(&mut self.lexer);
        if read.is_err() {
            self.lexer.skip_to_bracket()?;
        }
        if let Ok(values) = &read
            && !self.lexer.take(')')
        {
            let after = values.len();
            read = Err(bad(format!("`,` or `)` is missing after value {after}, before `{}`", self.lexer.excerpt())));
            self.lexer.skip_to_bracket()?;
        }
        let (columns, values) = (columns.as_ref().map_err(Clone::clone)?, read?);
        row(line, columns, values)
    }

    /// One row of a COPY; none if there is no more.
    fn copied(&mut self, columns: Columns) -> Result<Option<Row>, (u64, Vec<Invalid>)> {
        let line = self.lexer.line;
        let at = |fault: Invalid| (line, vec![fault]);
        let Some(text) = copy::line(&mut self.lexer) else {
            return Err(at(bad("the COPY has no end, which is a line of `\\.`: the file is cut off")));
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
