//! Tests of the list of published documents.

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
        let mut resource = Resource::new(kind, ContentHash::of(route.as_bytes()), route.len(), dated.map(at), 900);
        resource.expires = until.map(at);
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
    Origin { config: ContentHash::of(b"config"), record: 7, device: Some(3), minted: "tag:c.example,2026:".into() }
}

#[test]
fn list_preserves_http_metadata() {
    let (snapshot, ledger) = published();
    let list = encode(&snapshot, &origin());
    let again = read(&list, origin().config, &ledger, |_| false).unwrap().snapshot;
    assert_eq!((again.generation, again.documents.len()), (0, 5));
    for (route, before) in &snapshot.documents {
        let after = &again.documents[route];
        let metadata = |resource: &Resource| {
            let Resource { kind, length, hash, last_modified, max_age, newest, .. } = *resource;
            (kind, length, hash, last_modified, max_age, newest, resource.links.clone())
        };
        assert_eq!(metadata(after), metadata(before), "{route}");
        let until = if **route == *"/feeds.opml" { Some(at(500)) } else { before.expires };
        assert_eq!(after.expires, until, "{route}");
    }
}

#[test]
fn only_last_published_documents_are_served_again() {
    let (snapshot, ledger) = published();
    let list = encode(&snapshot, &origin());
    let shown = |list: &str, config: &[u8], ledger: &Ledger, last: i64| {
        let snapshot = read(list, ContentHash::of(config), ledger, |record| record < last);
        let mut routes: Vec<String> =
            snapshot.iter().flat_map(|saved| saved.snapshot.documents.keys().map(ToString::to_string)).collect();
        routes.sort();
        routes.join(" ")
    };
    let mut newer = ledger.clone();
    let changed =
        Record::Document { route: "/rss.xml".into(), hash: ContentHash::of(b"newer"), last_modified: at(300) };
    newer.apply(&changed);
    let dated = Record::Document { route: "/empty/".into(), hash: ContentHash::of(b"/empty/"), last_modified: at(300) };
    newer.apply(&dated);
    let all = "/ /atom.xml /empty/ /feeds.opml /rss.xml";
    let version = list.replace(env!("CARGO_PKG_VERSION"), "0.0.1");
    let rules = list.replace(&format!("\"{}\"", rules()), "\"0.0\"");
    let damaged = list.replace("/rss.xml", "/rsx.xml");
    let truncated = list.get(..list.len() - 9).unwrap();
    for (why, list, config, ledger, last, expected) in [
        ("nothing changed", &*list, &b"config"[..], &ledger, 7, all),
        ("another configuration", &list, b"other", &ledger, 7, ""),
        ("an article was withdrawn since", &list, b"config", &ledger, 8, ""),
        ("newer documents", &list, b"config", &newer, 7, "/ /atom.xml /feeds.opml"),
        ("an empty ledger", &list, b"config", &Ledger::default(), 7, "/empty/ /feeds.opml"),
        ("another program", &version, b"config", &ledger, 7, ""),
        ("other rules", &rules, b"config", &ledger, 7, ""),
        ("truncated", truncated, b"config", &ledger, 7, ""),
        ("damaged", &damaged, b"config", &ledger, 7, ""),
        ("no list", "x", b"config", &ledger, 7, ""),
        ("empty", "", b"config", &ledger, 7, ""),
    ] {
        assert_eq!(shown(list, config, ledger, last), expected, "{why}");
    }
}

fn article(path: &str, id: &str, version: &[u8]) -> Arc<PublishedArticle> {
    let moment = crate::types::Moment::new(at(100), jiff::tz::Offset::UTC).unwrap();
    let url = crate::types::WebUrl::parse("http://127.0.0.1/").unwrap();
    let frame = crate::snapshot::PageFrame {
        site_title: Text::line("Courier"),
        site_url: url.clone(),
        markdown: crate::article::extensions::Extensions::DEFAULT,
        trail: Vec::new(),
        feeds: Vec::new(),
        sources: Arc::default(),
        corrected_by_agency: crate::types::Text::new(""),
    };
    Arc::new(PublishedArticle {
        name: Text::line("x"),
        id: EntryId::parse(id).unwrap(),
        root: url.clone(),
        url,
        path: ArticlePath::new(path),
        hash: ContentHash::of(version),
        published: moment,
        updated: moment,
        corrections: Box::default(),
        language: crate::types::Language::parse("en").unwrap(),
        is_teaser: false,
        is_listed: true,
        hidden: None,
        links: Arc::default(),
        frame: Arc::new(frame),
    })
}

#[test]
fn saved_documents_name_the_versions_they_show() {
    let (mut snapshot, ledger) = published();
    let ships = article("news/ships.md", "tag:c.example,2026:ships", b"1");
    let newer = article("news/ships.md", "tag:c.example,2026:ships", b"2");
    let wire = article("news/wire.txt", "urn:x:1", b"3");
    let minted = article("top.txt", "tag:c.example,2026:top", b"4");
    for (feed, sources) in [
        ("/", vec![&ships, &wire, &minted]),
        ("/news/", vec![&newer, &ships]),
        ("/tags/sea/", vec![&ships]),
        ("/authors/ada/", vec![&minted, &ships]),
        ("/empty/", vec![]),
    ] {
        snapshot.shown_articles.insert(feed.into(), sources.into_iter().cloned().collect());
    }
    let shown = |snapshot: &Snapshot, route: &str, kind: ResourceKind| {
        let list = encode(snapshot, &origin());
        let sources = read(&list, origin().config, &ledger, |_| false).unwrap().sources;
        assert_eq!((sources.device, sources.sample(2).count()), (Some(3), 2));
        let describe = |file: &SavedFile| {
            let version = (1..=4).find(|n: &u8| ContentHash::of(n.to_string().as_bytes()) == file.hash);
            let id = match &file.key {
                Some(ItemKey::Known(key)) => format!(" {key}"),
                Some(ItemKey::Unknown) => " unknown".to_owned(),
                None => String::new(),
            };
            format!("{} {}{id}", file.path, version.unwrap())
        };
        sources.of(route, kind).map(|files| files.into_iter().map(describe).collect::<Vec<_>>().join(", "))
    };
    let (feed, page) = (ResourceKind::Feed(Format::Rss), ResourceKind::Page);
    for (route, kind, expected) in [
        ("/rss.xml", feed, Some("news/ships.md 1, news/wire.txt 3 urn:x:1, top.txt 4")),
        ("/", page, Some("news/ships.md 1, news/wire.txt 3 urn:x:1, top.txt 4")),
        ("/news/smartnews.xml", feed, Some("news/ships.md 2, news/ships.md 1")),
        ("/tags/sea/atom.xml", ResourceKind::ShownFeed(Format::Atom), Some("news/ships.md 1")),
        ("/empty/rss.xml", feed, Some("")),
        ("/feed.css", ResourceKind::Style, Some("")),
        ("/feeds.opml", ResourceKind::Opml, Some("top.txt 4, news/ships.md 1")),
        ("/unknown/rss.xml", feed, None),
    ] {
        assert_eq!(shown(&snapshot, route, kind).as_deref(), expected, "{route}");
    }
    // No article proves that this tag exists.
    snapshot.shown_articles.insert("/tags/sky/".into(), Arc::from([]));
    for (route, kind) in [("/tags/sky/", page), ("/feeds.opml", ResourceKind::Opml)] {
        assert_eq!(shown(&snapshot, route, kind), None, "{route}");
    }
}
