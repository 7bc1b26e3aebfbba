//! Reads encoded documents with independent parsers: `feed-rs` for their content, `quick-xml` for well-formedness.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::Offset;
use proptest::prelude::*;

use super::partner::Partner;
use super::*;
use crate::types::{EntryId, Language, Moment};

const INJECTION: &str = "x\"/><link rel=\"alternate\" href=\"https://evil.example/\"/><media:content alt=\"";
const SPECIAL_CHARACTERS: &str = "a & b <c> \"q\" 'p' ]]> ]]]]>> &nbsp; \u{202e}rtl 👩‍👩‍👧 科技";

fn text(raw: &str) -> Text {
    Text::line(raw)
}

/// `None` for empty text, as the article reader does for names, captions and tags.
fn non_empty(raw: &str) -> Option<Text> {
    Some(text(raw)).filter(|text| !text.is_empty())
}

fn url(raw: &str) -> WebUrl {
    WebUrl::parse(raw).expect("a URL")
}

fn moment(raw: &str, hours: i8) -> Moment {
    Moment::new(raw.parse().expect("an instant"), Offset::constant(hours)).expect("in range")
}

fn entry(title: &str, words: &str) -> Entry {
    Entry {
        id: EntryId::parse("tag:courier.example,2026:2026-11-20/news/quay").expect("an id"),
        url: url("https://www.courier.example/a?x=1&y=2"),
        title: text(title),
        published: moment("2026-11-20T02:00:00Z", 8),
        updated: moment("2026-11-21T02:00:00Z", 8),
        authors: [non_empty("JIN Feng"), non_empty(words)].into_iter().flatten().collect(),
        author_urls: vec![(text("JIN Feng"), url("https://www.courier.example/jin?a=1&b=2"))],
        editors: non_empty(words).into_iter().collect(),
        summary: text(words),
        content: Text::new(&format!("<p>{}</p>", words.replace('&', "&amp;").replace('<', "&lt;"))),
        tags: [non_empty("ai"), non_empty(words)].into_iter().flatten().collect(),
        section: [non_empty("Technology"), non_empty(words)].into_iter().flatten().collect(),
        language: Language::parse("zh-Hans").expect("a language"),
        image: Some(EntryImage {
            files: vec![ImageFile {
                url: url("https://img.example/q.jpg?a=1&b=\"x\""),
                media_type: Some(text("image/jpeg")),
                length: 48_000,
                width: Some(1_600),
                height: Some(800),
            }],
            alt: non_empty(words),
            caption: Some(text(INJECTION)),
            credit: non_empty(words),
        }),
        media: vec![EntryMedia {
            url: url("https://img.example/a.mp3?a&b"),
            media_type: text("audio/mpeg"),
            length: 1_234,
            width: None,
            height: None,
            duration: Some(60),
        }],
        source: non_empty(words).map(|name| EntrySource { name, feed: None }),
        copyright: non_empty(words),
        is_corrected: true,
        is_reduced: false,
    }
}

fn feed(entries: Vec<Entry>) -> Feed {
    Feed {
        id: EntryId::parse("tag:courier.example,2026:feed/news").expect("an id"),
        title: text(SPECIAL_CHARACTERS),
        description: text(SPECIAL_CHARACTERS),
        home: url("https://www.courier.example/news/"),
        site: url("https://feeds.courier.example/"),
        base: url("https://feeds.courier.example/news/"),
        formats: Format::ALL.to_vec(),
        language: Language::parse("en").expect("a language"),
        updated: entries.iter().map(|entry| entry.updated.timestamp()).max(),
        publisher: text("Courier"),
        copyright: Some(text(SPECIAL_CHARACTERS)),
        poll_minutes: 15,
        content: ContentMode::Full,
        skip_hours: vec![0, 23],
        skip_days: vec!["Sunday"],
        logo: Some(url("https://img.example/logo.png?a&b")),
        icon: Some(url("https://img.example/icon.png")),
        founded: "2026-01-01T00:00:00Z".parse().expect("a time"),
        accent_color: Some(text("00AA5B")),
        bylines: Bylines::Each,
        correction_title: text(""),
        image_width: 1_200,
        lead_image: LeadImage::FieldsOnly,
        lone_caption: LoneCaption::Omit,
        podcast: None,
        style: None,
        hubs: Vec::new(),
        partner: None,
        update_signal: UpdateSignal::Modified,
        notices: Vec::new(),
        archives: ArchiveLinks::default(),
        deleted: Vec::new(),
        entries: entries.into_iter().map(Arc::new).collect(),
    }
}

