//! Reads the feed that dateline replaces, as its readers see it. [`matching`] finds the articles of its items.
//!
//! The feed is untrusted input: reading it returns items or an error, never panics, and takes time linear in its length.
//!
//! # Why does `import-ids` prefer too few matches?
//!
//! An article without its old id is shown a second time. An article with the id of another story replaces that story in every reader, and
//! nobody can undo that.

pub mod matching;

use atom_syndication::Entry;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use quick_xml::Reader;
use quick_xml::events::Event;
use rss::{Channel, Item};
use serde::Deserialize;
use serde_json::Value;

/// The largest feed that is read (bytes).
pub const MAX_FEED_BYTES: usize = 64 << 20;
/// How deep elements may be nested. The parsers are recursive.
const MAX_DEPTH: usize = 200;
/// How much of a title is kept (characters). No article has a longer one.
const MAX_TITLE_CHARS: usize = 2_000;

/// An item of the old feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldItem {
    /// The id that readers know, verbatim. Empty if the item has neither id nor link.
    pub id: String,
    /// Whether the item states no id, so that readers use its link; `id` is then that link.
    pub id_is_link: bool,
    /// Whether `id` is the id of the feed itself: a mistake of some templates.
    pub id_is_feed_id: bool,
    /// The page that the item links to.
    pub link: Option<String>,
    /// The title, verbatim. May be HTML.
    pub title: String,
    /// The publication date.
    pub date: Option<Timestamp>,
}

impl OldItem {
    fn new(id: Option<&str>, link: Option<&str>, title: Option<&str>, date: Option<Timestamp>) -> OldItem {
        let stated = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let (id, link) = (stated(id), stated(link));
        OldItem {
            id_is_link: id.is_none(),
            id_is_feed_id: false,
            id: id.or_else(|| link.clone()).unwrap_or_default(),
            link,
            title: title.unwrap_or_default().trim().chars().take(MAX_TITLE_CHARS).collect(),
            date,
        }
    }

    /// Marks the item if its id is an address or id of the feed itself.
    fn mark_feed_id(mut self, names: &[Option<&str>]) -> OldItem {
        self.id_is_feed_id = !self.id.is_empty() && names.contains(&Some(self.id.as_str()));
        self
    }
}

/// Reads the items of an RSS, Atom or JSON feed, in document order.
///
/// # Errors
/// Why the feed can't be read, as a sentence without full stop.
pub fn read(bytes: &[u8]) -> Result<Vec<OldItem>, String> {
    if bytes.len() > MAX_FEED_BYTES {
        return Err(format!("it is larger than {} MB", MAX_FEED_BYTES >> 20));
    }
    let text = decode(bytes);
    // A blank before the XML declaration is a common template mistake that readers accept.
    let text = text.trim_start();
    // The declared charset no longer applies to decoded text.
    let text =
        text.strip_prefix("<?xml ").and_then(|declared| declared.split_once("?>")).map_or(text, |(_, rest)| rest);
    let text = text.trim_start();
    match text.chars().next() {
        Some('<') => match root_element(text)?.as_str() {
            "rss" | "RDF" => {
                let channel = Channel::read_from(text.as_bytes()).map_err(|error| format!("as RSS: {error}"))?;
                let self_link = channel.atom_ext.iter().flat_map(|atom| &atom.links).find(|link| link.rel == "self");
                let names = [Some(channel.link.trim()), self_link.map(|link| link.href.trim())];
                Ok(channel.items.iter().map(|item| from_rss(item).mark_feed_id(&names)).collect())
            }
            "feed" => {
                let feed =
                    atom_syndication::Feed::read_from(text.as_bytes()).map_err(|error| format!("as Atom: {error}"))?;
                let names = [Some(feed.id.trim())];
                Ok(feed.entries.iter().map(|entry| from_atom(entry).mark_feed_id(&names)).collect())
            }
            other if other.eq_ignore_ascii_case("html") => {
                Err("it is a web page, not a feed; the page's source may name the feed's address".into())
            }
            other => Err(format!("its root element is `{}`, which is neither RSS nor Atom", other.escape_debug())),
        },
        Some('{') => {
            let feed: JsonFeed = serde_json::from_str(text).map_err(|error| format!("as JSON Feed: {error}"))?;
            let names = [feed.feed_url.as_str(), feed.home_page_url.as_str()];
            Ok(feed.items.iter().map(|item| item.read().mark_feed_id(&names)).collect())
        }
        Some(_) => Err("it is neither XML nor a JSON object".into()),
        None => Err("it is empty".into()),
    }
}

