//! Neutral entries and feeds out of articles, and the public URL of everything.

use std::sync::Arc;

use jiff::Timestamp;

pub use super::address::route;
use super::index::IndexedArticle;
use super::placement::{FeedKey, SectionRules, taxonomy_key};
use super::window::poll_minutes;
use crate::article::card::Card;
use crate::article::render::{LinkBase, Rendered};
use crate::article::sanitise::escape_lines;
use crate::article::summary::{DEFAULT_LIMIT, LEAD_LIMIT, summarise};
use crate::article::{Correction, MediaFacts, MediaReference, Metadata};
use crate::config::{Config, FeedOptions, MediaType, Paid};
use crate::encoding::encode_segment;
use crate::feed::{DeletedEntry, Entry, EntryImage, EntryMedia, EntrySource, Feed, ImageFile, PartnerFeed};
use crate::snapshot::{PageFrame, PublishedArticle};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, SHORT_ID_LETTERS, Text, WebUrl, media_type};

/// The style sheet of feeds that browsers show, below the public base.
const STYLE_SHEET: &str = "feed.css";
/// Its canonical request path.
pub const STYLE_ROUTE: &str = "/feed.css";

/// How long caches keep the list of feeds (minutes).
pub const LIST_MINUTES: u32 = 15;

/// The public URL of a feed's page.
pub fn feed_base(config: &Config, key: &FeedKey) -> WebUrl {
    below(&config.site.url, route(key).trim_start_matches('/'))
}

/// A URL below dateline's public base; `relative` is percent-encoded already.
pub(super) fn below(base: &WebUrl, relative: &str) -> WebUrl {
    // An encoded path joined to a checked base is a URL; the base stands in where some future rule says otherwise.
    WebUrl::parse(&format!("{base}{relative}")).unwrap_or_else(|_| base.clone())
}

/// The permanent end of an article's address: 50 bits of its id, in letters and digits that are told apart when read aloud.
pub fn short_id(id: &EntryId) -> String {
    let hash = ContentHash::of(id.as_str().as_bytes());
    let bits = hash.as_bytes().iter().take(7).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    (0..10)
        .filter_map(|at| SHORT_ID_LETTERS.get(usize::try_from((bits >> (at * 5)) & 31).ok()?))
        .map(|&letter| char::from(letter))
        .collect()
}

/// When an article was first published and when it last changed. What it states wins; else it changed when its text did, which
/// is what `changed` says.
pub fn dates(filed: &IndexedArticle, changed: Option<Moment>) -> Option<(Moment, Moment)> {
    let (published, updated) = filed.dates?;
    let changed = changed.filter(|changed| !filed.states_update && changed.second() > updated.second());
    Some((published, changed.unwrap_or(updated)))
}

/// A public article with its address; `None` while it is not public.
pub fn published(
    path: &ArticlePath,
    card: &Card,
    filed: &IndexedArticle,
    changed: Option<Moment>,
    config: &Config,
    frame: &Arc<PageFrame>,
) -> Option<PublishedArticle> {
    let id = filed.id()?.clone();
    let (published, updated) = dates(filed, changed)?;
    let name = Text::line(&format!("{}-{}", card.slug, short_id(&id)));
    let url = match (&card.link, &config.content.article_url) {
        (Some(link), _) => link.clone(),
        (None, Some(template)) => {
            let date = published.date();
            let mut date = date.split('-');
            let mut part = || date.next().unwrap_or_default();
            let section: Vec<String> = filed.filing().own.segments().map(encode_segment).collect();
            let section = section.join("/");
            let template =
                if section.is_empty() { template.0.as_str().replace("{section}/", "") } else { template.0.to_string() };
            let url = template
                .replace("{section}", &section)
                .replace("{slug}", &encode_segment(card.slug.as_str()))
                .replace("{year}", part())
                .replace("{month}", part())
                .replace("{day}", part());
            WebUrl::parse(&url).unwrap_or_else(|_| config.site.home.clone())
        }
        (None, None) => below(&config.site.url, &format!("articles/{}", encode_segment(name.as_str()))),
    };
    let language = filed.filing().language.clone();
    Some(PublishedArticle {
        name,
        id,
        url,
        path: path.clone(),
        hash: card.hash,
        published,
        updated,
        language,
        is_teaser: config.content.paid == Paid::Teaser && card.access.is_paid(),
        is_listed: card.access.is_listed(),
        frame: Arc::clone(frame),
    })
}

