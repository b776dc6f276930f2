//! A plan in words.

use naptime_client::{ApplyChange, ApplyField, ApplyLoad, ApplyPlan, BusyMinute};
use serde_json::Value;

/// The longest value that is shown, in characters.
const MAX_SHOWN: usize = 80;

/// What there is to do, and what that does to the load.
pub(super) fn plan(plan: &ApplyPlan) -> Vec<String> {
    if plan.changes.is_empty() {
        return vec![format!("nothing to do: {} unchanged", plan.unchanged)];
    }
    let mut lines: Vec<String> = plan.changes.iter().flat_map(change).collect();
    lines.push(format!("{}, {} unchanged", counts(plan, ["to add", "to change", "to delete"]), plan.unchanged));
    lines.extend(load(&plan.load));
    lines
}

/// What was done.
pub(super) fn done(plan: &ApplyPlan) -> String {
    format!("applied: {}", counts(plan, ["added", "changed", "deleted"]))
}

fn counts(plan: &ApplyPlan, words: [&str; 3]) -> String {
    let count = |(action, word)| {
        let number = plan.changes.iter().filter(|change| change.action == action).count();
        format!("{number} {word}")
    };
    ["add", "change", "delete"].into_iter().zip(words).map(count).collect::<Vec<_>>().join(", ")
}

fn change(change: &ApplyChange) -> Vec<String> {
    let sign = match change.action.as_str() {
        "add" => "+",
        "delete" => "-",
        _ => "~",
    };
    let mut lines = vec![format!("{sign} {} {}", change.kind, change.name)];
    if change.action == "change" {
        lines.extend(change.fields.iter().map(field));
    }
    lines
}

fn field(field: &ApplyField) -> String {
    let ApplyField { field: name, before, after, .. } = field;
    // Two credentials look alike.
    let what = if before == after {
        "another credential, which is not shown".to_owned()
    } else {
        format!("{} -> {}", shown(before), shown(after))
    };
    let drift = if field.drift { " (drift: changed since the last apply)" } else { "" };
    format!("    {name}: {what}{drift}")
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "(default)".to_owned(),
        Value::String(text) if text.chars().any(char::is_control) => value.to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

fn load(load: &ApplyLoad) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rate) = &load.rate_per_s {
        lines.push(format!("calls a second: {:.2} -> {:.2}", rate.before, rate.after));
    }
    if let Some(worst) = &load.worst_minute {
        let minute = |minute: &BusyMinute| format!("{:.0} calls at {}", minute.due, minute.at);
        let capacity = match load.capacity_per_minute {
            None => "how many the workers can make is not known".to_owned(),
            Some(most) if worst.after.due > most => format!("MORE than the {most:.0} that the workers can make"),
            Some(most) => format!("of {most:.0} that the workers can make"),
        };
        lines.push(format!(
            "worst minute of the next day: {} -> {}, {capacity}",
            minute(&worst.before),
            minute(&worst.after)
        ));
    }
    for group in &load.together {
        let more = if group.count > group.endpoints.len() as u64 { ", …" } else { "" };
        let names = group.endpoints.join(", ");
        lines.push(format!("{} endpoints are due together at {}: {names}{more}", group.count, group.at));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_told_line_by_line() {
        let mut told: ApplyPlan = serde_json::from_value(json!({
            "plan": "x", "unchanged": 2,
            "changes": [
                {"action": "add", "kind": "endpoint", "name": "checkout", "fields": []},
                {"action": "change", "kind": "endpoint", "name": "report", "fields": [
                    {"field": "every", "before": "10m", "after": "5m", "drift": true},
                    {"field": "tags", "before": null, "after": ["a"], "drift": false},
                    {"field": "headers", "before": {"Cookie": "••••"}, "after": {"Cookie": "••••"}, "drift": false},
                ]},
                {"action": "add", "kind": "rule", "name": "r", "fields": [{"field": "event", "before": null, "after": "e", "drift": false}]},
                {"action": "delete", "kind": "endpoint", "name": "old", "fields": []},
            ],
            "load": {
                "rate_per_s": {"before": 0.5, "after": 0.754},
                "worst_minute": {"before": {"at": "2026-12-01T09:00:00Z", "due": 30.0}, "after": {"at": "2026-12-01T09:00:00Z", "due": 45.0}},
                "capacity_per_minute": 40.0,
                "together": [{"at": "2026-12-01T09:00:00Z", "count": 12, "endpoints": ["a", "b", "c"]}],
            },
        }))
        .unwrap();
        let expected = [
            "+ endpoint checkout",
            "~ endpoint report",
            "    every: 10m -> 5m (drift: changed since the last apply)",
            "    tags: (default) -> [\"a\"]",
            "    headers: another credential, which is not shown",
            "+ rule r",
            "- endpoint old",
            "2 to add, 1 to change, 1 to delete, 2 unchanged",
            "calls a second: 0.50 -> 0.75",
            "worst minute of the next day: 30 calls at 2026-12-01T09:00:00Z -> 45 calls at 2026-12-01T09:00:00Z, MORE than \
             the 40 that the workers can make",
            "12 endpoints are due together at 2026-12-01T09:00:00Z: a, b, c, …",
        ];
        assert_eq!(plan(&told), expected);
        assert_eq!(done(&told), "applied: 2 added, 1 changed, 1 deleted");
        told.changes.clear();
        assert_eq!(plan(&told), ["nothing to do: 2 unchanged"]);
    }
}
