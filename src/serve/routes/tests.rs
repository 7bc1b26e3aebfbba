//! Tables of requests and their responses. Rows name the rule of the contract that they check.
//!
//! Long because it is a list of cases.

use std::sync::LazyLock;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::Version;
use hyper::{HeaderMap, Response, Uri};
use proptest::prelude::*;

use super::super::negotiation::Coding;
use super::*;
use crate::config::{Address, FeedTool};
use crate::metrics::MemoryCounter;
use crate::serve::representation::PreparedResponse;
use crate::snapshot::{BuiltDocument, PageFrame, PublishedArticle, ResourceKind};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment};

const NOW: &str = "2026-11-23T12:00:00Z";
const MODIFIED: &str = "2026-11-23T11:00:00Z";

fn published(name: &str) -> Arc<PublishedArticle> {
    let moment = Moment::new(MODIFIED.parse().unwrap(), jiff::tz::Offset::UTC).unwrap();
    Arc::new(PublishedArticle {
        name: Text::line(name),
        id: EntryId::parse("tag:courier.example,2026:quay").unwrap(),
        url: WebUrl::parse("http://127.0.0.1/articles/x").unwrap(),
        root: WebUrl::parse("http://127.0.0.1/").unwrap(),
        path: ArticlePath::new("quay.md"),
        hash: ContentHash::of(b""),
        published: moment,
        updated: moment,
        corrections: Box::default(),
        language: Language::parse("en").unwrap(),
        is_teaser: false,
        is_listed: true,
        hidden: None,
        links: Arc::default(),
        frame: Arc::new(PageFrame {
            site_title: Text::line("Courier"),
            site_url: WebUrl::parse("http://127.0.0.1/").unwrap(),
            markdown: crate::article::extensions::Extensions::DEFAULT,
            trail: Vec::new(),
            sources: Arc::default(),
            corrected_by_agency: crate::types::Text::new(""),
            feeds: Vec::new(),
        }),
    })
}

/// The text of a document.
fn text(path: &str) -> String {
    format!("{path} {}", "word ".repeat(100))
}

fn snapshot(prefix: &str) -> Snapshot {
    let mut snapshot = Snapshot { generation: 1, prefix: prefix.into(), ..Snapshot::default() };
    for (path, kind) in [
        ("/", ResourceKind::Page),
        ("/rss.xml", ResourceKind::Feed(Format::Rss)),
        ("/feeds.opml", ResourceKind::Opml),
        ("/technology/", ResourceKind::Page),
        ("/technology/chips/", ResourceKind::Page),
        ("/technology/chips/atom.xml", ResourceKind::Feed(Format::Atom)),
        ("/technology/chips/feed.json", ResourceKind::Feed(Format::Json)),
        ("/news/rss.xml", ResourceKind::Feed(Format::Rss)),
        ("/%E7%A7%91%E6%8A%80/", ResourceKind::Page),
        ("/caf%C3%A9/rss.xml", ResourceKind::Feed(Format::Rss)),
        ("/tags/a%20b/atom.xml", ResourceKind::Feed(Format::Atom)),
        ("/tags/a%2Bb/", ResourceKind::Page),
    ] {
        let document = BuiltDocument::new(kind, text(path).into_bytes(), Some(MODIFIED.parse().unwrap()), 900);
        snapshot.documents.insert(path.into(), document.resource);
    }
    let address = |path: &str, retirement| Address { path: path.into(), retirement };
    let moved = |url: &str| WebUrl::parse(url).unwrap();
    let mut former: Vec<RetiredAddress> = [
        ("/tech/", "http://127.0.0.1/technology/"),
        ("/technology/", "http://127.0.0.1/elsewhere/"),
        ("/old.xml", "https://other.example/rss.xml"),
        ("/%E6%97%A7/", "http://127.0.0.1/%E7%A7%91%E6%8A%80/"),
    ]
    .map(|(from, to)| RetiredAddress {
        address: address(from, Retirement::Moved(moved(to))),
        final_documents: Vec::new(),
    })
    .into();
    former.push(RetiredAddress {
        address: address("/gossip/", Retirement::Gone(Some(Text::line("Nobody read it.")))),
        final_documents: vec![(Format::Rss, "<rss>ended</rss>".into())],
    });
    snapshot.retired_addresses = former.into();
    for (id, name) in [("k3x9", "quay-reopens-k3x9"), ("z1", "码头-z1")] {
        snapshot.articles.insert(id.into(), published(name));
    }
    for file in ["quay.jpg", "world/caf%C3%A9.png", "cafe%CC%81.gif"] {
        snapshot.media.insert(file.into(), ArticlePath::new(file));
    }
    snapshot
}

