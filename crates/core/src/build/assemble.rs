//! Builds neutral entries and feeds from articles, and every public URL.

use std::sync::Arc;

use jiff::Timestamp;

pub use super::address::route;
use super::corrections::{due_corrections, with_corrections};
use super::indexed_article::IndexedArticle;
use super::placement::{FeedKey, SectionRules, taxonomy_key};
use super::window::poll_minutes;
use crate::article::card::Card;
use crate::article::render::{LinkBase, Rendered, without_files};
use crate::article::summary::{DEFAULT_LIMIT, LEAD_LIMIT, summarise};
use crate::article::{AddressFacts, HiddenMedia, MediaFacts, MediaReference, Metadata};
use crate::config::{Config, MediaType, Paid};
use crate::encoding::encode_segment;
use crate::feed::{ArchiveLinks, DeletedEntry, Entry, EntryImage, EntryMedia, EntrySource, Feed, ImageFile};
use crate::snapshot::{PageFrame, PublishedArticle};
use crate::types::{ArticlePath, ContentHash, EntryId, Moment, SHORT_ID_LETTERS, Text, WebUrl, media_type};

/// The style sheet for feeds shown in browsers, relative to the public base URL.
const STYLE_SHEET: &str = "feed.css";
/// The style sheet's request path.
pub const STYLE_ROUTE: &str = "/feed.css";

/// How long caches keep the list of feeds (minutes).
pub const FEED_LIST_MAX_AGE_MINUTES: u32 = 15;

/// The public URL of a feed's page.
pub fn feed_base(config: &Config, key: &FeedKey) -> WebUrl {
    join_url(&config.site.url, route(key).trim_start_matches('/'))
}

/// A URL below the public base. `relative` is already percent-encoded.
pub(super) fn join_url(base: &WebUrl, relative: &str) -> WebUrl {
    // The result is always a valid URL. The base is a fallback that keeps this function infallible.
    WebUrl::parse(&format!("{base}{relative}")).unwrap_or_else(|_| base.clone())
}

/// The permanent last part of an article's URL: 50 bits of its id, in letters and digits that are hard to confuse.
pub fn short_id(id: &EntryId) -> String {
    let hash = ContentHash::of(id.as_str().as_bytes());
    let bits = hash.as_bytes().iter().take(7).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    (0..10)
        .filter_map(|at| SHORT_ID_LETTERS.get(usize::try_from((bits >> (at * 5)) & 31).ok()?))
        .map(|&letter| char::from(letter))
        .collect()
}

/// First publication and last change of an article. `changed` is when the text last changed. It counts only if the file states no change.
pub fn publication_dates(indexed: &IndexedArticle, changed: Option<Moment>) -> Option<(Moment, Moment)> {
    let (published, updated) = indexed.dates?;
    let changed = changed.filter(|changed| !indexed.states_update && changed.second() > updated.second());
    Some((published, changed.unwrap_or(updated)))
}

/// A public article with its URL. `None` if it isn't public.
pub fn published_article(
    path: &ArticlePath,
    card: &Card,
    indexed: &IndexedArticle,
    changed: Option<Moment>,
    config: &Config,
    frame: &Arc<PageFrame>,
    hidden: Option<Box<HiddenMedia>>,
) -> Option<PublishedArticle> {
    let id = indexed.id()?.clone();
    let (published, updated) = publication_dates(indexed, changed)?;
    let name = Text::line(&page_name(card, &id));
    let url = article_url(card, indexed, config)?;
    let has_own_page = card.link.is_none() && config.content.article_url.is_none();
    let root = if has_own_page { config.site.home.clone() } else { url.clone() };
    let language = indexed.placement().language.clone();
    Some(PublishedArticle {
        name,
        id,
        url,
        path: path.clone(),
        hash: card.hash,
        published,
        updated,
        corrections: indexed.corrections.clone(),
        language,
        is_teaser: config.content.paid == Paid::Teaser && card.access.is_paid(),
        is_listed: card.access.is_listed(),
        hidden,
        links: Arc::default(),
        root,
        frame: Arc::clone(frame),
    })
}

