//! The task that owns the state machines of the hub and of pings. Only this task changes them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::canary::CanaryTask;
use super::documents::Documents;
use super::{Changed, News, PendingRequest, PushOptions, Records, Tokens, callbacks, client};
use crate::config::{Config, HUB_PATH};
use crate::metrics::{HubLabel, Metrics, PushLabel};
use crate::types::WebUrl;
use crate::websub::{
    Change, Delivered, Hub, HubRequest, Limits, Ping, PingResult, Pings, Refusal, Request, Saved, Task, Verified,
    Version,
};

/// Results that arrive within this time are stored together.
const SAVE_INTERVAL: Duration = Duration::from_millis(100);
/// The pause after changes couldn't be stored.
const SAVE_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The longest sleep, because clocks are set.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// The results of pings in metrics.
const PING_RESULTS: [&str; 2] = ["accepted", "failed"];
/// The time that the last changes have to be stored at the end.
const LAST_SAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Pushes until `stopped` resolves.
pub(super) async fn run(
    options: PushOptions,
    tokens: Tokens,
    news: Arc<News>,
    inbox: mpsc::Receiver<PendingRequest>,
    stopped: oneshot::Receiver<()>,
) {
    let PushOptions { config, snapshot, read, records, metrics, events, now } = options;
    let documents = Arc::new(Documents::new(snapshot, read));
    let clients = client::for_callbacks(&config).and_then(|callbacks| Ok((callbacks, client::for_hubs()?)));
    let (callbacks, hubs) = match clients {
        Ok(clients) => clients,
        Err(error) => return tracing::error!(error, "cannot push: no HTTP client"),
    };
    let owner = Owner {
        config,
        documents,
        records: Arc::new(records),
        metrics,
        now,
        callbacks,
        hubs,
        hub: Hub::default(),
        pings: Pings::default(),
        canaries: CanaryTask::new(tokens, events),
        is_loaded: false,
        attempts: JoinSet::new(),
        deliveries: HashMap::new(),
        pinged: HashMap::new(),
        unsaved: Vec::new(),
        saving: JoinSet::new(),
        next_save: Instant::now(),
    };
    owner.run(news, inbox, stopped).await;
}

struct Owner {
    config: Arc<arc_swap::ArcSwap<Config>>,
    documents: Arc<Documents>,
    records: Arc<Records>,
    metrics: Arc<Metrics>,
    now: fn() -> Timestamp,
    callbacks: Client,
    hubs: Client,
    hub: Hub,
    pings: Pings,
    canaries: CanaryTask,
    /// Whether the state of the previous run has been loaded.
    is_loaded: bool,
    attempts: JoinSet<Finished>,
    /// Deliveries under way, by task.
    deliveries: HashMap<Id, (u64, AbortHandle)>,
    /// Pings under way, by task.
    pinged: HashMap<Id, Ping>,
    /// Changes that aren't durable yet.
    unsaved: Vec<Change>,
    saving: JoinSet<Result<(), (Vec<Change>, String)>>,
    next_save: Instant,
}

/// The result of a request.
enum Finished {
    Verification(u64, Arc<str>, Verified, Option<String>),
    Delivery(u64, Delivered, Option<String>),
    Ping(PingResult),
    Canary(Arc<str>, Result<(), String>),
}

