//! Any request, through routes, preconditions, negotiation and the words of proxies, beside a model of each that is as simple as the RFC
//! puts it.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use dateline::config::Proxies;
use dateline::feed::Format;
use dateline::metrics::MemoryCounter;
use dateline::serve::forwarded;
use dateline::serve::reply::Reply;
use dateline::serve::representation::PreparedResponse;
use dateline::serve::request::RequestHead;
use dateline::serve::routes::respond;
use dateline::snapshot::{BuiltDocument, ResourceKind, Snapshot};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const MODIFIED: &str = "2026-11-23T11:00:00Z";
const NOW: &str = "2026-11-23T12:00:00Z";
const FIELDS: [&str; 10] = [
    "host", "accept-encoding", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "range", "a-im",
    "x-forwarded-for", "forwarded",
];

fn document(kind: ResourceKind) -> BuiltDocument {
    let modified = Some(MODIFIED.parse().expect("an instant"));
    BuiltDocument::new(kind, "a feed ".repeat(100).into_bytes(), modified, 900)
}

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let mut snapshot = Snapshot { generation: 1, prefix: "/news".into(), ..Snapshot::default() };
    for (path, kind) in [("/", ResourceKind::Page), ("/rss.xml", ResourceKind::Feed(Format::Rss))] {
        snapshot.documents.insert(path.into(), document(kind).resource);
    }
    snapshot
});

fuzz_target!(|data: &[u8]| {
    // A line for the method, one for the target, then fields: the number of a name, and a value.
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(method) = Method::from_bytes(lines.next().unwrap_or_default()) else { return };
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let mut headers = HeaderMap::new();
    for line in lines.take(12) {
        let Some((&number, value)) = line.split_first() else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        headers.append(HeaderName::from_static(FIELDS[usize::from(number) % FIELDS.len()]), value);
    }
    let now: Timestamp = NOW.parse().expect("an instant");
    let ask = |method: &Method| {
        let head = RequestHead { method, version: Version::HTTP_11, uri: &uri, headers: &headers };
        let answer = match respond(&SNAPSHOT, &head, now) {
            Reply::Ready(response) => return (response, false),
            Reply::Document(_, response) => response,
            Reply::NeedsBytes(selected) => {
                let (identity, memory) = (document(selected.resource.kind).bytes, MemoryCounter::default());
                let prepared = PreparedResponse::encode(&selected.resource, selected.coding, &identity, &memory);
                selected.response(&prepared.expect("it can be encoded"), now)
            }
            Reply::NeedsDisk(demand) => panic!("nothing is on a disk: {demand:?}"),
            Reply::NeedsArchive(_) | Reply::NeedsChanges(_) => panic!("no feed has archives or changes"),
        };
        (answer, true)
    };
    let (response, is_document) = ask(&method);
    let status = response.status().as_u16();
    assert!(status < 500, "{status}");
    assert!(response.headers().contains_key("date"));
    for (_, value) in response.headers() {
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n')), "H-81");
    }
    if method == Method::GET {
        let (head, _) = ask(&Method::HEAD);
        assert_eq!((head.status(), head.headers()), (response.status(), response.headers()), "H-40");
        assert!(head.body().is_empty());
    }
    if is_document && (method == Method::GET || method == Method::HEAD) {
        conditions(&headers, &response);
    }
    whose(&headers);
});

/// RFC 9110, section 13, where all that is asked is well-formed; the rest has its own tests.
fn conditions(headers: &HeaderMap, response: &http::Response<impl AsRef<[u8]>>) {
    let tag = response.headers()["etag"].to_str().expect("ASCII");
    let status = response.status().as_u16();
    assert!(matches!(status, 200 | 304), "{status}");
    let is_plain = !["if-match", "if-unmodified-since"].iter().any(|name| headers.contains_key(*name));
    let mut tags = headers.get_all("if-none-match").iter();
    match (tags.next(), tags.next()) {
        (Some(one), None) if is_plain => {
            let Some(listed) = one.to_str().ok().and_then(list) else { return };
            let expected = listed.iter().any(|known| known == "*" || known == tag);
            assert_eq!(status == 304, expected, "{one:?} {tag}");
        }
        (None, None) if is_plain => {
            let mut dates = headers.get_all("if-modified-since").iter();
            let since = match (dates.next(), dates.next()) {
                (Some(one), None) => one.to_str().ok().and_then(|date| httpdate::parse_http_date(date).ok()),
                _ => None,
            };
            let modified: Timestamp = MODIFIED.parse().expect("an instant");
            let seconds = u64::try_from(modified.as_second()).expect("after 1970");
            let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            assert_eq!(status == 304, since.is_some_and(|since| since >= modified), "{since:?}");
        }
        _ => {}
    }
    if !headers.contains_key("accept-encoding") {
        assert!(!response.headers().contains_key("content-encoding"), "H-30");
    }
}

/// The opaque parts of a list of entity tags, or `*`; `None` where it is not exactly what section 8.8.3 allows.
fn list(text: &str) -> Option<Vec<String>> {
    if text == "*" {
        return Some(vec!["*".to_owned()]);
    }
    let mut rest = text;
    let mut tags = Vec::new();
    loop {
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (opaque, after) = quoted.split_once('"')?;
        if opaque.chars().any(|c| c.is_whitespace()) {
            return None;
        }
        tags.push(format!("\"{opaque}\""));
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(tags),
        }
    }
}

/// Nobody outside the configured proxies is believed, and who is believed names an address.
fn whose(headers: &HeaderMap) {
    let proxies = Proxies { networks: vec!["10.0.0.0/8".parse().expect("a network")], ..Proxies::default() };
    let stranger: IpAddr = "192.0.2.1".parse().expect("an address");
    assert_eq!(forwarded::client(headers, Some(stranger), &proxies), Some(stranger));
    assert_eq!(forwarded::client(headers, None, &proxies), None);
    let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
    assert!(forwarded::client(headers, Some(proxy), &proxies).is_some());
}
