//! Rows that show up late, and streams that break off, on virtual time.

use super::*;

const NOW: i64 = 1_000_000;
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: i64) -> Time {
    Time::from_millis((NOW + seconds) * 1000)
}

/// A store in which rows show up late, and a ring that looks at it.
#[derive(Default)]
struct World {
    ring: Ring<u32>,
    /// When a row happened, when it was stored, and which it is.
    rows: Vec<(Time, Time, u32)>,
}

impl World {
    fn happens(&mut self, at: Time, late: Duration, n: u32) {
        self.rows.push((at, at + late, n));
    }

    fn look(&mut self, now: Time, is_deep: bool) {
        let from = self.ring.look_from(now, is_deep);
        let there = self.rows.iter().filter(|(at, stored, _)| *at >= from && *stored <= now);
        let read: Vec<_> = there.map(|(at, _, n)| (*at, (u128::from(*n), 0), *n)).collect();
        self.ring.take(now, from, false, read);
    }

    /// All that is told from there on, and where the stream is then.
    fn told(&self, mut seq: u64) -> (Vec<u32>, u64) {
        let mut told = Vec::new();
        loop {
            let next = self.ring.from(seq, 7).expect("no gap");
            let Some(last) = next.last() else { return (told, seq) };
            seq = last.seq + 1;
            told.extend(next.iter().map(|entry| entry.what));
        }
    }
}

#[test]
fn what_is_stored_late_is_told_once() {
    let mut world = World::default();
    world.look(at(0), true);
    let start = world.ring.next();
    // Rows come every 100 ms for a minute; some are stored seconds after others that happened later, some a minute.
    for n in 0..600 {
        let late = match n % 50 {
            7 => 60 * SECOND,
            13 => 2 * SECOND,
            _ => 20 * MILLISECOND,
        };
        world.happens(at(1) + 100 * n * MILLISECOND, late, n);
    }
    for second in 1..=150 {
        world.look(at(second), second % 30 == 0);
    }
    let (mut told, _) = world.told(start);
    let late = told.iter().filter(|n| *n % 50 == 7 || *n % 50 == 13).count();
    let in_order: Vec<_> = told.iter().filter(|n| *n % 50 != 7 && *n % 50 != 13).collect();
    assert!(in_order.is_sorted() && late == 24, "{told:?}");
    told.sort_unstable();
    assert_eq!(told, (0..600).collect::<Vec<_>>());
}

#[test]
fn what_happened_while_the_store_did_not_answer_is_told() {
    let mut world = World::default();
    world.look(at(0), true);
    let start = world.ring.next();
    world.happens(at(2), MILLISECOND, 1);
    // The next look that succeeds is not a deep one.
    world.look(at(70), false);
    assert_eq!(world.told(start).0, [1]);
}

#[test]
fn a_stream_goes_on_where_it_was() {
    let mut world = World::default();
    world.happens(at(-200), SECOND, 0);
    world.look(at(0), true);
    for second in 1..100 {
        world.happens(at(second), MILLISECOND, second as u32);
        world.look(at(second + 1), false);
    }
    let resumed = |seq, found| world.ring.resume(Place { seq, found, begun: at(-1000) });
    let (_, end) = world.told(world.ring.complete_from);
    let here = resumed(Some(end - 10), at(91));
    assert_eq!((here.exact, world.told(here.seq).0), (true, (90..100).collect()));
    // Another process knows the times only, and tells some of it again.
    let elsewhere = resumed(None, at(91));
    assert!(elsewhere.complete && !elsewhere.exact);
    assert_eq!(world.told(elsewhere.seq).0, (76..100).collect::<Vec<_>>());
    // What happened before anybody followed was read as well.
    assert!(resumed(None, at(-250)).complete);
    assert_eq!(world.told(resumed(None, at(-250)).seq).0[0], 0);
    // What is older is not.
    let old = resumed(None, at(-290));
    assert!(!old.complete);
    // Nor is what happened before the stream began told again.
    let begun = world.ring.resume(Place { seq: None, found: at(91), begun: at(88) });
    assert_eq!(world.told(begun.seq).0[0], 88);
}

#[test]
fn who_is_too_slow_is_told_so() {
    let mut world = World::default();
    world.look(at(0), true);
    let start = world.ring.next();
    for n in 0..MAX_KEPT as u32 + 10 {
        world.happens(at(1) + n * MILLISECOND, MILLISECOND, n);
    }
    world.look(at(60), false);
    assert_eq!(world.ring.from(start, 1).unwrap_err(), Gap(start + 10));
    let (told, _) = world.told(start + 10);
    assert_eq!((told.len(), told[0]), (MAX_KEPT, 10));
    assert!(!world.ring.resume(Place { seq: Some(start), found: at(1), begun: at(-1000) }).complete);
    // What was dropped is not told anew.
    world.look(at(61), true);
    assert_eq!(world.ring.next(), start + 10 + MAX_KEPT as u64);
}

#[test]
fn more_than_one_look_can_read_is_a_gap_for_all() {
    let mut ring = Ring::default();
    ring.take(at(0), at(-5), false, [(at(-1), (1, 0), 1)]);
    let end = ring.next();
    ring.take(at(1), at(-3), true, [(at(1), (3, 0), 3), (at(0), (2, 0), 2), (at(-1), (1, 0), 1)]);
    let Err(Gap(from)) = ring.from(end, 9) else { panic!("no gap") };
    let told: Vec<u32> = ring.from(from, 9).unwrap().iter().map(|entry| entry.what).collect();
    assert_eq!(told, [2, 3]);
}

#[test]
fn what_was_forgotten_is_not_taken_for_the_present() {
    let mut world = World::default();
    world.look(at(0), true);
    world.happens(at(1), MILLISECOND, 1);
    world.look(at(2), false);
    let place = Place { seq: Some(world.ring.next()), found: at(2), begun: at(-1000) };
    world.ring.forget();
    world.happens(at(30), MILLISECOND, 2);
    world.look(at(40), false);
    let resumed = world.ring.resume(place);
    assert_eq!((resumed.exact, resumed.complete, world.told(resumed.seq).0), (false, true, vec![1, 2]));
    // A clock that is set back begins anew, too.
    world.happens(at(-3000), MILLISECOND, 3);
    world.look(at(-2999), false);
    assert!(world.ring.from(resumed.seq, 1).is_err());
}
