//! Versions of an item in any order of arrival, with restarts in between: readers see the highest version, unless it is withheld or any
//! version retracts the item.

use proptest::prelude::*;

use super::simulated_daemon::SimulatedDaemon;
use super::{START, config, story};

/// The statuses of versions.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Status {
    Usable,
    Withheld,
    Embargoed,
    Canceled,
}

/// A version, and what happens around its arrival.
#[derive(Clone, Debug)]
struct Version {
    number: Option<u8>,
    minute: u8,
    status: Status,
    /// The first letter of the file's name.
    name: u8,
    restarts_before: bool,
    is_read_as_card: bool,
    /// Which of the files that arrived before is overwritten by this version.
    overwrites: Option<prop::sample::Index>,
    /// Which file is deleted afterwards, or overwritten with another item, if it isn't the last one.
    removes: Option<(prop::sample::Index, bool)>,
}

impl Version {
    fn order(&self) -> (Option<u8>, u8) {
        (self.number, self.minute)
    }

    fn json(&self, word: &str) -> String {
        let number = self.number.map(|number| format!("\"version\": \"{number}\", ")).unwrap_or_default();
        let status = match self.status {
            Status::Usable => "",
            Status::Withheld => r#""pubStatus": "withheld", "#,
            Status::Embargoed => r#""embargoed": "2040-01-01T00:00:00Z", "#,
            Status::Canceled => r#""pubStatus": "canceled", "#,
        };
        format!(
            r#"{{"uri": "urn:x:ferry", {number}{status}"firstCreated": "2026-11-20T08:00:00Z", "versionCreated": "2026-11-20T09:{:02}:00Z", "headline": "Ferry", "body_text": "The {word} sails."}}"#,
            self.minute
        )
    }
}

fn version() -> impl Strategy<Value = Version> {
    let status = prop_oneof![
        6 => Just(Status::Usable),
        2 => Just(Status::Withheld),
        1 => Just(Status::Embargoed),
        1 => Just(Status::Canceled),
    ];
    let overwrites = proptest::option::weighted(0.2, any::<prop::sample::Index>());
    let removes = proptest::option::weighted(0.2, any::<(prop::sample::Index, bool)>());
    let number = proptest::option::weighted(0.8, 1..12u8);
    (number, 0..3u8, status, b'a'..=b'f', any::<bool>(), any::<bool>(), overwrites, removes).prop_map(
        |(number, minute, status, name, restarts_before, is_read_as_card, overwrites, removes)| Version {
            number,
            minute,
            status,
            name,
            restarts_before,
            is_read_as_card,
            overwrites,
            removes,
        },
    )
}

/// The word of the version that readers see.
fn expected(arrived: &[(String, Version, String)]) -> Option<&str> {
    let is_retracted = arrived.iter().any(|(_, version, _)| version.status == Status::Canceled);
    // Of equal versions, the last file was modified last.
    let highest = arrived.iter().enumerate().max_by_key(|(number, (_, version, _))| (version.order(), *number));
    let highest = highest.map(|(_, highest)| highest);
    let highest = highest.filter(|(_, version, _)| version.status == Status::Usable && !is_retracted);
    highest.map(|(.., word)| &**word)
}

/// Checks that readers see the expected version, and nothing of another one. The story of a deleted file counts while other files exist.
fn check(daemon: &SimulatedDaemon, arrived: &[(String, Version, String)]) -> Result<(), TestCaseError> {
    let public = expected(arrived);
    for route in daemon.shown.documents.keys() {
        let text = daemon.text(&daemon.shown, route);
        for (.., word) in arrived {
            let is_there = text.contains(&format!("{word} "));
            prop_assert!(Some(&**word) == public || !is_there, "{word} in {route}: {arrived:?}");
        }
    }
    let feed = daemon.text(&daemon.shown, "/feed.json");
    let is_shown = public.is_none_or(|word| feed.contains(&format!("The {word} sails.")));
    prop_assert!(is_shown, "{public:?} isn't in {feed}: {arrived:?}");
    prop_assert!(public.is_none() || feed.contains("tag:courier.example,2026:item/urn%3Ax%3Aferry"));
    daemon.compare_with_fresh_start().map_err(TestCaseError::fail)
}

