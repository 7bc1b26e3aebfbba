//! Paths of sections and articles.

use std::fmt;
use std::sync::Arc;

use arcstr::ArcStr;

use super::text::{is_bidi_control, is_publishable, nfc};

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

/// The path of an article's file, relative to the content directory, with `/` as separator and as the file system spells it. Always UTF-8.
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
    /// The path must be relative and without `..`. Callers get it by listing the content directory.
    pub fn new(relative: &str) -> ArticlePath {
        ArticlePath(relative.into())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file's folder. Empty at the top level.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The file name.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The file name without its extension.
    pub fn stem(&self) -> &str {
        let name = self.name();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The extension without the dot. Empty if there is none.
    pub fn extension(&self) -> &str {
        let name = self.name();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

impl fmt::Display for ArticlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
