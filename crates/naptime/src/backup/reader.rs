//! Reads a backup line by line, and notices if any of it is missing.

use std::io::{self, BufRead};

use anyhow::{anyhow, bail, ensure};
use serde::de::DeserializeOwned;

use super::line::{BEGIN, Counts, FORMAT, First, Header, Line};

/// Whether what is to be read is a backup. Nothing is taken from it.
pub(crate) fn is_backup(input: &mut impl BufRead) -> io::Result<bool> {
    Ok(input.fill_buf()?.starts_with(BEGIN))
}

/// A backup that is being read.
pub(super) struct Reader<R> {
    input: R,
    pub(super) header: Header,
    /// The number of the last line that was read.
    number: usize,
    pub(super) counts: Counts,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// If it is none of a backup, or of one that a newer version has written.
    pub(super) fn open(mut input: R) -> anyhow::Result<Self> {
        let text = next_line(&mut input, 1)?.ok_or_else(|| anyhow!("it is empty"))?;
        let First { naptime: header } = parse(&text, 1)?;
        ensure!(
            header.format <= FORMAT,
            "it is in format {}, and this version of Naptime ({}) knows no later one than {FORMAT}; import it with version {}",
            header.format,
            env!("CARGO_PKG_VERSION"),
            header.version
        );
        Ok(Self { input, header, number: 1, counts: Counts::default() })
    }

    /// The next line; none after the last.
    ///
    /// # Errors
    /// If it cannot be read, which names it by its number; if lines are missing.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Line>> {
        let Some(text) = self.next_text()? else { bail!("it was cut off after line {}", self.number) };
        match parse(&text, self.number)? {
            Line::End(counts) => {
                ensure!(counts == self.counts, "lines are missing: there were ({counts}), and are ({})", self.counts);
                ensure!(self.next_text()?.is_none(), "line {}: the backup has ended before it", self.number);
                Ok(None)
            }
            line => {
                self.counts.add(&line);
                Ok(Some(line))
            }
        }
    }

    fn next_text(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let text = next_line(&mut self.input, self.number + 1)?;
        self.number += usize::from(text.is_some());
        Ok(text)
    }
}

fn next_line(input: &mut impl BufRead, number: usize) -> anyhow::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    input.read_until(b'\n', &mut text)?;
    ensure!(text.is_empty() || text.ends_with(b"\n"), "it was cut off within line {number}");
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn parse<T: DeserializeOwned>(text: &[u8], number: usize) -> anyhow::Result<T> {
    serde_json::from_slice(text).map_err(|error| {
        // A text of one line is at line 1, which is not what is meant.
        let (said, place) = (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
        anyhow!("line {number}: {}", said.strip_suffix(&place).unwrap_or(&said))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"naptime":{"format":1,"version":"0.1.0","id":"019a0000-0000-7000-8000-000000000001","from":"naptime.db","at":"2026-01-02T03:04:05.006Z"}}"#;
    const BREACH: &str = r#"{"breach":{"job":"019a0000-0000-7000-8000-000000000002","from":"2026-01-02T03:04:05.006Z","to":"2026-01-02T03:05:05.006Z","cause":"no_worker"}}"#;
    const LOAD: &str = r#"{"load":{"figures":{"calls":2,"errors":1,"outcomes":{"ok":1},"lag":{"3":2},"lag_ms":4,"took":{"5":2},"took_ms":60,"held":1,"capacity":9,"samples":1},"worker":"019a0000-0000-7000-8000-000000000003","at":"2026-01-02T03:04:00.000Z","tier":"minute"}}"#;

    /// How many lines there are, or why they cannot be read.
    fn read(text: &str) -> Result<usize, String> {
        let read = || {
            let mut reader = Reader::open(text.as_bytes())?;
            let mut count = 0;
            while reader.next()?.is_some() {
                count += 1;
            }
            anyhow::Ok(count)
        };
        read().map_err(|error| format!("{error:#}"))
    }

    fn refused(text: &str, why: &str) {
        let error = read(text).expect_err(why);
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_whole_backup_is_read_to_its_end() {
        let whole = format!("{FIRST}\n{BREACH}\n{LOAD}\n{BREACH}\n{{\"end\":{{\"load\":1,\"breach\":2}}}}\n");
        assert_eq!(read(&whole), Ok(3));
        assert_eq!(read(&whole.replace('\n', "\r\n")), Ok(3));
        assert_eq!(read(&format!("{FIRST}\n{{\"end\":{{}}}}\n")), Ok(0));
        assert!(is_backup(&mut whole.as_bytes()).expect("it can be read"));
        assert!(!is_backup(&mut "* * * * * curl https://a.test\n".as_bytes()).expect("it can be read"));
    }

    #[test]
    fn a_backup_with_a_fault_is_refused() {
        refused("", "it is empty");
        refused(FIRST, "cut off within line 1");
        refused(&format!("{}\n", FIRST.replace("\"format\":1", "\"format\":2")), "knows no later one than 1");
        refused(&format!("{FIRST}\n{BREACH}\n"), "cut off after line 2");
        refused(&format!("{FIRST}\n{BREACH}\n{}", &LOAD[..50]), "cut off within line 3");
        refused(&format!("{FIRST}\n{{\"end\":{{}}}}\n{BREACH}\n"), "line 3: the backup has ended before it");
        refused(&format!("{FIRST}\n{BREACH}\n{{\"end\":{{\"breach\":2}}}}\n"), "lines are missing");
        refused(&format!("{FIRST}\n{BREACH}\n{}\n", BREACH.replace("job", "jib")), "line 3: missing field `job`");
        refused(&format!("{FIRST}\n{{\"wish\":{{}}}}\n"), "line 2: unknown variant `wish`");
        refused(&format!("{FIRST}\n\n"), "line 2: ");
    }
}
