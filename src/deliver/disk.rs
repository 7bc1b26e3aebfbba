//! Feed documents as files below the output directory: written whole or not at all, only when their bytes changed, and removed
//! when they are no longer published. The [`Manifest`] keeps foreign files safe, and a [`Claim`] keeps other processes out.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::Target;
use super::claim::{Attempt, Claim};
use super::manifest::{self, Entry, Manifest, Stamp, replace};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::encoding::decode_segment;
use crate::event::{Delivery, Outcome};
use crate::snapshot::Resource;
use crate::types::ContentHash;

/// What gives the bytes of a document, by its path below the output directory, that are not in memory.
pub type Reader = Box<dyn Fn(&str, &Arc<Resource>) -> io::Result<Bytes> + Send>;

/// A directory.
pub struct Disk {
    directory: PathBuf,
    /// The state directory, by which processes that write here are told apart.
    state: PathBuf,
    claim: Option<Claim>,
    reader: Option<Reader>,
    manifest: Manifest,
}

/// What a file that can't be replaced may mean for readers.
const MAY_SHOW_WITHHELD: &str = ": what is there is not updated, and may show articles that are withheld by now";
/// What is wrong where something else is on the way to a document.
const BLOCKED: &str = "and dateline writes nothing there";

/// A document, and the path that it is delivered under.
type Routed = (Arc<str>, Arc<Resource>);

/// What is where a document is to be written.
enum Found {
    Nothing,
    /// A version that dateline wrote.
    Ours,
    /// The document itself.
    Same(Stamp),
    /// Somebody else's; why.
    Foreign(String),
}

impl Disk {
    /// A directory, which need not be there yet, written by the process that has this state.
    pub fn new(directory: PathBuf, state: &Path) -> Disk {
        let (manifest, state) = (Manifest::new(&directory), state.to_owned());
        Disk { directory, state, claim: None, reader: None, manifest }
    }

    /// Claims the directory, if that hasn't been done. Each delivery does so, too, since the directory may come or be replaced meanwhile.
    ///
    /// # Errors
    /// Where another process writes there; who that is, and what to do.
    pub fn claim(&mut self) -> Result<(), Diagnostic> {
        if self.claim.as_ref().is_some_and(Claim::is_current) {
            return Ok(());
        }
        self.claim = None;
        match Claim::attempt(&self.directory, &self.state) {
            Attempt::Claimed(claim) => self.claim = Some(claim),
            Attempt::Unclaimed => {}
            Attempt::Refused(holder) => {
                let directory = self.directory.display();
                let message =
                    format!("{holder} writes to the output directory `{directory}`; nothing is written there");
                let help = "stop it, or give this one an `output.directory` of its own";
                return Err(self.problem("", Code::OutputClaimed, message, help));
            }
        }
        Ok(())
    }

    /// The same directory, for documents that may not be in memory.
    #[must_use]
    pub fn reading(mut self, reader: Reader) -> Disk {
        self.reader = Some(reader);
        self
    }

    /// The bytes of a document, wherever they are.
    fn bytes(&self, route: &str, resource: &Arc<Resource>) -> io::Result<Bytes> {
        let read = || self.reader.as_ref().map(|read| read(route, resource));
        resource.bytes().map(Ok).or_else(read).unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
    }

    fn problem(&self, path: &str, code: Code, message: String, help: &str) -> Diagnostic {
        Diagnostic::new(code, message).at(Place::file(&self.directory.join(path).display().to_string())).help(help)
    }

    fn unwritable(&self, path: &str, message: String) -> Diagnostic {
        self.problem(path, Code::OutputUnwritable, message, "retried; check free space and permissions")
    }

    /// The first component on the way to a document that isn't a folder. A link may lead anywhere, also to another tool's files; the
    /// output directory itself may be one.
    fn blocking_folder(&self, path: &str) -> Option<String> {
        let folders = Path::new(path).ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let folders: Vec<PathBuf> = folders.map(|folder| self.directory.join(folder)).collect();
        folders.into_iter().rev().find_map(|folder| {
            let metadata = fs::symlink_metadata(&folder).ok().filter(|metadata| !metadata.is_dir())?;
            Some(format!("`{}` is {}", folder.display(), kind(&metadata)))
        })
    }

    /// Whether a file still is what dateline wrote.
    fn is_ours(&self, path: &str, written: &Entry) -> io::Result<bool> {
        if self.blocking_folder(path).is_some() {
            return Ok(false);
        }
        let file = self.directory.join(path);
        let metadata = fs::symlink_metadata(&file)?;
        let is_known = || written.stamp == Some(Stamp::from(&metadata));
        let has_hash =
            || fs::read(&file).map(|bytes| bytes.is_empty() || written.hashes.contains(&ContentHash::of(&bytes)));
        Ok(metadata.is_file() && (is_known() || has_hash()?))
    }

