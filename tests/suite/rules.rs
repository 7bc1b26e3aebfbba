//! The rules that specifications and real feed readers set for publishers.
//!
//! [`TABLE`] lists every rule with the test that covers it, or the reason why it doesn't apply. The tests in this file check the
//! rules about documents in every document of the demo and of the golden cases.
//!
//! The letter of a rule is its subject: X is XML and text, R is RSS 2.0 and its best-practices profile, A is Atom (RFC 4287), P is
//! paging (RFC 5005), T is tombstones (RFC 6721), J is JSON Feed 1.1, E is extensions, D is autodiscovery, O is OPML, H is HTTP (RFC
//! 9110 to 9112), K is load, W is WebSub and rssCloud, B is the behaviour of feed readers.
//!
//! Long because it is a list of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

use crate::newsroom::files;

/// The letters of the rules, each with the highest number. Unused numbers are listed in [`GAPS`].
const SERIES: [(&str, u32); 13] = [
    ("X", 15),
    ("R", 27),
    ("A", 16),
    ("P", 8),
    ("T", 4),
    ("J", 14),
    ("E", 8),
    ("D", 3),
    ("O", 4),
    ("H", 83),
    ("K", 6),
    ("W", 50),
    ("B", 21),
];

/// Unused numbers.
const GAPS: &str = "H-08 H-09 H-24 H-25 H-26 H-27 H-28 H-29 H-44 H-49 H-63 H-64 H-65 H-66 H-67 H-68 H-69 H-72 H-75 H-76 H-77 \
                    H-78 H-79 W-07 W-08 W-09 W-12 W-13 W-14 W-15 W-16 W-17 W-18 W-19 W-27 W-28 W-29 W-38 W-39 B-12 B-13 B-14 \
                    B-15 B-16 B-17 B-18 B-19";

