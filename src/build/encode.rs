//! From a neutral feed to the documents that are served under its route.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::assemble::{self, LIST_MINUTES, Past, feed_base, route};
use super::placement::{FeedKey, SectionRules};
use crate::article::Metadata;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::Now;
use crate::feed::opml::{self, Outline};
use crate::feed::page::{self, FeedPage};
use crate::feed::partner;
use crate::feed::{ContentMode, DeletedEntry, Entry, Feed, Format, PartnerFeed, encode};
use crate::parallel;
use crate::snapshot::{PublishedArticle, Resource, ResourceKind};
use crate::types::{SectionPath, Text, WebUrl};

/// How long caches keep pages (seconds): people reload and want what is new.
const PAGE_MAX_AGE: u32 = 60;
/// How long caches keep the style sheet (seconds).
const STYLE_MAX_AGE: u32 = 86_400;

/// One document: its name under the feed's route, its kind, and itself.
pub type Document = (String, ResourceKind, Result<Resource, Diagnostic>);

/// A feed that is to be made.
pub struct Wanted<'w> {
    /// Which.
    pub key: &'w FeedKey,
    /// What it is to show, newest first.
    pub entries: Vec<Arc<Entry>>,
    /// What it says of what it had before.
    pub past: &'w Past,
    /// The most that one of its documents may have (bytes).
    pub limit: usize,
}

/// A feed and its documents, or the places of the entries over which dateline fails.
pub type Made = Result<(Feed, Vec<Document>), Vec<usize>>;

/// A feed as far as it is made; no documents: they are still to be.
struct Draft<'w> {
    key: &'w FeedKey,
    past: &'w Past,
    limit: usize,
    /// All that was wanted.
    entries: Vec<Arc<Entry>>,
    feed: Feed,
    documents: Vec<Document>,
    /// The places of entries without which the documents can be made.
    failing: Vec<usize>,
}

/// Each feed with as many of its entries as fit into documents of its limit, the newest at least, and its documents. An entry that is
/// larger by itself is shown by its summary alone. All cores make documents, also those of one feed. Where one cannot be made, it is found
/// out which entries are the reason.
pub fn fitting(cabinet: &SectionRules, wanted: Vec<Wanted<'_>>) -> Vec<Made> {
    let mut drafts: Vec<Draft<'_>> = wanted.into_iter().map(|wanted| Draft::new(cabinet, wanted)).collect();
    loop {
        let undone = drafts.iter().filter(|draft| draft.is_undone());
        let undone = undone.flat_map(|draft| draft.parts(cabinet).into_iter().map(move |part| (draft, part)));
        let undone: Vec<(&Draft<'_>, FeedDocument<'_>)> = undone.collect();
        if undone.is_empty() {
            let made = |Draft { feed, documents, failing, .. }| match failing.is_empty() {
                true => Ok((feed, documents)),
                false => Err(failing),
            };
            return drafts.into_iter().map(made).collect();
        }
        let made =
            parallel::in_shares(&undone, 1, |(draft, part)| part.document_or_refusal(draft.key, cabinet, &draft.feed));
        let mut made = made.into_iter();
        for draft in drafts.iter_mut().filter(|draft| draft.is_undone()) {
            draft.documents = made.by_ref().take(draft.parts(cabinet).len()).collect();
            if draft.documents.iter().any(|(.., document)| document.is_err()) {
                draft.failing = draft.failing_entries(cabinet);
            } else if let Some(entries) = draft.fewer() {
                draft.feed = assemble::feed(draft.key, cabinet, entries, draft.past);
                draft.documents.clear();
            }
        }
    }
}

