//! A database of one's own.

use std::time::Duration;

use mongodb::Client;
use mongodb::options::ClientOptions;

use crate::naptime::Store;

/// An empty database on a replica set. It is not dropped at the end, which would cost more than the test at times:
/// its files go with the server's.
#[derive(Clone, Debug)]
pub struct Database {
    /// The connection string, with the database's name in it.
    pub uri: String,
    /// The database's name.
    pub name: String,
}

impl Database {
    /// A client for this test; it must not be taken to another runtime.
    pub async fn client(&self) -> Client {
        let mut options = ClientOptions::parse(&self.uri).await.unwrap();
        options.server_selection_timeout = Some(Duration::from_secs(20));
        Client::with_options(options).unwrap()
    }

    /// The database, through a client of its own.
    pub async fn open(&self) -> mongodb::Database {
        self.client().await.database(&self.name)
    }
}

impl Store for Database {
    fn env(&self) -> (&'static str, String) {
        ("MONGODB_URI", self.uri.clone())
    }
}
