//! What is done to many things of a list at once: to those that are picked, or to all that match if none is.

use maud::{Markup, html};
use naptime_core::JobId;

use super::confirm::Question;

/// What can be done: its word in addresses, its label, and whether it destroys something.
pub(crate) type Action = (&'static str, &'static str, bool);

/// The buttons, which lead to a question. `said` is what the list is filtered by, as an address says it.
pub(crate) fn buttons(
    path: &str,
    said: impl Iterator<Item = (&'static str, String)>,
    actions: impl Iterator<Item = Action>,
) -> Markup {
    html! {
        form #bulk action=(path) {
            @for (name, value) in said { input type="hidden" name=(name) value=(value); }
            span.dim { "Picked, or all that match:" }
            @for (word, label, danger) in actions {
                button.danger[danger] name="action" value=(word) { (label) "…" }
            }
        }
    }
}

/// A box in a row of the list.
pub(crate) fn pick(id: JobId, label: &str) -> Markup {
    html! { input type="checkbox" form="bulk" name="id" value=(id) aria-label={ "Pick " (label) }; }
}

/// After one request did as much as it may: whether to go on, at this address, with these fields.
pub(crate) fn so_far(done: &str, action: &str, fields: Markup, back: &str) -> Markup {
    let about = html! { p { "There are more than can be done in one go." } };
    let action = Some(action);
    Question { heading: done, about, action, fields, yes: "Go on", danger: false, no: "Stop here", back }.ask()
}