/// Checks that a document is well-formed: each prefix declared, no attribute twice, no DOCTYPE.
fn assert_well_formed(document: &[u8]) {
    use quick_xml::events::Event;
    let text = std::str::from_utf8(document).expect("UTF-8");
    assert!(text.starts_with("<?xml"), "nothing stands before the declaration (X-03)");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut prefixes = BTreeSet::from(["xml".to_owned(), "xmlns".to_owned()]);
    let mut depth = 0;
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error} in {text}"));
        let (Event::Start(element) | Event::Empty(element)) = &event else {
            match event {
                Event::End(_) => depth -= 1,
                Event::DocType(_) => panic!("a DOCTYPE"),
                Event::Eof => break,
                _ => {}
            }
            continue;
        };
        depth += i32::from(matches!(event, Event::Start(_)));
        for attribute in element.attributes() {
            let attribute = attribute.unwrap_or_else(|error| panic!("{error} in {text}"));
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            assert!(!attribute.value.contains(&b'<'), "{name} in {text}");
            if let Some(prefix) = name.strip_prefix("xmlns:") {
                prefixes.insert(prefix.to_owned());
            }
        }
        let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
        if let Some((prefix, _)) = name.split_once(':') {
            assert!(prefixes.contains(prefix), "`{name}` is of no declared namespace (X-10)");
        }
    }
    assert_eq!(depth, 0);
}

/// A title as readers show it. Atom declares texts that look like markup as HTML.
fn shown(title: &feed_rs::model::Text, format: Format) -> String {
    match format == Format::Atom && title.content_type.as_str() == "text/html" {
        true => title.content.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"),
        false => title.content.clone(),
    }
}

#[test]
fn feed_rs_reads_same_content_from_every_format() {
    let feed = feed(vec![
        entry(SPECIAL_CHARACTERS, SPECIAL_CHARACTERS),
        Entry { id: EntryId::parse("tag:x,2026:b").expect("an id"), ..entry("Plain", INJECTION) },
    ]);
    for format in Format::ALL {
        let document = encode(&feed, format).expect("encodes");
        if format != Format::Json {
            assert_well_formed(&document);
        }
        let read = feed_rs::parser::parse(document.as_slice()).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_eq!(
            read.title.map(|title| shown(&title, format)).as_deref(),
            Some(text(SPECIAL_CHARACTERS).as_str()),
            "{format:?}"
        );
        assert_eq!(read.entries.len(), 2);
        for (found, expected) in read.entries.iter().zip(&feed.entries) {
            assert_eq!(found.id, expected.id.as_str(), "{format:?}");
            assert_eq!(
                found.title.as_ref().map(|title| shown(title, format)).as_deref(),
                Some(expected.title.as_str()),
                "{format:?}"
            );
            assert_eq!(
                found.published.map(|date| date.timestamp()),
                Some(expected.published.timestamp().as_second()),
                "{format:?}"
            );
            let authors: Vec<&str> = found.authors.iter().filter_map(|author| author.name.as_deref()).collect();
            assert_eq!(authors, expected.authors.iter().map(Text::as_str).collect::<Vec<_>>(), "{format:?}");
            let links: Vec<&str> =
                found.links.iter().map(|link| link.href.as_str()).filter(|href| !href.ends_with(".mp3?a&b")).collect();
            assert_eq!(links, [expected.url.as_str()], "{format:?}: no link that nobody wrote");
            let content = found.content.as_ref().and_then(|content| content.body.as_deref()).unwrap_or_default();
            assert_eq!(content, expected.content.as_str(), "{format:?}: HTML is escaped exactly once (X-13)");
        }
        assert_eq!(encode(&feed, format), Ok(document), "the same bytes each time (X-15)");
    }
}

