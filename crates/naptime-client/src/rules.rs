//! Rules: what happens to endpoints on events.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::client::{Client, Request};
use crate::error::Result;
use crate::filter::Filter;
use crate::item::Item;
use crate::list::List;

/// A rule.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The event that it is for.
    pub event: String,
    /// Whether it does anything.
    pub enabled: bool,
    /// The number that each change raises.
    pub rev: i64,
}

impl Client {
    /// The rules by their names.
    pub fn rules(&self) -> List<Rule> {
        List::new(self, &["rules"], Filter::new())
    }

    /// Stores a rule in place of the one of its name, if there is one.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names the fields that cannot be used.
    pub async fn put_rule(&self, name: &str, rule: &impl Serialize) -> Result<Item<Rule>> {
        self.ask(Request::new(Method::PUT, &["rules", name]).json(rule)).await
    }

    /// Looks whether a rule could be stored, and stores nothing.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); `Problem` names the fields that cannot be used.
    pub async fn check_rule(&self, name: &str, rule: &impl Serialize) -> Result<()> {
        let filter = Filter::new().with("dry_run", true);
        self.send(Request::new(Method::PUT, &["rules", name]).filtered(&filter).json(rule)).await.map(drop)
    }
}
