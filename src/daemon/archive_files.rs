//! Writes archives to the output directory, for `feeds.archives = "files"`.
//!
//! # Why does this take a task of its own?
//!
//! A publication never waits for archives, of which a feed may have thousands. The task builds them one by one, those that changed last
//! first. The event loop delivers a document only if readers still see its version, so a retracted story doesn't come back as a file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::document_store::Published;
use super::on_demand::archive_entries;
use crate::beneath::Roots;
use crate::build::encode;
use crate::config::Config;
use crate::deliver::disk::DocumentReader;
use crate::event::{ArchiveContents, Delivery, Query};
use crate::feed::Format;
use crate::ledger::archive::ArchiveName;
use crate::serve::archives::ArchiveSource;
use crate::snapshot::{ArchiveAddress, BuiltDocument, Resource, Snapshot};
use crate::store::StoreHandle;
use crate::types::ContentHash;

/// The most documents that wait to be written.
const MAX_WAITING_DOCUMENTS: usize = 64;
/// The pause before the engine is asked again, or the target has written something.
const PAUSE: Duration = Duration::from_millis(20);

/// An archive that was built, in all formats of its feed.
pub(super) struct BuiltArchive(ArchiveAddress, Vec<(Format, BuiltDocument)>);

impl BuiltArchive {
    /// Its delivery, unless readers see another version by now.
    pub(super) fn delivery(self, snapshot: &Snapshot, bytes: &ArchiveBytes) -> Option<Delivery> {
        let BuiltArchive(address, documents) = self;
        let feed = snapshot.archives.get(&address.feed).filter(|archives| archives.is_written)?;
        let published = feed.find(address.name)?;
        let is_current = published.version == address.version && published.archive.name() == address.name;
        is_current.then(|| {
            documents.iter().for_each(|(_, document)| bytes.add(document));
            delivery(snapshot, &[(address, documents)])
        })
    }
}

/// The bytes of archives that wait to be written.
#[derive(Clone, Default)]
pub(super) struct ArchiveBytes(Arc<Mutex<WaitingDocuments>>);

/// The bytes of documents, for as long as a delivery holds their resources.
type WaitingDocuments = HashMap<ContentHash, (Weak<Resource>, Bytes)>;

impl ArchiveBytes {
    fn add(&self, BuiltDocument { resource, bytes }: &BuiltDocument) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(resource.hash, (Arc::downgrade(resource), bytes.clone()));
    }

    /// How many documents wait. A delivery holds their resources until they are written.
    fn len(&self) -> usize {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (resource, _)| resource.strong_count() > 0);
        waiting.len()
    }

    /// A reader that has these documents, besides those of another reader.
    pub(super) fn or(&self, other: DocumentReader) -> DocumentReader {
        let waiting = Arc::clone(&self.0);
        Box::new(move |route: &str, resource: &Arc<Resource>| {
            let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = waiting.get(&resource.hash).map(|(_, bytes)| bytes.clone());
            drop(waiting);
            bytes.map_or_else(|| other(route, resource), Ok)
        })
    }
}

/// The daemon's services for the task that writes archives.
pub(super) struct ArchiveWriter {
    pub(super) source: ArchiveSource,
    pub(super) roots: Arc<ArcSwap<Roots>>,
    pub(super) config: Arc<ArcSwap<Config>>,
    pub(super) store: StoreHandle,
    pub(super) bytes: ArchiveBytes,
    pub(super) built: mpsc::Sender<BuiltArchive>,
}

impl ArchiveWriter {
    /// Builds the archives of each publication, until the daemon ends.
    pub(super) async fn run(self, mut published: watch::Receiver<Option<Published>>) {
        let mut done = HashMap::new();
        while published.changed().await.is_ok() {
            let snapshot = published.borrow_and_update().as_ref().map(|published| Arc::clone(&published.snapshot));
            let Some(snapshot) = snapshot else { continue };
            // The engine may be busy with the next publication.
            while !self.write(&snapshot, &published, &mut done).await && !published.has_changed().unwrap_or(true) {
                sleep(PAUSE).await;
            }
        }
    }

