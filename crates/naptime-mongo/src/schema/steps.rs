//! The version of the schema, and the steps that lead from each version to the next.
//!
//! Whoever starts first takes the steps that are missing; whoever starts meanwhile takes them too, since each does
//! nothing to what is done. The version is raised when a step is complete.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;

use crate::MongoStore;
use crate::command::MAX_TIME;
use crate::open::{OpenError, ask};

/// The version that this program works on. A database of before there were versions has none.
pub(crate) const VERSION: i64 = 1;

/// How long to wait for a command that looks at a whole collection.
pub(super) const LONGEST: Duration = Duration::from_secs(600);

impl MongoStore {
    /// Refuses a database of a later version.
    pub(crate) async fn check_version(&self) -> Result<i64, OpenError> {
        let schema = self.db.collection::<Document>("schema");
        let found = ask(async move { schema.find_one(of_schema()).max_time(MAX_TIME).await }).await?;
        let found = found.and_then(|it| it.get_i64("version").ok()).unwrap_or(0);
        if found > VERSION {
            let database = self.db.name().to_owned();
            return Err(OpenError::Newer { database, found, known: VERSION });
        }
        Ok(found)
    }

    /// Takes the steps that are missing.
    pub(crate) async fn upgrade(&self, found: i64) -> Result<(), OpenError> {
        if found == VERSION {
            return Ok(());
        }
        self.split_jobs().await?;
        let schema = self.db.collection::<Document>("schema");
        let raise = async move {
            let raise = schema.find_one_and_update(of_schema(), doc! {"$max": {"version": VERSION}}).upsert(true);
            raise.return_document(ReturnDocument::After).max_time(MAX_TIME).await.map(drop)
        };
        ask(raise).await
    }
}

fn of_schema() -> Document {
    doc! {"_id": "schema"}
}
