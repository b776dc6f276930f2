//! A call as other programs make it.

use std::time::Duration;

use crate::commands::variables::literal;

/// A call. In its texts `${NAME}` is a variable.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) url: String,
    pub(super) method: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    /// How long it may take; none if there is no end to it.
    pub(super) timeout: Option<Duration>,
    /// The most attempts, the first included.
    pub(super) attempts: u32,
    /// The pause after the first attempt, if it is known.
    pub(super) backoff: Option<Duration>,
    /// What Naptime does otherwise, as sentences without a full stop.
    pub(super) differs: Vec<String>,
}

impl Call {
    /// A `GET`, tried once, whose URL has no variables.
    pub(super) fn get(url: &str) -> Self {
        Self {
            url: literal(url),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: None,
            timeout: None,
            attempts: 1,
            backoff: None,
            differs: Vec::new(),
        }
    }

    /// Adds a header whose value has no variables.
    pub(super) fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), literal(value)));
    }

    /// Adds a header unless it has one of that name.
    pub(super) fn header_unless_said(&mut self, name: &str, value: &str) {
        if !self.headers.iter().any(|(said, _)| said.eq_ignore_ascii_case(name)) {
            self.header(name, value);
        }
    }

    /// All texts that may hold variables.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().map(|(_, value)| value.as_str());
        [self.url.as_str()].into_iter().chain(headers).chain(self.body.as_deref())
    }
}
