//! Limits how often a client may fetch the same version of a feed without a condition (`If-None-Match` or `If-Modified-Since`).
//!
//! # What is never limited?
//!
//! Conditional requests, versions that the client hasn't fetched yet, clients on this machine, exempt user agents, aggregators that state
//! their subscribers, and requests that came through an unknown proxy.
//!
//! # Why do only repeated full responses count?
//!
//! A conditional request costs nothing. A refusal makes some readers give up on the whole host, so it has to be deserved, applies to
//! one feed, and says when to come back.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use hyper::HeaderMap;
use hyper::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, USER_AGENT};
use jiff::Timestamp;

use crate::config;
use crate::types::ContentHash;

/// The budget of one client for one feed: a token bucket, stored as the time at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// Hash of client and feed. 0 if unused.
    key: u64,
    /// Hash of the version that the client fetched last.
    version: u32,
    /// When the budget is full again (seconds since 1970).
    full_at: u32,
}

/// Accounts per row. A new account replaces the account in its row whose budget is full first.
const ACCOUNTS_PER_ROW: usize = 8;
/// Rows under one lock.
const ROWS_PER_SHARD: usize = 2_048;
const SHARDS: usize = 64;

type Row = [Account; ACCOUNTS_PER_ROW];

/// The accounts of all clients. The table holds 1,048,576 accounts in 16 MiB and never grows. If it overflows, the least-used accounts are
/// dropped, and their clients start with a full budget. A shard's memory is allocated on first use.
#[derive(Debug)]
pub struct Budgets {
    options: config::Budget,
    hasher: RandomState,
    shards: Vec<Mutex<Vec<Row>>>,
}

const HOUR_SECONDS: u32 = 3_600;

impl Budgets {
    /// Full budgets for everyone.
    pub fn new(options: config::Budget) -> Budgets {
        Budgets { options, hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Whether the budget applies to a request. Cheap checks come first. `is_direct` means that no unknown proxy is involved.
    pub fn applies_to(&self, client: Option<IpAddr>, headers: &HeaderMap, is_direct: bool) -> bool {
        self.options.per_hour > 0
            && client.is_some_and(|client| !client.to_canonical().is_loopback())
            && !headers.contains_key(IF_NONE_MATCH)
            && !headers.contains_key(IF_MODIFIED_SINCE)
            && is_direct
            && !self.is_exempt(headers)
    }

    fn is_exempt(&self, headers: &HeaderMap) -> bool {
        let agent = headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes())).unwrap_or_default();
        self.options.exempt.iter().any(|name| agent.contains(name)) || states_many_subscribers(&agent)
    }

    /// Charges a client for fetching a version of a feed.
    ///
    /// # Errors
    /// The seconds until the client may fetch this version again.
    pub fn charge(
        &self,
        client: Option<IpAddr>,
        headers: &HeaderMap,
        feed: &str,
        version: ContentHash,
        now: Timestamp,
    ) -> Result<(), u32> {
        let agent = headers.get(USER_AGENT).map(|agent| agent.as_bytes());
        let key = self.hasher.hash_one((client.map(network), agent, feed)).max(1);
        let version = self.hasher.hash_one(version);
        let version = u32::try_from(version & u64::from(u32::MAX)).unwrap_or_default();
        // After 2106 this clock stops: nothing is refilled, and nothing is refused.
        let now = u32::try_from(now.as_second()).unwrap_or_default();
        let (shard, row) = (key % 64, (key >> 6) % 2_048);
        let (Ok(shard), Ok(row)) = (usize::try_from(shard), usize::try_from(row)) else { return Ok(()) };
        let Some(shard) = self.shards.get(shard) else { return Ok(()) };
        let mut rows = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.is_empty() {
            rows.resize(ROWS_PER_SHARD, Row::default());
        }
        let Some(row) = rows.get_mut(row) else { return Ok(()) };
        let Some(account) = row.iter_mut().min_by_key(|account| (account.key != key, account.full_at)) else {
            return Ok(());
        };
        if account.key != key || account.version != version {
            let full_at = if account.key == key { account.full_at } else { 0 };
            *account = Account { key, version, full_at };
            return Ok(());
        }
        let each = HOUR_SECONDS / self.options.per_hour.max(1);
        let full_at = account.full_at.max(now).saturating_add(each);
        let over = full_at.saturating_sub(now.saturating_add(HOUR_SECONDS));
        if over > 0 {
            return Err(over);
        }
        account.full_at = full_at;
        Ok(())
    }
}

/// The customer behind an address. For IPv6 that is the /64, because one customer owns all of its addresses.
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

