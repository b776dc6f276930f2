//! Passing over what is not read, without passing over rows of the table.

use naptime_core::Invalid;

use super::super::dialect::Product;
use super::super::{Strings, TABLE, bad};
use super::Lexer;

/// The words between the one that says what is done and the name of the table.
const BEFORE_TABLE: [&str; 15] = [
    "IGNORE",
    "LOW_PRIORITY",
    "DELAYED",
    "HIGH_PRIORITY",
    "QUICK",
    "OR",
    "REPLACE",
    "ABORT",
    "ROLLBACK",
    "FAIL",
    "INTO",
    "OVERWRITE",
    "ONLY",
    "FROM",
    "TABLE",
];

impl<'a> Lexer<'a> {
    /// Whether the next word is one of these.
    pub(in crate::commands::import::queue::sql) fn is_next(&mut self, words: &[&str]) -> bool {
        let next = self.peek_word();
        words.iter().any(|word| next.eq_ignore_ascii_case(word))
    }

    /// Passes over such words.
    pub(in crate::commands::import::queue::sql) fn skip_words(&mut self, words: &[&str]) {
        while self.is_next(words) {
            self.word();
        }
    }

    /// Passes over the words before the name of a table.
    pub(in crate::commands::import::queue::sql) fn skip_to_table(&mut self) {
        self.skip_words(&BEFORE_TABLE);
    }

    /// Reads the name of a table. Whether it is the one whose rows are taken over.
    pub(in crate::commands::import::queue::sql) fn is_table(&mut self) -> Result<bool, Invalid> {
        let mut table = self.name()?;
        while self.take('.') {
            table = self.name()?;
        }
        Ok(table.eq_ignore_ascii_case(TABLE))
    }

    /// Takes the end of a statement, if it comes next: the delimiter, or a line `GO` of SQL Server.
    pub(in crate::commands::import::queue::sql) fn take_end(&mut self) -> bool {
        self.blanks();
        if self.rest.starts_with(self.delimiter) {
            self.advance(self.delimiter.len());
            return true;
        }
        let is_go = self.is_go();
        if is_go {
            self.next_line();
        }
        is_go
    }

    /// Whether a statement begins here for sure, though nothing ended the one before: SQL Server does without an end.
    pub(in crate::commands::import::queue::sql) fn begins_statement(&mut self) -> bool {
        self.blanks();
        self.begins_line() && (self.is_go() || self.is_next(&["INSERT", "REPLACE", "COPY", "SET"]))
    }

    /// Passes over what is left of a statement, up to its end or to a line that begins rows of the table. Returns
    /// whether the statement changes the table.
    pub(in crate::commands::import::queue::sql) fn skip_statement(&mut self) -> Result<bool, Invalid> {
        self.skip(true)
    }

    /// The same for a statement that holds another, as EXPLAIN does, which may begin a line.
    pub(in crate::commands::import::queue::sql) fn skip_whole_statement(&mut self) -> Result<bool, Invalid> {
        self.skip(false)
    }

    /// The same for `DO $$ ... $$` of PostgreSQL, whose text is carried out.
    pub(in crate::commands::import::queue::sql) fn skip_block(&mut self) -> Result<bool, Invalid> {
        self.skip_words(&["DO", "LANGUAGE", "PLPGSQL"]);
        let mut changes = false;
        if let Some(code) = self.dollar_quoted()? {
            let mut inner = Self { text: code, rest: code, ..self.clone() };
            while !inner.at_end() {
                changes |= inner.skip(false)?;
            }
        }
        Ok(self.skip(true)? || changes)
    }

    fn skip(&mut self, stops_at_rows: bool) -> Result<bool, Invalid> {
        let mut changes = false;
        while let Some(c) = self.peek() {
            let changing = self.changes_table();
            if self.take_end() || (stops_at_rows && changing && self.begins_line() && self.begins_statement()) {
                break;
            }
            changes |= changing;
            self.skip_token(c)?;
        }
        Ok(changes)
    }

