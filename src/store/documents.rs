//! The bytes of documents: in memory until they are saved, then in files of the state directory, each named by the hash of its content.
//!
//! # Why aren't all documents in memory?
//!
//! Three thousand sections in three formats are more than a gigabyte, of which readers fetch a few dozen megabytes. Most requests only
//! ask whether a document changed, and the hash in the snapshot answers that.
//!
//! # When is a document saved?
//!
//! When `serve::DocumentCache` evicts it, which decides what stays in memory. Until then a document needs no file: the output directory
//! may have it, and a newer version may replace it before anybody needs the file. Bytes that can't be saved stay in memory.
//!
//! # Why aren't the files flushed?
//!
//! Bytes that were read back are used only if they have the hash. A file that a power failure damaged counts as lost, and the engine
//! rebuilds lost documents.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

use crate::metrics::Metrics;
use crate::snapshot::{BuiltDocument, Resource};
use crate::types::ContentHash;

/// The folder of the documents, below the state directory.
pub(super) const FOLDER: &str = "documents";

/// Returns the path of another file that has the bytes of a route's document, such as the one in the output directory.
pub type AlternativePath = Box<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

/// The documents of a state directory.
pub struct Documents {
    folder: PathBuf,
    alternative_path: AlternativePath,
    metrics: Arc<Metrics>,
    index: Mutex<Index>,
    /// Held while a file is written or removed, so that two threads never write the same file.
    disk: Mutex<()>,
}

#[derive(Default)]
struct Index {
    documents: HashMap<ContentHash, Entry>,
    /// Documents that were evicted and are to be saved, oldest first: those whose entry says so.
    evicted: VecDeque<ContentHash>,
    /// The size of these documents.
    evicted_bytes: usize,
    /// Whether a failure to write is in the log already.
    is_failure_logged: bool,
}

/// The documents that have the same bytes.
#[derive(Default)]
struct Entry {
    users: Vec<Weak<Resource>>,
    /// The bytes, until they are in a file.
    unsaved: Option<Bytes>,
    /// Whether they were evicted from the cache, and are to be saved.
    is_evicted: bool,
}

impl Entry {
    /// Whether any document still has these bytes. Forgets those that don't.
    fn is_used(&mut self) -> bool {
        self.users.retain(|user| user.strong_count() > 0);
        !self.users.is_empty()
    }

    fn add_user(&mut self, resource: &Arc<Resource>) {
        self.users.retain(|user| user.strong_count() > 0);
        if !self.users.iter().any(|user| std::ptr::eq(user.as_ptr(), Arc::as_ptr(resource))) {
            self.users.push(Arc::downgrade(resource));
        }
    }
}

/// Whether a write failed because the disk is full or read-only.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

