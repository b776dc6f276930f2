//! HTTP as all features use it: connections, who may ask, how fast and how much, what is asked, and problem documents.

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod budget;
pub(crate) mod client;
pub(crate) mod guard;
pub(crate) mod items;
pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod many;
pub(crate) mod mount;
pub(crate) mod params;
pub(crate) mod prefer;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod rate;
pub(crate) mod serve;
pub(crate) mod shut;
pub(crate) mod throttle;
