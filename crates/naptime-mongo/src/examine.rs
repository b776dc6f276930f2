//! Checks of the database, for `naptime doctor`.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use naptime_core::Check;
use naptime_core::check::{bytes, disk, pace};
use naptime_store::{Error, Probe, Result};
use tokio::time::Instant;

use crate::MongoStore;
use crate::command;
use crate::open::OpenError;

/// How many requests the time of one is taken from.
const TIMED_REQUESTS: usize = 5;
/// From here on the way to the server is long: a call that is claimed alone waits for it six times.
const SLOW_PING: Duration = Duration::from_millis(20);
/// From here on the majority of the members takes long to have a write. Three of them belong to a call.
const SLOW_WRITE: Duration = Duration::from_millis(100);

impl MongoStore {
    /// All checks of the database; only that it does not answer, if it does not.
    pub(crate) async fn look_at_all(&self) -> Vec<Check> {
        let pings = match timed(|| command::run(&self.db, doc! {"ping": 1})).await {
            Ok(pings) => pings,
            Err(error) => {
                let text = format!("the database does not answer: {error}");
                return vec![Check::bad(
                    "database",
                    text,
                    "look whether it runs, and whether this machine may reach it",
                )];
            }
        };
        let remedy = "run the database near the workers, in the same region";
        vec![
            self.look_at_server().await,
            self.look_at_members().await,
            pace("ping", "the way to the database and back", pings, SLOW_PING, remedy),
            self.look_at_writes().await,
            self.look_at_user().await,
            self.look_at_disk().await,
        ]
    }

    async fn look_at_server(&self) -> Check {
        let (name, database) = (self.server_name().await, self.db.name());
        match self.try_capabilities().await {
            Ok(()) => Check::ok("database", format!("the database `{database}` can do all that is needed ({name})")),
            Err(OpenError::Store(Error::Refused { refusal, .. })) => {
                let text = format!("the database `{database}` could not be tried, because {refusal}");
                Check::bad("database", text, "its user needs the role readWrite on it, and dbAdmin for upgrades")
            }
            Err(error) => Check::bad("database", error.to_string(), "use a MongoDB replica set"),
        }
    }

    async fn look_at_members(&self) -> Check {
        match command::run(&self.db, doc! {"hello": 1}).await {
            Ok(hello) => members(&hello),
            Err(error) => Check::unknown("members", "of which members the replica set is", error),
        }
    }

    async fn look_at_writes(&self) -> Check {
        match timed(|| self.probe()).await {
            Ok(times) => {
                let what = "the database takes writes; to have one on most of its members";
                pace("writes", what, times, SLOW_WRITE, "have its members near each other, on faster disks")
            }
            Err(error) => Check::bad(
                "writes",
                format!("the database takes no writes: {error}"),
                "nothing is called until it does",
            ),
        }
    }

    async fn look_at_user(&self) -> Check {
        match command::run(&self.db, doc! {"connectionStatus": 1}).await {
            Ok(status) => user(&status),
            Err(error) => Check::unknown("user", "as whom Naptime is there", error),
        }
    }

    async fn look_at_disk(&self) -> Check {
        match command::run(&self.db, doc! {"dbStats": 1}).await {
            Ok(stats) => room(&stats),
            Err(error) => Check::unknown("disk", "how much room the database has", error),
        }
    }
}

/// How long something takes each time.
async fn timed<T, F>(work: impl Fn() -> F) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<T>>,
{
    let mut times = Vec::new();
    for _ in 0..TIMED_REQUESTS {
        let begun = Instant::now();
        work().await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Whether losing a member loses anything, by the server's `hello`.
fn members(hello: &Document) -> Check {
    if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
        return Check::ok("members", "the database is a sharded cluster");
    }
    let (name, hosts) = (hello.get_str("setName").unwrap_or("?"), hello.get_array("hosts").map_or(0, Vec::len));
    let remedy = "have three; every hosted MongoDB has";
    match hosts {
        0 | 1 => {
            let text = format!("the replica set `{name}` has one member: if its disk is lost, so is everything");
            Check::warn("members", text, remedy)
        }
        2 => {
            let text =
                format!("the replica set `{name}` has two members with data: while one is away, nothing is called");
            Check::warn("members", text, remedy)
        }
        many => Check::ok("members", format!("the replica set `{name}` has {many} members")),
    }
}

/// As whom we are connected, by the server's `connectionStatus`.
fn user(status: &Document) -> Check {
    let users = status.get_document("authInfo").and_then(|info| info.get_array("authenticatedUsers"));
    let user = users.ok().and_then(|users| users.first()).and_then(Bson::as_document);
    match user.and_then(|user| user.get_str("user").ok()) {
        Some(user) => Check::ok("user", format!("the database asks for a password; Naptime is there as `{user}`")),
        None => {
            let text = "the database asks for no password: whoever reaches it reads and changes everything";
            Check::warn("user", text, "switch its access control on, unless nobody else can reach it")
        }
    }
}

/// How much room there is, by the server's `dbStats`.
fn room(stats: &Document) -> Check {
    let number = |name: &str| match stats.get(name)? {
        // A float becomes the nearest integer there is.
        Bson::Double(number) => Some(*number as u64),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        Bson::Int32(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let taken = bytes(number("storageSize").unwrap_or(0) + number("indexSize").unwrap_or(0));
    match number("fsTotalSize").filter(|total| *total > 0).zip(number("fsUsedSize")) {
        Some((total, used)) => {
            let whose = format!("the disk of the database, which takes {taken} of it,");
            disk(&whose, total.saturating_sub(used), total)
        }
        // Shared servers do not say.
        None => Check::ok("disk", format!("the database takes {taken}; how much room it has is not told")),
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::CheckState::{self, Bad, Ok, Warn};

    use super::*;

    #[test]
    fn a_replica_set_should_outlast_a_member() {
        let check = |hello: Document, expect: CheckState| assert_eq!(members(&hello).state, expect, "{hello}");
        check(doc! {"msg": "isdbgrid"}, Ok);
        check(doc! {"setName": "rs0", "hosts": ["a:1"]}, Warn);
        check(doc! {"setName": "rs0", "hosts": ["a:1", "b:1"], "arbiters": ["c:1"]}, Warn);
        check(doc! {"setName": "rs0", "hosts": ["a:1", "b:1", "c:1"]}, Ok);
    }

    #[test]
    fn the_user_is_told() {
        let status = |users: Vec<Document>| doc! {"authInfo": {"authenticatedUsers": users}};
        assert_eq!(user(&status(vec![])).state, Warn);
        let known = user(&status(vec![doc! {"user": "app", "db": "admin"}]));
        assert!(known.state == Ok && known.text.contains("`app`"), "{known:?}");
    }

    #[test]
    fn room_is_told_where_the_server_tells_it() {
        let stats = |total: f64, used: f64| doc! {"storageSize": 1_i64 << 20, "indexSize": 1024.0, "fsTotalSize": total, "fsUsedSize": used};
        let check = |stats: Document, expect: CheckState| assert_eq!(room(&stats).state, expect, "{stats}");
        check(doc! {"storageSize": 4096_i32, "indexSize": 4096_i32}, Ok);
        check(stats(1e12, 5e11), Ok);
        check(stats(1e12, 9.9e11), Warn);
        check(stats(1e12, 1e12), Bad);
    }
}
