//! The order in which files are read and reported. Large files come last, so that they don't delay others.

use crate::article::Parsed;
use crate::event::{FileState, ParsedFile};

/// How many files one event has at most.
pub(super) const MAX_BATCH_FILES: usize = 1_024;

/// Larger files are read after the others, one by one.
pub(super) const LARGE_FILE_BYTES: u64 = 256 * 1024;

/// Whether a file is so large that it gets an event of its own. A renamed file stays with the files that may have taken its old path.
pub fn is_large(file: &ParsedFile) -> bool {
    let FileState::Present(Parsed { article: Some(article), .. }) = &file.state else { return false };
    let size = article.source.as_ref().map_or(0, |source| u64::try_from(source.len()).unwrap_or(u64::MAX));
    size > LARGE_FILE_BYTES && file.renamed_from.is_none()
}

/// Splits files into the batches in which they are read. If all are published together (`is_one_batch`), large ones aren't moved to the
/// end.
pub(super) fn batches<T: Clone>(files: Vec<T>, size: impl Fn(&T) -> u64, is_one_batch: bool) -> Vec<Vec<T>> {
    let (mut large, small): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| !is_one_batch && size(file) > LARGE_FILE_BYTES);
    large.sort_by_key(size);
    small.chunks(MAX_BATCH_FILES).chain(large.chunks(1)).map(<[T]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_come_last_one_by_one() {
        let read = |sizes: &[u64], is_one_batch| batches(sizes.to_vec(), |size| *size, is_one_batch);
        assert_eq!(read(&[8_000_000, 10, 500_000, 20], false), [vec![10, 20], vec![500_000], vec![8_000_000]]);
        assert_eq!(read(&[8_000_000, 10], true), [[8_000_000, 10]]);
        assert_eq!(read(&[300_000], false), [[300_000]]);
        assert_eq!(read(&[], false), [[0; 0]; 0]);
        assert_eq!(read(&[7; 3_000], false).len(), 3);
    }
}