    /// Builds the archives of a publication that aren't `done`, until there is a newer one, which may have changed archives that are more
    /// urgent. Returns whether all are done.
    async fn write(
        &self,
        snapshot: &Snapshot,
        published: &watch::Receiver<Option<Published>>,
        done: &mut HashMap<(Arc<str>, ArchiveName), u64>,
    ) -> bool {
        let all = addresses(snapshot);
        let current: HashSet<_> = all.iter().map(|(address, _)| (&address.feed, address.name)).collect();
        done.retain(|(feed, name), _| current.contains(&(feed, *name)));
        let mut is_complete = true;
        for (address, formats) in &all {
            let key = (Arc::clone(&address.feed), address.name);
            if done.get(&key) == Some(&address.version) {
                continue;
            }
            if published.has_changed().unwrap_or(true) {
                return false;
            }
            let contents = self.source.contents(Query::Archive(address.clone())).await;
            let is_sent = match contents {
                Some(contents) => self.build(address.clone(), formats.clone(), contents).await.is_some(),
                None => false,
            };
            is_complete &= is_sent;
            if is_sent {
                done.insert(key, address.version);
            }
        }
        is_complete
    }

    /// Builds an archive and sends it to the event loop. `None` if the daemon has ended.
    async fn build(&self, address: ArchiveAddress, formats: Vec<Format>, contents: Arc<ArchiveContents>) -> Option<()> {
        let (roots, config, store) = (self.roots.load_full(), self.config.load_full(), self.store.clone());
        let work = spawn_blocking(move || documents(&roots, &config, &store, &contents, &formats));
        let documents = work.await.ok()?;
        while self.bytes.len() >= MAX_WAITING_DOCUMENTS && !self.built.is_closed() {
            sleep(PAUSE).await;
        }
        self.built.send(BuiltArchive(address, documents)).await.ok()
    }
}

/// The archives that are files, those that changed last first.
pub(super) fn addresses(snapshot: &Snapshot) -> Vec<(ArchiveAddress, Vec<Format>)> {
    let feeds = snapshot.archives.iter().filter(|(_, archives)| archives.is_written);
    let all = feeds.flat_map(|(feed, archives)| {
        archives.archives.iter().map(move |published| {
            let name = published.archive.name();
            (ArchiveAddress { feed: Arc::clone(feed), name, version: published.version }, archives.formats.clone())
        })
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|(one, _), (other, _)| {
        (Reverse(one.version), &one.feed, one.name.last).cmp(&(Reverse(other.version), &other.feed, other.name.last))
    });
    all
}

/// Builds the documents of an archive.
pub(super) fn documents(
    roots: &Roots,
    config: &Config,
    store: &StoreHandle,
    contents: &ArchiveContents,
    formats: &[Format],
) -> Vec<(Format, BuiltDocument)> {
    let entries = archive_entries(roots, config, store, contents, || false).unwrap_or_default();
    let document = |format: &Format| {
        let built = encode::archive(contents.feed.clone(), entries.clone(), *format, contents.max_bytes);
        Some((*format, built.ok()?))
    };
    formats.iter().filter_map(document).collect()
}

/// The delivery of archives.
pub(super) fn delivery<'a>(
    snapshot: &Snapshot,
    archives: impl IntoIterator<Item = &'a (ArchiveAddress, Vec<(Format, BuiltDocument)>)>,
) -> Delivery {
    let documents = archives.into_iter().flat_map(|(address, documents)| {
        documents.iter().map(|(format, built)| {
            let route = format!("{}{}", address.feed, format.archive_name(&address.name.to_string()));
            (Arc::from(route.trim_start_matches('/')), Some(Arc::clone(&built.resource)))
        })
    });
    Delivery {
        generation: snapshot.generation,
        documents: documents.collect(),
        complete: false,
        withheld: BTreeSet::new(),
        recorded: BTreeMap::new(),
        archives: snapshot.archives.clone(),
    }
}
