//! The mongod under load: which process it is, and how often it was asked.

use anyhow::{Context, Result};
use mongodb::bson::{Bson, Document, doc};
use naptime_tests::mongo::Database;

/// The commands that jobs are claimed, settled and looked at with.
const COMMANDS: [&str; 7] = ["find", "getMore", "findAndModify", "update", "insert", "delete", "aggregate"];

/// A connection to the mongod.
pub(crate) struct Mongod {
    db: mongodb::Database,
    /// Its process id.
    pub(crate) pid: u32,
}

impl Mongod {
    /// Connects to the mongod that has this database.
    pub(crate) async fn of(database: &Database) -> Result<Self> {
        let db = database.open().await;
        let status = db.run_command(doc! {"serverStatus": 1}).await?;
        let pid = number(status.get("pid")).context("mongod does not tell its process id")?;
        Ok(Self { db, pid: pid.try_into()? })
    }

    /// How many commands it has carried out so far: each is one round trip.
    pub(crate) async fn commands(&self) -> Result<i64> {
        let status = self.db.run_command(doc! {"serverStatus": 1}).await?;
        let commands = status.get_document("metrics")?.get_document("commands")?;
        let total = |name: &&str| commands.get_document(name).ok().and_then(|it: &Document| number(it.get("total")));
        Ok(COMMANDS.iter().filter_map(total).sum())
    }
}

/// Removes a database, so that it is no burden to what is measured next.
pub(crate) async fn drop_database(database: &Database) -> Result<()> {
    Ok(database.open().await.drop().await?)
}

/// A number of whichever size the server chose.
fn number(value: Option<&Bson>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}
