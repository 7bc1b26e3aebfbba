//! Documents that are not in memory: files in the state directory, each named by the hash of its content.
//!
//! A document is written before its bytes are let go, and what is read back is only taken if it has the hash. So the files need no
//! flush: what a power failure spoils is as good as lost, and what is lost is made again.
//!
//! Who has to go when memory runs short: all documents in memory stand in a ring, and a hand goes round. What was asked for since it
//! last came stays, the rest goes. A request only sets a flag.
//!
//! # Why do documents leave memory?
//!
//! Three thousand sections in three formats are more than a gigabyte, of which readers fetch a few dozen megabytes. Most requests only
//! ask whether a document changed, and its hash answers that. Bytes that nobody asks for are stored in files named by hash; a lost file
//! is a document that is built again.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use crate::metrics::Metrics;
use crate::snapshot::{MemoryCounter, Resource};
use crate::types::ContentHash;

/// Below the state directory.
pub(super) const FOLDER: &str = "documents";
/// This part of the budget is made free, where there is time for it, once half of it is taken.
const SPARE: usize = 8;

/// Where else the document of a route may be, as a file of the same bytes.
pub type Elsewhere = Box<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

/// The documents of a state directory.
pub struct Documents {
    folder: PathBuf,
    /// The most bytes in memory.
    budget: usize,
    tally: MemoryCounter,
    elsewhere: Elsewhere,
    meters: Arc<Metrics>,
    shelves: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    /// What is in memory, the one next that the hand comes to.
    ring: VecDeque<Weak<Resource>>,
    /// What is on the disk, and which documents it is of.
    saved: HashMap<ContentHash, Vec<Weak<Resource>>>,
    /// How long the ring may become before what is gone is taken out.
    tidy_at: usize,
    /// That nothing can be written, which was told.
    full: bool,
}

/// Whether a disk takes nothing more.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

impl Documents {
    /// The documents of a state directory, of which `budget` bytes may be in memory.
    ///
    /// # Errors
    /// Where the folder cannot be made or listed.
    pub fn open(state: &Path, budget: usize, elsewhere: Elsewhere, meters: Arc<Metrics>) -> io::Result<Documents> {
        let folder = state.join(FOLDER);
        let mut shelves = Shelves::default();
        let listed = match fs::create_dir_all(&folder).and_then(|()| fs::read_dir(&folder)) {
            Ok(listed) => Some(listed),
            // Then none is there. Documents stay in memory, and whoever first wants to write one says why.
            Err(error) if is_full(&error) => None,
            Err(error) => return Err(error),
        };
        for entry in listed.into_iter().flatten() {
            let name = entry?.file_name();
            match name.to_str().and_then(ContentHash::parse) {
                Some(hash) => drop(shelves.saved.insert(hash, Vec::new())),
                // What a killed process had begun.
                None => drop(fs::remove_file(folder.join(name))),
            }
        }
        Ok(Documents {
            folder,
            budget,
            tally: MemoryCounter::default(),
            elsewhere,
            meters,
            shelves: Mutex::new(shelves),
        })
    }

    /// Takes a new document in. May write others down.
    pub fn take(&self, resource: &Arc<Resource>) {
        resource.count_memory(&self.tally);
        let mut shelves = self.shelves();
        shelves.note_saved(resource);
        shelves.bring_in(resource);
        self.make_room(&mut shelves);
    }

    /// Takes note that more of a document is in memory than before.
    pub fn grown(&self, resource: &Arc<Resource>) {
        if resource.is_counted() {
            let mut shelves = self.shelves();
            shelves.bring_in(resource);
            self.make_room(&mut shelves);
        }
    }

    /// Reads a document back.
    ///
    /// # Errors
    /// Where no file has its bytes. A file that has others by its name is removed.
    pub fn read(&self, route: &str, resource: &Resource) -> io::Result<Bytes> {
        resource.count_memory(&self.tally);
        let file = self.file(resource.hash);
        let read = match fs::read(&file) {
            Ok(bytes) if ContentHash::of(&bytes) == resource.hash => Ok(bytes),
            Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is spoilt", file.display()))),
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
        };
        let read = read.or_else(|why| {
            let other = (self.elsewhere)(route).and_then(|file| fs::read(file).ok());
            other.filter(|bytes| ContentHash::of(bytes) == resource.hash).ok_or(why)
        });
        if read.is_err() {
            self.shelves().saved.remove(&resource.hash);
            drop(fs::remove_file(&file));
        }
        self.meters.documents_read.inc();
        read.map(|bytes| Bytes::from(bytes.into_boxed_slice()))
    }

    /// Sees to it that a document is on the disk, here or elsewhere, so that the next start has it.
    pub fn keep(&self, route: &str, resource: &Arc<Resource>) {
        if (self.elsewhere)(route).is_none() {
            self.save(&mut self.shelves(), resource);
        }
    }

