//! What is said of what is done to many endpoints at once.

use super::Bulk;
use crate::kit::format;

/// On buttons.
pub(super) fn label(bulk: Bulk) -> &'static str {
    match bulk {
        Bulk::On => "Switch on",
        Bulk::Off => "Switch off",
        Bulk::Pause => "Pause",
        Bulk::Resume => "Resume",
        Bulk::Call => "Call now",
        Bulk::Tag => "Add tags",
        Bulk::Untag => "Remove tags",
        Bulk::Mute => "Mute",
        Bulk::Delete => "Delete",
    }
}

/// Before it is done to so many: `2 endpoints`.
pub(super) fn question(bulk: Bulk, counted: &str) -> String {
    match bulk {
        Bulk::On => format!("Switch {counted} on?"),
        Bulk::Off => format!("Switch {counted} off?"),
        Bulk::Pause => format!("Pause {counted}?"),
        Bulk::Resume => format!("Resume {counted}?"),
        Bulk::Call => format!("Call {counted} now?"),
        Bulk::Tag => format!("Add tags to {counted}?"),
        Bulk::Untag => format!("Remove tags from {counted}?"),
        Bulk::Mute => format!("Mute {counted}?"),
        Bulk::Delete => format!("Delete {counted}?"),
    }
}

/// What comes of it.
pub(super) fn what_follows(bulk: Bulk) -> &'static str {
    match bulk {
        Bulk::On => "Each is called from its next time on.",
        Bulk::Off => "They are not called any more until they are switched on. Calls under way go on.",
        Bulk::Pause => {
            "They are not called while the pause lasts. What would fall into it is not owed, and breaks no SLA."
        }
        Bulk::Resume => "The pause of each ends. Each is called from its next time on.",
        Bulk::Call => "Each is called once, now. Those of a pool that is switched off are passed over.",
        Bulk::Tag => "Those that have them already stay as they are.",
        Bulk::Untag => "Those that do not have them stay as they are.",
        Bulk::Mute => "They go on being called. Nobody is told of their problems until the time is over.",
        Bulk::Delete => "They are not called any more. They can be restored for as long as history is kept.",
    }
}

/// After it was done to so many.
pub(super) fn done(bulk: Bulk, count: u64) -> String {
    let counted = format::counted(count, "endpoint");
    match bulk {
        Bulk::On => format!("{counted} switched on."),
        Bulk::Off => format!("{counted} switched off."),
        Bulk::Pause => format!("{counted} paused."),
        Bulk::Resume => format!("{counted} resumed."),
        Bulk::Call => format!("{counted} called."),
        Bulk::Tag => format!("{counted} given tags."),
        Bulk::Untag => format!("{counted} without these tags now."),
        Bulk::Mute => format!("{counted} muted."),
        Bulk::Delete => format!("{counted} deleted."),
    }
}
