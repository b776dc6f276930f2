//! Curl commands, as people copy them from documentation, browsers and crontabs, as calls.

mod options;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded::byte_serialize;

use self::options::Means;
pub use self::words::plain_quotes;
use crate::request::excerpt;
use crate::{Invalid, Method};

/// The longest command, in bytes. The body of a call may be 256 KiB.
const MAX_COMMAND: usize = 512 * 1024;
/// What a shell has between commands, or behind one.
const ENDS: [&str; 8] = ["|", "||", "&&", "&", ";", ">", ">>", "2>&1"];

/// What a curl command calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curl {
    /// Where it goes.
    pub url: String,
    /// How.
    pub method: Method,
    /// The headers, those that curl adds for its options among them.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How often it is tried again.
    pub retries: Option<u32>,
    /// What of the command means nothing here, or something else.
    pub left_out: Vec<String>,
}

/// What is gathered while a command is read.
#[derive(Default)]
struct Read {
    url: Option<String>,
    method: Option<Method>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    is_get: bool,
    is_head: bool,
    timeout: Option<Duration>,
    retries: Option<u32>,
    left_out: Vec<String>,
}

impl Curl {
    /// Reads a command, as a shell such as bash does.
    ///
    /// # Errors
    /// At `curl`, naming the option, if it is no curl command, or does what a call cannot.
    pub fn read(command: &str) -> Result<Self, Invalid> {
        if command.len() > MAX_COMMAND {
            return Err(fault("too_long", format!("a command may be up to {} KiB long", MAX_COMMAND / 1024)));
        }
        // As it is pasted with the prompt before it.
        let command = command.trim().trim_start_matches("$ ");
        Self::of_words(words::split(command)?)
    }

    /// Reads the words of a command, the first of which is `curl`.
    ///
    /// # Errors
    /// As [`Curl::read`].
    pub fn of_words(words: Vec<String>) -> Result<Self, Invalid> {
        let mut words = words.into_iter();
        let program = words.next().unwrap_or_default();
        if program.rsplit('/').next() != Some("curl") {
            return Err(fault("no_curl", format!("it begins with `{}`, not with `curl`", excerpt(&program, 40))));
        }
        let mut read = Read::default();
        while let Some(word) = words.next() {
            if ENDS.contains(&word.as_str()) {
                read.left_out.push(format!("what follows `{word}`"));
                break;
            }
            match word.strip_prefix("--").map(str::to_owned) {
                Some(name) if !name.is_empty() => read.long(&name, &mut words)?,
                _ if word.len() > 1 && word.starts_with('-') => read.short(&word[1..], &mut words)?,
                _ => read.address(word)?,
            }
        }
        read.finish()
    }
}

impl Read {
    /// An option by its name.
    fn long(&mut self, name: &str, words: &mut impl Iterator<Item = String>) -> Result<(), Invalid> {
        let Some(means) = Means::of_name(name) else { return Err(unknown(&format!("--{name}"))) };
        let value = if means.takes_value() { Some(next(words, &format!("--{name}"))?) } else { None };
        self.take(means, &format!("--{name}"), value.unwrap_or_default())
    }

    /// Options by their letters: the last one may have its value right behind it.
    fn short(&mut self, letters: &str, words: &mut impl Iterator<Item = String>) -> Result<(), Invalid> {
        for (at, letter) in letters.char_indices() {
            let said = format!("-{letter}");
            let Some(means) = Means::of_letter(letter) else { return Err(unknown(&said)) };
            if means.takes_value() {
                let rest = &letters[at + letter.len_utf8()..];
                let value = if rest.is_empty() { next(words, &said)? } else { rest.to_owned() };
                return self.take(means, &said, value);
            }
            self.take(means, &said, String::new())?;
        }
        Ok(())
    }

