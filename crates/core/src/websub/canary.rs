//! Notices when a hub stops delivering: dateline subscribes to a feed of its own at each hub, through its public address.
//!
//! Readers poll less often once a feed names a hub, so a hub that fails silently is worse than none.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::after;
use super::request::Mode;

/// A hub has this long to ask whether the subscription is wanted.
const CONFIRMATION_TIMEOUT: SignedDuration = SignedDuration::from_mins(5);
/// The pauses after a subscription failed. The last one is repeated.
const RETRY_SECONDS: [i64; 4] = [10, 60, 600, 3_600];
/// The lease that hubs are asked for, and that is assumed if they state none.
pub const CANARY_LEASE: SignedDuration = SignedDuration::from_hours(24);

/// The canary subscriptions, one for each hub.
#[derive(Debug, Default)]
pub struct Canaries {
    hubs: BTreeMap<Arc<str>, Canary>,
}

#[derive(Debug)]
struct Canary {
    /// The last segment of the callback. Nobody can guess it.
    token: Arc<str>,
    secret: Arc<str>,
    state: State,
    failures: usize,
    /// When a change has to have arrived.
    deadline: Option<Timestamp>,
    is_late: bool,
    has_delivered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Subscribe at this time.
    Idle(Timestamp),
    /// The request is under way.
    Requested,
    /// The hub has accepted the request, and asks whether it is wanted before this time.
    Accepted(Timestamp),
    /// Subscribed. The lease is renewed at this time.
    Confirmed(Timestamp),
    /// Subscribed. The request for another lease is under way.
    Renewing,
}

impl State {
    fn is_subscribed(self) -> bool {
        matches!(self, State::Confirmed(_) | State::Renewing)
    }
}

/// A request to a hub.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CanaryRequest {
    /// The hub's URL.
    pub hub: Arc<str>,
    /// The last segment of the callback.
    pub token: Arc<str>,
    /// The key of signatures.
    pub secret: Arc<str>,
}

impl Canaries {
    /// Sets the hubs. `random` supplies unguessable texts.
    pub fn set_hubs(&mut self, hubs: &[Arc<str>], now: Timestamp, mut random: impl FnMut() -> Option<String>) {
        self.hubs.retain(|hub, _| hubs.contains(hub));
        for hub in hubs {
            if self.hubs.contains_key(hub) {
                continue;
            }
            let Some((token, secret)) = random().zip(random()) else { continue };
            let (token, secret) = (token.into(), secret.into());
            let state = State::Idle(now);
            let canary =
                Canary { token, secret, state, failures: 0, deadline: None, is_late: false, has_delivered: false };
            self.hubs.insert(Arc::clone(hub), canary);
        }
    }

    /// Returns the next request to send, if one is due.
    pub fn start(&mut self, now: Timestamp) -> Option<CanaryRequest> {
        for canary in self.hubs.values_mut() {
            if let State::Accepted(timeout) = canary.state
                && timeout <= now
            {
                canary.fail(now);
            }
        }
        let is_due = |canary: &Canary| matches!(canary.state, State::Idle(at) | State::Confirmed(at) if at <= now);
        let (hub, canary) = self.hubs.iter_mut().find(|(_, canary)| is_due(canary))?;
        canary.state = if canary.state.is_subscribed() { State::Renewing } else { State::Requested };
        let (token, secret) = (Arc::clone(&canary.token), Arc::clone(&canary.secret));
        Some(CanaryRequest { hub: Arc::clone(hub), token, secret })
    }

    /// Notes whether a hub accepted a request.
    pub fn finish(&mut self, hub: &str, is_accepted: bool, now: Timestamp) {
        let Some(canary) = self.hubs.get_mut(hub) else { return };
        match (canary.state, is_accepted) {
            (State::Requested | State::Renewing, false) => canary.fail(now),
            (State::Requested, true) => canary.state = State::Accepted(after(now, CONFIRMATION_TIMEOUT)),
            // The hub may have asked already.
            (State::Renewing, true) => canary.state = State::Confirmed(after(now, CANARY_LEASE / 2)),
            _ => {}
        }
    }

    /// Whether a hub's question is answered with its challenge: dateline sent the request.
    pub fn confirm(&mut self, token: &str, mode: &str, lease: Option<SignedDuration>, now: Timestamp) -> bool {
        let Some(canary) = self.hubs.values_mut().find(|canary| &*canary.token == token) else { return false };
        if mode != Mode::Subscribe.name() {
            return false;
        }
        // Hubs may ask again at any time.
        let lease = lease.unwrap_or(CANARY_LEASE).clamp(CONFIRMATION_TIMEOUT, CANARY_LEASE);
        canary.state = State::Confirmed(after(now, lease / 2));
        canary.failures = 0;
        true
    }

