//! `[feeds]` and its keys in a section: formats, window, polling, pictures, podcast and retractions.

use jiff::SignedDuration;

use super::raw::{At, Sink, Table};
use super::values::{choice, duration, required_text, web_url};
use crate::diagnostics::Code;
use crate::feed::{Bylines, ContentMode, Format, LeadImage, LoneCaption, Podcast, UpdateSignal};
use crate::types::{Text, WebUrl};

/// `[feeds]`, and the same keys in a section.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedOptions {
    /// The formats, in the order of [`Format::ALL`]. Never empty.
    pub formats: Vec<Format>,
    /// Whether entries contain whole articles.
    pub content: ContentMode,
    /// The window: which articles the feed shows.
    pub window: Window,
    /// How often readers should poll.
    pub polling: Polling,
    /// The preferred width of pictures that have several sizes (pixels).
    pub image_width: u32,
    /// The place of the lead image.
    pub lead_image: LeadImage,
    /// How RSS and Atom list several authors.
    pub bylines: Bylines,
    /// The beginning of the titles of corrected stories. May be empty.
    pub correction_title: Text,
    /// The treatment of captions without their pictures.
    pub lone_caption: LoneCaption,
    /// The media type of RSS and Atom.
    pub media_type: MediaType,
    /// The podcast tags.
    pub podcast: Option<Podcast>,
    /// How RSS announces corrections.
    pub update_signal: UpdateSignal,
    /// How long a feed announces a retraction.
    pub tombstones: SignedDuration,
    /// The maximum number of retractions a feed announces, not counting those of the last day.
    pub max_tombstones: usize,
    /// How public feeds announce the retraction of a story.
    pub retraction: RetractionForm,
    /// The titles of notices.
    pub retraction_title: RetractionTitle,
    /// Whether feeds have archives. `None`: those of sections have, those of tags and authors haven't.
    pub archives: Option<Archives>,
}

/// `feeds.archives`: whether feeds have archives of the entries that leave their windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Archives {
    /// No.
    Off,
    /// Yes, built when they are requested.
    On,
    /// Yes, and the output directory has them as well.
    Files,
}

/// `feeds.retraction`: how public feeds announce an explicit retraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetractionForm {
    /// By a notice in place of the story, which replaces the text in readers' copies. Then by a tombstone in Atom, for as long again.
    Notice,
    /// The story is removed. Atom has a tombstone.
    Remove,
}

/// `feeds.retraction_title`: the titles of notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetractionTitle {
    /// The same for all stories. The title may be what was withdrawn.
    Neutral,
    /// The title of the story.
    Keep,
}

/// The window of a feed: which articles it shows. `max_bytes` takes precedence over `min_residency` and `min_items`, which take precedence
/// over `max_age` and `max_items`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The maximum number of entries.
    pub max_items: usize,
    /// This many of the newest articles stay, whatever their age.
    pub min_items: usize,
    /// Older articles leave.
    pub max_age: Option<SignedDuration>,
    /// Younger articles stay, whatever their number. So readers that poll twice a day miss nothing when many articles appear at once.
    pub min_residency: SignedDuration,
    /// The maximum size of a document.
    pub max_bytes: usize,
}

/// How often readers should poll.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polling {
    /// The shortest interval in minutes, one of [`Polling::CHOICES`].
    pub min: u32,
    /// The longest interval in minutes, one of [`Polling::CHOICES`].
    pub max: u32,
    /// Hours (GMT) in which readers needn't poll.
    pub skip_hours: Vec<u8>,
    /// English names of days on which readers needn't poll.
    pub skip_days: Vec<&'static str>,
}

impl Polling {
    /// The intervals that a feed may ask for (minutes). Longer ones would delay news too much.
    pub const CHOICES: [u32; 4] = [5, 15, 30, 60];
}

/// The media type of RSS and Atom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaType {
    /// `application/rss+xml` and `application/atom+xml`, which browsers download.
    Specific,
    /// `application/xml` with a style sheet, which browsers display.
    Xml,
}

/// The weekdays as `skipDays` spells them.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The default options.
pub(super) fn defaults() -> FeedOptions {
    FeedOptions {
        formats: Format::ALL.to_vec(),
        content: ContentMode::Full,
        window: Window {
            max_items: 50,
            min_items: 20,
            max_age: None,
            min_residency: SignedDuration::from_hours(24),
            max_bytes: 2_000_000,
        },
        polling: Polling { min: 5, max: 60, skip_hours: Vec::new(), skip_days: Vec::new() },
        image_width: 1_200,
        lead_image: LeadImage::FieldsOnly,
        bylines: Bylines::Each,
        correction_title: Text::new(""),
        lone_caption: LoneCaption::Omit,
        media_type: MediaType::Specific,
        podcast: None,
        update_signal: UpdateSignal::Modified,
        tombstones: SignedDuration::from_hours(24 * 30),
        max_tombstones: 100,
        retraction: RetractionForm::Notice,
        retraction_title: RetractionTitle::Neutral,
        archives: None,
    }
}

