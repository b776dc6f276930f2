//! What opened, changed and ended between two looks at what needs somebody.

use std::collections::HashMap;
use std::sync::Arc;

use naptime_core::problem::Report;
use serde::Serialize;

/// What happened to a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Opened,
    /// It is of another kind or severity.
    Changed,
    Ended,
}

/// The changes, those that ended last.
pub(super) fn changes(before: &[Arc<Report>], now: &[Arc<Report>]) -> Vec<(Change, Arc<Report>)> {
    let by_id = |reports: &[Arc<Report>]| -> HashMap<String, Arc<Report>> {
        reports.iter().map(|report| (report.id.clone(), report.clone())).collect()
    };
    let (was, is) = (by_id(before), by_id(now));
    let begun = now.iter().filter_map(|report| match was.get(&report.id) {
        None => Some((Change::Opened, report.clone())),
        Some(old) if (&old.kind, old.severity) != (&report.kind, report.severity) => {
            Some((Change::Changed, report.clone()))
        }
        Some(_) => None,
    });
    let ended = before.iter().filter(|report| !is.contains_key(&report.id));
    begun.chain(ended.map(|report| (Change::Ended, report.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use naptime_core::problem::Severity;

    use super::*;

    fn report(id: &str, kind: &str, severity: Severity) -> Arc<Report> {
        Arc::new(Report {
            id: id.to_owned(),
            kind: kind.to_owned(),
            severity,
            title: String::new(),
            endpoint: None,
            pool: None,
            tags: Vec::new(),
            since: None,
            cause: String::new(),
            remedy: None,
            message: None,
            by_host: false,
            called_at: None,
            receiver: None,
        })
    }

    #[test]
    fn what_opens_changes_and_ends_is_told_and_nothing_else() {
        let stays = report("stays", "failing", Severity::Bad);
        let before = [stays.clone(), report("eases", "failing", Severity::Bad), report("ends", "late", Severity::Warn)];
        let now = [stays, report("eases", "flapping", Severity::Warn), report("opens", "late", Severity::Warn)];
        let told: Vec<_> = changes(&before, &now).iter().map(|(change, report)| (*change, report.id.clone())).collect();
        let expect = [(Change::Changed, "eases"), (Change::Opened, "opens"), (Change::Ended, "ends")];
        assert_eq!(told, expect.map(|(change, id)| (change, id.to_owned())));
    }
}
