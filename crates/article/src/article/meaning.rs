//! The meanings of keys and words about publication. [`lifecycle`](super::lifecycle) has their tables.

/// The field that a key sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The first publication: `date`.
    Date,
    /// The first publication under another tool's name. Next to `date`, it schedules the article.
    Published,
    /// The instant before which the article isn't public.
    Embargo,
    /// The instant from which the article isn't public any more.
    Expires,
    /// The status: published, draft, scheduled or retracted.
    Status,
    /// Whether the article is a draft.
    Draft,
    /// Whether the article is public.
    Public,
    /// The reason of a retraction.
    Reason,
    /// Corrections.
    Corrections,
}

/// Whether a key has its meaning regardless of its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Certainty {
    /// The key has its meaning with any value. An unreadable value withholds the article.
    Certain,
    /// The key counts only with a complete date, or a known word for a status.
    WithDate,
}

/// The status of an article.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Published,
    /// The article is not public: a draft, private or deleted.
    Draft,
    /// The article is not public before a date that another key states.
    Scheduled,
    Retracted,
}