/// Reads the options of a table. Keys that are missing have the values of `defaults`.
pub(super) fn options(table: &mut Table<'_>, sink: &mut Sink<'_>, defaults: &FeedOptions) -> FeedOptions {
    let formats = table.texts(sink, "formats").map(|written| {
        let names = Format::ALL.map(|format| (format.name(), format));
        let chosen: Vec<Format> =
            written.value.iter().filter_map(|name| choice(sink, Code::ConfigChoice, name, &names)).collect();
        if written.value.is_empty() {
            sink.report(
                Code::ConfigChoice,
                &written.span,
                "a feed needs at least one format",
                "write some of \"rss\", \"atom\", \"json\"",
            );
        }
        Format::ALL.into_iter().filter(|format| chosen.contains(format)).collect()
    });
    let modes = [("full", ContentMode::Full), ("summary", ContentMode::Summary)];
    let content = table.text(sink, "content").and_then(|word| choice(sink, Code::ConfigChoice, &word, &modes));
    let choices = [("beside", LeadImage::FieldsOnly), ("in-content", LeadImage::InContent)];
    let lead_image = table.text(sink, "lead_image").and_then(|word| choice(sink, Code::ConfigChoice, &word, &choices));
    let choices = [("each", Bylines::Each), ("joined", Bylines::Joined)];
    let bylines = table.text(sink, "bylines").and_then(|word| choice(sink, Code::ConfigChoice, &word, &choices));
    let correction_title = table.text(sink, "correction_title").map(|words| Text::line(&words.value));
    let choices = [("omit", LoneCaption::Omit), ("text", LoneCaption::Text)];
    let lone_caption =
        table.text(sink, "lone_caption").and_then(|word| choice(sink, Code::ConfigChoice, &word, &choices));
    let types = [("specific", MediaType::Specific), ("xml", MediaType::Xml)];
    let media_type = table.text(sink, "media_type").and_then(|word| choice(sink, Code::ConfigChoice, &word, &types));
    let update_signal = update_signal(table, sink);
    let tombstones = duration(table, sink, "tombstones");
    let max_tombstones = table.number(sink, "max_tombstones", 0..=100_000).and_then(|most| usize::try_from(most).ok());
    let forms = [("notice", RetractionForm::Notice), ("remove", RetractionForm::Remove)];
    let retraction = table.text(sink, "retraction").and_then(|word| choice(sink, Code::ConfigChoice, &word, &forms));
    let titles = [("neutral", RetractionTitle::Neutral), ("keep", RetractionTitle::Keep)];
    let retraction_title =
        table.text(sink, "retraction_title").and_then(|word| choice(sink, Code::ConfigChoice, &word, &titles));
    let choices = [("on", Archives::On), ("off", Archives::Off), ("files", Archives::Files)];
    let archives = table.text(sink, "archives").and_then(|word| choice(sink, Code::ConfigChoice, &word, &choices));
    let image_width = table.number(sink, "image_width", 1..=10_000).and_then(|width| u32::try_from(width).ok());
    FeedOptions {
        formats: formats.unwrap_or_else(|| defaults.formats.clone()),
        content: content.unwrap_or(defaults.content),
        window: window(table, sink, &defaults.window),
        polling: polling(table, sink, &defaults.polling),
        image_width: image_width.unwrap_or(defaults.image_width),
        lead_image: lead_image.unwrap_or(defaults.lead_image),
        bylines: bylines.unwrap_or(defaults.bylines),
        correction_title: correction_title.unwrap_or_else(|| defaults.correction_title.clone()),
        lone_caption: lone_caption.unwrap_or(defaults.lone_caption),
        media_type: media_type.unwrap_or(defaults.media_type),
        podcast: if table.has("podcast") { podcast(table, sink) } else { defaults.podcast.clone() },
        update_signal: update_signal.unwrap_or(defaults.update_signal),
        tombstones: tombstones.unwrap_or(defaults.tombstones),
        max_tombstones: max_tombstones.unwrap_or(defaults.max_tombstones),
        retraction: retraction.unwrap_or(defaults.retraction),
        retraction_title: retraction_title.unwrap_or(defaults.retraction_title),
        archives: archives.or(defaults.archives),
    }
}

/// Reads how corrections are announced.
pub(super) fn update_signal(table: &mut Table<'_>, sink: &mut Sink<'_>) -> Option<UpdateSignal> {
    const SIGNALS: [(&str, UpdateSignal); 3] =
        [("pubDate", UpdateSignal::PubDate), ("modified", UpdateSignal::Modified), ("none", UpdateSignal::None)];
    table.text(sink, "update_signal").and_then(|signal| choice(sink, Code::ConfigChoice, &signal, &SIGNALS))
}

