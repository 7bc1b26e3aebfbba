//! The ledger, and the records that the store hasn't written yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::source_retention::SourceRetention;
use crate::build::assemble;
use crate::build::index::{Index, IndexedArticle};
use crate::build::placement::FeedKey;
use crate::config::{Config, UpdatedWhen};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::Effect;
use crate::ledger::{ArticleFacts, Ledger, Record, Routes, UnreadableRecord};
use crate::snapshot::Resource;
use crate::types::{ArticlePath, Moment};

/// The ledger, and what has to be recorded.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) ledger: Ledger,
    /// Records that the ledger has applied and the store hasn't written yet.
    pub(crate) unwritten: Vec<Record>,
    /// Articles whose ledger entry or withholding changed since the last publication, whether or not they have a file.
    pub(crate) changed_articles: BTreeSet<ArticlePath>,
    /// Articles that look different since the last publication although their files may be the same.
    pub(crate) revised: BTreeSet<ArticlePath>,
    pub(crate) retention: SourceRetention,
}

impl Recorder {
    pub(crate) fn new(ledger: Ledger) -> Recorder {
        let (unwritten, changed_articles, revised) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Recorder { ledger, unwritten, changed_articles, revised, retention: SourceRetention::default() }
    }

    /// The effect that writes the unwritten records, if there are any.
    pub(crate) fn take_unwritten(&mut self) -> Option<Effect> {
        let records = std::mem::take(&mut self.unwritten);
        (!records.is_empty()).then_some(Effect::Persist(records))
    }

    /// The ledger records that can't be read, and what follows from each.
    pub(crate) fn unreadable_records(&self, config: &Config) -> Vec<Diagnostic> {
        let report = |(path, record): (&ArticlePath, &UnreadableRecord)| {
            let UnreadableRecord { number, kind } = record;
            // A `replaced` record withholds nothing: the next article with its id is public.
            let is_replaced = **kind == *UnreadableRecord::REPLACED;
            let consequence = match is_replaced {
                true => format!("no feed tells its readers that `{path}` is gone"),
                false => format!("`{}` stays withheld", config.file_name(path)),
            };
            let message = format!("record {number} of the ledger, `{kind}`, cannot be read, so {consequence}");
            let commands = format!(
                "`dateline restore {path}` publishes it again, `dateline retract {path}` tells readers that it is gone; "
            );
            let help = format!(
                "{}`dateline backup --restore FILE` replaces the ledger by a readable copy",
                if is_replaced { "" } else { &commands }
            );
            let diagnostic = Diagnostic::new(Code::LedgerRecord, message).help(help);
            if is_replaced { diagnostic } else { diagnostic.at(Place::file(&config.file_name(path))) }
        };
        self.ledger.unreadable().map(report).collect()
    }

    /// The Last-Modified date of a document. Unchanged bytes keep their date. Changed bytes get the next full second, or keep
    /// their date if it is later.
    pub(crate) fn last_modified(&self, route: &str, resource: &Resource, now: Timestamp) -> Option<Timestamp> {
        match self.ledger.document(route) {
            Some((hash, last_modified)) if hash == resource.hash => Some(last_modified),
            Some((_, last_modified)) => {
                let next_second = Timestamp::from_second(now.as_second().saturating_add(1)).unwrap_or(now);
                Some(last_modified.max(next_second))
            }
            None => resource.last_modified,
        }
    }

    /// When an article was first published and when it last changed.
    pub(crate) fn dates(
        &self,
        index: &Index,
        path: &ArticlePath,
        indexed: &IndexedArticle,
    ) -> Option<(Moment, Moment)> {
        let by_text = index.rules().config().updated_when == UpdatedWhen::Text;
        let changed = self.ledger.article(path).and_then(ArticleFacts::changed).filter(|_| by_text);
        assemble::publication_dates(indexed, changed.and_then(|changed| index.moment(changed)))
    }
}

/// The routes of feeds, in the form that records use.
pub(crate) fn routes<'k>(feeds: impl IntoIterator<Item = &'k FeedKey>) -> Routes {
    feeds.into_iter().map(|key| Arc::from(assemble::route(key))).collect()
}
