//! Tells hubs of other operators which feeds changed (WebSub, section 6).
//!
//! # What survives a restart?
//!
//! Which version of each topic a hub was told of last. A topic in another version is announced, so a crash loses no ping.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Change, after};
use crate::metrics::HubStatus;
use crate::types::ContentHash;

/// The time between two pings to a hub.
const PING_INTERVAL: SignedDuration = SignedDuration::from_millis(20);
/// The pauses after a failure. The last one is repeated.
const RETRY_SECONDS: [i64; 8] = [1, 5, 15, 60, 300, 900, 1_800, 3_600];

/// A request to a hub.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ping {
    /// The hub's URL.
    pub hub: Arc<str>,
    /// The topic's route.
    pub topic: Arc<str>,
    /// The version that is announced.
    pub version: ContentHash,
}

/// The result of a ping.
pub type PingResult = Result<(), String>;

/// The hubs, and what each has to be told.
#[derive(Debug, Default)]
pub struct Pings {
    hubs: BTreeMap<Arc<str>, Hub>,
    current: HashMap<Arc<str>, ContentHash>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Hub {
    announced: HashMap<Arc<str>, ContentHash>,
    /// Topics that the hub has to be told of.
    due: BTreeSet<Arc<str>>,
    is_running: bool,
    failures: usize,
    next_at: Timestamp,
    last_success: Option<Timestamp>,
    last_error: Option<String>,
}

impl Hub {
    fn new() -> Hub {
        Hub {
            announced: HashMap::new(),
            due: BTreeSet::new(),
            is_running: false,
            failures: 0,
            next_at: Timestamp::MIN,
            last_success: None,
            last_error: None,
        }
    }
}

impl Pings {
    /// Restores the versions that hubs were told of in the previous run: hub, topic and hash.
    pub fn restore(announced: Vec<(Arc<str>, Arc<str>, ContentHash)>) -> Pings {
        let mut pings = Pings::default();
        for (hub, topic, version) in announced {
            pings.hubs.entry(hub).or_insert_with(Hub::new).announced.insert(topic, version);
        }
        pings
    }

    /// Sets all topics and their versions. A hub that was never told anything isn't told now: its subscribers read these versions when
    /// they subscribe.
    pub fn replace_topics(&mut self, topics: impl IntoIterator<Item = (Arc<str>, ContentHash)>) {
        let announced = self.hubs.values().flat_map(|hub| hub.announced.keys());
        let known: BTreeSet<Arc<str>> = announced.chain(self.current.keys()).cloned().collect();
        self.current.clear();
        for (topic, version) in topics {
            self.set_topic(&topic, Some(version));
        }
        let gone: Vec<_> = known.into_iter().filter(|topic| !self.current.contains_key(topic)).collect();
        gone.into_iter().for_each(|topic| self.set_topic(&topic, None));
    }

    /// Sets the version of a topic. `None`: it isn't published any more.
    pub fn set_topic(&mut self, topic: &Arc<str>, version: Option<ContentHash>) {
        match version {
            Some(version) => drop(self.current.insert(Arc::clone(topic), version)),
            None => drop(self.current.remove(topic)),
        }
        for (url, hub) in &mut self.hubs {
            match version {
                Some(version) if hub.announced.get(topic) != Some(&version) => drop(hub.due.insert(Arc::clone(topic))),
                Some(_) => drop(hub.due.remove(topic)),
                None => {
                    hub.due.remove(topic);
                    if hub.announced.remove(topic).is_some() {
                        let (hub, topic) = (Arc::clone(url), Arc::clone(topic));
                        self.changes.push(Change::Announced { hub, topic, version: None });
                    }
                }
            }
        }
    }

    /// Sets the hubs. Called when the topics are known.
    pub fn set_hubs(&mut self, hubs: &[Arc<str>]) {
        let stale: Vec<Arc<str>> = self.hubs.keys().filter(|hub| !hubs.contains(hub)).cloned().collect();
        for hub in stale {
            self.hubs.remove(&hub);
            self.changes.push(Change::Forgotten { hub });
        }
        for url in hubs {
            if self.hubs.contains_key(url) {
                continue;
            }
            let mut hub = Hub::new();
            for (topic, &version) in &self.current {
                hub.announced.insert(Arc::clone(topic), version);
                let (hub, topic) = (Arc::clone(url), Arc::clone(topic));
                self.changes.push(Change::Announced { hub, topic, version: Some(version) });
            }
            self.hubs.insert(Arc::clone(url), hub);
        }
    }

    /// Returns the next ping that is due. Each hub gets one at a time.
    pub fn start(&mut self, now: Timestamp) -> Option<Ping> {
        let (url, hub) =
            self.hubs.iter_mut().find(|(_, hub)| !hub.is_running && hub.next_at <= now && !hub.due.is_empty())?;
        let topic = hub.due.pop_first()?;
        let version = *self.current.get(&topic)?;
        hub.is_running = true;
        Some(Ping { hub: Arc::clone(url), topic, version })
    }

