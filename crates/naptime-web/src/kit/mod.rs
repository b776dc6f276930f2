//! What pages are made of: the frame, charts, marks, notices, and how figures read. It knows no feature.

pub(crate) mod address;
pub(crate) mod assets;
pub(crate) mod charts;
pub(crate) mod confirm;
pub(crate) mod controls;
mod error;
pub(crate) mod format;
pub(crate) mod labels;
pub(crate) mod layout;
pub(crate) mod many;
pub(crate) mod mask;
pub(crate) mod notice;
pub(crate) mod scale;
pub(crate) mod status;
pub(crate) mod texts;
pub(crate) mod worker;

pub(crate) use error::PageError;
