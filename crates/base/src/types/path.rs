//! Paths of sections and articles.

use std::fmt;
use std::sync::Arc;

use arcstr::ArcStr;

use super::folder;
use super::text::{is_bidi_control, is_publishable, nfc};
use crate::encoding::encode_segment;

/// The path of a section: NFC segments in any script, joined by `/`. The root section has the empty path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SectionPath(Arc<str>);

impl SectionPath {
    /// The longest segment that all file systems can store (bytes).
    const MAX_SEGMENT_BYTES: usize = 200;

    /// The root section.
    pub fn root() -> SectionPath {
        SectionPath::default()
    }

    /// Parses a path. Ignores leading, trailing and doubled slashes.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn parse(raw: &str) -> Result<SectionPath, String> {
        let mut path = String::with_capacity(raw.len());
        for segment in raw.split('/') {
            let segment = nfc(segment.trim());
            if segment.is_empty() {
                continue;
            }
            if segment == "." || segment == ".." {
                return Err(format!("a section path cannot contain `{segment}`"));
            }
            if segment.starts_with('.') {
                return Err("a segment of a section path cannot start with a dot".into());
            }
            if let Some(character) =
                segment.chars().find(|&c| c.is_control() || c == '\\' || !is_publishable(c) || is_bidi_control(c))
            {
                return Err(format!("a section path cannot contain {}", character.escape_unicode()));
            }
            if segment.len() > SectionPath::MAX_SEGMENT_BYTES {
                return Err(format!(
                    "a segment of a section path is at most {} bytes; this one has {}",
                    SectionPath::MAX_SEGMENT_BYTES,
                    segment.len()
                ));
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&segment);
        }
        if path.split('/').count() > 16 {
            return Err("a section path has at most 16 segments".into());
        }
        Ok(SectionPath(path.into()))
    }

    /// The path with segments joined by `/`, not percent-encoded. Empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root section.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The segments, outermost first. None for the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The parent section. `None` for the root.
    pub fn parent(&self) -> Option<SectionPath> {
        if self.is_root() {
            return None;
        }
        Some(SectionPath(self.0.rsplit_once('/').map_or("", |(parent, _)| parent).into()))
    }

    /// Whether `other` is this section or below it.
    pub fn contains(&self, other: &SectionPath) -> bool {
        self.is_root() || other.0.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for SectionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of an article's file, relative to the directory of its source, with `/` as separator and as the file system spells it. Always
/// UTF-8.
///
/// Paths in the content directory are kept as they are: `news/a.md`. Paths in another source are kept as `wire://news/a.txt`, which no path
/// in the content directory can equal, and are shown as `wire:news/a.txt`.
#[derive(Clone, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(
    clippy::derived_hash_with_manual_eq,
    reason = "equal texts have equal hashes; comparing the pointers first is only faster"
)]
pub struct ArticlePath(ArcStr);

