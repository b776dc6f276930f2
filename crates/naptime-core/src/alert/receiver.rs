//! Where alerts go, and which.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::{Report, Severity};
use crate::{Days, Endpoint, Hours, Invalid, SigningKeys, Time, Windows, Zone, secret};

/// The most receivers there may be.
pub const MAX_RECEIVERS: usize = 100;
/// Where PagerDuty takes events, unless a receiver says another place.
pub const EVENTS_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Where Telegram takes messages, unless a receiver says another place.
pub const TELEGRAM_URL: &str = "https://api.telegram.org";

/// Where alerts go, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receiver {
    /// What it is called: `[a-z0-9-]{1,40}`.
    pub name: String,
    /// Whether it is sent anything.
    pub active: bool,
    /// How it is reached.
    #[serde(flatten)]
    pub to: To,
    /// Of which problems it is told.
    #[serde(flatten)]
    pub only: Only,
    /// When it was added, or changed so much that what it was told before counts for nothing.
    pub added_at: Time,
    /// How long a problem must have lasted to be told.
    #[serde(with = "crate::duration::text")]
    #[schema(value_type = String)]
    pub after: Duration,
    /// How often it is told again while it lasts and nobody has acknowledged it; none: not again.
    #[serde(default, with = "crate::duration::optional_text", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub repeat: Option<Duration>,
    /// When it is told nothing; what still lasts at the end is told then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
}

/// How a receiver is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum To {
    /// JSON of our own.
    Webhook {
        /// Where it is sent.
        url: String,
        /// The keys it is signed with.
        #[serde(default, skip_serializing_if = "SigningKeys::is_empty")]
        #[schema(value_type = Vec<String>)]
        sign: SigningKeys,
    },
    /// An incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat, Discord (`.../slack`).
    Slack {
        /// Where it is sent.
        url: String,
    },
    /// A workflow of Microsoft Teams that posts what a webhook brings.
    Teams {
        /// Where it is sent.
        url: String,
    },
    /// A chat of Telegram.
    Telegram {
        /// The server of the Bot API.
        url: String,
        /// The token of the bot.
        token: String,
        /// The id of the chat.
        chat: String,
    },
    /// A topic of ntfy.
    Ntfy {
        /// The topic, by its URL.
        url: String,
        /// The token, if the topic needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// An integration of PagerDuty that takes events of version 2.
    Pagerduty {
        /// Where events are sent.
        url: String,
        /// The key of the integration.
        routing_key: String,
    },
    /// Addresses.
    Email {
        /// To whom.
        to: Vec<String>,
    },
}

impl Receiver {
    /// What it is known by among those who were told: not that of an earlier receiver of its name.
    pub fn key(&self) -> String {
        format!("{}@{}", self.name, self.added_at.millis())
    }

    /// Whether it is told of a problem. Nobody is told that alerts do not reach them.
    pub(crate) fn takes(&self, report: &Report) -> bool {
        self.only.takes(report) && report.receiver.as_ref() != Some(&self.name)
    }

    /// The receiver as it is shown, as JSON: without its credentials. The path of a webhook is one.
    pub fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        let has_secret_path = self.to.has_secret_path();
        for (name, value) in shown.as_object_mut().into_iter().flatten() {
            match (&**name, &value) {
                ("url", Value::String(url)) if has_secret_path => *value = shown_url(url).into(),
                ("token" | "routing_key", _) => *value = secret::MASK.into(),
                ("sign", Value::Array(keys)) => *value = keys.iter().map(|_| secret::MASK).collect(),
                _ => {}
            }
        }
        shown
    }
}

/// A URL without its path, as it is shown.
pub(crate) fn shown_url(url: &str) -> String {
    Endpoint::parse(url).map_or_else(|_| secret::MASK.to_owned(), |endpoint| endpoint.bare().to_string())
}

