//! Encodes a feed as the documents served under its route.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::assemble::{self, FEED_LIST_MAX_AGE_MINUTES, FeedHistory, feed_base, route};
use super::placement::{FeedKey, SectionRules};
use crate::article::Metadata;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::Now;
use crate::feed::opml::{self, Outline};
use crate::feed::page::{self, FeedPage};
use crate::feed::partner;
use crate::feed::{ContentMode, DeletedEntry, Entry, Feed, Format, PartnerFeed, encode};
use crate::parallel;
use crate::snapshot::{BuiltDocument, PublishedArticle, ResourceKind};
use crate::types::{SectionPath, Text, WebUrl};

/// How long caches keep pages (seconds). Short, since people reload to see news.
const PAGE_MAX_AGE: u32 = 60;
/// How long caches keep the style sheet (seconds).
const STYLE_MAX_AGE: u32 = 86_400;

/// A document: its name under the feed's route, its kind, and what was built or why nothing was.
pub type Document = (String, ResourceKind, Result<BuiltDocument, Diagnostic>);

/// A feed to encode.
pub struct FeedRequest<'w> {
    /// Identifies the feed.
    pub key: &'w FeedKey,
    /// The entries to show, newest first.
    pub entries: Vec<Arc<Entry>>,
    /// The history of the feed.
    pub history: &'w FeedHistory,
    /// The size limit of each document (bytes).
    pub limit: usize,
}

/// A feed and its documents, or the positions of the entries that dateline can't encode.
pub type EncodedFeed = Result<(Feed, Vec<Document>), Vec<usize>>;

/// A feed in progress. `documents` is empty until they are encoded.
struct Draft<'w> {
    key: &'w FeedKey,
    history: Cow<'w, FeedHistory>,
    limit: usize,
    /// All requested entries.
    entries: Vec<Arc<Entry>>,
    feed: Feed,
    documents: Vec<Document>,
    /// The positions of entries that have to be left out.
    failing: Vec<usize>,
}

/// Encodes feeds, each with as many entries as fit into its size limit, but at least the newest. An entry too large for any feed is
/// reduced to its summary. Documents are encoded in parallel. If one fails, the result names the entries responsible.
pub fn encode_feeds(rules: &SectionRules, wanted: Vec<FeedRequest<'_>>) -> Vec<EncodedFeed> {
    let mut drafts: Vec<Draft<'_>> = wanted.into_iter().map(|wanted| Draft::new(rules, wanted)).collect();
    loop {
        let pending = drafts.iter().filter(|draft| draft.needs_documents());
        let pending = pending.flat_map(|draft| draft.outputs(rules).into_iter().map(move |output| (draft, output)));
        let pending: Vec<(&Draft<'_>, FeedOutput<'_>)> = pending.collect();
        if pending.is_empty() {
            let encoded = |Draft { feed, documents, failing, .. }| match failing.is_empty() {
                true => Ok((feed, documents)),
                false => Err(failing),
            };
            return drafts.into_iter().map(encoded).collect();
        }
        let encoded = parallel::in_batches(&pending, 1, |(draft, output)| {
            output.document_or_error(draft.key, rules, &draft.feed)
        });
        let mut encoded = encoded.into_iter();
        for draft in drafts.iter_mut().filter(|draft| draft.needs_documents()) {
            draft.documents = encoded.by_ref().take(draft.outputs(rules).len()).collect();
            if draft.documents.iter().any(|(.., document)| document.is_err()) {
                draft.failing = draft.failing_entries(rules);
            } else if draft.drops_notices() {
                draft.feed.notices.clone_from(&draft.history.notices);
                draft.documents.clear();
            } else if let Some(entries) = draft.reduced_entries() {
                draft.feed = assemble::feed(draft.key, rules, entries, &draft.history);
                draft.documents.clear();
            }
        }
    }
}

