//! From parsed articles to the documents that readers get: a pure state machine. The map is in the docs of the crate `dateline`.

use dateline_article::article;
use dateline_base::{diagnostics, encoding, metrics, parallel, slab, types};

pub mod build;
pub mod config;
pub mod engine;
pub mod event;
pub mod feed;
pub mod ledger;
pub mod snapshot;
pub mod websub;
