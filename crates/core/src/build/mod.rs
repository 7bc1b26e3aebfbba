//! Turns articles into feed documents. The modules, in the order of the data flow:
//!
//! - [`catalog`] keeps the last good version of each article.
//! - [`placement`] decides which section an article belongs to, [`membership`] which feeds include it.
//! - [`index`] keeps each feed's articles in order and assigns ids. `indexed_article` contains its types, `order` the sorted articles of
//!   one feed, `feed_limits` the limit for feeds of tags and authors.
//! - [`agency_notice_targets`] finds the articles that agencies' notices are about.
//! - [`window`] computes which articles a feed shows, and until when.
//! - [`render_cache`] keeps rendered bodies.
//! - [`address`] gives each feed its path.
//! - [`assemble`] builds neutral feeds and entries, `corrections` shows corrections in them, [`retraction_notice`] builds the notices of
//!   retractions, [`encode`] the documents.
//! - [`gone_feeds`] builds the final documents of retired feeds.

pub mod address;
pub mod agency_notice_targets;
pub mod assemble;
pub mod catalog;
mod corrections;
pub mod encode;
mod feed_limits;
pub mod gone_feeds;
pub mod index;
mod indexed_article;
pub mod membership;
mod order;
pub mod placement;
pub mod render_cache;
pub mod retraction_notice;
pub mod window;
