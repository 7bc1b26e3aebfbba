//! The hub as a function of events and time: scripts of what happens, and random histories.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { max_subscriptions: 1_000_000, max_per_host: 1_000_000 };

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millisecond).expect("in range")
}

fn version(number: usize) -> Version {
    Version { hash: ContentHash::of(&number.to_le_bytes()), length: 50_000 }
}

fn request(mode: Mode, callback: &str, lease_seconds: i64) -> Request {
    let callback = Callback::parse(callback, &[]).expect(callback);
    let lease = SignedDuration::from_secs(lease_seconds);
    Request { mode, topic: "https://feeds.example/rss.xml".into(), callback, secret: None, lease }
}

/// A hub whose requests are answered by the test.
struct World {
    hub: Hub,
    now: i64,
    topic: Arc<str>,
    version: Version,
}

impl World {
    fn new() -> World {
        World { hub: Hub::default(), now: 0, topic: "/rss.xml".into(), version: version(0) }
    }

    fn accept(&mut self, request: Request) -> Result<(), Refusal> {
        let topic = Some((Arc::clone(&self.topic), self.version));
        self.hub.accept(request, topic, None, LIMITS, at(self.now))
    }

    /// Subscribes and confirms.
    fn subscribe(&mut self, callback: &str, lease_seconds: i64) {
        self.accept(request(Mode::Subscribe, callback, lease_seconds)).expect("accepted");
        self.now += 100;
        let Some(Task::Verify(number, _)) = self.hub.start(at(self.now)) else { panic!("a verification") };
        self.confirm(number);
    }

    fn confirm(&mut self, number: u64) {
        self.hub.finish_verification(number, Verified::Confirmed, at(self.now));
        self.hub.set_version(&self.topic, Some(self.version), at(self.now));
    }

    fn publish(&mut self, number: usize) {
        self.version = version(number);
        self.hub.set_version(&self.topic, Some(self.version), at(self.now));
    }

    /// Starts all deliveries that are due.
    fn start(&mut self) -> Vec<(u64, String)> {
        let tasks = std::iter::from_fn(|| self.hub.start(at(self.now)));
        let deliveries = tasks.map(|task| match task {
            Task::Deliver(number, delivery) => (number, delivery.callback.as_str().to_owned()),
            Task::Verify(..) => panic!("{task:?}"),
        });
        deliveries.collect()
    }

    fn finish(&mut self, number: u64, result: Delivered) {
        self.hub.finish_delivery(number, result, at(self.now));
    }
}

#[test]
fn leases_end() {
    let mut world = World::new();
    world.subscribe("https://a.example/", 300);
    assert_eq!(world.hub.counts().subscriptions, 1);
    assert_eq!(world.hub.wake_at(), Some(at(300_100)));
    world.now = 300_099;
    world.publish(1);
    assert_eq!(world.start().len(), 1);
    world.now = 300_100;
    world.publish(2);
    assert_eq!(world.start(), [], "the lease has ended");
    world.finish(0, Delivered::Failed);
    assert_eq!((world.hub.counts(), world.hub.wake_at()), (Counts::default(), None));
    assert_eq!(world.hub.take_changes(), [Change::Unsubscribed(0)]);
}

#[test]
fn failing_subscriber_is_retried_for_hours_and_then_at_the_next_update() {
    let mut world = World::new();
    world.subscribe("https://a.example/", 2_592_000);
    world.publish(1);
    let (begun, mut attempts) = (world.now, 0);
    while let Some(next) = world.hub.wake_at().filter(|next| *next < at(864_000_000)) {
        world.now = next.as_millisecond() - at(0).as_millisecond();
        let started = world.start();
        attempts += started.len();
        started.into_iter().for_each(|(number, _)| world.finish(number, Delivered::Failed));
    }
    let hours = (world.now - begun) / 3_600_000;
    assert_eq!((attempts, hours), (11, 6));
    assert_eq!(world.hub.counts().failing, 1);
    // Each later update is tried once, and a success ends the failure.
    world.publish(2);
    let started = world.start();
    assert_eq!(started.len(), 1);
    world.finish(started[0].0, Delivered::Failed);
    assert_eq!(world.start(), []);
    world.publish(3);
    let started = world.start();
    world.finish(started[0].0, Delivered::Accepted(version(3).hash));
    assert_eq!((world.hub.counts().failing, world.start()), (0, Vec::new()));
}

#[test]
fn update_waits_a_minute_at_most_for_a_failing_subscriber() {
    let mut world = World::new();
    world.subscribe("https://a.example/", 2_592_000);
    world.publish(1);
    for _ in 0..7 {
        let next = world.hub.wake_at().expect("a retry");
        world.now = world.now.max(next.as_millisecond() - at(0).as_millisecond());
        let started = world.start();
        assert_eq!(started.len(), 1);
        world.finish(started[0].0, Delivered::Failed);
    }
    assert_eq!(world.hub.wake_at(), Some(at(world.now + 1_800_000)));
    world.publish(2);
    assert_eq!(world.hub.wake_at(), Some(at(world.now + 60_000)));
}

