//! Answers that are kept.

use std::collections::BTreeMap;

use naptime_core::answer::MAX_ANSWERS;
use naptime_core::set_back::CLOCK_TOLERANCE;
use naptime_core::{JobId, KeptAnswer, Time};

/// By job and place.
#[derive(Default)]
pub(super) struct Answers(BTreeMap<(JobId, String), KeptAnswer>);

impl Answers {
    /// Keeps an answer at its place, if that is free or is for the latest. Of more than [`MAX_ANSWERS`] of one job, the
    /// oldest goes.
    pub(super) fn keep(&mut self, answer: &KeptAnswer) {
        let place = (answer.job, answer.place.name.clone());
        if answer.place.replaces || !self.0.contains_key(&place) {
            self.0.insert(place, answer.clone());
            if self.of(answer.job).count() > MAX_ANSWERS
                && let Some(oldest) = self.of(answer.job).min_by_key(|answer| answer.at)
            {
                let place = (oldest.job, oldest.place.name.clone());
                self.0.remove(&place);
            }
        }
    }

    /// Those of a job.
    pub(super) fn of(&self, job: JobId) -> impl Iterator<Item = &KeptAnswer> {
        self.0.range((job, String::new())..).take_while(move |((of, _), _)| *of == job).map(|(_, answer)| answer)
    }

    /// Removes those from before `before`.
    pub(super) fn purge(&mut self, before: Time) {
        self.0.retain(|_, answer| answer.at >= before);
    }

    /// Has those that lie ahead of `now` be of now.
    pub(super) fn move_back(&mut self, now: Time) {
        self.0.values_mut().filter(|answer| answer.at > now + CLOCK_TOLERANCE).for_each(|answer| answer.at = now);
    }
}