#[test]
fn empty_feeds_and_summary_feeds() {
    let empty = feed(Vec::new());
    let summary = Feed { content: ContentMode::Summary, ..feed(vec![entry("Quay", "Short.")]) };
    for format in Format::ALL {
        let read = feed_rs::parser::parse(encode(&empty, format).expect("encodes").as_slice()).expect("parses");
        assert!(read.entries.is_empty());
        let document = String::from_utf8(encode(&summary, format).expect("encodes")).expect("UTF-8");
        assert!(document.contains("Short.") && !document.contains("&lt;p>") && !document.contains("<p>"), "{document}");
    }
}

#[test]
fn rss_follows_advisory_board_profile() {
    let document =
        String::from_utf8(encode(&feed(vec![entry("Quay", "Short.")]), Format::Rss).expect("encodes")).expect("UTF-8");
    for (rule, part) in [
        ("R-01", "<rss version=\"2.0\""),
        ("R-06", "<pubDate>Fri, 20 Nov 2026 02:00:00 +0000</pubDate>"),
        ("R-08", "<lastBuildDate>Sat, 21 Nov 2026 02:00:00 +0000</lastBuildDate>"),
        ("R-09", "<dc:creator>JIN Feng</dc:creator>"),
        ("R-12", "<guid isPermaLink=\"false\">tag:courier.example,2026:2026-11-20/news/quay</guid>"),
        ("R-14", "length=\"1234\" type=\"audio/mpeg\""),
        ("R-17", "rel=\"self\""),
        ("R-19", "<ttl>15</ttl>"),
        ("E-01", "xmlns:media=\"http://search.yahoo.com/mrss/\""),
        ("E-02", "medium=\"image\""),
    ] {
        assert!(document.contains(part), "{rule}: no `{part}` in {document}");
    }
    assert!(!document.contains("<author>"), "R-09: no invented e-mail address");
    let (description, content) = (document.find("<description><![CDATA[Short"), document.find("<content:encoded>"));
    assert!(description.is_some() && description < content, "R-16: {document}");
    assert_eq!(document.matches("<enclosure").count(), 1, "R-14, E-04");
}

/// Each row: a part of the document that readers need, and the reader.
#[test]
fn documents_have_the_spelling_that_readers_understand() {
    let authors = vec![text("JIN Feng"), text("ZHONG Jianli")];
    let section = vec![text("Harbour"), text("Tugs & Co")];
    let story = Entry { authors, section, ..entry("A <b> & &amp; B", "Short.") };
    let public = feed(vec![story.clone()]);
    let joined = Feed { bylines: Bylines::Joined, correction_title: text("Corrected:"), ..public.clone() };
    let empty = feed(Vec::new());
    let rss = encode(&public, Format::Rss).expect("encodes");
    for (feed, format, part) in [
        // The W3C validator and loose readers.
        (&public, Format::Rss, "<title>A &#x3C;b&#x3E; &#x26; &#x26;amp; B</title>"),
        // rss2email and SimplePie, for items without an author.
        (&public, Format::Rss, "<dc:creator>Courier</dc:creator><item>"),
        // Newsboat plays the last media file.
        (&public, Format::Rss, "type=\"audio/mpeg\"/></item>"),
        // Feedly.
        (&public, Format::Rss, "<webfeeds:accentColor>00AA5B</webfeeds:accentColor>"),
        (&public, Format::Rss, "<webfeeds:icon>https://img.example/icon.png</webfeeds:icon>"),
        (&public, Format::Rss, "#sections\">Harbour/Tugs &#x26; Co</category>"),
        (&public, Format::Atom, "<category term=\"Harbour/Tugs &amp; Co\" scheme"),
        (&public, Format::Atom, " type=\"html\">A &amp;lt;b&amp;gt; &amp;amp; &amp;amp;amp; B</title>"),
        (&empty, Format::Atom, "<updated>2026-01-01T00:00:00+00:00</updated>"),
        // Newsboat and reader show only the last of several authors.
        (&public, Format::Rss, "<dc:creator>JIN Feng</dc:creator><dc:creator>ZHONG Jianli</dc:creator>"),
        (&joined, Format::Rss, "<dc:creator>JIN Feng, ZHONG Jianli</dc:creator>"),
        (&joined, Format::Atom, "<author><name>JIN Feng, ZHONG Jianli</name></author>"),
        (
            &joined,
            Format::Json,
            "{\"name\":\"JIN Feng\",\"url\":\"https://www.courier.example/jin?a=1&b=2\"},{\"name\":\"ZHONG Jianli\"}",
        ),
        (&joined, Format::Json, "\"title\":\"Corrected: A <b>"),
        (&joined, Format::Rss, "<title>Corrected: A &#x3C;b"),
        (&joined, Format::Atom, "Corrected: A &amp;lt;b"),
    ] {
        let document = String::from_utf8(encode(feed, format).expect("encodes")).expect("UTF-8");
        let after_channel = part.strip_suffix("<item>");
        let is_there = match after_channel {
            Some(part) => document.find(part).is_some_and(|at| Some(at) < document.find("<item>")),
            None => document.contains(part),
        };
        assert!(is_there, "{format:?}: no `{part}` in {document}");
    }
    let partner = PartnerFeed {
        file_name: "partner.xml".to_owned(),
        partner: Partner::Msn,
        update_signal: UpdateSignal::Modified,
    };
    let partner = encode(&partner::adapt(&public, partner), Format::Rss).expect("encodes");
    assert!(!String::from_utf8_lossy(&partner).contains("webfeeds"));
    assert_well_formed(&rss);
}