/// The rules, each with the name of a test, the heading of a script, or `-` and the reason why it doesn't apply.
const TABLE: &[(&str, &str)] = &[
    ("X-01 X-03 X-06 X-10", "xml_is_well_formed_for_strict_parser"),
    ("X-02", "charsets_are_detected"),
    ("X-04 X-05", "text_drops_what_xml_forbids"),
    ("X-07 X-09", "xml_is_well_formed_for_strict_parser"),
    ("X-08", "attribute_values_are_escaped"),
    ("X-11", "bidi_controls_are_balanced"),
    ("X-12", "bad_version_keeps_last_good_one"),
    ("X-13", "feed_rs_reads_same_content_from_every_format"),
    ("X-14", "text_drops_what_xml_forbids"),
    ("X-15", "demo_feeds_are_reproduced_byte_for_byte"),
    ("R-01 R-02 R-03 R-04 R-06 R-08 R-09 R-10 R-11 R-12", "rss_follows_best_practices_profile"),
    ("R-13", "ids_are_uris_and_equal_in_all_feeds"),
    ("R-05", "rss_follows_advisory_board_profile"),
    ("R-07", "An article leaves its window on time, without any event."),
    ("R-14 R-16 R-17 R-18 R-19 R-20 R-21 R-22 R-23 R-25 R-26 R-27", "rss_follows_best_practices_profile"),
    ("R-15", "feed_html_has_absolute_links_and_no_scripts"),
    ("R-24", "- rssCloud isn't supported: WebSub replaces it"),
    ("A-01 A-02 A-03 A-04 A-05 A-07 A-08 A-09 A-10 A-11 A-12 A-13 A-15 A-16", "atom_follows_rfc_4287"),
    ("A-06", "ids_are_uris_and_equal_in_all_feeds"),
    (
        "A-14",
        "- the width of a picture on another server is unknown; the reference configuration states the recommended width",
    ),
    ("P-01 P-02 P-03 P-04 P-06 P-07", "archives_follow_rfc_5005"),
    ("P-05", "readers_have_all_entries_after_any_history"),
    ("P-08", "window_limits_have_a_fixed_precedence"),
    ("T-01 T-02 T-03 T-04", "retractions_use_each_formats_elements"),
    ("J-01 J-02 J-03 J-04 J-06 J-07 J-08 J-09 J-10 J-12", "json_feed_follows_specification"),
    ("J-05", "archives_follow_rfc_5005"),
    ("J-11", "feeds_name_their_hubs_in_header_and_document"),
    ("J-13", "windows_keep_young_articles_within_limits"),
    ("J-14", "bodies_match_their_content_coding"),
    ("E-01 E-02 E-03 E-04 E-05 E-06 E-07 E-08", "extension_elements_are_valid_and_unique"),
    ("D-01 D-02 D-03", "pages_announce_their_feeds"),
    ("O-01 O-02 O-03 O-04", "opml_lists_every_feed"),
    ("H-01 H-58 H-59", "routes"),
    (
        "H-02 H-03 H-04 H-06 H-20 H-21 H-22 H-23 H-31 H-33 H-40 H-50 H-51 H-52 H-53 H-54",
        "responses_have_exact_header_fields",
    ),
    ("H-05 H-62", "last_modified_is_never_in_the_future"),
    ("H-07", "validators_survive_restart"),
    ("H-10 H-11 H-12 H-13 H-14 H-15 H-16 H-17", "not_modified_iff_list_contains_tag"),
    ("H-18 H-19", "preconditions_of_a_dated_strong_representation"),
    ("H-30 H-36 H-37 H-38", "codings_are_chosen_by_weight"),
    ("H-32", "bodies_match_their_content_coding"),
    ("H-34 H-35", "tags_differ_per_coding"),
    ("H-39", "arbitrary_accept_encoding_never_fails"),
    ("H-41 H-42", "routes"),
    ("H-43", "response_survives_unread_request_body"),
    ("H-45 H-46", "media_ranges_are_served"),
    ("H-47", "if_range_requires_exact_date"),
    ("H-48", "single_range_is_honoured"),
    ("H-55", "persistent_connections_stay_framed"),
    ("H-56", "connections_close_when_required"),
    ("H-57", "request_has_exactly_one_host"),
    ("H-60 H-61", "next_request_sees_new_snapshot"),
    ("H-70", "responses_have_exact_header_fields"),
    ("H-71", "- 226 is never sent: a delta loses edits and deletions, and hardly any reader asks"),
    ("H-73 H-74", "- dictionaries are never used: only browsers offer them"),
    ("H-80", "path_traversal_is_refused"),
    ("H-81 H-82", "arbitrary_requests_never_fail"),
    ("H-83", "partial_request_times_out"),
    ("K-01 K-02 K-03 K-04 K-05", "only_trusted_proxies_are_believed"),
    ("K-06", "routes"),
    ("W-01 W-02 W-03 W-04 W-06", "feeds_name_their_hubs_in_header_and_document"),
    ("W-10", "hubs_are_told_of_changed_feeds_after_they_are_served"),
    ("W-11", "subscriptions_follow_a_new_site_url"),
    ("W-20 W-25", "hub_answers_before_it_verifies"),
    ("W-21 W-22 W-23 W-24", "hub_refuses_invalid_requests"),
    ("W-26 W-30 W-32 W-33 W-40 W-41 W-42 W-43 W-47", "changed_feed_is_pushed_to_verified_subscriber"),
    ("W-31", "leases_end"),
    ("W-34 W-35", "new_request_replaces_subscription_until_it_is_confirmed_to_end"),
    ("W-36 W-37", "only_the_right_challenge_confirms_a_request"),
    ("W-44", "changes_during_an_attempt_are_one_more_delivery"),
    ("W-45 W-48 W-49", "failed_delivery_is_repeated_with_the_current_version"),
    ("W-46", "failing_subscriber_is_retried_for_hours_and_then_at_the_next_update"),
    ("W-50", "hostile_callbacks_are_refused"),
    ("W-05", "routes"),
    ("B-01 B-02", "ids_are_uris_and_equal_in_all_feeds"),
    ("B-03 B-04 B-05", "feed_rs_reads_demo_alike_in_all_formats"),
    ("B-06", "rss_follows_best_practices_profile"),
    ("B-07", "xml_is_well_formed_for_strict_parser"),
    ("B-08", "validators_survive_restart"),
    ("B-09", "polling_hints_agree"),
    ("B-10", "windows_keep_young_articles_within_limits"),
    ("B-11", "not_modified_iff_list_contains_tag"),
    ("B-20", "executable_markup_is_removed"),
    ("B-21", "renamed_and_ended_sections_answer_old_addresses"),
];

