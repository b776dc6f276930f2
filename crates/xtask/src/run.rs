//! Running other programs, with words to say what failed.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths;

/// Runs `command` with its output shown. Fails if it can't be started or doesn't end with 0.
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    let name = described(command);
    let status = command.status().with_context(|| format!("cannot start `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed: {status}");
    }
    Ok(())
}

/// Runs `command` without showing its output; a failure carries what it printed.
pub(crate) fn quiet(command: &mut Command) -> Result<()> {
    let name = described(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("`{name}` failed: {}\n{}", output.status, String::from_utf8_lossy(&said).trim_end());
    }
    Ok(())
}

/// Cargo, the one that runs us, on the whole workspace.
///
/// Without the variables that cargo has set for xtask: build scripts that read them would run again, and all that depends
/// on them would be built anew, each time that xtask builds after its user, or the other way round.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_us = ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start));
        if of_us {
            command.env_remove(name);
        }
    }
    command.current_dir(paths::workspace());
    command
}

/// The command as one would type it.
fn described(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