fn ask(snapshot: &Snapshot, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let (method, uri) = (Method::from_bytes(method.as_bytes()).unwrap(), target.parse().unwrap());
    let head = RequestHead { method: &method, version: Version::HTTP_11, uri: &uri, headers: &headers };
    respond(snapshot, &head, NOW.parse().unwrap())
}

fn ready(reply: Reply) -> Response<Bytes> {
    match reply {
        Reply::Ready(response) | Reply::Document(_, response) => response,
        Reply::NeedsBytes(selected) => {
            let identity = text(&selected.route).into();
            let memory = MemoryCounter::default();
            let prepared = PreparedResponse::encode(&selected.resource, selected.coding, &identity, &memory);
            selected.response(&prepared.unwrap(), NOW.parse().unwrap())
        }
        other => panic!("{other:?}"),
    }
}

/// A short form of the reply: its status and what identifies it.
fn summary(reply: Reply) -> String {
    match reply {
        Reply::NeedsBytes(selected) => selected.route.to_string(),
        Reply::NeedsDisk(DiskRequest::Article(article)) => format!("article {}", article.name),
        Reply::NeedsDisk(DiskRequest::Media(path)) => format!("media {path}"),
        Reply::NeedsArchive(archive) => format!("archive {} of {}", archive.address.name, archive.address.feed),
        Reply::NeedsChanges(request) => format!("{request:?}"),
        Reply::NeedsDisk(other) => format!("{other:?}"),
        Reply::Ready(response) | Reply::Document(_, response) => {
            let field = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let status = response.status().as_u16();
            match status {
                200 => String::from_utf8_lossy(response.body()).split_ascii_whitespace().next().unwrap().to_owned(),
                301 | 308 => format!("{status} {}", field("location").unwrap()),
                410 => format!("410 {}", field("content-type").unwrap()),
                405 => format!("405 {}", field("allow").unwrap()),
                503 => format!("503 {}", field("retry-after").unwrap()),
                _ => status.to_string(),
            }
        }
    }
}

