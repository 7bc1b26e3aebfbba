//! Feeds for partners: platforms that republish whole articles and refuse those that break their rules. What each asks for is
//! data, one file per partner; this file applies it to a [`Feed`] and says which articles the partner would refuse.

mod apple_podcasts;
mod flipboard;
mod google_news;
mod msn;
mod smartnews;

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};

use super::{ContentMode, Entry, Feed, PartnerFeed, UpdateSignal};

/// Who republishes.
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

/// What a partner asks for. Lengths are in characters, sizes in pixels.
#[derive(Clone, PartialEq, Debug)]
pub struct Rules {
    /// The pages on which the partner publishes its rules.
    pub sources: &'static [&'static str],
    /// How long a title is.
    pub title: Option<RangeInclusive<usize>>,
    /// Whether each article needs a picture.
    pub needs_image: bool,
    /// The least width and height of a picture.
    pub image: Option<(u32, u32)>,
    /// Whether each article needs its whole text.
    pub needs_content: bool,
    /// The types of audio or video files, of which each article needs one.
    pub enclosures: Option<&'static [&'static str]>,
    /// Whether the section needs `podcast = { ... }`.
    pub needs_podcast: bool,
    /// Whether all articles must be in the language of the feed.
    pub one_language: bool,
    /// The days after which an article is too old.
    pub max_age_days: Option<i64>,
    /// How many articles a feed has at least.
    pub min_items: usize,
    /// How many articles a feed has at most.
    pub max_items: Option<usize>,
    /// The most bytes of the document.
    pub max_bytes: Option<usize>,
    /// How the partner hears of corrections, where the operator does not say.
    pub update_signal: UpdateSignal,
    /// Elements of Media RSS instead of `enclosure` or beside it.
    pub thumbnail: bool,
    /// How the partner hears that it is to take an article down; `None`: it takes what left the feed for gone.
    pub deletion: Option<Deletion>,
    /// The elements that only this partner knows.
    pub extension: Option<Extension>,
}

/// Elements that only one partner knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extension {
    /// `snf:logo` and `pubDate` in the channel.
    SmartFormat,
}

/// How a partner hears that it is to take an article down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletion {
    /// `media:status state="deleted"` and a new `pubDate`.
    Status,
    /// An expiry that has passed and a new date of change.
    Expired,
}

/// Why a partner would refuse an article, or the whole feed.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal<'f> {
    /// The article; `None` for the feed.
    pub entry: Option<&'f Entry>,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub cure: &'static str,
    /// Whether the article is left out of the partner's feed; else it is only foretold that the partner will not take it.
    pub left_out: bool,
}

impl Partner {
    /// All of them.
    pub const ALL: [Partner; 5] =
        [Partner::Msn, Partner::GoogleNews, Partner::Flipboard, Partner::SmartNews, Partner::ApplePodcasts];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Partner::Msn => "msn",
            Partner::GoogleNews => "google-news",
            Partner::Flipboard => "flipboard",
            Partner::SmartNews => "smartnews",
            Partner::ApplePodcasts => "apple-podcasts",
        }
    }

    /// What it asks for.
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

/// The feed as the partner wants it: without the articles that it refuses, and no more than it takes.
pub fn adapt(feed: &Feed, partner: PartnerFeed) -> Feed {
    let rules = partner.partner.rules();
    let refused: Vec<_> = refusals(feed, partner.partner, None)
        .into_iter()
        .filter(|refusal| refusal.left_out)
        .filter_map(|refusal| refusal.entry.map(|entry| entry.id.clone()))
        .collect();
    let mut entries: Vec<_> = feed.entries.iter().filter(|entry| !refused.contains(&entry.id)).cloned().collect();
    if partner.update_signal == UpdateSignal::PubDate {
        // Newest first by the date that it says.
        entries.sort_by_key(|entry| Reverse(entry.updated.timestamp()));
    }
    entries.truncate(rules.max_items.unwrap_or(usize::MAX));
    let image_width = wanted_width(feed, rules);
    Feed {
        entries,
        image_width,
        content: if rules.needs_content { ContentMode::Full } else { feed.content },
        style: None,
        partner: Some(partner),
        ..feed.clone()
    }
}

/// The width of pictures that suits both the section and the partner.
fn wanted_width(feed: &Feed, rules: &Rules) -> u32 {
    rules.image.map_or(feed.image_width, |(width, _)| width.max(feed.image_width))
}

/// What the partner would refuse of a feed. Ages are told only where the instant is given, since no document may depend on it.
pub fn refusals(feed: &Feed, partner: Partner, now: Option<Timestamp>) -> Vec<Refusal<'_>> {
    let rules = partner.rules();
    let mut refusals: Vec<Refusal<'_>> =
        feed.entries.iter().flat_map(|entry| entry_refusals(feed, entry, rules, now)).collect();
    let left = feed.entries.len().saturating_sub(refusals.iter().filter(|refusal| refusal.left_out).count());
    if left < rules.min_items {
        refusals.push(Refusal {
            entry: None,
            why: format!("it has {left} articles; {} asks for at least {}", partner.name(), rules.min_items),
            cure: "raise `max_items` and `min_items`, or include more sections",
            left_out: false,
        });
    }
    if rules.needs_podcast && feed.podcast.is_none() {
        refusals.push(Refusal {
            entry: None,
            why: "its section is no podcast".to_owned(),
            cure: "write `podcast = { image = \"...\", category = \"News\" }` in the section",
            left_out: false,
        });
    }
    refusals
}

fn entry_refusals<'f>(feed: &Feed, entry: &'f Entry, rules: &Rules, now: Option<Timestamp>) -> Vec<Refusal<'f>> {
    let mut refusals = Vec::new();
    let mut refuse = |left_out: bool, why: String, cure: &'static str| {
        refusals.push(Refusal { entry: Some(entry), why, cure, left_out });
    };
    let length = entry.title.as_str().chars().count();
    if let Some(title) = rules.title.as_ref().filter(|title| !title.contains(&length)) {
        let why = format!("its title has {length} characters, not {} to {}", title.start(), title.end());
        refuse(true, why, "write a title of that length");
    }
    let wanted = wanted_width(feed, rules);
    match (entry.image.as_ref().and_then(|image| image.of_width(wanted)), rules.image) {
        (None, _) if rules.needs_image => refuse(true, "it has no picture".to_owned(), "add an `image`"),
        (Some(picture), Some((width, height))) => {
            // A picture elsewhere whose size nobody stated may be large enough: the partner will see.
            let small = |size: Option<u32>, least| size.is_some_and(|size| size < least);
            if small(picture.width, width) || small(picture.height, height) {
                let (is_wide, is_high) = (picture.width.unwrap_or(0), picture.height.unwrap_or(0));
                let why = format!("its picture is {is_wide} x {is_high} pixels, less than {width} x {height}");
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
    if rules.one_language && entry.language.primary() != feed.language.primary() {
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
