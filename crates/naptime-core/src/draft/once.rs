//! A draft of a one-off job.

use std::sync::Arc;
use std::time::Duration;

use super::{Draft, Rules};
use crate::{Endpoint, Invalid, JobId, NewJob, Schedule, Spec, Time, duration, read_at};

/// How long a call of a one-off job may take, unless it says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(60);
/// The furthest ahead that a job can be asked for: ten years.
pub const FURTHEST: Duration = Duration::from_secs(3653 * 24 * 3600);

/// What was typed or sent to have something called once.
#[derive(Clone, Debug, Default)]
pub struct OnceDraft {
    /// What it has in common with others. Its fields of when, `active`, `sla` and `steer` have no say.
    pub draft: Draft,
    /// When it is to be called, as [`read_at`] reads it.
    pub at: Option<String>,
    /// How long from now it is to be called.
    pub after: Option<String>,
    /// What it is known by to whoever asks for it.
    pub key: Option<String>,
}

/// A one-off job that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The job.
    pub new: NewJob,
    /// Whether it was asked for at a time that is over, so that it is called now.
    pub past: bool,
}

impl OnceDraft {
    /// Reads it, at `now`.
    ///
    /// # Errors
    /// All faults, of which there is at least one.
    pub fn create(mut self, rules: Rules<'_>, id: JobId, now: Time) -> Result<Once, Vec<Invalid>> {
        let mut faults = Vec::new();
        let named = |field: &str| self.draft.faults.iter().any(|fault| fault.field == field);
        if self.draft.url.is_none() && !named("url") {
            let detail = "the URL is missing; it looks like https://example.com/path";
            faults.push(Invalid::new("url", "missing", detail));
        }
        let at = self.at(now).unwrap_or_else(|fault| {
            faults.push(fault);
            now
        });
        faults.extend(self.key.as_deref().and_then(|key| Spec::check_key(key).err()));
        // A job of this kind, of which the draft is a change.
        let nowhere = Endpoint::parse("http://nowhere.invalid/").map_err(|fault| vec![fault])?;
        let mut spec = Spec { key: self.key, ..Spec::new(nowhere, Schedule::Once { at }) };
        spec.request.timeout = TIMEOUT;
        let old = NewJob { id, spec, active: true }.into_job(now);
        self.draft = Draft {
            url: self.draft.url,
            method: self.draft.method,
            headers: self.draft.headers,
            body: self.draft.body,
            secret: self.draft.secret,
            timeout: self.draft.timeout,
            attempts: self.draft.attempts,
            backoff: self.draft.backoff,
            on: self.draft.on,
            success: self.draft.success,
            lease: self.draft.lease,
            name: self.draft.name,
            tags: self.draft.tags,
            faults: self.draft.faults,
            ..Draft::default()
        };
        match self.draft.change(rules, &old) {
            Ok(change) if faults.is_empty() => {
                let new = NewJob { id, spec: change.applied(Arc::unwrap_or_clone(old.spec)), active: true };
                Ok(Once { new, past: at < now })
            }
            Ok(_) => Err(faults),
            Err(others) => {
                faults.extend(others);
                Err(faults)
            }
        }
    }

    /// When it is to be called.
    fn at(&self, now: Time) -> Result<Time, Invalid> {
        match (&self.at, &self.after) {
            (Some(_), Some(_)) => Err(Invalid::new("at", "both", "`at` and `in` exclude each other; leave one out")),
            (None, None) => Ok(now),
            (None, Some(text)) => Ok(now + duration::parse_within("in", text, Duration::ZERO, FURTHEST)?),
            (Some(text), None) => {
                let at = read_at(text, None)?;
                if at > now + FURTHEST {
                    return Err(Invalid::new("at", "out_of_range", "that is more than ten years ahead"));
                }
                Ok(at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{AllowedNetworks, Retry};

    use super::*;

    const NOW: Time = Time::from_millis(1_767_323_045_006);

    fn create(draft: OnceDraft) -> Result<Once, Vec<(String, &'static str)>> {
        let networks = AllowedNetworks::public_only();
        let rules = Rules { networks: &networks, min_period: duration::MIN_PERIOD };
        let read = draft.create(rules, uuid::Uuid::from_u128(7).into(), NOW);
        read.map_err(|faults| faults.into_iter().map(|fault| (fault.field.into_owned(), fault.code)).collect())
    }

    fn minimal() -> OnceDraft {
        let draft = Draft { url: Some("https://example.com/".into()), ..Draft::default() };
        OnceDraft { draft, ..OnceDraft::default() }
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_one_off_jobs() {
        let once = create(minimal()).expect("a job");
        assert!(once.new.active && !once.past);
        let spec = once.new.spec;
        assert_eq!((spec.schedule, spec.retry), (Schedule::Once { at: NOW }, Retry::once()));
        assert_eq!((spec.request.timeout, spec.key), (TIMEOUT, None));
    }

    #[test]
    fn when_is_read() {
        let at = |at: &str| create(OnceDraft { at: Some(at.into()), ..minimal() });
        let after = |after: &str| create(OnceDraft { after: Some(after.into()), ..minimal() });
        let time = |once: Result<Once, _>| once.map(|once| (once.new.spec.schedule, once.past));
        let once = |millis: i64, past| Ok((Schedule::Once { at: Time::from_millis(NOW.millis() + millis) }, past));
        assert_eq!(time(at("2026-01-02T03:04:06.006Z")), once(1000, false));
        assert_eq!(time(at("2026-01-02T04:04:04.006+01:00")), once(-1000, true));
        assert_eq!(time(after("5m")), once(300_000, false));
        assert_eq!(time(after("0")), once(0, false));
        let fault = |field: &str, code| Err(vec![(field.to_owned(), code)]);
        assert_eq!(at("tomorrow").map(drop), fault("at", "not_a_time"));
        assert_eq!(at("2026-01-02T03:04:06").map(drop), fault("at", "ambiguous"), "of which zone?");
        assert_eq!(at("2036-01-04T00:00:00Z").map(drop), fault("at", "out_of_range"));
        assert_eq!(after("3654d").map(drop), fault("in", "out_of_range"));
        assert_eq!(after("-5m").map(drop), fault("in", "not_a_duration"));
        let both = OnceDraft { at: Some("2030-01-01T00:00:00Z".into()), after: Some("5m".into()), ..minimal() };
        assert_eq!(create(both).map(drop), fault("at", "both"));
    }

    #[test]
    fn all_faults_come_together_each_at_its_field() {
        let draft = Draft {
            url: Some("http://127.0.0.1/".into()),
            method: Some("BREW".into()),
            timeout: Some("0".into()),
            attempts: Some("0".into()),
            on: Some("often".into()),
            success: Some("2xx".into()),
            lease: Some("1s".into()),
            ..Draft::default()
        };
        let draft = OnceDraft { draft, at: Some("x".into()), after: None, key: Some("x".repeat(201)) };
        let faults = create(draft).expect_err("faults");
        let fields: Vec<&str> = faults.iter().map(|(field, _)| field.as_str()).collect();
        for field in ["url", "method", "timeout", "retry", "success", "lease", "at", "key"] {
            assert!(fields.contains(&field), "{field} in {fields:?}");
        }
        let missing = create(OnceDraft::default()).expect_err("a fault");
        assert_eq!(missing, [("url".to_owned(), "missing")]);
    }
}
