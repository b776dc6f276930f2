//! A replica set of one or more members, which can be killed, paused and started again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mongodb::bson::{Bson, doc};

use super::database::Database;
use super::member::Member;
use crate::eventually;

const SET_NAME: &str = "naptime";

/// An election takes about 11 s with the settings as they come.
const ELECTION: Duration = Duration::from_secs(60);

/// A running replica set. Its members go when it is dropped.
#[derive(Debug)]
pub struct ReplicaSet {
    members: Vec<Member>,
    databases: AtomicU32,
}

impl ReplicaSet {
    /// Starts `count` members and waits until all of them are ready and one takes writes.
    pub async fn start(count: usize) -> Self {
        Self::start_with(count, &[]).await
    }

    /// The same with further arguments for each mongod, such as `["--setParameter", "enableTestCommands=1"]`.
    pub async fn start_with(count: usize, args: &[&str]) -> Self {
        Self::launch((0..count).map(|_| Member::start(Some(SET_NAME), args, None)).collect()).await
    }

    /// Starts one member whose clock is off by so much, as faketime takes it: `+300d`.
    pub async fn start_at(clock: &str) -> Self {
        Self::launch(vec![Member::start(Some(SET_NAME), &[], Some(clock))]).await
    }

    async fn launch(members: Vec<Member>) -> Self {
        let set = Self { members, databases: AtomicU32::new(0) };
        for member in &set.members {
            member.answering().await;
        }
        set.initiate().await;
        set
    }

    /// The connection string, without a database.
    pub fn uri(&self) -> String {
        self.uri_of("")
    }

    /// An empty database of one's own.
    pub fn fresh_database(&self) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("naptime_{number}");
        Database { uri: self.uri_of(&name), name }
    }

    /// The member that takes writes; waits for an election if there is none.
    pub async fn primary(&self) -> usize {
        eventually(ELECTION, "a primary", async || {
            for (index, member) in self.members.iter().enumerate() {
                if member.is_primary().await {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    /// The process id of a member, which runs.
    pub fn pid(&self, member: usize) -> u32 {
        self.members[member].pid().expect("this mongod was not killed")
    }

    /// Kills the primary with SIGKILL and returns which member it was.
    pub async fn kill_primary(&self) -> usize {
        let primary = self.primary().await;
        self.kill(primary);
        primary
    }

    /// Kills a member with SIGKILL. Its port and its data stay for [`restart`](Self::restart).
    pub fn kill(&self, member: usize) {
        self.members[member].kill();
    }

    /// Starts a killed member again and waits until it accepts connections.
    pub async fn restart(&self, member: usize) {
        self.members[member].launch();
        self.members[member].answering().await;
    }

    /// The same with these arguments, in place of those that it was started with.
    pub async fn restart_with(&self, member: usize, args: &[&str]) {
        self.members[member].set_args(args);
        self.restart(member).await;
    }

    /// The same, with its clock right.
    pub async fn restart_with_clock_right(&self, member: usize) {
        self.members[member].set_clock_right();
        self.restart(member).await;
    }

    /// Stops a member with SIGSTOP: its connections stay open, and nothing is answered.
    pub fn pause(&self, member: usize) {
        self.members[member].signal("STOP");
    }

    /// Lets a paused member go on.
    pub fn resume(&self, member: usize) {
        self.members[member].signal("CONT");
    }

    fn uri_of(&self, database: &str) -> String {
        let hosts: Vec<String> = self.members.iter().map(Member::host).collect();
        format!("mongodb://{}/{database}?replicaSet={SET_NAME}", hosts.join(","))
    }

    async fn initiate(&self) {
        let members: Vec<Bson> = (0_i32..)
            .zip(&self.members)
            .map(|(id, member)| Bson::from(doc! {"_id": id, "host": member.host()}))
            .collect();
        let config = doc! {"_id": SET_NAME, "members": members};
        let first = &self.members[0];
        first.command(doc! {"replSetInitiate": config}).await.unwrap();
        self.primary().await;
        eventually(ELECTION, "all members are ready", async || {
            let status = first.command(doc! {"replSetGetStatus": 1}).await.ok()?;
            let members = status.get_array("members").ok()?;
            members.iter().all(is_ready).then_some(())
        })
        .await;
    }
}

/// Whether a member of `replSetGetStatus` is primary (1) or secondary (2), not still copying data.
fn is_ready(member: &Bson) -> bool {
    let state = member.as_document().map(|it| it.get_i32("state"));
    matches!(state, Some(Ok(1 | 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mongo;

    #[tokio::test]
    async fn the_shared_set_takes_a_majority_write() {
        let database = mongo::fresh_database().await.open().await;
        let write = doc! {
            "insert": "things", "documents": [{"_id": 1}], "writeConcern": {"w": "majority"},
        };
        let answer = database.run_command(write).await.unwrap();
        assert_eq!(answer.get_i32("n").unwrap(), 1, "{answer}");
        assert!(!answer.contains_key("writeConcernError"), "{answer}");
    }

    #[tokio::test]
    async fn a_single_node_comes_back_with_its_data() {
        let set = ReplicaSet::start(1).await;
        let things = set.fresh_database().open().await.collection("things");
        things.insert_one(doc! {"_id": 1}).await.unwrap();
        set.kill(0);
        set.restart(0).await;
        assert_eq!(set.primary().await, 0);
        assert_eq!(things.count_documents(doc! {}).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn another_member_takes_over_when_the_primary_is_killed() {
        let set = ReplicaSet::start(3).await;
        let killed = set.kill_primary().await;
        assert_ne!(set.primary().await, killed);
        set.restart(killed).await;
    }
}
