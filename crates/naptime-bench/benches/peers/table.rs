//! The table, and notes on machine, versions and settings below it. Both are Markdown that reads well as plain text.

use std::fmt::Write;

use crate::args::Args;
use crate::naptime;
use crate::node;
use crate::product::Product;
use crate::round::{FEW_STRANGERS, Figures, Rate, Round};
use crate::server;

/// The share of the offered calls from which on a product is said to have kept all of them: it might have kept more.
const ALL_SHARE: f64 = 0.99;

/// The table of the medians of all rounds, with notes.
pub(crate) fn table(args: &Args, rounds: &[Round]) -> String {
    let backlog: fn(&Figures) -> Rate = |it| it.backlog;
    let recurring: fn(&Figures) -> Rate = |it| it.recurring;
    let naptime_backlog = median(rounds, Product::Naptime, backlog);
    let naptime_recurring = median(rounds, Product::Naptime, recurring);
    let mut cells = vec![
        [
            "",
            "backlog, calls/s",
            "CPU us a call, worker + database",
            "recurring, calls/s kept",
            "CPU us a call, worker + database",
            "backlog: Naptime / it",
            "recurring: Naptime / it",
        ]
        .map(str::to_owned),
    ];
    for product in Product::ALL {
        let (Some(drained), Some(kept)) = (median(rounds, product, backlog), median(rounds, product, recurring)) else {
            continue;
        };
        let is_all = kept.calls_per_second >= args.offered as f64 * ALL_SHARE;
        cells.push([
            product.title().to_owned(),
            rate(drained.calls_per_second),
            cpu(&drained),
            format!("{}{}", rate(kept.calls_per_second), if is_all { " (all)" } else { "" }),
            cpu(&kept),
            ratio(product, naptime_backlog, &drained),
            ratio(product, naptime_recurring, &kept),
        ]);
    }
    let strangers = rounds.iter().map(Round::strangers).fold(0.0, f64::max);
    let disturbed = if strangers > FEW_STRANGERS {
        format!("- DISTURBED: other users of this machine kept up to {strangers:.1} cores busy.\n")
    } else {
        String::new()
    };
    format!("{}\n{disturbed}{}", markdown(&cells), notes(args, rounds.len()))
}

/// The median of each figure of a product.
fn median(rounds: &[Round], product: Product, workload: fn(&Figures) -> Rate) -> Option<Rate> {
    let rates: Vec<Rate> = rounds.iter().filter_map(|round| round.of(product)).map(workload).collect();
    let middle = |figure: fn(&Rate) -> f64| {
        let mut figures: Vec<f64> = rates.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let (low, high) = (figures.len().checked_sub(1)? / 2, figures.len() / 2);
        Some((figures[low] + figures[high]) / 2.0)
    };
    let mut all = *rates.first()?;
    all.calls_per_second = middle(|it| it.calls_per_second)?;
    all.used.workers_us = middle(|it| it.used.workers_us)?;
    all.used.database_us = middle(|it| it.used.database_us)?;
    Some(all)
}

/// Machine, workloads, versions and settings.
fn notes(args: &Args, rounds: usize) -> String {
    let Args { backlog, offered, workers, capacity, window, .. } = args;
    let (seconds, cores) = (window.as_secs(), std::thread::available_parallelism().map_or(1, usize::from));
    let medians = if rounds == 1 { "One round".to_owned() } else { format!("Medians of {rounds} rounds") };
    let processes = if *workers == 1 { "one worker process" } else { &format!("{workers} worker processes") };
    let mut lines = vec![
        format!("{medians} on {cores} cores, which workers, database and target share."),
        format!("Each product: {processes}, up to {capacity} calls at once in each."),
        format!("Backlog: {backlog} one-off jobs that are all due, from the first call to the last."),
        format!("Recurring: {offered} jobs are due every second; the calls of {seconds} s are counted."),
        format!(
            "Naptime: `naptime prove {}`; mongod with a cache of 4 GB, majority writes.",
            naptime::prove_args(args)
        ),
    ];
    if args.wants(Product::Original) {
        lines.push(
            "The original's algorithm: 20 slots a worker; the better of two recurring loads, that one and a low one."
                .to_owned(),
        );
    }
    for product in Product::PEERS.into_iter().filter(|product| args.wants(*product)) {
        let settings = node::settings(product, *capacity).unwrap_or_else(|error| error.to_string());
        lines.push(format!("{}: {settings}.", product.name()));
    }
    let versions = node::versions().unwrap_or_else(|error| error.to_string());
    lines.push(format!("Versions: {}, {versions}.", server::versions()));
    let redis = server::REDIS.map(|word| if word.is_empty() { "\"\"" } else { word }).join(" ");
    let postgres = server::POSTGRES.join(", ");
    lines.push(format!("Servers: redis-server {redis}; PostgreSQL {postgres}, synchronous_commit=on."));
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

fn ratio(product: Product, naptime: Option<Rate>, it: &Rate) -> String {
    let naptime = naptime.filter(|_| product != Product::Naptime);
    naptime.map(|naptime| format!("{:.2} x", naptime.calls_per_second / it.calls_per_second)).unwrap_or_default()
}

fn cpu(rate: &Rate) -> String {
    format!("{:.0} + {:.0}", rate.used.workers_us, rate.used.database_us)
}

/// `12,345`.
fn rate(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn markdown<const N: usize>(cells: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| cells.iter().map(|row| row[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in widths {
                let _ = write!(text, "|{:-<1$}", "", width + 2);
            }
            text.push_str("|\n");
        }
    }
    text
}
