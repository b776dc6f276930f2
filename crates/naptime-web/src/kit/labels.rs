//! What the form of an endpoint calls its fields, and faults in its words.

use naptime_core::Invalid;

/// The labels of the fields and of their groups, by path.
const LABELS: [(&str, &str); 43] = [
    ("url", "URL"),
    ("every", "Period"),
    ("jitter", "Jitter"),
    ("align", "On round times (:00, :05, ...) rather than spread"),
    ("cron", "Pattern"),
    ("random", "Once in each"),
    ("window", "Window"),
    ("days", "Days"),
    ("tz", "Time zone"),
    ("from", "From"),
    ("until", "Until"),
    ("except", "Except"),
    ("pause", "Paused"),
    ("pause.until", "Paused until"),
    ("pause.note", "Why it is paused"),
    ("name", "Name"),
    ("active", "Active"),
    ("method", "Method"),
    ("headers", "Headers"),
    ("body", "Body"),
    ("secret", "Body and query are secret"),
    ("sign", "Signed with"),
    ("timeout", "Timeout"),
    ("success", "Success"),
    ("expect", "Expects"),
    ("sla", "SLA"),
    ("sla.every", "A good call every"),
    ("sla.within", "Within"),
    ("sla.days", "On"),
    ("sla.tz", "By the clock of"),
    ("retry", "Retries"),
    ("retry.attempts", "Attempts"),
    ("retry.backoff", "Pause"),
    ("retry.on", "Repeat after"),
    ("failing_after", "Failing after"),
    ("keep", "Keep answers"),
    ("late", "Late by at most"),
    ("catch_up", "Catch up"),
    ("steer", "The target may change the period"),
    ("steer.min", "Shortest period"),
    ("steer.max", "Longest period"),
    ("lease", "Lease"),
    ("tags", "Tags"),
];

/// What the form calls a field. A path that is not in the form stays as it is.
pub(crate) fn label(path: &str) -> &str {
    LABELS.iter().find(|(known, _)| *known == path).map_or(path, |(_, label)| label)
}

/// A fault in the words of the form: `every` is its Period. Words that were `typed` are quoted as they are.
pub(crate) fn worded(fault: Invalid, typed: &str) -> Invalid {
    // What this field takes are words of the API, and one of them, `timeout`, is also the name of a field.
    if fault.field == "retry.on" {
        return fault;
    }
    let is_typed = |word: &str| typed.split(|c: char| c.is_whitespace() || c == ',').any(|part| part == word);
    // What a label adds in brackets is for whoever fills the field in.
    let short = |label: &'static str| label.split(" (").next().unwrap_or(label);
    let names = LABELS.iter().map(|(path, label)| (path.rsplit('.').next().unwrap_or(path), short(label)));
    let detail = names
        .filter(|(name, _)| !is_typed(name))
        .fold(fault.detail, |detail, (name, label)| detail.replace(&format!("`{name}`"), label));
    Invalid { detail, ..fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_in_the_words_of_the_form() {
        let check = |field: &'static str, detail: &str, typed: &str, expect: &str| {
            assert_eq!(worded(Invalid::new(field, "code", detail), typed).detail, expect);
        };
        check(
            "every",
            "say `every` (like 5m), `cron` or `random`",
            "",
            "say Period (like 5m), Pattern or Once in each",
        );
        check("cron", "write it as `every`: 5m", "@every 5m", "write it as Period: 5m");
        check("cron", "the URL as `url`", "* * * * * curl http://a.test/url", "the URL as URL");
        check("steer.max", "both limits, `min` and `max`", "", "both limits, Shortest period and Longest period");
        check("retry.on", "there are `timeout` and `none`", "soon", "there are `timeout` and `none`");
        check("window", "`random` is not a part of the day", "random", "`random` is not a part of the day");
        check("days", "`random` is not a weekday", "mon,random", "`random` is not a weekday");
        check("every", "`soon` is not a duration", "soon", "`soon` is not a duration");
        check("align", "`align` goes with `every`", "true", "On round times goes with Period");
    }

    #[test]
    fn a_label_is_found_by_the_whole_path() {
        assert_eq!([label("retry.on"), label("on"), label("every")], ["Repeat after", "on", "Period"]);
    }
}
