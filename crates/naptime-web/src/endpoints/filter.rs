//! Which endpoints a query means, and how an address says so.

use naptime_core::Invalid;
use naptime_store::JobQuery;

use crate::http::query::Query;

/// The parameters that restrict.
pub(super) const PARAMETERS: [&str; 8] = ["q", "state", "schedule", "outcome", "tag", "pool", "project", "active"];

/// What a list is filtered and sorted by. What is left blank does not restrict.
///
/// # Errors
/// At the parameter that cannot be read.
pub(super) fn read(query: &Query) -> Result<JobQuery, Invalid> {
    let text = |name| {
        let text = query.filter(name)?.map(str::trim).filter(|text| !text.is_empty());
        Ok::<_, Invalid>(text.map(str::to_owned))
    };
    Ok(JobQuery {
        q: text("q")?,
        pool: text("pool")?,
        tag: text("tag")?,
        project: text("project")?,
        active: query.flag("active")?,
        state: query.get("state").map(str::parse).transpose()?,
        schedule: query.get("schedule").map(str::parse).transpose()?,
        outcome: query.get("outcome").map(str::parse).transpose()?,
        sort: query.get("sort").map(str::parse).transpose()?,
        ..JobQuery::default()
    })
}

/// The parameters that say so.
pub(super) fn pairs(jobs: &JobQuery) -> impl Iterator<Item = (&'static str, String)> {
    let values = [
        ("q", jobs.q.clone()),
        ("state", jobs.state.map(|state| state.as_str().to_owned())),
        ("schedule", jobs.schedule.map(|kind| kind.as_str().to_owned())),
        ("outcome", jobs.outcome.map(|ended| ended.as_str().to_owned())),
        ("tag", jobs.tag.clone()),
        ("pool", jobs.pool.clone()),
        ("project", jobs.project.clone()),
        ("active", jobs.active.map(|active| active.to_string())),
        ("sort", jobs.sort.map(|sort| sort.to_string())),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &str) -> Result<JobQuery, Invalid> {
        read(&Query::parse(Some(query)))
    }

    #[test]
    fn an_address_says_what_it_was_read_from() {
        let all = "q=a+b&state=late&schedule=cron&outcome=tls&tag=x&pool=https%3A%2F%2Fa.test&project=shop&active=true\
                   &sort=-name";
        for query in ["", "state=breach", "outcome=bad", all] {
            let jobs = parsed(query).unwrap();
            let said = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs(&jobs)).finish();
            assert_eq!(said, query);
        }
        assert!(parsed("q=+&tag=&sort=name").unwrap().is_all());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let fault = |query: &str| parsed(query).err().map(|fault| (fault.field, fault.code));
        assert_eq!(fault("state=ill"), Some(("state".into(), "unknown_state")));
        assert_eq!(fault("schedule=once"), Some(("schedule".into(), "unknown_schedule")));
        assert_eq!(fault("outcome=ok"), Some(("outcome".into(), "unknown_word")));
        assert_eq!(fault("sort=age"), Some(("sort".into(), "unknown_sort")));
        assert_eq!(fault("active=yes"), Some(("active".into(), "wrong_type")));
        assert_eq!(fault(&format!("q={}", "a+".repeat(21))), Some(("q".into(), "too_many_words")));
    }
}
