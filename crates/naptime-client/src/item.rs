//! What the API sends of one thing.

use std::ops::Deref;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One thing as the API sent it. It is used as a `T`; [`json`](Self::json) has all of it, fields that this version does
/// not know included.
#[derive(Clone, Debug)]
pub struct Item<T> {
    view: T,
    json: Value,
}

impl<T> Item<T> {
    /// All that was sent.
    pub fn json(&self) -> &Value {
        &self.json
    }
}

impl<T> Deref for Item<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.view
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let view = T::deserialize(&json).map_err(D::Error::custom)?;
        Ok(Self { view, json })
    }
}

impl<T> Serialize for Item<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}
