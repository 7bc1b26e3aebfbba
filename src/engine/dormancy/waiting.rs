//! Files that wait until the store has said whether they are dormant articles.

use std::collections::{BTreeMap, HashMap};

use crate::article::Parsed;
use crate::article::card::Card;
use crate::event::{FileState, ParsedFile};
use crate::types::ArticlePath;

#[derive(Debug)]
pub(super) struct WaitingFile {
    pub(super) file: ParsedFile,
    /// Whether it came before the first complete listing.
    pub(super) is_early: bool,
}

impl WaitingFile {
    pub(super) fn is_good(&self) -> bool {
        card_of(&self.file).is_some()
    }
}

/// Files that wait, by number in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct WaitingFiles {
    pub(super) files: BTreeMap<u64, WaitingFile>,
    /// The numbers of each path: of its last good version, and of a later one that cannot be used.
    pub(super) by_path: HashMap<ArticlePath, Vec<u64>>,
    next: u64,
}

impl WaitingFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn contains(&self, path: &ArticlePath) -> bool {
        self.by_path.contains_key(path)
    }

    pub(super) fn of<'w>(&'w self, path: &ArticlePath) -> impl Iterator<Item = (u64, &'w WaitingFile)> + use<'w> {
        let numbers = self.by_path.get(path).into_iter().flatten();
        numbers.filter_map(|number| Some((*number, self.files.get(number)?)))
    }

    pub(super) fn push(&mut self, new: WaitingFile) {
        let path = new.file.path.clone();
        let is_superseded = |old: &WaitingFile| new.is_good() || !old.is_good();
        let old: Vec<u64> = self.of(&path).filter(|(_, old)| is_superseded(old)).map(|(number, _)| number).collect();
        old.into_iter().for_each(|number| drop(self.take(number)));
        self.by_path.entry(path).or_default().push(self.next);
        self.files.insert(self.next, new);
        self.next += 1;
    }

    pub(super) fn take(&mut self, number: u64) -> Option<WaitingFile> {
        let taken = self.files.remove(&number)?;
        if let Some(numbers) = self.by_path.get_mut(&taken.file.path) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_path.remove(&taken.file.path);
            }
        }
        Some(taken)
    }

    pub(super) fn remove(&mut self, path: &ArticlePath) {
        for number in self.by_path.remove(path).into_iter().flatten() {
            self.files.remove(&number);
        }
    }
}

/// The metadata of a file that can be used.
pub(super) fn card_of(file: &ParsedFile) -> Option<Card> {
    match &file.state {
        FileState::Present(parsed) => parsed.article.as_ref().map(|article| article.card.open(&file.path)),
        FileState::Known(card, _) => Some(card.open(&file.path)),
        FileState::Absent { .. } | FileState::Unreadable(_) => None,
    }
}

/// A waiting file without its text, which is read again when it is needed.
pub(super) fn without_text(mut file: ParsedFile) -> ParsedFile {
    // Where a renamed file is refused, the version before the renaming counts.
    if file.renamed_from.is_none() {
        file.state = file.state.as_seen_from(i64::MAX);
    }
    if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
        (article.body, article.source) = (None, None);
    }
    file
}
