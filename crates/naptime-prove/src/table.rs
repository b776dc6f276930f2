//! The report as text for a terminal: Markdown tables, and the verdict as the last line.

use std::fmt::Write;

use crate::format::rate;
use crate::rows::{self, Row};
use crate::summary::Summary;
use crate::{Raw, Report, Subject, Sustained};

/// Who stands beside Naptime in the columns.
pub(crate) const ORIGINAL: &str = "the original's algorithm (--reference), which Naptime replaces: 20 slots a worker, \
                                   each taking the head of one index.";

/// The report as text for a terminal. It can be put into a Markdown document as it is.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for table in rows::tables(report) {
        let _ = write!(text, "{}\n\n{}\n", table.title, markdown(&table));
    }
    for it in &report.sustained {
        let _ = writeln!(text, "{}\n", tried(it));
    }
    if report.legs.iter().any(|leg| leg.subject == Subject::Reference) {
        let _ = writeln!(text, "Original: {ORIGINAL}\n");
    }
    if let Some(raw) = &report.raw {
        let _ = writeln!(text, "{}\n", ceiling(report, raw));
    }
    let ours = report.legs.iter().filter(|leg| leg.subject == Subject::Naptime);
    for leg in ours {
        for fault in leg.faults() {
            let column = rows::column(leg.subject, leg.workers);
            let _ = writeln!(text, "- {}, {column}: {}", fault.code.replace('_', " "), fault.detail);
        }
    }
    let summary = Summary::of(report);
    for note in &summary.notes {
        let _ = writeln!(text, "{note}");
    }
    let _ = writeln!(text, "{}: {}", summary.word(), summary.verdict);
    text
}

/// What was tried to find the most calls per second that are kept up.
pub(crate) fn tried(it: &Sustained) -> String {
    let who = match it.subject {
        Subject::Naptime => "Naptime",
        Subject::Reference => "the original",
    };
    let of = |kept_up| {
        let mut rates: Vec<f64> = it.steps.iter().filter(|(_, it)| *it == kept_up).map(|(rate, _)| *rate).collect();
        rates.sort_by(f64::total_cmp);
        if rates.is_empty() { "none".to_owned() } else { rates.into_iter().map(rate).collect::<Vec<_>>().join(", ") }
    };
    format!("Of what was tried {who} kept up {} calls/s, and not {}.", of(true), of(false))
}

/// What the parts by themselves would allow, and how much of it was carried.
pub(crate) fn ceiling(report: &Report, raw: &Raw) -> String {
    let ceiling = raw.ceiling();
    let carried = rows::carried(report).map_or(String::new(), |carried| {
        format!(" Naptime carries {:.0} % of it: {}/s.", 100.0 * carried / ceiling, rate(carried))
    });
    format!(
        "The parts by themselves (claims and settles {}/s, runs {}/s, HTTP calls {}/s) add up to {} calls/s.{carried}",
        rate(raw.cycles),
        rate(raw.runs),
        rate(raw.calls),
        rate(ceiling),
    )
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

    #[test]
    fn what_was_tried_and_who_the_original_is_are_said() {
        let text = table(&sample::full());
        let tried = "Of what was tried Naptime kept up 3,750, 7,500 calls/s, and not 8,250, 9,375, 11,250, 15,000.";
        assert!(text.contains(tried) && text.contains("Original: the original's algorithm (--reference)"), "{text}");
        assert!(!table(&sample::good()).contains("riginal"));
    }

    #[test]
    fn the_share_of_the_ceiling_is_said() {
        let text = table(&sample::full());
        assert!(text.contains("add up to 10,507 calls/s. Naptime carries 71 % of it: 7,500/s."), "{text}");
    }
}