impl<'w> Draft<'w> {
    fn new(cabinet: &SectionRules, Wanted { key, entries, past, limit }: Wanted<'w>) -> Draft<'w> {
        let made = parallel::catch_panic(|| assemble::feed(key, cabinet, entries.clone(), past));
        let is_made = made.is_some();
        // Retractions beyond the usual number are told for a day, and not at the expense of entries.
        let more = past.deleted.iter().skip(assemble::options(cabinet, key).max_tombstones);
        let limit = more.map(DeletedEntry::written_bytes).fold(limit, usize::saturating_add);
        let feed = made.unwrap_or_else(|| assemble::feed(key, cabinet, Vec::new(), past));
        let mut draft = Draft { key, past, limit, entries, feed, documents: Vec::new(), failing: Vec::new() };
        if !is_made {
            draft.failing = draft.failing_entries(cabinet);
            if draft.failing.is_empty() {
                // Nobody knows why.
                draft.feed = assemble::feed(key, cabinet, draft.entries.clone(), past);
            }
        }
        draft
    }

    fn is_undone(&self) -> bool {
        self.documents.is_empty() && self.failing.is_empty()
    }

    /// The documents that it has, the page first, those for partners last.
    fn parts<'c>(&self, cabinet: &'c SectionRules) -> Vec<FeedDocument<'c>> {
        let public = self.feed.formats.iter().map(|&format| FeedDocument::Public(format));
        let partners = assemble::partners(cabinet, self.key).iter().map(FeedDocument::Partner);
        std::iter::once(FeedDocument::Page).chain(public).chain(partners).collect()
    }

    /// The entries of which no feed can be made that has them alone.
    fn failing_entries(&self, cabinet: &SectionRules) -> Vec<usize> {
        let parts = self.parts(cabinet);
        let fails = |entry: &Arc<Entry>| {
            let alone = parallel::catch_panic(|| assemble::feed(self.key, cabinet, vec![Arc::clone(entry)], self.past));
            let is_made =
                |feed: &Feed| parts.iter().all(|part| part.document_or_refusal(self.key, cabinet, feed).2.is_ok());
            !alone.is_some_and(|feed| is_made(&feed))
        };
        self.entries.iter().enumerate().filter(|(_, entry)| fails(entry)).map(|(place, _)| place).collect()
    }

    /// The entries to try next where a document is too large.
    fn fewer(&self) -> Option<Vec<Arc<Entry>>> {
        let Draft { limit, feed, documents, .. } = self;
        let sizes = documents.iter().filter(|(_, kind, _)| *kind != ResourceKind::Page);
        let sizes = sizes.filter_map(|(_, _, document)| Some(document.as_ref().ok()?.length));
        let largest = sizes.max().unwrap_or(0);
        let huge = |entry: &Arc<Entry>| is_huge(entry.content.as_str().len(), *limit);
        let has_huge = feed.entries.iter().any(huge);
        if largest <= *limit || feed.entries.is_empty() || (feed.entries.len() == 1 && !has_huge) {
            return None;
        }
        let mut entries = feed.entries.clone();
        if has_huge {
            for entry in entries.iter_mut().filter(|entry| huge(entry)) {
                *entry = Arc::new(Entry { content: Text::new(""), reduced: true, ..(**entry).clone() });
            }
        } else {
            let fitting = entries.len().saturating_mul(*limit) / largest;
            entries.truncate(fitting.clamp(1, entries.len().saturating_sub(1)));
        }
        Some(entries)
    }
}

/// Whether an article takes more than half of what a document may have: it would push the others out.
fn is_huge(content: usize, limit: usize) -> bool {
    content > limit / 2
}

/// What the entry of an article whose content has so many bytes takes in a document at least: no format writes text shorter than it
/// is.
pub fn least_bytes(metadata: &Metadata, content: usize, mode: ContentMode, limit: usize) -> usize {
    let whole = mode == ContentMode::Full && !is_huge(content, limit);
    let summary = metadata.summary.as_ref().map_or(0, |summary| summary.as_str().len());
    summary + metadata.title.as_str().len() + if whole { content } else { 0 }
}

/// The warning that `max_bytes` cut a window, where it did.
pub fn cut(key: &FeedKey, cabinet: &SectionRules, feed: &Feed, wanted: usize) -> Option<Diagnostic> {
    let limit = assemble::options(cabinet, key).window.max_bytes;
    let shown = feed.entries.len();
    let reduced = feed.entries.iter().filter(|entry| entry.reduced).count();
    if shown == wanted && reduced == 0 {
        return None;
    }
    let message = format!(
        "the feed {} shows {shown} of {wanted} articles, {reduced} of them by their summaries alone: a document would be \
         larger than `max_bytes`, {limit}",
        feed.base
    );
    let diagnostic = Diagnostic::new(Code::WindowCut, message)
        .help("write `content = \"summary\"`, a lower `max_items` or `min_residency`, or a higher `max_bytes`");
    let section = match key {
        FeedKey::Section(path) => cabinet.section(path),
        FeedKey::Tag(_) | FeedKey::Author(_) => None,
    };
    Some(match section {
        Some(section) => diagnostic.at(section.place.clone()),
        None => diagnostic,
    })
}

/// Which document of a feed.
enum FeedDocument<'c> {
    Page,
    Public(Format),
    Partner(&'c PartnerFeed),
}