#[test]
fn every_rule_has_a_test_or_a_reason() {
    let texts = |folder: &str, extension: &'static str| {
        let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
        all.into_iter()
            .filter(move |(name, _)| name.ends_with(extension))
            .map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned())
    };
    let source: String = ["src", "crates", "tests/suite"].into_iter().flat_map(|folder| texts(folder, ".rs")).collect();
    let scripts: String = texts("tests/suite/cases/engine", ".txt").collect();
    let is_tested = |shown: &str| source.contains(&format!("fn {shown}(")) || scripts.contains(&format!("# {shown}\n"));
    let mut known = BTreeMap::new();
    for (rules, shown) in TABLE {
        for rule in rules.split_whitespace() {
            assert!(known.insert(rule.to_owned(), *shown).is_none(), "{rule} appears twice");
        }
        match shown.strip_prefix("- ") {
            Some(reason) => assert!(reason.len() > 20, "{rules}: {reason}"),
            None => assert!(is_tested(shown), "{rules}: there is no test `{shown}`"),
        }
    }
    let gaps: BTreeSet<&str> = GAPS.split_whitespace().collect();
    for (series, last) in SERIES {
        for number in 1..=last {
            let rule = format!("{series}-{number:02}");
            assert!(known.contains_key(&rule) != gaps.contains(&*rule), "{rule} has neither a test nor a reason");
        }
    }
    assert!(known.len() > 190, "{} rules", known.len());
}

// -- documents as trees ---------------------------------------------------------------------------------------------------

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn count(&self, name: &str) -> usize {
        self.all(name).count()
    }

    fn text_of(&self, name: &str) -> &str {
        self.children.iter().find(|child| child.name == name).map_or("", |child| child.text.as_str())
    }

    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn walk(&self, look: &mut impl FnMut(&Element)) {
        look(self);
        self.children.iter().for_each(|child| child.walk(look));
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    let decoder = start.decoder();
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.expect("no attribute twice");
        let value = attribute
            .decoded_and_normalized_value(quick_xml::XmlVersion::Implicit1_0, decoder)
            .expect("no unknown entity")
            .into_owned();
        (String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value)
    });
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    Element { name, attributes: attributes.collect(), ..Element::default() }
}

fn tree(name: &str, text: &str) -> Element {
    assert!(text.starts_with("<?xml "), "{name}: X-03");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let close = |open: &mut Vec<Element>| {
            let closed = open.pop().expect("balanced");
            open.last_mut().expect("below the document").children.push(closed);
        };
        match reader.read_event().unwrap_or_else(|error| panic!("{name}: {error}")) {
            Event::Start(start) => open.push(element(&start)),
            Event::Empty(start) => {
                open.push(element(&start));
                close(&mut open);
            }
            Event::End(_) => close(&mut open),
            Event::Text(text) => {
                let text = text.decode().expect("UTF-8");
                assert!(!text.contains("]]>"), "{name}: X-07");
                open.last_mut().expect("open").text.push_str(&text);
            }
            Event::CData(text) => open.last_mut().expect("open").text.push_str(&text.decode().expect("UTF-8")),
            Event::GeneralRef(reference) => {
                let entity = reference.decode().expect("UTF-8");
                let character = match &*entity {
                    "amp" => "&".to_owned(),
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    _ => reference
                        .resolve_char_ref()
                        .expect("legal")
                        .unwrap_or_else(|| panic!("{name}: X-06 &{entity};"))
                        .to_string(),
                };
                open.last_mut().expect("open").text.push_str(&character);
            }
            Event::DocType(_) => panic!("{name}: X-06"),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "{name}: X-01");
    open.pop().expect("the document").children.pop().expect("a root")
}

