//! Files that no other user may open: they may hold credentials of targets, or a lock.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// What its owner may do with a file, and nobody else.
const OWNER_ONLY: u32 = 0o600;
/// The rights of all others.
const OTHERS: u32 = 0o077;

/// Opens a file to write, creating it with these rights if it isn't there. A symbolic link is not followed: whoever may
/// write to the folder could have it lead anywhere.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(OWNER_ONLY).custom_flags(no_follow);
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

/// Creates a file with these rights, if it isn't there.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(path).map(drop)
}

/// Whether the file belongs to the user of this process.
pub(crate) fn is_own(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.uid() == rustix::process::geteuid().as_raw())
}

/// Takes the rights of others at an open file away.
pub(crate) fn narrow_open(file: &File, path: &Path) -> io::Result<()> {
    match narrowed(&file.metadata()?) {
        Some(rights) => file.set_permissions(rights).map(|()| log(path)),
        None => Ok(()),
    }
}

/// Takes the rights of others at a database away, and at what SQLite puts beside it.
///
/// # Errors
/// If this user may not change them.
pub(crate) fn narrow_database(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name: OsString = path.as_os_str().to_owned();
        name.push(suffix);
        let path = PathBuf::from(name);
        let metadata = match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if let Some(rights) = narrowed(&metadata).filter(|_| metadata.is_file()) {
            match std::fs::set_permissions(&path, rights) {
                // Whoever had it open has closed it, and SQLite has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done.map(|()| log(&path))?,
            }
        }
    }
    Ok(())
}

/// The rights without those of others; none if these have none.
fn narrowed(metadata: &Metadata) -> Option<Permissions> {
    let mode = metadata.permissions().mode();
    (mode & OTHERS != 0).then(|| Permissions::from_mode(mode & !OTHERS & 0o777))
}

fn log(path: &Path) {
    let path = path.display();
    tracing::warn!("{path} could be opened by other users; now only by its owner");
}
