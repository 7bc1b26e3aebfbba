//! The engine's state: its parts, and what many steps ask of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::parts::activities::Activities;
use super::parts::archives::Archives;
use super::parts::article_links::ArticleLinks;
use super::parts::bodies::Bodies;
use super::parts::dormancy::Dormancy;
use super::parts::entry_cache::EntryCache;
use super::parts::held_stories::HeldStories;
use super::parts::hubs::Hubs;
use super::parts::ignored_files::IgnoredFiles;
use super::parts::item_files::ItemFiles;
use super::parts::media_items::MediaItems;
use super::parts::missing_files::MissingFiles;
use super::parts::problems::{Problems, Source};
use super::parts::publisher::Publisher;
use super::parts::recorder::{Recorder, routes};
use super::parts::section_pages::SectionPages;
use super::parts::undated_articles::UndatedArticles;
use super::parts::withholding::Withholding;
use crate::article::AgencyNotice;
use crate::build::catalog::Catalog;
use crate::build::index::{Index, IndexedArticle, Visibility};
use crate::config::{Config, Removals};
use crate::event::Listing;
use crate::ledger::{ArticleFacts, Ledger, Record, Routes};
use crate::types::ArticlePath;

/// The state that the engine's steps change.
#[derive(Debug)]
pub(super) struct State {
    /// The time of the last event.
    pub(super) now: Timestamp,
    /// Whether every source has been listed. Nothing is published before that.
    pub(super) listed: bool,
    /// The first listing of each source, without the files, until all sources have one.
    pub(super) first_listings: Vec<Listing>,
    /// The good versions of articles.
    pub(super) catalog: Catalog,
    /// Which articles are public and in which feeds. `None` until the first configuration has been applied.
    pub(super) index: Option<Index>,
    /// Missing files, and files that may have been moved.
    pub(super) missing: MissingFiles,
    pub(super) held: HeldStories,
    pub(super) undated: UndatedArticles,
    pub(super) ignored: IgnoredFiles,
    pub(super) item_files: ItemFiles,
    /// Agencies' notices, by file.
    pub(super) agency_notices: BTreeMap<ArticlePath, AgencyNotice>,
    pub(super) media_items: MediaItems,
    pub(super) section_pages: SectionPages,
    pub(super) links: ArticleLinks,
    /// The durable facts.
    pub(super) recorder: Recorder,
    pub(super) withholding: Withholding,
    pub(super) dormancy: Dormancy,
    pub(super) bodies: Bodies,
    pub(super) entries: EntryCache,
    pub(super) publisher: Publisher,
    pub(super) archives: Archives,
    pub(super) problems: Problems,
    pub(super) activities: Activities,
    pub(super) hubs: Hubs,
}

impl State {
    pub(super) fn new(ledger: Ledger) -> State {
        State {
            now: Timestamp::MIN,
            listed: false,
            first_listings: Vec::new(),
            catalog: Catalog::with_room_for(ledger.len()),
            index: None,
            missing: MissingFiles::default(),
            held: HeldStories::default(),
            undated: UndatedArticles::default(),
            ignored: IgnoredFiles::default(),
            item_files: ItemFiles::default(),
            agency_notices: ledger.kept_kills().clone(),
            media_items: MediaItems::default(),
            section_pages: SectionPages::default(),
            links: ArticleLinks::default(),
            withholding: Withholding::default(),
            dormancy: Dormancy::default(),
            bodies: Bodies::new(),
            entries: EntryCache::new(),
            publisher: Publisher::new(&ledger),
            archives: Archives::default(),
            problems: Problems::default(),
            activities: Activities::default(),
            hubs: Hubs::default(),
            recorder: Recorder::new(ledger),
        }
    }

    /// The current configuration. `None` until the first one has been applied.
    pub(super) fn config(&self) -> Option<&Arc<Config>> {
        self.index.as_ref().map(|index| index.rules().config())
    }

    /// The rules about missing files. `None` until the first configuration has been applied.
    pub(super) fn removal_rules(&self) -> Option<Removals> {
        self.config().map(|config| config.content.removals)
    }

    /// The current time, rounded down to the second. Dates in feeds have this precision.
    pub(super) fn now_in_seconds(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_second()).unwrap_or(self.now)
    }

    /// Whether an article is public.
    pub(super) fn is_public(&self, path: &ArticlePath) -> bool {
        let indexed = self.index.as_ref().and_then(|index| index.get(path));
        indexed.is_some_and(|indexed| matches!(indexed.visibility, Visibility::Public(_)))
    }

    /// Whether readers see an article, according to the ledger.
    pub(super) fn is_live(&self, path: &ArticlePath) -> bool {
        self.recorder.ledger.article(path).is_some_and(ArticleFacts::is_live)
    }

    /// The routes of the feeds that an article belongs to.
    pub(super) fn routes_of(&self, indexed: &IndexedArticle) -> Routes {
        self.index.as_ref().map(|index| routes(index.feeds_of(indexed))).unwrap_or_default()
    }

    /// Applies a record to the ledger and queues it for the store.
    pub(super) fn record(&mut self, record: Record) {
        self.activities.note_record(&record, &self.recorder.ledger);
        self.record_silently(record);
    }

    /// Applies a record that is no event of its own for operators.
    pub(super) fn record_silently(&mut self, record: Record) {
        let unreadable = self.recorder.ledger.unreadable().len();
        self.dormancy.note_record(&record);
        self.recorder.ledger.apply(&record);
        // Documents for another address are never requested later, and those for `site.url` keep their validators.
        if !(self.publisher.is_relocated && matches!(record, Record::Document { .. })) {
            self.recorder.unwritten.push(record);
        }
        if self.recorder.ledger.unreadable().len() != unreadable {
            self.report_unreadable_records();
        }
    }

    /// Reports the ledger records that can't be read.
    pub(super) fn report_unreadable_records(&mut self) {
        let Some(config) = self.config() else { return };
        let diagnostics = self.recorder.unreadable_records(config);
        self.problems.set(Source::Ledger, diagnostics);
    }
}
