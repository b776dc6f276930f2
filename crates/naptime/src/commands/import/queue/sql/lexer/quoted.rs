//! What is between quotes, and what a backslash does there.

use naptime_core::Invalid;

use super::super::dialect::Product;
use super::super::{Strings, bad};
use super::Lexer;

impl<'a> Lexer<'a> {
    /// What is between quotes.
    pub(in crate::commands::import::queue::sql) fn quoted(&mut self) -> Result<String, Invalid> {
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
    pub(in crate::commands::import::queue::sql) fn quoted_as(&mut self, strings: Strings) -> Result<String, Invalid> {
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
    pub(in crate::commands::import::queue::sql) fn dollar_quoted(&mut self) -> Result<Option<&'a str>, Invalid> {
        // Elsewhere it is part of a name.
        let dollars = matches!(self.product, Product::Postgres | Product::Unknown);
        if !dollars || self.peek() != Some('$') {
            return Ok(None);
        }
        let rest = self.rest;
        let tag = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').map(|at| &rest[..=at + 1]);
        let Some(tag) = tag.filter(|tag| tag.ends_with('$')) else { return Ok(None) };
        let from = self.line;
        let body = &rest[tag.len()..];
        let Some(end) = body.find(tag) else {
            self.advance(rest.len());
            return Err(bad(format!("what is quoted at line {from} has no end: nothing after it is read")));
        };
        self.advance(end + 2 * tag.len());
        Ok(Some(&body[..end]))
    }
}
