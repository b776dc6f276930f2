//! What may go wrong with a request.

use std::time::Duration;

use serde::Deserialize;

/// What a request leads to.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request did not lead to what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's URL cannot be used.
    #[error("this is not the URL of a server, such as https://naptime.example.com, without a user and a query")]
    BadServer,
    /// The token has characters that no header may hold.
    #[error("the token has characters that cannot be sent")]
    BadToken,
    /// What was given to be sent cannot be written as JSON, such as a map whose keys are no texts.
    #[error("what is to be sent cannot be written as JSON: {0}")]
    NotJson(String),
    /// The platform offers no TLS: no certificates of authorities, for example.
    #[error("no connections can be made: {0}")]
    NoClient(String),
    /// No answer came: no connection could be made, it broke, or it took too long.
    #[error("nothing answers at {server}: {why}")]
    NotReachable {
        /// The server's URL.
        server: String,
        /// What went wrong with the connection.
        why: String,
    },
    /// The server wants a token and got none, or does not know the one it got.
    #[error("{server} does not let this in without the right token")]
    Unauthorized {
        /// The server's URL.
        server: String,
    },
    /// The API refused the request, and says why.
    #[error("{0}")]
    Problem(Box<ProblemDocument>),
    /// The answer is not one of Naptime's API.
    #[error("what answers at {server} is not Naptime's API: {why}")]
    Unexpected {
        /// The server's URL.
        server: String,
        /// What came in place of what was expected.
        why: String,
    },
}

impl Error {
    /// The code of a refused request, such as `not_found` or `stale`; none of any other error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// Whether the server has nothing of this id or name.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.status == 404)
    }
}

/// A refused request, as `application/problem+json` says it.
#[derive(Clone, Debug, Deserialize, thiserror::Error)]
#[error("{detail}")]
#[non_exhaustive]
pub struct ProblemDocument {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, for programs: `not_found`, `too_long`.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
    /// The path of the field that is at fault, such as `retry.attempts`.
    #[serde(default)]
    pub field: Option<String>,
    /// All faults, where there may be several. The first is the one above.
    #[serde(default)]
    pub errors: Vec<Fault>,
    /// `Retry-After`: how long to wait before the request is sent again.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// What is wrong with a field.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Fault {
    /// The path of the field.
    pub field: String,
    /// What is wrong, for programs.
    pub code: String,
    /// What is wrong, for people.
    pub detail: String,
}

impl ProblemDocument {
    pub(crate) fn unavailable(detail: String, retry_after: Option<Duration>) -> Self {
        let code = "unavailable".to_owned();
        Self { status: 503, code, detail, field: None, errors: Vec::new(), retry_after }
    }

    /// All faults at fields: `errors`, or the one field that is named.
    pub fn faults(&self) -> Vec<Fault> {
        let one = self.field.iter().map(|field| Fault {
            field: field.clone(),
            code: self.code.clone(),
            detail: self.detail.clone(),
        });
        if self.errors.is_empty() { one.collect() } else { self.errors.clone() }
    }
}
