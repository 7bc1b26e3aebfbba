//! Where pictures and other files are, and agencies' terms for them: when readers may see them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::types::{ArticlePath, Moment, Text, WebUrl};

/// The location of a media file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MediaReference {
    /// A URL.
    Remote(WebUrl),
    /// A file below the content directory, which dateline serves under `/media/`.
    Local(ArticlePath),
}

impl MediaReference {
    /// The path, if the file is local.
    pub(super) fn local(&self) -> Option<&ArticlePath> {
        match self {
            MediaReference::Local(path) => Some(path),
            MediaReference::Remote(_) => None,
        }
    }
}

/// An agency's terms for a picture or another file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaTerms {
    /// The file. `None`: every file with this id.
    pub url: Option<MediaReference>,
    /// The agency's id of the picture.
    pub id: Option<Text>,
    /// When readers may see it.
    pub availability: Availability,
}

/// When readers may see a picture or another file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Availability {
    /// From one instant on, and not from another on.
    Period {
        /// The end of the embargo.
        from: Option<Moment>,
        /// The end of the rights.
        until: Option<Moment>,
    },
    /// Not until a later version says otherwise.
    Withheld,
    /// Never again.
    Killed,
}

impl Availability {
    /// Without limits.
    pub const ALWAYS: Availability = Availability::Period { from: None, until: None };

    /// Whether readers may see the file at this time.
    pub fn includes(self, now: Timestamp) -> bool {
        match self {
            Availability::Period { from, until } => {
                from.is_none_or(|from| from.timestamp() <= now) && until.is_none_or(|until| now < until.timestamp())
            }
            Availability::Withheld | Availability::Killed => false,
        }
    }

    /// The instants at which this changes.
    pub fn instants(self) -> impl Iterator<Item = Moment> {
        let (from, until) = match self {
            Availability::Period { from, until } => (from, until),
            Availability::Withheld | Availability::Killed => (None, None),
        };
        from.into_iter().chain(until)
    }

    /// The time in which both allow it.
    #[must_use]
    pub fn and(self, other: Availability) -> Availability {
        match (self, other) {
            (Availability::Killed, _) | (_, Availability::Killed) => Availability::Killed,
            (Availability::Withheld, _) | (_, Availability::Withheld) => Availability::Withheld,
            (Availability::Period { from, until }, Availability::Period { from: later, until: earlier }) => {
                let from = from.into_iter().chain(later).max_by_key(|moment| moment.timestamp());
                let until = until.into_iter().chain(earlier).min_by_key(|moment| moment.timestamp());
                Availability::Period { from, until }
            }
        }
    }
}

/// The files that agencies' own items about pictures withhold, by address and by id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WithheldMedia {
    /// The addresses.
    pub files: BTreeSet<MediaReference>,
    /// The agencies' ids.
    pub ids: BTreeSet<Text>,
}

/// The files of an article that readers may not see.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HiddenMedia {
    /// Their addresses.
    pub files: Vec<MediaReference>,
    /// Ids of pictures all of whose files are hidden.
    pub ids: Vec<Text>,
}

impl HiddenMedia {
    /// The files of an article that are hidden at this time, according to its terms and to items about its pictures.
    pub fn of<'t>(
        local_files: impl Iterator<Item = MediaReference>,
        terms: impl Iterator<Item = &'t MediaTerms>,
        withheld: &WithheldMedia,
        now: Timestamp,
    ) -> HiddenMedia {
        let mut hidden = HiddenMedia::default();
        hidden.files.extend(local_files.filter(|file| withheld.files.contains(file)));
        for MediaTerms { url, id, availability } in terms {
            let id = id.as_ref().filter(|id| withheld.ids.contains(*id));
            let is_withheld = url.as_ref().is_some_and(|url| withheld.files.contains(url));
            if id.is_some() || is_withheld || !availability.includes(now) {
                hidden.files.extend(url.clone());
            }
            hidden.ids.extend(id.cloned());
        }
        hidden.files.sort();
        hidden.files.dedup();
        hidden.ids.sort();
        hidden.ids.dedup();
        hidden
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.ids.is_empty()
    }
}
