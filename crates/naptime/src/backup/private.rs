//! A file with credentials.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A file that no other user can read. It appears under its name, in the place of one that is there, when all of it is
/// written.
pub(super) struct NewFile {
    out: BufWriter<File>,
    path: PathBuf,
    /// Where it is until then.
    new: PathBuf,
}

impl NewFile {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}.new", std::process::id()));
        let new = PathBuf::from(new);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
        let file = file.with_context(|| format!("cannot write {}", new.display()))?;
        Ok(Self { out: BufWriter::new(file), path: path.to_owned(), new })
    }

    /// Gives it its name, once it is on disk.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let done = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        let done = done.and_then(|()| fs::rename(&self.new, &self.path));
        done.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    /// Removes what was not finished; of what was, nothing has that name any more.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.new);
    }
}
