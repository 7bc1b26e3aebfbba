//! The list of what was published last, from which a daemon that starts answers until it knows its articles again.
//!
//! It says of each document what HTTP needs to know, and when something in it expires; the bytes are read when they are asked for.
//! A document is shown again only if the ledger agrees that these were its last bytes, and none is if anything was taken from
//! readers after the list was made, or the configuration is another.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rows::instant;
use crate::feed::Format;
use crate::ledger::Ledger;
use crate::snapshot::{Resource, ResourceKind, Snapshot};
use crate::types::{ContentHash, Text};

/// What the list was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The configuration in force.
    pub config: ContentHash,
    /// The number of the last record that it takes into account.
    pub record: i64,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    dateline: String,
    config: String,
    record: i64,
}

/// A line for each document.
#[derive(Serialize, Deserialize)]
struct Line {
    route: String,
    kind: String,
    hash: String,
    length: usize,
    max_age: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    links: Option<String>,
}

/// How kinds are spelt.
const KINDS: [(&str, ResourceKind); 9] = [
    ("rss", ResourceKind::Feed(Format::Rss)),
    ("atom", ResourceKind::Feed(Format::Atom)),
    ("json", ResourceKind::Feed(Format::Json)),
    ("shown-rss", ResourceKind::ShownFeed(Format::Rss)),
    ("shown-atom", ResourceKind::ShownFeed(Format::Atom)),
    ("shown-json", ResourceKind::ShownFeed(Format::Json)),
    ("style", ResourceKind::Style),
    ("opml", ResourceKind::Opml),
    ("page", ResourceKind::Page),
];

/// Spells the list. Another program may say the same in other words, so that its version is part of it.
pub(super) fn spell(snapshot: &Snapshot, origin: &Origin) -> String {
    let head = Head {
        dateline: env!("CARGO_PKG_VERSION").to_owned(),
        config: origin.config.to_string(),
        record: origin.record,
    };
    let mut lines: Vec<String> =
        snapshot.documents.iter().filter_map(|(route, resource)| line(route, resource)).collect();
    lines.sort_unstable();
    lines.insert(0, serde_json::to_string(&head).unwrap_or_default());
    lines.push(String::new());
    lines.join("\n")
}

fn line(route: &str, resource: &Resource) -> Option<String> {
    let (kind, _) = KINDS.iter().find(|(_, kind)| *kind == resource.kind)?;
    let line = Line {
        route: route.to_owned(),
        kind: (*kind).to_owned(),
        hash: resource.hash.to_string(),
        length: resource.length,
        max_age: resource.max_age,
        last_modified: resource.last_modified.map(Timestamp::as_millisecond),
        newest: resource.newest.map(Timestamp::as_millisecond),
        until: resource.until.map(Timestamp::as_millisecond),
        links: resource.links.as_ref().map(ToString::to_string),
    };
    serde_json::to_string(&line).ok()
}

/// What may be shown of a list, under this configuration and by what is remembered. `taken` says whether anything was taken from
/// readers after a record.
pub(super) fn read(
    list: &str,
    config: ContentHash,
    ledger: &Ledger,
    taken: impl FnOnce(i64) -> bool,
) -> Option<Snapshot> {
    let mut lines = list.lines();
    let head: Head = serde_json::from_str(lines.next()?).ok()?;
    let is_ours = head.dateline == env!("CARGO_PKG_VERSION") && ContentHash::parse(&head.config) == Some(config);
    if !is_ours || taken(head.record) {
        return None;
    }
    let mut snapshot = Snapshot::default();
    // A line that was cut off is no document.
    let lines: Vec<Line> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let first = lines.iter().filter_map(|line| line.until).min();
    for line in lines {
        let route: Arc<str> = line.route.as_str().into();
        if let Some(mut resource) = resource(line, ledger) {
            // The list of feeds is of all articles.
            if resource.kind == ResourceKind::Opml {
                resource.until = first.and_then(instant);
            }
            snapshot.documents.insert(route, Arc::new(resource));
        }
    }
    (!snapshot.documents.is_empty()).then_some(snapshot)
}

