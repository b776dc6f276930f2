//! A disk of a few megabytes that can be filled up.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guard::Watcher;
use crate::naptime::Store;
use crate::scratch::Scratch;

/// A file system in memory with a database file on it. It is unmounted when this is dropped, or the test process ends.
#[derive(Debug)]
pub struct SmallDisk {
    /// Unmounts. Before the folder, so that this is empty when it is removed.
    unmount: Option<Watcher>,
    folder: Scratch,
}

impl SmallDisk {
    /// Makes one of so many megabytes, which only the superuser can.
    pub fn new(megabytes: u32) -> Self {
        let folder = Scratch::new();
        let size = format!("size={megabytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status().unwrap();
        assert!(mount.success(), "a file system cannot be mounted: that takes the superuser");
        let unmount = Watcher::start("umount -l \"$1\"", folder.path()).unwrap();
        Self { unmount: Some(unmount), folder }
    }

    /// The database.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("naptime.db")
    }

    /// Takes all space that is left.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(filler(self.folder.path())).unwrap();
        let mut block = vec![0_u8; 64 * 1024];
        while !block.is_empty() {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(_) => block.truncate(block.len() / 2),
            }
        }
    }

    /// Gives the space back.
    pub fn free(&self) {
        fs::remove_file(filler(self.folder.path())).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(watcher) = self.unmount.take() {
            watcher.act();
        }
    }
}

impl Store for SmallDisk {
    fn env(&self) -> (&'static str, String) {
        ("NAPTIME_DB", self.path().display().to_string())
    }
}

fn filler(folder: &Path) -> PathBuf {
    folder.join("filler")
}
