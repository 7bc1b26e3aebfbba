//! Canary subscriptions: subscribes at hubs, and answers their questions and deliveries.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use ring::hmac;
use tokio::sync::mpsc;

use super::Tokens;
use super::callbacks::random_text;
use super::client::describe;
use super::documents::Documents;
use crate::config::{Config, HUB_PATH};
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{Event, HubStates, Outcome};
use crate::types::ContentHash;
use crate::websub::{CANARY_LEASE, Canaries, CanaryRequest, HubRequest, Refusal, is_allowed};

/// Names that lead nowhere on the public internet (RFC 6761, RFC 6762, RFC 8375 and common practice).
const PRIVATE_DOMAINS: [&str; 7] = ["localhost", "local", "internal", "lan", "test", "example", "invalid"];

/// The canary subscriptions, and what was reported of them.
pub(super) struct CanaryTask {
    canaries: Canaries,
    tokens: Tokens,
    events: mpsc::Sender<Event>,
    /// The version of the feed that was expected last.
    version: Option<ContentHash>,
    reported: Vec<Arc<str>>,
    reported_states: HubStates,
}

impl CanaryTask {
    pub(super) fn new(tokens: Tokens, events: mpsc::Sender<Event>) -> CanaryTask {
        CanaryTask {
            canaries: Canaries::default(),
            tokens,
            events,
            version: None,
            reported: Vec::new(),
            reported_states: HubStates::default(),
        }
    }

    /// Follows the configuration, and expects a delivery if the feed changed.
    pub(super) fn note_publication(&mut self, config: &Config, documents: &Documents, now: Timestamp) {
        let is_on = !config.websub.canary_within.is_zero() && is_public(config);
        let hubs = config.advertised_hubs().into_iter().filter(|_| is_on).map(|hub| Arc::from(hub.as_str()));
        self.canaries.set_hubs(&hubs.collect::<Vec<_>>(), now, random_text);
        self.tokens.store(Arc::new(self.canaries.tokens().cloned().collect()));
        let version = documents.version(&topic(config)).map(|version| version.hash);
        if version.is_some() && self.version.is_some() && self.version != version {
            self.canaries.note_change(config.websub.canary_within, now);
        }
        self.version = version;
    }

    /// Starts the next request that is due.
    pub(super) fn start(
        &mut self,
        client: &Client,
        config: &Config,
        now: Timestamp,
    ) -> Option<(Arc<str>, impl Future<Output = Result<(), String>> + use<>)> {
        let CanaryRequest { hub, token, secret } = self.canaries.start(now)?;
        let url = &config.site.url;
        let parameters = [
            ("hub.mode", "subscribe"),
            ("hub.topic", &*format!("{url}{}", topic(config).trim_start_matches('/'))),
            ("hub.callback", &*format!("{url}{HUB_PATH}/{token}")),
            ("hub.secret", &*secret),
            ("hub.lease_seconds", &*CANARY_LEASE.as_secs().to_string()),
        ];
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = client.post(&*hub).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let work = async move {
            match request.send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("it answers {}", answer.status())),
                Err(error) => Err(describe(&error.without_url())),
            }
        };
        Some((hub, work))
    }

    /// Notes whether a hub accepted a request.
    pub(super) fn finish(&mut self, hub: &str, result: Result<(), String>, now: Timestamp) {
        if let Err(error) = &result {
            tracing::warn!(hub, error, "a hub refuses dateline's own subscription; retrying");
        }
        self.canaries.finish(hub, result.is_ok(), now);
    }

    /// Answers a request to a callback.
    pub(super) fn answer(
        &mut self,
        token: &str,
        request: &HubRequest,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let refuse = |status, reason: &str| Err(Refusal { status, reason: reason.to_owned() });
        let parameter = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(request.query.as_bytes());
            pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
        };
        if let Some(mode) = parameter("hub.mode") {
            let lease = parameter("hub.lease_seconds").and_then(|seconds| seconds.parse().ok());
            let lease = lease.map(SignedDuration::from_secs);
            return match (self.canaries.confirm(token, &mode, lease, now), parameter("hub.challenge")) {
                (true, Some(challenge)) => Ok(Some(challenge)),
                _ => refuse(404, "dateline didn't ask for this"),
            };
        }
        let Some(secret) = self.canaries.secret(token) else { return refuse(404, "there is no such callback") };
        if !is_signed(secret.as_bytes(), request.signature.as_deref(), &request.body) {
            return refuse(403, "the signature is missing or wrong");
        }
        self.canaries.note_delivery(token);
        Ok(Some(String::new()))
    }

    /// Tells operators which hubs are silent, if that has changed.
    pub(super) fn report(&mut self, config: &Config, now: Timestamp) {
        let late = self.canaries.late(now);
        let working = self.canaries.delivering().filter(|hub| !late.contains(hub)).cloned().collect();
        let states = HubStates { silent: late.iter().cloned().collect(), working };
        if states != self.reported_states && self.events.try_send(Event::Hubs(states.clone())).is_ok() {
            self.reported_states = states;
        }
        if late == self.reported {
            return;
        }
        let problems = late.iter().map(|hub| {
            let message = format!(
                "the hub {hub} hasn't delivered a change of dateline's own subscription within {} s",
                config.websub.canary_within.as_secs()
            );
            Diagnostic::new(Code::HubSilent, message)
                .help("see whether the hub works and reaches `site.url`, or remove it from [websub]: its subscribers miss changes")
        });
        let problems = problems.collect();
        let outcome = Outcome { target: "websub", written: 0, unchanged: 0, removed: 0, problems };
        // If the engine's queue is full, the next request or timer tries again.
        if self.events.try_send(Event::Delivered(outcome)).is_ok() {
            self.reported = late;
        }
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.canaries.wake_at()
    }
}

/// The route of the feed that is watched: the root feed in its first format.
fn topic(config: &Config) -> String {
    format!("/{}", config.feeds.formats.first().map_or("rss.xml", |format| format.file_name()))
}

/// Whether hubs elsewhere can reach `site.url`.
fn is_public(config: &Config) -> bool {
    let host = config.site.url.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => is_allowed(address, &config.websub.allow_callbacks),
        Err(_) => {
            let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
            !PRIVATE_DOMAINS.contains(&last)
        }
    }
}

/// Whether a signature belongs to a body (WebSub, section 7.1). Older hubs sign with SHA-1.
fn is_signed(secret: &[u8], signature: Option<&str>, body: &[u8]) -> bool {
    let Some((method, tag)) = signature.and_then(|signature| signature.split_once('=')) else { return false };
    let algorithm = match method {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => hmac::HMAC_SHA256,
        "sha384" => hmac::HMAC_SHA384,
        "sha512" => hmac::HMAC_SHA512,
        _ => return false,
    };
    let digits = tag.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    let Some(tag) = digits.collect::<Option<Vec<u8>>>() else { return false };
    hmac::verify(&hmac::Key::new(algorithm, secret), body, &tag).is_ok()
}
