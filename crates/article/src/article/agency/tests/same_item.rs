//! The same item in ninjs, NewsML-G2, NITF, wire text and Markdown is the same article, except for what a format can't express.

use proptest::prelude::*;

use super::options;
use crate::article::parse;
use crate::article::render::{LinkBase, render};
use crate::types::{ArticlePath, WebUrl};

/// An item in words that every format can contain.
#[derive(Clone, Debug)]
struct Story {
    title: String,
    paragraphs: Vec<String>,
    authors: Vec<String>,
    source: String,
    tags: Vec<String>,
    summary: Option<String>,
    minute: u8,
}

/// Some words that begin with a capital letter.
fn words(most: usize) -> impl Strategy<Value = String> {
    let word =
        prop::sample::select(vec!["harbour", "night", "ferry", "sails", "again", "quay", "Straße", "naïve", "港口"]);
    prop::collection::vec(word, 2..=most).prop_map(|words| format!("The {}", words.join(" ")))
}

fn name() -> impl Strategy<Value = String> {
    let given = prop::sample::select(vec!["Ann", "Bo", "Cy", "Eve", "Idris"]);
    let family = prop::sample::select(vec!["Lee", "Chen", "Dunn", "Marsh", "Quayle"]);
    (given, family).prop_map(|(given, family)| format!("{given} {family}"))
}