    /// Notes the result of a ping.
    pub fn finish(&mut self, ping: Ping, result: PingResult, now: Timestamp) {
        let Some(hub) = self.hubs.get_mut(&ping.hub) else { return };
        hub.is_running = false;
        let current = self.current.get(&ping.topic);
        match result {
            Ok(()) => {
                hub.failures = 0;
                hub.next_at = after(now, PING_INTERVAL);
                (hub.last_success, hub.last_error) = (Some(now), None);
                if current.is_some() {
                    hub.announced.insert(Arc::clone(&ping.topic), ping.version);
                    let (hub, topic) = (ping.hub, ping.topic);
                    self.changes.push(Change::Announced { hub, topic, version: Some(ping.version) });
                }
            }
            Err(why) => {
                let seconds = RETRY_SECONDS.get(hub.failures).or(RETRY_SECONDS.last()).copied().unwrap_or_default();
                hub.failures += 1;
                hub.next_at = after(now, SignedDuration::from_secs(seconds));
                hub.last_error = Some(why);
                if current.is_some_and(|current| hub.announced.get(&ping.topic) != Some(current)) {
                    hub.due.insert(ping.topic);
                }
            }
        }
    }

    /// When [`Pings::start`] may return a ping, unless something changes earlier.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.hubs.values().filter(|hub| !hub.is_running && !hub.due.is_empty()).map(|hub| hub.next_at).min()
    }

    /// Whether anything has to be stored.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Removes and returns what has to be stored.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The status for operators.
    pub fn status(&self) -> Vec<HubStatus> {
        let status = self.hubs.iter().map(|(url, hub)| HubStatus {
            hub: Arc::clone(url),
            waiting: hub.due.len() + usize::from(hub.is_running),
            last_success: hub.last_success,
            last_error: hub.last_error.clone(),
        });
        status.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(word: &str) -> ContentHash {
        ContentHash::of(word.as_bytes())
    }

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millisecond).expect("in range")
    }

    /// Sends every ping that is due, and returns `hub topic`.
    fn sent(pings: &mut Pings, now: Timestamp, result: impl Fn(&Ping) -> PingResult) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(ping) = pings.start(now) {
            sent.push(format!("{} {}", ping.hub, ping.topic));
            let result = result(&ping);
            pings.finish(ping, result, now);
        }
        sent
    }

    #[test]
    fn changed_topics_are_announced_once_also_after_restart() {
        let (a, b): (Arc<str>, Arc<str>) = ("/a".into(), "/b".into());
        let hubs: [Arc<str>; 2] = ["https://one.example/".into(), "https://two.example/".into()];
        let mut pings = Pings::default();
        pings.replace_topics([(Arc::clone(&a), version("1")), (Arc::clone(&b), version("1"))]);
        pings.set_hubs(&hubs);
        assert!(sent(&mut pings, at(0), |_| Ok(())).is_empty(), "nothing changed");
        let mut stored = pings.take_changes();
        assert_eq!(stored.len(), 4);
        // One hub is down. Changes are coalesced.
        pings.set_topic(&a, Some(version("2")));
        pings.set_topic(&a, Some(version("3")));
        let one_fails = |ping: &Ping| if ping.hub.contains("one") { Err("down".to_owned()) } else { Ok(()) };
        assert_eq!(sent(&mut pings, at(10), one_fails), ["https://one.example/ /a", "https://two.example/ /a"]);
        assert_eq!(pings.wake_at(), Some(at(1_010)));
        assert_eq!(pings.status()[0].last_error.as_deref(), Some("down"));
        pings.set_topic(&b, Some(version("2")));
        // The hub that is down waits; the other one doesn't.
        assert_eq!(sent(&mut pings, at(500), one_fails), ["https://two.example/ /b"]);
        stored.extend(pings.take_changes());
        // The daemon restarts, and one of the topics is gone.
        let mut announced = BTreeMap::new();
        for change in stored {
            let Change::Announced { hub, topic, version } = change else { panic!("{change:?}") };
            announced.insert((hub, topic), version.expect("a version"));
        }
        let announced = announced.into_iter().map(|((hub, topic), version)| (hub, topic, version)).collect();
        let mut pings = Pings::restore(announced);
        pings.replace_topics([(Arc::clone(&a), version("3"))]);
        pings.set_hubs(&hubs);
        assert_eq!(sent(&mut pings, at(1_000), |_| Ok(())), ["https://one.example/ /a"]);
        let gone =
            pings.take_changes().into_iter().filter(|change| matches!(change, Change::Announced { version: None, .. }));
        assert_eq!(gone.count(), 2);
        pings.set_hubs(&hubs[1..]);
        assert_eq!(pings.take_changes(), [Change::Forgotten { hub: Arc::clone(&hubs[0]) }]);
    }

    #[test]
    fn pings_to_a_failing_hub_back_off() {
        let topic: Arc<str> = "/a".into();
        let mut pings = Pings::default();
        pings.set_hubs(&["https://hub.example/".into()]);
        pings.set_topic(&topic, Some(version("1")));
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..10 {
            assert_eq!(sent(&mut pings, now, |_| Err("down".into())).len(), 1);
            let next = pings.wake_at().expect("a retry");
            waits.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 5, 15, 60, 300, 900, 1_800, 3_600, 3_600, 3_600]);
        // The topic takes back its last announced version, or vanishes: nothing is left to say.
        pings.set_topic(&topic, None);
        assert_eq!(pings.wake_at(), None);
    }
}
