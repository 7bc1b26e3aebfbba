//! Writes documents as files below the output directory. Files are replaced atomically, written only if their bytes have changed, and
//! removed when the document is no longer published.
//!
//! # Which files does dateline replace?
//!
//! Files in the manifest that still have the bytes that dateline wrote, or that a power failure emptied. Without an entry in the
//! manifest, a file is dateline's if the ledger recorded its bytes, or if it names dateline and the feed's own address. JSON Feed and OPML
//! can't name dateline. Every other file is foreign: it stays, and a diagnostic says so.
//!
//! # What if a withheld document can't be replaced?
//!
//! The old file would keep showing what readers must not see. It is removed or emptied, and written again when that is possible.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::Target;
use super::archive_files::WrittenArchives;
use super::directory_lock::{DirectoryLock, LockAttempt};
use super::feed_address::{has_same_address, names_dateline};
use super::file_names::file_name;
use super::manifest::{self, Entry, Manifest, replace_file};
use crate::beneath::Stamp;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Delivery, Outcome};
use crate::snapshot::Resource;
use crate::types::ContentHash;

/// Returns the bytes of a document, by its route.
pub type DocumentReader = Box<dyn Fn(&str, &Arc<Resource>) -> io::Result<Bytes> + Send>;

/// An output directory.
pub struct Disk {
    directory: PathBuf,
    /// The state directory. Identifies this process in the directory's lock.
    state: PathBuf,
    lock: Option<DirectoryLock>,
    reader: Option<DocumentReader>,
    manifest: Manifest,
}

/// The end of messages about a file that can't be replaced.
const MAY_SHOW_WITHHELD: &str = ": the file is not updated, and may show articles that are withheld by now";
/// The end of messages about a path that leads through a file or a link.
const NOT_WRITTEN: &str = "and dateline writes nothing there";
/// More problems with the same cause are merged into one.
const MAX_SEPARATE_PROBLEMS: usize = 3;

/// A document with its route.
type RoutedDocument = (Arc<str>, Arc<Resource>);

/// The file at the path of a document.
enum ExistingFile {
    Missing,
    /// Another version that dateline wrote.
    Ours,
    /// The document itself.
    Same(Stamp),
    /// A file that dateline didn't write, with the diagnostic's message.
    Foreign(String),
}

impl Disk {
    /// An output directory, which needn't exist yet, for the process with this state directory.
    pub fn new(directory: PathBuf, state: &Path) -> Disk {
        let (manifest, state) = (Manifest::new(&directory), state.to_owned());
        Disk { directory, state, lock: None, reader: None, manifest }
    }

    /// Locks the directory unless it is locked already. Each delivery calls this, because the directory may have been created or replaced.
    ///
    /// # Errors
    /// A diagnostic that names the other process that has the lock.
    pub fn lock(&mut self) -> Result<(), Diagnostic> {
        if self.lock.as_ref().is_some_and(DirectoryLock::is_current) {
            return Ok(());
        }
        self.lock = None;
        match DirectoryLock::attempt(&self.directory, &self.state) {
            LockAttempt::Acquired(lock) => self.lock = Some(lock),
            LockAttempt::NotNeeded => {}
            LockAttempt::Refused(holder) => {
                let directory = self.directory.display();
                let message =
                    format!("{holder} writes to the output directory `{directory}`; nothing is written there");
                let help = "stop it, or give this one an `output.directory` of its own";
                return Err(self.problem("", Code::OutputClaimed, message, help));
            }
        }
        Ok(())
    }

    /// Sets the function that returns the bytes of documents.
    #[must_use]
    pub fn with_reader(mut self, reader: DocumentReader) -> Disk {
        self.reader = Some(reader);
        self
    }

    /// Replaces that function.
    pub fn set_reader(&mut self, reader: DocumentReader) {
        self.reader = Some(reader);
    }

    fn bytes(&self, route: &str, resource: &Arc<Resource>) -> io::Result<Bytes> {
        let read = self.reader.as_ref().map(|read| read(route, resource));
        read.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
    }