/// The documents of the demo and of the golden cases whose names have this ending.
fn documents(ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let both = [root.join("feeds"), root.join("tests/suite/cases/feeds/expected")];
    let all = both.iter().flat_map(|folder| files(folder)).filter(|(name, _)| name.ends_with(ending));
    all.map(|(name, bytes)| (name, String::from_utf8(bytes).expect("X-02"))).collect()
}

fn rss() -> Vec<(String, Element)> {
    let found: Vec<_> = documents(".xml").into_iter().filter(|(name, _)| !name.ends_with("atom.xml")).collect();
    assert!(found.len() > 70, "{} documents", found.len());
    found.into_iter().map(|(name, text)| (name.clone(), tree(&name, &text))).collect()
}

fn atom() -> Vec<(String, Element)> {
    let found = documents("atom.xml");
    assert!(found.len() > 65, "{} documents", found.len());
    found.into_iter().map(|(name, text)| (name.clone(), tree(&name, &text))).collect()
}

fn is_absolute(url: &str) -> bool {
    url.strip_prefix("https://").or(url.strip_prefix("http://")).is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
    })
}

const NAMESPACES: [(&str, &str); 10] = [
    ("webfeeds", "http://webfeeds.org/rss/1.0"),
    ("atom", "http://www.w3.org/2005/Atom"),
    ("content", "http://purl.org/rss/1.0/modules/content/"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("media", "http://search.yahoo.com/mrss/"),
    ("sy", "http://purl.org/rss/1.0/modules/syndication/"),
    ("itunes", "http://www.itunes.com/dtds/podcast-1.0.dtd"),
    ("snf", "http://www.smartnews.be/snf"),
    ("xml", ""),
];

#[test]
fn xml_is_well_formed_for_strict_parser() {
    for (name, text) in documents(".xml") {
        assert!(!text.contains('\r') && !text.contains('\u{FEFF}'), "{name}: X-09, X-03");
        let root = tree(&name, &text);
        let declared: BTreeMap<_, _> = root
            .attributes
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix("xmlns:")?, value.as_str())))
            .collect();
        for (prefix, namespace) in &declared {
            assert!(NAMESPACES.contains(&(prefix, namespace)), "{name}: X-10 {prefix} {namespace}");
        }
        root.walk(&mut |element| {
            let names = element.attributes.keys().chain([&element.name]);
            for (prefix, _) in names.filter_map(|name| name.split_once(':')).filter(|(prefix, _)| *prefix != "xmlns") {
                assert!(prefix == "xml" || declared.contains_key(prefix), "{name}: X-10 {prefix}");
            }
        });
    }
}

/// Checks a date such as `Thu, 04 Oct 2007 23:59:45 +0000`, including the day of the week.
fn is_rss_date(text: &str) -> bool {
    jiff::fmt::rfc2822::parse(text).is_ok_and(|date| date.strftime("%a, %d %b %Y %H:%M:%S %z").to_string() == text)
        && text.ends_with(" +0000")
}

