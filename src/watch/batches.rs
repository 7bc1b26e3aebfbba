//! In which order files are read and told of: a large one delays no other.

use crate::article::Parsed;
use crate::event::{FileState, ParsedFile};

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

/// Files in the batches in which they are read. What is published together (`is_one`) stays in one order.
pub(super) fn batches<T: Clone>(files: Vec<T>, size: impl Fn(&T) -> u64, is_one: bool) -> Vec<Vec<T>> {
    let (mut large, small): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| !is_one && size(file) > LARGE);
    large.sort_by_key(size);
    small.chunks(MAX_FILES).chain(large.chunks(1)).map(<[T]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_come_last_one_by_one() {
        let read = |sizes: &[u64], is_one| batches(sizes.to_vec(), |size| *size, is_one);
        assert_eq!(read(&[8_000_000, 10, 500_000, 20], false), [vec![10, 20], vec![500_000], vec![8_000_000]]);
        assert_eq!(read(&[8_000_000, 10], true), [[8_000_000, 10]]);
        assert_eq!(read(&[300_000], false), [[300_000]]);
        assert_eq!(read(&[], false), [[0; 0]; 0]);
        assert_eq!(read(&[7; 3_000], false).len(), 3);
    }
}