/// A document as it was, if these are the bytes that readers had last.
fn resource(line: Line, ledger: &Ledger) -> Option<Resource> {
    let hash = ContentHash::parse(&line.hash)?;
    let (_, kind) = KINDS.iter().find(|(name, _)| *name == line.kind)?;
    let remembered = ledger.document(&line.route).map(|(hash, modified)| (hash, modified.as_millisecond()));
    if remembered != line.last_modified.map(|modified| (hash, modified)) {
        return None;
    }
    let last_modified = line.last_modified.and_then(instant);
    let mut resource = Resource::cold(*kind, hash, line.length, last_modified, line.max_age);
    resource.newest = line.newest.and_then(instant);
    resource.until = line.until.and_then(instant);
    resource.links = line.links.map(|links| Text::line(&links));
    Some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Record;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn published() -> (Snapshot, Ledger) {
        let mut snapshot = Snapshot::default();
        let mut ledger = Ledger::default();
        for (route, kind, dated, until) in [
            ("/", ResourceKind::Page, Some(100), None),
            ("/rss.xml", ResourceKind::Feed(Format::Rss), Some(100), Some(500)),
            ("/atom.xml", ResourceKind::ShownFeed(Format::Atom), Some(200), Some(900)),
            ("/feeds.opml", ResourceKind::Opml, None, None),
            ("/empty/", ResourceKind::Page, None, None),
        ] {
            let mut resource = Resource::new(kind, route.as_bytes().to_vec(), dated.map(at), 900);
            resource.until = until.map(at);
            resource.newest = dated.map(at);
            resource.links = Some(Text::line("</rss.xml>; rel=\"alternate\""));
            if let Some(last_modified) = resource.last_modified {
                ledger.apply(&Record::Document { route: route.into(), hash: resource.hash, last_modified });
            }
            snapshot.documents.insert(route.into(), Arc::new(resource));
        }
        (snapshot, ledger)
    }

    fn origin() -> Origin {
        Origin { config: ContentHash::of(b"config"), record: 7 }
    }

    #[test]
    fn a_list_gives_back_what_http_needs() {
        let (snapshot, ledger) = published();
        let list = spell(&snapshot, &origin());
        let again = read(&list, origin().config, &ledger, |_| false).unwrap();
        assert_eq!((again.generation, again.documents.len()), (0, 5));
        for (route, before) in &snapshot.documents {
            let after = &again.documents[route];
            assert!(after.bytes().is_none());
            let told = |resource: &Resource| {
                let Resource { kind, length, hash, last_modified, max_age, newest, .. } = *resource;
                (kind, length, hash, last_modified, max_age, newest, resource.links.clone())
            };
            assert_eq!(told(after), told(before), "{route}");
            let until = if **route == *"/feeds.opml" { Some(at(500)) } else { before.until };
            assert_eq!(after.until, until, "{route}");
        }
    }

    #[test]
    fn only_what_was_published_last_is_shown_again() {
        let (snapshot, ledger) = published();
        let list = spell(&snapshot, &origin());
        let shown = |list: &str, config: &[u8], ledger: &Ledger, last: i64| {
            let snapshot = read(list, ContentHash::of(config), ledger, |record| record < last);
            let mut routes: Vec<String> =
                snapshot.iter().flat_map(|snapshot| snapshot.documents.keys().map(ToString::to_string)).collect();
            routes.sort();
            routes.join(" ")
        };
        let mut newer = ledger.clone();
        let changed =
            Record::Document { route: "/rss.xml".into(), hash: ContentHash::of(b"newer"), last_modified: at(300) };
        newer.apply(&changed);
        let dated =
            Record::Document { route: "/empty/".into(), hash: ContentHash::of(b"/empty/"), last_modified: at(300) };
        newer.apply(&dated);
        let all = "/ /atom.xml /empty/ /feeds.opml /rss.xml";
        let version = list.replace(env!("CARGO_PKG_VERSION"), "0.0.1");
        let cut = list.get(..list.len() - 9).unwrap();
        for (why, list, config, ledger, last, expected) in [
            ("nothing changed", &*list, &b"config"[..], &ledger, 7, all),
            ("another configuration", &list, b"other", &ledger, 7, ""),
            ("something was taken from readers since", &list, b"config", &ledger, 8, ""),
            ("newer documents", &list, b"config", &newer, 7, "/ /atom.xml /feeds.opml"),
            ("nothing is remembered", &list, b"config", &Ledger::default(), 7, "/empty/ /feeds.opml"),
            ("another program", &version, b"config", &ledger, 7, ""),
            ("cut", cut, b"config", &ledger, 7, "/ /atom.xml /empty/ /feeds.opml"),
            ("no list", "x", b"config", &ledger, 7, ""),
            ("empty", "", b"config", &ledger, 7, ""),
        ] {
            assert_eq!(shown(list, config, ledger, last), expected, "{why}");
        }
    }
}
