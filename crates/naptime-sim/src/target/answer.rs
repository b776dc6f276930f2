//! How calls are answered.

use std::time::Duration;

use naptime_core::{Outcome, Pool};
use naptime_store::Clock;
use naptime_worker::call::{Answer, RetryAfter};

use super::Target;
use crate::people;
use crate::random::Random;
use crate::scenario::Behaviour;
use crate::world::BEGINNING;

impl Target {
    /// How the call at this place is answered, and after how long.
    pub(super) fn answer(&self, number: usize, pool: &Pool, place: usize) -> (Duration, Answer) {
        let mut random = Random::new(self.scenario.seed, &[u64::MAX, place as u64]);
        let behaviour = self.scenario.jobs.get(number).map_or(Behaviour::Well(Duration::ZERO), |job| job.target);
        let ms = Duration::from_millis;
        let well = |message: &str| Answer {
            outcome: Outcome::Ok,
            status: Some(200),
            message: message.to_owned(),
            transcript: None,
            retry_after: None,
            every: None,
        };
        let after = self.store.now().since(BEGINNING);
        let is_down = (0..self.scenario.pools.len())
            .any(|number| people::pool(number) == *pool && self.scenario.is_down(number, after));
        if is_down {
            let refused = Answer { outcome: Outcome::ConnectionRefused, status: None, ..well("refused") };
            return (ms(1), refused);
        }
        match behaviour {
            Behaviour::Well(most) => (random.between(Duration::ZERO, most), well("")),
            Behaviour::Hanging if random.one_in(4) => (Duration::from_secs(3600), well("")),
            Behaviour::Hanging => (random.between(ms(1), ms(300)), well("")),
            Behaviour::Steering => {
                let every = random.one_in(3).then(|| format!("{}s", 1 + random.below(8)));
                (random.between(ms(1), ms(3_000)), Answer { every, ..well("") })
            }
            Behaviour::Failing if random.one_in(2) => {
                let pause = random.one_in(3).then(|| RetryAfter::For(Duration::from_secs(random.below(8))));
                let busy = Answer { outcome: Outcome::Failed, status: Some(503), retry_after: pause, ..well("busy") };
                (random.between(ms(1), ms(300)), busy)
            }
            Behaviour::Failing => (random.between(ms(1), ms(300)), well("")),
        }
    }
}
