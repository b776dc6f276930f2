//! What lies between the workers and the store, and how requests fare there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use naptime_store::memory::MemoryStore;
use naptime_store::{Error, Refusal, Result};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::random::Random;
use crate::scenario::Weather;

/// How long a worker waits for an answer of the store.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);
/// The longest time from the sending of a request to its effect.
pub(crate) const LATEST: Duration = Duration::from_secs(15);
/// How long a request, or its answer, is on its way in good weather.
const USUAL: Duration = Duration::from_millis(4);

/// The network, and the store behind it.
pub(crate) struct Network {
    pub(crate) store: MemoryStore,
    seed: u64,
    weather: Mutex<Vec<Front>>,
}

/// Bad weather, for one worker or for all.
struct Front {
    worker: Option<usize>,
    weather: Weather,
    ends: Instant,
}

impl Front {
    /// Whether requests of this worker fare badly now.
    fn is_over(&self, worker: usize) -> bool {
        self.ends > Instant::now() && self.worker.is_none_or(|it| it == worker)
    }
}

/// How one request fares.
#[derive(Clone, Copy)]
struct Fate {
    out: Duration,
    back: Duration,
    /// Whether it arrives, and whether it is refused there.
    arrives: bool,
    is_refused: bool,
    /// Whether the answer arrives.
    is_answered: bool,
}

impl Network {
    pub(crate) fn new(store: MemoryStore, seed: u64) -> Self {
        Self { store, seed, weather: Mutex::default() }
    }

    /// From now on, requests of this worker, or of all, fare like that for so long.
    pub(crate) fn worsen(&self, worker: Option<usize>, weather: Weather, lasts: Duration) {
        let mut fronts = self.lock();
        fronts.retain(|front| front.ends > Instant::now());
        fronts.push(Front { worker, weather, ends: Instant::now() + lasts });
    }

    /// Sends a request: number `count` of a worker. Its effect and the answer take their way even if the sender is gone.
    pub(crate) async fn request<T: Send + 'static>(
        self: &Arc<Self>,
        (worker, count): (usize, u64),
        effect: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let fate = self.fate(worker, count);
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            sleep(fate.out).await;
            let result = match (fate.arrives, fate.is_refused) {
                (true, false) => effect.await,
                (true, true) => Err(Error::Refused { refusal: Refusal::NoPrimary, detail: "simulated".to_owned() }),
                (false, _) => return sleep(PATIENCE).await,
            };
            sleep(fate.back).await;
            if fate.is_answered {
                let _ = answer.send(result);
            } else {
                sleep(PATIENCE).await;
            }
        });
        match timeout(PATIENCE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable("simulated: no answer".to_owned())),
        }
    }

    /// Whether a settle that is sent now takes effect by half: the runs are recorded, and the jobs stay held.
    pub(crate) fn is_torn(&self, (worker, count): (usize, u64)) -> bool {
        let is_lossy = self.lock().iter().any(|front| front.weather == Weather::Lossy && front.is_over(worker));
        is_lossy && Random::new(self.seed, &[worker as u64, count, 1]).one_in(3)
    }

    fn fate(&self, worker: usize, count: u64) -> Fate {
        let mut random = Random::new(self.seed, &[worker as u64, count]);
        let mut way = |most| random.between(Duration::ZERO, most);
        let mut fate = Fate { out: way(USUAL), back: way(USUAL), arrives: true, is_refused: false, is_answered: true };
        for front in self.lock().iter().filter(|front| front.is_over(worker)) {
            match front.weather {
                Weather::Late(most) => {
                    fate.out = fate.out.max(random.between(Duration::ZERO, most));
                    fate.back = fate.back.max(random.between(Duration::ZERO, most));
                }
                Weather::Lossy if random.one_in(4) => fate.arrives = false,
                Weather::Lossy if random.one_in(3) => fate.is_answered = false,
                Weather::Haunted if random.one_in(3) => fate.out = random.between(PATIENCE, LATEST),
                Weather::Lossy | Weather::Haunted => {}
                Weather::Refused => fate.is_refused = true,
                Weather::Cut => fate.arrives = false,
            }
        }
        fate
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Front>> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
