//! A mongod that belongs to no replica set, which Naptime refuses.

use super::member::Member;

/// A running mongod. It goes when this is dropped.
#[derive(Debug)]
pub struct Alone {
    member: Member,
}

impl Alone {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        let member = Member::start(None, &[], None);
        member.answering().await;
        Self { member }
    }

    /// The connection string of one of its databases.
    pub fn uri(&self, database: &str) -> String {
        format!("mongodb://{}/{database}", self.member.host())
    }
}