    fn problem(&self, path: &str, code: Code, message: String, help: &str) -> Diagnostic {
        Diagnostic::new(code, message).at(Place::file(&self.directory.join(path).display().to_string())).help(help)
    }

    fn unwritable(&self, path: &str, message: String) -> Diagnostic {
        self.problem(path, Code::OutputUnwritable, message, "retried; check free space and permissions")
    }

    /// Describes the first component of the path that isn't a folder. Links aren't followed, because they may lead to another tool's files.
    /// The output directory itself may be a link.
    fn blocking_folder(&self, path: &str) -> Option<String> {
        let folders = Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let folders: Vec<PathBuf> = folders.map(|folder| self.directory.join(folder)).collect();
        folders.into_iter().rev().find_map(|folder| {
            let metadata = fs::symlink_metadata(&folder).ok().filter(|metadata| !metadata.is_dir())?;
            Some(format!("`{}` is {}", folder.display(), kind_name(&metadata)))
        })
    }

    /// Whether a file still has the bytes that dateline wrote, or is empty.
    fn is_ours(&self, path: &str, written: &Entry) -> io::Result<bool> {
        if self.blocking_folder(path).is_some() {
            return Ok(false);
        }
        let file = self.directory.join(path);
        let metadata = fs::symlink_metadata(&file)?;
        let has_stamp = || written.stamp == Some(Stamp::from(&metadata));
        let has_hash =
            || fs::read(&file).map(|bytes| bytes.is_empty() || written.hashes.contains(&ContentHash::of(&bytes)));
        Ok(metadata.is_file() && (has_stamp() || has_hash()?))
    }

    /// Adds files to the manifest that it lacks and whose bytes the ledger recorded. If the manifest was lost, dateline's own documents
    /// would otherwise be foreign, and keep showing articles that have been withheld.
    fn adopt_recorded(&mut self, recorded: &BTreeMap<Arc<str>, ContentHash>) {
        for (route, hash) in recorded {
            let path = file_name(route);
            if self.manifest.get(&path).is_some() {
                continue;
            }
            let entry = Entry { hashes: vec![*hash], stamp: None };
            let is_empty = || fs::metadata(self.directory.join(&path)).is_ok_and(|metadata| metadata.len() == 0);
            if self.is_ours(&path, &entry).unwrap_or(false) && !is_empty() {
                self.manifest.set(&path, entry);
            }
        }
    }