    /// The key of a callback's signatures.
    pub fn secret(&self, token: &str) -> Option<Arc<str>> {
        let canary = self.hubs.values().find(|canary| &*canary.token == token)?;
        Some(Arc::clone(&canary.secret))
    }

    /// The last segments of all callbacks.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<str>> {
        self.hubs.values().map(|canary| &canary.token)
    }

    /// Notes a delivery with a valid signature.
    pub fn note_delivery(&mut self, token: &str) {
        if let Some(canary) = self.hubs.values_mut().find(|canary| &*canary.token == token) {
            (canary.deadline, canary.is_late, canary.has_delivered) = (None, false, true);
        }
    }

    /// Notes that the feed changed, so that a delivery has to arrive within a time.
    pub fn note_change(&mut self, within: SignedDuration, now: Timestamp) {
        for canary in self.hubs.values_mut().filter(|canary| canary.state.is_subscribed()) {
            canary.deadline.get_or_insert(after(now, within));
        }
    }

    /// The hubs that haven't delivered in time, or have refused the subscription again and again.
    pub fn late(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let late = self.hubs.iter_mut().filter_map(|(hub, canary)| {
            canary.is_late |= canary.deadline.is_some_and(|deadline| deadline <= now);
            (canary.is_late || canary.failures >= RETRY_SECONDS.len()).then(|| Arc::clone(hub))
        });
        late.collect()
    }

    /// The hubs that have delivered, in time or not.
    pub fn delivering(&self) -> impl Iterator<Item = &Arc<str>> {
        self.hubs.iter().filter(|(_, canary)| canary.has_delivered).map(|(hub, _)| hub)
    }

    /// When something is due.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let times = self.hubs.values().flat_map(|canary| {
            let step = match canary.state {
                State::Idle(at) | State::Accepted(at) | State::Confirmed(at) => Some(at),
                State::Requested | State::Renewing => None,
            };
            [step, canary.deadline.filter(|_| !canary.is_late)]
        });
        times.flatten().min()
    }
}

impl Canary {
    fn fail(&mut self, now: Timestamp) {
        let seconds = RETRY_SECONDS.get(self.failures).or(RETRY_SECONDS.last()).copied().unwrap_or_default();
        self.failures += 1;
        self.state = State::Idle(after(now, SignedDuration::from_secs(seconds)));
        self.deadline = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    #[test]
    fn silent_hub_is_late_until_it_delivers() {
        let hub: Arc<str> = "https://hub.example/".into();
        let within = SignedDuration::from_secs(120);
        let mut canaries = Canaries::default();
        let mut numbers = 0..;
        canaries.set_hubs(&[Arc::clone(&hub)], at(0), || numbers.next().map(|number: u32| format!("r{number}")));
        let request = canaries.start(at(0)).expect("a request");
        assert_eq!((&*request.hub, &*request.token, &*request.secret), (&*hub, "r0", "r1"));
        assert_eq!(canaries.start(at(0)), None);
        // The hub is down at first.
        canaries.finish(&hub, false, at(1));
        assert_eq!((canaries.start(at(10)), canaries.wake_at()), (None, Some(at(11))));
        assert!(canaries.start(at(11)).is_some());
        canaries.finish(&hub, true, at(12));
        // Nothing is expected before the hub has confirmed.
        canaries.note_change(within, at(13));
        assert!(canaries.late(at(1_000)).is_empty());
        assert!(!canaries.confirm("guessed", "subscribe", None, at(14)));
        assert!(!canaries.confirm("r0", "unsubscribe", None, at(14)));
        assert!(canaries.confirm("r0", "subscribe", Some(SignedDuration::from_secs(7_200)), at(14)));
        assert_eq!(canaries.wake_at(), Some(at(3_614)), "half of the lease");
        canaries.note_change(within, at(20));
        canaries.note_change(within, at(100));
        assert!(canaries.late(at(139)).is_empty());
        assert_eq!(canaries.late(at(140)), [Arc::clone(&hub)]);
        canaries.note_delivery("guessed");
        assert_eq!(canaries.late(at(150)), [Arc::clone(&hub)]);
        assert_eq!(canaries.delivering().count(), 0);
        canaries.note_delivery("r0");
        assert!(canaries.late(at(150)).is_empty());
        assert_eq!(canaries.delivering().collect::<Vec<_>>(), [&hub]);
        canaries.note_change(within, at(160));
        canaries.note_delivery("r0");
        assert!(canaries.late(at(1_000)).is_empty());
        // The lease is renewed, also if the hub never asks.
        assert!(canaries.start(at(3_614)).is_some());
        canaries.finish(&hub, true, at(3_615));
        assert!(canaries.start(at(3_616)).is_none() && canaries.wake_at().is_some());
        canaries.set_hubs(&[], at(3_617), || None);
        assert_eq!((canaries.secret("r0"), canaries.wake_at()), (None, None));
    }
}