fn story() -> impl Strategy<Value = Story> {
    let sentence = words(12).prop_map(|words| {
        format!("{words} & <more> of it, said the harbour master on that very long and windy day in the town.")
    });
    (
        words(5),
        prop::collection::vec(sentence, 1..4),
        prop::collection::btree_set(name(), 0..3),
        prop::option::of(words(4).prop_map(|words| format!("{words}."))),
        prop::collection::btree_set(prop::sample::select(vec!["shipping", "tides", "Economy"]), 0..3),
        0..60u8,
    )
        .prop_map(|(title, paragraphs, authors, summary, tags, minute)| Story {
            title,
            paragraphs,
            authors: authors.into_iter().collect(),
            source: "Estuary News".to_owned(),
            tags: tags.into_iter().map(str::to_owned).collect(),
            summary,
            minute,
        })
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Story {
    fn date(&self) -> String {
        format!("2026-11-20T08:{:02}:00Z", self.minute)
    }

    fn byline(&self) -> Option<String> {
        (!self.authors.is_empty()).then(|| format!("By {}", self.authors.join(" and ")))
    }

    fn ninjs(&self) -> String {
        let mut item = serde_json::json!({
            "uri": "urn:x:1",
            "versioncreated": self.date(),
            "headline": self.title,
            "body_text": self.paragraphs.join("\n\n"),
            "infosource": [{"name": self.source}],
            "subject": self.tags.iter().map(|tag| serde_json::json!({"name": tag})).collect::<Vec<_>>(),
        });
        self.byline().into_iter().for_each(|byline| item["byline"] = byline.into());
        self.summary.iter().for_each(|summary| item["description_text"] = summary.clone().into());
        item.to_string()
    }

    fn newsml(&self) -> String {
        let paragraphs: String = self.paragraphs.iter().map(|text| format!("<p>{}</p>", xml(text))).collect();
        let tags: String = self.tags.iter().map(|tag| format!("<subject><name>{tag}</name></subject>")).collect();
        let by = self.byline().map(|by| format!("<by>{}</by>", xml(&by))).unwrap_or_default();
        let summary = self.summary.as_ref();
        let summary = summary.map(|text| format!("<description role=\"drol:summary\">{text}</description>"));
        format!(
            "<newsItem xmlns=\"http://iptc.org/std/nar/2006-10-01/\" guid=\"urn:x:1\" standard=\"NewsML-G2\"><itemMeta>\
             <itemClass qcode=\"ninat:text\"/><versionCreated>{}</versionCreated></itemMeta><contentMeta>\
             <infoSource><name>{}</name></infoSource>{tags}<headline>{}</headline>{by}{}</contentMeta><contentSet>\
             <inlineXML contenttype=\"application/xhtml+xml\"><html xmlns=\"http://www.w3.org/1999/xhtml\"><body>{paragraphs}</body></html>\
             </inlineXML></contentSet></newsItem>",
            self.date(),
            self.source,
            xml(&self.title),
            summary.unwrap_or_default()
        )
    }

    fn nitf(&self) -> String {
        let paragraphs: String = self.paragraphs.iter().map(|text| format!("<p>{}</p>", xml(text))).collect();
        let tags: String = self.tags.iter().map(|tag| format!("<keyword key=\"{tag}\"/>")).collect();
        let by = self.byline().map(|by| format!("<byline>{}</byline>", xml(&by))).unwrap_or_default();
        let summary = self.summary.as_ref().map(|text| format!("<abstract><p>{text}</p></abstract>"));
        format!(
            "<nitf xmlns=\"http://iptc.org/std/NITF/2006-10-18/\"><head><docdata><doc-id id-string=\"urn:x:1\"/>\
             <date.issue norm=\"{}\"/><key-list>{tags}</key-list></docdata></head><body><body.head><hedline><hl1>{}</hl1></hedline>\
             {by}<distributor>{}</distributor>{}</body.head><body.content>{paragraphs}</body.content></body></nitf>",
            self.date(),
            xml(&self.title),
            self.source,
            summary.unwrap_or_default()
        )
    }

    fn wire(&self) -> String {
        let mut lines =
            vec![format!("Title: {}", self.title), "Id: urn:x:1".to_owned(), format!("Source: {}", self.source)];
        lines.push(format!("Date: {}", self.date()));
        lines.extend((!self.authors.is_empty()).then(|| format!("Author: {}", self.authors.join(", "))));
        lines.extend((!self.tags.is_empty()).then(|| format!("Keywords: {}", self.tags.join(", "))));
        lines.extend(self.summary.iter().map(|summary| format!("Summary: {summary}")));
        format!("{}\n\n{}\n", lines.join("\n"), self.paragraphs.join("\n\n"))
    }

    fn markdown(&self) -> String {
        let front = serde_json::json!({
            "title": self.title,
            "date": self.date(),
            "authors": self.authors,
            "tags": self.tags,
            "source": self.source,
            "summary": self.summary,
        });
        let paragraphs: Vec<String> = self.paragraphs.iter().map(|text| text.replace('<', "\\<")).collect();
        format!("---json\n{front}\n---\n\n{}\n", paragraphs.join("\n\n"))
    }
}

/// The fields of an article that readers get.
fn article(name: &str, text: &str) -> String {
    let parsed = parse(&ArticlePath::new(name), text.as_bytes(), &options());
    let article = parsed.article.unwrap_or_else(|| panic!("{name}: {:?}\n{text}", parsed.diagnostics));
    let metadata = &article.metadata;
    let links = LinkBase {
        folder: "wire".to_owned(),
        ..LinkBase::new(
            WebUrl::parse("http://x.example/a").expect("a URL"),
            WebUrl::parse("http://x.example/media/").expect("a URL"),
        )
    };
    let html = render(article.body.as_deref().expect("a body"), &links).html.to_string();
    let html: Vec<&str> = html.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {}",
        metadata.title,
        metadata.published,
        metadata.authors,
        metadata.tags,
        metadata.source,
        metadata.summary,
        html.concat()
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn same_item_in_any_format_is_same_article(story in story()) {
        let expected = article("wire/a.md", &story.markdown());
        for (name, text) in [
            ("wire/a.json", story.ninjs()),
            ("wire/a.xml", story.newsml()),
            ("wire/a.xml", story.nitf()),
            ("wire/a.txt", story.wire()),
        ] {
            prop_assert_eq!(article(name, &text), expected.clone(), "{}", text);
        }
    }
}
