//! Which request is sent next: the queue of requests that are due, grouped by host.
//!
//! # Why do slow subscribers delay nobody?
//!
//! Each host has slots of its own. A request that takes longer than [`YOUNG`] moves to the larger number of slots for slow requests, so
//! callbacks that hang don't keep others of the same host waiting. Callbacks that failed last time have a share of all slots, and come
//! after the others.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::after;

/// A request that takes longer than this is slow.
const YOUNG: SignedDuration = SignedDuration::from_millis(1_000);
/// Limits the requests that aren't slow yet.
const MAX_YOUNG: usize = 64;
const MAX_YOUNG_PER_HOST: usize = 32;
/// Limits all requests under way, a file descriptor each.
pub const MAX_RUNNING_REQUESTS: usize = 512;
const MAX_RUNNING_PER_HOST: usize = 128;
/// Limits the requests to callbacks that failed last time.
const MAX_RUNNING_FAILED: usize = 128;
/// No further request to a host starts while requests with this many bytes are under way.
const MAX_BYTES_PER_HOST: usize = 32 << 20;

/// A request to a callback.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Job {
    /// Verify the intent of a subscriber.
    Verify(u64),
    /// Deliver a topic.
    Deliver(u64),
}

/// The share of slots that a request uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lane {
    /// The last request to the callback succeeded, or there was none.
    Healthy,
    /// The last request to the callback failed.
    Failed,
}

/// The queue, and the requests under way.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    waiting: HashMap<Job, Place>,
    hosts: HashMap<Arc<str>, Host>,
    /// The first request of each host that has a free slot, by lane.
    ready: BTreeSet<(Lane, Timestamp, Arc<str>)>,
    running: HashMap<Job, Running>,
    /// Requests under way that aren't slow yet, by their start.
    young: BTreeSet<(Timestamp, Job)>,
    running_failed: usize,
}

#[derive(Debug)]
struct Place {
    host: Arc<str>,
    lane: Lane,
    due: Timestamp,
}

#[derive(Debug)]
struct Running {
    host: Arc<str>,
    lane: Lane,
    started: Timestamp,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Host {
    waiting: BTreeSet<(Lane, Timestamp, Job)>,
    young: usize,
    running: usize,
    bytes: usize,
}

impl Host {
    fn has_free_slot(&self) -> bool {
        self.young < MAX_YOUNG_PER_HOST && self.running < MAX_RUNNING_PER_HOST && self.bytes < MAX_BYTES_PER_HOST
    }

    fn first(&self, lane: Lane) -> Option<(Timestamp, Job)> {
        let mut of_lane = self.waiting.range((lane, Timestamp::MIN, Job::Verify(0))..);
        of_lane.next().filter(|(found, ..)| *found == lane).map(|(_, due, job)| (*due, *job))
    }
}

impl Schedule {
    /// Adds a request, or changes when it is due.
    pub(super) fn put(&mut self, job: Job, host: &Arc<str>, lane: Lane, due: Timestamp) {
        self.remove(job);
        self.change(host, |of| {
            of.waiting.insert((lane, due, job));
        });
        self.waiting.insert(job, Place { host: Arc::clone(host), lane, due });
    }

    /// Removes a request that isn't under way.
    pub(super) fn remove(&mut self, job: Job) {
        if let Some(Place { host, lane, due }) = self.waiting.remove(&job) {
            self.change(&host, |of| {
                of.waiting.remove(&(lane, due, job));
            });
        }
    }

    /// Whether a request is under way.
    pub(super) fn is_running(&self, job: Job) -> bool {
        self.running.contains_key(&job)
    }

    /// The number of requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the next request that is due and has a slot. It is under way from now on; [`Schedule::set_bytes`] says how large it is.
    pub(super) fn start(&mut self, now: Timestamp) -> Option<Job> {
        self.age(now);
        let (lane, _, host) = self.next_ready().find(|(_, due, _)| *due <= now)?;
        let (due, job) = self.hosts.get(&host)?.first(lane)?;
        self.waiting.remove(&job);
        self.change(&host, |of| {
            of.waiting.remove(&(lane, due, job));
            of.young += 1;
            of.running += 1;
        });
        self.running_failed += usize::from(lane == Lane::Failed);
        self.young.insert((now, job));
        self.running.insert(job, Running { host, lane, started: now, bytes: 0 });
        Some(job)
    }

    /// Notes the size of a request under way.
    pub(super) fn set_bytes(&mut self, job: Job, bytes: usize) {
        let Some(running) = self.running.get_mut(&job) else { return };
        let before = std::mem::replace(&mut running.bytes, bytes);
        let host = Arc::clone(&running.host);
        self.change(&host, |of| of.bytes = of.bytes.saturating_sub(before).saturating_add(bytes));
    }

    /// Notes that a request has ended.
    pub(super) fn finish(&mut self, job: Job) {
        let Some(Running { host, lane, started, bytes }) = self.running.remove(&job) else { return };
        let was_young = self.young.remove(&(started, job));
        self.running_failed -= usize::from(lane == Lane::Failed);
        self.change(&host, |of| {
            of.young = of.young.saturating_sub(usize::from(was_young));
            of.running = of.running.saturating_sub(1);
            of.bytes = of.bytes.saturating_sub(bytes);
        });
    }

    /// When [`Schedule::start`] may return a request, unless a request ends earlier. `None` if only the end of a request changes that.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let aged = self.young.first().filter(|_| !self.waiting.is_empty()).map(|(started, _)| after(*started, YOUNG));
        self.next_ready().map(|(_, due, _)| due).chain(aged).min()
    }

    /// The first request of each lane that has a slot, whether or not it is due.
    fn next_ready(&self) -> impl Iterator<Item = (Lane, Timestamp, Arc<str>)> {
        let has_slot = self.running.len() < MAX_RUNNING_REQUESTS && self.young.len() < MAX_YOUNG;
        let lanes = [(Lane::Healthy, true), (Lane::Failed, self.running_failed < MAX_RUNNING_FAILED)];
        lanes.into_iter().filter(move |(_, has_share)| has_slot && *has_share).filter_map(|(lane, _)| {
            let mut of_lane = self.ready.range((lane, Timestamp::MIN, Arc::from(""))..);
            of_lane.next().filter(|(found, ..)| *found == lane).cloned()
        })
    }

    /// Moves requests that take long to the slots for slow requests.
    fn age(&mut self, now: Timestamp) {
        while let Some((started, job)) =
            self.young.first().copied().filter(|(started, _)| after(*started, YOUNG) <= now)
        {
            self.young.remove(&(started, job));
            if let Some(host) = self.running.get(&job).map(|running| Arc::clone(&running.host)) {
                self.change(&host, |of| of.young = of.young.saturating_sub(1));
            }
        }
    }

    /// Changes a host, and keeps `ready` up to date.
    fn change(&mut self, host: &Arc<str>, change: impl FnOnce(&mut Host)) {
        let of = self.hosts.entry(Arc::clone(host)).or_default();
        let ready = |of: &Host| {
            let lanes = [Lane::Healthy, Lane::Failed].into_iter().filter(|_| of.has_free_slot());
            lanes.filter_map(|lane| Some((lane, of.first(lane)?.0))).collect::<Vec<_>>()
        };
        let before = ready(of);
        change(of);
        let after = ready(of);
        if of.waiting.is_empty() && of.running == 0 {
            self.hosts.remove(host);
        }
        for (lane, due) in before {
            self.ready.remove(&(lane, due, Arc::clone(host)));
        }
        self.ready.extend(after.into_iter().map(|(lane, due)| (lane, due, Arc::clone(host))));
    }
}