/// Decodes a document by its byte order mark, else by its XML declaration, else as UTF-8. Invalid bytes become U+FFFD.
fn decode(bytes: &[u8]) -> String {
    let declared = || {
        let head = String::from_utf8_lossy(bytes.get(..200.min(bytes.len()))?).into_owned();
        let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?.to_owned();
        let (_, value) = declaration.split_once("encoding")?;
        let label = value.trim_start().strip_prefix('=')?.trim_start();
        let quote = label.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        encoding_rs::Encoding::for_label(label.split(quote).nth(1)?.as_bytes())
    };
    let (text, _, _) = declared().unwrap_or(encoding_rs::UTF_8).decode(bytes);
    text.into_owned()
}

/// Checks that elements are closed and not nested too deeply. Returns the root element's local name.
fn root_element(text: &str) -> Result<String, String> {
    let mut reader = Reader::from_str(text);
    let (mut root, mut depth) = (None, 0_usize);
    loop {
        let position = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                let name = element.local_name();
                let root = root.get_or_insert_with(|| String::from_utf8_lossy(name.as_ref()).into_owned());
                depth += 1;
                // The rest of a web page needn't be XML.
                if root.eq_ignore_ascii_case("html") {
                    return Ok(std::mem::take(root));
                }
                if depth > MAX_DEPTH {
                    return Err(format!("its elements are nested more than {MAX_DEPTH} deep"));
                }
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) if depth > 0 => return Err("it ends in the middle".into()),
            Ok(Event::Eof) => return root.ok_or_else(|| "it has no element".into()),
            Ok(_) => {}
            Err(error) => {
                let position = usize::try_from(position).unwrap_or(usize::MAX).min(text.len());
                let line = text.as_bytes().iter().take(position).filter(|&&byte| byte == b'\n').count() + 1;
                return Err(format!("it is not well-formed XML: {error}, in or after line {line}"));
            }
        }
    }
}

fn from_rss(item: &Item) -> OldItem {
    let guid = item.guid.as_ref();
    // FeedBurner's `link` is its own URL; the article's URL is in `origLink`.
    let original = item.extensions.get("feedburner").and_then(|names| names.get("origLink")?.first()?.value.as_deref());
    let permalink = guid.filter(|guid| guid.permalink).map(|guid| guid.value.as_str());
    let link = original.or(item.link.as_deref()).or(permalink);
    let dublin_core = || item.dublin_core_ext.as_ref()?.dates.first().map(String::as_str);
    let date = item.pub_date.as_deref().or_else(dublin_core).and_then(parse_date);
    OldItem::new(guid.map(|guid| guid.value.as_str()), link, item.title.as_deref(), date)
}

fn from_atom(entry: &Entry) -> OldItem {
    let alternate = entry.links.iter().find(|link| link.rel == "alternate").map(|link| link.href.as_str());
    // The crate uses 1970 for a missing `updated`.
    let date = entry.published.unwrap_or(entry.updated).timestamp_millis();
    let date = Some(date).filter(|&date| date != 0).and_then(|date| Timestamp::from_millisecond(date).ok());
    OldItem::new(Some(&entry.id), alternate, Some(&entry.title), date)
}

#[derive(Deserialize)]
struct JsonFeed {
    #[serde(default)]
    feed_url: Value,
    #[serde(default)]
    home_page_url: Value,
    items: Vec<JsonItem>,
}

/// Accepts values of any type, so that one malformed date doesn't reject the feed.
#[derive(Deserialize)]
struct JsonItem {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    url: Value,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    date_published: Value,
    #[serde(default)]
    date_modified: Value,
}

impl JsonItem {
    fn read(&self) -> OldItem {
        // A number is read as its digits (JSON Feed 1.1, `id`).
        let number = self.id.as_number().map(ToString::to_string);
        let id = self.id.as_str().or(number.as_deref());
        let date = self.date_published.as_str().or(self.date_modified.as_str()).and_then(parse_date);
        OldItem::new(id, self.url.as_str(), self.title.as_str(), date)
    }
}