impl<'w> Draft<'w> {
    fn new(rules: &SectionRules, FeedRequest { key, entries, history, limit }: FeedRequest<'w>) -> Draft<'w> {
        let encoded = parallel::catch_panic(|| assemble::feed(key, rules, entries.clone(), history));
        let is_encoded = encoded.is_some();
        // Extra tombstones, announced for a day, don't take space from entries.
        let extra_tombstones = history.deleted.iter().skip(rules.feed_options(key).max_tombstones);
        let limit = extra_tombstones.map(DeletedEntry::written_bytes).fold(limit, usize::saturating_add);
        let feed = encoded.unwrap_or_else(|| assemble::feed(key, rules, Vec::new(), history));
        let history = Cow::Borrowed(history);
        let mut draft = Draft { key, history, limit, entries, feed, documents: Vec::new(), failing: Vec::new() };
        if !is_encoded {
            draft.failing = draft.failing_entries(rules);
            if draft.failing.is_empty() {
                // No single entry is responsible, so the panic isn't caught this time.
                draft.feed = assemble::feed(key, rules, draft.entries.clone(), &draft.history);
            }
        }
        draft
    }

    fn needs_documents(&self) -> bool {
        self.documents.is_empty() && self.failing.is_empty()
    }

    /// The documents of the feed: the page first, partner feeds last.
    fn outputs<'c>(&self, rules: &'c SectionRules) -> Vec<FeedOutput<'c>> {
        let public = self.feed.formats.iter().map(|&format| FeedOutput::Public(format));
        let partners = rules.partner_feeds(self.key).iter().map(FeedOutput::Partner);
        std::iter::once(FeedOutput::Page).chain(public).chain(partners).collect()
    }

    /// The positions of entries that fail even in a feed of their own.
    fn failing_entries(&self, rules: &SectionRules) -> Vec<usize> {
        let outputs = self.outputs(rules);
        let fails = |entry: &Arc<Entry>| {
            let alone =
                parallel::catch_panic(|| assemble::feed(self.key, rules, vec![Arc::clone(entry)], &self.history));
            let is_encoded =
                |feed: &Feed| outputs.iter().all(|output| output.document_or_error(self.key, rules, feed).2.is_ok());
            !alone.is_some_and(|feed| is_encoded(&feed))
        };
        self.entries.iter().enumerate().filter(|(_, entry)| fails(entry)).map(|(place, _)| place).collect()
    }

    /// The size of the largest document except the page (bytes).
    fn largest(&self) -> usize {
        let sizes = self.documents.iter().filter(|(_, kind, _)| *kind != ResourceKind::Page);
        let sizes = sizes.filter_map(|(_, _, document)| Some(document.as_ref().ok()?.bytes.len()));
        sizes.max().unwrap_or(0)
    }

    /// Drops the notices of the oldest stories if a document is too large. Returns whether there were any.
    fn drops_notices(&mut self) -> bool {
        /// No notice takes fewer bytes in a document.
        const MIN_NOTICE_BYTES: usize = 256;
        let excess = self.largest().saturating_sub(self.limit);
        if excess == 0 || self.history.notices.is_empty() {
            return false;
        }
        let notices = &mut self.history.to_mut().notices;
        notices.truncate(notices.len().saturating_sub(excess.div_ceil(MIN_NOTICE_BYTES)));
        true
    }

    /// The entries to try next if a document is too large.
    fn reduced_entries(&self) -> Option<Vec<Arc<Entry>>> {
        let Draft { limit, feed, .. } = self;
        let largest = self.largest();
        let oversized = |entry: &Arc<Entry>| is_oversized(entry.content.as_str().len(), *limit);
        let has_oversized = feed.entries.iter().any(oversized);
        if largest <= *limit || feed.entries.is_empty() || (feed.entries.len() == 1 && !has_oversized) {
            return None;
        }
        let mut entries = feed.entries.clone();
        if has_oversized {
            for entry in entries.iter_mut().filter(|entry| oversized(entry)) {
                *entry = Arc::new(Entry { content: Text::new(""), is_reduced: true, ..(**entry).clone() });
            }
        } else {
            let fitting_count = entries.len().saturating_mul(*limit) / largest;
            entries.truncate(fitting_count.clamp(1, entries.len().saturating_sub(1)));
        }
        Some(entries)
    }
}

/// Whether an article would take more than half of a document.
fn is_oversized(content: usize, limit: usize) -> bool {
    content > limit / 2
}

/// A lower bound for an entry's size in a document (bytes): no format shortens text.
pub fn min_bytes(metadata: &Metadata, content: usize, mode: ContentMode, limit: usize) -> usize {
    let has_content = mode == ContentMode::Full && !is_oversized(content, limit);
    let summary = metadata.summary.as_ref().map_or(0, |summary| summary.as_str().len());
    summary + metadata.title.as_str().len() + if has_content { content } else { 0 }
}

/// The warning that `max_bytes` shortened a window. `None` if it didn't.
pub fn truncation_warning(key: &FeedKey, rules: &SectionRules, feed: &Feed, wanted: usize) -> Option<Diagnostic> {
    let limit = rules.feed_options(key).window.max_bytes;
    let shown = feed.entries.len();
    let reduced = feed.entries.iter().filter(|entry| entry.is_reduced).count();
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
        FeedKey::Section(path) => rules.section(path),
        FeedKey::Tag(_) | FeedKey::Author(_) => None,
    };
    Some(match section {
        Some(section) => diagnostic.at(section.place.clone()),
        None => diagnostic,
    })
}

