//! The environment of a database: the first process that names one is remembered, and those of others are refused. So
//! a review app that was given production's database does not join production's workers.

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::ReturnDocument;
use naptime_store::Error;

use crate::MongoStore;
use crate::command::{DUPLICATE_KEY, MAX_TIME};
use crate::open::{OpenError, ask};

/// Of processes that add the one document at the same time, all but one are told that it is there, and find it next.
const MAX_TRIES: usize = 3;

impl MongoStore {
    /// Checks that the database is of this environment, and makes it so if it is of none.
    ///
    /// A process without an environment writes nothing and is let in everywhere: it may be a person at a terminal.
    pub(crate) async fn join_environment(&self, ours: Option<&str>) -> Result<(), OpenError> {
        let theirs = match (self.environment().await?, ours) {
            (Some(theirs), _) => theirs,
            (None, Some(ours)) => self.found_environment(ours).await?,
            (None, None) => return Ok(()),
        };
        match ours {
            None => {
                tracing::warn!(
                    environment = theirs,
                    "the database belongs to the environment {theirs}; this process names none (NAPTIME_ENV)"
                );
                Ok(())
            }
            Some(ours) if ours == theirs => Ok(()),
            Some(ours) => {
                let (database, ours) = (self.db.name().to_owned(), ours.to_owned());
                Err(OpenError::OtherEnvironment { database, theirs, ours })
            }
        }
    }

    fn environments(&self) -> Collection<Document> {
        self.db.collection("environment")
    }

    /// The environment that the database remembers.
    async fn environment(&self) -> Result<Option<String>, OpenError> {
        let environments = self.environments();
        let find = async move { environments.find_one(of_database()).max_time(MAX_TIME).await };
        ask(find).await?.map(name).transpose()
    }

    /// Has the database remember this environment, unless another process was first. Returns that of the first.
    async fn found_environment(&self, ours: &str) -> Result<String, OpenError> {
        let environments = self.environments();
        let change = doc! {"$setOnInsert": {"name": ours}};
        let find_or_add = async move {
            for _ in 1..MAX_TRIES {
                match add(&environments, change.clone()).await {
                    Err(error) if is_duplicate(&error) => {}
                    other => return other,
                }
            }
            add(&environments, change).await
        };
        name(ask(find_or_add).await?.unwrap_or_default())
    }
}

/// Adds the document, or finds the one that is there. Acknowledged by a majority, by the write concern of the client.
async fn add(environments: &Collection<Document>, change: Document) -> mongodb::error::Result<Option<Document>> {
    let find = environments.find_one_and_update(of_database(), change).upsert(true);
    find.return_document(ReturnDocument::After).max_time(MAX_TIME).await
}

fn of_database() -> Document {
    doc! {"_id": "database"}
}

fn name(document: Document) -> Result<String, OpenError> {
    let name = document.get_str("name").map(str::to_owned);
    name.map_err(|_| OpenError::Store(Error::Corrupt("the environment has no name".to_owned())))
}

fn is_duplicate(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(error) if error.code == DUPLICATE_KEY)
}