    /// Removes what is of no document any more. Files that are being read stay until they are closed.
    pub fn collect(&self) {
        let mut shelves = self.shelves();
        shelves.saved.retain(|hash, documents| {
            documents.retain(|document| document.strong_count() > 0);
            // One that cannot be removed is tried again.
            !documents.is_empty()
                || fs::remove_file(self.file(*hash)).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        drop(shelves);
        self.tell();
    }

    /// Whether more than half of what is to be left free is taken.
    pub fn is_short(&self) -> bool {
        self.tally.bytes() > self.budget - self.budget / SPARE / 2
    }

    /// Makes room before it is needed, so that a change need not wait until other documents are written.
    pub fn make_spare(&self) {
        let bound = self.budget - self.budget / SPARE;
        // Nobody waits for more than one of them.
        let mut steps = self.shelves().ring.len();
        while self.tally.bytes() > bound && steps > 0 && self.let_go(&mut self.shelves()) {
            steps -= 1;
        }
        self.tell();
    }

    /// Moves the hand until memory is within its bounds, or nothing more can go.
    fn make_room(&self, shelves: &mut Shelves) {
        // Twice round: what was asked for goes the second time.
        let mut steps = shelves.ring.len().saturating_mul(2);
        while self.tally.bytes() > self.budget && steps > 0 && self.let_go(shelves) {
            steps -= 1;
        }
        self.tell();
    }

    /// Moves the hand past one document, which leaves memory unless it was asked for. `false`: none is there.
    fn let_go(&self, shelves: &mut Shelves) -> bool {
        let Some(resource) = shelves.ring.pop_front() else { return false };
        let Some(resource) = resource.upgrade() else { return true };
        // Before its pieces go: whoever puts one back meanwhile has to bring it in again.
        resource.leave_clock();
        if self.save(shelves, &resource) {
            resource.evict_unrequested();
        }
        shelves.bring_in(&resource);
        true
    }

    /// Sees to it that a document is on the disk. Says whether its bytes may go.
    fn save(&self, shelves: &mut Shelves, resource: &Arc<Resource>) -> bool {
        if shelves.note_saved(resource) {
            return true;
        }
        // Without its bytes there is nothing to lose any more.
        let Some(bytes) = resource.bytes() else { return true };
        match self.write(resource.hash, &bytes) {
            Ok(()) => {
                shelves.saved.insert(resource.hash, vec![Arc::downgrade(resource)]);
                shelves.full = false;
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut shelves.full, true) {
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

    fn tell(&self) {
        self.meters.document_memory_bytes.set(i64::try_from(self.tally.bytes()).unwrap_or(i64::MAX));
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").field("folder", &self.folder).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Shelves {
    /// Puts what is in memory where the hand comes by.
    fn bring_in(&mut self, resource: &Arc<Resource>) {
        if !resource.is_in_memory() || !resource.enter_clock() {
            return;
        }
        self.ring.push_back(Arc::downgrade(resource));
        // Documents that have successors are not waited for: the hand may never come.
        if self.ring.len() > self.tidy_at {
            self.ring.retain(|document| document.strong_count() > 0);
            self.tidy_at = self.ring.len().saturating_mul(2).saturating_add(64);
        }
    }

    /// Notes that a document is one of those whose bytes are on the disk; says whether they are.
    fn note_saved(&mut self, resource: &Arc<Resource>) -> bool {
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

    fn taken(documents: &Documents, bytes: &[u8]) -> Vec<Arc<Resource>> {
        let made = bytes.iter().map(|&byte| Arc::new(Resource::new(ResourceKind::Opml, vec![byte; LENGTH], None, 900)));
        made.inspect(|resource| documents.take(resource)).collect()
    }

    fn warm(resources: &[Arc<Resource>]) -> Vec<bool> {
        resources.iter().map(|resource| resource.is_in_memory()).collect()
    }

    #[test]
    fn what_was_asked_for_stays_longest() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        let mut resources = taken(&documents, b"abc");
        assert_eq!(warm(&resources), [true, true, true]);
        resources[0].codings.identity.mark_requested();
        resources.extend(taken(&documents, b"d"));
        assert_eq!(warm(&resources), [true, false, true, true], "the first that nobody asked for");
        // It comes back, in one coding.
        assert_eq!(documents.read("/b", &resources[1]).unwrap(), vec![b'b'; LENGTH]);
        let gzip = &resources[1].codings.gzip;
        resources[1].store_response(gzip, FullResponse::new(vec![0; 100].into(), None, None));
        gzip.mark_requested();
        documents.grown(&resources[1]);
        assert_eq!(warm(&resources), [true, true, false, true]);
        assert_eq!((documents.tally.bytes(), documents.meters.documents_read.get()), (2 * LENGTH + 100, 1));
        // Their successors need no room of theirs.
        resources.clear();
        assert_eq!(documents.tally.bytes(), 0);
        documents.collect();
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn room_is_made_before_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        let mut resources = taken(&documents, b"abc");
        assert!(documents.is_short());
        documents.make_spare();
        assert!(!documents.is_short());
        assert_eq!(warm(&resources), [false, true, true]);
        // The next needs none to be written.
        resources.extend(taken(&documents, b"d"));
        assert_eq!(warm(&resources), [false, true, true, true]);
        resources.iter().for_each(|resource| resource.codings.identity.mark_requested());
        documents.make_spare();
        assert_eq!(warm(&resources), [false, true, true, true], "what was asked for stays");
    }

    #[test]
    fn what_cannot_be_written_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        fs::remove_dir(folder.path().join(FOLDER)).unwrap();
        let resources = taken(&documents, b"abcde");
        assert_eq!(warm(&resources), [true; 5]);
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        documents.grown(&resources[0]);
        assert_eq!(warm(&resources).into_iter().filter(|warm| *warm).count(), 3);
        assert!(resources.iter().all(|resource| resource.is_in_memory() || documents.read("/", resource).is_ok()));
    }

    #[test]
    fn what_is_spoilt_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let documents = documents(folder.path());
        let first = taken(&documents, b"abcd");
        let copy = folder.path().join(FOLDER).join(first[0].hash.to_string());
        fs::write(&copy, "spoilt").unwrap();
        assert!(documents.read("/a", &first[0]).unwrap_err().to_string().contains("is spoilt"));
        let again = taken(&documents, b"axyz");
        assert!(!again[0].is_in_memory());
        assert_eq!(documents.read("/a", &again[0]).unwrap(), vec![b'a'; LENGTH]);
    }
}
