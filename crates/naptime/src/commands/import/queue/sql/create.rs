//! Definitions: the columns of the table, and bodies of procedures and triggers.

use naptime_core::Invalid;

use super::super::row::Row;
use super::{Columns, Statements, bad};

/// What has a body that may hold statements.
const WITH_BODY: [&str; 7] = ["TRIGGER", "PROCEDURE", "PROC", "FUNCTION", "EVENT", "PACKAGE", "RULE"];
/// The words between CREATE and what is created.
const BEFORE_KIND: [&str; 10] =
    ["OR", "ALTER", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "CONSTRAINT", "AGGREGATE"];

impl Statements<'_> {
    /// `CREATE TABLE queued_job (a int, b text)`, for what has rows without the names of their columns.
    pub(super) fn create(&mut self) -> Result<(), Invalid> {
        self.lexer.skip_words(&BEFORE_KIND);
        if self.lexer.is_next(&["DEFINER"]) {
            // DEFINER = `root`@`localhost`
            self.lexer.word();
            let _ = self.lexer.take('=');
            self.lexer.name()?;
            if self.lexer.peek() == Some('(') {
                self.lexer.skip_brackets()?;
            }
            if self.lexer.take('@')
                && let Some(c) = self.lexer.peek()
            {
                self.lexer.skip_token(c)?;
            }
            self.lexer.skip_words(&["AGGREGATE"]);
        }
        if self.lexer.is_next(&WITH_BODY) {
            return self.lexer.skip_body();
        }
        if !self.lexer.word().eq_ignore_ascii_case("TABLE") {
            return self.skip();
        }
        self.lexer.skip_words(&["IF", "NOT", "EXISTS", "ONLY"]);
        if self.lexer.is_table()? && self.lexer.take('(') {
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
                let quoted = self.lexer.peek().is_some_and(|c| matches!(c, '`' | '"' | '['));
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
        self.skip()
    }

    /// The names of columns, after their opening bracket.
    pub(super) fn columns(&mut self) -> Result<Columns, Invalid> {
        let mut columns = vec![self.lexer.name()?.to_lowercase()];
        while self.lexer.take(',') {
            columns.push(self.lexer.name()?.to_lowercase());
        }
        self.lexer.expect(')')?;
        Ok(Row::check_columns(&columns).map(|()| columns))
    }

    /// The columns of a statement that does not name them.
    pub(super) fn of_table(&self, statement: &str) -> Columns {
        let columns = self.created.clone().ok_or_else(|| {
            bad(format!(
                "the {statement} does not name its columns, and no CREATE TABLE before it does; dump it with them"
            ))
        })?;
        Row::check_columns(&columns).map(|()| columns)
    }
}
