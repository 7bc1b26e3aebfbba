//! Notices: what readers get in the place of a story that was retracted, so that they replace the story's text by it.

use jiff::Timestamp;

use super::assemble::{join_url, short_id, url_of};
use super::indexed_article::IndexedArticle;
use crate::article::card::Card;
use crate::article::render::escape_lines;
use crate::config::{Config, RetractionTitle, Words};
use crate::feed::Entry;
use crate::ledger::{Notice, Tombstone};
use crate::snapshot::PublishedArticle;
use crate::types::{EntryId, Moment, Text};

/// The version of a story that readers saw last.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'s> {
    /// The article in the current snapshot.
    Published(&'s PublishedArticle),
    /// The version in the file.
    InFile(&'s Card),
    /// An older version that isn't known any more. The version in the file was never public, so a notice repeats nothing of it.
    Unknown,
}

/// The facts of a story that its notice repeats: not a word of its text. `published` is the date that readers saw, `title` the
/// title, if known. `None` if no notice can have that date.
pub fn facts(
    id: &EntryId,
    seen: Seen<'_>,
    indexed: &IndexedArticle,
    published: Timestamp,
    title: Option<&Text>,
    config: &Config,
) -> Option<Notice> {
    let stated = indexed.dates.map(|(stated, _)| stated).filter(|stated| stated.second() == published.as_second());
    let in_zone = || Moment::new(published, config.parsing.timezone.to_offset(published));
    let published = stated.or_else(in_zone)?;
    let (url, language) = match seen {
        Seen::Published(article) => (article.url.clone(), article.language.clone()),
        Seen::InFile(card) => (url_of(card, indexed, id, published, config), indexed.placement().language.clone()),
        Seen::Unknown => {
            (join_url(&config.site.url, &format!("articles/{}", short_id(id))), config.site.language.clone())
        }
    };
    Some(Notice { published, url, language, title: title.filter(|_| keeps_titles(config)).cloned() })
}

/// Whether any feed's notices keep the titles of their stories. If none does, titles aren't recorded.
fn keeps_titles(config: &Config) -> bool {
    let options = config.sections.iter().map(|section| &section.feeds).chain([&config.feeds]);
    options.into_iter().any(|options| options.retraction_title == RetractionTitle::Keep)
}

/// The entry that takes the place of a retracted story.
pub fn entry(tombstone: &Tombstone, notice: &Notice, title: RetractionTitle, words: &Words) -> Entry {
    let Tombstone { at, id, reason, .. } = tombstone;
    let Notice { published, url, language, title: old_title } = notice;
    let sentence = words.retracted(language);
    let text = match reason {
        Some(reason) => Text::line(&format!("{sentence} {reason}")),
        None => sentence,
    };
    let mut content = String::from("<p>");
    escape_lines(text.as_str(), &mut content);
    content.push_str("</p>");
    Entry {
        id: id.clone(),
        url: url.clone(),
        title: old_title
            .clone()
            .filter(|_| title == RetractionTitle::Keep)
            .unwrap_or_else(|| words.retraction_title(language)),
        published: *published,
        updated: Moment::new((*at).max(published.timestamp()), published.offset()).unwrap_or(*published),
        authors: Vec::new(),
        author_urls: Vec::new(),
        editors: Vec::new(),
        summary: text,
        content: Text::new(&content),
        tags: Vec::new(),
        section: Vec::new(),
        language: language.clone(),
        image: None,
        media: Vec::new(),
        source: None,
        copyright: None,
        is_corrected: false,
        is_reduced: false,
    }
}
