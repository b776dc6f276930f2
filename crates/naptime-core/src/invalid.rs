//! What is wrong with a piece of input, and where.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// A fault in what somebody typed or sent, named so that a form can show it at the field and the API can return it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invalid {
    /// The field, by its name in the API: `url`, `every`, `headers`. It may be one that nobody knows.
    #[schema(value_type = String)]
    pub field: Cow<'static, str>,
    /// What is wrong, for programs: `too_long`.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// What is wrong and what would be right, for people: a sentence.
    pub detail: String,
}

impl Invalid {
    /// A fault at `field`.
    pub fn new(field: impl Into<Cow<'static, str>>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field: field.into(), code, detail: detail.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.detail)
    }
}

impl std::error::Error for Invalid {}
