//! Records.

use std::collections::BTreeMap;

use async_trait::async_trait;
use naptime_core::Rev;
use serde_json::Value;

use super::MemoryStore;
use crate::Result;
use crate::records::{MAX_RECORDS, Record, Records};

#[derive(Default)]
pub(super) struct RecordTable(BTreeMap<String, (Rev, Value)>);

#[async_trait]
impl Records for MemoryStore {
    async fn records(&self) -> Result<Vec<Record>> {
        let record =
            |(id, (rev, value)): (&String, &(Rev, Value))| Record { id: id.clone(), rev: *rev, value: value.clone() };
        Ok(self.with(|state, _| state.records.0.iter().take(MAX_RECORDS).map(record).collect()))
    }

    async fn put_record(&self, id: &str, expect: Option<Rev>, value: Value) -> Result<Option<Rev>> {
        Ok(self.with(|state, _| {
            if state.records.0.get(id).map(|(rev, _)| *rev) != expect {
                return None;
            }
            let rev = Rev(expect.map_or(1, |rev| rev.0 + 1));
            state.records.0.insert(id.to_owned(), (rev, value));
            Some(rev)
        }))
    }

    async fn remove_record(&self, id: &str, expect: Rev) -> Result<bool> {
        Ok(self.with(|state, _| {
            let is_there = state.records.0.get(id).is_some_and(|(rev, _)| *rev == expect);
            is_there && state.records.0.remove(id).is_some()
        }))
    }
}