/// What the body's links are resolved against.
pub fn link_base(article: &PublishedArticle) -> LinkBase {
    LinkBase {
        page: article.url.clone(),
        media: below(&article.frame.site_url, "media/"),
        folder: article.path.folder().to_owned(),
        anchors: false,
        free_only: article.is_teaser,
    }
}

/// What pages of a section have in common.
pub fn frame(cabinet: &SectionRules, filed: &IndexedArticle) -> PageFrame {
    let config = cabinet.config();
    let trail: Vec<(Text, WebUrl)> = cabinet
        .trail(&filed.filing().home)
        .into_iter()
        .map(|(section, path)| (section.title.clone(), feed_base(config, &FeedKey::Section(path.clone()))))
        .collect();
    let options = options(cabinet, &FeedKey::Section(filed.filing().home.clone()));
    let (title, base) = trail.last().cloned().unwrap_or_else(|| (config.site.title.clone(), config.site.url.clone()));
    let first = options.formats.iter().take(1);
    let mut feeds: Vec<_> =
        first.map(|&format| (title.clone(), format!("{base}{}", format.file_name()), format)).collect();
    if !trail.is_empty() {
        let first = config.feeds.formats.iter().take(1);
        feeds.extend(
            first.map(|&format| {
                (config.site.title.clone(), format!("{}{}", config.site.url, format.file_name()), format)
            }),
        );
    }
    PageFrame {
        site_title: config.site.title.clone(),
        site_url: config.site.url.clone(),
        trail,
        feeds,
        sources: Arc::clone(&config.content.sources),
    }
}

/// The entry of an article.
pub fn entry(article: &PublishedArticle, metadata: &Metadata, rendered: &Rendered) -> Entry {
    let address = |reference: &MediaReference, facts: Option<MediaFacts>| match reference {
        MediaReference::Remote(url) => Some(url.clone()),
        // What is not there is not announced; when it comes, the article is read again.
        MediaReference::Local(path) => facts.map(|_| media_url(&article.frame.site_url, path)),
    };
    let image = metadata.image.as_ref().map(|image| {
        let files = image.files.iter().filter_map(|file| {
            let url = address(&file.url, file.facts)?;
            let MediaFacts { length, width, height } = file.facts.unwrap_or_default();
            Some(ImageFile { media_type: guess_type(&url), url, length, width, height })
        });
        EntryImage {
            files: files.collect(),
            alt: image.alt.clone(),
            caption: image.caption.clone(),
            credit: image.credit.clone(),
        }
    });
    let media = metadata
        .media
        .iter()
        .filter(|_| !article.is_teaser)
        .filter_map(|media| {
            let url = address(&media.url, media.facts)?;
            let media_type = media
                .media_type
                .clone()
                .or_else(|| guess_type(&url))
                .unwrap_or_else(|| Text::new("application/octet-stream"));
            let MediaFacts { length, width, height } = media.facts.unwrap_or_default();
            Some(EntryMedia { url, media_type, length, width, height, duration: media.duration })
        })
        .collect();
    let source = metadata.source.as_ref().map(|name| {
        let configured = || article.frame.sources.get(&taxonomy_key(name)).cloned();
        EntrySource { name: name.clone(), feed: metadata.source_feed.clone().or_else(configured) }
    });
    // An article without a word still says what it is about.
    let cut = || match &rendered.lead {
        Some(lead) => summarise(lead, LEAD_LIMIT),
        None => summarise(&rendered.text, DEFAULT_LIMIT),
    };
    let summary = metadata.summary.clone().unwrap_or_else(cut);
    let summary = if summary.is_empty() { metadata.title.clone() } else { summary };
    Entry {
        id: article.id.clone(),
        url: article.url.clone(),
        title: metadata.title.clone(),
        published: article.published,
        updated: article.updated,
        authors: metadata.authors.clone(),
        editors: metadata.editors.clone(),
        summary,
        // What was corrected in the paid part is part of it.
        content: match article.is_teaser {
            true => rendered.html.clone(),
            false => with_corrections(&rendered.html, article, &metadata.corrections),
        },
        tags: metadata.tags.clone(),
        section: article.frame.trail.iter().map(|(title, _)| title.clone()).collect(),
        language: article.language.clone(),
        image,
        media,
        source,
        copyright: metadata.copyright.clone(),
        reduced: false,
    }
}