/// A document of a feed.
enum FeedOutput<'c> {
    Page,
    Public(Format),
    Partner(&'c PartnerFeed),
}

impl FeedOutput<'_> {
    /// Encodes the document. A panic becomes an error.
    fn document_or_error(&self, key: &FeedKey, rules: &SectionRules, feed: &Feed) -> Document {
        parallel::catch_panic(|| self.document(key, rules, feed)).unwrap_or_else(|| {
            let (name, kind) = match self {
                FeedOutput::Page => (String::new(), ResourceKind::Page),
                FeedOutput::Public(format) => (format.file_name().to_owned(), ResourceKind::Feed(*format)),
                FeedOutput::Partner(partner) => (partner.file_name.clone(), ResourceKind::Feed(Format::Rss)),
            };
            let message = format!("dateline failed to encode {}{name}, which is a bug in dateline", feed.base);
            let refusal = Diagnostic::new(Code::DocumentRefused, message);
            (name, kind, Err(refusal.help("its last good version stays published; please report this")))
        })
    }

    fn document(&self, key: &FeedKey, rules: &SectionRules, feed: &Feed) -> Document {
        match self {
            FeedOutput::Page => (String::new(), ResourceKind::Page, Ok(page(key, rules, feed))),
            FeedOutput::Public(format) => {
                let kind = kind_of(feed, *format);
                (format.file_name().to_owned(), kind, document(feed, *format, kind))
            }
            FeedOutput::Partner(partner) => {
                let kind = ResourceKind::Feed(Format::Rss);
                let mut adapted = partner::adapt(feed, (*partner).clone());
                let max_bytes = partner.partner.rules().max_bytes.unwrap_or(usize::MAX);
                let mut encoded = document(&adapted, Format::Rss, kind);
                while let Ok(built) = &encoded
                    && built.bytes.len() > max_bytes
                    && adapted.entries.len() > 1
                {
                    let fitting_count = adapted.entries.len().saturating_mul(max_bytes) / built.bytes.len();
                    adapted.entries.truncate(fitting_count.clamp(1, adapted.entries.len().saturating_sub(1)));
                    encoded = document(&adapted, Format::Rss, kind);
                }
                (partner.file_name.clone(), kind, encoded)
            }
        }
    }
}

fn page(key: &FeedKey, rules: &SectionRules, feed: &Feed) -> BuiltDocument {
    let page = page::feed_page(feed, &feed_page(key, rules));
    let page = BuiltDocument::new(ResourceKind::Page, page.into_bytes(), feed.updated, PAGE_MAX_AGE);
    let announced: Vec<_> =
        feed.formats.first().map(|&format| (feed.title.clone(), feed.url(format), format)).into_iter().collect();
    let mut page = page.with_feed_links(&announced);
    page.resource_mut().newest = feed.entries.iter().map(|entry| entry.published.timestamp()).max();
    page
}

fn document(feed: &Feed, format: Format, kind: ResourceKind) -> Result<BuiltDocument, Diagnostic> {
    let max_age = feed.poll_minutes.saturating_mul(60);
    let built = encode(feed, format).map(|bytes| {
        let mut document = BuiltDocument::new(kind, bytes, feed.updated, max_age);
        document.resource_mut().links = feed.discovery_links(format);
        document
    });
    built.map_err(|error| {
        Diagnostic::new(Code::DocumentRefused, format!("{} cannot be encoded: {error}", feed.url(format)))
            .help("its last good version stays published; please report this")
    })
}

/// Encodes an archive. Entries that would take more than half of a document are reduced to their summaries.
///
/// # Errors
/// If the format refuses the feed.
pub fn archive(
    feed: Feed,
    entries: Vec<Arc<Entry>>,
    format: Format,
    max_bytes: usize,
) -> Result<BuiltDocument, Diagnostic> {
    let reduced = |entry: Arc<Entry>| match is_oversized(entry.content.as_str().len(), max_bytes) {
        true => Arc::new(Entry { content: Text::new(""), is_reduced: true, ..Entry::clone(&entry) }),
        false => entry,
    };
    let feed = Feed { entries: entries.into_iter().map(reduced).collect(), ..feed };
    let mut document = document(&feed, format, kind_of(&feed, format))?;
    // An archive also changes when an entry leaves, of which there is no date. Its ETag suffices.
    document.resource_mut().last_modified = None;
    Ok(document)
}