/// The public URL of an article. `None` if it isn't public.
pub fn article_url(card: &Card, indexed: &IndexedArticle, config: &Config) -> Option<WebUrl> {
    let (published, _) = publication_dates(indexed, None)?;
    Some(url_of(card, indexed, indexed.id()?, published, config))
}

/// The address of the page of an article that is or was public.
pub(super) fn url_of(
    card: &Card,
    indexed: &IndexedArticle,
    id: &EntryId,
    published: Moment,
    config: &Config,
) -> WebUrl {
    match (&card.link, &config.content.article_url) {
        (Some(link), _) => link.clone(),
        (None, Some(template)) => {
            let section: Vec<&str> = indexed.placement().own.segments().collect();
            let categories: Vec<&str> = card.categories.iter().map(Text::as_str).collect();
            let facts = AddressFacts {
                path: &indexed.path,
                section: &section,
                slug: card.slug.as_str(),
                categories: &categories,
                // The file's date, because the website doesn't know when dateline first saw the article.
                date: Some(card.published.unwrap_or(published)),
                style: config.parsing.slugs,
            };
            let url = template.expand(&facts);
            WebUrl::parse(&url).unwrap_or_else(|_| config.site.home.clone())
        }
        (None, None) => join_url(&config.site.url, &format!("articles/{}", encode_segment(&page_name(card, id)))),
    }
}

/// The last segment of an article's page, not percent-encoded.
fn page_name(card: &Card, id: &EntryId) -> String {
    format!("{}-{}", card.slug, short_id(id))
}

/// The addresses that links in the body are resolved against.
pub fn link_base(article: &PublishedArticle) -> LinkBase {
    LinkBase {
        folder: article.path.folder().to_owned(),
        free_only: article.is_teaser,
        root: article.root.clone(),
        markdown: article.frame.markdown,
        articles: Arc::clone(&article.links),
        ..LinkBase::new(article.url.clone(), join_url(&article.frame.site_url, "media/"))
    }
}

/// The parts that all pages of a section share.
pub fn page_frame(rules: &SectionRules, indexed: &IndexedArticle) -> PageFrame {
    let config = rules.config();
    let trail: Vec<(Text, WebUrl)> = rules
        .trail(&indexed.placement().home)
        .into_iter()
        .map(|(section, path)| (section.title.clone(), feed_base(config, &FeedKey::Section(path.clone()))))
        .collect();
    let options = rules.feed_options(&FeedKey::Section(indexed.placement().home.clone()));
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
        markdown: config.parsing.markdown,
        trail,
        feeds,
        sources: Arc::clone(&config.content.sources),
        corrected_by_agency: config.words.corrected(rules.language_of(&indexed.placement().home)),
    }
}