#[test]
fn route_table() {
    let plain = snapshot("");
    let table = [
        ("H-01", "GET", "/", "/"),
        ("H-01", "GET", "/rss.xml", "/rss.xml"),
        ("H-01", "GET", "/technology/chips/atom.xml", "/technology/chips/atom.xml"),
        ("H-01", "GET", "/technology/chips/feed.json", "/technology/chips/feed.json"),
        ("H-01", "GET", "/feeds.opml", "/feeds.opml"),
        ("any script", "GET", "/%e7%a7%91%E6%8A%80/", "/%E7%A7%91%E6%8A%80/"),
        ("any script, raw", "GET", "/科技/", "/%E7%A7%91%E6%8A%80/"),
        ("decomposed text", "GET", "/cafe%CC%81/rss.xml", "/caf%C3%A9/rss.xml"),
        ("needless encoding", "GET", "/%72ss.xml", "/rss.xml"),
        ("tag with a blank", "GET", "/tags/a%20b/atom.xml", "/tags/a%20b/atom.xml"),
        ("plus is plus", "GET", "/tags/a+b/", "/tags/a%2Bb/"),
        ("H-58 query", "GET", "/rss.xml?null", "/rss.xml"),
        ("H-58 query", "GET", "/?utm_source=x&y=%00%zz", "/"),
        ("H-58 absolute form", "GET", "http://other.example/rss.xml?x", "/rss.xml"),
        ("H-58 absolute form, no path", "GET", "http://other.example", "/"),
        ("slash is missing", "GET", "/technology", "308 ./technology/"),
        ("slash is missing, query", "GET", "/technology/chips?a=b&c", "308 ./chips/?a=b&c"),
        ("slash is missing, any script", "HEAD", "/%E7%A7%91%E6%8A%80", "308 ./%E7%A7%91%E6%8A%80/"),
        ("moved", "GET", "/tech/rss.xml", "301 http://127.0.0.1/technology/rss.xml"),
        ("moved, all below, query", "GET", "/tech/a/b%2fc?x=1&y", "404"),
        ("moved, all below, query", "GET", "/tech/a/b+c?x=1&y", "301 http://127.0.0.1/technology/a/b%2Bc?x=1&y"),
        ("moved, without its slash", "HEAD", "/tech", "301 http://127.0.0.1/technology/"),
        ("moved, other name", "GET", "/technical/", "404"),
        ("moved, one document", "GET", "/old.xml", "301 https://other.example/rss.xml"),
        ("moved, not below a document", "GET", "/old.xml/x", "404"),
        ("moved, any script", "GET", "/旧/rss.xml", "301 http://127.0.0.1/%E7%A7%91%E6%8A%80/rss.xml"),
        ("moved, but something is here", "GET", "/technology/chips/atom.xml", "/technology/chips/atom.xml"),
        ("moved, and nothing is here", "GET", "/technology/rss.xml", "301 http://127.0.0.1/elsewhere/rss.xml"),
        ("gone, for people", "GET", "/gossip/", "410 text/html; charset=utf-8"),
        ("gone, for readers", "GET", "/gossip/stars/rss.xml", "410 application/rss+xml; charset=utf-8"),
        ("gone, H-59", "GET", "/gossips/", "404"),
        ("H-59 slash too many", "GET", "/rss.xml/", "404"),
        ("H-59 case counts", "GET", "/Technology/", "404"),
        ("H-59 no such file", "GET", "/favicon.png", "404"),
        ("no icon", "GET", "/favicon.ico", "204"),
        ("everything is public", "GET", "/robots.txt", "User-agent:"),
        ("no tool's addresses", "GET", "/feed/", "404"),
        ("article", "GET", "/articles/quay-reopens-k3x9", "article quay-reopens-k3x9"),
        ("article, any script", "GET", "/articles/%e7%a0%81%E5%A4%B4-z1", "article 码头-z1"),
        ("article, old slug", "GET", "/articles/quay-shut-k3x9?x", "308 ./quay-reopens-k3x9?x"),
        ("article, no slug", "GET", "/articles/z1", "308 ./%E7%A0%81%E5%A4%B4-z1"),
        ("article, slash", "GET", "/articles/quay-reopens-k3x9/", "308 ../quay-reopens-k3x9"),
        ("article, unknown id", "GET", "/articles/quay-reopens-k3x8", "404"),
        ("article, longer path", "GET", "/articles/quay-reopens-k3x9/x", "404"),
        ("article, no name", "GET", "/articles/", "404"),
        ("article, empty id", "GET", "/articles/quay-", "404"),
        ("media", "GET", "/media/quay.jpg", "media quay.jpg"),
        ("media, encoded", "HEAD", "/media/world/caf%c3%a9.png", "media world/caf%C3%A9.png"),
        ("media keep their spelling", "GET", "/media/cafe%CC%81.gif", "media cafe%CC%81.gif"),
        ("media, unknown", "GET", "/media/other.jpg", "404"),
        ("health", "GET", "/healthz", "ok"),
        ("readiness", "GET", "/readyz", "ready"),
        ("H-41", "POST", "/rss.xml", "405 GET, HEAD, OPTIONS"),
        ("H-41", "PUT", "/rss.xml", "405 GET, HEAD, OPTIONS"),
        ("H-41", "DELETE", "/missing", "405 GET, HEAD, OPTIONS"),
        ("H-41", "PATCH", "/", "405 GET, HEAD, OPTIONS"),
        ("H-42 unknown method", "BREW", "/", "405 GET, HEAD, OPTIONS"),
        ("H-42 methods have case", "get", "/", "405 GET, HEAD, OPTIONS"),
        ("H-42 tunnel", "CONNECT", "host.example:443", "405 GET, HEAD, OPTIONS"),
        ("H-42", "OPTIONS", "/rss.xml", "204"),
        ("H-42 server-wide", "OPTIONS", "*", "204"),
        ("asterisk is for OPTIONS", "GET", "*", "400"),
    ];
    for (rule, method, target, expected) in table {
        assert_eq!(summary(ask(&plain, method, target, &[("host", "x")])), expected, "{rule}: {method} {target}");
    }
}

