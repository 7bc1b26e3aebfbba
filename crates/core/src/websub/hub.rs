//! The built-in hub: subscriptions, leases, verifications and deliveries.
//!
//! Events and the time go in through methods. [`Hub::start`] returns the requests to send, [`Hub::take_changes`] what has to be stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::callback::Callback;
use super::clients::Clients;
use super::request::{Mode, Refusal, Request};
use super::schedule::{Job, Lane, Schedule};
use super::{Change, Version, after};
use crate::types::ContentHash;

/// Subscribers that wait for the answer to their request are ready for its verification after this pause.
const VERIFICATION_DELAY: SignedDuration = SignedDuration::from_millis(100);
/// The pauses between attempts to deliver, almost seven hours in all. Then the subscriber gets the next update.
const RETRY_SECONDS: [i64; 10] = [1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 10_800];
/// An update is tried this soon, even if the subscriber failed often.
const MAX_UPDATE_WAIT: SignedDuration = SignedDuration::from_secs(60);
/// The pause before a topic that can't be read is tried again.
const UNAVAILABLE_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Limits the requests that wait for verification.
const MAX_PENDING: usize = 20_000;

/// The limits that the configuration sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most subscriptions.
    pub max_subscriptions: usize,
    /// The most subscriptions whose callbacks have the same host.
    pub max_per_host: usize,
}

/// A verified subscription.
#[derive(Clone, PartialEq, Debug)]
pub struct Subscription {
    /// The topic's route: its path below the prefix of `site.url`.
    pub topic: Arc<str>,
    /// The topic's URL as the subscriber wrote it.
    pub topic_url: Arc<str>,
    /// The subscriber's callback.
    pub callback: Callback,
    /// The key of signatures.
    pub secret: Option<Arc<[u8]>>,
    /// When the lease ends.
    pub expires: Timestamp,
    /// The version that the subscriber has. `None` if the topic was never published.
    pub delivered: Option<ContentHash>,
}

/// A request to send.
#[derive(Clone, PartialEq, Debug)]
pub enum Task {
    /// Ask a subscriber whether it sent a request.
    Verify(u64, Verification),
    /// Send a subscriber the current version of a topic.
    Deliver(u64, Delivery),
}

/// A request that waits for the verification of its sender's intent.
#[derive(Clone, PartialEq, Debug)]
pub struct Verification {
    /// The request.
    pub request: Request,
    /// The topic's route.
    pub topic: Arc<str>,
    /// The version that the subscriber has read.
    delivered: Option<ContentHash>,
    client: Option<IpAddr>,
}

/// An attempt to deliver.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    /// The topic's route.
    pub topic: Arc<str>,
    /// The subscriber's callback.
    pub callback: Callback,
    /// The key of signatures.
    pub secret: Option<Arc<[u8]>>,
}

/// The result of a verification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verified {
    /// The subscriber returned the challenge.
    Confirmed,
    /// Anything else happened.
    Refused,
}

/// The result of an attempt to deliver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// The subscriber has this version.
    Accepted(ContentHash),
    /// The subscriber's answer or the connection failed, or took too long.
    Failed,
    /// The subscriber wants nothing more (410).
    Gone,
    /// The attempt would have sent a withdrawn text. Another one follows at once.
    Cancelled,
    /// The topic can't be read at the moment.
    Unavailable,
}

/// How many of what there are, for operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Subscriptions.
    pub subscriptions: usize,
    /// Deliveries and verifications that wait.
    pub waiting: usize,
    /// Subscriptions whose last delivery failed.
    pub failing: usize,
}

/// The hub.
#[derive(Debug, Default)]
pub struct Hub {
    subscribers: BTreeMap<u64, Subscriber>,
    /// The subscription of each topic and callback.
    numbers: HashMap<(Arc<str>, Arc<str>), u64>,
    topics: HashMap<Arc<str>, Topic>,
    hosts: HashMap<Arc<str>, BTreeSet<u64>>,
    leases: BTreeSet<(Timestamp, u64)>,
    verifications: BTreeMap<u64, Verification>,
    /// The verifications of each topic and callback, waiting or under way.
    pending: HashMap<(Arc<str>, Arc<str>), BTreeSet<u64>>,
    clients: Clients,
    schedule: Schedule,
    next_number: u64,
    failing: usize,
    changes: BTreeSet<u64>,
    removed: BTreeSet<u64>,
}

