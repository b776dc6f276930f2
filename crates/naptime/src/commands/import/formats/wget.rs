//! Commands of wget, as calls.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::call::Call;
use super::shell::excerpt;

/// What an option means.
#[derive(Clone, Copy)]
enum Means {
    Method,
    Body,
    Header,
    Agent,
    Referer,
    User,
    Password,
    Timeout,
    Tries,
    Output,
    Spider,
    /// Nothing here.
    Nothing,
    /// Nothing here, and neither does its value.
    NothingWith,
    /// Something that a call here does otherwise.
    Otherwise(&'static str),
    /// Something that cannot be done, whether it has a value or not.
    Refused(&'static str),
}

/// The attempts of a command that does not say how many: as many as an endpoint has of its own accord.
const ATTEMPTS: u32 = 3;
const ALWAYS_CHECKED: &str = "certificates are always checked";
const NO_CRAWLING: &str = "one URL is called, and nothing that it links to";
const NO_FILES: &str = "workers do not have the file it reads";

/// The options, each by its letters, if it has some, and its name.
const OPTIONS: &[(&str, &str, Means)] = &[
    ("", "method", Means::Method),
    ("", "body-data", Means::Body),
    ("", "post-data", Means::Body),
    ("", "header", Means::Header),
    ("U", "user-agent", Means::Agent),
    ("", "referer", Means::Referer),
    ("", "user", Means::User),
    ("", "http-user", Means::User),
    ("", "password", Means::Password),
    ("", "http-password", Means::Password),
    ("T", "timeout", Means::Timeout),
    ("", "read-timeout", Means::Timeout),
    ("t", "tries", Means::Tries),
    ("O", "output-document", Means::Output),
    ("", "spider", Means::Spider),
    ("q", "quiet", Means::Nothing),
    ("nv", "no-verbose", Means::Nothing),
    ("v", "verbose", Means::Nothing),
    ("d", "debug", Means::Nothing),
    ("S", "server-response", Means::Nothing),
    ("4", "inet4-only", Means::Nothing),
    ("6", "inet6-only", Means::Nothing),
    ("nc", "no-clobber", Means::Nothing),
    ("nd", "no-directories", Means::Nothing),
    ("", "no-cache", Means::Nothing),
    ("", "no-cookies", Means::Nothing),
    ("", "no-dns-cache", Means::Nothing),
    ("", "no-proxy", Means::Nothing),
    ("", "delete-after", Means::Nothing),
    ("", "auth-no-challenge", Means::Nothing),
    ("", "content-on-error", Means::Nothing),
    ("o", "output-file", Means::NothingWith),
    ("a", "append-output", Means::NothingWith),
    ("P", "directory-prefix", Means::NothingWith),
    ("w", "wait", Means::NothingWith),
    ("", "waitretry", Means::NothingWith),
    ("", "connect-timeout", Means::NothingWith),
    ("", "dns-timeout", Means::NothingWith),
    ("", "max-redirect", Means::NothingWith),
    ("", "limit-rate", Means::NothingWith),
    ("", "progress", Means::NothingWith),
    ("", "no-check-certificate", Means::Otherwise(ALWAYS_CHECKED)),
    ("r", "recursive", Means::Refused(NO_CRAWLING)),
    ("m", "mirror", Means::Refused(NO_CRAWLING)),
    ("p", "page-requisites", Means::Refused(NO_CRAWLING)),
    ("i", "input-file", Means::Refused(NO_FILES)),
    ("", "post-file", Means::Refused(NO_FILES)),
    ("", "body-file", Means::Refused(NO_FILES)),
    ("", "load-cookies", Means::Refused(NO_FILES)),
    ("e", "execute", Means::Refused("its settings are not read")),
    ("", "certificate", Means::Refused("certificates are set up with the pool")),
    ("", "ca-certificate", Means::Refused("certificates are set up with the pool")),
];

impl Means {
    fn takes_value(self) -> bool {
        !matches!(self, Self::Spider | Self::Nothing | Self::Otherwise(_) | Self::Refused(_))
    }
}

/// What is gathered while a command is read.
#[derive(Default)]
struct Read {
    url: Option<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    user: Option<String>,
    password: Option<String>,
    timeout: Option<Duration>,
    tries: Option<u32>,
    is_saved: bool,
    is_spider: bool,
    differs: Vec<String>,
}

/// Reads the words of a command, the first of which is `wget`.
///
/// # Errors
/// The option that cannot be taken over, and why: a sentence without a full stop.
pub(super) fn read(words: Vec<String>) -> Result<Call, String> {
    let mut read = Read { is_saved: true, ..Read::default() };
    let mut words = words.into_iter().skip(1);
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let means = named(name).ok_or_else(|| unknown(&word))?;
            let value = if means.takes_value() {
                Some(value.or_else(|| words.next()).ok_or_else(|| no_value(&word))?)
            } else {
                None
            };
            read.take(means, &format!("--{name}"), value.unwrap_or_default())?;
        } else if word.len() > 1 && word.starts_with('-') {
            read.letters(&word[1..], &mut words)?;
        } else {
            read.address(word)?;
        }
    }
    read.finish()
}

impl Read {
    /// Options by their letters: the last one may have its value right behind it.
    fn letters(&mut self, letters: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut rest = letters;
        while let Some(first) = rest.chars().next() {
            let two = rest.get(..2).and_then(|two| lettered(two).map(|means| (two, means)));
            let one = &rest[..first.len_utf8()];
            let (letter, means) =
                two.or_else(|| lettered(one).map(|means| (one, means))).ok_or_else(|| unknown(&format!("-{one}")))?;
            rest = &rest[letter.len()..];
            let said = format!("-{letter}");
            if !means.takes_value() {
                self.take(means, &said, String::new())?;
                continue;
            }
            let value = if rest.is_empty() { words.next().ok_or_else(|| no_value(&said))? } else { rest.to_owned() };
            return self.take(means, &said, value);
        }
        Ok(())
    }

