//! Turns articles into feed documents.
//!
//! - [`catalog`] keeps the last good version of each article.
//! - [`placement`] decides which section an article belongs to, [`membership`] which feeds include it.
//! - [`index`] keeps each feed's articles in order and assigns ids. `indexed_article` has its types, `order` sorts one feed's articles,
//!   `feed_limits` limits how many tags and authors have feeds.
//! - [`window`] says which articles a feed shows, and until when.
//! - [`render_cache`] keeps rendered bodies.
//! - [`address`] gives each feed its path.
//! - [`assemble`] builds neutral feeds and entries, [`encode`] the documents.
//! - [`gone_feeds`] builds the final documents of retired feeds.
//!
//! # Which file contains what?
//!
//! Turns articles into feed documents. `catalog` keeps the last good version of each article, `placement` decides which section it
//! belongs to, `membership` which feeds include it. `index` keeps each feed in `order` and assigns ids, `window` says what a feed
//! shows, `feed_limits` how many tags and authors have feeds, `address` where a feed is. `render_cache` keeps rendered bodies,
//! `assemble` builds neutral feeds, `encode` the documents, `gone_feeds` the final documents of retired feeds.

pub mod address;
pub mod assemble;
pub mod catalog;
pub mod encode;
mod feed_limits;
pub mod gone_feeds;
pub mod index;
mod indexed_article;
pub mod membership;
mod order;
pub mod placement;
pub mod render_cache;
pub mod window;