impl PartialEq for ArticlePath {
    fn eq(&self, other: &ArticlePath) -> bool {
        ArcStr::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl ArticlePath {
    /// A path as [`ArticlePath::as_str`] returns it. It must be relative and without `..`.
    pub fn new(key: &str) -> ArticlePath {
        ArticlePath(key.into())
    }

    /// The path of a file relative to the directory of a source. `None`: the content directory.
    pub fn in_source(source: Option<&str>, relative: &str) -> ArticlePath {
        match source {
            Some(name) => ArticlePath(format!("{}/{relative}", folder::top(Some(name))).into()),
            None => ArticlePath(relative.into()),
        }
    }

    /// The key under which the path is stored. To show the path, use `Display`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the source. `None` for the content directory.
    pub fn source(&self) -> Option<&str> {
        folder::source(&self.0)
    }

    /// The path relative to the directory of its source, with the key of an item.
    pub fn relative(&self) -> &str {
        folder::relative(&self.0)
    }

    /// The path of an item in a file that contains several: `wire/message.xml#<key>`. The key is an agency's id, and may contain anything.
    pub fn item_of(file: &ArticlePath, key: &str) -> ArticlePath {
        let mut path = format!("{}#", file.as_str());
        for character in key.chars() {
            match character {
                '/' => path.push_str("%2F"),
                character if character.is_control() => path.push('_'),
                character => path.push(character),
            }
        }
        ArticlePath(path.into())
    }

    /// The path of a story whose file contains another article or an older version by now. `digest` tells the stories of one file apart.
    pub fn displaced(&self, digest: &str) -> ArticlePath {
        ArticlePath(format!("{}{DISPLACED_MARK}{digest}", self.file_and_item()).into())
    }

    /// Whether the story's file contains another article or an older version by now.
    pub fn is_displaced(&self) -> bool {
        self.file_and_item().len() < self.0.len()
    }

    /// The path without the mark of a displaced story.
    fn file_and_item(&self) -> &str {
        displaced_mark(&self.0).and_then(|at| self.0.get(..at)).unwrap_or(&self.0)
    }

    /// The path of the file. Differs from the whole path only for an item in a file that contains several.
    pub fn file(&self) -> &str {
        self.0.get(..self.item_start()).unwrap_or(&self.0)
    }

    /// The key of the item in its file, with `/` as `%2F`. `None` for a file with one article.
    pub fn item(&self) -> Option<&str> {
        self.file_and_item().get(self.item_start()..)?.strip_prefix('#')
    }

    /// Whether a file of this name could be mistaken for an item.
    pub fn is_item_name(name: &str) -> bool {
        item_mark(name).is_some() || displaced_mark(name).is_some()
    }

    /// The offset of the `#` before an item's key, or the path's length.
    fn item_start(&self) -> usize {
        let path = self.file_and_item();
        let folder = path.rfind('/').map_or(0, |at| at + 1);
        let name = path.get(folder..).unwrap_or_default();
        item_mark(name).map_or(path.len(), |at| folder + at)
    }

    /// The file's folder, as the functions of [`folder`] take it. At the top level, the folder of the source itself.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The path of a file by its names from the top of the same source.
    pub fn at(&self, names: &[&str]) -> ArticlePath {
        ArticlePath::in_source(self.source(), &names.join("/"))
    }

    /// The percent-encoded path below `/media/`: `news/quay.jpg`, or `~wire/news/quay.jpg` in another source.
    pub fn media_route(&self) -> String {
        let source = self.source().map(|name| format!("~{name}"));
        let names = source.as_deref().into_iter().chain(self.relative().split('/'));
        names.map(encode_segment).collect::<Vec<_>>().join("/")
    }

    /// The file name, with the key of an item.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The file name without its extension.
    pub fn stem(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The extension without the dot. Empty if there is none.
    pub fn extension(&self) -> &str {
        let name = self.file_name();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The file name without the key of an item.
    fn file_name(&self) -> &str {
        let file = self.file();
        file.rsplit_once('/').map_or(file, |(_, name)| name)
    }
}

/// Marks the path of a displaced story.
const DISPLACED_MARK: &str = "#displaced-";

/// The offset of the mark of a displaced story.
fn displaced_mark(path: &str) -> Option<usize> {
    path.rfind(DISPLACED_MARK).filter(|at| path.get(*at..).is_some_and(|rest| !rest.contains('/')))
}

/// The offset of the `#` in `message.xml#key`.
fn item_mark(name: &str) -> Option<usize> {
    const EXTENSION: &str = ".xml";
    let mut marks = name.match_indices('#').map(|(at, _)| at);
    marks.find(|at| {
        let extension = at.checked_sub(EXTENSION.len()).and_then(|start| name.get(start..*at));
        extension.is_some_and(|extension| extension.eq_ignore_ascii_case(EXTENSION))
    })
}

impl fmt::Display for ArticlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source() {
            Some(source) => write!(f, "{source}:{}", self.relative()),
            None => f.write_str(&self.0),
        }
    }
}
