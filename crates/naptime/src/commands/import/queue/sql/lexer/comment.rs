//! Blanks and comments, by the product that the dump is of.

use naptime_core::Invalid;

use super::super::dialect::Product;
use super::super::{Strings, TABLE, bad};
use super::Lexer;

impl Lexer<'_> {
    /// Passes over blanks and comments.
    pub(in crate::commands::import::queue::sql) fn blanks(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            let end = if self.rest.starts_with("--") || (self.rest.starts_with('#') && self.hash_comments()) {
                self.rest.find('\n').map_or(self.rest.len(), |at| at + 1)
            } else if self.open_comments > 0 && self.rest.starts_with("*/") {
                self.open_comments -= 1;
                2
            } else if let Some(opening) = self.executable_comment() {
                self.open_comments += 1;
                opening
            } else if self.rest.starts_with("/*") {
                self.comment()
            } else {
                return;
            };
            self.advance(end);
        }
    }

    /// The fault of a comment, once.
    pub(in crate::commands::import::queue::sql) fn take_comment_fault(&mut self) -> Option<(u64, Invalid)> {
        self.comment_fault.take()
    }

    fn hash_comments(&self) -> bool {
        match self.product {
            Product::Mysql => true,
            Product::Unknown => self.strings != Strings::Standard,
            Product::Postgres | Product::Sqlite | Product::SqlServer => false,
        }
    }

    /// The length of `/*!40101` or `/*M!100100`, which begins a comment that MySQL reads as SQL.
    fn executable_comment(&self) -> Option<usize> {
        if !matches!(self.product, Product::Mysql | Product::Unknown) {
            return None;
        }
        let opening = ["/*!", "/*M!"].into_iter().find(|opening| self.rest.starts_with(opening))?;
        let digits = self.rest[opening.len()..].bytes().take(6).take_while(u8::is_ascii_digit).count();
        // No server is of such a version, so it is a comment for every server.
        let never = matches!(&self.rest[opening.len()..opening.len() + digits], "99999" | "999999");
        (!never).then_some(opening.len() + digits)
    }

    /// The length of a comment. Notes a fault if it may hide rows.
    fn comment(&mut self) -> usize {
        let flat = self.rest[2..].find("*/").map(|at| at + 4);
        let end = match self.product {
            Product::Mysql | Product::Sqlite => flat,
            Product::Postgres | Product::SqlServer => nested_end(self.rest),
            Product::Unknown => nested_end(self.rest).or(flat),
        };
        let fault = match (flat, end) {
            (_, None) => Some("this comment has no end: nothing after it is read"),
            // Only some products nest comments, so this may or may not be within one.
            (Some(flat), Some(end)) if self.product == Product::Unknown => {
                let hides = self.rest[flat..end.max(flat)].to_lowercase().contains(TABLE);
                hides.then_some(
                    "this comment has a comment in it, and the dump does not say whether it ends with that one: \
                     nothing up to its last `*/` is read",
                )
            }
            _ => None,
        };
        if let Some(fault) = fault
            && self.comment_fault.is_none()
        {
            self.comment_fault = Some((self.line, bad(fault)));
        }
        end.unwrap_or(self.rest.len())
    }
}

/// The length of a comment in which each comment has its own end.
fn nested_end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_u32, 0);
    loop {
        let next = at + text[at..].find(['/', '*'])?;
        at = next + 1;
        if text[next..].starts_with("/*") {
            depth += 1;
            at += 1;
        } else if text[next..].starts_with("*/") {
            depth -= 1;
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
}