    fn take(&mut self, means: Means, said: &str, value: String) -> Result<(), Invalid> {
        match means {
            Means::Method => self.method = Some(value.parse().map_err(|why: Invalid| fault(why.code, why.detail))?),
            Means::Header => match value.split_once(':') {
                // Without a value, it is not sent, even if curl would.
                Some((_, value)) if value.trim().is_empty() => {}
                Some((name, value)) => self.header(name.trim(), value.trim()),
                // With a semicolon in its place it is empty.
                None if value.ends_with(';') => self.header(value.trim_end_matches(';'), ""),
                None => return Err(fault("no_header", format!("`{}` is no header", excerpt(&value, 40)))),
            },
            Means::Data => self.data.push(no_file(said, value)?),
            Means::UrlEncoded => {
                let value = no_file(said, value)?;
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                self.data.push(match value.split_once('=') {
                    Some(("", text)) => encode(text),
                    Some((name, text)) => format!("{name}={}", encode(text)),
                    None => encode(&value),
                });
            }
            Means::Json => {
                self.data.push(no_file(said, value)?);
                self.header_unless_said("Content-Type", "application/json");
                self.header_unless_said("Accept", "application/json");
            }
            Means::User => self.header("Authorization", &format!("Basic {}", STANDARD.encode(value))),
            Means::Bearer => self.header("Authorization", &format!("Bearer {value}")),
            Means::Agent => self.header("User-Agent", &value),
            Means::Referer => self.header("Referer", &value),
            Means::Cookie if value.contains('=') => self.header("Cookie", &value),
            Means::Cookie => {
                return Err(fault("file", format!("`{said}` reads a file, which is not there for workers")));
            }
            Means::MaxTime => {
                let seconds = value.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
                let bad = || fault("not_a_number", format!("`{said} {}` is no number of seconds", excerpt(&value, 40)));
                self.timeout = Some(seconds.filter(|seconds| !seconds.is_zero()).ok_or_else(bad)?);
            }
            Means::Retry => {
                let bad = || fault("not_a_number", format!("`{said} {}` is no number", excerpt(&value, 40)));
                self.retries = Some(value.parse().map_err(|_| bad())?);
            }
            Means::Url => self.address(value)?,
            Means::Get => self.is_get = true,
            Means::Head => self.is_head = true,
            Means::Nothing => {}
            Means::NothingWith if value == "/dev/null" => {}
            Means::NothingWith => self.left_out.push(format!("{said} {}", excerpt(&value, 40))),
            Means::Otherwise(how) => self.left_out.push(format!("{said} ({how})")),
            Means::Refused(why) | Means::RefusedFlag(why) => {
                return Err(fault("unsupported", format!("`{said}`: {why}")));
            }
        }
        Ok(())
    }

    fn address(&mut self, address: String) -> Result<(), Invalid> {
        if self.url.is_some() {
            return Err(fault("several", format!("it calls a second address, `{}`", excerpt(&address, 60))));
        }
        // Without a scheme curl takes http.
        self.url = Some(if address.contains("://") { address } else { format!("http://{address}") });
        Ok(())
    }

    fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn header_unless_said(&mut self, name: &str, value: &str) {
        if !self.headers.iter().any(|(said, _)| said.eq_ignore_ascii_case(name)) {
            self.header(name, value);
        }
    }

    fn finish(mut self) -> Result<Curl, Invalid> {
        let Some(mut url) = self.url.take() else { return Err(fault("no_url", "it names no address".to_owned())) };
        let mut body = (!self.data.is_empty()).then(|| self.data.join("&"));
        if self.is_get
            && let Some(query) = body.take()
        {
            url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
        }
        if body.is_some() {
            self.header_unless_said("Content-Type", "application/x-www-form-urlencoded");
        }
        let method = match self.method {
            Some(method) => method,
            None if self.is_head => Method::Head,
            None if body.is_some() => Method::Post,
            None => Method::Get,
        };
        Ok(Curl {
            url,
            method,
            headers: self.headers,
            body,
            timeout: self.timeout,
            retries: self.retries,
            left_out: self.left_out,
        })
    }
}

fn next(words: &mut impl Iterator<Item = String>, said: &str) -> Result<String, Invalid> {
    words.next().ok_or_else(|| fault("no_value", format!("`{said}` has no value")))
}

fn no_file(said: &str, value: String) -> Result<String, Invalid> {
    if value.starts_with('@') && said != "--data-raw" {
        return Err(fault(
            "file",
            format!("`{said} {}` reads a file, which is not there for workers", excerpt(&value, 40)),
        ));
    }
    Ok(value)
}

fn unknown(said: &str) -> Invalid {
    fault(
        "unknown_option",
        format!("`{}` is an option that is not known here; leave it out if it does not matter", excerpt(said, 40)),
    )
}

fn fault(code: &'static str, detail: String) -> Invalid {
    Invalid::new("curl", code, detail)
}
