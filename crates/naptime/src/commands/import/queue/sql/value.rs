//! Values as dumps write them.

use naptime_core::Invalid;

use super::lexer::Lexer;
use super::{Strings, bad};

/// A value; none for NULL.
type Value = Option<String>;

/// Values with commas between.
pub(super) fn list(lexer: &mut Lexer<'_>) -> Result<Vec<Value>, Invalid> {
    let mut values = vec![value(lexer)?];
    while lexer.take(',') {
        values.push(value(lexer)?);
    }
    Ok(values)
}

fn value(lexer: &mut Lexer<'_>) -> Result<Value, Invalid> {
    let value = bare(lexer)?;
    // A cast of PostgreSQL: '{}'::jsonb, 1::numeric(3,2), '{a}'::text[]
    while lexer.peek() == Some(':') && lexer.begins_with("::") {
        lexer.advance(2);
        while !lexer.peek_word().is_empty() {
            lexer.word();
        }
        if lexer.peek() == Some('(') {
            lexer.skip_brackets()?;
        }
        while lexer.take('[') {
            lexer.expect(']')?;
        }
    }
    Ok(value)
}

fn bare(lexer: &mut Lexer<'_>) -> Result<Value, Invalid> {
    match lexer.peek() {
        Some('\'' | '"') => return lexer.quoted().map(Some),
        Some('$') => return lexer.dollar_quoted()?.map(|text| Some(text.to_owned())).ok_or_else(|| unread(lexer)),
        Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => return number(lexer).map(Some),
        _ => {}
    }
    let word = lexer.peek_word();
    let name = word.to_uppercase();
    let quoted = |lexer: &mut Lexer<'_>| {
        lexer.word();
        lexer.begins_with("'")
    };
    match &*name {
        "NULL" | "DEFAULT" => {
            lexer.word();
            Ok(None)
        }
        "TRUE" | "FALSE" => {
            lexer.word();
            Ok(Some(if name == "TRUE" { "1" } else { "0" }.to_owned()))
        }
        // As good as now. More often than not it is in a column that is not read.
        "NOW" | "CURRENT_TIMESTAMP" => {
            lexer.word();
            if lexer.take('(') {
                // The digits of the second.
                if lexer.peek().is_some_and(|c| c.is_ascii_digit()) {
                    number(lexer)?;
                }
                lexer.expect(')')?;
            }
            Ok(None)
        }
        // An escape string of PostgreSQL.
        "E" if quoted(lexer) => lexer.quoted_as(Strings::Postgres).map(Some),
        "X" if quoted(lexer) => {
            let digits = lexer.quoted_as(Strings::Standard)?;
            from_hex(&digits).map(Some)
        }
        "B" if quoted(lexer) => {
            let bits = lexer.quoted_as(Strings::Standard)?;
            let number = u64::from_str_radix(&bits, 2).map_err(|_| bad(format!("`{bits}` are no bits")))?;
            Ok(Some(number.to_string()))
        }
        // A national string, and the character set of a string of MySQL: _utf8mb4'text', _binary 'text'.
        "N" if quoted(lexer) => lexer.quoted().map(Some),
        _ if name.starts_with('_') => {
            lexer.word();
            match (lexer.peek(), &*lexer.peek_word().to_uppercase()) {
                (Some('\''), _) | (_, "X") => bare(lexer),
                _ if lexer.begins_with("0x") => number(lexer).map(Some),
                _ => Err(bad(format!("`{word}` is a value that is not read here"))),
            }
        }
        // How SQLite writes texts with control characters.
        "REPLACE" | "CHAR" | "UNISTR" => {
            lexer.word();
            lexer.expect('(')?;
            let arguments: Option<Vec<String>> = list(lexer)?.into_iter().collect();
            lexer.expect(')')?;
            let called = arguments.and_then(|arguments| call(&name, &arguments));
            called.map(Some).ok_or_else(|| bad(format!("`{name}(...)` is a value that is not read here")))
        }
        _ => Err(unread(lexer)),
    }
}

fn call(name: &str, arguments: &[String]) -> Option<String> {
    match (name, arguments) {
        ("REPLACE", [text, from, to]) if !from.is_empty() => Some(text.replace(from, to)),
        ("CHAR", points) => points.iter().map(|point| char::from_u32(point.parse().ok()?)).collect(),
        ("UNISTR", [text]) => unistr(text),
        _ => None,
    }
}

/// `\0041`, `\+000041`, `\u0041`, `\U00000041` and `\\`.
fn unistr(text: &str) -> Option<String> {
    let mut parts = text.split('\\');
    let mut read = parts.next()?.to_owned();
    while let Some(part) = parts.next() {
        if part.is_empty() {
            read.push('\\');
            read.push_str(parts.next()?);
            continue;
        }
        let (skip, count) = match part.as_bytes()[0] {
            b'+' => (1, 6),
            b'u' => (1, 4),
            b'U' => (1, 8),
            _ => (0, 4),
        };
        read.push(char::from_u32(u32::from_str_radix(part.get(skip..skip + count)?, 16).ok()?)?);
        read.push_str(&part[skip + count..]);
    }
    Some(read)
}

fn number(lexer: &mut Lexer<'_>) -> Result<String, Invalid> {
    let number = lexer.prefix(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
    if let Some(digits) = number.strip_prefix("0x") {
        let text = from_hex(digits)?;
        lexer.advance(number.len());
        return Ok(text);
    }
    if number.parse::<f64>().is_err() {
        return Err(unread(lexer));
    }
    lexer.advance(number.len());
    Ok(number.to_owned())
}

/// The text of its bytes.
fn from_hex(digits: &str) -> Result<String, Invalid> {
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> =
        digits.as_bytes().chunks(2).map(|pair| byte(pair).filter(|_| pair.len() == 2)).collect();
    let bytes = bytes.ok_or_else(|| bad("these are no bytes in hexadecimal digits"))?;
    String::from_utf8(bytes).map_err(|_| bad("the bytes in hexadecimal digits are not UTF-8"))
}

fn unread(lexer: &Lexer<'_>) -> Invalid {
    bad(format!("`{}` is a value that is not read here", lexer.excerpt()))
}
