//! Words, names, strings and comments of SQL.

use naptime_core::Invalid;

use super::{Strings, bad};

/// What is left of the text.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    /// The line at which the rest begins.
    pub(super) line: u64,
    pub(super) strings: Strings,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, strings: Strings) -> Self {
        Self { rest: text, line: 1, strings }
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

    /// What is between quotes.
    pub(super) fn quoted(&mut self) -> Result<String, Invalid> {
        let quote = self.peek();
        let strings = match quote {
            Some('\'') => self.strings,
            // A text of MySQL, and a name elsewhere.
            Some('"') if self.strings == Strings::Mysql => Strings::Mysql,
            _ => Strings::Standard,
        };
        self.quoted_as(strings)
    }

    /// The same, where a backslash is what `strings` says. A quote is doubled, or escaped where that can be.
    pub(super) fn quoted_as(&mut self, strings: Strings) -> Result<String, Invalid> {
        let from = self.line;
        let quote = self.peek().unwrap_or('\'');
        self.advance(1);
        let mut text = String::new();
        loop {
            let plain = self.prefix(|c| c != quote && c != '\\');
            text.push_str(plain);
            self.advance(plain.len());
            match (self.rest.chars().next(), strings) {
                (None, _) => {
                    return Err(bad(format!("what is quoted at line {from} has no end: nothing after it is read")));
                }
                (Some('\\'), Strings::Standard) => {
                    text.push('\\');
                    self.advance(1);
                }
                (Some('\\'), Strings::Unknown) => {
                    // Where the text ends depends on it, so what comes after can't be read either.
                    let fault = format!(
                        "the text at line {from} has a backslash, and the dump does not say what that is: nothing after it is \
                         read; say --standard-strings (as PostgreSQL and SQLite have them) or --backslash-escapes (as MySQL)"
                    );
                    self.advance(self.rest.len());
                    return Err(Invalid::new("sql", "unknown_dialect", fault));
                }
                (Some('\\'), Strings::Mysql | Strings::Postgres) => self.escape(strings, &mut text)?,
                (Some(_), _) => {
                    self.advance(1);
                    if !self.rest.starts_with(quote) {
                        return Ok(text);
                    }
                    text.push(quote);
                    self.advance(1);
                }
            }
        }
    }

    fn escape(&mut self, strings: Strings, text: &mut String) -> Result<(), Invalid> {
        self.advance(1);
        let Some(escaped) = self.rest.chars().next() else { return Err(bad("the text ends in an escape")) };
        let postgres = strings == Strings::Postgres;
        match escaped {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'b' => text.push('\u{8}'),
            'f' if postgres => text.push('\u{c}'),
            'x' | 'u' | 'U' | '0'..='7' if postgres => return self.code_point(escaped, text),
            '0' => text.push('\0'),
            'Z' if !postgres => text.push('\u{1a}'),
            // For patterns, where MySQL leaves them alone.
            '%' | '_' if !postgres => text.extend(['\\', escaped]),
            other => text.push(other),
        }
        self.advance(escaped.len_utf8());
        Ok(())
    }

    /// `\x41`, `\101`, `\u0041`, `\U00000041`. Several bytes may make up one character.
    fn code_point(&mut self, kind: char, text: &mut String) -> Result<(), Invalid> {
        if matches!(kind, 'u' | 'U') {
            let count = if kind == 'u' { 4 } else { 8 };
            let digits = self.rest.get(1..=count).unwrap_or_default();
            let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
            text.push(c.ok_or_else(|| bad(format!("`\\{}` is no character", self.excerpt())))?);
            self.advance(1 + count);
            return Ok(());
        }
        let mut bytes = Vec::new();
        loop {
            let (skip, radix, most) = if self.rest.starts_with('x') { (1, 16, 2) } else { (0, 8, 3) };
            let digits: String = self.rest[skip..].chars().take(most).take_while(|c| c.is_digit(radix)).collect();
            bytes.push(u8::from_str_radix(&digits, radix).map_err(|_| bad("an escape is no byte"))?);
            self.advance(skip + digits.len());
            let more = ["\\x", "\\0", "\\1", "\\2", "\\3"].iter().any(|begin| self.rest.starts_with(begin));
            if !more {
                break;
            }
            self.advance(1);
        }
        text.push_str(&String::from_utf8(bytes).map_err(|_| bad("the bytes of an escape are not UTF-8"))?);
        Ok(())
    }

    /// `$$text$$` or `$tag$text$tag$` of PostgreSQL; none if that is not what comes next.
    pub(super) fn dollar_quoted(&mut self) -> Result<Option<&'a str>, Invalid> {
        if self.peek() != Some('$') {
            return Ok(None);
        }
        let rest = self.rest;
        let tag = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').map(|at| &rest[..=at + 1]);
        let Some(tag) = tag.filter(|tag| tag.ends_with('$')) else { return Ok(None) };
        let from = self.line;
        let body = &rest[tag.len()..];
        let Some(end) = body.find(tag) else {
            return Err(bad(format!("what is quoted at line {from} has no end: nothing after it is read")));
        };
        self.advance(end + 2 * tag.len());
        Ok(Some(&body[..end]))
    }

    /// Passes over what is left of a statement.
    pub(super) fn skip_statement(&mut self) -> Result<(), Invalid> {
        while let Some(c) = self.peek() {
            if c == ';' {
                self.advance(1);
                return Ok(());
            }
            self.skip_token(c)?;
        }
        Ok(())
    }

    /// Passes over what is left of a value or a definition, up to the comma or the closing bracket after it.
    pub(super) fn skip_item(&mut self) -> Result<(), Invalid> {
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

    /// Passes over what is left between two brackets, and the closing one.
    pub(super) fn skip_to_bracket(&mut self) -> Result<(), Invalid> {
        while !matches!(self.peek(), None | Some(')' | ';')) {
            self.skip_item()?;
            self.take(',');
        }
        self.take(')');
        Ok(())
    }

    fn skip_token(&mut self, c: char) -> Result<(), Invalid> {
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

    /// Passes over a command of PostgreSQL's shell, such as `\connect naptime`, which ends with its line.
    pub(super) fn skip_meta_command(&mut self) -> bool {
        let there = self.peek() == Some('\\');
        if there {
            self.next_line();
        }
        there
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

    /// Passes over blanks and comments.
    pub(super) fn blanks(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            let hash = self.rest.starts_with('#') && matches!(self.strings, Strings::Mysql | Strings::Unknown);
            let end = if self.rest.starts_with("--") || hash {
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