#[test]
fn sections_come_before_pages_and_files() {
    let mut snapshot = snapshot("");
    for path in [
        "/articles/",
        "/articles/rss.xml",
        "/articles/quay-reopens-k3x9/",
        "/media/",
        "/media/quay.jpg/",
        "/tags/",
        "/hub/",
    ] {
        let document = BuiltDocument::new(ResourceKind::Page, text(path).into_bytes(), None, 900);
        snapshot.documents.insert(path.into(), document.resource);
    }
    for (target, expected) in [
        ("/articles/", "/articles/"),
        ("/articles", "308 ./articles/"),
        ("/articles/rss.xml", "/articles/rss.xml"),
        ("/articles/quay-reopens-k3x9/", "/articles/quay-reopens-k3x9/"),
        ("/articles/quay-reopens-k3x9", "308 ./quay-reopens-k3x9/"),
        ("/articles/quay-shut-k3x9", "308 ./quay-reopens-k3x9"),
        ("/articles/z1", "308 ./%E7%A0%81%E5%A4%B4-z1"),
        ("/media/", "/media/"),
        ("/media/quay.jpg", "308 ./quay.jpg/"),
        ("/media/quay.jpg/", "/media/quay.jpg/"),
        ("/media/world/caf%C3%A9.png", "media world/caf%C3%A9.png"),
        ("/tags/", "/tags/"),
        ("/hub", "308 ./hub/"),
    ] {
        assert_eq!(summary(ask(&snapshot, "GET", target, &[("host", "x")])), expected, "{target}");
    }
}

#[test]
fn feed_addresses_of_other_tools_redirect() {
    // The tools, a target, and the path to which it redirects, or the other answer.
    let table = [
        ("wordpress", "/feed/", "rss.xml"),
        ("wordpress", "/feed", "rss.xml"),
        ("wordpress", "/feed/?paged=2", "rss.xml?paged=2"),
        ("wordpress", "/feed/rss2/", "rss.xml"),
        ("wordpress", "/news/feed/", "news/rss.xml"),
        ("wordpress", "/feed/atom/", "rss.xml"),
        ("wordpress", "/tags/a%20b/feed/atom/", "tags/a%20b/atom.xml"),
        ("wordpress", "/tags/a%20b/feed/", "tags/a%20b/atom.xml"),
        ("wordpress", "/%E7%A7%91%e6%8a%80/feed/", "404"),
        ("wordpress", "/cafe%CC%81/feed/", "404"),
        ("wordpress", "/caf%C3%A9/feed/", "caf%C3%A9/rss.xml"),
        ("wordpress", "/category/news/feed/", "news/rss.xml"),
        ("wordpress", "/category/a-b/feed/", "tags/a%20b/atom.xml"),
        ("wordpress", "/tag/A-B/feed/", "tags/a%20b/atom.xml"),
        ("wordpress", "/tag/x/a-b/feed/", "404"),
        ("wordpress", "/tag/feed/", "404"),
        ("wordpress", "/wp-atom.php", "rss.xml"),
        ("wordpress", "/comments/feed/", "404"),
        ("wordpress", "/feed/feed/", "404"),
        ("wordpress", "/index.xml", "404"),
        ("wordpress", "/old.xml", "301 https://other.example/rss.xml"),
        ("wordpress", "/tech/feed/", "301 http://127.0.0.1/technology/feed/"),
        ("wordpress", "/gossip/feed/", "410 text/html; charset=utf-8"),
        ("hugo", "/index.xml", "rss.xml"),
        ("hugo", "/news/index.xml", "news/rss.xml"),
        ("hugo", "/tags/a-b/index.xml", "tags/a%20b/atom.xml"),
        ("hugo", "/categories/a-b/index.xml", "tags/a%20b/atom.xml"),
        ("hugo", "/newsindex.xml", "404"),
        ("zola", "/atom.xml", "rss.xml"),
        ("zola", "/rss.xml", "/rss.xml"),
        ("zola", "/technology/chips/atom.xml", "/technology/chips/atom.xml"),
        ("jekyll", "/feed.xml", "rss.xml"),
        ("jekyll", "/feed/news.xml", "news/rss.xml"),
        ("jekyll", "/feed/by_tag/a-b.xml", "tags/a%20b/atom.xml"),
        ("pelican", "/feeds/all.atom.xml", "rss.xml"),
        ("pelican", "/feeds/news.atom.xml", "news/rss.xml"),
        ("pelican", "/feeds/a-b.rss.xml", "tags/a%20b/atom.xml"),
        ("pelican", "/feeds.opml", "/feeds.opml"),
        ("eleventy", "/feed/feed.xml", "rss.xml"),
        ("eleventy", "/feed.json", "rss.xml"),
        ("ghost", "/rss/", "rss.xml"),
        ("ghost", "/news/rss/", "news/rss.xml"),
        ("ghost", "/tag/a-b/rss/", "tags/a%20b/atom.xml"),
        ("textpattern", "/atom", "rss.xml"),
        ("blogger", "/feeds/posts/default?alt=rss", "rss.xml?alt=rss"),
        ("hexo", "/rss2.xml", "rss.xml"),
        ("docusaurus", "/blog/feed.json", "rss.xml"),
        ("movable-type", "/index.rdf", "rss.xml"),
        ("astro", "/feed.xml", "rss.xml"),
        ("ghost jekyll", "/feed/", "rss.xml"),
        ("jekyll ghost", "/feed.xml", "rss.xml"),
    ];
    for prefix in ["", "/base"] {
        let mut snapshot = snapshot(prefix);
        for (tools, target, expected) in table {
            let tool = |name: &str| *FeedTool::all().iter().find(|tool| tool.name() == name).expect(name);
            snapshot.fallbacks = Arc::new(Fallbacks {
                base: Some(WebUrl::parse(&format!("https://courier.example{prefix}/")).unwrap()),
                feed_aliases: tools.split(' ').map(tool).collect(),
                icon: None,
            });
            let is_redirect = expected.contains('.') && !expected.starts_with(['/', '3']);
            let expected = match is_redirect {
                true => format!("301 https://courier.example{prefix}/{expected}"),
                false => expected.to_owned(),
            };
            for target in [target.to_owned(), format!("{prefix}{target}")] {
                let reply = ask(&snapshot, "GET", &target, &[("host", "x")]);
                if let Reply::Ready(response) = &reply
                    && is_redirect
                {
                    assert_eq!(response.headers()["cache-control"], "max-age=86400", "{target}");
                }
                assert_eq!(summary(reply), expected, "{tools}: {target}");
            }
        }
    }
}

