//! Finds and measures the pictures and other media files of an article.
//!
//! # Why are media files measured when an article is read?
//!
//! A feed must state the length of an enclosure, and the engine has no access to the disk. The watcher measures the files that an article
//! names, and reads the article again when one of them appears, changes or is removed. The engine receives that as a new version of the
//! article.

use std::fs::{File, Metadata};
use std::io::{self, BufReader};

use crate::article::pictures::gets_pictures;
use crate::article::{MediaFacts, Parsed};
use crate::beneath::{Root, is_link, is_missing, is_outside};
use crate::diagnostics::{Code, Diagnostic, MAX_DIAGNOSTICS_PER_FILE, Place};
use crate::parallel::catch_panic;
use crate::types::{ArticlePath, media_type};

/// Adds the pictures that belong to an article by their names, and measures all its files.
pub(super) fn add_files(root: &Root, path: &ArticlePath, parsed: &mut Parsed) {
    if parsed.gets_pictures {
        parsed.add_pictures(&pictures_of(root, path));
    }
    measure_files(root, path, parsed);
}

/// The pictures with the name of a text.
pub(super) fn pictures_of(root: &Root, path: &ArticlePath) -> Vec<ArticlePath> {
    if gets_pictures(path) { root.folder_names(path.folder()).pictures_of(path) } else { Vec::new() }
}

/// Measures the media files that an article references, and reports missing ones.
fn measure_files(root: &Root, path: &ArticlePath, parsed: &mut Parsed) {
    let Some(article) = &mut parsed.article else { return };
    if article.metadata.local_files().next().is_none() {
        return;
    }
    let (mut missing, mut unlisted) = (Vec::new(), 0);
    article.measure_files(path, |file| {
        let facts = measure(root, file);
        if facts.is_none() && missing.len() == MAX_DIAGNOSTICS_PER_FILE {
            unlisted += 1;
        } else if facts.is_none() {
            missing.push(
                Diagnostic::new(Code::MediaMissing, format!("`{}` does not exist", root.display(file.as_str())))
                    .at(Place::file(&root.display(path.as_str())))
                    .help("the article is published without it; it is added as soon as the file exists"),
            );
        }
        facts
    });
    if unlisted > 0 {
        missing.push(Diagnostic::unlisted(&root.display(path.as_str()), unlisted));
    }
    // A draft's pictures may follow later.
    if !article.metadata.draft && article.metadata.retracted.is_none() {
        parsed.diagnostics.append(&mut missing);
    }
}

/// The size of a file in bytes, and of a picture in pixels. The picture isn't decoded.
pub(super) fn measure(root: &Root, path: &ArticlePath) -> Option<MediaFacts> {
    let (file, metadata) = open_media(root, path).ok()?;
    let size = media_type(path.extension())
        .filter(|kind| kind.starts_with("image/"))
        .and_then(|_| catch_panic(|| imagesize::reader_size(BufReader::new(file)).ok()).flatten());
    let pixels = |pixels: usize| u32::try_from(pixels).ok().filter(|pixels| *pixels > 0);
    Some(MediaFacts {
        length: metadata.len(),
        width: size.and_then(|size| pixels(size.width)),
        height: size.and_then(|size| pixels(size.height)),
    })
}

/// Opens a media file that an article references.
///
/// # Errors
/// `NotFound` for everything but regular files inside the content directory; otherwise the system's error.
pub fn open_media(root: &Root, path: &ArticlePath) -> io::Result<(File, Metadata)> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotFound};
    root.open_file(path).map_err(|error| {
        let is_unusable = matches!(error.kind(), InvalidInput | InvalidFilename);
        let is_refused = is_unusable || is_missing(&error) || is_outside(&error) || is_link(&error);
        if is_refused { NotFound.into() } else { error }
    })
}
