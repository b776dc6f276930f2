//! The conditions of a list, and the values that they compare with.

use naptime_core::search_range;
use naptime_store::{Ended, JobQuery, words};
use rusqlite::ToSql;
use rusqlite::types::Value;

/// Conditions in SQL, all of which hold, with the values of their parameters.
#[derive(Default)]
pub(crate) struct Conditions {
    sql: String,
    values: Vec<(String, Value)>,
}

impl Conditions {
    /// What a query asks, but for the state.
    pub(crate) fn of(query: &JobQuery) -> Self {
        let mut all = Self::of_texts(query.q.as_deref(), query.pool.as_deref(), query.tag.as_deref());
        if let Some(url) = &query.url {
            let (start, end) = search_range(url);
            all.and("search >= :start AND search < :end AND json_extract(spec, '$.endpoint') = :url");
            all.set(":start", start).set(":end", end).set(":url", url.to_string());
        }
        if let Some(project) = &query.project {
            all.and("project = :project").set(":project", project.clone());
        }
        if let Some(active) = query.active {
            all.and("active = :active").set(":active", active);
        }
        if let Some(kind) = query.schedule {
            all.and("schedule = :schedule").set(":schedule", kind.as_str().to_owned());
        }
        match query.outcome {
            Some(Ended::Badly) => {
                all.and("bad IS NOT NULL");
            }
            Some(Ended::As(outcome)) => {
                all.and("bad = :bad").set(":bad", outcome.as_str().to_owned());
            }
            None => {}
        }
        all
    }

    /// What is asked of the texts among it.
    pub(crate) fn of_texts(q: Option<&str>, pool: Option<&str>, tag: Option<&str>) -> Self {
        let mut all = Self::default();
        for (n, word) in words(q).into_iter().enumerate() {
            all.and(&format!("instr(search, :word_{n}) > 0")).set(&format!(":word_{n}"), word);
        }
        if let Some(pool) = pool {
            all.and("jobs.pool = :pool").set(":pool", pool.to_owned());
        }
        if let Some(tag) = tag {
            // A tag is looked for as text first, since reading JSON is dear.
            all.and("instr(tags, :tag_json) > 0 AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)");
            all.set(":tag_json", serde_json::Value::from(tag).to_string()).set(":tag", tag.to_owned());
        }
        all
    }

    /// Asks this as well.
    pub(crate) fn and(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self
    }

    /// Says what a parameter is.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.values.push((name.to_owned(), value.into()));
        self
    }

    /// The conditions as they follow others: each begins with `AND`.
    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// The parameters with their values.
    pub(crate) fn parameters(&self) -> Vec<(&str, &dyn ToSql)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value as &dyn ToSql)).collect()
    }
}