/// Few by default, since each case starts many engines.
fn cases() -> u32 {
    std::env::var("VERSION_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_versions_ends_in_same_story(versions in proptest::collection::vec(version(), 1..7)) {
        let mut daemon = SimulatedDaemon::new(&config(&[]), START.parse().expect("an instant"));
        // Without other articles, the deletion of the only public one would be a mass removal.
        for name in ["x", "y", "z"] {
            daemon.files.insert(format!("news/{name}.md"), story(&format!("news/{name}.md"), 1, &[]));
        }
        daemon.start(&[]);
        let mut arrived: Vec<(String, Version, String)> = Vec::new();
        // Two versions of a deleted file's rank would be one file at two paths.
        let has_removals = versions.iter().any(|version| version.removes.or(version.overwrites.map(|at| (at, false))).is_some());
        for (number, mut version) in versions.into_iter().enumerate() {
            if has_removals {
                version.minute = version.minute * 10 + u8::try_from(number).expect("few");
            }
            daemon.now += jiff::SignedDuration::from_secs(1);
            let word = format!("canary{number}");
            let mut path = format!("wire/{}{number}.json", char::from(version.name));
            let is_version = |(path, text): &(&String, &String)| path.starts_with("wire/") && text.contains("urn:x:ferry");
            let present: Vec<&String> = daemon.files.iter().filter(is_version).map(|(path, _)| path).collect();
            if let Some(at) = version.overwrites.filter(|_| !present.is_empty()) {
                path = (*at.get(&present)).clone();
            }
            if version.restarts_before {
                daemon.stop();
                daemon.start(&[]);
            }
            daemon.files.insert(path.clone(), version.json(&word));
            daemon.reads_cards = version.is_read_as_card;
            let file = daemon.file(&path, None);
            daemon.reads_cards = false;
            let removes = version.removes;
            arrived.push((path, version, word));
            daemon.send(dateline::event::Event::Files(vec![file]));
            check(&daemon, &arrived)?;
            let is_version = |(path, text): &(&String, &String)| path.starts_with("wire/") && text.contains("urn:x:ferry");
            let present: Vec<String> = daemon.files.iter().filter(is_version).map(|(path, _)| path.clone()).collect();
            if let Some((index, is_overwritten)) = removes.filter(|_| present.len() > 1) {
                let removed = index.get(&present);
                daemon.files.remove(removed);
                if is_overwritten {
                    let other = format!(r#"{{"uri": "urn:x:boat{number}", "firstCreated": "2026-11-20T08:00:00Z", "headline": "Boat", "body_text": "A boat."}}"#);
                    daemon.files.insert(removed.clone(), other);
                }
                let file = daemon.file(removed, None);
                daemon.send(dateline::event::Event::Files(vec![file]));
                check(&daemon, &arrived)?;
            }
        }
        if has_removals {
            return Ok(());
        }
        // A new engine without the ledger shows the same, but has no notice: its readers never saw the story.
        let mut fresh = SimulatedDaemon::new(&config(&[]), daemon.now);
        fresh.files.clone_from(&daemon.files);
        fresh.modified.clone_from(&daemon.modified);
        fresh.start(&[]);
        let entries = |daemon: &SimulatedDaemon| {
            let feed = daemon.text(&daemon.shown, "/feed.json");
            let feed: serde_json::Value = serde_json::from_str(&feed).expect("JSON");
            let list = |list: &serde_json::Value| list.as_array().cloned().unwrap_or_default();
            let deleted = list(&feed["_dateline"]["deleted"]);
            let mut items = list(&feed["items"]);
            items.retain(|item| deleted.iter().all(|deleted| deleted["id"] != item["id"]));
            items.iter().map(|item| (item["id"].clone(), item["content_html"].clone(), item["date_published"].clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(entries(&daemon), entries(&fresh), "{:?}", arrived);
    }
}
