//! A command line of a shell, if it does no more than start one program.

use std::iter::Peekable;
use std::str::Chars;

use naptime_core::curl::plain_quotes;

use crate::commands::variables::{literal, variable};

/// Commands that change nothing about what was done before them.
const HARMLESS: [&str; 5] = ["true", ":", "exit 0", "exit", "/bin/true"];

/// One program and its arguments.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The words. A variable that is not known is `${NAME}` in them.
    pub(super) words: Vec<String>,
    /// The variables that are not known, as often as they are used.
    pub(super) variables: Vec<String>,
    /// The files that the output goes to, but for `/dev/null`.
    pub(super) outputs: Vec<String>,
    /// What stands behind `#`.
    pub(super) comment: String,
}

/// Reads a command line.
///
/// # Errors
/// Why it does more than start one program, or cannot be read: a sentence without a full stop.
pub(super) fn read(line: &str, value_of: &dyn Fn(&str) -> Option<String>) -> Result<Command, String> {
    let line = plain_quotes(line).map_err(|fault| fault.detail)?;
    let mut reader =
        Reader { chars: line.chars().peekable(), value_of, plain: String::new(), command: Command::default() };
    reader.read()?;
    let Reader { plain, mut command, .. } = reader;
    let words = shell_words::split(&plain).map_err(|_| "a quote is not closed".to_owned())?;
    // `NAME=value` before the program is for its environment.
    command.words = words.into_iter().skip_while(|word| is_assignment(word)).collect();
    if command.words.is_empty() {
        return Err("it starts no program".to_owned());
    }
    Ok(command)
}

/// The name of the program of some words, without its folder.
pub(super) fn program(words: &[String]) -> &str {
    words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default()
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    value_of: &'a dyn Fn(&str) -> Option<String>,
    /// The command with its variables filled in, in quotes that are still to be taken away.
    plain: String,
    command: Command,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), String> {
        while let Some(c) = self.chars.next() {
            match c {
                '\'' => self.single_quoted(),
                '"' => self.double_quoted()?,
                '\\' => self.escaped(),
                '$' => self.dollar(false)?,
                '`' => return Err(SUBSTITUTION.to_owned()),
                '#' if self.at_word_start() => {
                    self.command.comment = self.chars.by_ref().collect::<String>().trim().to_owned();
                }
                '>' => self.output()?,
                '&' if self.chars.peek() == Some(&'>') => {}
                '<' => return Err("it reads a file, which workers do not have".to_owned()),
                '(' | ')' | '{' | '}' if self.at_word_start() => {
                    return Err(format!("it groups commands with `{c}`, which only a shell does"));
                }
                ';' | '|' | '&' | '\n' => return self.ends(c),
                _ => self.plain.push(c),
            }
        }
        Ok(())
    }

    fn at_word_start(&self) -> bool {
        self.plain.chars().next_back().is_none_or(char::is_whitespace)
    }

    fn single_quoted(&mut self) {
        self.plain.push('\'');
        while let Some(c) = self.chars.next() {
            self.plain.push(c);
            match c {
                '\'' => return,
                '$' if self.chars.peek() == Some(&'{') => self.plain.push('$'),
                _ => {}
            }
        }
    }

    fn double_quoted(&mut self) -> Result<(), String> {
        self.plain.push('"');
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => self.escaped(),
                '$' => self.dollar(true)?,
                '`' => return Err(SUBSTITUTION.to_owned()),
                _ => self.plain.push(c),
            }
            if c == '"' {
                break;
            }
        }
        Ok(())
    }

    /// What comes after a backslash. A dollar sign that could begin a variable of ours is written so that it does not.
    fn escaped(&mut self) {
        self.plain.push('\\');
        let Some(c) = self.chars.next() else { return };
        self.plain.push(c);
        if c == '$' && self.chars.peek() == Some(&'{') {
            self.plain.push_str("\\$");
        }
    }

    /// What comes after a dollar sign.
    fn dollar(&mut self, quoted: bool) -> Result<(), String> {
        let name = match self.chars.peek() {
            Some('(') => return Err(SUBSTITUTION.to_owned()),
            Some('{') => {
                self.chars.next();
                let name: String = self.chars.by_ref().take_while(|c| *c != '}').collect();
                if !is_name(&name) {
                    return Err(format!("only a shell knows what `${{{name}}}` is"));
                }
                name
            }
            Some(c) if is_name_char(*c) && !c.is_ascii_digit() => {
                let mut name = String::new();
                while let Some(c) = self.chars.next_if(|c| is_name_char(*c)) {
                    name.push(c);
                }
                name
            }
            Some(c) if c.is_ascii_digit() || "?!$@*#-".contains(*c) => {
                return Err(format!("only a shell knows what `${c}` is"));
            }
            _ => {
                self.plain.push('$');
                return Ok(());
            }
        };
        match (self.value_of)(&name) {
            Some(value) if quoted => {
                for c in literal(&value).chars() {
                    if "\"\\$`".contains(c) {
                        self.plain.push('\\');
                    }
                    self.plain.push(c);
                }
            }
            // Without quotes, blanks in a value are between words.
            Some(value) => {
                let words: Vec<_> =
                    value.split_whitespace().map(|word| shell_words::quote(&literal(word)).into_owned()).collect();
                self.plain.push_str(&words.join(" "));
            }
            None => {
                self.plain.push_str(&variable(&name));
                self.command.variables.push(name);
            }
        }
        Ok(())
    }

    /// What comes after `>`: where the output goes.
    fn output(&mut self) -> Result<(), String> {
        // The number of a stream, as in `2>`.
        let word_start = self.plain.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        if self.plain[word_start..].chars().all(|c| c.is_ascii_digit()) {
            self.plain.truncate(word_start);
        }
        while self.chars.next_if(|c| matches!(c, '>' | '|')).is_some() {}
        if self.chars.next_if_eq(&'&').is_some() {
            while self.chars.next_if(|c| c.is_ascii_digit() || *c == '-').is_some() {}
            return Ok(());
        }
        while self.chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        let mut file = String::new();
        while let Some(c) = self.chars.next_if(|c| !c.is_whitespace() && !";|&<>".contains(*c)) {
            file.push(c);
        }
        if file.contains('(') {
            return Err("it gives its output to another program".to_owned());
        }
        if file != "/dev/null" {
            self.command.outputs.push(file.trim_matches(['"', '\'']).to_owned());
        }
        self.plain.push(' ');
        Ok(())
    }

    /// What comes after the command: nothing, or what changes nothing.
    fn ends(&mut self, sign: char) -> Result<(), String> {
        let mut operator = sign.to_string();
        operator.extend(self.chars.next_if_eq(&sign));
        let rest: String = self.chars.by_ref().collect();
        let rest = rest.trim();
        match &*operator {
            ";" | "\n" | "\n\n" | "&" if rest.is_empty() => Ok(()),
            ";" | "||" | "&&" if HARMLESS.contains(&rest) => Ok(()),
            "\n" | "\n\n" => Err("there is more than one command".to_owned()),
            _ => Err(format!("it goes on with `{operator} {}`, which Naptime does not run", excerpt(rest))),
        }
    }
}

