//! Rows as the INSERT statements of a dump: the subset that dumps use, not SQL at large.

use naptime_core::Invalid;

use super::ReadRow;
use super::row::Row;

/// The table.
const TABLE: &str = "queued_job";

/// The rows that are inserted into `queued_job`. `standard`: a backslash in a string is a backslash, as PostgreSQL and
/// SQLite have it; otherwise it begins an escape, as MySQL has it.
pub(super) fn rows(text: &str, standard: bool) -> Box<dyn Iterator<Item = ReadRow> + '_> {
    let mut reader = Reader { rest: text, line: 1, standard };
    let mut rows = Vec::new();
    while let Some(word) = reader.next_statement() {
        if word != "INSERT" {
            continue;
        }
        let line = reader.line;
        // What cannot be read further is told, and the next statement is gone on with.
        if let Err(fault) = reader.insert(&mut rows) {
            rows.push(Err((line, vec![fault])));
        }
    }
    Box::new(rows.into_iter())
}

struct Reader<'a> {
    rest: &'a str,
    line: u64,
    standard: bool,
}

fn bad(detail: impl Into<String>) -> Invalid {
    Invalid::new("sql", "not_an_insert", detail.into())
}

impl<'a> Reader<'a> {
    /// Passes over what is left of a statement, and returns the first word of the next.
    fn next_statement(&mut self) -> Option<String> {
        self.blanks();
        while !self.rest.is_empty() {
            let word = self.word().to_uppercase();
            if !word.is_empty() {
                if word != "INSERT" {
                    self.skip_statement();
                }
                return Some(word);
            }
            self.skip_statement();
            self.blanks();
        }
        None
    }

    fn skip_statement(&mut self) {
        loop {
            self.blanks();
            match self.rest.chars().next() {
                None => return,
                Some(';') => {
                    self.advance(1);
                    return self.blanks();
                }
                // A string may hold a semicolon.
                Some('\'' | '"' | '`') => drop(self.quoted()),
                Some(c) => self.advance(c.len_utf8()),
            }
        }
    }

    /// The rest of `INSERT INTO queued_job (a, b) VALUES (1, 'x'), (2, 'y');`.
    fn insert(&mut self, rows: &mut Vec<ReadRow>) -> Result<(), Invalid> {
        let read = self.insert_rows(rows);
        if read.is_err() {
            self.skip_statement();
        }
        read
    }

    fn insert_rows(&mut self, rows: &mut Vec<ReadRow>) -> Result<(), Invalid> {
        self.blanks();
        while matches!(self.peek_word().to_uppercase().as_str(), "IGNORE" | "INTO") {
            self.word();
            self.blanks();
        }
        let mut table = self.name()?;
        while self.take('.') {
            table = self.name()?;
        }
        if !table.eq_ignore_ascii_case(TABLE) {
            self.skip_statement();
            return Ok(());
        }
        if !self.take('(') {
            return Err(bad("the INSERT does not name its columns; dump it with them"));
        }
        let mut columns = vec![self.name()?.to_lowercase()];
        while self.take(',') {
            columns.push(self.name()?.to_lowercase());
        }
        self.expect(')')?;
        Row::check_columns(&columns)?;
        if !self.word().eq_ignore_ascii_case("VALUES") {
            return Err(bad("VALUES is missing after the columns"));
        }
        loop {
            self.blanks();
            let line = self.line;
            rows.push(
                self.tuple(columns.len())
                    .map_err(|fault| (line, vec![fault]))
                    .map(|values| Row::new(line, columns.iter().cloned().zip(values))),
            );
            if rows.last().is_some_and(Result::is_err) {
                self.skip_tuple();
            }
            if !self.take(',') {
                self.skip_statement();
                return Ok(());
            }
        }
    }

    fn tuple(&mut self, count: usize) -> Result<Vec<Option<String>>, Invalid> {
        self.expect('(')?;
        let mut values = vec![self.value()?];
        while self.take(',') {
            values.push(self.value()?);
        }
        if values.len() != count {
            return Err(bad(format!("there are {} values, and {count} columns", values.len())));
        }
        self.expect(')')?;
        Ok(values)
    }

