//! How the part of the form looks that says when an endpoint is called: the kind, and what belongs to each kind.
//!
//! The style sheet hides what belongs to another kind than the chosen one. A browser that does not know how shows all of
//! it, and the choice decides.

use maud::{Markup, html};
use naptime_core::duration;

use super::form_view::{Form, Input};
use crate::app::App;
use crate::timing::WEEKDAYS;

/// The kinds, with what they are called here.
const KINDS: [(&str, &str); 3] = [("every", "Every"), ("cron", "Cron"), ("random", "At random")];

/// Zones to choose from: one or two of each offset. Any other can be typed.
const ZONES: [&str; 44] = [
    "UTC",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Africa/Nairobi",
    "America/Anchorage",
    "America/Argentina/Buenos_Aires",
    "America/Bogota",
    "America/Chicago",
    "America/Denver",
    "America/Halifax",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Phoenix",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Toronto",
    "Asia/Bangkok",
    "Asia/Dhaka",
    "Asia/Dubai",
    "Asia/Hong_Kong",
    "Asia/Jakarta",
    "Asia/Jerusalem",
    "Asia/Karachi",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Adelaide",
    "Australia/Perth",
    "Australia/Sydney",
    "Europe/Athens",
    "Europe/Berlin",
    "Europe/Istanbul",
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Auckland",
    "Pacific/Honolulu",
];

impl Form<'_> {
    /// When it is called, and when that is next.
    pub(super) fn timing(&self, app: &App) -> Markup {
        let fields = self.fields;
        html! {
            fieldset.field.timing {
                legend { "When" }
                div.row.kinds {
                    @for (kind, label) in KINDS {
                        label {
                            input type="radio" name="timing" value=(kind) checked[fields.kind == kind];
                            (label)
                        }
                    }
                }
                (self.every(app))
                div.kind.kind-cron {
                    (self.input(&Input {
                        name: "cron", label: "Pattern", value: &fields.cron, kind: "text", list: None,
                        hint: "Minute, hour, day, month, weekday: 0 9 * * MON-FRI; or with the seconds first; or @hourly",
                    }))
                }
                (self.random())
                div.kind.kind-cron.kind-random {
                    (self.input(&Input {
                        name: "tz", label: "Time zone", value: &fields.tz, kind: "text", list: Some("zones"),
                        hint: "Any name of the IANA database, like Europe/Berlin",
                    }))
                    datalist #zones { @for zone in ZONES { option value=(zone) {} } }
                }
                (self.preview.part())
            }
        }
    }

    fn every(&self, app: &App) -> Markup {
        let shortest = format!("10s, 5m, 1h 30m, 7d; at least {}", duration::show(app.settings.min_period));
        html! {
            div.kind.kind-every {
                (self.input(&Input {
                    name: "every", label: "Period", value: &self.fields.every, hint: &shortest, kind: "text",
                    list: Some("periods"),
                }))
                datalist #periods { @for period in ["10s", "1m", "5m", "15m", "1h", "6h", "1d"] { option value=(period) {} } }
                div.field.check {
                    input #align type="checkbox" name="align" value="true" checked[self.fields.align]
                        aria-describedby="align-hint";
                    label for="align" { "On round times (:00, :05, ...) rather than spread" }
                    p.hint #align-hint { "Counted in UTC; all endpoints on round times come at once" }
                }
                (self.input(&Input {
                    name: "jitter", label: "Jitter", value: &self.fields.jitter, kind: "text", list: None,
                    hint: "Each call comes up to this much later, at random; blank for none",
                }))
            }
        }
    }

    fn random(&self) -> Markup {
        let fields = self.fields;
        let invalid = |name| self.fault(name).map(|_| "true");
        let window = self.described("window");
        html! {
            div.kind.kind-random {
                (self.input(&Input {
                    name: "random", label: "Once in each", value: &fields.random, list: Some("periods"), kind: "text",
                    hint: "1h, 30m, 1d, 7d: once in each of them, at a random moment",
                }))
                fieldset #window .field.faulty[invalid("window").is_some()] {
                    legend { "Window" }
                    div.row {
                        label { "From" input name="from" value=(fields.from) size="6" placeholder="00:00"
                            aria-invalid=[invalid("window")] aria-describedby=(window); }
                        label { "To" input name="to" value=(fields.to) size="6" placeholder="24:00"
                            aria-invalid=[invalid("window")] aria-describedby=(window); }
                    }
                    (self.below("window", "The part of the day, like 09:00 to 17:00 or 22:00 to 02:00; blank for all of it"))
                }
                fieldset #days .field.faulty[invalid("days").is_some()] {
                    legend { "Days" }
                    div.row {
                        @for day in WEEKDAYS {
                            label {
                                input type="checkbox" name="days" value=(day) checked[fields.days.contains(&day)];
                                (day[..1].to_uppercase()) (day[1..])
                            }
                        }
                    }
                    (self.below("days", ""))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Zone;

    use super::ZONES;

    #[test]
    fn all_zones_offered_are_known() {
        for zone in ZONES {
            assert_eq!(Zone::parse(zone).map(|known| known.to_string()).as_deref(), Ok(zone));
        }
        assert!(ZONES[1..].is_sorted());
    }
}
