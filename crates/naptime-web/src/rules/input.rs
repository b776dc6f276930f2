//! A rule as programs send it.

use naptime_core::input::read_rule;
use naptime_core::{Invalid, Limits, Rule};
use serde_json::Value;

/// What goes before the fields of a template.
pub(super) const TEMPLATE: &str = "then.upsert.";

/// Reads a rule and looks at all of it that can be judged before there is an event. Where it has the mask, it keeps the
/// value of the `stored` one.
///
/// # Errors
/// All faults, of which there is at least one.
pub(crate) fn read(sent: Value, stored: Option<&Rule>, limits: Limits<'_>) -> Result<Rule, Vec<Invalid>> {
    let rule = read_rule(sent, stored)?;
    naptime_events::check(&rule, limits)?;
    Ok(rule)
}
