//! In which order files are read and told of: a large one delays no other.

use crate::article::Parsed;
use crate::event::{FileState, ParsedFile};
use crate::types::ArticlePath;

/// The most files of one event.
pub(super) const MAX_FILES: usize = 1_024;

/// Files above this size (bytes) are read after the others that are ready, one by one.
pub(super) const LARGE: u64 = 256 * 1024;

/// Whether a file is so large that its article is told of by itself. One that was renamed stays with those that may take its place.
pub fn is_large(file: &ParsedFile) -> bool {
    let FileState::Present(Parsed { article: Some(article), .. }) = &file.state else { return false };
    let size = article.source.as_ref().map_or(0, |source| u64::try_from(source.len()).unwrap_or(u64::MAX));
    size > LARGE && file.renamed_from.is_none()
}

/// The files with their sizes, in the batches in which they are read. What is published together (`is_one`) stays in one order.
pub(super) fn batches(files: Vec<(ArticlePath, u64)>, is_one: bool) -> Vec<Vec<ArticlePath>> {
    let (mut large, small): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, size)| !is_one && *size > LARGE);
    large.sort_by_key(|(_, size)| *size);
    let paths = |files: &[(ArticlePath, u64)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    small.chunks(MAX_FILES).map(paths).chain(large.chunks(1).map(paths)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_come_last_one_by_one() {
        let files = |sizes: &[u64]| -> Vec<(ArticlePath, u64)> {
            sizes.iter().map(|size| (ArticlePath::new(&format!("{size}.md")), *size)).collect()
        };
        let read = |sizes: &[u64], is_one| {
            let batches = batches(files(sizes), is_one);
            let batches =
                batches.iter().map(|batch| batch.iter().map(ArticlePath::as_str).collect::<Vec<_>>().join(" "));
            batches.collect::<Vec<_>>()
        };
        assert_eq!(read(&[8_000_000, 10, 500_000, 20], false), ["10.md 20.md", "500000.md", "8000000.md"]);
        assert_eq!(read(&[8_000_000, 10], true), ["8000000.md 10.md"]);
        assert_eq!(read(&[300_000], false), ["300000.md"]);
        assert_eq!(read(&[], false), [""; 0]);
        assert_eq!(read(&[7; 3_000], false).len(), 3);
    }
}