#[test]
fn rss_follows_best_practices_profile() {
    const CHANNEL: &str = "title link description language copyright pubDate lastBuildDate generator docs ttl image skipHours skipDays item";
    const ITEM: &str = "title link description category enclosure guid pubDate source";
    for (name, rss) in rss() {
        assert_eq!(
            (rss.name.as_str(), rss.attribute("version"), rss.children.len()),
            ("rss", "2.0", 1),
            "{name}: R-01"
        );
        let channel = rss.children.first().expect("R-01");
        for one in ["title", "link", "description", "docs", "language", "ttl"] {
            assert!(
                channel.count(one) == 1 && !channel.text_of(one).trim().is_empty(),
                "{name}: R-02, R-22, R-23 {one}"
            );
        }
        let plain = |element: &Element, known: &str| {
            for child in element.children.iter().filter(|child| !child.name.contains(':')) {
                assert!(known.split(' ').any(|known| known == child.name), "{name}: R-26, R-27 {}", child.name);
                let often = ["category", "item"].contains(&child.name.as_str());
                assert!(often || element.count(&child.name) == 1, "{name}: R-03 {}", child.name);
            }
        };
        plain(channel, CHANNEL);
        let first = channel.children.iter().position(|child| child.name == "item").unwrap_or(channel.children.len());
        assert!(channel.children.iter().skip(first).all(|child| child.name == "item"), "{name}: R-18");
        assert!(channel.count("item") == 0 || is_rss_date(channel.text_of("lastBuildDate")), "{name}: R-08");
        assert!(["5", "15", "30", "60"].contains(&channel.text_of("ttl")), "{name}: R-19");
        assert!(is_absolute(channel.text_of("link")), "{name}: R-10");
        let own: Vec<_> = channel.all("atom:link").filter(|link| link.attribute("rel") == "self").collect();
        assert!(
            own.len() == 1 && own.iter().all(|link| link.attribute("type") == "application/rss+xml"),
            "{name}: R-17"
        );
        let encoded: String = own.iter().map(|link| link.attribute("href")).collect();
        assert!(encoded.ends_with(name.rsplit('/').next().expect("a name")), "{name}: R-17 {encoded}");
        for image in channel.all("image") {
            assert_eq!(image.text_of("title"), channel.text_of("title"), "{name}: R-20");
            assert_eq!(image.text_of("link"), channel.text_of("link"), "{name}: R-20");
            assert!(is_absolute(image.text_of("url")), "{name}: R-20");
        }
        let mut guids = BTreeSet::new();
        for item in channel.all("item") {
            plain(item, ITEM);
            assert!(item.count("title") + item.count("description") > 0, "{name}: R-04");
            assert!(is_rss_date(item.text_of("pubDate")), "{name}: R-06 {}", item.text_of("pubDate"));
            assert!(is_absolute(item.text_of("link")), "{name}: R-10");
            let guid = item.all("guid").next().expect("R-11");
            assert!(guids.insert(&guid.text) && guid.text.trim() == guid.text && !guid.text.is_empty(), "{name}: R-11");
            let is_link = guid.text == item.text_of("link");
            assert_eq!(guid.attribute("isPermaLink") != "false", is_link, "{name}: R-12");
            for enclosure in item.all("enclosure") {
                let kind = enclosure.attribute("type");
                assert!(kind.starts_with("audio/") || kind.starts_with("video/"), "{name}: E-04 {kind}");
                assert!(is_absolute(enclosure.attribute("url")), "{name}: R-14");
                assert!(enclosure.attribute("length").parse::<u64>().is_ok(), "{name}: R-14");
            }
            for source in item.all("source") {
                assert!(is_absolute(source.attribute("url")) && !source.text.is_empty(), "{name}: R-25");
            }
            let at = |wanted: &str| item.children.iter().position(|child| child.name == wanted);
            let (short, long) = (at("description"), at("content:encoded"));
            assert!(long.is_none() || short < long, "{name}: R-16");
            assert_eq!(item.count("author"), 0, "{name}: R-09");
            assert!(item.all("category").all(|category| !category.text.is_empty()), "{name}: R-21");
        }
    }
}

/// Checks a date of Atom or JSON Feed (RFC 3339).
fn is_rfc3339(text: &str) -> bool {
    let whole = text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T') && !text.contains(' ');
    whole && text.parse::<jiff::Timestamp>().is_ok()
}

