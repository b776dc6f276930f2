//! The fields of the form, as texts: what is shown and what was typed.

use naptime_core::{Job, Rev, duration};

use crate::draft::{Draft, RawHeaders, period_of};
use crate::mask;

/// What the form holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) url: String,
    pub(super) every: String,
    pub(super) method: String,
    pub(super) headers: String,
    pub(super) body: String,
    pub(super) timeout: String,
    pub(super) name: String,
    pub(super) tags: String,
    pub(super) sla: String,
    pub(super) attempts: String,
    pub(super) backoff: String,
    pub(super) active: bool,
    /// The revision that was shown.
    pub(super) rev: Option<Rev>,
}

impl Fields {
    /// The form of a new endpoint.
    pub(super) fn blank() -> Self {
        let (request, retry) = (naptime_core::Request::default(), naptime_core::Retry::default());
        Self {
            method: request.method.to_string(),
            timeout: duration::show(request.timeout),
            attempts: retry.attempts.to_string(),
            backoff: duration::show(retry.backoff),
            ..Self::default()
        }
    }

    /// The form of an endpoint that exists.
    pub(super) fn of(job: &Job) -> Self {
        let (spec, request) = (&job.spec, &job.spec.request);
        let lines = mask::masked(&request.headers).into_iter().map(|(name, value)| format!("{name}: {value}"));
        Self {
            url: spec.endpoint.to_string(),
            every: period_of(&spec.schedule).map(duration::show).unwrap_or_default(),
            method: request.method.to_string(),
            headers: lines.collect::<Vec<_>>().join("\n"),
            body: normal(request.body.as_deref().unwrap_or("")),
            timeout: duration::show(request.timeout),
            name: spec.name.clone(),
            tags: spec.tags.join(", "),
            sla: spec.sla.map(duration::show).unwrap_or_default(),
            attempts: spec.retry.attempts.to_string(),
            backoff: duration::show(spec.retry.backoff),
            active: job.active,
            rev: Some(job.rev),
        }
    }

    /// The form as it was sent.
    pub(super) fn sent(fields: &[(String, String)]) -> Self {
        let text = |name: &str| {
            let value = fields.iter().find(|(key, _)| key == name).map(|(_, value)| normal(value));
            value.unwrap_or_default()
        };
        Self {
            url: text("url"),
            every: text("every"),
            method: text("method"),
            headers: text("headers"),
            body: text("body"),
            timeout: text("timeout"),
            name: text("name"),
            tags: text("tags"),
            sla: text("sla"),
            attempts: text("attempts"),
            backoff: text("backoff"),
            // A box that is not ticked is not sent at all.
            active: fields.iter().any(|(key, _)| key == "active"),
            rev: text("rev").parse().ok().map(Rev),
        }
    }

    /// What was typed, where it is not what was `shown`. What a form cannot hold exactly, such as other line ends in a
    /// body, is so left as it is unless somebody changes it.
    pub(super) fn draft(&self, shown: &Fields) -> Draft {
        let typed = |get: fn(&Fields) -> &String| Some(get(self)).filter(|text| *text != get(shown)).cloned();
        let or_none = |text: String| Some(text).filter(|text| !text.trim().is_empty());
        // Fields that were emptied of their default have that default.
        let unless_blank = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Draft {
            url: typed(|fields| &fields.url),
            every: typed(|fields| &fields.every),
            method: unless_blank(typed(|fields| &fields.method)),
            headers: typed(|fields| &fields.headers).map(RawHeaders::Lines),
            body: typed(|fields| &fields.body).map(Some),
            timeout: unless_blank(typed(|fields| &fields.timeout)),
            active: (self.active != shown.active).then_some(self.active),
            sla: typed(|fields| &fields.sla).map(or_none),
            attempts: unless_blank(typed(|fields| &fields.attempts)),
            backoff: unless_blank(typed(|fields| &fields.backoff)),
            name: typed(|fields| &fields.name).map(Some),
            tags: typed(|fields| &fields.tags).map(|tags| split(&tags)),
            faults: Vec::new(),
        }
    }
}

/// Browsers send line ends as CRLF, whatever was typed or shown.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Tags as they are typed: with commas between.
fn split(tags: &str) -> Vec<String> {
    tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use naptime_core::{AllowedNetworks, Change, Time};

    use super::*;
    use crate::draft::Rules;

    #[test]
    fn a_form_sent_back_as_it_was_changes_nothing() {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
        let draft = Draft {
            url: Some("https://example.com/".into()),
            every: Some("90s".into()),
            headers: Some(RawHeaders::Pairs(vec![
                ("Authorization".into(), "Bearer x".into()),
                ("X-A".into(), " 1 ".into()),
            ])),
            body: Some(Some("\na\r\nb\n".into())),
            tags: Some(vec!["one, two".into()]),
            name: Some(Some("n".into())),
            ..Draft::default()
        };
        let job = draft.create(rules, uuid::Uuid::from_u128(1).into()).unwrap().into_job(Time::from_millis(0));
        let shown = Fields::of(&job);
        assert!(!shown.headers.contains("Bearer"), "credentials are not shown");
        let pairs: Vec<(String, String)> = [
            ("url", &shown.url),
            ("every", &shown.every),
            ("method", &shown.method),
            ("headers", &shown.headers),
            ("body", &shown.body),
            ("timeout", &shown.timeout),
            ("name", &shown.name),
            ("tags", &shown.tags),
            ("sla", &shown.sla),
            ("attempts", &shown.attempts),
            ("backoff", &shown.backoff),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.replace('\n', "\r\n")))
        .collect();
        let change = Fields::sent(&pairs).draft(&shown).change(rules, &job).unwrap();
        assert_eq!(change, Change::default());
    }

    #[test]
    fn an_empty_form_lacks_url_and_period() {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
        let faults =
            Fields::sent(&[]).draft(&Fields::blank()).create(rules, uuid::Uuid::from_u128(1).into()).unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_ref()).collect();
        assert_eq!(fields, ["url", "every"]);
    }
}
