//! What people do about one-off jobs, in words and as buttons.

use maud::{Markup, html};
use naptime_core::{JobId, Stage};
use naptime_store::Treatment;

pub(super) const EACH: [Treatment; 2] = [Treatment::Retry, Treatment::Cancel];

/// The treatment in addresses.
pub(super) fn verb(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Retry => "retry",
        Treatment::Cancel => "cancel",
    }
}

/// The treatment on buttons.
pub(super) fn label(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Retry => "Retry",
        Treatment::Cancel => "Cancel",
    }
}

/// What can be done about a job in this stage. The buttons lead back to `back`.
pub(super) fn buttons(id: JobId, stage: Stage, back: &str) -> Markup {
    html! {
        @for treatment in EACH.into_iter().filter(|treatment| treatment.suits(stage)) {
            form method="post" action={ "/jobs/" (id) "/" (verb(treatment)) } {
                input type="hidden" name="back" value=(back);
                button.danger[treatment == Treatment::Cancel] {
                    @if stage == Stage::Done { "Call again" } @else { (label(treatment)) }
                }
            }
        }
    }
}