#[test]
fn atom_follows_rfc_4287() {
    for (name, feed) in atom() {
        assert_eq!(
            (feed.name.as_str(), feed.attribute("xmlns")),
            ("feed", "http://www.w3.org/2005/Atom"),
            "{name}: A-01"
        );
        assert!(!feed.attribute("xml:lang").is_empty(), "{name}: A-13");
        for one in ["id", "title", "updated", "author"] {
            assert_eq!(feed.count(one), 1, "{name}: A-02, A-10 {one}");
        }
        let own: Vec<_> = feed.all("link").filter(|link| link.attribute("rel") == "self").collect();
        assert!(own.len() == 1 && own.iter().all(|link| is_absolute(link.attribute("href"))), "{name}: A-03");
        let mut ids = BTreeSet::new();
        for entry in feed.all("entry") {
            for one in ["id", "title", "updated", "published"] {
                assert_eq!(entry.count(one), 1, "{name}: A-02 {one}");
            }
            for most in ["content", "summary", "rights", "source"] {
                assert!(entry.count(most) <= 1, "{name}: A-02 {most}");
            }
            let alternates: Vec<_> = entry.all("link").filter(|link| link.attribute("rel") == "alternate").collect();
            assert!(alternates.len() == 1, "{name}: A-04");
            assert!(ids.insert(entry.text_of("id")), "{name}: A-05");
            assert!(
                entry.text_of("updated") <= feed.text_of("updated") || feed.text_of("updated").ends_with("+00:00"),
                "{name}: A-09"
            );
            assert!(entry.count("content") + entry.count("summary") > 0, "{name}: A-12");
            assert!(entry.all("content").all(|content| content.attribute("type") == "html"), "{name}: A-12");
        }
        feed.walk(&mut |element| match element.name.as_str() {
            "updated" | "published" => assert!(is_rfc3339(&element.text), "{name}: A-09, A-15 {}", element.text),
            "id" => assert!(element.text.contains(':') && element.text.trim() == element.text, "{name}: A-05, A-15"),
            "link" => {
                assert!(is_absolute(element.attribute("href")), "{name}: A-08 {}", element.attribute("href"));
                let known = ["self", "alternate", "enclosure"].contains(&element.attribute("rel"));
                let sized =
                    element.attribute("length").is_empty() || element.attribute("length").parse::<u64>().is_ok();
                assert!(known && sized, "{name}: A-08, A-16");
            }
            "author" | "contributor" => assert!(!element.text_of("name").is_empty(), "{name}: A-10"),
            "category" => assert!(!element.attribute("term").is_empty(), "{name}: A-11"),
            "title" | "subtitle" | "summary" | "rights" => {
                // Readers interpret markup in any text, so it is escaped once more and declared as HTML.
                let has_markup = ["<b>", "</", "&amp;", "&lt;"].iter().any(|sign| element.text.contains(sign));
                let is_right = match element.attribute("type") {
                    "html" => !element.text.contains('<'),
                    kind => ["", "text"].contains(&kind) && !has_markup,
                };
                assert!(is_right && element.children.is_empty(), "{name}: A-07");
            }
            _ => {}
        });
    }
}

#[test]
fn json_feed_follows_specification() {
    let found = documents("feed.json");
    assert!(found.len() > 65, "{} documents", found.len());
    for (name, text) in found {
        assert!(text.starts_with("{\"version\":\"https://jsonfeed.org/version/1.1\","), "{name}: J-01, J-02");
        let feed: Value = serde_json::from_str(&text).expect("J-01");
        let word = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(!word(&feed, "title").is_empty(), "{name}: J-03");
        assert!(is_absolute(&word(&feed, "home_page_url")) && is_absolute(&word(&feed, "feed_url")), "{name}: J-04");
        assert!(feed.get("author").is_none() && feed.get("next_url").is_none(), "{name}: J-06, J-05");
        let mut ids = BTreeSet::new();
        for item in feed["items"].as_array().expect("J-01") {
            assert!(!word(item, "id").is_empty() && ids.insert(word(item, "id")), "{name}: J-07");
            assert!(item["content_html"].is_string() || item["content_text"].is_string(), "{name}: J-08");
            assert!(is_absolute(&word(item, "url")), "{name}: J-09");
            assert!(
                is_rfc3339(&word(item, "date_published")) && is_rfc3339(&word(item, "date_modified")),
                "{name}: J-10"
            );
            for image in ["image", "banner_image"].into_iter().filter(|key| item.get(key).is_some()) {
                assert!(is_absolute(&word(item, image)), "{name}: J-09");
            }
            for author in item.get("authors").and_then(Value::as_array).into_iter().flatten() {
                assert!(!word(author, "name").is_empty(), "{name}: J-06");
            }
            for attachment in item.get("attachments").and_then(Value::as_array).into_iter().flatten() {
                assert!(
                    is_absolute(&word(attachment, "url")) && word(attachment, "mime_type").contains('/'),
                    "{name}: J-10"
                );
                assert!(attachment.get("size_in_bytes").is_none_or(Value::is_u64), "{name}: J-10");
            }
            let keys = item.as_object().expect("J-01").keys();
            assert!(keys.filter(|key| key.starts_with('_')).all(|key| key == "_dateline"), "{name}: J-12");
        }
    }
}

