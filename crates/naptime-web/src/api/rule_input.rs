//! A rule as programs send it.

use naptime_core::input::read_rule;
use naptime_core::{Invalid, Limits, Rule};
use serde_json::Value;

use crate::json::{self, BadJson};

/// What goes before the fields of a template.
pub(crate) const TEMPLATE: &str = "then.upsert.";

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

/// Reads a file of rules: a list of them, as the API takes and sends them.
///
/// # Errors
/// All faults, of which there is at least one, each at a field such as `3.then.upsert.url`: that of the third rule.
pub fn read_rules(text: &[u8], limits: Limits<'_>) -> Result<Vec<Rule>, Vec<Invalid>> {
    // A file of the operator's own may be as long as a thousand rules are.
    let file = json::parse_within(text, usize::MAX).map_err(|bad| {
        let (BadJson::Syntax(why) | BadJson::Doubled(why) | BadJson::TooMany(why)) = bad;
        vec![Invalid::new("file", "bad_json", format!("it is not JSON: {why}"))]
    })?;
    naptime_events::read_rules(file, limits)
}

#[cfg(test)]
mod tests {
    use naptime_core::duration::MIN_PERIOD;
    use naptime_core::{AllowedNetworks, Time};

    use super::*;

    #[test]
    fn a_file_is_json() {
        let networks = AllowedNetworks::public_only();
        let limits = Limits { networks: &networks, min_period: MIN_PERIOD, now: Time::from_millis(0) };
        let one = r#"[{"name": "a", "event": "e", "then": "delete"}]"#;
        assert_eq!(read_rules(one.as_bytes(), limits).unwrap().len(), 1);
        assert_eq!(read_rules(format!("\u{feff}{one}").as_bytes(), limits).unwrap().len(), 1, "as saved on Windows");
        for bad in ["[", "", r#"[{"name": "a", "name": "b"}]"#] {
            let faults = read_rules(bad.as_bytes(), limits).unwrap_err();
            assert_eq!((&*faults[0].field, faults[0].code), ("file", "bad_json"), "{bad}");
        }
    }
}