#[test]
fn first_tool_decides_about_an_address() {
    let mut snapshot = snapshot("");
    let document = BuiltDocument::new(ResourceKind::Feed(Format::Atom), b"x".to_vec(), None, 900);
    snapshot.documents.insert("/atom.xml".into(), document.resource);
    for (tools, expected) in
        [(["ghost", "wordpress"], "rss.xml"), (["jekyll", "astro"], "atom.xml"), (["astro", "jekyll"], "rss.xml")]
    {
        let target = if tools[0] == "ghost" { "/feed" } else { "/feed.xml" };
        let tool = |name| *FeedTool::all().iter().find(|tool| tool.name() == name).expect(name);
        snapshot.fallbacks = Arc::new(Fallbacks {
            base: Some(WebUrl::parse("https://courier.example/").unwrap()),
            feed_aliases: tools.map(tool).to_vec(),
            icon: None,
        });
        let expected = format!("301 https://courier.example/{expected}");
        assert_eq!(summary(ask(&snapshot, "GET", target, &[("host", "x")])), expected, "{tools:?}");
    }
}

#[test]
fn icon_and_rules_for_crawlers_have_addresses() {
    let mut snapshot = snapshot("");
    snapshot.fallbacks = Arc::new(Fallbacks {
        icon: Some(WebUrl::parse("https://courier.example/icon.png").unwrap()),
        ..Fallbacks::default()
    });
    let response = ready(ask(&snapshot, "GET", "/favicon.ico", &[("host", "x")]));
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (302, &HeaderValue::from_static("https://courier.example/icon.png"))
    );
    let response = ready(ask(&snapshot, "GET", "/robots.txt", &[("host", "x")]));
    assert_eq!(&response.body()[..], b"User-agent: *\nDisallow:\n");
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "max-age=86400");
    // Before the first publication too: crawlers take an error for a prohibition.
    assert_eq!(summary(ask(&Snapshot::default(), "GET", "/robots.txt", &[("host", "x")])), "User-agent:");
    // What is published comes first.
    let retired = RetiredAddress {
        address: Address {
            path: "/robots.txt".into(),
            retirement: Retirement::Moved(WebUrl::parse("https://courier.example/r").unwrap()),
        },
        final_documents: Vec::new(),
    };
    snapshot.retired_addresses = [retired].into();
    assert_eq!(summary(ask(&snapshot, "GET", "/robots.txt", &[("host", "x")])), "301 https://courier.example/r");
}

