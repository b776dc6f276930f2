//! What the tests of files share.

use std::time::Duration;

use naptime_core::{Partition, Pool, Rooms};
use naptime_store::Want;
use uuid::Uuid;

/// What a new worker asks for that has room for all that is due.
pub(crate) fn all_due(gate: Option<Pool>) -> Want {
    Want {
        worker: Uuid::new_v4().into(),
        token: Uuid::now_v7().into(),
        slots: 1000,
        bytes: 1 << 30,
        partitions: Partition::all().collect(),
        late: Duration::ZERO,
        lookahead: Duration::ZERO,
        gate,
        rooms: Rooms::default(),
    }
}
