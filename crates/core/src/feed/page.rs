//! HTML pages: feeds and how to subscribe, articles, and errors. No scripts, no external resources; readable on phones and in dark mode.

use std::collections::BTreeMap;
use std::sync::Arc;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;

use super::{Entry, Feed, Format};
use crate::article::extensions::Extensions;
use crate::types::{Moment, Text, WebUrl};

/// The contents of a feed's page in addition to the feed itself.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedPage<'p> {
    /// The publication's name.
    pub site_title: &'p Text,
    /// The URL of the root page.
    pub site_url: &'p WebUrl,
    /// The ancestor sections without the root, outermost first: title and page URL.
    pub trail: Vec<(Text, WebUrl)>,
    /// The subsections: title and page URL.
    pub children: Vec<(Text, WebUrl)>,
}

/// The parts that all article pages of a section share.
#[derive(Clone, PartialEq, Debug)]
pub struct PageFrame {
    /// The publication's name.
    pub site_title: Text,
    /// dateline's public base URL.
    pub site_url: WebUrl,
    /// The extensions of Markdown.
    pub markdown: Extensions,
    /// The section and its ancestors without the root, outermost first: title and page URL.
    pub trail: Vec<(Text, WebUrl)>,
    /// The feeds announced in the pages (autodiscovery), the section's own first: title, URL, format.
    pub feeds: Vec<(Text, String, Format)>,
    /// The feeds of agencies and publications, by name in lower case.
    pub sources: Arc<BTreeMap<Text, WebUrl>>,
    /// The note that readers of a story get if its agency corrected it.
    pub corrected_by_agency: Text,
}

/// The width of an article's picture on its page (pixels): the text column on a screen with double pixel density.
const PICTURE_WIDTH: u32 = 1_344;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fdfcfa;--faint:#666;--line:#ddd;--link:#0b5394}\
@media(prefers-color-scheme:dark){:root{--ink:#e8e6e3;--paper:#16181a;--faint:#a5a29e;--line:#3a3d40;--link:#8ab4f8}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:42rem;padding:1.25rem;font:1.0625rem/1.6 Georgia,'Noto Serif','Songti SC',serif;\
color:var(--ink);background:var(--paper);overflow-wrap:break-word}a{color:var(--link)}\
h1{font-size:1.9rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}\
nav,.byline,.faint,footer,time{color:var(--faint);font-family:system-ui,sans-serif;font-size:.9rem}\
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:.75rem}\
ul.plain,ol.plain{list-style:none;padding:0}ol.plain li{margin:1.1rem 0}ol.plain h3{margin:0;font-size:1.1rem}ol.plain p{margin:.2rem 0}\
code{font:.9rem/1.5 ui-monospace,monospace;user-select:all;background:color-mix(in srgb,var(--ink) 7%,transparent);padding:.15em .4em;border-radius:.25em}\
img,video{max-width:100%;height:auto}figure{margin:1.5rem 0}figcaption{color:var(--faint);font-size:.9rem}\
blockquote{margin:1rem 0;padding-inline-start:1rem;border-inline-start:3px solid var(--line)}\
table{border-collapse:collapse;display:block;overflow-x:auto}td,th{border:1px solid var(--line);padding:.3rem .6rem}pre{overflow-x:auto}";