impl To {
    /// Whether whoever knows its URL can send there.
    pub fn has_secret_path(&self) -> bool {
        matches!(self, Self::Webhook { .. } | Self::Slack { .. } | Self::Teams { .. } | Self::Ntfy { .. })
    }

    /// The kinds there are, in the order in which a page offers them.
    pub const KINDS: [&str; 7] = ["email", "slack", "teams", "telegram", "ntfy", "pagerduty", "webhook"];

    /// The kind as it is sent: `slack`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Teams { .. } => "teams",
            Self::Telegram { .. } => "telegram",
            Self::Ntfy { .. } => "ntfy",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Email { .. } => "email",
        }
    }

    /// Where it is sent, if that is a URL.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Webhook { url, .. }
            | Self::Slack { url }
            | Self::Teams { url }
            | Self::Telegram { url, .. }
            | Self::Ntfy { url, .. }
            | Self::Pagerduty { url, .. } => Some(url),
            Self::Email { .. } => None,
        }
    }

    /// The token or the key that it is reached with, if there is one.
    pub(crate) fn credential(&self) -> Option<&str> {
        match self {
            Self::Telegram { token, .. } => Some(token),
            Self::Ntfy { token, .. } => token.as_deref(),
            Self::Pagerduty { routing_key, .. } => Some(routing_key),
            _ => None,
        }
    }

    /// Whether it leads to the same people, as far as that can be told: what one was told, the other knows.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        let place = |to: &Self| match to {
            Self::Email { to } => to.clone(),
            Self::Telegram { chat, .. } => vec![chat.clone()],
            Self::Pagerduty { routing_key, .. } => vec![routing_key.clone()],
            _ => Vec::new(),
        };
        self.kind() == other.kind() && self.url() == other.url() && place(self) == place(other)
    }

    /// Whether each problem needs an alert of its own, however many there are: what opened an incident has to end it.
    pub(crate) fn takes_one_by_one(&self) -> bool {
        matches!(self, Self::Pagerduty { .. })
    }
}

/// Of which problems a receiver is told: those that match all that is said. A list that is empty says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Only {
    /// Those that matter as much at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Those of these kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Those of these pools and their endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<String>,
    /// Those of endpoints with one of these tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Only {
    /// Whether a problem is told.
    pub fn takes(&self, report: &Report) -> bool {
        let among = |list: &[String], is: &dyn Fn(&String) -> bool| list.is_empty() || list.iter().any(is);
        self.severity.is_none_or(|least| report.severity <= least)
            && among(&self.kinds, &|kind| report.kind == *kind)
            && among(&self.pools, &|pool| report.pool.as_ref() == Some(pool))
            && among(&self.tags, &|tag| report.tags.contains(tag))
    }
}

/// Hours in which nothing is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "StoredQuiet", into = "StoredQuiet")]
#[schema(value_type = StoredQuiet)]
pub struct Quiet(pub Hours);

/// What [`Quiet`] is sent and stored as.
#[derive(Serialize, Deserialize, ToSchema)]
struct StoredQuiet {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<Windows>,
    #[serde(default = "every_day")]
    days: Days,
    tz: String,
}

fn every_day() -> Days {
    Days::ALL
}

impl Quiet {
    /// Whether nothing is told at `now`.
    pub fn holds(&self, now: Time) -> bool {
        self.0.stretch(now).is_some_and(|(from, to)| from <= now && now < to)
    }
}

impl TryFrom<StoredQuiet> for Quiet {
    type Error = Invalid;
    fn try_from(stored: StoredQuiet) -> Result<Self, Invalid> {
        let StoredQuiet { within, days, tz } = stored;
        Ok(Self(Hours { windows: within, days, zone: Zone::parse(&tz)? }))
    }
}

impl From<Quiet> for StoredQuiet {
    fn from(Quiet(Hours { windows, days, zone }): Quiet) -> Self {
        Self { within: windows, days, tz: zone.name().to_owned() }
    }
}
