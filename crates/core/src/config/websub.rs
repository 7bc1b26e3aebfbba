//! `[websub]`: the hubs that feeds name, and the built-in hub.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::SignedDuration;

use super::Config;
use super::raw::{Sink, Table};
use super::values::{duration, web_url};
use crate::diagnostics::Code;
use crate::types::WebUrl;

/// `[websub]`: how changes are pushed to subscribers (<https://www.w3.org/TR/websub/>).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebSub {
    /// Hubs of other operators that feeds name and that are told of changes.
    pub hubs: Vec<WebUrl>,
    /// Whether the built-in hub is on.
    pub hub: bool,
    /// Networks that callbacks may be in although they aren't public.
    pub allow_callbacks: Vec<IpNet>,
    /// The most subscriptions at the built-in hub.
    pub max_subscriptions: usize,
    /// The most subscriptions whose callbacks have the same host.
    pub max_per_host: usize,
    /// How long a hub may take to deliver a change to dateline's own subscription. Zero: there is no such subscription.
    pub canary_within: SignedDuration,
    /// Whether feeds stop to name a hub that doesn't deliver.
    pub withdraw: bool,
}

/// The path of the built-in hub below `site.url`.
pub const HUB_PATH: &str = "hub";

const DEFAULT_MAX_SUBSCRIPTIONS: usize = 100_000;
const DEFAULT_MAX_PER_HOST: usize = 1_000;
const DEFAULT_CANARY_WITHIN: SignedDuration = SignedDuration::from_mins(2);

impl Config {
    /// The hubs that feeds name, the built-in one first. A subscriber that wants only one takes the first.
    pub fn advertised_hubs(&self) -> Vec<WebUrl> {
        let own = self.websub.hub.then(|| self.site.url.join(HUB_PATH).ok()).flatten();
        let mut hubs: Vec<WebUrl> = own.into_iter().collect();
        for hub in &self.websub.hubs {
            if !hubs.contains(hub) {
                hubs.push(hub.clone());
            }
        }
        hubs
    }
}

/// Reads `[websub]`.
pub(super) fn validate(table: &mut Table<'_>, sink: &mut Sink<'_>) -> WebSub {
    let written = table.texts(sink, "hubs").into_iter().flat_map(|hubs| hubs.value);
    let hubs = written.filter_map(|written| {
        let hub = web_url(sink, &written)?;
        if hub.as_str().contains(['@', '#']) {
            let message = "a hub's address has no password and no fragment: every feed shows it";
            sink.report(Code::ConfigUrl, &written.span, message, "write one such as `https://hub.example/`");
            return None;
        }
        Some(hub)
    });
    let hubs = hubs.collect();
    let hub = table.boolean(sink, "hub").unwrap_or(false);
    let mut allow_callbacks = Vec::new();
    for written in table.texts(sink, "allow_callbacks").into_iter().flat_map(|networks| networks.value) {
        let text = written.value.as_str();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| format!("`{}` is not an address or a network", text.escape_debug()));
        let help = "write one such as `10.0.0.0/8`, `192.168.1.7` or `fd00::/8`";
        allow_callbacks.extend(sink.check(Code::ConfigProxy, &written.span, network, help));
    }
    let withdraw = table.boolean(sink, "withdraw").unwrap_or(false);
    let canary_within = duration(table, sink, "canary_within").unwrap_or(DEFAULT_CANARY_WITHIN);
    let mut limit = |key, default| {
        table.number(sink, key, 1..=10_000_000).and_then(|limit| limit.try_into().ok()).unwrap_or(default)
    };
    WebSub {
        hubs,
        hub,
        allow_callbacks,
        max_subscriptions: limit("max_subscriptions", DEFAULT_MAX_SUBSCRIPTIONS),
        max_per_host: limit("max_per_host", DEFAULT_MAX_PER_HOST),
        canary_within,
        withdraw,
    }
}