/// The content with a notice below it for each correction that is due by now.
fn with_corrections(content: &Text, article: &PublishedArticle, corrections: &[Correction]) -> Text {
    let due = |correction: &&Correction| correction.date.timestamp() <= article.updated.timestamp();
    let mut corrections = corrections.iter().filter(due).peekable();
    if content.is_empty() || corrections.peek().is_none() {
        return content.clone();
    }
    let word = correction_word(&article.language);
    let mut html = content.to_string();
    for Correction { date, text } in corrections {
        let mut words = String::new();
        escape_lines(text.as_str(), &mut words);
        // Wire text says it at its end already.
        if content.as_str().contains(&words) {
            continue;
        }
        let (instant, day) = (date.rfc3339(), date.date());
        html.push_str(&format!("\n<p><strong>{word} (<time datetime=\"{instant}\">{day}</time>):</strong> "));
        html.push_str(&words);
        html.push_str("</p>");
    }
    Text::new(&html)
}

/// What a correction is called, in the languages that the news of most agencies is in; English elsewhere.
fn correction_word(language: &Language) -> &'static str {
    match language.primary() {
        "zh" => "更正",
        "ja" => "訂正",
        "ko" => "정정",
        "ar" => "تصحيح",
        "de" => "Korrektur",
        "es" => "Corrección",
        "fr" => "Correction",
        "it" => "Correzione",
        "nl" => "Correctie",
        "pt" => "Correção",
        "ru" => "Исправление",
        _ => "Correction",
    }
}

/// What an article reads like, for telling whether a reader would see a change: title, words and pictures, without markup.
pub fn text_hash(metadata: &Metadata, rendered: &Rendered, summary_only: bool) -> ContentHash {
    let words = readable(rendered.html.as_str());
    let summary = metadata.summary.as_ref().filter(|_| summary_only).map_or("", Text::as_str);
    let pictures = metadata.image.iter().flat_map(|image| &image.files).map(|file| match &file.url {
        MediaReference::Remote(url) => url.as_str(),
        MediaReference::Local(path) => path.as_str(),
    });
    let inside = rendered.local_media.iter().map(ArticlePath::as_str);
    let texts = [metadata.title.as_str(), words.as_str(), summary].into_iter().chain(pictures).chain(inside);
    ContentHash::of_parts(texts.map(str::as_bytes))
}

/// The words of sanitised HTML, without its tags and with one blank for any white space.
fn readable(html: &str) -> String {
    let mut words = String::with_capacity(html.len());
    let mut in_tag = false;
    for character in html.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            blank if blank.is_whitespace() => {
                if !words.ends_with(' ') {
                    words.push(' ');
                }
            }
            other => words.push(other),
        }
    }
    words.truncate(words.trim_end().len());
    words
}

/// The path of a media file below `/media/`, percent-encoded.
pub fn media_route(path: &ArticlePath) -> String {
    path.as_str().split('/').map(encode_segment).collect::<Vec<_>>().join("/")
}

fn media_url(site_url: &WebUrl, path: &ArticlePath) -> WebUrl {
    below(site_url, &format!("media/{}", media_route(path)))
}

fn guess_type(url: &WebUrl) -> Option<Text> {
    let path = url.path();
    let (_, extension) = path.rsplit_once('.')?;
    media_type(extension).map(Text::new)
}

