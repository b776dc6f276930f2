//! One field of the form of an endpoint: its label, its input, its hint, and what is wrong with it.
//!
//! The id of an input is the path of its field, so that the fault of a field leads to it.

use maud::{Markup, html};
use naptime_core::Invalid;

use super::form_view::Form;
use super::labels::label;

/// A field of one line.
pub(super) struct Input<'a> {
    pub(super) path: &'static str,
    pub(super) hint: &'a str,
    /// Its type in HTML.
    pub(super) kind: &'static str,
    /// A list of suggestions.
    pub(super) list: Option<&'static str>,
}

impl<'a> Input<'a> {
    /// A field of plain text.
    pub(super) fn text(path: &'static str, hint: &'a str) -> Self {
        Self { path, hint, kind: "text", list: None }
    }
}

impl Form<'_> {
    /// A field of one line.
    pub(super) fn input(&self, input: &Input<'_>) -> Markup {
        let path = input.path;
        // A new form begins at its first field.
        let autofocus = self.is_first(path) || (self.faults.is_empty() && self.id.is_none() && path == "url");
        let control = html! {
            input id=(path) name=(path) type=(input.kind) value=(self.fields.text(path)) list=[input.list]
                autofocus[autofocus] autocomplete="off" spellcheck="false"
                aria-invalid=[self.invalid(path)] aria-describedby=(self.described(path));
        };
        self.field(path, input.hint, &control)
    }

    /// A field of several lines.
    pub(super) fn lines(&self, path: &'static str, rows: u8, hint: &str) -> Markup {
        // The first line break after the tag is not part of the text.
        let control = html! {
            textarea id=(path) name=(path) rows=(rows) spellcheck="false" autofocus[self.is_first(path)]
                aria-invalid=[self.invalid(path)] aria-describedby=(self.described(path)) {
                "\n" (self.fields.text(path))
            }
        };
        self.field(path, hint, &control)
    }

    /// A box to tick.
    pub(super) fn flag(&self, path: &'static str, hint: &str) -> Markup {
        html! {
            div.field.check.faulty[self.fault(path).is_some()] {
                input id=(path) type="checkbox" name=(path) value="true" checked[self.fields.is_ticked(path, "true")]
                    aria-describedby=(self.described(path));
                label for=(path) { (label(path)) }
                (self.below(path, hint))
            }
        }
    }

    /// A control with its label, its hint, and what is wrong with it.
    pub(super) fn field(&self, path: &str, hint: &str, control: &Markup) -> Markup {
        html! {
            div.field.faulty[self.fault(path).is_some()] {
                label for=(path) { (label(path)) }
                (control)
                (self.below(path, hint))
            }
        }
    }

    /// Several controls with a label, a hint and faults in common.
    pub(super) fn group(&self, path: &str, hint: &str, controls: &Markup) -> Markup {
        html! {
            fieldset id=(path) .field.faulty[self.fault(path).is_some()] aria-describedby=(self.described(path)) {
                legend { (label(path)) }
                div.row { (controls) }
                (self.below(path, hint))
            }
        }
    }

    /// A short field within a group.
    pub(super) fn part(&self, path: &'static str, size: u8) -> Markup {
        let group = path.split_once('.').and_then(|(group, _)| self.invalid(group));
        let fault = self.fault(path);
        html! {
            div.cell.faulty[fault.is_some()] {
                label {
                    (label(path))
                    input id=(path) name=(path) value=(self.fields.text(path)) size=(size) autocomplete="off"
                        spellcheck="false" autofocus[self.is_first(path)] aria-invalid=[self.invalid(path).or(group)]
                        aria-describedby=[fault.map(|_| fault_id(path))];
                }
                (self.below(path, ""))
            }
        }
    }

    pub(super) fn fault(&self, path: &str) -> Option<&Invalid> {
        self.faults.iter().find(|fault| fault.field == path)
    }

    fn invalid(&self, path: &str) -> Option<&'static str> {
        self.fault(path).map(|_| "true")
    }

    /// Whether the first fault is at this field.
    fn is_first(&self, path: &str) -> bool {
        self.faults.first().is_some_and(|fault| fault.field == path)
    }

    fn below(&self, path: &str, hint: &str) -> Markup {
        html! {
            @if let Some(fault) = self.fault(path) { p.fault id=(fault_id(path)) { (fault.detail) } }
            @if !hint.is_empty() { p.hint id={ (path) "-hint" } { (hint) } }
        }
    }

    fn described(&self, path: &str) -> String {
        let hint = format!("{path}-hint");
        if self.fault(path).is_some() { format!("{} {hint}", fault_id(path)) } else { hint }
    }
}

fn fault_id(path: &str) -> String {
    format!("{path}-fault")
}
