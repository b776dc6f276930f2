//! Whether Naptime takes the endpoints that were found, by its own reader: a server would refuse the same.

use naptime_core::duration::MIN_PERIOD;
use naptime_core::input::read_new;
use naptime_core::{AllowedNetworks, JobId, Limits};
use serde_json::Value;
use uuid::Uuid;

use super::found::{Found, Left, Taken};
use crate::clock::wall_clock;
use crate::commands::variables::fill_in;

/// Leaves what Naptime does not take, with its reasons.
pub(super) fn check(found: Found) -> Found {
    let mut checked = Found { taken: Vec::new(), ..found };
    for taken in found.taken {
        match faults(&taken) {
            None => checked.taken.push(taken),
            Some(why) => checked.left.push(Left { what: taken.call(), place: taken.place, why }),
        }
    }
    checked
}

/// What is wrong with an endpoint, whatever its variables are.
fn faults(taken: &Taken) -> Option<String> {
    // Which networks may be called, only the server knows.
    let networks: AllowedNetworks = "0.0.0.0/0,::/0".parse().ok()?;
    let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: wall_clock() };
    let mut fields = taken.fields.clone();
    fields.insert("key".to_owned(), taken.key.clone().into());
    let mut value = Value::Object(fields);
    let unclear = fill_in(&mut value, &|_| Some("x".to_owned()));
    let mut faults: Vec<String> = unclear.into_iter().map(|(_, why)| why).collect();
    if let Err(invalid) = read_new(value, limits, JobId::from(Uuid::nil())) {
        faults.extend(invalid.iter().map(ToString::to_string));
    }
    Some(faults.join("; ")).filter(|_| !faults.is_empty())
}