    /// Whether a word comes next that changes the table whose name follows.
    fn changes_table(&mut self) -> bool {
        const CHANGES: [&str; 8] = ["INSERT", "REPLACE", "INTO", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE"];
        if !self.is_next(&CHANGES) {
            return false;
        }
        let mut ahead = self.clone();
        ahead.word();
        ahead.skip_to_table();
        ahead.is_table().unwrap_or(false)
    }

    /// Passes over the definition of a procedure or a trigger. What it says is not carried out when the dump is read,
    /// and its statements have ends of their own.
    pub(in crate::commands::import::queue::sql) fn skip_body(&mut self) -> Result<(), Invalid> {
        let from = self.line;
        let mut depth = 0_u32;
        while let Some(c) = self.peek() {
            let is_whole = depth == 0 && self.product != Product::SqlServer;
            // A delimiter that the dump has chosen is in no body.
            if self.is_go() || ((is_whole || self.delimiter != ";") && self.rest.starts_with(self.delimiter)) {
                self.take_end();
                return Ok(());
            }
            if c == '(' || self.is_next(&["BEGIN", "CASE"]) {
                depth += 1;
                self.skip_token(c)?;
            } else if self.is_next(&["END"]) {
                self.word();
                // Their beginnings are not counted, since they are names of functions, too.
                if !self.is_next(&["IF", "LOOP", "WHILE", "REPEAT", "FOR"]) {
                    self.skip_words(&["CASE"]);
                    depth = depth.saturating_sub(1);
                }
            } else if c == '.' {
                // What follows is a name, whatever it is.
                self.advance(1);
                self.word();
            } else {
                depth = depth.saturating_sub(u32::from(c == ')'));
                self.skip_token(c)?;
            }
        }
        if depth == 0 || self.product == Product::SqlServer {
            return Ok(());
        }
        Err(bad(format!("the body at line {from} has no END: nothing after it is read")))
    }

    /// Passes over what is left of a value or a definition, up to the comma or the closing bracket after it.
    pub(in crate::commands::import::queue::sql) fn skip_item(&mut self) -> Result<(), Invalid> {
        let mut depth = 0_u32;
        while let Some(c) = self.peek() {
            match c {
                ',' | ')' if depth == 0 => return Ok(()),
                '(' => depth += 1,
                ')' => depth -= 1,
                ';' => return Ok(()),
                _ => {}
            }
            self.skip_token(c)?;
        }
        Ok(())
    }

    /// Passes over the brackets that come next and what is in them. Whether they are closed before the statement ends.
    pub(in crate::commands::import::queue::sql) fn skip_brackets(&mut self) -> Result<bool, Invalid> {
        let mut depth = 0_u32;
        while let Some(c) = self.peek() {
            if self.rest.starts_with(self.delimiter) || (self.changes_table() && self.begins_line()) {
                return Ok(false);
            }
            self.skip_token(c)?;
            match c {
                '(' => depth += 1,
                ')' if depth <= 1 => return Ok(true),
                ')' => depth -= 1,
                _ => {}
            }
        }
        Ok(false)
    }

    pub(in crate::commands::import::queue::sql) fn skip_token(&mut self, c: char) -> Result<(), Invalid> {
        match c {
            // Before a quote it may say how to read what is quoted.
            'e' | 'E' if self.rest[1..].starts_with('\'') => {
                self.advance(1);
                self.quoted_as(Strings::Postgres).map(drop)
            }
            '\'' | '"' | '`' => self.quoted().map(drop),
            '$' if self.dollar_quoted()?.is_some() => Ok(()),
            c if c.is_alphanumeric() || c == '_' => {
                self.word();
                Ok(())
            }
            c => {
                self.advance(c.len_utf8());
                Ok(())
            }
        }
    }

    /// Takes a line of MySQL's shell that says what ends a statement: `DELIMITER ;;`.
    pub(in crate::commands::import::queue::sql) fn take_delimiter(&mut self) -> bool {
        let there = matches!(self.product, Product::Mysql | Product::Unknown) && self.is_next(&["DELIMITER"]);
        if there {
            self.word();
            let delimiter = self.next_line().trim();
            self.delimiter = if delimiter.is_empty() { ";" } else { delimiter };
        }
        there
    }

    /// Takes a line that is no SQL: a command of PostgreSQL's shell, such as `\connect naptime`, or what a program said
    /// while the dump was written, such as `psql: warning`. Their quotes have no ends.
    pub(in crate::commands::import::queue::sql) fn take_other_line(&mut self) -> Option<&'a str> {
        let command = self.peek() == Some('\\');
        let program = self.prefix(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':'));
        let says = program.len() > 1 && program.ends_with(':') && self.rest[program.len()..].starts_with(' ');
        (command || (says && self.begins_line())).then(|| self.next_line())
    }

    /// Whether only blanks stand before this on its line.
    fn begins_line(&self) -> bool {
        let before = &self.text[..self.text.len() - self.rest.len()];
        let before = before.trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    }

    /// Whether this is a line `GO` of SQL Server's shell.
    fn is_go(&self) -> bool {
        let is_go = |line: &str| line.trim().trim_end_matches(';').eq_ignore_ascii_case("GO");
        self.rest.get(..2).is_some_and(is_go) && self.begins_line() && self.rest.lines().next().is_some_and(is_go)
    }
}
