//! Rules: on this event, do that to the job of this key.
//!
//! Here is what a rule says. How its templates are filled in belongs to whoever receives events.

use serde::{Deserialize, Serialize};

/// What happens on an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called: `[a-z0-9-]{1,60}`.
    pub name: String,
    /// The event it waits for, by its whole name.
    pub event: String,
    /// The key of the job it acts on, as a template. Two rules of the same event may keep two jobs for one key.
    pub job: String,
    /// What is done.
    pub then: Action,
    /// Whether it acts.
    pub enabled: bool,
}

/// What is done to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made, or changed if it is there.
    Upsert(Box<Template>),
    /// It is deleted.
    Delete,
    /// It is switched off.
    SwitchOff,
}

/// The job of an [`Action::Upsert`]: every text is a template, and what comes out is read like input to the API.
/// A text that comes out blank counts as left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The fields are those of the API.
pub struct Template {
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub align: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Name and value, each a template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sla: Option<String>,
    #[serde(skip_serializing_if = "RetryTemplate::is_empty")]
    pub retry: RetryTemplate,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
    #[serde(skip_serializing_if = "SteerTemplate::is_empty")]
    pub steer: SteerTemplate,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether the job is switched on by it. A rule is somebody's word that it be called, so it is unless said
    /// otherwise.
    pub active: bool,
}

/// Whether and when a failed call is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The fields are those of the API.
pub struct RetryTemplate {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
}

/// The limits of what the target may set; none of them: it may set nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // The fields are those of the API.
pub struct SteerTemplate {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

impl RetryTemplate {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SteerTemplate {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Template {
    fn default() -> Self {
        Self {
            url: String::new(),
            every: None,
            jitter: None,
            align: false,
            cron: None,
            random: None,
            window: None,
            days: Vec::new(),
            tz: None,
            method: None,
            headers: Vec::new(),
            body: None,
            secret: false,
            timeout: None,
            sla: None,
            retry: RetryTemplate::default(),
            success: None,
            lease: None,
            steer: SteerTemplate::default(),
            name: None,
            tags: Vec::new(),
            active: true,
        }
    }
}

impl Template {
    /// All its texts, each with the field it belongs to.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("every", &self.every),
            ("jitter", &self.jitter),
            ("cron", &self.cron),
            ("random", &self.random),
            ("window", &self.window),
            ("tz", &self.tz),
            ("method", &self.method),
            ("body", &self.body),
            ("timeout", &self.timeout),
            ("sla", &self.sla),
            ("retry", &self.retry.attempts),
            ("retry", &self.retry.backoff),
            ("retry", &self.retry.on),
            ("success", &self.success),
            ("lease", &self.lease),
            ("steer", &self.steer.min),
            ("steer", &self.steer.max),
            ("name", &self.name),
        ];
        std::iter::once(("url", self.url.as_str()))
            .chain(optional.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?))))
            .chain(self.headers.iter().flat_map(|(name, value)| [("headers", name.as_str()), ("headers", value)]))
            .chain(self.days.iter().map(|days| ("days", days.as_str())))
            .chain(self.tags.iter().map(|tag| ("tags", tag.as_str())))
            .collect()
    }
}