    /// After a fault in a tuple, passes over what is left of it.
    fn skip_tuple(&mut self) {
        let mut open = 1_u32;
        while open > 0 {
            self.blanks();
            match self.rest.chars().next() {
                None | Some(';') => return,
                Some('\'' | '"' | '`') => drop(self.quoted()),
                Some(c) => {
                    open = open + u32::from(c == '(') - u32::from(c == ')');
                    self.advance(c.len_utf8());
                }
            }
        }
    }

    fn value(&mut self) -> Result<Option<String>, Invalid> {
        self.blanks();
        match self.rest.chars().next() {
            Some('\'' | '"') => return self.quoted().map(Some),
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => {
                let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.'));
                let number = &self.rest[..end.unwrap_or(self.rest.len())];
                if number.starts_with("0x") || number.parse::<f64>().is_err() {
                    return Err(bad(format!("`{}` is a value that is not read here", excerpt(number))));
                }
                self.advance(number.len());
                return Ok(Some(number.to_owned()));
            }
            _ => {}
        }
        let word = self.word();
        match &*word.to_uppercase() {
            "NULL" => Ok(None),
            "TRUE" => Ok(Some("1".to_owned())),
            "FALSE" => Ok(Some("0".to_owned())),
            // As good as now. More often than not it is in a column that is not read.
            "NOW" | "CURRENT_TIMESTAMP" => {
                if self.take('(') {
                    self.expect(')')?;
                }
                Ok(None)
            }
            // An escape string of PostgreSQL.
            "E" if self.rest.starts_with('\'') => {
                let standard = std::mem::replace(&mut self.standard, false);
                let read = self.quoted();
                self.standard = standard;
                read.map(Some)
            }
            _ => Err(bad(format!("`{}` is a value that is not read here", excerpt(word)))),
        }
    }

    /// A name, with or without quotes.
    fn name(&mut self) -> Result<String, Invalid> {
        self.blanks();
        if self.rest.starts_with(['`', '"']) {
            return self.quoted();
        }
        match self.word() {
            "" => Err(bad("a name is missing")),
            word => Ok(word.to_owned()),
        }
    }

    /// What is between quotes. A quote in it is doubled or, where a backslash begins an escape, escaped.
    fn quoted(&mut self) -> Result<String, Invalid> {
        let from = self.line;
        let quote = self.rest.chars().next().unwrap_or('\'');
        self.advance(1);
        let mut text = String::new();
        loop {
            let mut chars = self.rest.chars();
            match chars.next() {
                None => return Err(bad(format!("what is quoted at line {from} has no end"))),
                Some(c) if c == quote => {
                    self.advance(1);
                    if !self.rest.starts_with(quote) {
                        return Ok(text);
                    }
                    text.push(quote);
                    self.advance(1);
                }
                Some('\\') if !self.standard && quote != '`' => {
                    let Some(escaped) = chars.next() else { return Err(bad("the text ends in an escape")) };
                    text.push(match escaped {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        '0' => '\0',
                        'b' => '\u{8}',
                        'Z' => '\u{1a}',
                        other => other,
                    });
                    self.advance(1 + escaped.len_utf8());
                }
                Some(c) => {
                    text.push(c);
                    self.advance(c.len_utf8());
                }
            }
        }
    }

    fn word(&mut self) -> &'a str {
        self.blanks();
        let word = self.peek_word();
        self.advance(word.len());
        word
    }

    fn peek_word(&self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &self.rest[..end.unwrap_or(self.rest.len())]
    }

    fn take(&mut self, c: char) -> bool {
        self.blanks();
        let there = self.rest.starts_with(c);
        if there {
            self.advance(c.len_utf8());
        }
        there
    }

    fn expect(&mut self, c: char) -> Result<(), Invalid> {
        if self.take(c) { Ok(()) } else { Err(bad(format!("`{c}` is missing before `{}`", excerpt(self.rest)))) }
    }

    /// Passes over blanks and comments.
    fn blanks(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            let end = if self.rest.starts_with("--") || self.rest.starts_with('#') {
                self.rest.find('\n').map_or(self.rest.len(), |at| at + 1)
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/").map_or(self.rest.len(), |at| at + 2)
            } else {
                return;
            };
            self.advance(end);
        }
    }

    /// Moves on by so many bytes, counting lines.
    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.bytes().filter(|&byte| byte == b'\n').count() as u64;
        self.rest = rest;
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(30).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
