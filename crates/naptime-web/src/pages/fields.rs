//! The fields of the form, as texts: what is shown and what was typed.

use std::time::Duration;

use naptime_core::{Draft, Job, JobId, RawHeaders, RawLimits, Request, Retry, Rev, Statuses, Zone, duration};

use crate::mask;
use crate::timing::{Timing, WEEKDAYS};

/// What the form holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) url: String,
    /// The kind of timing. Only what belongs to it counts.
    pub(super) kind: String,
    pub(super) every: String,
    pub(super) jitter: String,
    pub(super) align: bool,
    pub(super) cron: String,
    pub(super) random: String,
    /// The window.
    pub(super) from: String,
    pub(super) to: String,
    /// The weekdays that are ticked, of those there are.
    pub(super) days: Vec<&'static str>,
    pub(super) tz: String,
    pub(super) method: String,
    pub(super) headers: String,
    pub(super) body: String,
    /// Whether body and query are shown no more.
    pub(super) secret: bool,
    pub(super) timeout: String,
    pub(super) name: String,
    pub(super) tags: String,
    pub(super) sla: String,
    pub(super) attempts: String,
    pub(super) backoff: String,
    pub(super) on: String,
    pub(super) success: String,
    pub(super) lease: String,
    pub(super) steer_min: String,
    pub(super) steer_max: String,
    pub(super) active: bool,
    /// The revision that was shown.
    pub(super) rev: Option<Rev>,
    /// The id that a new endpoint is to have, so that the calls shown are those that come.
    pub(super) id: Option<JobId>,
    /// Whether it is only to be looked at.
    pub(super) preview: bool,
}

/// The kind of timing that a form begins with.
const KIND: &str = "every";

impl Fields {
    /// The form of a new endpoint.
    pub(super) fn blank() -> Self {
        let (request, retry) = (Request::default(), Retry::default());
        Self {
            kind: KIND.to_owned(),
            days: WEEKDAYS.to_vec(),
            tz: Zone::UTC.to_string(),
            method: request.method.to_string(),
            timeout: duration::show(request.timeout),
            attempts: retry.attempts.to_string(),
            backoff: duration::show(retry.backoff),
            on: retry.on.to_string(),
            success: Statuses::success().to_string(),
            lease: duration::show(naptime_core::state::LEASE),
            ..Self::default()
        }
    }

    /// The form of an endpoint that exists.
    pub(super) fn of(job: &Job) -> Self {
        let (spec, request, retry) = (&job.spec, &job.spec.request, &job.spec.retry);
        let lines = mask::masked(&request.headers).into_iter().map(|(name, value)| format!("{name}: {value}"));
        let timing = Timing::of(&spec.schedule);
        let (from, to) = timing.window.as_deref().and_then(|window| window.split_once('-')).unwrap_or_default();
        let or_blank = |duration: Option<Duration>| duration.map(duration::show).unwrap_or_default();
        Self {
            url: spec.shown_endpoint().to_string(),
            kind: timing.kind.to_owned(),
            every: timing.every.unwrap_or_default(),
            jitter: timing.jitter.unwrap_or_default(),
            align: timing.align.unwrap_or_default(),
            cron: timing.cron.unwrap_or_default(),
            random: timing.random.unwrap_or_default(),
            from: from.to_owned(),
            to: to.to_owned(),
            days: timing.days.unwrap_or(WEEKDAYS.to_vec()),
            tz: timing.tz.unwrap_or(Zone::UTC.to_string()),
            method: request.method.to_string(),
            headers: lines.collect::<Vec<_>>().join("\n"),
            body: normal(mask::body(request).unwrap_or_default()),
            secret: request.secret,
            timeout: duration::show(request.timeout),
            name: spec.name.clone(),
            tags: spec.tags.join(", "),
            sla: or_blank(spec.sla),
            attempts: retry.attempts.to_string(),
            backoff: duration::show(retry.backoff),
            on: retry.on.to_string(),
            success: spec.success.to_string(),
            lease: duration::show(spec.lease),
            steer_min: or_blank(spec.steer.map(|steer| steer.min)),
            steer_max: or_blank(spec.steer.map(|steer| steer.max)),
            active: job.active,
            rev: Some(job.rev),
            id: Some(job.id),
            preview: false,
        }
    }

