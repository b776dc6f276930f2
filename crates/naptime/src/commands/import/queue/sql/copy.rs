//! Rows as PostgreSQL's COPY writes them: one on a line, a tab between two fields, `\N` for nothing.

use naptime_core::Invalid;

use super::bad;
use super::lexer::Lexer;

/// The line after the last row.
pub(super) const END: &str = "\\.";
/// What is wrong if that line is missing.
pub(super) const NO_END: &str = "the COPY has no end, which is a line of `\\.`: the file is cut off";

/// The next line; none if there is none.
pub(super) fn line<'a>(lexer: &mut Lexer<'a>) -> Option<&'a str> {
    if lexer.is_used_up() { None } else { Some(lexer.next_line()) }
}

/// The fields of a line.
pub(super) fn fields(line: &str) -> Result<Vec<Option<String>>, Invalid> {
    line.split('\t').map(|field| if field == "\\N" { Ok(None) } else { unescape(field).map(Some) }).collect()
}

fn unescape(field: &str) -> Result<String, Invalid> {
    if !field.contains('\\') {
        return Ok(field.to_owned());
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let [escaped, after @ ..] = rest else { return Err(bad("a field ends in a backslash")) };
        rest = after;
        match escaped {
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'v' => bytes.push(11),
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => bytes.push(number(&mut rest, 16, 2)),
            b'0'..=b'7' => {
                rest = &field.as_bytes()[field.len() - rest.len() - 1..];
                bytes.push(number(&mut rest, 8, 3));
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad("the bytes of a field are not UTF-8"))
}

/// Takes a byte that is written in so many digits at most.
fn number(rest: &mut &[u8], radix: u32, most: usize) -> u8 {
    let digits = rest.iter().take(most).map_while(|&byte| char::from(byte).to_digit(radix));
    let (count, number) = digits.fold((0, 0), |(count, number), digit| (count + 1, number * radix + digit));
    *rest = &rest[count..];
    // As PostgreSQL does it: of more than a byte, the lower bits count.
    (number & 0xff) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let read = |line: &str| fields(line).unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("1\t\\N\t\tNULL"), [some("1"), None, some(""), some("NULL")]);
        assert_eq!(read("a\\tb\\nc\\\\d\\.e\\x41\\101\\303\\244"), [some("a\tb\nc\\d.eAAä")]);
        assert_eq!(read("{\"a\": \"it's \\\\\"x\\\\\"\"}"), [some("{\"a\": \"it's \\\"x\\\"\"}")]);
        assert!(fields("a\\").is_err() && fields("\\377").is_err());
    }
}
