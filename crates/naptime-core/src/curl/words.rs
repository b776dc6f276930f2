//! A command line as words. Quotes are those of POSIX shells, and `$'...'` of bash, which browsers copy commands with.

use std::iter::Peekable;
use std::str::Chars;

use super::fault;
use crate::Invalid;

/// The words of a command line.
pub(super) fn split(command: &str) -> Result<Vec<String>, Invalid> {
    shell_words::split(&plain_quotes(command)?).map_err(|_| open_quote())
}

/// A command line with each `$'...'` written in plain quotes that mean the same.
///
/// # Errors
/// At `curl`, if one is not closed, or an escape within it is no character.
pub fn plain_quotes(command: &str) -> Result<String, Invalid> {
    let mut written = String::with_capacity(command.len());
    let mut quote = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '$') if chars.next_if_eq(&'\'').is_some() => {
                written.push_str(&shell_words::quote(&ansi_c(&mut chars)?));
                continue;
            }
            (None | Some('"'), '\\') => {
                written.push(c);
                written.extend(chars.next());
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        written.push(c);
    }
    Ok(written)
}

/// The text after `$'`, up to and including the closing quote.
fn ansi_c(chars: &mut Peekable<Chars<'_>>) -> Result<String, Invalid> {
    let mut bytes: Vec<u8> = Vec::new();
    let push = |bytes: &mut Vec<u8>, c: char| bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
    loop {
        match chars.next().ok_or_else(open_quote)? {
            '\'' => return String::from_utf8(bytes).map_err(|_| bad_escape()),
            '\\' => match chars.next().ok_or_else(open_quote)? {
                'a' => bytes.push(0x07),
                'b' => bytes.push(0x08),
                'e' | 'E' => bytes.push(0x1b),
                'f' => bytes.push(0x0c),
                'n' => bytes.push(b'\n'),
                'r' => bytes.push(b'\r'),
                't' => bytes.push(b'\t'),
                'v' => bytes.push(0x0b),
                c @ ('\\' | '\'' | '"' | '?') => push(&mut bytes, c),
                first @ '0'..='7' => bytes.push(octal(first, chars)),
                // A byte, of which several may be one character.
                'x' => bytes.push(u8::try_from(number(chars, 16, 2)?).map_err(|_| bad_escape())?),
                'u' => push(&mut bytes, char::from_u32(number(chars, 16, 4)?).ok_or_else(bad_escape)?),
                'U' => push(&mut bytes, char::from_u32(number(chars, 16, 8)?).ok_or_else(bad_escape)?),
                c => {
                    push(&mut bytes, '\\');
                    push(&mut bytes, c);
                }
            },
            c => push(&mut bytes, c),
        }
    }
}

/// A byte of up to three octal digits; of what is too great for one, bash keeps the last eight bits.
fn octal(first: char, chars: &mut Peekable<Chars<'_>>) -> u8 {
    let mut value = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = chars.next_if(|c| c.is_digit(8)) else { break };
        value = value * 8 + digit.to_digit(8).unwrap_or(0);
    }
    value.to_le_bytes()[0]
}

/// A number of at most so many digits.
fn number(chars: &mut Peekable<Chars<'_>>, radix: u32, most: usize) -> Result<u32, Invalid> {
    let mut digits = String::new();
    while digits.len() < most
        && let Some(digit) = chars.next_if(|c| c.is_digit(radix))
    {
        digits.push(digit);
    }
    u32::from_str_radix(&digits, radix).map_err(|_| bad_escape())
}

fn open_quote() -> Invalid {
    fault("open_quote", "a quote in the command is not closed".to_owned())
}

fn bad_escape() -> Invalid {
    fault("bad_escape", "an escape such as \\x41 or \\u00e9 in a text in $'...' is no character".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_shell() {
        let check = |command: &str, expect: &[&str]| {
            assert_eq!(split(command).expect(command), expect, "{command}");
        };
        check("curl 'a b' \"c 'd'\" e\\ f", &["curl", "a b", "c 'd'", "e f"]);
        check(r#"curl $'it\'s\n' x"#, &["curl", "it's\n", "x"]);
        check(r"-d $'\u00fc\x41\xc3\xbc\101\q'", &["-d", "üAüA\\q"]);
        check(r#""$'a'" '$' \$'a'"#, &["$'a'", "$", "$a"]);
        check("a\\\n b", &["a", "b"]);
    }

    #[test]
    fn what_is_not_closed_or_no_text_is_refused() {
        let check =
            |command: &str, expect: &str| assert_eq!(split(command).expect_err(command).code, expect, "{command}");
        check("curl 'a", "open_quote");
        check("curl $'a", "open_quote");
        check(r"curl $'\xff'", "bad_escape");
        check(r"curl $'\u'", "bad_escape");
    }
}
