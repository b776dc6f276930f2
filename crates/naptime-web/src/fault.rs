//! What is wrong with what somebody sent.

use std::borrow::Cow;

use naptime_core::Invalid;

/// A fault at a field. Unlike [`Invalid`], the field may be one that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Fault {
    /// The field, by its name in the API.
    pub(crate) field: Cow<'static, str>,
    /// What is wrong, for programs.
    pub(crate) code: &'static str,
    /// What is wrong and what would be right, for people.
    pub(crate) detail: String,
}

impl Fault {
    /// A fault at `field`.
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field: field.into(), code, detail: detail.into() }
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self::new(invalid.field, invalid.code, invalid.detail)
    }
}