/// A story of 9:00 is retracted. Its notice is between the stories of 10:00 and 8:00 in every format, and in no partner's feed.
#[test]
fn notices_are_in_the_places_of_their_stories() {
    let at = |hour: i8| {
        Moment::new(format!("2026-11-22T{hour:02}:00:00Z").parse().expect("an instant"), jiff::tz::Offset::UTC)
    };
    let published = |title: &str, hour: i8| {
        let moment = at(hour).expect("a moment");
        Arc::new(Entry { published: moment, updated: moment, ..entry(title, "Short.") })
    };
    let notice =
        Entry { updated: at(11).expect("a moment"), authors: Vec::new(), ..(*published("Withdrawn", 9)).clone() };
    let deleted = DeletedEntry {
        id: notice.id.clone(),
        at: "2026-11-22T11:00:00Z".parse().expect("an instant"),
        reason: None,
        form: DeletedForm::Notice,
    };
    let public = Feed {
        update_signal: UpdateSignal::PubDate,
        archives: ArchiveLinks { previous: Some("50-00ff".to_owned()), ..ArchiveLinks::default() },
        notices: vec![Arc::new(notice)],
        deleted: vec![deleted],
        ..feed(vec![])
    };
    let public = Feed { entries: vec![published("Ten", 10), published("Eight", 8)], ..public };
    for format in Format::ALL {
        let document = String::from_utf8(encode(&public, format).expect("encodes")).expect("UTF-8");
        let places = ["Ten", "Withdrawn", "Eight"].map(|title| document.find(title));
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{format:?}: {document}");
        assert!(!document.contains("at:deleted-entry"), "{format:?}: {document}");
        assert!(
            document.contains(&format!("/news/archive-50-00ff.{}\"", format.file_name())),
            "{format:?}: {document}"
        );
        if format == Format::Rss {
            assert!(document.contains("<pubDate>Sun, 22 Nov 2026 09:00:00 +0000</pubDate>"), "{document}");
        }
    }
    let rules = PartnerFeed {
        file_name: "partner.xml".to_owned(),
        partner: Partner::Msn,
        update_signal: UpdateSignal::Modified,
    };
    let partner = partner::adapt(&public, rules);
    let document = String::from_utf8(encode(&partner, Format::Rss).expect("encodes")).expect("UTF-8");
    assert!(!document.contains("Withdrawn") && document.contains("mi:expirationDate"), "{document}");
    assert!(!document.contains("archive"), "{document}");
    let after = "2026-12-22T11:00:00Z".parse().expect("an instant");
    let deleted = DeletedEntry { form: DeletedForm::AfterNotice(after), ..public.deleted[0].clone() };
    let later = Feed { notices: Vec::new(), deleted: vec![deleted], ..public };
    let document = String::from_utf8(encode(&later, Format::Atom).expect("encodes")).expect("UTF-8");
    assert!(document.contains("when=\"2026-12-22T11:00:00Z\""), "{document}");
}

