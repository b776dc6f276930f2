//! What becomes of what was found, what differs, and what is left.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::super::table::{Cell, Table};
use super::found::{Found, Taken};

const HEAD: [&str; 4] = ["FROM", "KEY", "SCHEDULE", "CALL"];
/// The most keys that are named before a difference.
const KEYS_SHOWN: usize = 5;

/// Prints the report to stderr, where it is not in the way of the plan or the file.
pub(super) fn print(found: &Found) -> io::Result<()> {
    anstream::stderr().lock().write_all(text(found).as_bytes())
}

fn text(found: &Found) -> String {
    let row = |taken: &Taken| {
        [taken.place.to_string(), taken.key.clone(), taken.schedule(), taken.call()].map(Cell::new).to_vec()
    };
    let mut text = Table::default().lines(&HEAD, found.taken.iter().map(row).collect());
    // Writing to a text cannot fail.
    let differs = differs(found);
    if !differs.is_empty() {
        let _ = writeln!(text, "\nWhat differs:");
        for (whose, sentence) in differs {
            let _ = writeln!(text, "  {whose}: {sentence}");
        }
    }
    if !found.left.is_empty() {
        let _ = writeln!(text, "\nNot taken over:");
        for left in &found.left {
            let _ = writeln!(text, "  {}: {}: {}", left.place, plain(&left.what), plain(&left.why));
        }
    }
    if !found.taken.iter().all(|taken| taken.fields.contains_key("active")) {
        let _ = writeln!(
            text,
            "\nNew endpoints are off until `naptime on` or --activate, so that nothing is called twice."
        );
    }
    text
}

/// Each difference once, with the keys of those it is of.
fn differs(found: &Found) -> Vec<(String, String)> {
    let mut sentences: Vec<(&str, Vec<&str>)> = Vec::new();
    for taken in &found.taken {
        for sentence in &taken.differs {
            match sentences.iter_mut().find(|(known, _)| known == sentence) {
                Some((_, keys)) => keys.push(&taken.key),
                None => sentences.push((sentence, vec![&taken.key])),
            }
        }
    }
    let whose = |keys: &[&str]| match keys.len() {
        1 => keys[0].to_owned(),
        all if all == found.taken.len() => "all".to_owned(),
        some if some > KEYS_SHOWN => format!("{} and {} more", keys[..KEYS_SHOWN].join(", "), some - KEYS_SHOWN),
        _ => keys.join(", "),
    };
    let notes = found.notes.iter().map(|note| ("all".to_owned(), plain(note)));
    notes.chain(sentences.into_iter().map(|(sentence, keys)| (whose(&keys), plain(sentence)))).collect()
}

/// A text on one line, without what would move the cursor: some of it comes from files of others.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
