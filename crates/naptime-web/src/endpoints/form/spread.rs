//! How the calls of a period are spread over it, with the one of a form among them.

use std::time::Duration;

use maud::{Markup, html};
use naptime_core::spread::Spread;
use naptime_core::{Job, Schedule, duration};

use crate::app::App;
use crate::kit::format::count;

/// How long to wait for the work that is due to be added up. If that takes longer, it is shown without.
const PATIENCE: Duration = Duration::from_millis(50);

/// The size of the picture.
const WIDTH: usize = 600;
const HEIGHT: u64 = 60;
/// Above the bars, where the mark is.
const ABOVE: u64 = 14;
/// The least height of a bar, so that one call among thousands is seen.
const LEAST: u64 = 3;

/// A call among the others of its period.
pub(super) struct Among {
    period: Duration,
    aligned: bool,
    jittered: bool,
    /// None while it is being worked out.
    spread: Option<Spread>,
}

impl Among {
    /// How a schedule lies among the others of its period. `old`: the endpoint whose it is to be, as it is now. None if
    /// it is no `every`.
    pub(super) async fn find(app: &App, schedule: &Schedule, old: Option<&Job>) -> Option<Self> {
        let Schedule::Every { period, jitter, .. } = schedule.base() else { return None };
        let first = schedule.first(app.now())?;
        let spread = app.planner.planned(&app.store, PATIENCE).await.map(|planned| {
            // What was changed since was added up as it was before.
            let counted = old.filter(|old| old.updated_at <= planned.as_of && is_every(&old.spec.schedule, *period));
            planned.moments.spread(*period, first, counted.and_then(|old| old.state.due))
        });
        Some(Self { period: *period, aligned: schedule.is_aligned(), jittered: jitter.is_some(), spread })
    }

    /// The part of the preview.
    pub(super) fn part(&self) -> Markup {
        html! {
            @match &self.spread {
                Some(spread) => {
                    (self.picture(spread))
                    p.hint { (self.words(spread)) }
                }
                // The script looks again.
                None => p.hint.spread data-again {
                    "How many others are called every " (duration::show(self.period)) ", and when, is being worked out; \
                     look again in a moment."
                }
            }
        }
    }

    fn picture(&self, spread: &Spread) -> Markup {
        let (number, own) = (spread.parts.len(), spread.part(self.period));
        let highest = spread.parts.iter().copied().max().unwrap_or(0).max(1);
        let (width, bottom) = (WIDTH / number, ABOVE + HEIGHT);
        let period = duration::show(self.period);
        html! {
            figure.spread {
                svg viewBox={ "0 0 " (WIDTH) " " (bottom) } preserveAspectRatio="none" role="img"
                    aria-label={ "When in their period the endpoints are called that are every " (period) } {
                    rect.place x=(own * width) y=(ABOVE) width=(width) height=(HEIGHT) {}
                    path.mark d={ "M" (own * width + width / 2) " " (ABOVE) "l-9 -12h18z" } {}
                    @for (place, calls) in spread.parts.iter().enumerate().filter(|(_, calls)| **calls > 0) {
                        @let height = (calls * HEIGHT / highest).max(LEAST);
                        rect class=[(place == own).then_some("own")] x=(place * width + 1) y=(bottom - height) width=(width - 2) height=(height) {
                            title { (count(*calls)) }
                        }
                    }
                }
                figcaption.note {
                    span { "round time" }
                    span { "▼ this one" (after_round(spread)) }
                    span { "+" (period) }
                }
            }
        }
    }

    fn words(&self, spread: &Spread) -> String {
        let period = duration::show(self.period);
        let time = if spread.together < Duration::from_secs(1) { "hundredth of a second" } else { "second" };
        let most = count(spread.most);
        let beside = match spread.beside {
            0 => "none".to_owned(),
            beside => count(beside),
        };
        let others = match spread.others {
            0 => return format!("No other endpoint that is switched on is called every {period}."),
            1 if spread.beside == 1 => format!("1 other every {period}, in the same {time} as this one."),
            1 => format!("1 other every {period}, in another {time} than this one."),
            others => {
                let others = count(others);
                format!(
                    "{others} others every {period}: at most {most} in the same {time}, {beside} in that of this one."
                )
            }
        };
        match (self.jittered, self.aligned) {
            (true, _) => others,
            (false, false) => others + " On round times, all would come at once.",
            (false, true) => others + " All that are on round times come at once.",
        }
    }
}

fn is_every(schedule: &Schedule, period: Duration) -> bool {
    matches!(schedule.base(), Schedule::Every { period: other, .. } if *other == period)
}

/// How long after a round time the one comes, no finer than times are told apart.
fn after_round(spread: &Spread) -> String {
    let step = spread.together.as_millis().max(1);
    match u64::try_from(spread.at.as_millis() / step * step).unwrap_or(0) {
        0 => String::new(),
        millis => format!(", +{}", duration::show(Duration::from_millis(millis))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(others: u64, most: u64, beside: u64) -> Spread {
        let at = Duration::from_millis(133_417);
        Spread { others, parts: vec![others; 60], at, together: Duration::from_secs(1), most, beside }
    }

    fn check(spread: Spread, aligned: bool, jittered: bool, expect: &str) {
        let among = Among { period: Duration::from_secs(300), aligned, jittered, spread: None };
        assert_eq!(among.words(&spread), expect);
    }

    #[test]
    fn the_others_are_told_in_words() {
        check(
            spread(9_998, 41, 33),
            false,
            false,
            "9,998 others every 5m: at most 41 in the same second, 33 in that of this one. On round times, all would come \
             at once.",
        );
        check(
            spread(9_998, 1_250, 0),
            true,
            false,
            "9,998 others every 5m: at most 1,250 in the same second, none in that of this one. All that are on round \
             times come at once.",
        );
        check(spread(1, 1, 1), false, true, "1 other every 5m, in the same second as this one.");
        check(spread(1, 1, 0), false, true, "1 other every 5m, in another second than this one.");
        check(spread(0, 0, 0), true, false, "No other endpoint that is switched on is called every 5m.");
        let short = Spread { together: Duration::from_millis(10), ..spread(2, 1, 1) };
        let words = "2 others every 5m: at most 1 in the same hundredth of a second, 1 in that of this one.";
        check(short, false, true, words);
    }

    #[test]
    fn a_moment_is_no_finer_than_times_are_told_apart() {
        let check = |at: u64, together: u64, expect: &str| {
            let [at, together] = [at, together].map(Duration::from_millis);
            assert_eq!(after_round(&Spread { at, together, ..spread(0, 0, 0) }), expect);
        };
        check(133_417, 1_000, ", +2m 13s");
        check(417, 10, ", +410ms");
        check(999, 1_000, "");
        check(0, 10, "");
    }
}