#[test]
fn changes_during_an_attempt_are_one_more_delivery() {
    let mut world = World::new();
    world.subscribe("https://a.example/", 300);
    world.publish(1);
    let started = world.start();
    world.publish(2);
    world.publish(3);
    assert_eq!(world.start(), [], "one attempt at a time");
    world.finish(started[0].0, Delivered::Accepted(version(1).hash));
    assert_eq!(world.start().len(), 1);
    world.finish(0, Delivered::Accepted(version(3).hash));
    assert_eq!(world.start(), []);
    // The topic takes back what the subscriber has, or isn't published any more.
    world.publish(4);
    world.publish(3);
    assert_eq!(world.start(), []);
    world.publish(5);
    world.hub.set_version("/rss.xml", None, at(world.now));
    assert_eq!(world.start(), []);
}

#[test]
fn newest_confirmed_request_decides() {
    let mut world = World::new();
    let with_secret =
        |secret: &[u8]| Request { secret: Some(secret.into()), ..request(Mode::Subscribe, "https://a.example/", 300) };
    // A request that waits is replaced; one that is being verified is outdated.
    world.accept(with_secret(b"1")).expect("accepted");
    world.accept(with_secret(b"2")).expect("accepted");
    world.now += 100;
    let Some(Task::Verify(second, _)) = world.hub.start(at(world.now)) else { panic!("a verification") };
    assert_eq!(world.hub.start(at(world.now)), None);
    world.accept(with_secret(b"3")).expect("accepted");
    world.now += 100;
    let Some(Task::Verify(third, _)) = world.hub.start(at(world.now)) else { panic!("a verification") };
    world.confirm(third);
    world.confirm(second);
    let changes = world.hub.take_changes();
    let [Change::Subscribed(_, subscription)] = &*changes else { panic!("{changes:?}") };
    assert_eq!(subscription.secret.as_deref(), Some(&b"3"[..]));
    // Somebody else's request to unsubscribe isn't confirmed, and doesn't disturb a renewal under way.
    world.accept(with_secret(b"4")).expect("accepted");
    world.accept(request(Mode::Unsubscribe, "https://a.example/", 300)).expect("accepted");
    world.now += 100;
    let Some(Task::Verify(fourth, _)) = world.hub.start(at(world.now)) else { panic!("a verification") };
    let Some(Task::Verify(foreign, _)) = world.hub.start(at(world.now)) else { panic!("a verification") };
    world.confirm(fourth);
    world.hub.finish_verification(foreign, Verified::Refused, at(world.now));
    let changes = world.hub.take_changes();
    let [Change::Subscribed(_, subscription)] = &*changes else { panic!("{changes:?}") };
    assert_eq!(subscription.secret.as_deref(), Some(&b"4"[..]));
    // The subscription is restored as it was.
    let mut restored = Hub::restore(vec![(7, subscription.clone())]);
    restored.set_version("/rss.xml", Some(version(0)), at(world.now));
    assert_eq!(restored.start(at(world.now)), None);
    restored.set_version("/rss.xml", Some(version(1)), at(world.now));
    assert!(matches!(restored.start(at(world.now)), Some(Task::Deliver(7, _))));
}

#[test]
fn requests_of_a_client_are_limited() {
    let mut world = World::new();
    let client = Some("8.8.8.8".parse().expect("an address"));
    let charged = (0..21_000).filter(|_| world.hub.charge(client, at(0)).is_ok()).count();
    assert_eq!(charged, 20_000);
    assert!(world.hub.charge(client, at(1_000)).is_ok());
    assert!(world.hub.charge(Some("8.8.4.4".parse().expect("an address")), at(0)).is_ok());
    let topic = (Arc::clone(&world.topic), world.version);
    let mut accept = |number: usize| {
        let request = request(Mode::Subscribe, &format!("https://a.example/{number}"), 300);
        world.hub.accept(request, Some(topic.clone()), client, LIMITS, at(0))
    };
    let accepted = (0..11_000).filter(|number| accept(*number).is_ok()).count();
    assert_eq!(accepted, 10_000, "requests that wait");
    // A repetition takes no further place.
    assert_eq!(accept(0), Ok(()));
}

#[test]
fn hanging_callbacks_do_not_delay_others_of_their_host() {
    let mut world = World::new();
    for number in 0..1_000 {
        world.subscribe(&format!("https://a.example/{number}"), 2_592_000);
    }
    world.publish(1);
    let begun = world.now;
    let (mut healthy, mut hanging) = (0, Vec::new());
    while healthy < 950 {
        let started = world.start();
        for (number, callback) in started {
            // More callbacks hang than a host has slots for requests that aren't slow yet.
            match ["00", "20", "40", "60", "80"].iter().any(|end| callback.ends_with(end)) {
                true => hanging.push(number),
                false => {
                    healthy += 1;
                    world.finish(number, Delivered::Accepted(version(1).hash));
                }
            }
        }
        world.now += 1;
    }
    assert!(world.now - begun < 2_000, "{} ms", world.now - begun);
    assert!(hanging.len() > 32, "{}", hanging.len());
}