#[test]
fn ids_are_uris_and_equal_in_all_feeds() {
    let mut titles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, rss) in rss() {
        for item in rss.children.iter().flat_map(|channel| channel.all("item")) {
            let id = item.text_of("guid");
            if let Some(rest) = id.strip_prefix("tag:") {
                let (authority, specific) = rest.split_once(':').expect("R-13");
                let (host, date) = authority.split_once(',').expect("R-13");
                assert!(
                    host.contains('.') && date.len() == 4 && !specific.is_empty() && specific.is_ascii(),
                    "{name}: R-13 {id}"
                );
            }
            titles.entry(id.to_owned()).or_default().insert(item.text_of("title").to_owned());
        }
    }
    for (name, feed) in atom() {
        for entry in feed.all("entry") {
            let id = entry.text_of("id");
            let known = titles.get(id).unwrap_or_else(|| panic!("{name}: {id} is in no RSS feed (B-02, A-06)"));
            let title = entry.all("title").next().expect("a title");
            let shown = match title.attribute("type") {
                "html" => title.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"),
                _ => title.text.clone(),
            };
            assert!(known.contains(&shown), "{name}: B-02 {shown}");
        }
    }
    assert!(titles.values().all(|titles| titles.len() == 1), "{titles:?}");
}

#[test]
fn feed_html_has_absolute_links_and_no_scripts() {
    let mut seen = 0;
    for (name, rss) in rss() {
        // Feed readers show many articles on one page, so ids must be unique within a feed.
        let mut ids = BTreeSet::new();
        for html in
            rss.children.iter().flat_map(|channel| channel.all("item")).map(|item| item.text_of("content:encoded"))
        {
            let mut rest = html;
            while let Some((_, tag)) = rest.split_once('<') {
                let (tag, after) = tag.split_once('>').expect("R-15");
                rest = after;
                for (attribute, value) in tag.split(' ').filter_map(|part| part.split_once("=\"")) {
                    let value = value.trim_end_matches(['"', '/']);
                    let links = ["href", "src", "poster", "cite", "data", "action"].contains(&attribute);
                    let elsewhere = ["mailto:", "tel:", "webcal:", "ftp:", "xmpp:", "sms:", "geo:"];
                    let good = ["https://", "http://"].iter().any(|scheme| value.starts_with(scheme))
                        || (attribute == "href" && elsewhere.iter().any(|scheme| value.starts_with(scheme)));
                    assert!(!links || good, "{name}: R-15 {attribute}={value}");
                    assert!(!["style", "class"].contains(&attribute), "{name}: {attribute}");
                    assert!(attribute != "id" || ids.insert(value), "{name}: two elements have the id {value}");
                    assert!(!attribute.starts_with("on") && !attribute.starts_with("data-"), "{name}: {attribute}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 50, "{seen} attributes");
}

#[test]
fn extension_elements_are_valid_and_unique() {
    let mut pictures = 0;
    for (name, root) in rss().into_iter().chain(atom()) {
        root.walk(&mut |element| match element.name.as_str() {
            "media:content" => {
                assert!(is_absolute(element.attribute("url")), "{name}: E-02");
                let medium = element.attribute("medium");
                assert!(["image", "audio", "video", "document", "executable", ""].contains(&medium), "{name}: E-02");
                for number in ["width", "height", "fileSize", "duration"] {
                    let value = element.attribute(number);
                    assert!(value.is_empty() || value.parse::<u64>().is_ok(), "{name}: E-02 {number}");
                }
                pictures += usize::from(medium == "image");
            }
            "media:thumbnail" => assert!(is_absolute(element.attribute("url")), "{name}: E-02"),
            "media:title" | "media:description" | "media:credit" => {
                assert!(!element.text.is_empty() && ["", "plain"].contains(&element.attribute("type")), "{name}: E-03");
            }
            "dc:date" | "slash:comments" => panic!("{name}: E-05, E-08"),
            "sy:updatePeriod" => assert_eq!(element.text, "hourly", "{name}: E-07"),
            "sy:updateFrequency" => assert!(element.text.parse::<u32>().is_ok_and(|n| n >= 1), "{name}: E-07"),
            "item" => {
                let creators: Vec<_> = element.all("dc:creator").map(|creator| &creator.text).collect();
                assert!(creators.iter().all(|creator| !creator.is_empty()), "{name}: E-06");
                assert_eq!(creators.iter().collect::<BTreeSet<_>>().len(), creators.len(), "{name}: E-06");
                for enclosure in element.all("enclosure") {
                    let again =
                        element.all("media:content").any(|media| media.attribute("url") == enclosure.attribute("url"));
                    assert!(!again, "{name}: E-04");
                }
            }
            _ => {}
        });
    }
    assert!(pictures > 10, "{pictures} pictures");
}

#[test]
fn opml_lists_every_feed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, feeds) in [("feeds", 67), ("tests/suite/cases/feeds/expected", 5)] {
        let text = std::fs::read_to_string(root.join(folder).join("feeds.opml")).expect("it is there");
        let opml = tree("feeds.opml", &text);
        assert_eq!((opml.name.as_str(), opml.attribute("version")), ("opml", "2.0"), "O-01");
        assert!(opml.count("head") == 1 && opml.count("body") == 1, "O-01");
        let mut outlines = 0;
        opml.walk(&mut |element| {
            if element.name == "outline" {
                outlines += 1;
                assert!(!element.attribute("text").is_empty() && element.attribute("type") == "rss", "O-02, O-03");
                assert_eq!(element.attribute("text"), element.attribute("title"), "O-03");
                assert!(is_absolute(element.attribute("xmlUrl")) && is_absolute(element.attribute("htmlUrl")), "O-03");
            }
        });
        assert_eq!(outlines, feeds, "O-01");
    }
}

#[test]
fn pages_announce_their_feeds() {
    let newsroom = crate::newsroom::Newsroom::new();
    newsroom.article("news/chips/a.md", "Story A", "Text.");
    let daemon = newsroom.serve();
    daemon.wait("it is there", |daemon| daemon.body("/news/chips/").contains("Story A"));
    let link = daemon.body("/news/chips/feed.json").split("\"url\":\"").nth(1).expect("an item").to_owned();
    let article = link.split('"').next().expect("a URL").replace("http://feeds.courier.example", "");
    let base = "http://feeds.courier.example";
    for (page, feeds) in [
        ("/".to_owned(), vec!["/rss.xml"]),
        ("/news/".to_owned(), vec!["/news/rss.xml"]),
        ("/news/chips/".to_owned(), vec!["/news/chips/rss.xml"]),
        ("/tags/tide/".to_owned(), vec!["/tags/tide/rss.xml"]),
        (article, vec!["/news/chips/rss.xml", "/rss.xml"]),
    ] {
        let html = daemon.body(&page);
        let head = html.split("</head>").next().expect("D-01");
        let links: Vec<&str> =
            head.split("<link rel=\"alternate\" type=\"application/rss+xml\" title=\"").skip(1).collect();
        let found: Vec<&str> =
            links.iter().filter_map(|link| link.split("href=\"").nth(1)?.split('"').next()).collect();
        let wanted: Vec<String> = feeds.iter().map(|feed| format!("{base}{feed}")).collect();
        assert_eq!(found, wanted, "{page}: D-01, D-02");
        let titles: BTreeSet<&str> = links.iter().filter_map(|link| link.split('"').next()).collect();
        assert!(titles.len() == links.len() && !titles.contains(""), "{page}: D-03 {titles:?}");
    }
}