    /// The form as it was sent.
    pub(super) fn sent(fields: &[(String, String)]) -> Self {
        let there = |name: &str| fields.iter().any(|(key, _)| key == name);
        let text = |name: &str| {
            let value = fields.iter().find(|(key, _)| key == name).map(|(_, value)| normal(value));
            value.unwrap_or_default()
        };
        let ticked = |day: &&str| fields.iter().any(|(key, value)| key == "days" && value == day);
        let kind = text("timing");
        // A box that is not ticked is not sent at all.
        Self {
            url: text("url"),
            kind: if matches!(kind.as_str(), "cron" | "random") { kind } else { KIND.to_owned() },
            every: text("every"),
            jitter: text("jitter"),
            align: there("align"),
            cron: text("cron"),
            random: text("random"),
            from: text("from"),
            to: text("to"),
            days: WEEKDAYS.into_iter().filter(ticked).collect(),
            tz: text("tz"),
            method: text("method"),
            headers: text("headers"),
            body: text("body"),
            secret: there("secret"),
            timeout: text("timeout"),
            name: text("name"),
            tags: text("tags"),
            sla: text("sla"),
            attempts: text("attempts"),
            backoff: text("backoff"),
            on: text("on"),
            success: text("success"),
            lease: text("lease"),
            steer_min: text("steer_min"),
            steer_max: text("steer_max"),
            active: there("active"),
            rev: text("rev").parse().ok().map(Rev),
            id: text("id").parse().ok(),
            preview: there("preview"),
        }
    }

    /// What was typed, where it is not what was `shown`. What a form cannot hold exactly, such as other line ends in a
    /// body, is so left as it is unless somebody changes it.
    pub(super) fn draft(&self, shown: &Fields) -> Draft {
        let typed = |get: fn(&Fields) -> &String| Some(get(self)).filter(|text| *text != get(shown)).cloned();
        // Fields that were emptied of their default have that default.
        let unless_blank = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let limits = [&self.steer_min, &self.steer_max];
        Draft {
            url: typed(|fields| &fields.url),
            method: unless_blank(typed(|fields| &fields.method)),
            headers: typed(|fields| &fields.headers).map(RawHeaders::Lines),
            body: typed(|fields| &fields.body).map(Some),
            secret: (self.secret != shown.secret).then_some(self.secret),
            timeout: unless_blank(typed(|fields| &fields.timeout)),
            active: (self.active != shown.active).then_some(self.active),
            sla: typed(|fields| &fields.sla).map(or_none),
            attempts: unless_blank(typed(|fields| &fields.attempts)),
            backoff: unless_blank(typed(|fields| &fields.backoff)),
            on: unless_blank(typed(|fields| &fields.on)),
            success: unless_blank(typed(|fields| &fields.success)),
            lease: unless_blank(typed(|fields| &fields.lease)),
            steer: (limits != [&shown.steer_min, &shown.steer_max]).then(|| {
                let [min, max] = limits.map(|limit| Some(limit.clone()));
                limits.iter().any(|limit| !limit.trim().is_empty()).then_some(RawLimits { min, max })
            }),
            name: typed(|fields| &fields.name).map(Some),
            tags: typed(|fields| &fields.tags).map(|tags| split(&tags)),
            ..self.timing(shown)
        }
    }

    /// When it is to be called: what was typed of the kind that is chosen, or all of it if that is another than shown.
    fn timing(&self, shown: &Fields) -> Draft {
        let other = self.kind != shown.kind;
        let typed = |get: fn(&Fields) -> &String| Some(get(self)).filter(|it| other || *it != get(shown)).cloned();
        let tz = typed(|fields| &fields.tz).map(or_none);
        match self.kind.as_str() {
            "cron" => Draft { cron: typed(|fields| &fields.cron), tz, ..Draft::default() },
            "random" => {
                let window = [&self.from, &self.to];
                let blank = window.iter().all(|end| end.trim().is_empty());
                let days = self.days.iter().map(ToString::to_string).collect();
                Draft {
                    random: typed(|fields| &fields.random),
                    window: (other || window != [&shown.from, &shown.to])
                        .then(|| (!blank).then(|| format!("{}-{}", window[0], window[1]))),
                    days: (other || self.days != shown.days).then_some(Some(days)),
                    tz,
                    ..Draft::default()
                }
            }
            _ => Draft {
                every: typed(|fields| &fields.every),
                jitter: typed(|fields| &fields.jitter).map(or_none),
                align: (other || self.align != shown.align).then_some(self.align),
                ..Draft::default()
            },
        }
    }