#[test]
fn failing_callbacks_come_after_healthy_ones() {
    let mut world = World::new();
    for number in 0..500 {
        world.subscribe(&format!("https://h{number}.example/"), 2_592_000);
    }
    let is_bad = |callback: &str| callback.contains("9.");
    world.publish(1);
    while let started = world.start()
        && !started.is_empty()
    {
        for (number, callback) in started {
            let result = if is_bad(&callback) { Delivered::Failed } else { Delivered::Accepted(version(1).hash) };
            world.finish(number, result);
        }
    }
    world.now += 10_000;
    world.publish(2);
    let mut order = Vec::new();
    while let started = world.start()
        && !started.is_empty()
    {
        for (number, callback) in started {
            order.push(is_bad(&callback));
            world.finish(number, Delivered::Accepted(version(2).hash));
        }
    }
    assert_eq!((order.len(), order.iter().filter(|bad| **bad).count()), (500, 50));
    assert!(order.is_sorted(), "{order:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(u8),
    Unsubscribe(u8),
    Publish,
    Withdraw,
    Finish(u8, u8),
    Wait(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..12_u8).prop_map(Step::Subscribe),
        (0..12_u8).prop_map(Step::Unsubscribe),
        Just(Step::Publish),
        Just(Step::Withdraw),
        (any::<u8>(), 0..8_u8).prop_map(|(which, result)| Step::Finish(which, result)),
        (0..20_000_i64).prop_map(Step::Wait),
        Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// After any history, every subscriber that accepts deliveries has the current version, and nobody else gets anything.
    #[test]
    fn every_subscriber_gets_the_current_version(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let mut stored: BTreeMap<u64, Subscription> = BTreeMap::new();
        let mut running: Vec<Task> = Vec::new();
        let mut published = 0;
        let store = |hub: &mut Hub, stored: &mut BTreeMap<u64, Subscription>| {
            for change in hub.take_changes() {
                match change {
                    Change::Subscribed(number, subscription) => drop(stored.insert(number, subscription)),
                    Change::Unsubscribed(number) => drop(stored.remove(&number)),
                    other => panic!("{other:?}"),
                }
            }
        };
        let finish = |world: &mut World, task: Task, result: u8| match task {
            Task::Verify(number, _) if result < 6 => world.confirm(number),
            Task::Verify(number, _) => drop(world.hub.finish_verification(number, Verified::Refused, at(world.now))),
            Task::Deliver(number, _) => {
                let accepted = Delivered::Accepted(world.version.hash);
                let results = [Delivered::Failed, Delivered::Gone, Delivered::Cancelled, Delivered::Unavailable];
                let result = results.get(usize::from(result)).copied().unwrap_or(accepted);
                world.finish(number, result);
            }
        };
        for step in steps {
            match step {
                Step::Subscribe(who) | Step::Unsubscribe(who) => {
                    let mode = if matches!(step, Step::Subscribe(_)) { Mode::Subscribe } else { Mode::Unsubscribe };
                    // Three callbacks per host.
                    let callback = format!("https://h{}.example/{who}", who / 3);
                    world.accept(request(mode, &callback, 86_400)).expect("accepted");
                }
                Step::Publish => {
                    published += 1;
                    world.publish(published);
                }
                Step::Withdraw => world.hub.set_version("/rss.xml", None, at(world.now)),
                Step::Finish(which, result) if !running.is_empty() => {
                    let task = running.remove(usize::from(which) % running.len());
                    finish(&mut world, task, result);
                }
                Step::Finish(..) => {}
                Step::Wait(milliseconds) => world.now += milliseconds,
                Step::Restart => {
                    store(&mut world.hub, &mut stored);
                    running.clear();
                    world.hub = Hub::restore(stored.clone().into_iter().collect());
                    world.hub.set_version("/rss.xml", Some(world.version), at(world.now));
                }
            }
            running.extend(std::iter::from_fn(|| world.hub.start(at(world.now))));
            let mut numbers: Vec<_> = running.iter().map(|task| match task {
                Task::Verify(number, _) => (0, *number),
                Task::Deliver(number, _) => (1, *number),
            }).collect();
            numbers.sort_unstable();
            let count = numbers.len();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), count, "one attempt at a time");
        }
        // From now on, everybody agrees.
        world.hub.set_version("/rss.xml", Some(world.version), at(world.now));
        for _ in 0..10_000 {
            let task = running.pop().or_else(|| world.hub.start(at(world.now)));
            match task {
                Some(task) => finish(&mut world, task, 5),
                None => match world.hub.wake_at() {
                    Some(next) if world.hub.counts().waiting > 0 => {
                        world.now = world.now.max(next.as_millisecond() - at(0).as_millisecond());
                    }
                    _ => break,
                },
            }
        }
        store(&mut world.hub, &mut stored);
        prop_assert_eq!(world.hub.counts().waiting, 0);
        prop_assert_eq!(world.hub.counts().subscriptions, stored.len());
        for subscription in stored.values() {
            prop_assert_eq!(subscription.delivered, Some(world.version.hash));
        }
    }
}
