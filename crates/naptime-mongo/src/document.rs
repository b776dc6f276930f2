//! How jobs, their due work, and runs are laid out in MongoDB.
//!
//! Times are dates, ids are UUIDs (binary subtype 4), durations are milliseconds. What is absent is written as null,
//! because pipelines tell null from missing.

mod config;
mod due;
mod run;
mod schedule;

use std::time::Duration;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, DateTime, Document, RawBson, RawDocument, RawDocumentBuf, Uuid, deserialize_from_document,
    deserialize_from_slice, doc, serialize_to_bson, serialize_to_document, serialize_to_raw_document_buf,
};
use naptime_core::{Endpoint, JobId, Time};
use naptime_store::{Error, Result};
use serde::Serialize;

pub(crate) use config::{Shelf, from_config, to_config, to_schedule_of};
pub(crate) use due::{Changes, Due, from_due, from_parked_due, to_due, unchanged};
pub(crate) use run::{from_run, run_id, to_run};

/// The part of a filter that finds the due work of one job: its id and the partition that follows from it.
pub(crate) fn by_id(id: JobId) -> Document {
    doc! {"_id": uuid(id.uuid()), "partition": partition(id)}
}

pub(crate) fn endpoint(pool: &str, channel: &str) -> Result<Endpoint> {
    Endpoint::parse(&format!("{pool}{channel}")).map_err(|error| Error::Corrupt(error.to_string()))
}

pub(crate) fn partition(id: JobId) -> i32 {
    i32::from(id.partition().number())
}

pub(crate) fn uuid(uuid: uuid::Uuid) -> Uuid {
    Uuid::from_bytes(uuid.into_bytes())
}

/// A UUID as it is sent.
pub(crate) fn raw_uuid(uuid: uuid::Uuid) -> RawBson {
    RawBson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() })
}

pub(crate) fn date(time: Time) -> DateTime {
    DateTime::from_millis(time.millis())
}

pub(crate) fn time(date: DateTime) -> Time {
    Time::from_millis(date.timestamp_millis())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Reads a document into the type that mirrors it.
pub(crate) fn read<T: serde::de::DeserializeOwned>(document: Document) -> Result<T> {
    deserialize_from_document(document).map_err(corrupt)
}

fn read_raw<T: serde::de::DeserializeOwned>(document: &RawDocument) -> Result<T> {
    deserialize_from_slice(document.as_bytes()).map_err(corrupt)
}

pub(crate) fn write_raw<T: Serialize>(value: &T) -> Result<RawDocumentBuf> {
    serialize_to_raw_document_buf(value).map_err(corrupt)
}

fn write<T: Serialize>(value: &T) -> Result<Document> {
    serialize_to_document(value).map_err(corrupt)
}

pub(crate) fn bson<T: Serialize>(value: &T) -> Result<Bson> {
    serialize_to_bson(value).map_err(corrupt)
}

pub(crate) fn corrupt(error: mongodb::bson::error::Error) -> Error {
    Error::Corrupt(error.to_string())
}
