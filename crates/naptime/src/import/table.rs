//! Rows as CSV, with a header line.

use naptime_core::Invalid;

use super::ReadRow;
use super::row::Row;

/// The rows of a CSV file. An empty field, `NULL` and `\N` stand for nothing.
pub(super) fn rows(text: &str) -> Box<dyn Iterator<Item = ReadRow> + '_> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let columns: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(|name| name.trim().to_lowercase()).collect(),
        Err(error) => return Box::new(std::iter::once(Err((1, vec![not_csv(&error)])))),
    };
    if let Err(fault) = Row::check_columns(&columns) {
        return Box::new(std::iter::once(Err((1, vec![fault]))));
    }
    Box::new(reader.into_records().map(move |record| {
        let record =
            record.map_err(|error| (error.position().map_or(0, csv::Position::line), vec![not_csv(&error)]))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            let detail = format!("there are {} fields, and {} in the header", record.len(), columns.len());
            return Err((line, vec![Invalid::new("row", "wrong_length", detail)]));
        }
        let value = |text: &str| (!matches!(text, "" | "NULL" | "\\N")).then(|| text.to_owned());
        Ok(Row::new(line, columns.iter().cloned().zip(record.iter().map(value))))
    }))
}

fn not_csv(error: &csv::Error) -> Invalid {
    Invalid::new("row", "not_csv", format!("this is not CSV: {error}"))
}
