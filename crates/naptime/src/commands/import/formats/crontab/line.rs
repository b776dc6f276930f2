//! One line of a crontab.

use super::super::shell::program;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Blank,
    Comment(&'a str),
    Variable(&'a str, &'a str),
    Job { pattern: &'a str, command: &'a str },
    Other,
}

/// Programs that others are started by, so that they are not taken for users.
const STARTERS: [&str; 12] =
    ["chronic", "command", "env", "exec", "flock", "ionice", "nice", "nohup", "setsid", "sudo", "time", "timeout"];

/// Splits a line without blanks around it. In a crontab of the system a user stands before the command.
pub(super) fn split(text: &str, has_users: bool) -> Line<'_> {
    if text.is_empty() {
        return Line::Blank;
    }
    if let Some(comment) = text.strip_prefix('#') {
        return Line::Comment(comment.trim_matches(['#', ' ', '\t', '-', '=']));
    }
    if let Some((name, value)) = variable(text) {
        return Line::Variable(name, value);
    }
    // cron of some systems logs less of a line that begins with a dash.
    let text = text.strip_prefix('-').unwrap_or(text);
    let fields = if text.starts_with('@') { 1 } else { 5 };
    let Some((pattern, mut command)) = cut(text, fields) else { return Line::Other };
    if has_users {
        let Some((_, rest)) = cut(command, 1) else { return Line::Other };
        command = rest;
    }
    Line::Job { pattern, command }
}

/// Whether lines have a user before the command: one of them is `root`, or a name before curl or wget.
pub(super) fn has_users(text: &str) -> bool {
    text.lines().any(|text| {
        let Line::Job { command, .. } = split(text.trim(), false) else { return false };
        let mut words = command.split_whitespace().map(str::to_owned);
        let (user, rest) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        let is_name = user.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
        let calls = matches!(program(&rest), "curl" | "wget");
        is_name && !rest.is_empty() && (user == "root" || (calls && !STARTERS.contains(&user.as_str())))
    })
}

/// `NAME = "value"`.
fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim_end(), value.trim());
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let unquoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    (is_name && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, unquoted.unwrap_or(value)))
}

/// The first words of a text, and what comes after them.
fn cut(text: &str, words: usize) -> Option<(&str, &str)> {
    let mut rest = text;
    for _ in 0..words {
        rest = rest.trim_start();
        rest = &rest[rest.find(char::is_whitespace)?..];
    }
    let first = text[..text.len() - rest.len()].trim();
    Some((first, rest.trim_start())).filter(|(_, rest)| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let check = |text: &str, expect: Line<'_>| assert_eq!(split(text, false), expect, "{text}");
        check("## --- Nightly ---", Line::Comment("Nightly"));
        check("A_B = 'x y'", Line::Variable("A_B", "x y"));
        check("MAILTO=\"\"", Line::Variable("MAILTO", ""));
        check("0 9 * *\tmon  curl a=b", Line::Job { pattern: "0 9 * *\tmon", command: "curl a=b" });
        check("@daily curl x", Line::Job { pattern: "@daily", command: "curl x" });
        check("-*/5 * * * * x", Line::Job { pattern: "*/5 * * * *", command: "x" });
        check("0 9 * *", Line::Other);
        assert_eq!(split("@daily www-data curl x", true), Line::Job { pattern: "@daily", command: "curl x" });
    }

    #[test]
    fn a_crontab_of_the_system_is_known_by_its_users() {
        let check = |text: &str, expect: bool| assert_eq!(has_users(text), expect, "{text}");
        check("0 9 * * * curl -s https://a.test", false);
        check("0 9 * * * nice curl -s https://a.test", false);
        check("0 9 * * * /usr/bin/curl https://a.test", false);
        check("0 9 * * * www-data /usr/bin/curl https://a.test", true);
        check("17 * * * * root cd / && run-parts /etc/cron.hourly", true);
        check("0 9 * * * root", false);
    }
}
