//! Where things are. Nothing here depends on the folder the command was started from.

use std::path::{Path, PathBuf};

/// The root of the workspace: two levels above this crate.
pub(crate) fn workspace() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.ancestors().nth(2).map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// The cache of fetched tools. The tests look here first, then on the `PATH`.
pub(crate) fn tools() -> PathBuf {
    workspace().join("target/tools")
}

/// Whether `program` is found on the `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
