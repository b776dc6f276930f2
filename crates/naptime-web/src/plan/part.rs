//! The capacity on the overview: how much work is due, how many workers that takes, and what the coming day brings.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::Time;
use naptime_core::load::Figures;
use naptime_core::plan::{Because, Supply};
use naptime_core::worker::Worker;
use naptime_store::plan::MOST_LATE;

use super::planner::Plan;
use crate::app::App;
use crate::kit::PageError;
use crate::kit::charts::{Chart, Form, Line};
use crate::kit::format;
use crate::kit::layout::{live, tile};
use crate::kit::scale::Measure;

/// How long a page waits for the work that is due to be added up. If that is not enough, the script shows it later.
const PATIENCE: Duration = Duration::from_millis(100);
/// The minutes of one step of the forecast.
const STEP: usize = 10;
const STEP_SECONDS: f64 = STEP as f64 * 60.0;

/// The part of the overview, given the workers and the figures of the last hour. `fault` is why the store takes no
/// writes, if it takes none.
pub(crate) async fn section(
    app: &App,
    workers: &[Worker],
    hour: &Figures,
    fault: Option<&str>,
) -> Result<Markup, PageError> {
    let plan = Plan::make(app, workers, hour, PATIENCE).await?;
    Ok(html! {
        section aria-labelledby="capacity" {
            h2 #capacity { "Capacity" }
            (live("capacity", &body(&plan, fault, app.now())))
        }
    })
}

fn body(plan: &Plan, fault: Option<&str>, now: Time) -> Markup {
    let said = match fault {
        // Workers can neither claim nor say that they are there.
        Some(why) => Verdict { tone: "bad", sentence: format!("Nothing is called, because {why}.") },
        None => verdict(plan),
    };
    let or_open = |value: Option<String>| value.unwrap_or("–".to_owned());
    let rate = plan.planned.as_ref().map(|planned| planned.demand.rate());
    let needed = plan.slots_needed();
    html! {
        div.capacity {
            div {
                p.verdict.(said.tone) { (said.sentence) }
                dl.tiles {
                    (tile("Calls due", &or_open(rate.map(|rate| Measure::Rate.show(rate))), "on the mean"))
                    (tile("Mean call", &or_open(plan.mean_call.map(format::took)), "last hour"))
                    (tile("Slots needed", &or_open(needed.map(|slots| decimal(slots).replace("less than", "<"))),
                        &format!("of {}", format::count(plan.supply.slots))))
                    (tile("Workers needed", &or_open(plan.workers_needed().map(format::count)),
                        &format!("{} running", format::count(plan.supply.workers))))
                }
                p.note {
                    "Slots needed = calls due × mean call."
                    @if let Some(planned) = &plan.planned {
                        " What is due was added up " (format::time(now, planned.as_of))
                        @match planned.left_out {
                            0 => {}
                            1 => ", without 1 endpoint or job of a pool that is off",
                            n => { ", without " (format::count(n)) " endpoints and jobs of pools that are off" }
                        }
                        "."
                    }
                }
            }
            (forecast(plan))
        }
    }
}

fn forecast(plan: &Plan) -> Markup {
    let steps = plan.forecast(STEP);
    let at: Vec<f64> = steps.iter().map(|(at, _)| at.millis() as f64 / 1000.0).collect();
    let due = steps.iter().map(|(_, count)| Some(count / STEP_SECONDS)).collect();
    let lines = vec![Line::new("due", "--calls", due).ahead()];
    let empty = "No figures yet.";
    Chart { title: "The next 24 hours", measure: Measure::Rate, form: Form::Line, at: &at, lines, empty }.figure()
}

/// What all this comes to.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    /// The class that colours it: good, warn, bad or calm.
    tone: &'static str,
    sentence: String,
}

fn verdict(plan: &Plan) -> Verdict {
    let Plan { planned, supply, mean_call, late } = plan;
    let say = |tone, sentence: String| Verdict { tone, sentence };
    if let Some(because) = late.because {
        return say(if because == Because::NoWorker { "bad" } else { "warn" }, lateness(plan, because));
    }
    let Some(planned) = planned else { return say("calm", "What is due is being worked out.".to_owned()) };
    if supply.workers == 0 {
        let tone = if planned.demand.rate() > 0.0 { "bad" } else { "calm" };
        return say(tone, "No worker is running.".to_owned());
    }
    let Some(mean_call) = *mean_call else {
        return say("calm", "No call was made in the last hour, so it is open how many slots they take.".to_owned());
    };
    let needed = planned.demand.slots(mean_call);
    let slots = format::counted(supply.slots, "slot");
    match supply.more_workers(needed) {
        Some(more) if more > 0 => {
            let takes = decimal(needed);
            say("warn", format!("What is due takes {takes} slots, and there are {slots}; {}.", would_do(more, supply)))
        }
        _ => {
            let over =
                plan.forecast(STEP).into_iter().find(|(_, due)| due / STEP_SECONDS > supply.per_second(mean_call));
            match over {
                Some((at, _)) => {
                    let at = format::exact(at);
                    let at = at.get(11..16).unwrap_or(&at);
                    say("warn", format!("Enough on the mean, but at {at} UTC more is due than the workers can carry."))
                }
                None => say("good", format!("Enough: what is due takes {} of {slots}.", decimal(needed))),
            }
        }
    }
}

