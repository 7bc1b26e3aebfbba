//! Files that wait until the store has said whether they are dormant articles.

use std::collections::{BTreeMap, HashMap};

use crate::article::Parsed;
use crate::article::card::Card;
use crate::event::{FileState, Listing, ParsedFile};
use crate::types::{ArticlePath, folder};

#[derive(Debug)]
pub(crate) struct WaitingFile {
    pub(crate) file: ParsedFile,
    /// Whether the file came before the first complete listing.
    pub(crate) is_early: bool,
}

impl WaitingFile {
    pub(crate) fn is_good(&self) -> bool {
        card_of(&self.file).is_some()
    }
}

/// Files that wait, by number in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct WaitingFiles {
    pub(crate) files: BTreeMap<u64, WaitingFile>,
    /// The numbers of each path: of its last good version, and of a later one that cannot be used.
    pub(crate) by_path: HashMap<ArticlePath, Vec<u64>>,
    next: u64,
}

impl WaitingFiles {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(crate) fn contains(&self, path: &ArticlePath) -> bool {
        self.by_path.contains_key(path)
    }

    pub(crate) fn of<'w>(&'w self, path: &ArticlePath) -> impl Iterator<Item = (u64, &'w WaitingFile)> + use<'w> {
        let numbers = self.by_path.get(path).into_iter().flatten();
        numbers.filter_map(|number| Some((*number, self.files.get(number)?)))
    }

    pub(crate) fn push(&mut self, new: WaitingFile) {
        let path = new.file.path.clone();
        let is_superseded = |old: &WaitingFile| new.is_good() || !old.is_good();
        let old: Vec<u64> = self.of(&path).filter(|(_, old)| is_superseded(old)).map(|(number, _)| number).collect();
        old.into_iter().for_each(|number| drop(self.take(number)));
        self.by_path.entry(path).or_default().push(self.next);
        self.files.insert(self.next, new);
        self.next += 1;
    }

    pub(crate) fn take(&mut self, number: u64) -> Option<WaitingFile> {
        let taken = self.files.remove(&number)?;
        if let Some(numbers) = self.by_path.get_mut(&taken.file.path) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_path.remove(&taken.file.path);
            }
        }
        Some(taken)
    }

    pub(crate) fn remove(&mut self, path: &ArticlePath) {
        for number in self.by_path.remove(path).into_iter().flatten() {
            self.files.remove(&number);
        }
    }

    /// Forgets waiting files for which `is_kept` is false.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(&ArticlePath) -> bool) {
        let gone: Vec<ArticlePath> = self.by_path.keys().filter(|path| !is_kept(path)).cloned().collect();
        gone.iter().for_each(|path| self.remove(path));
    }

    /// Forgets waiting files that a whole listing proves to be gone.
    pub(crate) fn remove_absent(&mut self, listing: &Listing) {
        if self.is_empty() || !listing.is_whole {
            return;
        }
        let is_gone = listing.absence();
        let is_inside = |path: &ArticlePath| folder::contains(&listing.scope, path.as_str());
        let paths = self.by_path.keys();
        let gone: Vec<ArticlePath> = paths.filter(|path| is_inside(path) && is_gone(path)).cloned().collect();
        gone.iter().for_each(|path| self.remove(path));
    }
}

/// The metadata of a file that can be used.
pub(crate) fn card_of(file: &ParsedFile) -> Option<Card> {
    match &file.state {
        FileState::Present(parsed) => parsed.article.as_ref().map(|article| article.card.open(&file.path)),
        FileState::Known(card, _) => Some(card.open(&file.path)),
        FileState::Absent { .. } | FileState::Unreadable(_) | FileState::Items { .. } => None,
    }
}

/// A waiting file without its text, which is read again when it is needed.
pub(crate) fn without_text(mut file: ParsedFile) -> ParsedFile {
    // Where a renamed file is refused, the version before the renaming counts.
    if file.renamed_from.is_none() {
        file.state = file.state.as_seen_from(i64::MAX);
    }
    if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
        (article.body, article.source) = (None, None);
    }
    file
}
