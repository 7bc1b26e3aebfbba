//! A part of a file that contains several articles.

use crate::types::ArticlePath;

/// An item of a file that contains several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemSource {
    /// The path of the item: the file's, with the item's key.
    pub path: ArticlePath,
    /// The item as a file of its own. [`parse`](super::parse) reads it.
    pub text: String,
    /// The number of lines of the file above the item.
    pub lines_above: u32,
    /// Whether the file has no other item.
    pub is_only: bool,
}