/// The style sheet that makes RSS and Atom readable in a browser (`media_type = "xml"`).
pub const FEED_STYLE: &str = "\
:root{color-scheme:light dark}\n\
rss,feed{display:block;margin:0 auto;max-width:42rem;padding:1.25rem;font:1.0625rem/1.6 Georgia,'Noto Serif','Songti SC',serif;\
color:#1a1a1a;background:#fdfcfa;overflow-wrap:break-word;unicode-bidi:plaintext}\n\
channel,item,entry,title,description,subtitle,summary,pubDate,published{display:block;unicode-bidi:plaintext}\n\
rss::before,feed::before{display:block;content:'This is a feed. Copy its address into a feed reader, and new stories come to you.';\
font:.9rem/1.4 system-ui,sans-serif;padding:.6rem .9rem;border:1px solid #ccc;border-radius:.4rem;margin-bottom:1.5rem}\n\
channel>*,feed>*,item>*,entry>*{display:none}\n\
channel>title,feed>title{display:block;font-size:1.9rem;line-height:1.2;margin:.5rem 0}\n\
channel>description,feed>subtitle{display:block;color:#666}\n\
channel>item,feed>entry{display:block;margin:1.6rem 0;padding-top:1rem;border-top:1px solid #ddd}\n\
item>title,entry>title{display:block;font-size:1.15rem;font-weight:bold}\n\
item>pubDate,entry>published{display:block;color:#666;font:.9rem/1.6 system-ui,sans-serif}\n\
item>description,entry>summary{display:block}\n\
@media(prefers-color-scheme:dark){rss,feed{color:#e8e6e3;background:#16181a}channel>description,feed>subtitle,item>pubDate,\
entry>published{color:#a5a29e}channel>item,feed>entry{border-color:#3a3d40}rss::before,feed::before{border-color:#555}}\n";

/// The page of a feed: `/`, `/<section>/`, `/tags/<tag>/`, `/authors/<author>/`.
pub fn feed_page(feed: &Feed, page: &FeedPage<'_>) -> String {
    let first = feed.formats.first().copied().unwrap_or(Format::Rss);
    let announced = [(feed.title.clone(), feed.url(first), first)];
    let head = html! {
        link rel="canonical" href=(feed.base);
        (autodiscovery(&announced))
        @if !feed.description.is_empty() { meta name="description" content=(feed.description); }
    };
    let body = html! {
        (trail(page.site_title, page.site_url, &page.trail, feed.base != *page.site_url))
        main {
            h1 dir="auto" { (feed.title) }
            @if !feed.description.is_empty() && feed.description != feed.title { p dir="auto" { (feed.description) } }
            h2 { "Subscribe" }
            p { "Copy one of these addresses into a feed reader; new stories then come to you, without an account and without being followed." }
            ul.plain {
                @for &format in &feed.formats {
                    li { (format_title(format)) ": " a href=(feed.url(format)) type=(format.media_type()) { code { (feed.url(format)) } } }
                }
            }
            @if !page.children.is_empty() {
                h2 { "Sections" }
                ul { @for (title, url) in &page.children { li { a href=(url) dir="auto" { (title) } } } }
            }
            h2 { "Latest" }
            @if feed.entries.is_empty() { p.faint { "Nothing is published here yet." } }
            ol.plain {
                @for entry in &feed.entries {
                    li lang=[differing_language(&entry.language, &feed.language)] {
                        h3 { a href=(entry.url) dir="auto" { (entry.title) } }
                        (byline(entry))
                        @if !entry.summary.is_empty() { p dir="auto" { (entry.summary) } }
                    }
                }
            }
        }
        footer { @if feed.home != feed.base { a href=(feed.home) { (feed.home) } " · " } a href={ (page.site_url) "feeds.opml" } { "All feeds (OPML)" } @if let Some(copyright) = &feed.copyright { " · " (copyright) } }
    };
    document(feed.language.as_str(), feed.title.as_str(), &head, &body)
}