/// The options of a feed: the section's, else the site's.
pub fn options<'a>(cabinet: &'a SectionRules, key: &FeedKey) -> &'a FeedOptions {
    let section = match key {
        FeedKey::Section(path) => cabinet.section(path),
        _ => None,
    };
    section.map_or(&cabinet.config().feeds, |section| &section.feeds)
}

/// The feeds for partners that a feed has.
pub fn partners<'a>(cabinet: &'a SectionRules, key: &FeedKey) -> &'a [PartnerFeed] {
    match key {
        FeedKey::Section(path) => cabinet.section(path).map_or(&[], |section| &section.partners),
        FeedKey::Tag(_) | FeedKey::Author(_) => &[],
    }
}

/// What a feed says of what it had before.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Past {
    /// What was retracted lately, newest first.
    pub deleted: Vec<DeletedEntry>,
    /// What its `updated` said last: it never goes back.
    pub updated: Option<Timestamp>,
}

/// A feed of these entries.
pub fn feed(key: &FeedKey, cabinet: &SectionRules, entries: Vec<Arc<Entry>>, past: &Past) -> Feed {
    let config = cabinet.config();
    let site = &config.site;
    let options = options(cabinet, key);
    let base = feed_base(config, key);
    // Of several spellings the newest entry's wins, so that the title is a function of the window.
    let spelling = |wanted: &Text, terms: fn(&Entry) -> &[Text]| {
        let mut spellings = entries.iter().flat_map(|entry| terms(entry)).filter(|term| taxonomy_key(term) == *wanted);
        spellings.next().unwrap_or(wanted).clone()
    };
    let (name, title, description, home, language) = match key {
        FeedKey::Section(path) => match cabinet.section(path) {
            None => {
                (String::new(), site.title.clone(), site.description.clone(), site.home.clone(), site.language.clone())
            }
            Some(section) => {
                let title = Text::line(&format!("{} \u{2013} {}", section.title, site.title));
                let description = section.description.clone().unwrap_or_else(|| title.clone());
                let language = section.language.clone().unwrap_or_else(|| site.language.clone());
                let name = section.path.segments().map(encode_segment).collect::<Vec<_>>().join("/");
                (name, title, description, section.link.clone().unwrap_or_else(|| base.clone()), language)
            }
        },
        FeedKey::Tag(tag) => {
            let title = Text::line(&format!("#{} \u{2013} {}", spelling(tag, |entry| &entry.tags), site.title));
            (
                format!("tags/{}", encode_segment(tag.as_str())),
                title.clone(),
                title,
                base.clone(),
                site.language.clone(),
            )
        }
        FeedKey::Author(author) => {
            let title = Text::line(&format!("{} \u{2013} {}", spelling(author, |entry| &entry.authors), site.title));
            (
                format!("authors/{}", encode_segment(author.as_str())),
                title.clone(),
                title,
                base.clone(),
                site.language.clone(),
            )
        }
    };
    let dates: Vec<_> = entries.iter().map(|entry| entry.published.timestamp()).collect();
    Feed {
        id: EntryId::minted(format!("tag:{}:feed/{name}", site.tag_authority)),
        title,
        description,
        home,
        site: site.url.clone(),
        base,
        formats: options.formats.clone(),
        language,
        updated: entries
            .iter()
            .map(|entry| entry.updated.timestamp())
            .chain(past.deleted.iter().map(|deleted| deleted.at))
            .chain(past.updated)
            .max(),
        publisher: site.title.clone(),
        copyright: site.copyright.clone(),
        poll_minutes: poll_minutes(&dates, &options.polling),
        content: options.content,
        skip_hours: options.polling.skip_hours.clone(),
        skip_days: options.polling.skip_days.clone(),
        logo: site.logo.clone(),
        icon: site.icon.clone(),
        image_width: options.image_width,
        lead_image: options.lead_image,
        update_signal: options.update_signal,
        podcast: options.podcast.clone(),
        style: (options.media_type == MediaType::Xml).then(|| below(&site.url, STYLE_SHEET)),
        partner: None,
        entries,
        deleted: past.deleted.clone(),
    }
}