impl Owner {
    async fn run(
        mut self,
        news: Arc<News>,
        mut inbox: mpsc::Receiver<PendingRequest>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        loop {
            self.start_requests();
            self.save();
            let wake = self.wake_in();
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                () = news.arrived.notified() => {
                    let changed = std::mem::take(&mut *news.lock());
                    self.note_publication(changed).await;
                }
                Some(ended) = self.attempts.join_next_with_id() => self.finish(ended),
                Some((request, answer)) = inbox.recv() => {
                    let result = self.accept(request).await;
                    // The client may have disconnected.
                    answer.send(result).unwrap_or_default();
                }
                Some(saved) = self.saving.join_next() => self.note_saved(saved),
                () = sleep_until(self.next_save), if self.has_changes() && self.saving.is_empty() => {}
                () = sleep(wake) => {}
            }
        }
        self.attempts.shutdown().await;
        let rest = async {
            while let Some(saved) = self.saving.join_next().await {
                self.note_saved(saved);
            }
            self.next_save = Instant::now();
            self.save();
            while let Some(saved) = self.saving.join_next().await {
                self.note_saved(saved);
            }
        };
        drop(timeout(LAST_SAVE_TIMEOUT, rest).await);
    }

    /// Loads the state of the previous run, once it is needed.
    async fn load(&mut self) -> bool {
        if self.is_loaded {
            return true;
        }
        let records = Arc::clone(&self.records);
        let loaded = spawn_blocking(move || (records.load)()).await;
        match loaded.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Saved { subscriptions, announced }) => {
                self.hub = Hub::restore(subscriptions);
                self.pings = Pings::restore(announced);
                self.is_loaded = true;
            }
            Err(error) => {
                tracing::error!(error, "cannot read the subscriptions; nothing is pushed until they can be read")
            }
        }
        self.is_loaded
    }

    /// Starts the requests that are due.
    fn start_requests(&mut self) {
        let now = (self.now)();
        let config = self.config.load_full();
        while let Some(task) = config.websub.hub.then(|| self.hub.start(now)).flatten() {
            let (client, config) = (self.callbacks.clone(), Arc::clone(&config));
            match task {
                Task::Verify(number, verification) => {
                    let topic = Arc::clone(&verification.topic);
                    let work = callbacks::verify(client, config, verification);
                    self.attempts.spawn(async move {
                        let (result, why) = work.await;
                        Finished::Verification(number, topic, result, why)
                    });
                }
                Task::Deliver(number, delivery) => {
                    let work = callbacks::deliver(client, config, Arc::clone(&self.documents), delivery);
                    let attempt = self.attempts.spawn(async move {
                        let (result, why) = work.await;
                        Finished::Delivery(number, result, why)
                    });
                    self.deliveries.insert(attempt.id(), (number, attempt));
                }
            }
        }
        while let Some((hub, work)) = self.canaries.start(&self.hubs, &config, now) {
            self.attempts.spawn(async move { Finished::Canary(hub, work.await) });
        }
        self.canaries.report(&config, now);
        while let Some(ping) = self.pings.start(now) {
            let work = send_ping(self.hubs.clone(), ping.clone(), topic_url(&config, &ping.topic));
            let attempt = self.attempts.spawn(async move { Finished::Ping(work.await) });
            self.pinged.insert(attempt.id(), ping);
        }
        let counts = self.hub.counts();
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.push.subscriptions.set(gauge(counts.subscriptions));
        self.metrics.push.waiting.set(gauge(counts.waiting));
        self.metrics.push.failing.set(gauge(counts.failing));
    }

    /// Notes the result of a request.
    fn finish(&mut self, ended: Result<(Id, Finished), JoinError>) {
        let now = (self.now)();
        let (id, finished) = match ended {
            Ok((id, finished)) => (id, Some(finished)),
            // The attempt was aborted, or it panicked, which the panic hook has logged.
            Err(error) => (error.id(), None),
        };
        let delivery = self.deliveries.remove(&id);
        let ping = self.pinged.remove(&id);
        match (finished, delivery, ping) {
            (Some(Finished::Verification(number, topic, result, why)), ..) => {
                let counts = self.hub.finish_verification(number, result, now);
                let result = if result == Verified::Confirmed { "confirmed" } else { "refused" };
                self.metrics.push.verifications.get_or_create(&PushLabel(result)).inc();
                if let Some(why) = why.filter(|_| counts) {
                    tracing::debug!(topic = &*topic, why, "subscription not confirmed");
                }
                self.hub.set_version(&topic, self.documents.version(&topic), now);
            }
            (Some(Finished::Delivery(number, result, why)), ..) => self.finish_delivery(number, result, why, now),
            (None, Some((number, _)), _) => self.finish_delivery(number, Delivered::Cancelled, None, now),
            (Some(Finished::Ping(result)), _, Some(ping)) => self.finish_ping(ping, result, now),
            (Some(Finished::Canary(hub, result)), ..) => self.canaries.finish(&hub, result, now),
            (None, _, Some(ping)) => self.finish_ping(ping, Err("the request failed".to_owned()), now),
            (Some(Finished::Ping(_)), _, None) | (None, None, None) => {}
        }
    }

    fn finish_delivery(&mut self, number: u64, result: Delivered, why: Option<String>, now: Timestamp) {
        let name = match result {
            Delivered::Accepted(_) => "accepted",
            Delivered::Failed => "failed",
            Delivered::Gone => "gone",
            Delivered::Cancelled => "cancelled",
            Delivered::Unavailable => "unavailable",
        };
        self.metrics.push.deliveries.get_or_create(&PushLabel(name)).inc();
        if let Some(why) = why {
            tracing::debug!(subscription = number, why, "delivery failed");
        }
        self.hub.finish_delivery(number, result, now);
    }

    fn finish_ping(&mut self, ping: Ping, result: PingResult, now: Timestamp) {
        let [accepted, failed] = PING_RESULTS;
        let name = if result.is_ok() { accepted } else { failed };
        self.metrics.push.pings.get_or_create(&HubLabel(Arc::clone(&ping.hub), name)).inc();
        if let Err(error) = &result {
            tracing::warn!(hub = &*ping.hub, error, "a hub couldn't be told of a change; retrying");
        }
        self.pings.finish(ping, result, now);
        self.metrics.push.hubs.store(Arc::new(self.pings.status()));
    }

    /// Compares the topics with what subscribers and hubs have.
    async fn note_publication(&mut self, changed: Changed) {
        let config = self.config.load_full();
        let was_loaded = self.is_loaded;
        if (!config.websub.hub && config.websub.hubs.is_empty() && !was_loaded) || !self.load().await {
            return;
        }
        let now = (self.now)();
        let Changed { all, routes, withheld } = changed;
        let all = all || !was_loaded;
        let topics: Vec<Arc<str>> = match all {
            true => self.hub.topics().cloned().collect(),
            false => routes.iter().cloned().collect(),
        };
        for topic in topics {
            self.hub.set_version(&topic, self.documents.version(&topic), now);
        }
        for number in withheld.iter().flat_map(|topic| self.hub.running_deliveries(topic)) {
            let under_way = self.deliveries.values().filter(|(running, _)| *running == number);
            under_way.for_each(|(_, attempt)| attempt.abort());
        }
        self.canaries.note_publication(&config, &self.documents, now);
        let own = own_hub(&config);
        let hubs: Vec<Arc<str>> = config.websub.hubs.iter().map(|hub| hub.as_str().into()).collect();
        let hubs: Vec<Arc<str>> =
            hubs.into_iter().filter(|hub| own.as_ref().is_none_or(|own| own.as_str() != &**hub)).collect();
        if hubs.is_empty() {
            // Nobody has to be told.
        } else if all {
            self.pings.replace_topics(self.documents.all());
        } else {
            for topic in &routes {
                self.pings.set_topic(topic, self.documents.version(topic).map(|version| version.hash));
            }
        }
        self.pings.set_hubs(&hubs);
        for (hub, result) in hubs.iter().flat_map(|hub| PING_RESULTS.map(|result| (hub, result))) {
            drop(self.metrics.push.pings.get_or_create(&HubLabel(Arc::clone(hub), result)));
        }
        self.metrics.push.hubs.store(Arc::new(self.pings.status()));
    }

    /// Reads and accepts a subscriber's request.
    async fn accept(&mut self, request: HubRequest) -> Result<Option<String>, Refusal> {
        if let Some(token) = &request.canary {
            return self.canaries.answer(token, &request, (self.now)());
        }
        if !self.is_loaded {
            self.note_publication(Changed { all: true, ..Changed::default() }).await;
        }
        if !self.is_loaded {
            return Err(Refusal { status: 503, reason: "the hub cannot read its subscriptions".to_owned() });
        }
        let now = (self.now)();
        let config = self.config.load_full();
        self.hub.charge(request.client, now)?;
        let parsed = Request::parse(request.content_type.as_deref(), &request.body, &config.websub.allow_callbacks)?;
        let topic = self.find_topic(&config, &parsed.topic);
        let limits =
            Limits { max_subscriptions: config.websub.max_subscriptions, max_per_host: config.websub.max_per_host };
        self.hub.accept(parsed, topic, request.client, limits, now).map(|()| None)
    }

    /// The route and version of a topic, if it is a feed of this site.
    fn find_topic(&self, config: &Config, url: &str) -> Option<(Arc<str>, Version)> {
        let url = WebUrl::parse(url).ok()?;
        let rest = url.as_str().strip_prefix(config.site.url.as_str())?;
        let route: Arc<str> = format!("/{rest}").into();
        let version = self.documents.version(&route)?;
        Some((route, version))
    }

    fn has_changes(&self) -> bool {
        !self.unsaved.is_empty() || self.hub.has_changes() || self.pings.has_changes()
    }

    /// Starts to store changes, unless that is under way or was just done.
    fn save(&mut self) {
        if !self.saving.is_empty() || !self.has_changes() || Instant::now() < self.next_save {
            return;
        }
        let mut changes = std::mem::take(&mut self.unsaved);
        // After a failure, only the changes that failed are stored, so that they don't accumulate here.
        if changes.is_empty() {
            changes.extend(self.hub.take_changes());
            changes.extend(self.pings.take_changes());
        }
        let records = Arc::clone(&self.records);
        self.saving.spawn_blocking(move || (records.save)(&changes).map_err(|error| (changes, error)));
    }

    fn note_saved(&mut self, saved: Result<Result<(), (Vec<Change>, String)>, JoinError>) {
        self.next_save = Instant::now() + SAVE_INTERVAL;
        if let Ok(Err((changes, error))) = saved {
            tracing::error!(error, "cannot store the subscriptions; retrying in 1 s; check free space and permissions");
            self.unsaved = changes;
            self.next_save = Instant::now() + SAVE_RETRY_PAUSE;
        }
    }

    /// The time until a request is due.
    fn wake_in(&self) -> Duration {
        let is_on = self.config.load().websub.hub;
        let next = is_on
            .then(|| self.hub.wake_at())
            .flatten()
            .into_iter()
            .chain(self.pings.wake_at())
            .chain(self.canaries.wake_at())
            .min();
        let now = (self.now)();
        next.map_or(MAX_SLEEP, |next| {
            let milliseconds = next.as_millisecond().saturating_sub(now.as_millisecond());
            // Rounded up, so that the request is due on waking.
            Duration::from_millis(u64::try_from(milliseconds.saturating_add(1)).unwrap_or(0)).min(MAX_SLEEP)
        })
    }
}

/// The URL of the built-in hub, if it is on.
fn own_hub(config: &Config) -> Option<WebUrl> {
    config.websub.hub.then(|| config.site.url.join(HUB_PATH).ok()).flatten()
}

/// The public URL of a topic.
fn topic_url(config: &Config, topic: &str) -> String {
    format!("{}{}", config.site.url, topic.trim_start_matches('/'))
}

/// Tells a hub that a topic changed. WebSub leaves the form open (section 6); hubs understand this one.
async fn send_ping(client: Client, ping: Ping, topic: String) -> PingResult {
    let parameters = [("hub.mode", "publish"), ("hub.url", &topic), ("hub.topic", &topic)];
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let request = client.post(&*ping.hub).header("Content-Type", "application/x-www-form-urlencoded").body(body);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answers {}", answer.status())),
        Err(error) => Err(client::describe(&error.without_url())),
    }
}
