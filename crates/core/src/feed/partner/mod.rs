//! Feeds for partners: platforms that republish whole articles, and refuse articles that break their rules. The rules of each partner are
//! data in a file of its own. This module applies them to a [`Feed`] and reports what the partner would refuse.
//!
//! # Why are partners data?
//!
//! Partners differ only in limits and a handful of elements, so a table of values describes them. The public feed never changes for a
//! partner.

mod apple_podcasts;
mod flipboard;
mod google_news;
mod msn;
mod smartnews;

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};

use super::{ArchiveLinks, ContentMode, Entry, Feed, PartnerFeed, UpdateSignal};

/// A platform that republishes articles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Partner {
    /// MSN, also called Microsoft Start.
    Msn,
    /// Google News.
    GoogleNews,
    /// Flipboard.
    Flipboard,
    /// SmartNews, format SmartFormat.
    SmartNews,
    /// Apple Podcasts.
    ApplePodcasts,
}

/// A partner's rules. Lengths are in characters, sizes in pixels.
#[derive(Clone, PartialEq, Debug)]
pub struct Rules {
    /// The pages on which the partner publishes these rules.
    pub sources: &'static [&'static str],
    /// The allowed length of a title.
    pub title_length: Option<RangeInclusive<usize>>,
    /// Whether each article needs a picture.
    pub needs_image: bool,
    /// The minimum width and height of a picture.
    pub min_image_size: Option<(u32, u32)>,
    /// Whether each article needs its full text.
    pub needs_content: bool,
    /// The types of audio or video files of which each article needs one.
    pub enclosures: Option<&'static [&'static str]>,
    /// Whether the section needs `podcast = { ... }`.
    pub needs_podcast: bool,
    /// Whether all articles must be in the feed's language.
    pub needs_one_language: bool,
    /// The maximum age of an article in days.
    pub max_age_days: Option<i64>,
    /// The minimum number of articles.
    pub min_items: usize,
    /// The maximum number of articles.
    pub max_items: Option<usize>,
    /// The maximum size of the document.
    pub max_bytes: Option<usize>,
    /// How the partner learns of corrections, unless configured.
    pub update_signal: UpdateSignal,
    /// Whether the lead image is also written as `media:thumbnail`.
    pub has_thumbnail: bool,
    /// How the partner learns that it should take an article down. `None` if it removes articles that left the feed.
    pub deletion: Option<Deletion>,
    /// Elements that only this partner reads.
    pub extension: Option<Extension>,
}

/// Elements that only one partner reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extension {
    /// `snf:logo` and `pubDate` in the channel.
    SmartFormat,
}

/// How a partner learns that it should take an article down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// `media:status state="deleted"` and a new `pubDate`.
    Status,
    /// An expiry date in the past and a new modification date.
    Expired,
}

/// Why a partner would refuse an article or the whole feed.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal<'f> {
    /// The article. `None` for the whole feed.
    pub entry: Option<&'f Entry>,
    /// The mistake.
    pub why: String,
    /// The fix.
    pub help: &'static str,
    /// Whether the article is left out of the partner's feed. Otherwise the article stays, and the operator is only warned.
    pub is_left_out: bool,
}

impl Partner {
    /// All partners.
    pub const ALL: [Partner; 5] =
        [Partner::Msn, Partner::GoogleNews, Partner::Flipboard, Partner::SmartNews, Partner::ApplePodcasts];

    /// The partner's name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Partner::Msn => "msn",
            Partner::GoogleNews => "google-news",
            Partner::Flipboard => "flipboard",
            Partner::SmartNews => "smartnews",
            Partner::ApplePodcasts => "apple-podcasts",
        }
    }

    /// The partner's rules.
    pub fn rules(self) -> &'static Rules {
        match self {
            Partner::Msn => &msn::RULES,
            Partner::GoogleNews => &google_news::RULES,
            Partner::Flipboard => &flipboard::RULES,
            Partner::SmartNews => &smartnews::RULES,
            Partner::ApplePodcasts => &apple_podcasts::RULES,
        }
    }
}

/// The feed adapted to a partner: without the articles that the partner refuses, and no more of them than it accepts.
pub fn adapt(feed: &Feed, partner: PartnerFeed) -> Feed {
    let rules = partner.partner.rules();
    let refused: Vec<_> = refusals(feed, partner.partner, None)
        .into_iter()
        .filter(|refusal| refusal.is_left_out)
        .filter_map(|refusal| refusal.entry.map(|entry| entry.id.clone()))
        .collect();
    let mut entries: Vec<_> = feed.entries.iter().filter(|entry| !refused.contains(&entry.id)).cloned().collect();
    if partner.update_signal == UpdateSignal::PubDate {
        // Sorted by the date shown, newest first.
        entries.sort_by_key(|entry| Reverse(entry.updated.timestamp()));
    }
    entries.truncate(rules.max_items.unwrap_or(usize::MAX));
    let image_width = wanted_width(feed, rules);
    Feed {
        entries,
        image_width,
        content: if rules.needs_content { ContentMode::Full } else { feed.content },
        style: None,
        hubs: Vec::new(),
        // Partners have forms of their own.
        notices: Vec::new(),
        archives: ArchiveLinks::default(),
        partner: Some(partner),
        ..feed.clone()
    }
}

