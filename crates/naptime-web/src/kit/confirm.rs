//! A question before something is done that is not easily undone.

use maud::{Markup, html};

/// The question, with what answers it.
pub(crate) struct Question<'a> {
    pub(crate) heading: &'a str,
    /// What it is about, and what comes of it.
    pub(crate) about: Markup,
    /// Where the answer is sent; none: where the question is.
    pub(crate) action: Option<&'a str>,
    /// What is sent with it.
    pub(crate) fields: Markup,
    /// What does it, and whether that destroys something.
    pub(crate) yes: &'a str,
    pub(crate) danger: bool,
    /// What leaves it, and leads there.
    pub(crate) no: &'a str,
    pub(crate) back: &'a str,
}

impl<'a> Question<'a> {
    /// Whether something is deleted.
    pub(crate) fn delete(heading: &'a str, about: Markup, back: &'a str) -> Self {
        let fields = html! {};
        Self { heading, about, action: None, fields, yes: "Delete", danger: true, no: "Keep", back }
    }

    pub(crate) fn ask(&self) -> Markup {
        html! {
            section.confirm {
                h1 { (self.heading) }
                (self.about)
                form method="post" action=[self.action] {
                    (self.fields)
                    div.actions {
                        button.primary[!self.danger].danger[self.danger] { (self.yes) }
                        a.button href=(self.back) { (self.no) }
                    }
                }
            }
        }
    }
}
