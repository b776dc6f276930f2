//! Which time-zone data a process goes by: that of the machine, if it is newer than what came with the program.
//!
//! An operator can so follow a new release by an update of the system, without a new Naptime. An old system does not take
//! the program back to rules that have changed.

use std::path::Path;

use jiff::tz::TimeZoneDatabase;
use naptime_core::Tzdb;

/// Where Unix systems keep it.
const SYSTEM: &str = "/usr/share/zoneinfo";

/// Chooses, and says so in the log.
pub(crate) fn choose() {
    let bundled = Tzdb::bundled();
    match system(Path::new(SYSTEM)) {
        Some(system) if system.release > bundled.release => {
            tracing::info!(tzdb = system.release, "time zones: release {} of the system", system.release);
            system.choose();
        }
        Some(system) => {
            let (own, theirs) = (&bundled.release, &system.release);
            tracing::info!(
                tzdb = own,
                "time zones: release {own} that came with the program (the system has {theirs})"
            );
        }
        None => {
            let own = &bundled.release;
            tracing::info!(tzdb = own, "time zones: release {own} that came with the program");
        }
    }
}

/// The data in a folder, if it says its release.
fn system(folder: &Path) -> Option<Tzdb> {
    let release = release(folder)?;
    Some(Tzdb::new(TimeZoneDatabase::from_dir(folder).ok()?, release))
}

/// The release, as `tzdata.zi` (`# version 2026f`) or the file `+VERSION` says it.
fn release(folder: &Path) -> Option<String> {
    let first_line = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let line = first_line("tzdata.zi").or_else(|| first_line("+VERSION"))?;
    let release = line.trim_start_matches("# version").trim();
    let is_release =
        release.len() == 5 && release.starts_with("20") && release.ends_with(|c: char| c.is_ascii_lowercase());
    is_release.then(|| release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_where_systems_write_it() {
        let folder = std::env::temp_dir().join(format!("naptime-zones-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        assert_eq!(release(&folder), None);
        for (name, text, expect) in [
            ("+VERSION", "2027a\n", Some("2027a")),
            ("tzdata.zi", "# version 2027b\n# ddeps\n", Some("2027b")),
            ("tzdata.zi", "# version unknown\n", None),
        ] {
            std::fs::write(folder.join(name), text).expect("written");
            assert_eq!(release(&folder).as_deref(), expect, "{name}: {text}");
        }
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