#[derive(Debug)]
struct Subscriber {
    subscription: Subscription,
    failures: usize,
    /// No attempt before this time.
    retry_at: Timestamp,
    /// Whether the current version was tried often enough.
    has_given_up: bool,
}

#[derive(Debug, Default)]
struct Topic {
    version: Option<Version>,
    subscribers: BTreeSet<u64>,
}

impl Hub {
    /// A hub with the subscriptions of the previous run. Their topics have no version yet.
    pub fn restore(subscriptions: Vec<(u64, Subscription)>) -> Hub {
        let mut hub = Hub::default();
        for (number, subscription) in subscriptions {
            hub.next_number = hub.next_number.max(number + 1);
            hub.insert(number, subscription);
        }
        hub
    }

    /// The topics that have subscribers.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.keys()
    }

    /// Sets the version of a topic. `None`: it isn't published.
    pub fn set_version(&mut self, topic: &str, version: Option<Version>, now: Timestamp) {
        let Some(of) = self.topics.get_mut(topic) else { return };
        if of.version == version {
            return;
        }
        of.version = version;
        for number in of.subscribers.clone() {
            if let Some(subscriber) = self.subscribers.get_mut(&number) {
                subscriber.has_given_up = false;
                subscriber.retry_at = subscriber.retry_at.min(after(now, MAX_UPDATE_WAIT));
            }
            self.reschedule(number, now);
        }
    }

    /// Counts a request of a client.
    ///
    /// # Errors
    /// If the client sends too many.
    pub fn charge(&mut self, client: Option<IpAddr>, now: Timestamp) -> Result<(), Refusal> {
        self.clients.charge(client, now)
    }

    /// Accepts a request. `topic` is the route and version of its topic, if this site publishes it. The subscriber's intent is verified
    /// later.
    ///
    /// # Errors
    /// If the hub doesn't have the topic, or a limit is reached.
    pub fn accept(
        &mut self,
        request: Request,
        topic: Option<(Arc<str>, Version)>,
        client: Option<IpAddr>,
        limits: Limits,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (topic, version) = match topic {
            Some((topic, version)) => (topic, Some(version)),
            // A subscriber may leave a topic that moved or ended.
            None => match self.find_by_url(&request).filter(|_| request.mode == Mode::Unsubscribe) {
                Some(topic) => (topic, None),
                None => return Err(Refusal::new(404, "hub.topic is not a feed of this site")),
            },
        };
        let key = (Arc::clone(&topic), request.callback.key());
        if request.mode == Mode::Subscribe && !self.numbers.contains_key(&key) {
            if self.subscribers.len() >= limits.max_subscriptions {
                return Err(Refusal::new(503, "the hub has as many subscriptions as it takes"));
            }
            if self.hosts.get(request.callback.host()).map_or(0, BTreeSet::len) >= limits.max_per_host {
                return Err(Refusal::new(403, "the host of hub.callback has as many subscriptions as the hub takes"));
            }
        }
        // A newer request replaces a like one that waits, so that repetitions cost the callback one verification.
        let of_key = self.pending.get(&key).into_iter().flatten().copied();
        let is_replaced = |number: &u64| {
            let mode = self.verifications.get(number).map(|verification| verification.request.mode);
            mode == Some(request.mode) && !self.schedule.is_running(Job::Verify(*number))
        };
        let replaced: Vec<u64> = of_key.filter(is_replaced).collect();
        replaced.into_iter().for_each(|number| self.drop_verification(number));
        if self.verifications.len() >= MAX_PENDING || !self.clients.add_pending(client) {
            return Err(Refusal::new(429, "too many requests wait for verification; try again later"));
        }
        let number = self.next_number;
        self.next_number += 1;
        let due = after(now, VERIFICATION_DELAY);
        self.schedule.put(Job::Verify(number), request.callback.host(), Lane::Healthy, due);
        self.pending.entry(key).or_default().insert(number);
        let delivered = version.map(|version| version.hash);
        self.verifications.insert(number, Verification { request, topic: Arc::clone(&topic), delivered, client });
        Ok(())
    }

    /// Returns the next request to send, if one is due.
    pub fn start(&mut self, now: Timestamp) -> Option<Task> {
        while let Some(&(_, number)) = self.leases.first().filter(|(expires, _)| *expires <= now) {
            self.remove(number);
        }
        loop {
            let job = self.schedule.start(now)?;
            let task = match job {
                Job::Verify(number) => {
                    self.verifications.get(&number).map(|verification| Task::Verify(number, verification.clone()))
                }
                Job::Deliver(number) => self.delivery(number).map(|delivery| Task::Deliver(number, delivery)),
            };
            match task {
                Some(task) => return Some(task),
                None => self.schedule.finish(job),
            }
        }
    }

    fn delivery(&mut self, number: u64) -> Option<Delivery> {
        let Subscription { topic, callback, secret, .. } = &self.subscribers.get(&number)?.subscription;
        let length = self.topics.get(topic)?.version?.length;
        self.schedule.set_bytes(Job::Deliver(number), length);
        Some(Delivery { topic: Arc::clone(topic), callback: callback.clone(), secret: secret.clone() })
    }

    /// Notes the result of a verification. Returns whether it counted: once a newer request of the same subscriber is confirmed, older
    /// ones don't. An unconfirmed one changes nothing, since anybody may have sent it.
    pub fn finish_verification(&mut self, number: u64, result: Verified, now: Timestamp) -> bool {
        self.schedule.finish(Job::Verify(number));
        let Some(verification) = self.verifications.get(&number).cloned() else { return false };
        let key = (Arc::clone(&verification.topic), verification.request.callback.key());
        self.drop_verification(number);
        if result == Verified::Refused {
            return true;
        }
        let older: Vec<u64> =
            self.pending.get(&key).into_iter().flatten().copied().filter(|older| *older < number).collect();
        older.into_iter().for_each(|number| self.drop_verification(number));
        let Verification { request, topic, delivered, .. } = verification;
        let known = self.numbers.get(&key).copied();
        match (request.mode, known) {
            (Mode::Unsubscribe, known) => known.into_iter().for_each(|number| self.remove(number)),
            (Mode::Subscribe, known) => {
                let known = known.and_then(|number| Some((number, self.take(number)?)));
                let (number, delivered) = known.map_or((number, delivered), |(number, old)| (number, old.delivered));
                let Request { topic: topic_url, callback, secret, lease, .. } = request;
                let expires = after(now, lease);
                self.insert(number, Subscription { topic, topic_url, callback, secret, expires, delivered });
                self.changes.insert(number);
                self.reschedule(number, now);
            }
        }
        true
    }

    /// Notes the result of an attempt to deliver.
    pub fn finish_delivery(&mut self, number: u64, result: Delivered, now: Timestamp) {
        self.schedule.finish(Job::Deliver(number));
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let had_failed = subscriber.failures > 0;
        match result {
            Delivered::Accepted(version) => {
                subscriber.failures = 0;
                subscriber.retry_at = Timestamp::MIN;
                subscriber.subscription.delivered = Some(version);
                self.changes.insert(number);
            }
            Delivered::Failed => {
                match RETRY_SECONDS.get(subscriber.failures) {
                    Some(seconds) => subscriber.retry_at = after(now, SignedDuration::from_secs(*seconds)),
                    None => subscriber.has_given_up = true,
                }
                subscriber.failures = (subscriber.failures + 1).min(RETRY_SECONDS.len());
            }
            Delivered::Gone => {
                self.remove(number);
                return;
            }
            Delivered::Cancelled => {}
            Delivered::Unavailable => subscriber.retry_at = after(now, UNAVAILABLE_PAUSE),
        }
        let has_failed = subscriber.failures > 0;
        self.failing = self.failing + usize::from(has_failed) - usize::from(had_failed);
        self.reschedule(number, now);
    }

    /// The deliveries of a topic that are under way.
    pub fn running_deliveries(&self, topic: &str) -> Vec<u64> {
        let subscribers = self.topics.get(topic).into_iter().flat_map(|topic| &topic.subscribers);
        subscribers.copied().filter(|number| self.schedule.is_running(Job::Deliver(*number))).collect()
    }

    /// When [`Hub::start`] may return a request or a lease ends, unless something changes earlier.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.leases.first().map(|(expires, _)| *expires).into_iter().chain(self.schedule.wake_at()).min()
    }

    /// Whether anything has to be stored.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty() || !self.removed.is_empty()
    }

    /// Removes and returns what has to be stored.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let removed = std::mem::take(&mut self.removed).into_iter().map(Change::Unsubscribed);
        let changed = std::mem::take(&mut self.changes).into_iter().filter_map(|number| {
            let subscriber = self.subscribers.get(&number)?;
            Some(Change::Subscribed(number, subscriber.subscription.clone()))
        });
        removed.chain(changed).collect()
    }

    /// How many of what there are.
    pub fn counts(&self) -> Counts {
        Counts { subscriptions: self.subscribers.len(), waiting: self.schedule.waiting(), failing: self.failing }
    }

    /// The topic of a subscription whose topic has another address by now.
    fn find_by_url(&self, request: &Request) -> Option<Arc<str>> {
        let of_host = self.hosts.get(request.callback.host())?;
        let subscriptions = of_host.iter().filter_map(|number| Some(&self.subscribers.get(number)?.subscription));
        let mut found = subscriptions
            .filter(|known| known.callback == request.callback && known.topic_url == request.topic)
            .map(|known| Arc::clone(&known.topic));
        found.next()
    }

    fn drop_verification(&mut self, number: u64) {
        self.schedule.remove(Job::Verify(number));
        let Some(verification) = self.verifications.remove(&number) else { return };
        let key = (verification.topic, verification.request.callback.key());
        if let Some(pending) = self.pending.get_mut(&key) {
            pending.remove(&number);
            if pending.is_empty() {
                self.pending.remove(&key);
            }
        }
        self.clients.remove_pending(verification.client);
    }

    fn insert(&mut self, number: u64, subscription: Subscription) {
        let Subscription { topic, callback, expires, .. } = &subscription;
        self.numbers.insert((Arc::clone(topic), callback.key()), number);
        self.topics.entry(Arc::clone(topic)).or_default().subscribers.insert(number);
        self.hosts.entry(Arc::clone(callback.host())).or_default().insert(number);
        self.leases.insert((*expires, number));
        self.removed.remove(&number);
        let subscriber = Subscriber { subscription, failures: 0, retry_at: Timestamp::MIN, has_given_up: false };
        self.subscribers.insert(number, subscriber);
    }

    /// Ends a subscription.
    fn remove(&mut self, number: u64) {
        if self.take(number).is_some() {
            self.removed.insert(number);
        }
    }

    /// Removes a subscription.
    fn take(&mut self, number: u64) -> Option<Subscription> {
        let Subscriber { subscription, failures, .. } = self.subscribers.remove(&number)?;
        self.failing -= usize::from(failures > 0);
        self.changes.remove(&number);
        self.schedule.remove(Job::Deliver(number));
        self.leases.remove(&(subscription.expires, number));
        self.numbers.remove(&(Arc::clone(&subscription.topic), subscription.callback.key()));
        if let Some(topic) = self.topics.get_mut(&subscription.topic) {
            topic.subscribers.remove(&number);
            // The version of a topic without subscribers isn't kept up to date.
            if topic.subscribers.is_empty() {
                self.topics.remove(&subscription.topic);
            }
        }
        if let Some(host) = self.hosts.get_mut(subscription.callback.host()) {
            host.remove(&number);
            if host.is_empty() {
                self.hosts.remove(subscription.callback.host());
            }
        }
        Some(subscription)
    }

    /// Adds the delivery of a subscription to the queue if it is due, or removes it.
    fn reschedule(&mut self, number: u64, now: Timestamp) {
        let Some(subscriber) = self.subscribers.get(&number) else { return };
        let job = Job::Deliver(number);
        if self.schedule.is_running(job) {
            return;
        }
        let version = self.topics.get(&subscriber.subscription.topic).and_then(|topic| topic.version);
        let is_due = version.is_some_and(|version| subscriber.subscription.delivered != Some(version.hash));
        if !is_due || subscriber.has_given_up {
            return self.schedule.remove(job);
        }
        let lane = if subscriber.failures > 0 { Lane::Failed } else { Lane::Healthy };
        self.schedule.put(job, subscriber.subscription.callback.host(), lane, subscriber.retry_at.max(now));
    }
}
