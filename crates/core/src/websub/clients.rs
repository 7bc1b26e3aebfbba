//! Limits what one client may ask of the hub.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use super::request::Refusal;

/// The requests that a client may send at once, and how many more each second. A reader service subscribes to thousands of topics.
const REQUEST_BURST: i64 = 20_000;
const REQUESTS_PER_SECOND: i64 = 50;
/// Limits the requests of a client that wait for verification.
const MAX_PENDING: u32 = 10_000;
/// Limits the table. Clients that sent nothing for long are dropped.
const MAX_CLIENTS: usize = 65_536;

/// The clients that sent requests lately.
#[derive(Debug, Default)]
pub(super) struct Clients(HashMap<IpAddr, Client>);

/// A token bucket, stored as the time at which it is full again, and the number of requests that wait for verification.
#[derive(Debug, Default)]
struct Client {
    full_at_ms: i64,
    pending: u32,
}

impl Clients {
    /// Counts a request. Clients over a Unix socket aren't limited.
    pub(super) fn charge(&mut self, client: Option<IpAddr>, now: Timestamp) -> Result<(), Refusal> {
        let Some(client) = client else { return Ok(()) };
        let now_ms = now.as_millisecond();
        if self.0.len() >= MAX_CLIENTS {
            self.0.retain(|_, client| client.pending > 0 || client.full_at_ms > now_ms);
        }
        let client = self.0.entry(client).or_default();
        let full_at_ms = client.full_at_ms.max(now_ms).saturating_add(1_000 / REQUESTS_PER_SECOND);
        if full_at_ms - now_ms > REQUEST_BURST * 1_000 / REQUESTS_PER_SECOND {
            return Err(Refusal::new(429, "too many requests from this address; try again later"));
        }
        client.full_at_ms = full_at_ms;
        Ok(())
    }

    /// Counts a request that waits for verification. Returns `false` if too many wait already.
    pub(super) fn add_pending(&mut self, client: Option<IpAddr>) -> bool {
        let Some(client) = client else { return true };
        let client = self.0.entry(client).or_default();
        let has_room = client.pending < MAX_PENDING;
        client.pending += u32::from(has_room);
        has_room
    }

    /// Notes that a request doesn't wait any more.
    pub(super) fn remove_pending(&mut self, client: Option<IpAddr>) {
        if let Some(client) = client.and_then(|client| self.0.get_mut(&client)) {
            client.pending = client.pending.saturating_sub(1);
        }
    }
}
