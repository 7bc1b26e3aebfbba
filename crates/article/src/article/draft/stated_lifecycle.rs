//! The statements of a file about embargo, expiry, status, retraction and corrections, before they are combined.

use std::ops::Range;

use crate::types::{Moment, Text};

/// The lifecycle as stated so far.
#[derive(Debug, Default)]
pub(super) struct StatedLifecycle {
    pub(super) embargo: Option<Moment>,
    pub(super) expires: Option<(Moment, Range<usize>)>,
    pub(super) retracted: bool,
    pub(super) reason: Option<Text>,
    /// Date, text and span. An agency's correction has no text. A correction without a date gets the article's date when the draft is finished.
    pub(super) corrections: Vec<(Option<Moment>, Option<Text>, Range<usize>)>,
    /// A status such as `scheduled`, and its span.
    pub(super) scheduled: Option<(String, Range<usize>)>,
    /// The file has a scheduling date of another tool, such as `publishDate`.
    pub(super) has_schedule: bool,
    /// An unreadable value withholds the article.
    pub(super) withhold: bool,
}
