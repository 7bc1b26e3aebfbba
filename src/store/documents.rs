//! Documents that are not in memory: files in the state directory, each named by the hash of its content.
//!
//! # Why aren't all documents in memory?
//!
//! Three thousand sections in three formats are more than a gigabyte, of which readers fetch a few dozen megabytes. Most requests only
//! ask whether a document changed, and the hash in memory answers that.
//!
//! # Which documents are evicted first?
//!
//! The CLOCK algorithm decides. All documents in memory are in a ring, and a hand goes round. A document that was requested since the
//! hand last passed stays, any other is evicted. A request only sets a flag.
//!
//! # Why aren't the files flushed?
//!
//! A document is written before it is evicted, and bytes that were read back are used only if they have the hash. A file that a power
//! failure damaged counts as lost, and the engine rebuilds lost documents.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use crate::metrics::Metrics;
use crate::snapshot::{MemoryCounter, Resource};
use crate::types::ContentHash;

/// The folder of the documents, below the state directory.
pub(super) const FOLDER: &str = "documents";
/// An eighth of the budget is spare: `free_spare_memory` frees it, and is due once half of it is used.
const SPARE_DIVISOR: usize = 8;

/// Returns the path of another file that has the bytes of a route's document, such as the one in the output directory.
pub type AlternativePath = Box<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

/// The documents of a state directory.
pub struct Documents {
    folder: PathBuf,
    /// The most bytes in memory.
    max_memory_bytes: usize,
    memory: MemoryCounter,
    alternative_path: AlternativePath,
    metrics: Arc<Metrics>,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// The documents in memory. The hand is at the front.
    ring: VecDeque<Weak<Resource>>,
    /// The files on the disk by hash, and the documents that have these bytes.
    saved: HashMap<ContentHash, Vec<Weak<Resource>>>,
    /// Dropped documents are removed from the ring when it is longer than this.
    prune_length: usize,
    /// Whether a failure to write is in the log already.
    is_failure_logged: bool,
}

/// Whether a write failed because the disk is full or read-only.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

impl Documents {
    /// Opens the documents of a state directory, of which `max_memory_bytes` may be in memory.
    ///
    /// # Errors
    /// If the folder can't be created or listed. A full disk isn't an error.
    pub fn open(
        state: &Path,
        max_memory_bytes: usize,
        alternative_path: AlternativePath,
        metrics: Arc<Metrics>,
    ) -> io::Result<Documents> {
        let folder = state.join(FOLDER);
        let mut index = Index::default();
        let listed = match fs::create_dir_all(&folder).and_then(|()| fs::read_dir(&folder)) {
            Ok(listed) => Some(listed),
            // Documents stay in memory, and the first attempt to write one logs why.
            Err(error) if is_full(&error) => None,
            Err(error) => return Err(error),
        };
        for entry in listed.into_iter().flatten() {
            let name = entry?.file_name();
            match name.to_str().and_then(ContentHash::parse) {
                Some(hash) => drop(index.saved.insert(hash, Vec::new())),
                // A killed process left a partial file.
                None => drop(fs::remove_file(folder.join(name))),
            }
        }
        Ok(Documents {
            folder,
            max_memory_bytes,
            memory: MemoryCounter::default(),
            alternative_path,
            metrics,
            index: Mutex::new(index),
        })
    }

    /// Adds a new document. May write other documents to the disk to stay within the budget.
    pub fn insert(&self, resource: &Arc<Resource>) {
        resource.count_memory(&self.memory);
        let mut index = self.index();
        index.link_saved(resource);
        index.enter_ring(resource);
        self.enforce_budget(&mut index);
    }

    /// Enforces the budget after a document's use of memory grew, for example by a compressed copy.
    pub fn handle_growth(&self, resource: &Arc<Resource>) {
        if resource.is_counted() {
            let mut index = self.index();
            index.enter_ring(resource);
            self.enforce_budget(&mut index);
        }
    }

    /// Reads a document from the disk.
    ///
    /// # Errors
    /// If no file has its bytes. A damaged file is removed.
    pub fn read(&self, route: &str, resource: &Resource) -> io::Result<Bytes> {
        resource.count_memory(&self.memory);
        let file = self.file(resource.hash);
        let read = match fs::read(&file) {
            Ok(bytes) if ContentHash::of(&bytes) == resource.hash => Ok(bytes),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is spoilt", file.display()))),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
        };
        let read = read.or_else(|why| {
            let other = (self.alternative_path)(route).and_then(|file| fs::read(file).ok());
            other.filter(|bytes| ContentHash::of(bytes) == resource.hash).ok_or(why)
        });
        if read.is_err() {
            self.index().saved.remove(&resource.hash);
            drop(fs::remove_file(&file));
        }
        self.metrics.documents_read.inc();
        read.map(|bytes| Bytes::from(bytes.into_boxed_slice()))
    }

