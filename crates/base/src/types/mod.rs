//! Values that are valid by construction. They are checked once, when they are created.

pub mod folder;
mod id;
mod language;
mod moment;
mod path;
mod text;
mod url;

#[cfg(test)]
mod tests;

pub use id::{ContentHash, EntryId, SHORT_ID_LETTERS};
pub use language::Language;
pub use moment::{Moment, rfc822, rfc3339};
pub use path::{ArticlePath, SectionPath};
pub use text::{Text, folded, is_bidi_control, is_invisible, is_publishable, nfc, nfkc};
pub use url::{WebUrl, media_type};
