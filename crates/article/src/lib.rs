//! Parses articles, and renders and sanitises their texts. The map is in the docs of the crate `dateline`.

use dateline_base::{diagnostics, encoding, types};

pub mod article;