#[test]
fn path_traversal_is_refused() {
    let plain = snapshot("");
    for target in [
        "/../rss.xml",
        "/technology/../rss.xml",
        "/technology/./chips/",
        "/%2e%2e/rss.xml",
        "/%2E%2e/%2e%2E/etc/passwd",
        "/.%2e/rss.xml",
        "/%252e%252e/rss.xml",
        "/technology%2fchips%2fatom.xml",
        "/technology%2Fchips/",
        "/technology%5cchips/",
        "/..%5c..%5crss.xml",
        "/rss.xml%00",
        "/rss.xml%00.html",
        "/%00",
        "//rss.xml",
        "//other.example/technology",
        "/technology//chips/",
        "/technology//",
        "/media/../rss.xml",
        "/media/%2e%2e/dateline.toml",
        "/media/..%2f..%2fetc/passwd",
        "/media//quay.jpg",
        "/media/world/../quay.jpg",
        "/media/.git/config",
        "/media/",
        "/articles/../rss.xml",
        "/articles/%2e%2e/quay-reopens-k3x9",
        "/articles/a%2fb-k3x9",
        "/%0d%0aset-cookie:%20a=b",
        "/%c0%ae%c0%ae/rss.xml",
        "/rss.xml%",
        "/rss.xml%2",
        "/%u002e%u002e/",
        "/.git/config",
        "/~root",
    ] {
        let status = summary(ask(&plain, "GET", target, &[("host", "x")]));
        assert!(status == "404" || status == "400", "{target}: {status}");
    }
}

#[test]
fn prefix_is_optional() {
    let prefixed = snapshot("/news");
    for (target, expected) in [
        ("/news/", "/"),
        ("/", "/"),
        ("/news", "308 ./news/"),
        ("/news?x", "308 ./news/?x"),
        ("/news/technology/", "/technology/"),
        ("/technology/", "/technology/"),
        ("/news/technology", "308 ./technology/"),
        ("/technology", "308 ./technology/"),
        ("/n%65ws/feeds.opml", "/feeds.opml"),
        ("/newspaper/", "404"),
        ("/news/news/rss.xml", "/news/rss.xml"),
        ("/news/rss.xml", "/rss.xml"),
        ("/news/media/quay.jpg", "media quay.jpg"),
        ("/news/articles/x-z1", "308 ./%E7%A0%81%E5%A4%B4-z1"),
        ("/news/healthz", "ok"),
        ("/healthz", "ok"),
        ("/news/readyz", "ready"),
        ("/news/missing", "404"),
        ("/news//", "404"),
        ("/news/../rss.xml", "404"),
    ] {
        assert_eq!(summary(ask(&prefixed, "GET", target, &[("host", "x")])), expected, "{target}");
    }
    let strange = Snapshot { generation: 1, ..snapshot("/caf%C3%A9/(x)") };
    assert_eq!(summary(ask(&strange, "GET", "/caf%c3%a9/(x)/rss.xml", &[("host", "x")])), "/rss.xml");
}

#[test]
fn only_health_is_served_before_first_snapshot() {
    let empty = Snapshot::default();
    for (method, target, expected) in [
        ("GET", "/healthz", "ok"),
        ("GET", "/readyz", "503 1"),
        ("GET", "/", "503 1"),
        ("HEAD", "/rss.xml", "503 1"),
        ("GET", "/missing", "503 1"),
        ("GET", "/a%2fb", "503 1"),
        ("POST", "/", "405 GET, HEAD, OPTIONS"),
    ] {
        assert_eq!(summary(ask(&empty, method, target, &[("host", "x")])), expected, "{method} {target}");
    }
}