    /// Compares the file of a document with the document. `written` is the manifest's entry.
    fn inspect(
        &self,
        path: &str,
        written: Option<&Entry>,
        route: &str,
        resource: &Arc<Resource>,
    ) -> io::Result<ExistingFile> {
        let file = self.directory.join(path);
        if let Some(blocking) = self.blocking_folder(path) {
            return Ok(ExistingFile::Foreign(format!("{blocking}, {NOT_WRITTEN}{MAY_SHOW_WITHHELD}")));
        }
        let metadata = match fs::symlink_metadata(&file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ExistingFile::Missing),
            Err(error) => return Err(error),
        };
        if !metadata.is_file() {
            let kind = kind_name(&metadata);
            return Ok(ExistingFile::Foreign(format!("{kind} is in the way of a feed document")));
        }
        let stamp = Stamp::from(&metadata);
        let hashes = written.map_or(&[][..], |entry| &entry.hashes);
        if written.is_some_and(|entry| entry.stamp == Some(stamp)) {
            return Ok(if hashes == [resource.hash] { ExistingFile::Same(stamp) } else { ExistingFile::Ours });
        }
        let bytes = fs::read(&file)?;
        let hash = ContentHash::of(&bytes);
        if hash == resource.hash {
            return Ok(ExistingFile::Same(stamp));
        }
        // Documents aren't flushed, so a power failure may leave a listed file empty, or in another version than the manifest lists.
        if hashes.contains(&hash) || (bytes.is_empty() && written.is_some()) {
            return Ok(ExistingFile::Ours);
        }
        let is_same_feed = has_same_address(&bytes, &self.bytes(route, resource)?);
        Ok(match written {
            Some(_) if is_same_feed => ExistingFile::Ours,
            None if is_same_feed && names_dateline(&bytes) => ExistingFile::Ours,
            Some(_) => ExistingFile::Foreign("the document was changed by something other than dateline".to_owned()),
            None if is_same_feed => ExistingFile::Foreign(format!(
                "a file with the address of this feed is in its way, and nothing shows that dateline wrote it{MAY_SHOW_WITHHELD}"
            )),
            None => {
                ExistingFile::Foreign("a file that dateline did not write is in the way of a feed document".to_owned())
            }
        })
    }

    /// Writes a document unless the file has it already. `written` is the manifest's entry. Returns whether it was written, and the file's
    /// stamp.
    fn write_document(
        &self,
        path: &str,
        (route, resource): (&str, &Arc<Resource>),
        written: Option<&Entry>,
    ) -> Result<(bool, Stamp), Diagnostic> {
        let unwritable = |error: io::Error| self.unwritable(path, format!("the document cannot be written: {error}"));
        match self.inspect(path, written, route, resource).map_err(unwritable)? {
            ExistingFile::Same(stamp) => return Ok((false, stamp)),
            ExistingFile::Foreign(message) => {
                let help = "move it away, or give dateline another `output.directory`; other documents are written";
                return Err(self.problem(path, Code::OutputForeign, message, help));
            }
            ExistingFile::Missing | ExistingFile::Ours => {}
        }
        let file = self.directory.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let bytes = self.bytes(route, resource).map_err(|error| {
            let message = format!("the document cannot be read back from the state directory: {error}");
            self.problem(path, Code::OutputUnwritable, message, "built again and retried; check the disk")
        })?;
        replace_file(&file, &bytes).map(|stamp| (true, stamp)).map_err(unwritable)
    }

    /// Removes or empties a file that shows withheld articles and can't be replaced. Returns whether that succeeded.
    fn remove_withheld(&self, path: &str, written: &Entry) -> bool {
        let file = self.directory.join(path);
        self.is_ours(path, written).unwrap_or(false)
            && fs::remove_file(&file).or_else(|_| fs::File::create(&file).map(drop)).is_ok()
    }

    /// Removes a document that is no longer published, unless its file is foreign. `Ok(false)`: the file is gone already.
    fn remove(&self, path: &str, written: &Entry) -> Result<bool, Diagnostic> {
        let file = self.directory.join(path);
        let unremovable = |error: io::Error| {
            self.unwritable(path, format!("a document that is no longer published cannot be removed: {error}"))
        };
        match self.is_ours(path, written) {
            Ok(true) => fs::remove_file(&file).map_err(unremovable)?,
            Ok(false) => {
                let why = self.blocking_folder(path);
                let why = why.unwrap_or_else(|| "something other than dateline changed its file".to_owned());
                let message = format!("the document is no longer published, and {why}");
                return Err(self.problem(path, Code::OutputForeign, message, "delete it unless you need it"));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(false);
            }
            Err(error) => return Err(unremovable(error)),
        }
        let mut folder = file.parent();
        // Removes folders that are empty now. `remove_dir` refuses the others.
        while let Some(empty) = folder.filter(|folder| *folder != self.directory && folder.starts_with(&self.directory))
        {
            if fs::remove_dir(empty).is_err() {
                break;
            }
            folder = empty.parent();
        }
        Ok(true)
    }

    fn remove_stale(&mut self, stale: Vec<String>, outcome: &mut Outcome) {
        for path in stale {
            let Some(entry) = self.manifest.get(&path) else { continue };
            match self.remove(&path, entry) {
                Ok(removed) => outcome.removed += usize::from(removed),
                Err(problem) => {
                    let stays_ours = problem.code == Code::OutputUnwritable;
                    outcome.problems.push(problem);
                    if stays_ours {
                        continue;
                    }
                }
            }
            self.manifest.remove(&path);
        }
    }

    /// Merges problems with the same cause, as on a full disk.
    fn merge_problems(&self, outcome: &mut Outcome) {
        let mut causes: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for problem in std::mem::take(&mut outcome.problems) {
            // Each foreign file needs a decision of its own.
            match problem.code == Code::OutputUnwritable || problem.message.contains(NOT_WRITTEN) {
                true => causes.entry(problem.message.clone()).or_default().push(problem),
                false => outcome.problems.push(problem),
            }
        }
        for (cause, mut problems) in causes {
            if problems.len() <= MAX_SEPARATE_PROBLEMS {
                outcome.problems.append(&mut problems);
                continue;
            }
            let message = format!("{} documents are affected: {cause}", problems.len());
            let place = Some(Place::file(&self.directory.display().to_string()));
            outcome.problems.extend(problems.pop().map(|one| Diagnostic { message, place, ..one }));
        }
    }

    fn save_manifest(&mut self, outcome: &mut Outcome) {
        if let Err(error) = self.manifest.save() {
            outcome.problems.push(self.unwritable(manifest::NAME, format!("the manifest cannot be written: {error}")));
        }
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Target for Disk {
    fn deliver(&mut self, delivery: &Delivery) -> Outcome {
        let mut outcome = Outcome { target: "disk", written: 0, unchanged: 0, removed: 0, problems: Vec::new() };
        if let Err(problem) = self.lock() {
            outcome.problems.push(problem);
            return outcome;
        }
        if let Err(error) = self.manifest.refresh() {
            let message = format!("the manifest of the written files cannot be read: {error}");
            let help =
                "move it away; without it, dateline replaces only feeds that name dateline and their own address";
            outcome.problems.push(self.problem(manifest::NAME, Code::OutputForeign, message, help));
        }
        let is_readable = outcome.problems.is_empty();
        self.adopt_recorded(&delivery.recorded);
        let by_file = |(route, document): &(Arc<str>, Option<Arc<Resource>>)| {
            (file_name(route), document.clone().map(|document| (Arc::clone(route), document)))
        };
        let documents: BTreeMap<String, Option<RoutedDocument>> = delivery.documents.iter().map(by_file).collect();
        let archives = WrittenArchives::of(delivery);
        let is_stale = |path: &&String| match documents.get(*path) {
            Some(document) => document.is_none(),
            None => archives.is_stale(path).unwrap_or(delivery.complete),
        };
        let stale: Vec<String> = self.manifest.paths().filter(is_stale).cloned().collect();
        self.remove_stale(stale, &mut outcome);
        let documents: Vec<(String, RoutedDocument)> =
            documents.into_iter().filter_map(|(path, document)| Some((path, document?))).collect();
        let before: Vec<Option<Entry>> = documents.iter().map(|(path, _)| self.manifest.get(path).cloned()).collect();
        for (path, (_, resource)) in &documents {
            self.manifest.add_version(path, resource.hash);
        }
        if is_readable && !documents.is_empty() {
            // Errors are reported below, where the manifest is written again.
            drop(fs::create_dir_all(&self.directory).and_then(|()| self.manifest.save()));
        }
        for ((path, (route, resource)), before) in documents.into_iter().zip(before) {
            let write = || self.write_document(&path, (&route, &resource), before.as_ref());
            let written = write().or_else(|problem| {
                let is_withheld = problem.code == Code::OutputUnwritable && delivery.withheld.contains(&route);
                // The removal may have freed enough space for the new version.
                match before
                    .as_ref()
                    .filter(|_| is_withheld)
                    .is_some_and(|written| self.remove_withheld(&path, written))
                {
                    true => write(),
                    false => Err(problem),
                }
            });
            match (written, before) {
                (Ok((changed, stamp)), _) => {
                    outcome.written += usize::from(changed);
                    outcome.unchanged += usize::from(!changed);
                    self.manifest.set(&path, Entry { hashes: vec![resource.hash], stamp: Some(stamp) });
                }
                (Err(problem), before) => {
                    outcome.problems.push(problem);
                    match before {
                        Some(before) => self.manifest.set(&path, before),
                        None => self.manifest.remove(&path),
                    }
                }
            }
        }
        if is_readable {
            self.save_manifest(&mut outcome);
        }
        self.merge_problems(&mut outcome);
        outcome
    }
}

fn kind_name(metadata: &fs::Metadata) -> &'static str {
    match metadata.file_type() {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_file() => "a file",
        _ => "not a regular file",
    }
}

#[cfg(test)]
mod tests;
