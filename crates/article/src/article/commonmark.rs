//! The Markdown dialect: CommonMark with tables, footnotes and strikethrough.

use pulldown_cmark::Options;

/// The parser options for the dialect.
pub(super) const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_FOOTNOTES).union(Options::ENABLE_STRIKETHROUGH);