/// A date in any format that the three specifications allow.
fn parse_date(raw: &str) -> Option<Timestamp> {
    static RFC_822: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    let raw = raw.trim();
    raw.parse().ok().or_else(|| RFC_822.parse_timestamp(raw).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rss(items: &str) -> String {
        format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/' \
             xmlns:feedburner='http://rssnamespace.org/feedburner/ext/1.0' \
             xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel><title>Old</title>{items}</channel></rss>"
        )
    }

    fn atom(entries: &str) -> String {
        format!("<feed xmlns='http://www.w3.org/2005/Atom'><title>Old</title>{entries}</feed>")
    }

    /// `id | link | title | date`. A `~` marks an id that is the link, a `!` one that is the feed's.
    fn table(bytes: &[u8]) -> Vec<String> {
        let row = |item: &OldItem| {
            let OldItem { id, id_is_link, id_is_feed_id, link, title, date } = item;
            let mark = if *id_is_link { "~" } else { "" };
            let mark = if *id_is_feed_id { "!" } else { mark };
            let date = date.map(|date| date.to_string()).unwrap_or_default();
            format!("{mark}{id} | {} | {title} | {date}", link.as_deref().unwrap_or_default())
        };
        read(bytes).expect("it is a feed").iter().map(row).collect()
    }

    #[test]
    fn items_are_read_from_every_format() {
        let json = |items: &str| format!("{{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": [{items}]}}");
        for (feed, row) in [
            (
                rss("<item><title>It&#8217;s &amp; on</title><link>https://x.example/?a=1&#038;b=2</link>\
                     <guid isPermaLink='false'> https://x.example/?p=1&#038;b=2\n</guid>\
                     <pubDate>Sat, 14 Nov 2026 07:05:09 +0000</pubDate></item>"),
                "https://x.example/?p=1&b=2 | https://x.example/?a=1&b=2 | It\u{2019}s & on | 2026-11-14T07:05:09Z",
            ),
            (
                rss("<item><title><![CDATA[A &#8216;B&#8217; <em>c</em>]]></title><guid><![CDATA[urn:a&b]]></guid>\
                     <pubDate>14 Nov 26 08:05 EST</pubDate></item>"),
                "urn:a&b | urn:a&b | A &#8216;B&#8217; <em>c</em> | 2026-11-14T13:05:00Z",
            ),
            (
                rss("<item><link>https://x.example/a</link><dc:date>2026-11-14T08:05:00+01:00</dc:date></item>"),
                "~https://x.example/a | https://x.example/a |  | 2026-11-14T07:05:00Z",
            ),
            (
                rss(
                    "<item><title>&nbsp;T</title><link>https://proxy.example/~r/1</link><guid isPermaLink='false'>12345</guid>\
                     <feedburner:origLink>https://x.example/a</feedburner:origLink><pubDate>tomorrow</pubDate></item>",
                ),
                "12345 | https://x.example/a | &nbsp;T | ",
            ),
            (rss("<item><title>Only this</title></item>"), "~ |  | Only this | "),
            (format!("\n\n{}", rss("<item><guid>urn:a</guid></item>")), "urn:a | urn:a |  | "),
            (
                atom(
                    "<entry><id>tag:x.example,2020:1</id><title type='html'>A &amp;amp; B</title>\
                      <link rel='self' href='https://x.example/self'/><link href='https://x.example/a?b=1&#38;c=2'/>\
                      <updated>2026-11-15T00:00:00Z</updated><published>2026-11-14T08:05:00+01:00</published></entry>",
                ),
                "tag:x.example,2020:1 | https://x.example/a?b=1&c=2 | A &amp; B | 2026-11-14T07:05:00Z",
            ),
            (
                atom("<entry><id>\n urn:a </id><title>T</title><updated>2026-11-15T00:00:00Z</updated></entry>"),
                "urn:a |  | T | 2026-11-15T00:00:00Z",
            ),
            (
                atom("<entry><title>T</title><link href='https://x.example/a'/></entry>"),
                "~https://x.example/a | https://x.example/a | T | ",
            ),
            (
                json(
                    r#"{"id": "https://x.example/1", "url": "https://x.example/a", "title": "T",
                         "date_published": "2026-11-14T08:05:00+01:00", "date_modified": "2026-11-15T00:00:00Z"}"#,
                ),
                "https://x.example/1 | https://x.example/a | T | 2026-11-14T07:05:00Z",
            ),
            (json(r#"{"id": 5, "title": null, "date_published": 7}"#), "5 |  |  | "),
        ] {
            assert_eq!(table(feed.as_bytes()), [row], "{feed}");
        }
    }

    #[test]
    fn ids_of_the_feed_itself_are_marked() {
        let entry =
            |id: &str| format!("<entry><id>{id}</id><title>T</title><updated>2026-11-15T00:00:00Z</updated></entry>");
        for (feed, id) in [
            (atom(&format!("<id>urn:feed</id>{}", entry(" urn:feed "))), "!urn:feed"),
            (atom(&format!("<id>urn:feed</id>{}", entry("urn:feed:1"))), "urn:feed:1"),
            (rss("<link>https://x.example/</link><item><guid>https://x.example/</guid></item>"), "!https://x.example/"),
            (
                rss("<link>https://x.example/</link><item><guid>https://x.example/a</guid></item>"),
                "https://x.example/a",
            ),
            (
                r#"{"feed_url": "https://x.example/f", "items": [{"id": "https://x.example/f"}]}"#.into(),
                "!https://x.example/f",
            ),
            (r#"{"items": [{"title": "T"}]}"#.into(), "~"),
        ] {
            let rows = table(feed.as_bytes());
            assert_eq!(rows.first().and_then(|row| row.split(" | ").next()), Some(id), "{feed}");
        }
    }

    #[test]
    fn declared_charset_is_used() {
        let text = rss("<item><title>\u{6e2f}\u{53e3}</title><guid>urn:a</guid></item>").replace("UTF-8", "GBK");
        let (bytes, _, _) = encoding_rs::GBK.encode(&text);
        assert_eq!(table(&bytes), ["urn:a | urn:a | \u{6e2f}\u{53e3} | "]);
        let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(table(&wide), ["urn:a | urn:a | \u{6e2f}\u{53e3} | "]);
    }

    #[test]
    fn non_feeds_are_rejected_with_reason() {
        let deep = |root: &str, name: &str| format!("<{root}>{}", format!("<{name}>").repeat(300_000));
        for (bytes, why) in [
            (Vec::new(), "it is empty"),
            (b"Hello".to_vec(), "neither XML nor a JSON object"),
            (b"<!DOCTYPE html><html><head><meta charset=utf-8><p>".to_vec(), "it is a web page"),
            (b"<opml version='2.0'></opml>".to_vec(), "its root element is `opml`"),
            (b"<!-- nothing -->".to_vec(), "it has no element"),
            (rss("<item><title>a</item>").into_bytes(), "not well-formed XML"),
            (rss("").replace("</channel></rss>", "").into_bytes(), "it ends in the middle"),
            (b"<rss version='2.0'></rss>".to_vec(), "as RSS"),
            (atom("<entry><updated>soon</updated></entry>").into_bytes(), "as Atom"),
            (b"{\"items\": {}}".to_vec(), "as JSON Feed"),
            (b"{\"version\": \"1\"}".to_vec(), "as JSON Feed: missing field `items`"),
            (format!("{{\"items\":{}", "[".repeat(300_000)).into_bytes(), "as JSON Feed"),
            (deep("rss", "a:b").into_bytes(), "nested more than 200 deep"),
            (deep("feed", "a:b").into_bytes(), "nested more than 200 deep"),
            (vec![b' '; MAX_FEED_BYTES + 1], "larger than 64 MB"),
        ] {
            let error = read(&bytes).expect_err(why);
            assert!(error.contains(why), "{error}, not {why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            cut in 0_usize..400,
        ) {
            drop(read(&bytes));
            let feed = rss("<item><title>a &#8217; b</title><guid isPermaLink='false'>urn:a</guid></item>");
            let mut broken = feed.into_bytes();
            broken.truncate(cut);
            broken.extend(bytes);
            drop(read(&broken));
        }
    }
}