/// Why work is late, in words.
fn lateness(plan: &Plan, because: Because) -> String {
    let Plan { planned, supply, late, .. } = plan;
    let calls = match late.calls {
        1 => "1 call is late".to_owned(),
        MOST_LATE.. => format!("{} calls or more are late", format::count(MOST_LATE)),
        calls => format!("{} calls are late", format::count(calls)),
    };
    let (slots, free) = (supply.slots, supply.slots.saturating_sub(supply.held));
    match because {
        Because::NoWorker => format!("{calls} because no worker is running."),
        Because::SlotsFree => {
            format!("{calls}, but not for want of slots: {} of {} are free.", format::count(free), format::count(slots))
        }
        Because::SlotsFull => {
            let taken = match (free, slots) {
                (0, 1) => "the only slot is taken".to_owned(),
                (0, _) => format!("all {} slots are taken", format::count(slots)),
                _ => format!("{} of {} slots are taken", format::count(supply.held), format::count(slots)),
            };
            let then = match late.more_workers {
                Some(0) => "it is a peak that will be over within a minute".to_owned(),
                Some(more) => would_do(more, supply),
                None if planned.is_none() => "how many workers that takes is being worked out".to_owned(),
                None => "how many workers that takes is open until it is known how long a call takes".to_owned(),
            };
            format!("{calls} because {taken}; {then}.")
        }
    }
}

/// How many workers would be enough: `2 more workers of 100 slots would do`.
fn would_do(more: u32, supply: &Supply) -> String {
    format!("{} of {} would do", format::counted(more, "more worker"), format::counted(supply.largest, "slot"))
}

/// A number of slots: whole from ten on, with a decimal or two below.
fn decimal(value: f64) -> String {
    let with = |places: usize| {
        let text = format!("{value:.places$}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    match value {
        // What adding up fractions leaves behind is no slot more.
        10.0.. => format::count((value - 1e-6).ceil() as u64),
        1.0.. => with(1),
        0.01.. => with(2),
        _ if value > 0.0 => "less than 0.01".to_owned(),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::Schedule;
    use naptime_core::plan::Demand;

    use super::*;

    /// Twenty calls a second, of so many milliseconds.
    fn plan(calls_late: u64, supply: Supply, mean: Option<u64>) -> Plan {
        let now = Time::from_millis(1_767_225_600_000);
        let mut demand = Demand::new(now);
        let every = Schedule::Every { period: Duration::from_secs(30), anchor: now, jitter: None };
        (0..600).for_each(|_| demand.add(&every, now));
        Plan::of(calls_late, Some(demand), supply, mean.map(Duration::from_millis), now)
    }

    fn check(calls_late: u64, supply: Supply, mean: Option<u64>, tone: &str, sentence: &str) {
        let said = verdict(&plan(calls_late, supply, mean));
        assert_eq!((said.tone, said.sentence.as_str()), (tone, sentence));
    }

    fn supply(workers: u32, slots: u32, held: u32) -> Supply {
        Supply { workers, slots, held, largest: slots.checked_div(workers).unwrap_or(0) }
    }

    #[test]
    fn late_work_is_said_with_its_reason() {
        let full = supply(1, 100, 100);
        check(
            120,
            full,
            Some(12_000),
            "warn",
            "120 calls are late because all 100 slots are taken; 2 more workers of 100 slots would do.",
        );
        check(
            1,
            supply(1, 1, 1),
            Some(100),
            "warn",
            "1 call is late because the only slot is taken; 2 more workers of 1 slot would do.",
        );
        check(
            1,
            supply(1, 100, 95),
            Some(100),
            "warn",
            "1 call is late because 95 of 100 slots are taken; it is a peak that will be over within a minute.",
        );
        check(
            10_000,
            full,
            None,
            "warn",
            "10,000 calls or more are late because all 100 slots are taken; how many workers that takes is open until it \
             is known how long a call takes.",
        );
        let free = "2 calls are late, but not for want of slots: 60 of 100 are free.";
        check(2, supply(1, 100, 40), Some(5), "warn", free);
        check(2, supply(0, 0, 0), None, "bad", "2 calls are late because no worker is running.");
    }

    #[test]
    fn what_is_to_come_is_set_against_the_slots() {
        check(0, supply(0, 0, 0), None, "bad", "No worker is running.");
        let open = "No call was made in the last hour, so it is open how many slots they take.";
        check(0, supply(1, 100, 0), None, "calm", open);
        check(0, supply(1, 100, 0), Some(50), "good", "Enough: what is due takes 1 of 100 slots.");
        let short = "What is due takes 240 slots, and there are 100 slots; 2 more workers of 100 slots would do.";
        check(0, supply(1, 100, 0), Some(12_000), "warn", short);
        let mut peak = plan(0, supply(1, 100, 0), Some(4_000));
        let mut demand = Demand::new(Time::from_millis(1_767_225_600_000));
        let at = Time::from_millis(1_767_225_600_000 + 3 * 3_600_000);
        (0..20_000).for_each(|_| demand.add(&Schedule::Once { at }, at));
        peak = Plan::of(0, Some(demand), peak.supply, peak.mean_call, at);
        let sentence = "Enough on the mean, but at 03:00 UTC more is due than the workers can carry.";
        assert_eq!(verdict(&peak), Verdict { tone: "warn", sentence: sentence.to_owned() });
        let unknown = Plan::of(0, None, supply(1, 100, 0), Some(Duration::from_secs(1)), at);
        assert_eq!(verdict(&unknown).sentence, "What is due is being worked out.");
        let unknown = Plan::of(2, None, supply(1, 9, 9), Some(Duration::from_secs(1)), at);
        let sentence =
            "2 calls are late because all 9 slots are taken; how many workers that takes is being worked out.";
        assert_eq!(verdict(&unknown).sentence, sentence);
    }
}
