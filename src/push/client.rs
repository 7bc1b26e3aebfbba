//! The HTTP clients. Callbacks are checked: no redirects, no proxies, and only addresses that the hub may connect to.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use crate::config::Config;
use crate::websub::is_allowed;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for a whole request: connection, transfer and answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections to a host.
const MAX_IDLE_PER_HOST: usize = 8;

/// The client for callbacks.
pub(super) fn for_callbacks(config: &Arc<ArcSwap<Config>>) -> Result<Client, String> {
    let resolver = Arc::new(CheckedResolver(Arc::clone(config)));
    build(|| builder().no_proxy().dns_resolver(Arc::clone(&resolver)))
}

/// The client for hubs, which the operator chose.
pub(super) fn for_hubs() -> Result<Client, String> {
    build(builder)
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("dateline/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
}

fn build(builder: impl Fn() -> ClientBuilder) -> Result<Client, String> {
    // rustls needs a default provider. Installing a second one fails harmlessly.
    drop(rustls::crypto::ring::default_provider().install_default());
    // Plain HTTP works on machines without root certificates.
    let client = builder().build().or_else(|_| builder().tls_certs_only([]).build());
    client.map_err(|error| describe(&error))
}

/// An error and its causes, without the URL.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Resolves host names to addresses that the hub may connect to. The connection goes to one of these addresses.
struct CheckedResolver(Arc<ArcSwap<Config>>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let config = self.0.load_full();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let is_allowed = |address: &SocketAddr| is_allowed(address.ip(), &config.websub.allow_callbacks);
            let addresses: Vec<SocketAddr> = found.filter(is_allowed).collect();
            match addresses.is_empty() {
                true => Err("the host has no public address".into()),
                false => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}
