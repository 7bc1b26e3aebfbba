//! Feed documents as files below the output directory: written whole or not at all, only when their bytes changed, and removed
//! when they are no longer published. A list of what was written keeps foreign files safe.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::Target;
use crate::diag::{Code, Diagnostic, Place};
use crate::event::{Delivery, Outcome};
use crate::snapshot::Resource;
use crate::types::ContentHash;

/// The list of what dateline wrote: a line per file, its hash and its path.
const MANIFEST: &str = ".dateline";

/// What gives the bytes of a document, by its path below the output directory, that are not in memory.
pub type Reader = Box<dyn Fn(&str, &Arc<Resource>) -> io::Result<Bytes> + Send>;

/// A directory.
pub struct Disk {
    directory: PathBuf,
    reader: Option<Reader>,
    /// What dateline wrote there; `None` until the list was read.
    written: Option<BTreeMap<String, ContentHash>>,
}

/// A document, and the path that it is delivered under.
type Routed = (Arc<str>, Arc<Resource>);

impl Disk {
    /// A directory, which need not be there yet.
    pub fn new(directory: PathBuf) -> Disk {
        Disk { directory, reader: None, written: None }
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

    fn read_manifest(&self) -> BTreeMap<String, ContentHash> {
        let text = fs::read_to_string(self.directory.join(MANIFEST)).unwrap_or_default();
        let entry = |line: &str| {
            let (hash, path) = line.split_once(' ')?;
            Some((path.to_owned(), ContentHash::parse(hash)?))
        };
        text.lines().filter_map(entry).collect()
    }

    fn write_manifest(&self, written: &BTreeMap<String, ContentHash>) -> io::Result<()> {
        let mut text = String::new();
        for (path, hash) in written {
            text.extend([hash.to_string().as_str(), " ", path, "\n"]);
        }
        let file = self.directory.join(MANIFEST);
        if fs::read(&file).is_ok_and(|bytes| bytes == text.as_bytes()) {
            return Ok(());
        }
        replace(&file, text.as_bytes())
    }

    fn problem(&self, path: &str, code: Code, message: String, help: &str) -> Diagnostic {
        Diagnostic::new(code, message).at(Place::file(&self.directory.join(path).display().to_string())).help(help)
    }

    /// Writes a document; `ours`: what was written there before. `Ok(false)`: its bytes were there.
    fn put(
        &self,
        path: &str,
        (route, resource): (&str, &Arc<Resource>),
        ours: Option<ContentHash>,
    ) -> Result<bool, Diagnostic> {
        let unwritable = |error: io::Error| {
            self.problem(
                path,
                Code::OutputUnwritable,
                format!("the document cannot be written: {error}"),
                "it is tried again; see to space and rights",
            )
        };
        let file = self.directory.join(path);
        // Another version of ours is replaced whatever is there by now: to read it would take as long as to write the new one.
        let is_replaced = ours.is_some_and(|ours| ours != resource.hash);
        match (!is_replaced).then(|| fs::read(&file)) {
            Some(Ok(bytes)) if ContentHash::of(&bytes) == resource.hash => return Ok(false),
            // A list that was lost must not stop the feeds: a document of dateline's says so at its start.
            Some(Ok(bytes)) if ours.is_none() && !says_dateline(&bytes) => {
                let message = "a file that dateline did not write is in the way of a feed document".to_owned();
                return Err(self.problem(
                    path,
                    Code::OutputForeign,
                    message,
                    "move it away, or give dateline another `output.directory`",
                ));
            }
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let bytes = self.bytes(route, resource).map_err(|error| {
            let message = format!("the document cannot be read back from the state directory: {error}");
            self.problem(path, Code::OutputUnwritable, message, "it is made anew and tried again; see to the disk")
        })?;
        replace(&file, &bytes).map_err(unwritable)?;
        Ok(true)
    }

    /// Removes a document, if it still is what was written, or another version of a feed that the list does not know since its
    /// writer was killed. `Ok(false)`: it is not, or is gone already.
    fn remove(&self, path: &str, hash: ContentHash) -> io::Result<bool> {
        let file = self.directory.join(path);
        match fs::read(&file) {
            Ok(bytes) if ContentHash::of(&bytes) == hash || says_dateline(&bytes) => fs::remove_file(&file)?,
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
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
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Target for Disk {
    fn deliver(&mut self, delivery: &Delivery) -> Outcome {
        let mut written = self.written.take().unwrap_or_else(|| self.read_manifest());
        let mut outcome = Outcome { target: "disk", written: 0, unchanged: 0, removed: 0, problems: Vec::new() };
        let named = |(route, document): &(Arc<str>, Option<Arc<Resource>>)| {
            (file_name(route), document.clone().map(|document| (Arc::clone(route), document)))
        };
        let documents: BTreeMap<String, Option<Routed>> = delivery.documents.iter().map(named).collect();
        let stale = |path: &&String| match documents.get(*path) {
            Some(document) => document.is_none(),
            None => delivery.complete,
        };
        let mut gone = Vec::new();
        for path in written.keys().filter(stale) {
            match self.remove(path, written.get(path).copied().unwrap_or(ContentHash::of(b""))) {
                Ok(removed) => {
                    outcome.removed += usize::from(removed);
                    gone.push(path.clone());
                }
                Err(error) => {
                    let message = format!("a document that is no longer published cannot be removed: {error}");
                    outcome.problems.push(self.problem(
                        path,
                        Code::OutputUnwritable,
                        message,
                        "it is tried again; see to the rights",
                    ));
                }
            }
        }
        for path in gone {
            written.remove(&path);
        }
        // Listed before they are there: else one that is killed in between leaves files behind that nobody removes.
        let new =
            documents.iter().filter(|(path, _)| !written.contains_key(*path) && !self.directory.join(path).exists());
        let new = new.filter_map(|(path, resource)| Some((path.clone(), resource.as_ref()?.1.hash)));
        let mut planned: BTreeMap<String, ContentHash> = new.collect();
        if !planned.is_empty() {
            planned.extend(written.clone());
            // The list is written once more below, and what is wrong with it is told there.
            drop(fs::create_dir_all(&self.directory).and_then(|()| self.write_manifest(&planned)));
        }
        for (path, resource) in documents {
            let Some((route, resource)) = resource else { continue };
            match self.put(&path, (&*route, &resource), written.get(&path).copied()) {
                Ok(changed) => {
                    outcome.written += usize::from(changed);
                    outcome.unchanged += usize::from(!changed);
                    written.insert(path, resource.hash);
                }
                Err(diagnostic) => outcome.problems.push(diagnostic),
            }
        }
        if let Err(error) = self.write_manifest(&written) {
            let message = format!("the list of written documents cannot be written: {error}");
            outcome.problems.push(self.problem(
                MANIFEST,
                Code::OutputUnwritable,
                message,
                "it is tried again; see to space and rights",
            ));
        }
        self.written = Some(written);
        outcome
    }
}

/// A new file takes the old one's place in one step, so that nobody ever sees half a document. It is not flushed to the medium:
/// what a power failure loses is compared and written again at the next start.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let temporary = file.with_file_name(format!(".{name}.dateline-new"));
    let write = || {
        let mut new = fs::File::create(&temporary)?;
        new.write_all(bytes)?;
        fs::rename(&temporary, file)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn says_dateline(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(4_096)).unwrap_or_default()).into_owned();
    head.contains("<generator>dateline</generator>")
        || head.contains("jsonfeed.org/version")
        || head.contains("<opml version=\"2.0\">")
}

/// Where the document of a route is written, by its path below the output directory.
pub fn place(directory: &Path, route: &str) -> PathBuf {
    directory.join(file_name(route))
}

/// The file of a route: its segments decoded, except for what a file name cannot be or should not look like.
fn file_name(route: &str) -> String {
    route.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn segment(encoded: &str) -> String {
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    let text = String::from_utf8_lossy(&decoded);
    let mut name = String::with_capacity(text.len());
    for (position, character) in text.chars().enumerate() {
        if matches!(character, '/' | '%' | '\\') || character.is_control() || (position == 0 && character == '.') {
            let mut buffer = [0; 4];
            character.encode_utf8(&mut buffer).bytes().for_each(|byte| name.push_str(&format!("%{byte:02X}")));
        } else {
            name.push(character);
        }
    }
    if name.len() > 200 {
        let cut = (0..=160).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
        return format!("{}~{}", name.get(..cut).unwrap_or_default(), ContentHash::of(name.as_bytes()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_file_names() {
        for (route, name) in [
            ("technology/rss.xml", "technology/rss.xml"),
            ("%E7%A7%91%E6%8A%80/feed.json", "科技/feed.json"),
            ("tags/a%2Fb/rss.xml", "tags/a%2Fb/rss.xml"),
            ("tags/..%2F..%2Fetc/rss.xml", "tags/%2E.%2F..%2Fetc/rss.xml"),
            ("tags/100%25/rss.xml", "tags/100%25/rss.xml"),
        ] {
            assert_eq!(file_name(route), name);
        }
        assert!(file_name(&"x".repeat(600)).len() < 255);
    }
}