/// The picture width that suits both the section and the partner.
fn wanted_width(feed: &Feed, rules: &Rules) -> u32 {
    rules.min_image_size.map_or(feed.image_width, |(width, _)| width.max(feed.image_width))
}

/// Lists what the partner would refuse in a feed. Checks ages only if `now` is given, since documents mustn't depend on the clock.
pub fn refusals(feed: &Feed, partner: Partner, now: Option<Timestamp>) -> Vec<Refusal<'_>> {
    let rules = partner.rules();
    let mut refusals: Vec<Refusal<'_>> =
        feed.entries.iter().flat_map(|entry| entry_refusals(feed, entry, rules, now)).collect();
    let remaining = feed.entries.len().saturating_sub(refusals.iter().filter(|refusal| refusal.is_left_out).count());
    if remaining < rules.min_items {
        let articles = if remaining == 1 { "1 article".to_owned() } else { format!("{remaining} articles") };
        refusals.push(Refusal {
            entry: None,
            why: format!("it has {articles}; {} asks for at least {}", partner.name(), rules.min_items),
            help: "raise `max_items` and `min_items`, or include more sections",
            is_left_out: false,
        });
    }
    if rules.needs_podcast && feed.podcast.is_none() {
        refusals.push(Refusal {
            entry: None,
            why: "its section is no podcast".to_owned(),
            help: "write `podcast = { image = \"...\", category = \"News\" }` in the section",
            is_left_out: false,
        });
    }
    refusals
}

fn entry_refusals<'f>(feed: &Feed, entry: &'f Entry, rules: &Rules, now: Option<Timestamp>) -> Vec<Refusal<'f>> {
    let mut refusals = Vec::new();
    let mut refuse = |is_left_out: bool, why: String, help: &'static str| {
        refusals.push(Refusal { entry: Some(entry), why, help, is_left_out });
    };
    let length = entry.title.as_str().chars().count();
    if let Some(title) = rules.title_length.as_ref().filter(|title| !title.contains(&length)) {
        let why = format!("its title has {length} characters, not {} to {}", title.start(), title.end());
        refuse(true, why, "write a title of that length");
    }
    let wanted = wanted_width(feed, rules);
    match (entry.image.as_ref().and_then(|image| image.of_width(wanted)), rules.min_image_size) {
        (None, _) if rules.needs_image => refuse(true, "it has no picture".to_owned(), "add an `image`"),
        (Some(picture), Some((width, height))) => {
            // A remote picture of unknown size may be large enough.
            let is_small = |size: Option<u32>, least| size.is_some_and(|size| size < least);
            if is_small(picture.width, width) || is_small(picture.height, height) {
                let (actual_width, actual_height) = (picture.width.unwrap_or(0), picture.height.unwrap_or(0));
                let why =
                    format!("its picture is {actual_width} x {actual_height} pixels, less than {width} x {height}");
                refuse(rules.needs_image, why, "add a larger picture under `image.sizes`");
            }
        }
        _ => {}
    }
    if rules.needs_content && entry.content.is_empty() {
        refuse(true, "it has no text beside its summary".to_owned(), "deliver the whole article");
    }
    match (rules.enclosures, entry.enclosure()) {
        (Some(_), None) => refuse(true, "it has no audio or video file".to_owned(), "add one under `media`"),
        (Some(types), Some(media)) if !types.contains(&media.media_type.as_str()) => {
            refuse(true, format!("its file is `{}`", media.media_type), "add an MP3, M4A, MP4, M4V or MOV file");
        }
        _ => {}
    }
    if rules.needs_one_language && entry.language.primary() != feed.language.primary() {
        let why = format!("it is in `{}`, and the feed in `{}`", entry.language, feed.language);
        refuse(true, why, "give that language a section of its own");
    }
    if let (Some(days), Some(now)) = (rules.max_age_days, now)
        && now.duration_since(entry.published.timestamp()) > SignedDuration::from_hours(days * 24)
    {
        refuse(
            false,
            format!("it is more than {days} days old"),
            "write `max_age`, so that it leaves the feed in time",
        );
    }
    refusals
}
