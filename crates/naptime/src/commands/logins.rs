//! The tokens of `naptime login`: a file in the user's folder for settings that no other user can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// What is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Logins {
    /// The server that was logged in to last, and is asked unless another is named.
    pub(super) server: Option<String>,
    /// By the URL of the server.
    tokens: BTreeMap<String, String>,
}

impl Logins {
    /// What is kept; nothing if there is no file, or no home to have one in.
    pub(super) fn load() -> anyhow::Result<Self> {
        let Some(path) = path() else { return Ok(Self::default()) };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        serde_json::from_slice(&text).with_context(|| format!("{} is not as `naptime login` wrote it", path.display()))
    }

    pub(super) fn token(&self, server: &str) -> Option<&str> {
        self.tokens.get(key(server)).map(String::as_str)
    }

    /// Keeps a token, and asks that server from now on.
    pub(super) fn add(&mut self, server: &str, token: Option<&str>) {
        self.server = Some(key(server).to_owned());
        match token {
            Some(token) => self.tokens.insert(key(server).to_owned(), token.to_owned()),
            None => self.tokens.remove(key(server)),
        };
    }

    /// Forgets a server. Returns whether it was known.
    pub(super) fn remove(&mut self, server: &str) -> bool {
        let is_last = self.server.as_deref() == Some(key(server));
        if is_last {
            self.server = None;
        }
        self.tokens.remove(key(server)).is_some() || is_last
    }

    /// Writes the file in one go, so that no half of it is ever read. Returns where it is.
    pub(super) fn save(&self) -> anyhow::Result<PathBuf> {
        let Some(path) = path() else { bail!("neither XDG_CONFIG_HOME nor HOME is set, so nothing can be kept") };
        let text = serde_json::to_string_pretty(self)?;
        let write = || {
            if let Some(folder) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let new = path.with_extension(format!("{}.new", std::process::id()));
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&new, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// A server as it is written down.
fn key(server: &str) -> &str {
    server.trim().trim_end_matches('/')
}

fn path() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let settings = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(settings.join("naptime/logins.json"))
}
