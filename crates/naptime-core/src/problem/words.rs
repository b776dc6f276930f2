//! Problems in words, the same for pages, answers and alerts.

use super::{Found, Kind, Severity, Whose};
use crate::{Cause, Last, Outcome};

impl Kind {
    /// What is wrong, as a sentence of whose problem it is: `The last 3 occurrences failed.`
    pub fn cause(&self) -> String {
        match self {
            Self::Database { fault } => format!("Nothing is called or saved, because {fault}."),
            Self::NoWorker { active: 0 } => "No worker is running.".to_owned(),
            Self::NoWorker { active } => {
                format!("No worker is running, and {} to be called.", waits(*active, "active endpoint"))
            }
            Self::PoolDown { endpoints } => {
                format!(
                    "Its host cannot be reached, or is unavailable: {} of it fail.",
                    counted(*endpoints, "endpoint")
                )
            }
            Self::Failing { failures, breach, .. } => {
                let sla = if *breach { ", and its SLA is in breach" } else { "" };
                format!("The last {failures} occurrences failed{sla}.")
            }
            Self::Breach { cause } => format!("Its SLA is in breach: {}.", cause.in_words()),
            Self::SlotsFull { calls, more_workers } => {
                let then = match more_workers {
                    Some(0) => "; it is a peak that will be over within a minute".to_owned(),
                    Some(more) => format!("; {} would do", counted(u64::from(*more), "more worker")),
                    None => String::new(),
                };
                format!("{} late because the slots of the workers are taken{then}.", are(*calls, "call"))
            }
            Self::Late { calls } => format!("{} late, though slots are free.", are(*calls, "call")),
            Self::PoolOff => "It is switched off, and calls of it are due.".to_owned(),
            Self::PoolLimit { in_flight, per_second } => {
                let limits = [(in_flight, "at a time"), (per_second, "a second")];
                let limits: Vec<String> = limits
                    .into_iter()
                    .filter_map(|(limit, of)| Some(format!("{} {of}", counted(u64::from((*limit)?), "call"))))
                    .collect();
                format!("Its limit of {} holds calls back.", limits.join(" and "))
            }
            Self::PutOff { until: Some(until) } => {
                format!("Its target asked not to be called until {}.", until.in_utc())
            }
            Self::PutOff { until: None } => "Its target asked not to be called any more.".to_owned(),
            Self::Flapping { failed, of } => format!("{failed} of the last {of} occurrences failed."),
            Self::JobsFailed { jobs } => format!("{} failed for good.", counted(*jobs, "one-off job")),
            Self::AlertsFailed { receiver, alerts } => {
                format!("{} to {receiver} could not be delivered so far.", counted(*alerts, "alert"))
            }
            Self::WorkerTrouble { worker, trouble } => format!("The worker {worker} says: {trouble}."),
            Self::Versions { versions } => {
                format!("Workers run different versions of Naptime: {}.", versions.join(", "))
            }
            Self::Zones { releases } => {
                let releases = releases.join(", ");
                format!("Workers go by different time-zone data ({releases}), so some may call at other times.")
            }
        }
    }

    /// What may be done about it; none if the cause says so.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Database { .. } => "When that has ended, calls go on by themselves.",
            Self::NoWorker { .. } => "The command naptime worker starts one.",
            Self::SlotsFull { .. } => "Start more workers, or raise WORKER_MAX_CAPACITY.",
            Self::PoolOff => "Switch the pool on.",
            Self::JobsFailed { .. } => "Call them again, once what was wrong is mended.",
            Self::AlertsFailed { .. } => "Correct the receiver, or call the alerts again once it works.",
            Self::PoolLimit { .. } => "Raise the limit, or call less often.",
            Self::PutOff { .. } => "If that is longer than it may be, lower the longest period of `steer`.",
            Self::Versions { .. } | Self::Zones { .. } => "Update the older ones.",
            _ => return None,
        })
    }
}

impl Whose {
    /// Whose problem it is, in words: the name of an endpoint, or its URL.
    pub fn title(&self) -> String {
        match self {
            Self::Fleet => "Naptime".to_owned(),
            Self::Pool(pool) => pool.to_string(),
            Self::Endpoint { endpoint, name, .. } if name.is_empty() => endpoint.to_string(),
            Self::Endpoint { name, .. } => name.clone(),
        }
    }
}