#[test]
fn saved_documents_are_served_until_they_expire() {
    let mut last = Snapshot { generation: 0, ..snapshot("") };
    for (path, until) in [("/rss.xml", NOW), ("/news/rss.xml", "2026-11-23T12:00:01Z")] {
        let mut document = BuiltDocument::new(ResourceKind::Opml, path.into(), None, 900);
        document.resource_mut().expires = Some(until.parse().unwrap());
        last.documents.insert(path.into(), document.resource);
    }
    for (target, expected) in [
        ("/", "/"),
        ("/news/rss.xml", "/news/rss.xml"),
        ("/rss.xml", "503 1"),
        ("/technology", "503 1"),
        ("/articles/quay-reopens-k3x9", "503 1"),
        ("/media/quay.jpg", "503 1"),
        ("/gossip/", "503 1"),
        ("/readyz", "503 1"),
    ] {
        assert_eq!(summary(ask(&last, "GET", target, &[("host", "x")])), expected, "{target}");
    }
    last.generation = 1;
    assert_eq!(summary(ask(&last, "GET", "/rss.xml", &[("host", "x")])), "/rss.xml", "it is made anew in a moment");
}

#[test]
fn request_has_exactly_one_host() {
    let plain = snapshot("");
    for (fields, expected) in [
        (&[][..], "400"),
        (&[("host", "a"), ("host", "a")], "400"),
        (&[("host", "a b")], "400"),
        (&[("host", "user@a")], "400"),
        (&[("host", "a/b")], "400"),
        (&[("host", "")], "/rss.xml"),
        (&[("host", "courier.example:8080")], "/rss.xml"),
        (&[("host", "[::1]:8080")], "/rss.xml"),
    ] {
        assert_eq!(summary(ask(&plain, "GET", "/rss.xml", fields)), expected, "{fields:?}");
    }
    let (headers, uri) = (HeaderMap::new(), "/rss.xml".parse().unwrap());
    let head = RequestHead { method: &Method::GET, version: Version::HTTP_10, uri: &uri, headers: &headers };
    assert_eq!(summary(respond(&plain, &head, NOW.parse().unwrap())), "/rss.xml", "HTTP/1.0 has none");
}

