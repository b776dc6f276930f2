//! Where the programs are that the tests need: in `target/tools`, else on the `PATH`.

use std::path::{Path, PathBuf};

/// The database server.
pub fn mongod() -> PathBuf {
    find("mongod")
}

/// The browser.
pub fn chromium() -> PathBuf {
    find("chromium")
}

/// What drives the browser.
pub fn chromedriver() -> PathBuf {
    find("chromedriver")
}

/// What runs a Procfile.
pub fn honcho() -> PathBuf {
    find("honcho")
}

/// The terminal that a test types into.
pub fn tmux() -> PathBuf {
    find("tmux")
}

/// Where Python finds these packages, as `PYTHONPATH`.
pub fn python_path(packages: &[&str]) -> String {
    let folder = |name: &&str| {
        let folder = workspace().join("target/tools").join(name);
        assert!(folder.is_dir(), "{name} is missing: run `cargo xtask test`, which gets it");
        folder.display().to_string()
    };
    packages.iter().map(folder).collect::<Vec<_>>().join(":")
}

/// The script of axe-core.
pub fn axe() -> PathBuf {
    PathBuf::from(python_path(&["axe-playwright-python"])).join("axe_playwright_python/axe.min.js")
}

/// The message broker, past the wrapper on the `PATH` that wants to be another user, and the names server it needs.
pub fn rabbitmq() -> (PathBuf, PathBuf) {
    let server = PathBuf::from("/usr/lib/rabbitmq/bin/rabbitmq-server");
    assert!(server.is_file(), "rabbitmq-server is missing: run `cargo xtask test`, which gets it");
    (server, find("epmd"))
}

/// The library that gives a program another clock, by `LD_PRELOAD`.
pub fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("faketime is missing: run `cargo xtask test`, which gets it"))
}

/// The web server. Debian keeps it where the `PATH` of a plain user does not lead.
pub fn nginx() -> PathBuf {
    let system = PathBuf::from("/usr/sbin/nginx");
    if system.is_file() { system } else { find("nginx") }
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A program by its path, or by its name in a package that every Debian has.
pub fn program(name: &str) -> PathBuf {
    if name.contains('/') { PathBuf::from(name) } else { find(name) }
}

/// Panics with one line if `name` is nowhere: a test that needs it must fail, not be skipped.
fn find(name: &str) -> PathBuf {
    let ours = workspace().join("target/tools").join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    [ours.clone(), ours.join("bin").join(name)]
        .into_iter()
        .chain(std::env::split_paths(&path).map(|dir| dir.join(name)))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask test`, which gets it"))
}