    /// Writes a document to the disk for the next start, unless the output directory has it.
    pub fn save(&self, route: &str, resource: &Arc<Resource>) {
        if (self.alternative_path)(route).is_none() {
            self.ensure_saved(&mut self.index(), resource);
        }
    }

    /// Removes files that no document needs any more. Files that are being read stay until they are closed.
    pub fn remove_unused_files(&self) {
        let mut index = self.index();
        index.saved.retain(|hash, documents| {
            documents.retain(|document| document.strong_count() > 0);
            // The next call tries to remove the file again.
            !documents.is_empty()
                || fs::remove_file(self.file(*hash)).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        drop(index);
        self.update_metrics();
    }

    /// Whether more than half of the spare memory is used.
    pub fn needs_spare_memory(&self) -> bool {
        self.memory.bytes() > self.max_memory_bytes - self.max_memory_bytes / SPARE_DIVISOR / 2
    }

    /// Evicts documents in advance, so that the next publication doesn't wait until other documents are written.
    pub fn free_spare_memory(&self) {
        let max_bytes = self.max_memory_bytes - self.max_memory_bytes / SPARE_DIVISOR;
        // The lock is taken again for each document, so that requests wait for one write at most.
        let mut steps = self.index().ring.len();
        while self.memory.bytes() > max_bytes && steps > 0 && self.evict_next(&mut self.index()) {
            steps -= 1;
        }
        self.update_metrics();
    }

    /// Moves the hand until memory is within the budget, or nothing more can be evicted.
    fn enforce_budget(&self, index: &mut Index) {
        // The second round evicts what was requested before the first.
        let mut steps = index.ring.len().saturating_mul(2);
        while self.memory.bytes() > self.max_memory_bytes && steps > 0 && self.evict_next(index) {
            steps -= 1;
        }
        self.update_metrics();
    }

    /// Moves the hand past one document and evicts it unless it was requested. Returns `false` if the ring is empty.
    fn evict_next(&self, index: &mut Index) -> bool {
        let Some(resource) = index.ring.pop_front() else { return false };
        let Some(resource) = resource.upgrade() else { return true };
        // This comes before the eviction: a thread that stores a response meanwhile has to enter the document again.
        resource.leave_clock();
        if self.ensure_saved(index, &resource) {
            resource.evict_unrequested();
        }
        index.enter_ring(&resource);
        true
    }

    /// Writes a document to the disk unless it is there. Returns whether its bytes may leave memory.
    fn ensure_saved(&self, index: &mut Index, resource: &Arc<Resource>) -> bool {
        if index.link_saved(resource) {
            return true;
        }
        // A document whose bytes aren't in memory has nothing to lose.
        let Some(bytes) = resource.bytes() else { return true };
        match self.write(resource.hash, &bytes) {
            Ok(()) => {
                index.saved.insert(resource.hash, vec![Arc::downgrade(resource)]);
                index.is_failure_logged = false;
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut index.is_failure_logged, true) {
                    tracing::error!(
                        folder = %self.folder.display(),
                        %error,
                        "cannot write documents; they stay in memory, beyond `server.memory`; check free space and permissions"
                    );
                }
                false
            }
        }
    }

    fn write(&self, hash: ContentHash, bytes: &[u8]) -> io::Result<()> {
        let new = self.folder.join(format!("{hash}.new"));
        let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, self.file(hash)));
        written.inspect_err(|_| drop(fs::remove_file(&new)))
    }

    fn file(&self, hash: ContentHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    fn update_metrics(&self) {
        self.metrics.document_memory_bytes.set(i64::try_from(self.memory.bytes()).unwrap_or(i64::MAX));
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Documents");
        text.field("folder", &self.folder).field("max_memory_bytes", &self.max_memory_bytes).finish_non_exhaustive()
    }
}