/// The header fields, sorted, one per line, without those that every response has.
fn fields(response: &Response<Bytes>) -> String {
    let everywhere_of_304 = ["access-control-allow-origin", "date"];
    let everywhere = ["access-control-allow-origin", "access-control-expose-headers", "x-content-type-options", "date"];
    for name in everywhere {
        // A 304 has only the required fields (H-23).
        let is_needed = response.status() != StatusCode::NOT_MODIFIED || everywhere_of_304.contains(&name);
        assert_eq!(response.headers().contains_key(name), is_needed, "{name}");
    }
    let mut lines: Vec<_> = response
        .headers()
        .iter()
        .filter(|(name, _)| !everywhere.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn field<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

#[test]
fn responses_have_exact_header_fields() {
    let plain = snapshot("");
    let hash = plain.documents["/rss.xml"].hash;
    let length = plain.documents["/rss.xml"].length;
    let host = ("host", "x");

    // H-01 to H-06, H-33, H-45, H-50, H-53, H-54
    let response = ready(ask(&plain, "GET", "/rss.xml", &[host]));
    assert_eq!(response.headers()["date"], "Mon, 23 Nov 2026 12:00:00 GMT");
    assert_eq!(response.body().len(), length);
    let full = format!(
        "accept-ranges: none\ncache-control: max-age=900\ncontent-length: {length}\n\
         content-type: application/rss+xml; charset=utf-8\netag: \"{hash}\"\n\
         last-modified: Mon, 23 Nov 2026 11:00:00 GMT\nvary: Accept-Encoding"
    );
    assert_eq!(fields(&response), full);

    // H-40
    let response = ready(ask(&plain, "HEAD", "/rss.xml", &[host]));
    assert!(response.body().is_empty());
    assert_eq!(fields(&response), full);

    // H-20 to H-23, H-31, H-33
    let same = format!("W/\"{hash}\"");
    for method in ["GET", "HEAD"] {
        let response = ready(ask(&plain, method, "/rss.xml", &[host, ("if-none-match", &same)]));
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(response.body().is_empty());
        assert_eq!(fields(&response), format!("cache-control: max-age=900\netag: \"{hash}\"\nvary: Accept-Encoding"));
    }

    // H-32, H-34, H-35: not encoded for a 304.
    let gzip = ("accept-encoding", "gzip");
    let coded_tag = format!("\"{hash}-gz1\"");
    let response = ready(ask(&plain, "GET", "/rss.xml", &[host, gzip, ("if-none-match", &coded_tag)]));
    assert_eq!((response.status(), field(&response, "etag")), (StatusCode::NOT_MODIFIED, &*coded_tag));
    let Reply::NeedsBytes(uncoded) = ask(&plain, "HEAD", "/rss.xml", &[host, gzip]) else { panic!("not coded") };
    assert_eq!(uncoded.coding, Coding::Gzip);
    let response = ready(Reply::NeedsBytes(uncoded));
    let length = field(&response, "content-length").to_owned();
    assert!(response.body().is_empty() && length.parse::<usize>().unwrap() < text("/rss.xml").len());
    let response = ready(ask(&plain, "GET", "/rss.xml", &[host, gzip]));
    assert_eq!((field(&response, "content-encoding"), field(&response, "etag")), ("gzip", &*coded_tag));
    assert_eq!((response.body().len().to_string(), field(&response, "content-length")), (length.clone(), &*length));
    assert_eq!(response.headers()["vary"], "Accept-Encoding");

    // H-38
    let response = ready(ask(&plain, "GET", "/rss.xml", &[host, ("accept-encoding", "identity;q=0")]));
    assert_eq!((response.status(), field(&response, "vary")), (StatusCode::NOT_ACCEPTABLE, "Accept-Encoding"));

    // H-17
    let response = ready(ask(&plain, "GET", "/rss.xml", &[host, ("if-match", "\"x\"")]));
    assert_eq!((response.status(), field(&response, "cache-control")), (StatusCode::PRECONDITION_FAILED, "no-store"));

    // H-14, H-59: 404 wins over conditions.
    let response = ready(ask(&plain, "GET", "/missing", &[host, ("if-none-match", "*")]));
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert!(!response.headers().contains_key("etag"));

    let page = ready(ask(&plain, "GET", "/", &[host]));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
}

#[test]
fn last_modified_is_never_in_the_future() {
    for (modified, is_sent) in [
        ("2026-11-23T12:00:00Z", true),
        ("2026-11-23T12:00:00.9Z", true),
        ("2026-11-23T12:00:01Z", false),
        ("2038-01-19T03:14:08Z", false),
        ("1970-01-01T00:00:00Z", true),
        ("1969-12-31T23:59:59Z", false),
        ("1583-01-01T00:00:00Z", false),
    ] {
        let mut plain = snapshot("");
        let document = BuiltDocument::new(ResourceKind::Opml, b"x".to_vec(), Some(modified.parse().unwrap()), 900);
        plain.documents.insert("/x".into(), document.resource);
        let response = ready(ask(&plain, "GET", "/x", &[("host", "x")]));
        assert_eq!(response.headers().contains_key("last-modified"), is_sent, "{modified}");
        let since = [("host", "x"), ("if-modified-since", "Mon, 23 Nov 2026 13:00:00 GMT")];
        let status = ready(ask(&plain, "GET", "/x", &since)).status();
        assert_eq!(status == StatusCode::NOT_MODIFIED, is_sent, "{modified}");
    }
}

proptest! {
    #[test]
    fn arbitrary_requests_never_fail(
        method in "GET|HEAD|OPTIONS|POST|[A-Z]{1,8}",
        target in prop_oneof!["/[ -~]{0,40}", "[ -~]{0,20}", "(/(articles|media|technology|\\.\\.|%2e|%[0-9a-f]{2}|é|)){0,5}/?"],
        fields in prop::collection::vec(("host|accept-encoding|if-none-match|range|a-im", prop::collection::vec(any::<u8>(), 0..30)), 0..5),
    ) {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in &fields {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(HeaderName::try_from(name).unwrap(), value);
            }
        }
        static SNAPSHOTS: LazyLock<[Snapshot; 2]> = LazyLock::new(|| ["", "/news"].map(snapshot));
        for snapshot in &*SNAPSHOTS {
            let head = RequestHead { method: &method, version: Version::HTTP_10, uri: &uri, headers: &headers };
            if let Reply::Ready(response) | Reply::Document(_, response) = respond(snapshot, &head, NOW.parse().unwrap()) {
                prop_assert!(!response.status().is_server_error());
            }
        }
    }
}
