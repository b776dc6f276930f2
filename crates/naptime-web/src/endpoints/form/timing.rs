//! How the part of the form looks that says when an endpoint is called: the kind, and what belongs to each kind.
//!
//! The style sheet hides what belongs to another kind than the chosen one. A browser that does not know how shows all of
//! it, and the choice decides.

use maud::{Markup, html};
use naptime_core::duration;
use naptime_core::schedule::WEEKDAYS;

use super::fields::BOUNDS;
use super::view::Form;
use crate::app::App;
use crate::kit::controls::{Controls, Input};

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
    pub(super) fn timing(&self, app: &App, controls: &Controls<'_>) -> Markup {
        html! {
            fieldset.field.timing {
                legend { "When" }
                div.row.kinds {
                    @for (kind, label) in KINDS {
                        label {
                            input type="radio" name="timing" value=(kind) checked[self.fields.kind == kind];
                            (label)
                        }
                    }
                }
                (Self::every(app, controls))
                div.kind.kind-cron {
                    (controls.input(&Input::text("cron",
                        "Minute, hour, day, month, weekday: 0 9 * * MON-FRI; or with the seconds first; or @hourly")))
                }
                (self.random(controls))
                (self.bounds(controls))
                div.kind.kind-cron.kind-random.kind-bounded {
                    (controls.input(&Input {
                        list: Some("zones"),
                        ..Input::text("tz", "Any name of the IANA database, like Europe/Berlin")
                    }))
                    datalist #zones { @for zone in ZONES { option value=(zone) {} } }
                }
                (self.preview.part())
            }
        }
    }

    fn every(app: &App, controls: &Controls<'_>) -> Markup {
        let shortest = format!("10s, 5m, 1h 30m, 7d; at least {}", duration::show(app.settings.min_period));
        html! {
            div.kind.kind-every {
                (controls.input(&Input { list: Some("periods"), ..Input::text("every", &shortest) }))
                datalist #periods { @for period in ["10s", "1m", "5m", "15m", "1h", "6h", "1d"] { option value=(period) {} } }
                (controls.flag("align", "Counted in UTC; all endpoints on round times come at once"))
                (controls.input(&Input::text("jitter", "Each call comes up to this much later, at random; blank for none")))
            }
        }
    }

    /// From when, until when, when not, and whether it is paused. It is open where something of it is wrong or said.
    fn bounds(&self, controls: &Controls<'_>) -> Markup {
        let faulty = BOUNDS.iter().any(|path| controls.fault(path).is_some());
        html! {
            details.bounds open[faulty || self.fields.is_bounded()] {
                summary { "From, until, except, pause" }
                (controls.input(&Input::text("from", "No call before this, like 2027-01-31 09:00; blank for none")))
                (controls.input(&Input::text("until", "No call after this; blank for none")))
                (controls.input(&Input::text("except",
                    "No call on 2026-12-25, 12-24..01-02 of each year, 01:00-03:00, mon-fri 12:00-13:00; blank for none")))
                (controls.input(&Input::text("pause.until",
                    "No call before this, while something is mended; blank, with a reason: until somebody resumes it")))
                (controls.input(&Input::text("pause.note", "The page of the endpoint shows it; blank if it is not paused")))
            }
        }
    }

    fn random(&self, controls: &Controls<'_>) -> Markup {
        let days = html! {
            @for day in WEEKDAYS {
                label {
                    input type="checkbox" name="days" value=(day) checked[self.fields.is_ticked("days", day)];
                    (day[..1].to_uppercase()) (day[1..])
                }
            }
        };
        html! {
            div.kind.kind-random {
                (controls.input(&Input {
                    list: Some("periods"),
                    ..Input::text("random", "1h, 30m, 1d, 7d: once in each of them, at a random moment")
                }))
                (controls.input(&Input::text("window",
                    "Parts of the day, like 09:00-17:00 or 22:00-02:00, 12:00-13:00; blank for all of it")))
                (controls.group("days", "", &days))
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