    /// Whether nothing is typed yet that says when.
    pub(super) fn is_untimed(&self) -> bool {
        let when = match self.kind.as_str() {
            "cron" => &self.cron,
            "random" => &self.random,
            _ => &self.every,
        };
        when.trim().is_empty()
    }
}

/// What was left blank is none.
fn or_none(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
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
    use naptime_core::{AllowedNetworks, Change, Rules, Time};

    use super::*;

    /// What a browser sends of a form.
    fn pairs(shown: &Fields) -> Vec<(String, String)> {
        let texts = [
            ("url", &shown.url),
            ("timing", &shown.kind),
            ("every", &shown.every),
            ("jitter", &shown.jitter),
            ("cron", &shown.cron),
            ("random", &shown.random),
            ("from", &shown.from),
            ("to", &shown.to),
            ("tz", &shown.tz),
            ("method", &shown.method),
            ("headers", &shown.headers),
            ("body", &shown.body),
            ("timeout", &shown.timeout),
            ("name", &shown.name),
            ("tags", &shown.tags),
            ("sla", &shown.sla),
            ("attempts", &shown.attempts),
            ("backoff", &shown.backoff),
            ("on", &shown.on),
            ("success", &shown.success),
            ("lease", &shown.lease),
            ("steer_min", &shown.steer_min),
            ("steer_max", &shown.steer_max),
        ];
        let texts = texts.map(|(name, value)| (name.to_owned(), value.replace('\n', "\r\n")));
        let align = shown.align.then(|| ("align".to_owned(), "true".to_owned()));
        let days = shown.days.iter().map(|day| ("days".to_owned(), day.to_string()));
        texts.into_iter().chain(days).chain(align).collect()
    }

    #[test]
    fn every_kind_of_timing_can_be_sent_back_and_changed() {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
        let text = |text: &str| Some(text.to_owned());
        let every = Draft { every: text("5m"), jitter: Some(text("30s")), ..Draft::default() };
        let aligned = Draft { every: text("5m"), align: Some(true), ..Draft::default() };
        let cron = Draft { cron: text("0 9 * * *"), tz: Some(text("Europe/Berlin")), ..Draft::default() };
        let random = Draft {
            random: text("1h"),
            window: Some(text("09:00-17:00")),
            days: Some(Some(vec!["mon-wed".to_owned()])),
            tz: Some(text("Europe/Berlin")),
            steer: Some(Some(RawLimits { min: text("30s"), max: text("1h") })),
            ..Draft::default()
        };
        for draft in [every, aligned, cron, random] {
            let draft = Draft { url: text("https://example.com/"), ..draft };
            let job = draft.create(rules, uuid::Uuid::from_u128(1).into()).unwrap().into_job(Time::from_millis(0));
            let shown = Fields::of(&job);
            let sent = Fields::sent(&pairs(&shown));
            assert_eq!(sent.draft(&shown).change(rules, &job).unwrap(), Change::default(), "{shown:?}");
            let check = |kind: &str, align: bool, expect: &str| {
                let typed = Fields {
                    kind: kind.to_owned(),
                    every: "2h".to_owned(),
                    jitter: String::new(),
                    align,
                    cron: "@daily".to_owned(),
                    random: "3h".to_owned(),
                    from: String::new(),
                    to: String::new(),
                    days: vec!["sun"],
                    tz: "Asia/Tokyo".to_owned(),
                    ..sent.clone()
                };
                let change = typed.draft(&shown).change(rules, &job).unwrap();
                assert_eq!(change.schedule.unwrap().describe(), expect, "{shown:?}");
            };
            check("every", false, "every 2h");
            check("every", true, "every 2h, on round times");
            check("cron", true, "cron @daily (Asia/Tokyo)");
            check("random", true, "at random once in each 3h, Sun (Asia/Tokyo)");
        }
    }

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
        let change = Fields::sent(&pairs(&shown)).draft(&shown).change(rules, &job).unwrap();
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