/// The kind of a feed's document.
fn kind_of(feed: &Feed, format: Format) -> ResourceKind {
    let is_shown = feed.style.is_some() && format != Format::Json;
    if is_shown { ResourceKind::ShownFeed(format) } else { ResourceKind::Feed(format) }
}

/// Warnings about entries that share a media file with an older entry: players show only one of the two. `place` gives an entry's source
/// location by its position.
pub fn shared_media(feed: &Feed, place: impl Fn(usize) -> Option<Place>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let mut first: HashMap<&WebUrl, usize> = HashMap::new();
    for (position, entry) in feed.entries.iter().enumerate().rev() {
        let Some(media) = entry.enclosure() else { continue };
        let older = *first.entry(&media.url).or_insert(position);
        if older == position {
            continue;
        }
        let (location, other) = (place(position), place(older));
        let other = other.map_or_else(|| "another article".to_owned(), |other| format!("`{}`", other.file));
        let message = format!("this article and {other} have the same media file: {}", media.url);
        let help = "name another file, or remove one of the two from the feed; players show only one of them";
        let warning = Diagnostic::new(Code::MediaShared, message).help(help);
        warnings.push(match location {
            Some(location) => warning.at(location),
            None => warning,
        });
    }
    warnings
}

/// Warnings about articles and feeds that partners would refuse. `place` gives an entry's source location by its position.
pub fn partner_warnings(
    key: &FeedKey,
    rules: &SectionRules,
    feed: &Feed,
    now: Now,
    place: impl Fn(usize) -> Option<Place>,
) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for partner in rules.partner_feeds(key) {
        let name = partner.partner.name();
        let source = partner.partner.rules().sources.first().copied().unwrap_or_default();
        for refusal in partner::refusals(feed, partner.partner, Some(now)) {
            let position = refusal.entry.and_then(|entry| feed.entries.iter().position(|other| other.id == entry.id));
            let message = match refusal.entry {
                Some(_) if refusal.is_left_out => {
                    format!("left out of {}{}: {}", feed.base, partner.file_name, refusal.why)
                }
                Some(_) => format!("{name} would refuse it: {}", refusal.why),
                None => format!("{name} would refuse the feed {}{}: {}", feed.base, partner.file_name, refusal.why),
            };
            let warning = Diagnostic::new(Code::PartnerRefuses, message).help(format!("{} ({source})", refusal.help));
            let section = || match key {
                FeedKey::Section(path) => rules.section(path).map(|section| section.place.clone()),
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

/// The style sheet for feeds shown in browsers.
pub fn style_sheet() -> BuiltDocument {
    BuiltDocument::new(ResourceKind::Style, page::FEED_STYLE.as_bytes().to_vec(), None, STYLE_MAX_AGE)
}

fn feed_page<'c>(key: &FeedKey, rules: &'c SectionRules) -> FeedPage<'c> {
    let config = rules.config();
    let address = |path: &SectionPath| feed_base(config, &FeedKey::Section(path.clone()));
    let (trail, children) = match key {
        FeedKey::Section(path) => {
            let above = path.parent().map(|parent| rules.trail(&parent)).unwrap_or_default();
            let below = rules.children(path);
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
pub fn article_page(article: &PublishedArticle, entry: &Entry) -> BuiltDocument {
    let page = page::article_page(entry, &article.frame, article.is_listed);
    BuiltDocument::new(ResourceKind::Page, page.into_bytes(), Some(article.updated.timestamp()), PAGE_MAX_AGE)
        .with_feed_links(&article.frame.feeds)
}

/// The list of all feeds (OPML): nested sections, then tags and authors.
pub fn opml<'k>(
    rules: &SectionRules,
    keys: impl Iterator<Item = &'k FeedKey>,
    titles: &BTreeMap<FeedKey, Text>,
) -> Result<BuiltDocument, Diagnostic> {
    let config = rules.config();
    let outline = |key: &FeedKey| {
        let base = feed_base(config, key);
        let format = rules.feed_options(key).formats.first().copied().unwrap_or(Format::Rss);
        let title = titles.get(key).cloned().unwrap_or_else(|| Text::new(&route(key)));
        Outline { title, page: base.to_string(), feed: format!("{base}{}", format.file_name()), children: Vec::new() }
    };
    // Sorted keys put each section right after its parent, so a stack of open sections suffices.
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
    Ok(BuiltDocument::new(ResourceKind::Opml, bytes, None, FEED_LIST_MAX_AGE_MINUTES * 60))
}