/// The page of an article.
pub fn article_page(entry: &Entry, frame: &PageFrame, is_listed: bool) -> String {
    let image = entry.image.as_ref().and_then(|image| Some((image, image.of_width(PICTURE_WIDTH)?)));
    let head = html! {
        link rel="canonical" href=(entry.url);
        @if !is_listed { meta name="robots" content="noindex"; }
        (autodiscovery(&frame.feeds))
        meta name="description" content=(entry.summary);
        meta property="og:type" content="article";
        meta property="og:title" content=(entry.title);
        meta property="og:url" content=(entry.url);
        meta property="og:site_name" content=(frame.site_title);
        meta property="article:published_time" content=(entry.published.rfc3339());
        @if let Some((_, picture)) = image { meta property="og:image" content=(picture.url); }
        script type="application/ld+json" { (PreEscaped(linked_data(entry))) }
    };
    let body = html! {
        (trail(&frame.site_title, &frame.site_url, &frame.trail, true))
        main { article {
            h1 dir="auto" { (entry.title) }
            (byline(entry))
            @if let Some((image, picture)) = image {
                figure {
                    img src=(picture.url) width=[picture.width] height=[picture.height] alt=(image.alt.as_ref().or(image.caption.as_ref()).map(Text::as_str).unwrap_or_default());
                    @if image.caption.is_some() || image.credit.is_some() {
                        figcaption dir="auto" {
                            @if let Some(caption) = &image.caption { (caption) " " }
                            @if let Some(credit) = &image.credit { "(" (credit) ")" }
                        }
                    }
                }
            }
            div dir="auto" { (PreEscaped(entry.content.as_str())) }
            p.byline {
                @if let Some(source) = &entry.source { "Source: " (source.name) ". " }
                @if !entry.editors.is_empty() { "Editor: " (join_names(&entry.editors)) ". " }
                @if !entry.tags.is_empty() { "Tags: " (join_names(&entry.tags)) ". " }
                @if let Some(copyright) = &entry.copyright { (copyright) }
            }
        } }
        footer { @for (title, url, format) in &frame.feeds { a href=(url) type=(format.media_type()) { "Feed: " (title) } " " } }
    };
    document(entry.language.as_str(), entry.title.as_str(), &head, &body)
}

/// A short page for an error.
pub fn error_page(status: u16, title: &str, text: &str) -> String {
    let body = html! { main { h1 { (title) } p { (text) } p.faint { (status) } } };
    document("en", title, &html! { meta name="robots" content="noindex"; }, &body)
}

fn document(language: &str, title: &str, head: &Markup, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang=(language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(super::GENERATOR);
                title { (title) }
                (head)
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// Writes a link for each feed, the page's own first.
fn autodiscovery(feeds: &[(Text, String, Format)]) -> Markup {
    html! { @for (title, url, format) in feeds { link rel="alternate" type=(format.media_type()) title=(title) href=(url); } }
}

fn trail(site_title: &Text, site_url: &WebUrl, trail: &[(Text, WebUrl)], is_below_root: bool) -> Markup {
    html! {
        @if is_below_root {
            nav aria-label="Breadcrumb" { a href=(site_url) { (site_title) } @for (title, url) in trail { " › " a href=(url) dir="auto" { (title) } } }
        }
    }
}

fn byline(entry: &Entry) -> Markup {
    html! {
        p.byline {
            time datetime=(entry.published.rfc3339()) { (format_date(entry.published)) }
            @if !entry.authors.is_empty() { " · " span dir="auto" { (join_names(&entry.authors)) } }
            @if entry.updated != entry.published { " · updated " time datetime=(entry.updated.rfc3339()) { (format_date(entry.updated)) } }
        }
    }
}

fn join_names(names: &[Text]) -> String {
    names.iter().map(Text::as_str).collect::<Vec<_>>().join(", ")
}

fn format_date(moment: Moment) -> String {
    moment.offset().to_datetime(moment.timestamp()).strftime("%-d %B %Y, %H:%M").to_string()
}

fn differing_language<'l>(entry: &'l crate::types::Language, feed: &crate::types::Language) -> Option<&'l str> {
    (entry != feed).then(|| entry.as_str())
}

fn format_title(format: Format) -> &'static str {
    match format {
        Format::Rss => "RSS",
        Format::Atom => "Atom",
        Format::Json => "JSON Feed",
    }
}

/// The article's metadata as a schema.org NewsArticle. Escapes `<`, since `</script>` would end the element even inside a string.
fn linked_data(entry: &Entry) -> String {
    let people =
        |names: &[Text]| names.iter().map(|name| json!({"@type": "Person", "name": name.as_str()})).collect::<Vec<_>>();
    let mut data = json!({
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": entry.title.as_str(),
        "url": entry.url.as_str(),
        "datePublished": entry.published.rfc3339(),
        "dateModified": entry.updated.rfc3339(),
        "inLanguage": entry.language.as_str(),
        "author": people(&entry.authors),
    });
    if let (Some(data), Some(url)) =
        (data.as_object_mut(), entry.image.as_ref().and_then(|image| image.of_width(u32::MAX)))
    {
        data.insert("image".to_owned(), json!([url.url.as_str()]));
    }
    data.to_string().replace('<', "\\u003c")
}
