//! What others call a cron pattern and means something else here, or nothing: said, not guessed.

use super::field::{Field, Part};
use crate::request::excerpt;

/// The longest part of a text that a fault repeats, in characters.
const SHOWN: usize = 60;

/// Refuses what is no pattern here, where it can be told how to write it.
///
/// # Errors
/// What it is, and what to write.
pub(super) fn refuse(text: &str) -> Result<(), String> {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    if first.eq_ignore_ascii_case("@every") {
        let period = excerpt(rest, SHOWN);
        return Err(format!("a period is no cron pattern; write it as `every`: {period}"));
    }
    if first.eq_ignore_ascii_case("@reboot") {
        return Err("`@reboot` is no time, but the start of a machine; write when to call, like @hourly or 0 9 * * *"
            .to_owned());
    }
    if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("cron(")) {
        let fields: Vec<&str> = text[5..].trim_end_matches(')').split(' ').filter(|word| !word.is_empty()).collect();
        let pattern = excerpt(&fields[..fields.len().min(5)].join(" "), SHOWN);
        return Err(format!(
            "`cron(...)` is how AWS writes it, with a year as the sixth field; write the first five fields alone, \
             `{pattern}`, and weekdays by name, as 1 is Sunday there and Monday here"
        ));
    }
    refuse_crontab_line(text)
}

/// Refuses weekdays by number beside `?`, which shows that they are counted as Quartz and AWS do.
///
/// # Errors
/// What to write.
pub(super) fn refuse_quartz_weekdays(day: Field<'_>, weekday: Field<'_>) -> Result<(), String> {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    match weekday.text.split([',', '-']).find(is_number).filter(|_| day.text == "?") {
        None => Ok(()),
        Some(word) => Err(format!(
            "weekday {}: beside `?`, as in Quartz and AWS, 1 is Sunday, and here it is Monday; write names like MON, or \
             `*` for `?`",
            excerpt(word, SHOWN)
        )),
    }
}

/// Refuses a line of a crontab: a pattern, perhaps a user, and a command.
fn refuse_crontab_line(text: &str) -> Result<(), String> {
    let fields = if text.starts_with('@') { 1 } else { 5 };
    let words: Vec<&str> = text.split(' ').collect();
    let Some((pattern, command)) = words.split_at_checked(fields) else { return Ok(()) };
    // A pattern of six or seven fields has something at the end that could be a field.
    if command.is_empty() || command.iter().all(|word| could_be_field(word)) {
        return Ok(());
    }
    Err(format!(
        "this is a line of a crontab; its pattern is `{}`: write only that here, and give the URL to call as `url`, \
         since commands (`{}`) are not run",
        excerpt(&pattern.join(" "), SHOWN),
        excerpt(&command.join(" "), SHOWN),
    ))
}

/// Whether a word is made of what fields are made of: numbers and names, with signs between them. What only begins with
/// a name is more likely a slip than a command.
fn could_be_field(word: &str) -> bool {
    let is_sign = |c: char| "*,-/#?+()".contains(c);
    word.split(is_sign).all(|part| {
        part.chars().all(|c| c.is_ascii_digit() || "LWH".contains(c.to_ascii_uppercase()))
            || part.chars().all(|c| c.is_ascii_alphabetic()) && Part::is_name(&part[..part.len().min(3)])
    })
}