impl Last {
    /// How the run ended, with the first line of what was said: `failed 500: out of paper`.
    pub fn in_words(&self) -> String {
        let outcome = self.outcome.as_str().replace('_', " ");
        let shows_status = matches!(self.outcome, Outcome::Ok | Outcome::Failed | Outcome::RedirectNotFollowed);
        let status = self.status.filter(|_| shows_status).map(|status| format!(" {status}")).unwrap_or_default();
        match self.message.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => format!("{outcome}{status}: {line}"),
            None => format!("{outcome}{status}"),
        }
    }
}

impl Found {
    /// All in one sentence that names the worst: `1 pool is down, 3 endpoints fail`. None if there is no problem.
    pub fn headline(&self) -> Option<String> {
        let count = |is: fn(&Kind) -> bool| self.problems.iter().filter(|problem| is(&problem.kind)).count() as u64;
        let mut said: Vec<String> = Vec::new();
        for problem in &self.problems {
            match &problem.kind {
                Kind::Database { fault } => said.push(format!("no calls: {fault}")),
                Kind::NoWorker { .. } => said.push("no worker is running".to_owned()),
                _ => {}
            }
        }
        let mut say = |n: u64, thing: &str, one: &str, many: &str| {
            if n > 0 {
                said.push(format!("{} {}", counted(n, thing), if n == 1 { one } else { many }));
            }
        };
        say(count(|kind| matches!(kind, Kind::PoolDown { .. })), "pool", "is down", "are down");
        say(self.failing, "endpoint", "fails", "fail");
        say(self.in_breach, "endpoint", "is in breach of its SLA", "are in breach of their SLAs");
        say(
            count(|kind| matches!(kind, Kind::AlertsFailed { .. })),
            "receiver",
            "is not reached by alerts",
            "are not reached by alerts",
        );
        let late = self.problems.iter().find_map(|problem| match problem.kind {
            Kind::SlotsFull { calls, .. } | Kind::Late { calls } => Some(calls),
            _ => None,
        });
        say(late.unwrap_or(0), "call", "is late", "are late");
        say(count(|kind| matches!(kind, Kind::PoolOff)), "pool", "is off with calls due", "are off with calls due");
        say(
            count(|kind| matches!(kind, Kind::PoolLimit { .. })),
            "pool",
            "is held back by its limit",
            "are held back by their limits",
        );
        say(self.put_off, "endpoint", "was put off by its target", "were put off by their targets");
        say(self.flapping, "endpoint", "fails now and then", "fail now and then");
        let jobs = self.problems.iter().find_map(|problem| match problem.kind {
            Kind::JobsFailed { jobs } => Some(jobs),
            _ => None,
        });
        say(jobs.unwrap_or(0), "one-off job", "failed for good", "failed for good");
        say(count(|kind| matches!(kind, Kind::WorkerTrouble { .. })), "worker", "is in trouble", "are in trouble");
        if said.is_empty() && !self.problems.is_empty() {
            said.push("workers differ".to_owned());
        }
        let sentence = said.join(", ");
        let mut letters = sentence.chars();
        let first = letters.next()?;
        Some(first.to_uppercase().chain(letters).collect())
    }

    /// How much the worst of them matters; none if there is none.
    pub fn severity(&self) -> Option<Severity> {
        let listed = self.problems.iter().map(|problem| problem.kind.severity()).min();
        // Some may be counted that could not be looked at.
        match (self.failing + self.in_breach, self.put_off + self.flapping) {
            (1.., _) => Some(Severity::Bad),
            (0, 1..) => listed.or(Some(Severity::Warn)),
            _ => listed,
        }
    }
}

impl Cause {
    /// The cause in words, as what follows a colon: `its calls left late`.
    fn in_words(self) -> &'static str {
        match self {
            Self::TargetFailed => "the target was called in time, and did not answer well",
            Self::LateStart => "its calls left late, or too seldom",
            Self::NoWorker => "there was no worker",
            Self::SwitchedOff => "it, or its pool, is switched off",
        }
    }
}

/// `1 call`, `2 calls`.
fn counted(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

fn are(n: u64, thing: &str) -> String {
    format!("{} {}", counted(n, thing), if n == 1 { "is" } else { "are" })
}

fn waits(n: u64, thing: &str) -> String {
    format!("{} {}", counted(n, thing), if n == 1 { "waits" } else { "wait" })
}