    fn take(&mut self, means: Means, said: &str, value: String) -> Result<(), String> {
        let number = || format!("`{said} {}` is no number", excerpt(&value));
        match means {
            Means::Method => self.method = Some(value),
            Means::Body => self.body = Some(value),
            Means::Header => {
                let (name, value) =
                    value.split_once(':').ok_or_else(|| format!("`{}` is no header", excerpt(&value)))?;
                self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            Means::Agent => self.headers.push(("User-Agent".to_owned(), value)),
            Means::Referer => self.headers.push(("Referer".to_owned(), value)),
            Means::User => self.user = Some(value),
            Means::Password => self.password = Some(value),
            Means::Timeout => {
                let seconds = value.parse().ok().and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
                // 0 is none.
                self.timeout = Some(seconds.ok_or_else(number)?).filter(|timeout| !timeout.is_zero());
            }
            Means::Tries => {
                // 0 and `inf` are without end.
                let tries = if value == "inf" { 0 } else { value.parse().map_err(|_| number())? };
                self.tries = Some(if tries == 0 { u32::MAX } else { tries });
            }
            Means::Output => self.is_saved = !matches!(&*value, "-" | "/dev/null"),
            Means::Spider => self.is_spider = true,
            Means::Nothing => {}
            Means::NothingWith if value == "/dev/null" => {}
            Means::NothingWith => self.differs.push(format!("of the command is left out: {said} {}", excerpt(&value))),
            Means::Otherwise(how) => self.differs.push(format!("of the command is left out: {said} ({how})")),
            Means::Refused(why) => return Err(format!("`{said}`: {why}")),
        }
        Ok(())
    }

    fn address(&mut self, address: String) -> Result<(), String> {
        if self.url.is_some() {
            return Err(format!("it calls a second address, `{}`", excerpt(&address)));
        }
        // Without a scheme wget takes http.
        self.url = Some(if address.contains("://") { address } else { format!("http://{address}") });
        Ok(())
    }

    fn finish(self) -> Result<Call, String> {
        let Self { url, method, mut headers, body, user, password, timeout, tries, is_saved, is_spider, mut differs } =
            self;
        let url = url.ok_or("it names no address")?;
        if let Some(user) = user {
            let login = STANDARD.encode(format!("{user}:{}", password.unwrap_or_default()));
            headers.push(("Authorization".to_owned(), format!("Basic {login}")));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        differs.push("wget follows redirects, which are not followed here".to_owned());
        if is_saved && !is_spider {
            differs.push("wget saves the answer as a file; here it is kept with the run".to_owned());
        }
        if timeout.is_some() {
            differs.push("wget's timeout is for each part of a call; here it is for the whole call".to_owned());
        }
        let method = match method {
            Some(method) => method.to_uppercase(),
            None if is_spider => "HEAD".to_owned(),
            None if body.is_some() => "POST".to_owned(),
            None => "GET".to_owned(),
        };
        if tries.is_none() {
            differs
                .push(format!("wget tries up to 20 times if a connection breaks; here there are {ATTEMPTS} attempts"));
        }
        Ok(Call { url, method, headers, body, timeout, attempts: tries.unwrap_or(ATTEMPTS), backoff: None, differs })
    }
}

fn named(name: &str) -> Option<Means> {
    OPTIONS.iter().find(|(_, known, _)| *known == name).map(|(.., means)| *means)
}

fn lettered(letters: &str) -> Option<Means> {
    OPTIONS.iter().find(|(known, ..)| *known == letters).map(|(.., means)| *means)
}

fn unknown(said: &str) -> String {
    format!("`{}` is an option that is not known here; leave it out if it does not matter", excerpt(said))
}

fn no_value(said: &str) -> String {
    format!("`{}` has no value", excerpt(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str) -> Result<Call, String> {
        read(shell_words::split(line).expect("words"))
    }

    #[test]
    fn a_command_is_read_as_wget_reads_it() {
        let plain = read_line("wget -qO- -t 1 example.com/a").expect("a call");
        assert_eq!((&*plain.url, &*plain.method, plain.attempts), ("http://example.com/a", "GET", 1));
        assert_eq!(plain.differs.len(), 1, "{:?}", plain.differs);
        let post =
            read_line("wget --post-data='a=1' --user=me --password secret -nv -T30 https://a.test").expect("a call");
        assert_eq!(
            (&*post.method, post.body.as_deref(), post.timeout),
            ("POST", Some("a=1"), Some(Duration::from_secs(30)))
        );
        assert_eq!(post.headers[0], ("Authorization".to_owned(), "Basic bWU6c2VjcmV0".to_owned()));
        assert_eq!(post.attempts, ATTEMPTS);
        assert_eq!(read_line("wget --spider https://a.test").expect("a call").method, "HEAD");
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (line, why) in [
            ("wget -r https://a.test", "`-r`: one URL is called"),
            ("wget --post-file=x https://a.test", "`--post-file`"),
            ("wget --nonsense https://a.test", "`--nonsense`"),
            ("wget https://a.test https://b.test", "`https://b.test`"),
            ("wget -q", "no address"),
            ("wget -T soon https://a.test", "`-T soon` is no number"),
        ] {
            let fault = read_line(line).expect_err(line);
            assert!(fault.contains(why), "{line}: {fault}");
        }
    }
}
