//! The fields of a form: each with its label, its input, its hint, and what is wrong with it.
//!
//! The id of an input is the path of its field, so that the fault of a field leads to it.

use maud::{Markup, html};
use naptime_core::{Invalid, Rev};

/// The field that marks a form in which something is typed, which is not to be lost with a session.
pub(crate) const DRAFT: &str = "draft";
/// The field with which a form is only to be shown again, with what it comes to.
pub(crate) const PREVIEW: &str = "preview";

/// What a form holds.
pub(crate) trait Held {
    /// The text of a field; blank if it has none. That of a box is `true` if it is ticked.
    fn text(&self, path: &str) -> &str;

    /// What the form calls a field.
    fn label<'a>(&self, path: &'a str) -> &'a str;

    /// The field that a fault is shown at.
    fn anchor<'a>(&self, path: &'a str) -> &'a str {
        path
    }
}

/// The fields of one form.
pub(crate) struct Controls<'a> {
    pub(crate) held: &'a dyn Held,
    /// What is wrong, in the words of the form.
    pub(crate) faults: &'a [Invalid],
    /// The field that a form begins with in which nothing is wrong.
    pub(crate) first: Option<&'static str>,
}

/// A field of one line.
pub(crate) struct Input<'a> {
    pub(crate) path: &'a str,
    pub(crate) hint: &'a str,
    /// Its type in HTML.
    pub(crate) kind: &'static str,
    /// The keys that a phone shows for it.
    pub(crate) keys: Option<&'static str>,
    /// A list of suggestions.
    pub(crate) list: Option<&'static str>,
}

impl<'a> Input<'a> {
    /// A field of plain text.
    pub(crate) fn text(path: &'a str, hint: &'a str) -> Self {
        Self { path, hint, kind: "text", keys: None, list: None }
    }
}

impl Controls<'_> {
    /// A field of one line.
    pub(crate) fn input(&self, input: &Input<'_>) -> Markup {
        let path = input.path;
        let autofocus = self.is_first(path) || (self.faults.is_empty() && self.first == Some(path));
        let control = html! {
            input id=(path) name=(path) type=(input.kind) value=(self.held.text(path)) list=[input.list]
                inputmode=[input.keys] autofocus[autofocus] autocomplete="off" spellcheck="false"
                aria-invalid=[self.invalid(path)] aria-describedby=(self.described(path));
        };
        self.field(path, input.hint, &control)
    }

    /// A field of several lines.
    pub(crate) fn lines(&self, path: &str, rows: u8, hint: &str) -> Markup {
        // The first line break after the tag is not part of the text.
        let control = html! {
            textarea id=(path) name=(path) rows=(rows) spellcheck="false" autocomplete="off"
                autofocus[self.is_first(path)] aria-invalid=[self.invalid(path)] aria-describedby=(self.described(path)) {
                "\n" (self.held.text(path))
            }
        };
        self.field(path, hint, &control)
    }

    /// A box to tick.
    pub(crate) fn flag(&self, path: &str, hint: &str) -> Markup {
        html! {
            div.field.check.faulty[self.fault(path).is_some()] {
                input id=(path) type="checkbox" name=(path) value="true" checked[self.held.text(path) == "true"]
                    aria-describedby=(self.described(path));
                label for=(path) { (self.held.label(path)) }
                (self.below(path, hint))
            }
        }
    }

    /// A control with its label, its hint, and what is wrong with it.
    pub(crate) fn field(&self, path: &str, hint: &str, control: &Markup) -> Markup {
        html! {
            div.field.faulty[self.fault(path).is_some()] {
                label for=(path) { (self.held.label(path)) }
                (control)
                (self.below(path, hint))
            }
        }
    }

    /// Several controls with a label, a hint and faults in common.
    pub(crate) fn group(&self, path: &str, hint: &str, controls: &Markup) -> Markup {
        html! {
            fieldset id=(path) .field.faulty[self.fault(path).is_some()] aria-describedby=(self.described(path)) {
                legend { (self.held.label(path)) }
                div.row { (controls) }
                (self.below(path, hint))
            }
        }
    }

    /// A short field within a group.
    pub(crate) fn part(&self, path: &str, size: u8) -> Markup {
        let group = path.split_once('.').and_then(|(group, _)| self.invalid(group));
        let fault = self.fault(path);
        html! {
            div.cell.faulty[fault.is_some()] {
                label {
                    (self.held.label(path))
                    input id=(path) name=(path) value=(self.held.text(path)) size=(size) autocomplete="off"
                        spellcheck="false" autofocus[self.is_first(path)] aria-invalid=[self.invalid(path).or(group)]
                        aria-describedby=[fault.map(|_| fault_id(path))];
                }
                (self.below(path, ""))
            }
        }
    }

    pub(crate) fn fault(&self, path: &str) -> Option<&Invalid> {
        self.faults.iter().find(|fault| self.held.anchor(&fault.field) == path)
    }

    fn invalid(&self, path: &str) -> Option<&'static str> {
        self.fault(path).map(|_| "true")
    }

    /// Whether the first fault is at this field.
    fn is_first(&self, path: &str) -> bool {
        self.faults.first().is_some_and(|fault| self.held.anchor(&fault.field) == path)
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

/// What every form sends along: the revision that was shown, and that something is typed in it.
pub(crate) fn along(rev: Option<Rev>) -> Markup {
    html! {
        @if let Some(rev) = rev { input type="hidden" name="rev" value=(rev.0); }
        input type="hidden" name=(DRAFT) value="true";
    }
}

/// That somebody else's change came between, and where to see it.
pub(crate) fn stale_notice(said: &str, now: Option<&str>) -> Markup {
    html! {
        div.notice.warn role="alert" {
            p { strong { (said) } " Nothing was saved; what you typed is below." }
            @if let Some(now) = now {
                p { a href=(now) target="_blank" { "See how it is now" } ", then save over it or cancel." }
            }
        }
    }
}

fn fault_id(path: &str) -> String {
    format!("{path}-fault")
}
