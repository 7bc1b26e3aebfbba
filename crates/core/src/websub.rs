//! WebSub (<https://www.w3.org/TR/websub/>) without IO: what subscribers ask for, who gets what and when, and which hubs are told.
//!
//! The program's `push` module sends the requests that these state machines ask for, and reports the results.
//!
//! # Which file contains what?
//!
//! - `request`: reads a subscriber's request
//! - `callback`: which URLs and addresses the hub may send requests to
//! - `canary`: notices when a hub stops delivering
//! - `clients`: limits on what one client may ask of the hub
//! - `hub`: subscriptions, leases, verifications and deliveries as a function of events and time
//! - `schedule`: which of the requests that are due is sent next, grouped by host
//! - `pings`: which hubs of other operators are told of which changes
//!
//! # Why is there no queue of deliveries?
//!
//! A subscription has the hash of the version that its subscriber has. A delivery is due as long as that isn't the current version. So a
//! crash loses no delivery, and no text waits anywhere: each attempt sends the version that a GET would return at that moment.

mod callback;
mod canary;
mod clients;
mod hub;
mod pings;
mod request;
mod schedule;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::types::ContentHash;

pub use callback::{Callback, is_allowed};
pub use canary::{CANARY_LEASE, Canaries, CanaryRequest};
pub use hub::{Counts, Delivered, Delivery, Hub, Limits, Subscription, Task, Verification, Verified};
pub use pings::{Ping, PingResult, Pings};
pub use request::{MAX_REQUEST_BYTES, Mode, Refusal, Request};
pub use schedule::MAX_RUNNING_REQUESTS;

/// A request to the built-in hub, or to the callback of a canary subscription.
#[derive(Clone, Debug)]
pub struct HubRequest {
    /// The last segment of the callback. `None`: the request is for the hub.
    pub canary: Option<Arc<str>>,
    /// The query.
    pub query: String,
    /// The X-Hub-Signature field.
    pub signature: Option<String>,
    /// The Content-Type field.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
    /// The network that the request came from. `None` over a Unix socket.
    pub client: Option<IpAddr>,
}

/// The current version of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// The hash of the document's bytes.
    pub hash: ContentHash,
    /// The document's length in bytes.
    pub length: usize,
}

/// A fact that survives a restart.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A subscription is new or has changed.
    Subscribed(u64, Subscription),
    /// A subscription has ended.
    Unsubscribed(u64),
    /// A hub was told of a version of a topic. `None`: the topic isn't published any more.
    Announced {
        /// The hub's URL.
        hub: Arc<str>,
        /// The topic's route.
        topic: Arc<str>,
        /// The version.
        version: Option<ContentHash>,
    },
    /// A hub isn't configured any more.
    Forgotten {
        /// The hub's URL.
        hub: Arc<str>,
    },
}

/// The facts of the previous run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Saved {
    /// The subscriptions, by number.
    pub subscriptions: Vec<(u64, Subscription)>,
    /// Which versions hubs were told of: hub, topic, version.
    pub announced: Vec<(Arc<str>, Arc<str>, ContentHash)>,
}

/// The time after a pause.
fn after(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.saturating_add(pause).unwrap_or(Timestamp::MAX)
}