/// Whether a user agent states more than one subscriber: "Feedly/1.0 (12 subscribers)".
fn states_many_subscribers(agent: &str) -> bool {
    agent.match_indices(" subscriber").any(|(at, _)| {
        let before = agent.get(..at).unwrap_or_default();
        let digits: String = before.chars().rev().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
        digits.chars().any(|c| matches!(c, '2'..='9')) || digits.chars().filter(char::is_ascii_digit).count() > 1
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn budgets(exempt: &[&str]) -> Budgets {
        let exempt = exempt.iter().map(|name| (*name).to_owned()).collect();
        Budgets::new(config::Budget { per_hour: 12, exempt })
    }

    fn agent(name: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(name))])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn unconditional_refetch_limited_to_twelve_per_hour() {
        let budgets = budgets(&[]);
        let version = ContentHash::of(b"1");
        let take = |client: &str, name, feed: &str, version, second| {
            budgets.charge(ip(client), &agent(name), feed, version, at(second))
        };
        // The first fetch is free, then come twelve repetitions.
        for time in 0..13 {
            assert_eq!(take("192.0.2.1", "a", "/rss.xml", version, time), Ok(()), "{time}");
        }
        assert_eq!(take("192.0.2.1", "a", "/rss.xml", version, 13), Err(288), "K-02: in seconds");
        // Refusals aren't charged. At the stated time the request succeeds.
        assert_eq!(take("192.0.2.1", "a", "/rss.xml", version, 300), Err(1));
        assert_eq!(take("192.0.2.1", "a", "/rss.xml", version, 301), Ok(()));
        assert!(take("192.0.2.1", "a", "/rss.xml", version, 301).is_err());
        for (client, name, feed) in
            [("192.0.2.2", "a", "/rss.xml"), ("192.0.2.1", "b", "/rss.xml"), ("192.0.2.1", "a", "/atom.xml")]
        {
            assert_eq!(take(client, name, feed, version, 301), Ok(()), "K-04: {client} {name} {feed}");
        }
        assert_eq!(take("192.0.2.1", "a", "/rss.xml", ContentHash::of(b"2"), 301), Ok(()), "news");
        assert!(take("192.0.2.1", "a", "/rss.xml", ContentHash::of(b"2"), 301).is_err());
        assert_eq!(take("192.0.2.1", "a", "/rss.xml", ContentHash::of(b"2"), 99_999), Ok(()), "an hour later");
        // A /64 is one customer.
        for host in 0..13 {
            assert_eq!(take(&format!("2001:db8::{host}"), "a", "/rss.xml", version, 0), Ok(()));
        }
        assert!(take("2001:db8::ffff:0:0:1", "a", "/rss.xml", version, 0).is_err());
        assert_eq!(take("2001:db8:0:1::1", "a", "/rss.xml", version, 0), Ok(()));
    }

    #[test]
    fn exempt_requests_are_never_limited() {
        let budgets = budgets(&["Our own checker"]);
        let conditional = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"x\""))]);
        for (client, headers, concerned) in [
            (ip("192.0.2.1"), HeaderMap::new(), true),
            (ip("192.0.2.1"), agent("curl/8.0"), true),
            (ip("192.0.2.1"), agent("Reader/1 (1 subscriber)"), true),
            (ip("192.0.2.1"), agent("subscribers subscriber"), true),
            (ip("192.0.2.1"), agent("Feedly/1.0 (+http://x.example; 16 subscribers)"), false),
            (ip("192.0.2.1"), agent("Feedly/1.0 (1,234 subscribers)"), false),
            (ip("192.0.2.1"), agent("Feedly/1.0 (10 subscribers)"), false),
            (ip("192.0.2.1"), agent("Our own checker 2"), false),
            (ip("192.0.2.1"), conditional, false),
            (ip("127.0.0.1"), agent("curl/8.0"), false),
            (ip("::ffff:127.0.0.1"), agent("curl/8.0"), false),
            (ip("::1"), agent("curl/8.0"), false),
            (None, agent("curl/8.0"), false),
        ] {
            assert_eq!(budgets.applies_to(client, &headers, true), concerned, "{client:?} {headers:?}");
        }
        assert!(!budgets.applies_to(ip("192.0.2.1"), &HeaderMap::new(), false), "many may stand behind a proxy");
        let off = Budgets::new(config::Budget { per_hour: 0, exempt: Vec::new() });
        assert!(!off.applies_to(ip("192.0.2.1"), &HeaderMap::new(), true));
    }

    #[test]
    fn account_table_never_grows() {
        let budgets = budgets(&[]);
        let version = ContentHash::of(b"1");
        let headers = agent("a");
        for time in 0..13 {
            assert_eq!(budgets.charge(ip("192.0.2.1"), &headers, "/rss.xml", version, at(time)), Ok(()));
        }
        for client in 0..300_000_u32 {
            let client = Some(IpAddr::from((0x0a00_0000 + client).to_be_bytes()));
            assert_eq!(budgets.charge(client, &headers, "/rss.xml", version, at(14)), Ok(()));
        }
        let accounts: usize = budgets.shards.iter().map(|shard| shard.lock().unwrap().len() * ACCOUNTS_PER_ROW).sum();
        assert_eq!(accounts, SHARDS * ROWS_PER_SHARD * ACCOUNTS_PER_ROW);
        assert!(
            budgets.charge(ip("192.0.2.1"), &headers, "/rss.xml", version, at(14)).is_err(),
            "it took the most, and is remembered"
        );
    }
}
