//! Rows as CSV (RFC 4180), with a header line.
//!
//! Readers that take any text for CSV make one field of all that follows a quote without an end. Here such a row is
//! named, and the next one begins at the next line.

use naptime_core::Invalid;

use super::ReadRow;
use super::row::Row;

/// The rows of a CSV file. A field without quotes that is empty, `NULL` or `\N` stands for nothing.
pub(super) fn rows(text: &str) -> Box<dyn Iterator<Item = ReadRow> + '_> {
    let mut records = Records { rest: text, line: 1 };
    let columns = match records.next() {
        None => return Box::new(std::iter::empty()),
        Some((line, Err(fault))) => return Box::new(std::iter::once(Err((line, vec![fault])))),
        Some((_, Ok(fields))) => fields.into_iter().map(|field| field.text.trim().to_lowercase()).collect::<Vec<_>>(),
    };
    let checked = Row::check_columns(&columns);
    Box::new(records.map(move |(line, fields)| {
        let at = |fault: Invalid| (line, vec![fault]);
        let fields = fields.map_err(at)?;
        checked.clone().map_err(at)?;
        if fields.len() != columns.len() {
            let detail = format!("there are {} fields, and {} in the header", fields.len(), columns.len());
            return Err(at(Invalid::new("row", "wrong_length", detail)));
        }
        Ok(Row::new(line, columns.iter().cloned().zip(fields.into_iter().map(Field::value))))
    }))
}

/// A field, and whether it was in quotes.
struct Field {
    text: String,
    quoted: bool,
}

impl Field {
    fn value(self) -> Option<String> {
        (self.quoted || !matches!(&*self.text, "" | "NULL" | "\\N")).then_some(self.text)
    }
}

/// Records, each with the line it begins at.
struct Records<'a> {
    rest: &'a str,
    line: u64,
}

impl Iterator for Records<'_> {
    type Item = (u64, Result<Vec<Field>, Invalid>);

    fn next(&mut self) -> Option<Self::Item> {
        // Blank lines are no rows.
        while let Some(rest) = self.rest.strip_prefix('\n').or_else(|| self.rest.strip_prefix("\r\n")) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line;
        let (read, length) = match record(self.rest) {
            Ok((fields, length)) => (Ok(fields), length),
            Err(fault) => (Err(fault), self.rest.find('\n').map_or(self.rest.len(), |at| at + 1)),
        };
        self.line += self.rest[..length].matches('\n').count() as u64;
        self.rest = &self.rest[length..];
        Some((line, read))
    }
}

/// The fields of the first record of a text, and its length with the end of its line.
fn record(text: &str) -> Result<(Vec<Field>, usize), Invalid> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let field;
        (field, rest) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted, fields.len() + 1)?
        } else {
            let end = rest.find([',', '\n']).unwrap_or(rest.len());
            let plain =
                rest[..end].strip_suffix('\r').filter(|_| !rest[end..].starts_with(',')).unwrap_or(&rest[..end]);
            (Field { text: plain.to_owned(), quoted: false }, &rest[end..])
        };
        fields.push(field);
        let Some(next) = rest.strip_prefix(',') else { break };
        rest = next;
    }
    let end = rest.strip_prefix('\n').unwrap_or(rest);
    Ok((fields, text.len() - end.len()))
}

/// The field after its opening quote, and what stands after its closing one. A quote in it is doubled.
fn quoted_field(text: &str, number: usize) -> Result<(Field, &str), Invalid> {
    let mut read = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('"') {
        read.push_str(before);
        if let Some(after) = after.strip_prefix('"') {
            read.push('"');
            rest = after;
            continue;
        }
        let after = after.strip_prefix('\r').filter(|end| end.is_empty() || end.starts_with('\n')).unwrap_or(after);
        if after.is_empty() || after.starts_with([',', '\n']) {
            return Ok((Field { text: read, quoted: true }, after));
        }
        break;
    }
    let detail = format!(
        "field {number} begins with a quote and does not end with one (within a field, a quote is written twice)"
    );
    Err(Invalid::new("row", "not_csv", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record as its line and its fields, `-` for nothing, or `?` if it can't be read.
    fn read(text: &str) -> Vec<(u64, String)> {
        let records = Records { rest: text, line: 1 };
        let shown = |fields: Vec<Field>| {
            fields.into_iter().map(|field| field.value().unwrap_or("-".into())).collect::<Vec<_>>().join("|")
        };
        records.map(|(line, fields)| (line, fields.map_or("?".to_owned(), shown))).collect()
    }

    #[test]
    fn records_are_read() {
        let check = |text: &str, expect: &[(u64, &str)]| {
            let expect: Vec<_> = expect.iter().map(|(line, fields)| (*line, (*fields).to_owned())).collect();
            assert_eq!(read(text), expect, "{text}");
            assert_eq!(read(&text.replace('\n', "\r\n")).len(), expect.len(), "{text} with CRLF");
        };
        check("a,b\n1,2\n", &[(1, "a|b"), (2, "1|2")]);
        check("a,\"b\"\"c\",\n", &[(1, "a|b\"c|-")]);
        check("\"a\nb\",c\n\n\nd", &[(1, "a\nb|c"), (5, "d")]);
        check("NULL,\"NULL\",\"\",\\N,\n", &[(1, "-|NULL||-|-")]);
        check("a\"b,c\n", &[(1, "a\"b|c")]);
        check("1,\"a\n2,b\n3,c\n", &[(1, "?"), (2, "2|b"), (3, "3|c")]);
        check("1,\"a\n2,\"b\"\n3,c\n", &[(1, "?"), (2, "2|b"), (3, "3|c")]);
        check("1,\"a\" b\n2,c", &[(1, "?"), (2, "2|c")]);
        assert_eq!(read("a,b\r\n\"c\",d\r\n"), [(1, "a|b".to_owned()), (2, "c|d".to_owned())]);
        assert!(read("").is_empty());
    }
}
