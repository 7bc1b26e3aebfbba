//! The `stat` of articles' files, and why a file can't be used.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;

use crate::article::pictures::{FolderNames, gets_pictures};
use crate::beneath::{self, Links, Root, Stamp, is_link, is_missing, is_outside};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::ArticlePath;

/// The stamp of a regular file. `None`: the path leads to nothing or to a folder.
///
/// # Errors
/// Why the file must not be opened: it is neither a regular file nor a folder, or it is a link that leads out of the content directory.
pub fn stat_file(root: &Root, path: &ArticlePath) -> Result<Option<Stamp>, Diagnostic> {
    if root.is_of_other_source(path.file()) {
        return Ok(None);
    }
    let stat = match root.open().and_then(|open| open.stat(path.file(), Links::Follow)) {
        Ok(stat) => stat,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(unusable(root, path, &error)),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Some(Stamp::from(&stat))),
        FileType::Fifo | FileType::Socket | FileType::BlockDevice | FileType::CharacterDevice => {
            Err(unusable(root, path, &io::ErrorKind::InvalidInput.into()))
        }
        _ => Ok(None),
    }
}

/// Whether a path is a link or goes through one.
pub(super) fn is_linked(root: &Root, path: &ArticlePath) -> bool {
    let found = root.open().and_then(|open| open.stat(path.as_str(), Links::Refuse));
    found.is_err_and(|error| is_link(&error))
}

/// The diagnostic for an existing file that can't be used.
pub(super) fn unusable(root: &Root, path: &ArticlePath, error: &io::Error) -> Diagnostic {
    let (code, message, help) = if is_outside(error) {
        let help = "copy the file here: nothing outside the content directory is published";
        (Code::ArticleOutside, "this is a link to a file outside the content directory".to_owned(), help)
    } else if error.kind() == io::ErrorKind::InvalidInput {
        let message = "this is not a regular file, so it is not opened".to_owned();
        (Code::ArticleSpecial, message, "remove it or rename it")
    } else {
        let message = format!("the file cannot be read: {error}");
        (Code::ArticleUnreadable, message, "give dateline permission to read it")
    };
    Diagnostic::new(code, message).at(Place::file(&root.display(path.as_str()))).help(help)
}

/// An open folder of the content directory. Its files are reached without resolving the folders above it again.
pub(super) struct OpenFolder<'r> {
    root: &'r Root,
    path: Box<str>,
    /// `None`: the folder can't be opened.
    folder: Option<beneath::Folder>,
    names: OnceCell<Arc<FolderNames>>,
}

impl<'r> OpenFolder<'r> {
    /// Opens a folder, relative to the content directory.
    pub(super) fn open(root: &'r Root, folder: &str) -> OpenFolder<'r> {
        let open = root.open().and_then(|open| open.folder(folder, Links::Follow)).ok();
        OpenFolder { root, path: folder.into(), folder: open, names: OnceCell::new() }
    }

    /// Whether a file is directly in this folder.
    pub(super) fn has(&self, path: &ArticlePath) -> bool {
        *self.path == *path.folder()
    }

    /// The pictures with the name of a text in this folder.
    pub(super) fn pictures_of(&self, path: &ArticlePath) -> Vec<ArticlePath> {
        match gets_pictures(path) {
            true => self.names.get_or_init(|| self.root.folder_names(&self.path)).pictures_of(path),
            false => Vec::new(),
        }
    }

    /// Opens a file in this folder for reading.
    ///
    /// # Errors
    /// The system's error; `ELOOP` if the file is a link.
    pub(super) fn file(&self, path: &ArticlePath) -> io::Result<File> {
        self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?.open_file(path.name())
    }

    /// Like [`stat_file`], for a file in this folder.
    pub(super) fn stat(&self, path: &ArticlePath) -> Result<Option<Stamp>, Diagnostic> {
        let found = self.folder.as_ref().and_then(|folder| folder.stat(path.name()).ok());
        match found.filter(|found| FileType::from_raw_mode(found.st_mode).is_file()) {
            Some(found) => Ok(Some(Stamp::from(&found))),
            // Links have to be resolved from the root, and errors need a diagnostic.
            None => stat_file(self.root, path),
        }
    }
}

/// The magic number of a folder's file system (statfs(2)). `None` if it can't be read.
pub(super) fn file_system_magic(folder: &Path) -> Option<u64> {
    // Some systems have a signed 32-bit field here. All magic numbers have 32 bits.
    rustix::fs::statfs(folder).ok().map(|found| found.f_type as u64 & 0xffff_ffff)
}

/// The stamp of a file outside the content directory. Follows links. `None` if there is none.
pub(super) fn stat_anywhere(file: &Path) -> Option<Stamp> {
    fs::metadata(file).ok().map(|metadata| Stamp::from(&metadata))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn stat_from_folder_equals_stat_from_root() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("content")).expect("made");
        let root = Root::new(&folder.path().join("content"), "content");
        let file = |name: &str| root.path.join("news").join(name);
        fs::create_dir_all(file("folder.md")).expect("made");
        fs::write(file("a.md"), "text").expect("written");
        fs::write(folder.path().join("outside.md"), "longer text").expect("written");
        for (to, name) in [("a.md", "link.md"), ("../../outside.md", "out.md"), ("loop.md", "loop.md"), ("no", "no.md")]
        {
            symlink(to, file(name)).expect("linked");
        }
        let open = OpenFolder::open(&root, "news");
        let missing = OpenFolder::open(&root, "nowhere");
        for (name, expected) in [
            ("a.md", "a file"),
            ("link.md", "a file"),
            ("out.md", "refused"),
            ("loop.md", "refused"),
            ("no.md", "nothing"),
            ("folder.md", "nothing"),
            ("missing.md", "nothing"),
        ] {
            let path = ArticlePath::new(&format!("news/{name}"));
            let found = stat_file(&root, &path);
            assert_eq!((open.stat(&path), missing.stat(&path)), (found.clone(), found.clone()), "{name}");
            assert!(open.has(&path) && !missing.has(&path));
            // `OpenFolder::file` follows no links.
            assert_eq!(
                open.file(&path).is_ok_and(|file| file.metadata().is_ok_and(|file| file.is_file())),
                name == "a.md"
            );
            assert!(missing.file(&path).is_err());
            let found = found.map_or("refused", |found| found.map_or("nothing", |_| "a file"));
            assert_eq!(found, expected, "{name}");
        }
    }
}
