//! Looks for problems, and adds the jobs that tell of them. Looks after the pools whose hosts are down, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use naptime_core::alert::{Mute, Receiver};
use naptime_store::{Error, Result, Treatment, WebStore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::hosts::Hosts;
use crate::kept::{BOOK, Kept, Numbered, RECEIVER};
use crate::look::{Known, look};
use crate::settings::{json, settings};
use crate::{Place, render};

/// How often problems are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(4);
/// The most endpoints of each trouble that are looked at one by one.
const MAX_LOOKED_AT: usize = 2_000;

/// Looks for problems, and adds the jobs that tell of them.
pub struct Watch {
    store: Arc<dyn WebStore>,
    place: Place,
    is_my_turn: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Watch {
    /// One that looks while it is its turn: one of all workers is to be at a time, though two do no harm.
    pub fn new(store: Arc<dyn WebStore>, place: Place, is_my_turn: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { store, place, is_my_turn: Box::new(is_my_turn) }
    }

    /// Looks every four seconds, until `stop`. A look that fails is made up for by the next.
    pub async fn run(self, stop: &CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut trouble, mut hosts) = (Trouble::default(), Hosts::default());
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if (self.is_my_turn)() {
                // What keeps one from being done mostly keeps the other.
                let looked_after = hosts.look(&*self.store).await;
                let outcome = looked_after.and(self.pass(&mut trouble).await);
                trouble.note("store", outcome.err().map(|error| format!("problems cannot be looked for: {error}")));
            } else {
                // Whose turn it is may find some down.
                hosts = Hosts::default();
            }
        }
    }

    /// Looks once. What has opened, got worse or ended, and the alerts that tell so, are written as one, if nobody else has
    /// written meanwhile; then the alerts are added as jobs. If that is cut short, the next pass adds them again, under the
    /// same ids.
    async fn pass(&self, trouble: &mut Trouble) -> Result<()> {
        let mut kept = settings(&*self.store).await?;
        let unreadable = kept.unreadable.iter().map(|id| format!("the record {id} of alerts cannot be read")).next();
        trouble.note("record", unreadable);
        if kept.unreadable.contains(BOOK) {
            return Ok(());
        }
        if !self.send(&mut kept).await? {
            return Ok(());
        }
        let receivers: Vec<Receiver> = kept.receivers.values().map(|it| it.value.clone()).collect();
        let wanted = receivers.iter().any(|receiver| receiver.active);
        let before = kept.book.clone();
        let now = self.store.now();
        kept.book.move_back(now);
        if wanted {
            let known = Known {
                // Where nothing can be written, nobody can be told.
                fault: None,
                receivers: kept.receivers.values().map(|it| (it.value.name.clone(), it.value.added_at)).collect(),
                breached: 0,
                failed_jobs: None,
                demand: async { None }.boxed(),
                most: MAX_LOOKED_AT,
            };
            let (found, _) = look(&*self.store, known).await?;
            kept.book.note(&found, now);
            let mutes: Vec<Mute> = kept.mutes.values().map(|it| it.value.clone()).collect();
            // Who cannot be sent anything now is told once they can.
            let reachable = receivers.iter().filter(|receiver| {
                let fault = render::check(receiver, &self.place).err();
                trouble
                    .note(&receiver.name, fault.as_ref().map(|fault| format!("alerts to {}: {fault}", receiver.name)));
                fault.is_none()
            });
            kept.book.decide(&reachable.cloned().collect::<Vec<_>>(), &mutes, now);
        }
        let mut keys: BTreeSet<String> = receivers.iter().map(Receiver::key).collect();
        // Of a receiver that a later version has written, nothing is known but that there is one.
        if kept.unreadable.iter().any(|id| id.starts_with(RECEIVER)) {
            keys.extend(kept.book.open.values().flat_map(|open| open.keys().cloned()));
        } else if receivers.is_empty() {
            kept.book.open.clear();
        }
        kept.book.tidy(&keys, now);
        if kept.book.is_news_after(&before) && self.write(&mut kept).await? {
            self.send(&mut kept).await?;
        }
        Ok(())
    }

    /// Adds what is in the outbox, and notes that it was. Returns whether nobody else has written meanwhile.
    async fn send(&self, kept: &mut Kept) -> Result<bool> {
        if kept.book.outbox.is_empty() {
            return Ok(true);
        }
        let mut jobs = Vec::new();
        for alert in std::mem::take(&mut kept.book.outbox) {
            for old in alert.says.iter().filter_map(|told| told.replaces) {
                self.cancel(old, kept.receivers.get(&alert.receiver)).await?;
            }
            // If its receiver is gone, nobody wants it any more.
            let made = kept.receivers.get(&alert.receiver).map(|it| render::jobs(&alert, &it.value, &self.place));
            match made.transpose() {
                Ok(made) => jobs.extend(made.unwrap_or_default()),
                Err(fault) => tracing::error!(receiver = alert.receiver, %fault, "an alert cannot be sent"),
            }
        }
        self.store.insert(jobs).await?;
        self.write(kept).await
    }

    /// Cancels an alert that is out of date, unless it has arrived, or failed for good.
    async fn cancel(&self, alert: Uuid, receiver: Option<&Numbered<Receiver>>) -> Result<()> {
        for id in receiver.map(|receiver| render::ids(alert, &receiver.value)).unwrap_or_default() {
            match self.store.treat(id, None, Treatment::Cancel).await {
                Ok(_) | Err(Error::NotFound | Error::Deleted | Error::WrongStage(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes the book. Returns whether nobody else has.
    async fn write(&self, kept: &mut Kept) -> Result<bool> {
        let rev = self.store.put_record(BOOK, kept.revs.get(BOOK).copied(), json(&kept.book)?).await?;
        kept.revs.extend(rev.map(|rev| (BOOK.to_owned(), rev)));
        Ok(rev.is_some())
    }
}

/// What keeps alerts from being sent. Each is said once, and once more when it is over.
#[derive(Default)]
struct Trouble(BTreeMap<String, String>);

impl Trouble {
    fn note(&mut self, what: &str, is: Option<String>) {
        match is {
            Some(is) if self.0.get(what) != Some(&is) => {
                tracing::error!("{is}");
                self.0.insert(what.to_owned(), is);
            }
            Some(_) => {}
            None => {
                if let Some(was) = self.0.remove(what) {
                    tracing::info!("no longer: {was}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use naptime_core::{Change, Edit, Endpoint, JobId, NewJob, Rev, Schedule, Spec, Stage, Time};
    use naptime_store::memory::MemoryStore;
    use naptime_store::{Clock, Jobs, PageRef, Queued, QueuedQuery, Records};
    use serde_json::{Value, json as value};

    use super::*;

    const BEGINNING: Time = Time::from_millis(1_793_588_645_006);

    /// A store with one receiver and an endpoint that no worker calls.
    async fn store() -> MemoryStore {
        let store = MemoryStore::new(BEGINNING, Duration::from_secs(3600));
        let url = Endpoint::parse("https://a.test/").expect("a URL");
        let spec = Spec::new(url, Schedule::aligned(Duration::from_secs(1)));
        let job = NewJob { id: JobId::from(Uuid::from_u128(1)), spec, active: true };
        store.insert(vec![job]).await.expect("the store answers");
        put(&store, "receiver/ops", receiver()).await;
        store
    }

    fn receiver() -> Value {
        value!({"name": "ops", "active": true, "kind": "slack", "url": "https://chat.test/x", "after": "0ms",
            "added_at": BEGINNING})
    }

    async fn put(store: &MemoryStore, id: &str, value: Value) {
        store.put_record(id, None, value).await.expect("the store answers").expect("it is new");
    }

    async fn look_once(store: &MemoryStore) {
        let watch = Watch::new(Arc::new(store.clone()), Place::default(), || true);
        watch.pass(&mut Trouble::default()).await.expect("the store answers");
    }

    /// The names of the alerts that are there.
    async fn alerts(store: &MemoryStore) -> Vec<String> {
        let query = QueuedQuery { stages: vec![], q: None, pool: None, tag: Some(crate::TAG.to_owned()) };
        let found = store.queued(&query, &PageRef::first(100)).await.expect("the store answers");
        found.items.into_iter().map(|job| job.name).collect()
    }

    async fn book(store: &MemoryStore) -> (Rev, Value) {
        let records = store.records().await.expect("the store answers");
        let book = records.into_iter().find(|record| record.id == BOOK).expect("there is a book");
        (book.rev, book.value)
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_that_look_at_the_same_time_one_tells() {
        let store = store().await;
        let looks = [look_once(&store), look_once(&store)];
        futures::future::join_all(looks).await;
        look_once(&store).await;
        assert_eq!(alerts(&store).await, ["Naptime: no worker"]);
        let (rev, kept) = book(&store).await;
        assert_eq!(kept["outbox"], value!([]));
        look_once(&store).await;
        assert_eq!(book(&store).await.0, rev, "where nothing is new, nothing is written");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_killed_before_or_after_the_alert_was_added_leaves_it_to_the_next() {
        let store = store().await;
        let mut kept = Kept::of(store.records().await.expect("the store answers"));
        let (found, _) = look(
            &store,
            Known {
                fault: None,
                receivers: BTreeMap::new(),
                breached: 0,
                failed_jobs: None,
                demand: async { None }.boxed(),
                most: 10,
            },
        )
        .await
        .expect("the store answers");
        let receivers: Vec<Receiver> = kept.receivers.values().map(|it| it.value.clone()).collect();
        kept.book.note(&found, store.now());
        kept.book.decide(&receivers, &[], store.now());
        let decided = json(&kept.book).expect("JSON");
        put(&store, BOOK, decided.clone()).await;
        // It was killed before it added the alert.
        look_once(&store).await;
        assert_eq!(alerts(&store).await.len(), 1);
        // And now before it could note that.
        let (rev, _) = book(&store).await;
        store.put_record(BOOK, Some(rev), decided).await.expect("the store answers").expect("nobody else writes");
        look_once(&store).await;
        assert_eq!((alerts(&store).await.len(), &book(&store).await.1["outbox"]), (1, &value!([])));
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_sent_anything_is_told_once_they_can() {
        let store = store().await;
        let mail = value!({"name": "mail", "active": true, "kind": "email", "to": ["a@a.test"], "after": "0ms",
            "added_at": BEGINNING});
        put(&store, "receiver/mail", mail).await;
        look_once(&store).await;
        assert_eq!(alerts(&store).await.len(), 1, "the other is told");
        let server = naptime_core::Pool::parse("smtp://mail.test").expect("a pool");
        let watch = Watch::new(Arc::new(store.clone()), Place { url: None, mail: Some(server) }, || true);
        watch.pass(&mut Trouble::default()).await.expect("the store answers");
        assert_eq!(alerts(&store).await.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alert_on_its_way_is_cancelled_when_its_problem_ends() {
        let store = store().await;
        look_once(&store).await;
        let off = Edit::Change(Change::switch(false));
        store.edit(JobId::from(Uuid::from_u128(1)), None, off).await.expect("it is there");
        look_once(&store).await;
        let query = |stages| QueuedQuery { stages, q: None, pool: None, tag: Some(crate::TAG.to_owned()) };
        let names = async |stage| {
            let found = store.queued(&query(vec![stage]), &PageRef::first(100)).await.expect("the store answers");
            found.items.into_iter().map(|job| job.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Stage::Cancelled).await, ["Naptime: no worker"]);
        assert_eq!(names(Stage::Waiting).await, ["Over: Naptime: no worker"]);
        // Of a receiver that is gone, none is left.
        crate::delete_receiver(&store, "ops", None).await.expect("it is there");
        assert_eq!(names(Stage::Waiting).await, Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_keeps_nobody_from_being_told() {
        let store = store().await;
        put(&store, "receiver/later", value!({"kind": "fax", "name": "later"})).await;
        put(&store, "mute/x", Value::Null).await;
        put(&store, "something else", value!(7)).await;
        look_once(&store).await;
        assert_eq!(alerts(&store).await, ["Naptime: no worker"]);
        assert_eq!(store.records().await.expect("the store answers").len(), 5, "they are left as they are");
    }

    #[tokio::test(start_paused = true)]
    async fn a_book_of_a_later_version_is_left_alone() {
        let store = store().await;
        put(&store, BOOK, value!({"open": 7})).await;
        look_once(&store).await;
        assert_eq!((alerts(&store).await.len(), book(&store).await), (0, (Rev(1), value!({"open": 7}))));
    }

    #[tokio::test(start_paused = true)]
    async fn without_receivers_nothing_is_looked_for_or_kept() {
        let store = store().await;
        look_once(&store).await;
        store.remove_record("receiver/ops", Rev(1)).await.expect("the store answers");
        look_once(&store).await;
        assert_eq!(book(&store).await.1["open"], value!({}));
        // Whoever is added later is told of what is there then.
        put(&store, "receiver/ops", receiver()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        look_once(&store).await;
        assert_eq!(alerts(&store).await.len(), 2);
    }
}
