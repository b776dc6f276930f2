//! The report as text for a terminal: Markdown tables, and the verdict as the last line.

use std::fmt::Write;

use crate::Report;
use crate::rows::{self, Row};
use crate::summary::Summary;

/// The report as text for a terminal. It can be put into a Markdown document as it is.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for table in rows::tables(report) {
        let _ = write!(text, "{}\n\n{}\n", table.title, markdown(&table));
    }
    for leg in &report.legs {
        for fault in leg.faults() {
            let _ = writeln!(text, "- {}, {}: {}", fault.code.replace('_', " "), rows::column(leg), fault.detail);
        }
    }
    let summary = Summary::of(report);
    for note in &summary.notes {
        let _ = writeln!(text, "{note}");
    }
    let _ = writeln!(text, "{}: {}", summary.word(), summary.verdict);
    text
}

/// The table with its columns padded, figures to the right, and an empty line between groups.
fn markdown(table: &rows::Table) -> String {
    let head: Vec<String> = std::iter::once(String::new()).chain(table.columns.iter().cloned()).collect();
    let cells = |row: &Row| -> Vec<String> {
        let figures =
            row.cells.iter().map(|cell| if cell.bad { format!("! {}", cell.text) } else { cell.text.clone() });
        std::iter::once(row.label.to_owned()).chain(figures).collect()
    };
    let gap = vec![String::new(); head.len()];
    let groups: Vec<Vec<Vec<String>>> = table.groups.iter().map(|rows| rows.iter().map(cells).collect()).collect();
    let body = groups.join(&gap);
    let width = |column: usize| {
        let all = std::iter::once(&head).chain(&body);
        all.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String]| {
        let padded = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("| {cell:<width$} "),
            _ => format!("| {cell:>width$} "),
        });
        padded.collect::<String>() + "|\n"
    };
    let rule: String = widths
        .iter()
        .enumerate()
        .map(
            |(column, width)| {
                if column == 0 { format!("|{:-<1$}", "", width + 2) } else { format!("|{:-<1$}:", "", width + 1) }
            },
        )
        .collect();
    let lines: String = body.iter().map(|row| line(row)).collect();
    format!("{}{rule}|\n{lines}", line(&head))
}

#[cfg(test)]
mod tests {
    use crate::sample;

    use super::*;

    #[test]
    fn the_last_line_is_the_verdict() {
        let text = table(&sample::good());
        assert!(text.lines().last().unwrap().starts_with("Holds: of 90,000 calls none was early"), "{text}");
        let text = table(&sample::broken());
        assert!(text.lines().last().unwrap().starts_with("Does not hold: 2 calls early"), "{text}");
        assert!(text.contains("- early, 2 workers: /e/17: due"), "{text}");
    }

    #[test]
    fn all_lines_of_a_table_are_of_one_width() {
        for report in [sample::good(), sample::full(), sample::broken()] {
            let text = table(&report);
            for block in text.split("\n\n").filter(|block| block.starts_with('|')) {
                let widths: Vec<usize> = block.lines().map(|line| line.chars().count()).collect();
                assert!(widths.iter().all(|width| *width == widths[0] && *width <= 120), "{text}");
            }
        }
    }
}