impl FeedDocument<'_> {
    /// The document; a panic refuses it.
    fn document_or_refusal(&self, key: &FeedKey, cabinet: &SectionRules, feed: &Feed) -> Document {
        parallel::catch_panic(|| self.document(key, cabinet, feed)).unwrap_or_else(|| {
            let (name, kind) = match self {
                FeedDocument::Page => (String::new(), ResourceKind::Page),
                FeedDocument::Public(format) => (format.file_name().to_owned(), ResourceKind::Feed(*format)),
                FeedDocument::Partner(partner) => (partner.file_name.clone(), ResourceKind::Feed(Format::Rss)),
            };
            let message = format!("dateline failed over {}{name}, which is a mistake of dateline's", feed.base);
            let refusal = Diagnostic::new(Code::DocumentRefused, message);
            (name, kind, Err(refusal.help("its last good version stays published; please report this")))
        })
    }

    fn document(&self, key: &FeedKey, cabinet: &SectionRules, feed: &Feed) -> Document {
        match self {
            FeedDocument::Page => (String::new(), ResourceKind::Page, Ok(page(key, cabinet, feed))),
            FeedDocument::Public(format) => {
                let shown = feed.style.is_some() && *format != Format::Json;
                let kind = if shown { ResourceKind::ShownFeed(*format) } else { ResourceKind::Feed(*format) };
                (format.file_name().to_owned(), kind, document(feed, *format, kind))
            }
            FeedDocument::Partner(partner) => {
                let kind = ResourceKind::Feed(Format::Rss);
                let mut adapted = partner::adapt(feed, (*partner).clone());
                let most = partner.partner.rules().max_bytes.unwrap_or(usize::MAX);
                let mut made = document(&adapted, Format::Rss, kind);
                while let Ok(resource) = &made
                    && resource.length > most
                    && adapted.entries.len() > 1
                {
                    let fitting = adapted.entries.len().saturating_mul(most) / resource.length;
                    adapted.entries.truncate(fitting.clamp(1, adapted.entries.len().saturating_sub(1)));
                    made = document(&adapted, Format::Rss, kind);
                }
                (partner.file_name.clone(), kind, made)
            }
        }
    }
}

fn page(key: &FeedKey, cabinet: &SectionRules, feed: &Feed) -> Resource {
    let page = page::feed_page(feed, &feed_page(key, cabinet));
    let page = Resource::new(ResourceKind::Page, page.into_bytes(), feed.updated, PAGE_MAX_AGE);
    let announced: Vec<_> =
        feed.formats.first().map(|&format| (feed.title.clone(), feed.url(format), format)).into_iter().collect();
    let mut page = page.with_feed_links(&announced);
    page.newest = feed.entries.iter().map(|entry| entry.published.timestamp()).max();
    page
}

fn document(feed: &Feed, format: Format, kind: ResourceKind) -> Result<Resource, Diagnostic> {
    let max_age = feed.poll_minutes.saturating_mul(60);
    encode(feed, format).map(|bytes| Resource::new(kind, bytes, feed.updated, max_age)).map_err(|error| {
        Diagnostic::new(Code::DocumentRefused, format!("{} cannot be made: {error}", feed.url(format)))
            .help("its last good version stays published; please report this")
    })
}

/// Entries whose enclosure is that of an older one, of which players show only one; `place` says where an entry was written, by its place
/// in the feed.
pub fn shared_media(feed: &Feed, place: impl Fn(usize) -> Option<Place>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let mut first: HashMap<&WebUrl, usize> = HashMap::new();
    for (position, entry) in feed.entries.iter().enumerate().rev() {
        let Some(media) = entry.enclosure() else { continue };
        let older = *first.entry(&media.url).or_insert(position);
        if older == position {
            continue;
        }
        let (here, there) = (place(position), place(older));
        let there = there.map_or_else(|| "another article".to_owned(), |there| format!("`{}`", there.file));
        let message = format!("the media file of this article is that of {there} as well: {}", media.url);
        let help = "name another file, or take one of the two out of the feed; players show only one of them";
        let warning = Diagnostic::new(Code::MediaShared, message).help(help);
        warnings.push(match here {
            Some(here) => warning.at(here),
            None => warning,
        });
    }
    warnings
}

