//! Lists of endpoints, a page at a time.
//!
//! A page begins where the one before it ended, by what the list is sorted by (URL, name and tags, then the id), so a
//! page far back costs no more than the first, and no job is shown twice because another was added.

use naptime_core::search_range;
use naptime_store::{Error, JobCount, JobQuery, JobSummary, Page, PageRef};
use rusqlite::types::Value;
use rusqlite::{Connection, named_params};
use uuid::Uuid;

use crate::fault::Fault;
use crate::rows::{self, COLUMNS, blob};
use crate::{deleted, troubles};

/// A page of the endpoints that are not deleted and match.
pub(crate) fn list(connection: &Connection, query: &JobQuery, page: &PageRef) -> Result<Page<JobSummary>, Fault> {
    if query.deleted {
        return deleted::list(connection, query, page);
    }
    if let Some(trouble) = query.trouble {
        return troubles::list(connection, trouble, query, page);
    }
    let after = page.cursor.as_deref().map(read_cursor).transpose()?;
    let url = query.url.as_ref().map(ToString::to_string);
    // A blob comes after every text.
    let (start, end) = match &query.url {
        None => (String::new(), Value::Blob(Vec::new())),
        Some(url) => {
            let (start, end) = search_range(url);
            (start, Value::Text(end))
        }
    };
    let (after_search, after_id) = after.map_or((start, Vec::new()), |(id, search)| (search, blob(id).into()));
    // What the index holds decides which rows are read. A tag is looked for as text first, since reading JSON is dear.
    let sql = format!(
        "SELECT {COLUMNS}, search FROM jobs INDEXED BY jobs_list CROSS JOIN due USING (seq)
         WHERE deleted_at IS NULL AND NOT once AND (search, jobs.id) > (:search, :id) AND search < :end
           AND (:url IS NULL OR json_extract(spec, '$.endpoint') = :url)
           AND (:q IS NULL OR instr(search, :q) > 0)
           AND (:pool IS NULL OR jobs.pool = :pool)
           AND (:active IS NULL OR active = :active)
           AND (:tag IS NULL OR (instr(tags, :tag_json) > 0
                AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)))
         ORDER BY search, jobs.id LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let parameters = named_params! {
        ":end": end,
        ":url": url,
        ":search": after_search,
        ":id": after_id,
        ":q": query.q.as_ref().map(|q| q.to_lowercase()),
        ":pool": query.pool,
        ":active": query.active,
        ":tag": query.tag,
        ":tag_json": query.tag.as_ref().map(serde_json::to_string).transpose()?,
        ":limit": page.probe(),
    };
    let read = |row: &rusqlite::Row<'_>| {
        let id = rows::uuid(row, "id")?;
        rows::placed(id, || Ok(format!("{id}~{}", row.get::<_, String>("search")?)), rows::slim_job(row))
    };
    Ok(rows::page_of(statement.query_map(parameters, read)?, page)?.map(Into::into))
}

/// How many endpoints there are that are not deleted.
pub(crate) fn count(connection: &Connection) -> Result<JobCount, Fault> {
    const SQL: &str = "SELECT count(*), coalesce(sum(active), 0) FROM jobs INDEXED BY jobs_count
        WHERE deleted_at IS NULL AND NOT once";
    let mut statement = connection.prepare_cached(SQL)?;
    let (total, active): (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(JobCount { total: total.unsigned_abs(), active: active.unsigned_abs() })
}

/// A cursor is the id and the search text of the last job seen.
fn read_cursor(cursor: &str) -> Result<(Uuid, String), Error> {
    let (id, search) = cursor.split_once('~').ok_or(Error::BadCursor)?;
    Ok((Uuid::try_parse(id).map_err(|_| Error::BadCursor)?, search.to_owned()))
}
