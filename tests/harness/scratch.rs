//! A folder for one server or one test, removed when done with, even if the test process is killed.

use std::path::Path;

use crate::guard::Watcher;

/// A fresh folder.
#[derive(Debug)]
pub struct Scratch {
    dir: tempfile::TempDir,
    _watcher: Watcher,
}

impl Scratch {
    /// Makes the folder.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("naptime-").tempdir().unwrap();
        // The second is for the programs that live in the folder: their watchers kill them at the same moment.
        let watcher = Watcher::start("sleep 1; rm -rf \"$1\"", dir.path()).unwrap();
        Self { dir, _watcher: watcher }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
