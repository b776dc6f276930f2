//! The index of due work: when which job can be claimed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, btree_set};

use naptime_core::{Job, JobId, Partition, Pool, Time};

use crate::Want;

/// When a job can be claimed, and the job.
type Entry = (Time, JobId);

/// When which job can be claimed. A look reads the first entries of each set that it is about, and no more.
#[derive(Default)]
pub(super) struct Due {
    /// The jobs of pools that are not gated.
    open: BTreeMap<Partition, BTreeSet<Entry>>,
    /// The jobs of gated pools. A pool is in here for as long as it is gated.
    gated: BTreeMap<Pool, BTreeSet<Entry>>,
}

impl Due {
    /// Notes that a job can be claimed at `to`, and no longer at `from`.
    pub(super) fn shift(&mut self, job: &Job, from: Option<Time>, to: Option<Time>) {
        if from == to {
            return;
        }
        let entries = match self.gated.get_mut(job.spec.endpoint.pool()) {
            Some(entries) => entries,
            None => self.open.entry(job.id.partition()).or_default(),
        };
        if let Some(at) = from {
            entries.remove(&(at, job.id));
        }
        if let Some(at) = to {
            entries.insert((at, job.id));
        }
    }

    /// Notes whether a pool is gated from now on. None of its jobs may be in the index meanwhile.
    pub(super) fn set_gate(&mut self, pool: &Pool, gated: bool) {
        if gated {
            self.gated.insert(pool.clone(), BTreeSet::new());
        } else {
            self.gated.remove(pool);
        }
    }

    pub(super) fn is_gated(&self, pool: &Pool) -> bool {
        self.gated.contains_key(pool)
    }

    /// When the first job of a gated pool can be claimed.
    pub(super) fn first_of(&self, pool: &Pool) -> Option<Time> {
        self.gated.get(pool)?.first().map(|(at, _)| *at)
    }

    /// The jobs that `want` is about, the earliest first.
    pub(super) fn entries<'a>(&'a self, want: &'a Want) -> impl Iterator<Item = Entry> {
        let mut merged = Merged::default();
        self.wanted(want).for_each(|set| merged.add(set));
        merged
    }

    /// Whether a job is one that `want` is about, if its partition is.
    pub(super) fn is_about(&self, want: &Want, job: &Job) -> bool {
        let pool = job.spec.endpoint.pool();
        match &want.gate {
            Some(gate) => gate == pool && self.is_gated(pool),
            None => !self.is_gated(pool),
        }
    }

    /// The jobs of pools that are not gated that can be claimed by then.
    pub(super) fn open_by(&self, then: Time) -> impl Iterator<Item = Entry> {
        self.open.values().flat_map(move |set| set.iter().take_while(move |(at, _)| *at <= then).copied())
    }

    fn wanted<'a>(&'a self, want: &'a Want) -> impl Iterator<Item = &'a BTreeSet<Entry>> {
        let gated = want.gate.iter().filter_map(|pool| self.gated.get(pool));
        let partitions = if want.gate.is_none() { &want.partitions[..] } else { &[] };
        gated.chain(partitions.iter().filter_map(|partition| self.open.get(partition)))
    }
}

/// Several sets as one, in order.
#[derive(Default)]
struct Merged<'a> {
    rests: Vec<btree_set::Iter<'a, Entry>>,
    /// The next entry of each set, with the number of its rest.
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl<'a> Merged<'a> {
    fn add(&mut self, set: &'a BTreeSet<Entry>) {
        self.rests.push(set.iter());
        self.draw(self.rests.len() - 1);
    }

    fn draw(&mut self, number: usize) {
        if let Some(head) = self.rests[number].next() {
            self.heads.push(Reverse((*head, number)));
        }
    }
}

impl Iterator for Merged<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let Reverse((head, number)) = self.heads.pop()?;
        self.draw(number);
        Some(head)
    }
}
