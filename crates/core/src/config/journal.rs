//! `[journal]`: how long changes of feeds can be followed.

use jiff::SignedDuration;

use super::raw::{Sink, Table};
use super::values::duration;

const DEFAULT_KEEP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Reads `[journal]`. Returns how long changes are kept.
pub(super) fn validate(table: &mut Table<'_>, sink: &mut Sink<'_>) -> SignedDuration {
    duration(table, sink, "keep").unwrap_or(DEFAULT_KEEP)
}