#[test]
fn retractions_use_each_formats_elements() {
    let deleted = |name: &str, reason: Option<Text>| DeletedEntry {
        id: EntryId::parse(&format!("tag:courier.example,2026:{name}?a&b=\"c\"'"))
            .unwrap_or_else(|_| EntryId::minted(format!("tag:courier.example,2026:{name}&b"))),
        at: "2026-11-22T02:00:00Z".parse().expect("an instant"),
        reason,
        form: DeletedForm::Tombstone,
    };
    let public = Feed {
        deleted: vec![deleted("one", non_empty(SPECIAL_CHARACTERS)), deleted("two", None)],
        ..feed(vec![entry("Quay", "Short.")])
    };
    let partner = |partner: Partner| {
        let file_name = "partner.xml".to_owned();
        let rules = PartnerFeed { file_name, partner, update_signal: UpdateSignal::Modified };
        partner::adapt(&Feed { language: Language::parse("zh").expect("a language"), ..public.clone() }, rules)
    };
    let document = |feed: &Feed, format| String::from_utf8(encode(feed, format).expect("encodes")).expect("UTF-8");
    for (what, document, items, parts) in [
        (
            "Atom",
            document(&public, Format::Atom),
            1,
            vec![
                "xmlns:at=\"http://purl.org/atompub/tombstones/1.0\"",
                "when=\"2026-11-22T02:00:00Z\"",
                "<at:comment>",
                "ref=\"tag:courier.example,2026:two&amp;b\"",
            ],
        ),
        ("RSS says nothing", document(&public, Format::Rss), 1, vec![]),
        (
            "MSN",
            document(&partner(Partner::Msn), Format::Rss),
            2,
            vec![
                "<dcterms:valid>2026-11-22T02:00:00Z</dcterms:valid>",
                "<mi:expirationDate>2026-11-22T02:00:00Z</mi:expirationDate>",
                "xmlns:mi=\"http://schemas.ingestion.microsoft.com/common/\"",
            ],
        ),
        (
            "SmartNews",
            document(&partner(Partner::SmartNews), Format::Rss),
            3,
            vec!["<media:status state=\"deleted\"", "<pubDate>Sun, 22 Nov 2026 02:00:00 +0000</pubDate>"],
        ),
        ("Flipboard", document(&partner(Partner::Flipboard), Format::Rss), 1, vec![]),
    ] {
        assert_well_formed(document.as_bytes());
        for part in parts {
            assert!(document.contains(part), "{what}: no `{part}` in {document}");
        }
        let read = feed_rs::parser::parse(document.as_bytes()).expect("parses");
        assert_eq!(read.entries.len(), items, "{what}: {document}");
    }
    let json: serde_json::Value = serde_json::from_str(&document(&public, Format::Json)).expect("JSON");
    assert_eq!(json["_dateline"]["deleted"][0]["reason"], text(SPECIAL_CHARACTERS).as_str());
    assert_eq!(
        json["_dateline"]["deleted"][1],
        serde_json::json!({ "id": "tag:courier.example,2026:two&b", "date_deleted": "2026-11-22T02:00:00Z" })
    );
    // An Atom feed without retractions doesn't declare the namespace.
    assert!(!document(&feed(vec![entry("Quay", "Short.")]), Format::Atom).contains("tombstones"));
}

#[test]
fn forbidden_characters_fail_encoding() {
    assert!(check_characters(b"").is_err());
    for forbidden in ["\u{0}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        assert!(check_characters(format!("<a>{forbidden}</a>").as_bytes()).is_err(), "{forbidden:?}");
    }
    assert!(check_characters("<a>\t\r\n\u{7f} 科技 \u{fffd}</a>".as_bytes()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_text_round_trips_as_well_formed_xml(title in "\\PC{1,40}", words in any::<String>()) {
        prop_assume!(!text(&title).is_empty());
        let feed = feed(vec![entry(&title, &words)]);
        for format in Format::ALL {
            let document = encode(&feed, format).expect("encodes");
            if format != Format::Json {
                assert_well_formed(&document);
            }
            let read = feed_rs::parser::parse(document.as_slice()).expect("parses");
            prop_assert_eq!(read.entries.len(), 1);
            if format == Format::Json {
                let title = read.entries[0].title.as_ref().map(|title| title.content.clone());
                prop_assert_eq!(title.as_deref(), Some(feed.entries[0].title.as_str()));
            }
        }
    }
}