/// Builds an article's feed entry.
pub fn entry(article: &PublishedArticle, metadata: &Metadata, rendered: &Rendered) -> Entry {
    let public_url = |reference: &MediaReference, facts: Option<MediaFacts>| match reference {
        MediaReference::Remote(url) => Some(url.clone()),
        // Missing files are left out. When the file arrives, the watcher reads the article again.
        MediaReference::Local(path) => facts.map(|_| media_url(&article.frame.site_url, path)),
    };
    let hidden = hidden_files(article, metadata);
    let is_shown = |reference: &MediaReference| !hidden.contains(&reference);
    // The texts of a picture that readers may not see go with it.
    let image = metadata
        .image
        .as_ref()
        .filter(|image| image.files.is_empty() || image.files.iter().any(|file| is_shown(&file.url)));
    let image = image.map(|image| {
        let files = image.files.iter().filter(|file| is_shown(&file.url)).filter_map(|file| {
            let url = public_url(&file.url, file.facts)?;
            let MediaFacts { length, width, height } = file.facts.unwrap_or_default();
            Some(ImageFile { media_type: media_type_of(&url), url, length, width, height })
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
        .filter(|media| !article.is_teaser && is_shown(&media.url))
        .filter_map(|media| {
            let url = public_url(&media.url, media.facts)?;
            let media_type = media
                .media_type
                .clone()
                .or_else(|| media_type_of(&url))
                .unwrap_or_else(|| Text::new("application/octet-stream"));
            let MediaFacts { length, width, height } = media.facts.unwrap_or_default();
            Some(EntryMedia { url, media_type, length, width, height, duration: media.duration })
        })
        .collect();
    let source = metadata.source.as_ref().map(|name| {
        let configured = || article.frame.sources.get(&taxonomy_key(name)).cloned();
        EntrySource { name: name.clone(), feed: metadata.source_feed.clone().or_else(configured) }
    });
    // An article without text still needs a summary.
    let excerpt = || match &rendered.lead {
        Some(lead) => summarise(lead, LEAD_LIMIT),
        None => summarise(&rendered.text, DEFAULT_LIMIT),
    };
    let summary = metadata.summary.clone().unwrap_or_else(excerpt);
    let summary = if summary.is_empty() { metadata.title.clone() } else { summary };
    let corrections = due_corrections(article, &metadata.corrections);
    Entry {
        id: article.id.clone(),
        url: article.url.clone(),
        title: metadata.title.clone(),
        published: article.published,
        updated: article.updated,
        authors: metadata.authors.clone(),
        author_urls: metadata.author_urls.clone(),
        editors: metadata.editors.clone(),
        summary,
        is_corrected: !corrections.is_empty(),
        content: with_corrections(without_hidden(&rendered.html, article, &hidden), article, corrections),
        tags: metadata.tags.clone(),
        section: article.frame.trail.iter().map(|(title, _)| title.clone()).collect(),
        language: article.language.clone(),
        image,
        media,
        source,
        copyright: metadata.copyright.clone(),
        is_reduced: false,
    }
}

/// The files of an article that readers may not see.
fn hidden_files<'m>(article: &'m PublishedArticle, metadata: &'m Metadata) -> Vec<&'m MediaReference> {
    let Some(hidden) = &article.hidden else { return Vec::new() };
    let by_id = metadata.terms.iter().filter(|terms| terms.id.as_ref().is_some_and(|id| hidden.ids.contains(id)));
    hidden.files.iter().chain(by_id.filter_map(|terms| terms.url.as_ref())).collect()
}

/// The content without hidden files.
fn without_hidden(content: &Text, article: &PublishedArticle, hidden: &[&MediaReference]) -> Text {
    if hidden.is_empty() {
        return content.clone();
    }
    let urls = hidden.iter().map(|reference| match reference {
        MediaReference::Remote(url) => url.to_string(),
        MediaReference::Local(path) => media_url(&article.frame.site_url, path).to_string(),
    });
    Text::new(&without_files(content.as_str(), &urls.collect::<Vec<_>>()))
}

/// A hash of what readers see: title, words and pictures, without markup. If the hash changes, so does `updated`.
pub fn text_hash(metadata: &Metadata, rendered: &Rendered, summary_only: bool) -> ContentHash {
    let words = visible_words(rendered.html.as_str());
    let summary = metadata.summary.as_ref().filter(|_| summary_only).map_or("", Text::as_str);
    let pictures = metadata.image.iter().flat_map(|image| &image.files).map(|file| match &file.url {
        MediaReference::Remote(url) => url.as_str(),
        MediaReference::Local(path) => path.as_str(),
    });
    let inside = rendered.local_media.iter().map(ArticlePath::as_str);
    let texts = [metadata.title.as_str(), words.as_str(), summary].into_iter().chain(pictures).chain(inside);
    ContentHash::of_parts(texts.map(str::as_bytes))
}

/// The words of sanitised HTML: no tags, white space collapsed.
fn visible_words(html: &str) -> String {
    let mut words = String::with_capacity(html.len());
    let mut is_in_tag = false;
    for character in html.chars() {
        match character {
            '<' => is_in_tag = true,
            '>' if is_in_tag => is_in_tag = false,
            _ if is_in_tag => {}
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

fn media_url(site_url: &WebUrl, path: &ArticlePath) -> WebUrl {
    join_url(site_url, &format!("media/{}", path.media_route()))
}

fn media_type_of(url: &WebUrl) -> Option<Text> {
    let path = url.path();
    let (_, extension) = path.rsplit_once('.')?;
    media_type(extension).map(Text::new)
}

/// The parts of a feed's history that determine its next version.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FeedHistory {
    /// Recently retracted entries, newest first.
    pub deleted: Vec<DeletedEntry>,
    /// Notices in the places of retracted entries, newest first by the stories' first publication, ties by id.
    pub notices: Vec<Arc<Entry>>,
    /// The feed's last `updated`, which never goes back.
    pub updated: Option<Timestamp>,
    /// The hubs that push the feed to subscribers.
    pub hubs: Vec<WebUrl>,
    /// Where the feed's archives are.
    pub archives: ArchiveLinks,
}

/// Builds the feed of an archive, still without entries. `articles` are those of the entries.
pub fn archive(
    key: &FeedKey,
    rules: &SectionRules,
    title: Option<&Text>,
    articles: &[Arc<PublishedArticle>],
    archives: ArchiveLinks,
) -> Feed {
    let feed = feed(key, rules, Vec::new(), &FeedHistory { archives, ..FeedHistory::default() });
    let dates: Vec<_> = articles.iter().map(|article| article.published.timestamp()).collect();
    Feed {
        // The title of a tag's or author's feed is spelled as in its window.
        title: title.unwrap_or(&feed.title).clone(),
        updated: articles.iter().map(|article| article.updated.timestamp()).max(),
        poll_minutes: poll_minutes(&dates, &rules.feed_options(key).polling),
        // Archives change when entries leave, which no hub announces.
        hubs: Vec::new(),
        ..feed
    }
}

/// Builds a feed from entries.
pub fn feed(key: &FeedKey, rules: &SectionRules, entries: Vec<Arc<Entry>>, history: &FeedHistory) -> Feed {
    let config = rules.config();
    let site = &config.site;
    let options = rules.feed_options(key);
    let base = feed_base(config, key);
    // The newest entry decides the spelling, so that the title depends only on the window.
    let newest_spelling = |wanted: &Text, terms: fn(&Entry) -> &[Text]| {
        let mut spellings = entries.iter().flat_map(|entry| terms(entry)).filter(|term| taxonomy_key(term) == *wanted);
        spellings.next().unwrap_or(wanted).clone()
    };
    let (name, title, description, home, language) = match key {
        FeedKey::Section(path) => match rules.section(path) {
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
            let title = Text::line(&format!("#{} \u{2013} {}", newest_spelling(tag, |entry| &entry.tags), site.title));
            (
                format!("tags/{}", encode_segment(tag.as_str())),
                title.clone(),
                title,
                base.clone(),
                site.language.clone(),
            )
        }
        FeedKey::Author(author) => {
            let title =
                Text::line(&format!("{} \u{2013} {}", newest_spelling(author, |entry| &entry.authors), site.title));
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
            .chain(history.deleted.iter().map(DeletedEntry::changed))
            .chain(history.updated)
            .max(),
        founded: site.founded,
        publisher: site.title.clone(),
        copyright: site.copyright.clone(),
        poll_minutes: poll_minutes(&dates, &options.polling),
        content: options.content,
        skip_hours: options.polling.skip_hours.clone(),
        skip_days: options.polling.skip_days.clone(),
        logo: site.logo.clone(),
        icon: site.icon.clone(),
        accent_color: site.accent_color.clone(),
        bylines: options.bylines,
        correction_title: options.correction_title.clone(),
        image_width: options.image_width,
        lead_image: options.lead_image,
        lone_caption: options.lone_caption,
        update_signal: options.update_signal,
        podcast: options.podcast.clone(),
        style: (options.media_type == MediaType::Xml).then(|| join_url(&site.url, STYLE_SHEET)),
        hubs: history.hubs.clone(),
        partner: None,
        entries,
        deleted: history.deleted.clone(),
        notices: history.notices.clone(),
        archives: history.archives.clone(),
    }
}