impl Index {
    /// Adds a document to the ring if it is in memory and not in the ring yet.
    fn enter_ring(&mut self, resource: &Arc<Resource>) {
        if !resource.is_in_memory() || !resource.enter_clock() {
            return;
        }
        self.ring.push_back(Arc::downgrade(resource));
        // The hand doesn't move while memory is within the budget, so replaced documents are removed here.
        if self.ring.len() > self.prune_length {
            self.ring.retain(|document| document.strong_count() > 0);
            self.prune_length = self.ring.len().saturating_mul(2).saturating_add(64);
        }
    }

    /// Links a document to the file that has its bytes. Returns whether there is one.
    fn link_saved(&mut self, resource: &Arc<Resource>) -> bool {
        let Some(documents) = self.saved.get_mut(&resource.hash) else { return false };
        documents.retain(|document| document.strong_count() > 0);
        if !documents.iter().any(|document| std::ptr::eq(document.as_ptr(), Arc::as_ptr(resource))) {
            documents.push(Arc::downgrade(resource));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{FullResponse, ResourceKind};

    const LENGTH: usize = 1_000;

    fn documents(state: &Path) -> Documents {
        Documents::open(state, 3 * LENGTH, Box::new(|_| None), Arc::default()).unwrap()
    }

    fn insert_each(documents: &Documents, bytes: &[u8]) -> Vec<Arc<Resource>> {
        let made = bytes.iter().map(|&byte| Arc::new(Resource::new(ResourceKind::Opml, vec![byte; LENGTH], None, 900)));
        made.inspect(|resource| documents.insert(resource)).collect()
    }

    fn are_in_memory(resources: &[Arc<Resource>]) -> Vec<bool> {
        resources.iter().map(|resource| resource.is_in_memory()).collect()
    }

    #[test]
    fn requested_documents_stay_in_memory_longest() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        let mut resources = insert_each(&documents, b"abc");
        assert_eq!(are_in_memory(&resources), [true, true, true]);
        resources[0].codings.identity.mark_requested();
        resources.extend(insert_each(&documents, b"d"));
        assert_eq!(are_in_memory(&resources), [true, false, true, true], "the first unrequested one is evicted");
        // The evicted document comes back, in one coding.
        assert_eq!(documents.read("/b", &resources[1]).unwrap(), vec![b'b'; LENGTH]);
        let gzip = &resources[1].codings.gzip;
        resources[1].store_response(gzip, FullResponse::new(vec![0; 100].into(), None, None));
        gzip.mark_requested();
        documents.handle_growth(&resources[1]);
        assert_eq!(are_in_memory(&resources), [true, true, false, true]);
        assert_eq!((documents.memory.bytes(), documents.metrics.documents_read.get()), (2 * LENGTH + 100, 1));
        // Dropped documents use no memory.
        resources.clear();
        assert_eq!(documents.memory.bytes(), 0);
        documents.remove_unused_files();
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn spare_memory_is_freed_in_advance() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        let mut resources = insert_each(&documents, b"abc");
        assert!(documents.needs_spare_memory());
        documents.free_spare_memory();
        assert!(!documents.needs_spare_memory());
        assert_eq!(are_in_memory(&resources), [false, true, true]);
        // The next document fits without a write.
        resources.extend(insert_each(&documents, b"d"));
        assert_eq!(are_in_memory(&resources), [false, true, true, true]);
        resources.iter().for_each(|resource| resource.codings.identity.mark_requested());
        documents.free_spare_memory();
        assert_eq!(are_in_memory(&resources), [false, true, true, true], "requested documents stay");
    }

    #[test]
    fn unwritable_documents_stay_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        fs::remove_dir(folder.path().join(FOLDER)).unwrap();
        let resources = insert_each(&documents, b"abcde");
        assert_eq!(are_in_memory(&resources), [true; 5]);
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        documents.handle_growth(&resources[0]);
        assert_eq!(are_in_memory(&resources).into_iter().filter(|is_in_memory| *is_in_memory).count(), 3);
        assert!(resources.iter().all(|resource| resource.is_in_memory() || documents.read("/", resource).is_ok()));
    }

    #[test]
    fn damaged_file_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        let first = insert_each(&documents, b"abcd");
        let copy = folder.path().join(FOLDER).join(first[0].hash.to_string());
        fs::write(&copy, "spoilt").unwrap();
        assert!(documents.read("/a", &first[0]).unwrap_err().to_string().contains("is spoilt"));
        let again = insert_each(&documents, b"axyz");
        assert!(!again[0].is_in_memory());
        assert_eq!(documents.read("/a", &again[0]).unwrap(), vec![b'a'; LENGTH]);
    }
}