/// What partners would refuse of a feed; `place` says where an entry was written, by its place in the feed.
pub fn partner_warnings(
    key: &FeedKey,
    cabinet: &SectionRules,
    feed: &Feed,
    now: Now,
    place: impl Fn(usize) -> Option<Place>,
) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for partner in assemble::partners(cabinet, key) {
        let name = partner.partner.name();
        let source = partner.partner.rules().sources.first().copied().unwrap_or_default();
        for refusal in partner::refusals(feed, partner.partner, Some(now)) {
            let position = refusal.entry.and_then(|entry| feed.entries.iter().position(|other| other.id == entry.id));
            let message = match refusal.entry {
                Some(_) if refusal.left_out => {
                    format!("left out of {}{}: {}", feed.base, partner.file_name, refusal.why)
                }
                Some(_) => format!("{name} would refuse it: {}", refusal.why),
                None => format!("{name} would refuse the feed {}{}: {}", feed.base, partner.file_name, refusal.why),
            };
            let warning = Diagnostic::new(Code::PartnerRefuses, message).help(format!("{} ({source})", refusal.cure));
            let section = || match key {
                FeedKey::Section(path) => cabinet.section(path).map(|section| section.place.clone()),
                FeedKey::Tag(_) | FeedKey::Author(_) => None,
            };
            warnings.push(match position.and_then(&place).or_else(section) {
                Some(place) => warning.at(place),
                None => warning,
            });
        }
    }
    warnings
}

/// The style sheet of feeds that browsers show.
pub fn style_sheet() -> Resource {
    Resource::new(ResourceKind::Style, page::FEED_STYLE.as_bytes().to_vec(), None, STYLE_MAX_AGE)
}

fn feed_page<'c>(key: &FeedKey, cabinet: &'c SectionRules) -> FeedPage<'c> {
    let config = cabinet.config();
    let address = |path: &SectionPath| feed_base(config, &FeedKey::Section(path.clone()));
    let (trail, children) = match key {
        FeedKey::Section(path) => {
            let above = path.parent().map(|parent| cabinet.trail(&parent)).unwrap_or_default();
            let below = cabinet.children(path);
            let named = |sections: Vec<&crate::config::Section>| -> Vec<(Text, WebUrl)> {
                sections.into_iter().map(|section| (section.title.clone(), address(&section.path))).collect()
            };
            (named(above.into_iter().map(|(section, _)| section).collect()), named(below))
        }
        FeedKey::Tag(_) | FeedKey::Author(_) => (Vec::new(), Vec::new()),
    };
    FeedPage { site_title: &config.site.title, site_url: &config.site.url, trail, children }
}

/// The page of an article.
pub fn article_page(article: &PublishedArticle, entry: &Entry) -> Resource {
    let page = page::article_page(entry, &article.frame, article.is_listed);
    Resource::new(ResourceKind::Page, page.into_bytes(), Some(article.updated.timestamp()), PAGE_MAX_AGE)
        .with_feed_links(&article.frame.feeds)
}

/// The list of all feeds: sections nested as they are, then tags and authors.
pub fn opml<'k>(
    cabinet: &SectionRules,
    keys: impl Iterator<Item = &'k FeedKey>,
    titles: &BTreeMap<FeedKey, Text>,
) -> Result<Resource, Diagnostic> {
    let config = cabinet.config();
    let outline = |key: &FeedKey| {
        let base = feed_base(config, key);
        let format = super::assemble::options(cabinet, key).formats.first().copied().unwrap_or(Format::Rss);
        let title = titles.get(key).cloned().unwrap_or_else(|| Text::new(&route(key)));
        Outline { title, page: base.to_string(), feed: format!("{base}{}", format.file_name()), children: Vec::new() }
    };
    // Keys come sorted, so each section follows the one it lies in: a stack of the open ones is enough.
    let mut open: Vec<(SectionPath, Outline)> = Vec::new();
    let mut outlines: Vec<Outline> = Vec::new();
    let close = |open: &mut Vec<(SectionPath, Outline)>, outlines: &mut Vec<Outline>| {
        let Some((_, done)) = open.pop() else { return };
        match open.last_mut() {
            Some((_, parent)) => parent.children.push(done),
            None => outlines.push(done),
        }
    };
    let mut sections: Vec<&FeedKey> = Vec::new();
    let mut others: Vec<&FeedKey> = Vec::new();
    for key in keys {
        if matches!(key, FeedKey::Section(_)) { sections.push(key) } else { others.push(key) }
    }
    sections.sort_by_key(|key| match key {
        FeedKey::Section(path) => path.segments().map(str::to_owned).collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    for key in sections {
        let FeedKey::Section(path) = key else { continue };
        if path.is_root() {
            outlines.push(outline(key));
            continue;
        }
        while open.last().is_some_and(|(above, _)| !above.contains(path)) {
            close(&mut open, &mut outlines);
        }
        open.push((path.clone(), outline(key)));
    }
    while !open.is_empty() {
        close(&mut open, &mut outlines);
    }
    outlines.extend(others.into_iter().map(outline));
    let bytes = opml::encode(&config.site.title, &outlines);
    Ok(Resource::new(ResourceKind::Opml, bytes, None, LIST_MINUTES * 60))
}