const SUBSTITUTION: &str = "it puts in what another command prints, which only a shell does";

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_char) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The beginning of a text, on one line.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 60;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > SHOWN { line.chars().take(SHOWN).collect::<String>() + "…" } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str) -> Result<Command, String> {
        read(line, &|name| (name == "HOST").then(|| "a.test x${".to_owned()))
    }

    #[test]
    fn one_program_is_read_with_its_variables_filled_in() {
        let check = |line: &str, words: &[&str], variables: &[&str]| {
            let command = read_line(line).expect(line);
            assert_eq!(command.words, words, "{line}");
            assert_eq!(command.variables, variables, "{line}");
        };
        check("curl 'a b' >/dev/null 2>&1", &["curl", "a b"], &[]);
        check("A=1 B='x y' curl a=b &>> log || true", &["curl", "a=b"], &[]);
        check(r#"curl "https://$HOST/" ${HOST}"#, &["curl", "https://a.test x$${/", "a.test", "x$${"], &[]);
        check(
            r#"curl "$T" -H 'A: ${T} $T' \${T} "\${T}" $"#,
            &["curl", "${T}", "-H", "A: $${T} $T", "$${T}", "$${T}", "$"],
            &["T"],
        );
        check(r"curl $'a\'b' 2> /dev/null; exit 0", &["curl", "a'b"], &[]);
        check("curl \\\n  a\n", &["curl", "a"], &[]);
        check("curl a#b 2", &["curl", "a#b", "2"], &[]);
    }

    #[test]
    fn outputs_and_comments_are_told() {
        let command = read_line("curl a >> /var/log/x.log 2>&1 # nightly").expect("one program");
        assert_eq!((command.outputs, &*command.comment), (vec!["/var/log/x.log".to_owned()], "nightly"));
    }

    #[test]
    fn what_only_a_shell_does_is_refused() {
        for (line, why) in [
            ("curl a | jq .", "goes on with `| jq .`"),
            ("curl a && curl b", "goes on with `&& curl b`"),
            ("curl a\ncurl b", "more than one command"),
            ("curl a?t=$(date)", "another command prints"),
            ("curl \"`date`\"", "another command prints"),
            ("curl ${A:-b}", "`${A:-b}`"),
            ("curl $1", "`$1`"),
            ("curl -d @- < file", "reads a file"),
            ("(curl a)", "groups commands"),
            ("curl 'a", "not closed"),
            ("A=1", "no program"),
        ] {
            let fault = read_line(line).expect_err(line);
            assert!(fault.contains(why), "{line}: {fault}");
        }
    }
}
