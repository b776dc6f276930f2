//! Words, names, strings and comments of SQL.

mod comment;
mod quoted;
mod skip;

use naptime_core::Invalid;

use super::dialect::{Dialect, Product};
use super::{Strings, bad};

/// What is left of the text. A clone reads ahead.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
    /// The line at which the rest begins.
    pub(super) line: u64,
    pub(super) strings: Strings,
    product: Product,
    /// What ends a statement: `;`, or what a line of MySQL such as `DELIMITER ;;` says.
    delimiter: &'a str,
    /// How many comments of MySQL are open whose text is read as SQL: `/*!40101 SET ... */`.
    open_comments: u32,
    /// The line and the fault of a comment that hides what comes after it.
    comment_fault: Option<(u64, Invalid)>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, dialect: Dialect) -> Self {
        let Dialect { product, strings } = dialect;
        let (delimiter, open_comments, comment_fault) = (";", 0, None);
        Self { text, rest: text, line: 1, strings, product, delimiter, open_comments, comment_fault }
    }

    /// Whether nothing is left but blanks and comments.
    pub(super) fn at_end(&mut self) -> bool {
        self.blanks();
        self.rest.is_empty()
    }

    /// The next character that says something.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.rest.chars().next()
    }

    /// The next word; empty if something else comes next.
    pub(super) fn word(&mut self) -> &'a str {
        let word = self.peek_word();
        self.advance(word.len());
        word
    }

    /// The next word, which stays.
    pub(super) fn peek_word(&mut self) -> &'a str {
        self.blanks();
        self.prefix(|c| c.is_alphanumeric() || c == '_')
    }

    /// What comes next of such characters.
    pub(super) fn prefix(&self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest: &'a str = self.rest;
        &rest[..rest.find(|c| !fits(c)).unwrap_or(rest.len())]
    }

    /// Whether the rest begins with a text.
    pub(super) fn begins_with(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// Takes a character, if it comes next.
    pub(super) fn take(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        if there {
            self.advance(c.len_utf8());
        }
        there
    }

    pub(super) fn expect(&mut self, c: char) -> Result<(), Invalid> {
        if self.take(c) { Ok(()) } else { Err(bad(format!("`{c}` is missing before `{}`", self.excerpt()))) }
    }

    /// A name, with or without quotes.
    pub(super) fn name(&mut self) -> Result<String, Invalid> {
        match self.peek() {
            Some('`' | '"') => self.quoted(),
            Some('[') => {
                let name = self.prefix(|c| c != ']');
                self.advance(name.len());
                self.expect(']')?;
                Ok(name[1..].to_owned())
            }
            _ => match self.word() {
                "" => Err(bad(format!("a name is missing before `{}`", self.excerpt()))),
                word => Ok(word.to_owned()),
            },
        }
    }

    /// What is left of the line, without its end; the rest begins after it.
    pub(super) fn next_line(&mut self) -> &'a str {
        let (line, taken) = match self.rest.split_once('\n') {
            Some((line, _)) => (line, line.len() + 1),
            None => (self.rest, self.rest.len()),
        };
        self.advance(taken);
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Whether not a character is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.rest.is_empty()
    }

    /// Moves on by so many bytes, counting lines.
    pub(super) fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.bytes().filter(|&byte| byte == b'\n').count() as u64;
        self.rest = rest;
    }

    /// What comes next, for a message.
    pub(super) fn excerpt(&self) -> String {
        self.rest.chars().take(30).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}