impl Documents {
    /// Opens the documents of a state directory.
    ///
    /// # Errors
    /// If the folder can't be created or listed. A full disk isn't an error.
    pub fn open(state: &Path, alternative_path: AlternativePath, metrics: Arc<Metrics>) -> io::Result<Documents> {
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
                Some(hash) => drop(index.documents.insert(hash, Entry::default())),
                // A killed process left a partial file.
                None => drop(fs::remove_file(folder.join(name))),
            }
        }
        Ok(Documents { folder, alternative_path, metrics, index: Mutex::new(index), disk: Mutex::new(()) })
    }

    /// Adds a new document. Returns its bytes, which count as memory of documents while anybody holds them.
    pub fn add(&self, document: BuiltDocument) -> Bytes {
        let BuiltDocument { resource, bytes } = document;
        let mut index = self.index();
        let is_known = index.documents.contains_key(&resource.hash);
        let entry = index.documents.entry(resource.hash).or_default();
        entry.add_user(&resource);
        match &entry.unsaved {
            Some(unsaved) => unsaved.clone(),
            None => {
                let bytes = self.metrics.document_memory.counted(bytes);
                if !is_known {
                    entry.unsaved = Some(bytes.clone());
                }
                bytes
            }
        }
    }

    /// Returns the bytes of a document, from memory or from the disk.
    ///
    /// # Errors
    /// If no file has its bytes. A damaged file is removed.
    pub fn read(&self, route: &str, resource: &Resource) -> io::Result<Bytes> {
        if let Some(unsaved) = self.unsaved(resource.hash) {
            return Ok(unsaved);
        }
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
            let _disk = self.lock_disk();
            let mut index = self.index();
            // The document may have been built again meanwhile.
            if let Some(unsaved) = index.documents.get(&resource.hash).and_then(|entry| entry.unsaved.clone()) {
                return Ok(unsaved);
            }
            index.remove(resource.hash);
            drop(fs::remove_file(&file));
        }
        self.metrics.documents_read.inc();
        read.map(|bytes| self.metrics.document_memory.counted(bytes.into_boxed_slice().into()))
    }

    /// Notes that documents were evicted from memory. `save_evicted` saves those that aren't in a file yet.
    pub fn note_evicted(&self, hashes: &[ContentHash]) {
        let index = &mut *self.index();
        for hash in hashes {
            let Some(entry) = index.documents.get_mut(hash) else { continue };
            if let Some(bytes) = entry.unsaved.as_ref().filter(|_| !entry.is_evicted) {
                entry.is_evicted = true;
                index.evicted_bytes = index.evicted_bytes.saturating_add(bytes.len());
                index.evicted.push_back(*hash);
            }
        }
    }

    /// The size of the evicted documents that aren't saved yet.
    pub fn evicted_bytes(&self) -> usize {
        self.index().evicted_bytes
    }

    /// Saves evicted documents, the oldest first, until at most `max_bytes` of them are in memory.
    pub fn save_evicted(&self, max_bytes: usize) {
        // If one can't be saved, the others can't be either.
        while let Some(hash) = self.next_evicted(max_bytes)
            && self.save_bytes(hash)
        {}
    }

    /// The oldest evicted document, unless all of them fit into `max_bytes`.
    fn next_evicted(&self, max_bytes: usize) -> Option<ContentHash> {
        let index = self.index();
        index.evicted.front().copied().filter(|_| index.evicted_bytes > max_bytes)
    }

    /// Saves a document for the next start, unless the output directory has it.
    pub fn save(&self, route: &str, resource: &Arc<Resource>) {
        if (self.alternative_path)(route).is_none() {
            self.save_bytes(resource.hash);
        }
    }

    /// Removes what no document needs any more: files and unsaved bytes. Files that are being read stay until they are closed. Returns the
    /// hashes.
    pub fn remove_unused(&self) -> Vec<ContentHash> {
        let _disk = self.lock_disk();
        let (mut unused, mut files) = (Vec::new(), Vec::new());
        {
            let index = &mut *self.index();
            unused.extend(index.documents.iter_mut().filter_map(|(hash, entry)| (!entry.is_used()).then_some(*hash)));
            for hash in &unused {
                let has_file = index.documents.get(hash).is_some_and(|entry| entry.unsaved.is_none());
                files.extend(has_file.then_some(*hash));
                index.remove(*hash);
            }
        }
        // Requests don't wait for the disk. A document that comes back meanwhile is written after its file is removed.
        for hash in files {
            if fs::remove_file(self.file(hash)).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                // The next call tries again.
                self.index().documents.entry(hash).or_default();
            }
        }
        unused
    }

    /// Writes a document to the disk unless it is there or nobody needs it. Returns `false` if that fails.
    fn save_bytes(&self, hash: ContentHash) -> bool {
        if self.unsaved(hash).is_none() {
            return true;
        }
        let _disk = self.lock_disk();
        let unsaved = {
            let mut index = self.index();
            if index.documents.get_mut(&hash).is_some_and(|entry| !entry.is_used()) {
                index.remove(hash);
            }
            index.documents.get(&hash).and_then(|entry| entry.unsaved.clone())
        };
        let Some(bytes) = unsaved else { return true };
        // Requests don't wait for the write.
        let written = self.write(hash, &bytes);
        let mut index = self.index();
        match written {
            Ok(()) => {
                index.forget_bytes(hash);
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

    /// The bytes of a document that isn't in a file yet.
    fn unsaved(&self, hash: ContentHash) -> Option<Bytes> {
        self.index().documents.get(&hash)?.unsaved.clone()
    }

    fn write(&self, hash: ContentHash, bytes: &[u8]) -> io::Result<()> {
        let new = self.folder.join(format!("{hash}.new"));
        let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, self.file(hash)));
        written.inspect_err(|_| drop(fs::remove_file(&new)))
    }

    fn file(&self, hash: ContentHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    fn lock_disk(&self) -> MutexGuard<'_, ()> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Index {
    /// Forgets the bytes of a document, which are in a file by now or not needed any more.
    fn forget_bytes(&mut self, hash: ContentHash) {
        let Some(entry) = self.documents.get_mut(&hash) else { return };
        let length = entry.unsaved.take().map_or(0, |bytes| bytes.len());
        // Most often the first one is saved.
        if std::mem::take(&mut entry.is_evicted)
            && let Some(position) = self.evicted.iter().position(|evicted| *evicted == hash)
        {
            self.evicted.remove(position);
            self.evicted_bytes = self.evicted_bytes.saturating_sub(length);
        }
    }

    fn remove(&mut self, hash: ContentHash) {
        self.forget_bytes(hash);
        self.documents.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ResourceKind;

    const LENGTH: usize = 1_000;

    struct Folder {
        state: tempfile::TempDir,
        documents: Documents,
    }

    impl Folder {
        fn new() -> Folder {
            let state = tempfile::tempdir().unwrap();
            let documents = Documents::open(state.path(), Box::new(|_| None), Arc::default()).unwrap();
            Folder { state, documents }
        }

        fn add(&self, bytes: &[u8]) -> Vec<Arc<Resource>> {
            let made = bytes.iter().map(|&byte| BuiltDocument::new(ResourceKind::Opml, vec![byte; LENGTH], None, 900));
            made.map(|document| {
                let resource = Arc::clone(&document.resource);
                drop(self.documents.add(document));
                resource
            })
            .collect()
        }

        fn files(&self) -> usize {
            fs::read_dir(self.path()).unwrap().count()
        }

        fn path(&self) -> PathBuf {
            self.state.path().join(FOLDER)
        }

        fn memory(&self) -> usize {
            self.documents.metrics.document_memory.bytes()
        }
    }

    fn hashes(resources: &[Arc<Resource>]) -> Vec<ContentHash> {
        resources.iter().map(|resource| resource.hash).collect()
    }

    #[test]
    fn evicted_documents_are_saved_and_read_back() {
        let folder = Folder::new();
        let mut resources = folder.add(b"abcd");
        assert_eq!((folder.memory(), folder.files()), (4 * LENGTH, 0));
        folder.documents.note_evicted(&hashes(&resources[..3]));
        folder.documents.save_evicted(LENGTH);
        assert_eq!((folder.memory(), folder.files()), (2 * LENGTH, 2), "one evicted document may wait");
        for (resource, byte) in resources.iter().zip(b"abcd") {
            assert_eq!(folder.documents.read("/", resource).unwrap(), vec![*byte; LENGTH]);
        }
        assert_eq!(folder.documents.metrics.documents_read.get(), 2, "the others are in memory");
        // A document that nobody needs any more isn't saved.
        resources.truncate(2);
        folder.documents.save_evicted(0);
        assert_eq!((folder.memory(), folder.files()), (LENGTH, 2));
        resources.truncate(1);
        let removed = folder.documents.remove_unused();
        assert_eq!((removed.len(), folder.memory(), folder.files()), (2, 0, 1));
        drop(resources);
        folder.documents.remove_unused();
        assert_eq!(folder.files(), 0);
    }

    #[test]
    fn unwritable_documents_stay_in_memory() {
        let folder = Folder::new();
        fs::remove_dir(folder.path()).unwrap();
        let resources = folder.add(b"abcde");
        folder.documents.note_evicted(&hashes(&resources));
        folder.documents.save_evicted(0);
        assert_eq!(folder.memory(), 5 * LENGTH);
        assert!(resources.iter().all(|resource| folder.documents.read("/", resource).is_ok()));
        fs::create_dir(folder.path()).unwrap();
        folder.documents.save_evicted(2 * LENGTH);
        assert_eq!((folder.memory(), folder.files()), (2 * LENGTH, 3));
        assert!(resources.iter().all(|resource| folder.documents.read("/", resource).is_ok()));
    }

    #[test]
    fn damaged_file_is_written_again() {
        let folder = Folder::new();
        let first = folder.add(b"a");
        let save = |resources: &[Arc<Resource>]| {
            folder.documents.note_evicted(&hashes(resources));
            folder.documents.save_evicted(0);
        };
        save(&first);
        fs::write(folder.path().join(first[0].hash.to_string()), "spoilt").unwrap();
        assert!(folder.documents.read("/a", &first[0]).unwrap_err().to_string().contains("is spoilt"));
        let again = folder.add(b"a");
        assert_eq!(folder.memory(), LENGTH);
        save(&again);
        assert_eq!(folder.memory(), 0);
        assert_eq!(folder.documents.read("/a", &again[0]).unwrap(), vec![b'a'; LENGTH]);
    }
}
