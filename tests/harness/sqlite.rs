//! The embedded store's file, one per test.

use std::path::PathBuf;

use crate::naptime::Store;
use crate::scratch::Scratch;

/// A database file in a fresh folder. The program creates it.
#[derive(Debug, Default)]
pub struct File {
    folder: Scratch,
}

impl File {
    /// A file that isn't there yet.
    pub fn fresh() -> Self {
        Self::default()
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("naptime.db")
    }
}

impl Store for File {
    fn env(&self) -> (&'static str, String) {
        ("NAPTIME_DB", self.path().display().to_string())
    }
}