fn window(table: &mut Table<'_>, sink: &mut Sink<'_>, defaults: &Window) -> Window {
    let mut count = |sink: &mut Sink<'_>, key, range| {
        table.number(sink, key, range).and_then(|number| usize::try_from(number).ok())
    };
    let max_items = count(sink, "max_items", 1..=1_000);
    let min_items = count(sink, "min_items", 0..=1_000);
    let max_bytes = count(sink, "max_bytes", 10_000..=100_000_000).unwrap_or(defaults.max_bytes);
    let max_age = duration(table, sink, "max_age").map_or(defaults.max_age, Some);
    let min_residency = duration(table, sink, "min_residency").unwrap_or(defaults.min_residency);
    let window = Window {
        max_items: max_items.unwrap_or(defaults.max_items.max(min_items.unwrap_or(0))),
        min_items: min_items.unwrap_or(defaults.min_items.min(max_items.unwrap_or(usize::MAX))),
        max_age,
        min_residency,
        max_bytes,
    };
    if window.min_items > window.max_items {
        sink.report(
            Code::ConfigNumber,
            &table.span.clone(),
            format!("`min_items` is {} and `max_items` is {}", window.min_items, window.max_items),
            "write a `max_items` of at least `min_items`",
        );
    }
    window
}

fn polling(table: &mut Table<'_>, sink: &mut Sink<'_>, defaults: &Polling) -> Polling {
    let mut minutes = |sink: &mut Sink<'_>, key| {
        let minutes = table.number(sink, key, 5..=60).and_then(|minutes| u32::try_from(minutes).ok())?;
        if !Polling::CHOICES.contains(&minutes) {
            let message = format!("`{key}` is {minutes}");
            sink.report(Code::ConfigNumber, &table.span.clone(), message, "write one of 5, 15, 30, 60");
        }
        Some(minutes)
    };
    let min = minutes(sink, "min_poll");
    let max = minutes(sink, "max_poll");
    let polling = Polling {
        min: min.unwrap_or(defaults.min.min(max.unwrap_or(60))),
        max: max.unwrap_or(defaults.max.max(min.unwrap_or(0))),
        skip_hours: table.numbers(sink, "skip_hours", 0..=23).unwrap_or_else(|| defaults.skip_hours.clone()),
        skip_days: table.texts(sink, "skip_days").map_or_else(
            || defaults.skip_days.clone(),
            |days| {
                let names = DAYS.map(|day| (day, day));
                let mut chosen: Vec<&'static str> =
                    days.value.iter().filter_map(|day| choice(sink, Code::ConfigChoice, day, &names)).collect();
                chosen.sort_by_key(|day| DAYS.iter().position(|name| name == day));
                chosen.dedup();
                chosen
            },
        ),
    };
    if polling.min > polling.max {
        sink.report(
            Code::ConfigNumber,
            &table.span.clone(),
            format!("`min_poll` is {} and `max_poll` is {}", polling.min, polling.max),
            "write a `max_poll` of at least `min_poll`",
        );
    }
    polling
}

fn podcast(table: &mut Table<'_>, sink: &mut Sink<'_>) -> Option<Podcast> {
    let mut table = table.table(sink, "podcast");
    let line = |text: Option<At<String>>| text.map(|text| Text::line(&text.value)).filter(|text| !text.is_empty());
    let image = table.text(sink, "image");
    if image.is_none() && !table.has("image") {
        sink.report(
            Code::ConfigMissing,
            &table.span.clone(),
            "a podcast needs an `image`",
            "write the URL of a square JPEG or PNG of 1400 to 3000 pixels",
        );
    }
    let image: Option<WebUrl> = image.and_then(|image| web_url(sink, &image));
    let category = required_text(&mut table, sink, "category", "category = \"News\"");
    let author = line(table.text(sink, "author"));
    let subcategory = line(table.text(sink, "subcategory"));
    let owner = line(table.text(sink, "owner"));
    let email = table.text(sink, "email");
    if let Some(email) = &email
        && !email.value.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
    {
        let message = format!("`{}` is not an e-mail address", email.value.escape_debug());
        sink.report(Code::ConfigChoice, &email.span, message, "write one such as `podcast@courier.example`");
    }
    let explicit = table.boolean(sink, "explicit").unwrap_or(false);
    let kinds = [("episodic", "episodic"), ("serial", "serial")];
    let kind = table.text(sink, "kind").and_then(|kind| choice(sink, Code::ConfigChoice, &kind, &kinds));
    table.finish(sink);
    Some(Podcast {
        image: image?,
        category: category?,
        subcategory,
        author,
        owner,
        email: line(email),
        explicit,
        kind: kind.unwrap_or("episodic"),
    })
}