    /// Lists files that the manifest lacks and whose bytes the ledger recorded: without a manifest, dateline's own documents would be
    /// foreign ones, and keep showing what was withheld since.
    fn adopt(&mut self, recorded: &BTreeMap<Arc<str>, ContentHash>) {
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

    /// Looks at the place of a document. `written` is what the manifest says of it.
    fn inspect(&self, path: &str, written: Option<&Entry>, route: &str, resource: &Arc<Resource>) -> io::Result<Found> {
        let file = self.directory.join(path);
        if let Some(blocking) = self.blocking_folder(path) {
            return Ok(Found::Foreign(format!("{blocking}, {BLOCKED}{MAY_SHOW_WITHHELD}")));
        }
        let metadata = match fs::symlink_metadata(&file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        if !metadata.is_file() {
            let kind = kind(&metadata);
            return Ok(Found::Foreign(format!("what is in the way of a feed document is {kind}")));
        }
        let stamp = Stamp::from(&metadata);
        let hashes = written.map_or(&[][..], |entry| &entry.hashes);
        if written.is_some_and(|entry| entry.stamp == Some(stamp)) {
            return Ok(if hashes == [resource.hash] { Found::Same(stamp) } else { Found::Ours });
        }
        let bytes = fs::read(&file)?;
        let hash = ContentHash::of(&bytes);
        if hash == resource.hash {
            return Ok(Found::Same(stamp));
        }
        // Documents aren't flushed, so that a power failure may leave a listed one empty or of another time than the manifest. Without a
        // manifest only a document that names dateline is adopted; JSON Feed and OPML have no place for that.
        if hashes.contains(&hash) || (bytes.is_empty() && written.is_some()) {
            return Ok(Found::Ours);
        }
        let is_same_feed = has_address_of(&bytes, &self.bytes(route, resource)?);
        Ok(match written {
            Some(_) if is_same_feed => Found::Ours,
            None if is_same_feed && names_dateline(&bytes) => Found::Ours,
            Some(_) => Found::Foreign("the document was changed by something other than dateline".to_owned()),
            None if is_same_feed => Found::Foreign(format!(
                "a file with the address of this feed is in its way, and nothing shows that dateline wrote it{MAY_SHOW_WITHHELD}"
            )),
            None => Found::Foreign("a file that dateline did not write is in the way of a feed document".to_owned()),
        })
    }

    /// Writes a document. `written` is what the manifest says of its file. Whether it was written, and the file's stamp.
    fn put(
        &self,
        path: &str,
        (route, resource): (&str, &Arc<Resource>),
        written: Option<&Entry>,
    ) -> Result<(bool, Stamp), Diagnostic> {
        let unwritable = |error: io::Error| self.unwritable(path, format!("the document cannot be written: {error}"));
        match self.inspect(path, written, route, resource).map_err(unwritable)? {
            Found::Same(stamp) => return Ok((false, stamp)),
            Found::Foreign(message) => {
                let help = "move it away, or give dateline another `output.directory`; other documents are written";
                return Err(self.problem(path, Code::OutputForeign, message, help));
            }
            Found::Nothing | Found::Ours => {}
        }
        let file = self.directory.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let bytes = self.bytes(route, resource).map_err(|error| {
            let message = format!("the document cannot be read back from the state directory: {error}");
            self.problem(path, Code::OutputUnwritable, message, "it is made anew and tried again; see to the disk")
        })?;
        replace(&file, &bytes).map(|stamp| (true, stamp)).map_err(unwritable)
    }

    /// Takes a document away that shows what must not be seen, where its successor cannot be written. Says whether it is gone.
    fn withhold(&self, path: &str, written: &Entry) -> bool {
        let file = self.directory.join(path);
        self.is_ours(path, written).unwrap_or(false)
            && fs::remove_file(&file).or_else(|_| fs::File::create(&file).map(drop)).is_ok()
    }

    /// Removes a document that is no longer published, if its file still is what dateline wrote. `Ok(false)`: it is gone already.
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
        // Folders that are left empty go with their last document; `remove_dir` refuses the others.
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

    /// One problem instead of one for each document that cannot be written for the same reason, as on a full disk.
    fn sum_up(&self, outcome: &mut Outcome) {
        /// So many are still named one by one.
        const FEW: usize = 3;
        let mut causes: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for problem in std::mem::take(&mut outcome.problems) {
            // Other files that are in the way are each a matter of their own.
            match problem.code == Code::OutputUnwritable || problem.message.contains(BLOCKED) {
                true => causes.entry(problem.message.clone()).or_default().push(problem),
                false => outcome.problems.push(problem),
            }
        }
        for (cause, mut problems) in causes {
            if problems.len() <= FEW {
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
        if let Err(problem) = self.claim() {
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
        self.adopt(&delivery.recorded);
        let named = |(route, document): &(Arc<str>, Option<Arc<Resource>>)| {
            (file_name(route), document.clone().map(|document| (Arc::clone(route), document)))
        };
        let documents: BTreeMap<String, Option<Routed>> = delivery.documents.iter().map(named).collect();
        let is_stale = |path: &&String| match documents.get(*path) {
            Some(document) => document.is_none(),
            None => delivery.complete,
        };
        let stale: Vec<String> = self.manifest.paths().filter(is_stale).cloned().collect();
        self.remove_stale(stale, &mut outcome);
        let documents: Vec<(String, Routed)> =
            documents.into_iter().filter_map(|(path, document)| Some((path, document?))).collect();
        let before: Vec<Option<Entry>> = documents.iter().map(|(path, _)| self.manifest.get(path).cloned()).collect();
        for (path, (_, resource)) in &documents {
            self.manifest.plan(path, resource.hash);
        }
        if is_readable && !documents.is_empty() {
            // The manifest is written once more below, and what is wrong with it is reported there.
            drop(fs::create_dir_all(&self.directory).and_then(|()| self.manifest.save()));
        }
        for ((path, (route, resource)), before) in documents.into_iter().zip(before) {
            let put = || self.put(&path, (&route, &resource), before.as_ref());
            let put = put().or_else(|problem| {
                let must_go = problem.code == Code::OutputUnwritable && delivery.withheld.contains(&route);
                // Where it is gone there may be room.
                match before.as_ref().filter(|_| must_go).is_some_and(|written| self.withhold(&path, written)) {
                    true => put(),
                    false => Err(problem),
                }
            });
            match (put, before) {
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
        self.sum_up(&mut outcome);
        outcome
    }
}

fn kind(metadata: &fs::Metadata) -> &'static str {
    match metadata.file_type() {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_file() => "a file",
        _ => "not a regular file",
    }
}

/// Whether an XML feed says that dateline made it.
fn names_dateline(bytes: &[u8]) -> bool {
    head(bytes).contains("<generator>dateline</generator>")
}

/// Whether a feed has the address of another version of it.
fn has_address_of(found: &[u8], document: &[u8]) -> bool {
    let (found, document) = (head(found), head(document));
    own_address(&found).is_some_and(|address| Some(address) == own_address(&document))
}

fn head(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    /// What is before a feed's own address is rarely longer.
    const HEAD_BYTES: usize = 16 * 1024;
    String::from_utf8_lossy(bytes.get(..HEAD_BYTES).unwrap_or(bytes))
}

/// The address that a feed states as its own: its self link, or the `feed_url` of JSON Feed.
fn own_address(head: &str) -> Option<&str> {
    if head.starts_with('{') {
        let (_, rest) = head.split_once("\"feed_url\":\"")?;
        return rest.split_once('"').map(|(address, _)| address);
    }
    let at = head.find("rel=\"self\"")?;
    let (before, after) = head.split_at_checked(at)?;
    let tag = head.get(before.rfind('<')?..at + after.find('>')?)?;
    let (_, rest) = tag.split_once("href=\"")?;
    rest.split_once('"').map(|(address, _)| address)
}

/// Where the document of a route is written, by its path below the output directory.
pub fn place(directory: &Path, route: &str) -> PathBuf {
    directory.join(file_name(route))
}

/// The file of a route: its segments decoded, as a web server that is given the directory looks for them, except for what a file name
/// can't be.
fn file_name(route: &str) -> String {
    route.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn segment(encoded: &str) -> String {
    /// The longest name that file systems take.
    const MAX_NAME_BYTES: usize = 255;
    const MAX_READABLE_BYTES: usize = 160;
    let decoded = String::from_utf8_lossy(&decode_segment(encoded)).into_owned();
    // git refuses to add a folder `.git`, and Apache httpd to serve a folder in which `.htaccess` can't be read as a file.
    let is_reserved =
        decoded.eq_ignore_ascii_case(".git") || decoded.starts_with(".ht") || matches!(&*decoded, "." | "..");
    let mut name = String::with_capacity(decoded.len());
    for (position, character) in decoded.chars().enumerate() {
        if matches!(character, '/' | '\\') || character.is_control() || (position == 0 && is_reserved) {
            let mut buffer = [0; 4];
            character.encode_utf8(&mut buffer).bytes().for_each(|byte| name.push_str(&format!("%{byte:02X}")));
        } else {
            name.push(character);
        }
    }
    if name.len() > MAX_NAME_BYTES {
        let readable = name.get(..name.floor_char_boundary(MAX_READABLE_BYTES)).unwrap_or_default();
        return format!("{readable}~{}", ContentHash::of(name.as_bytes()));
    }
    name
}

#[cfg(test)]
mod tests;
