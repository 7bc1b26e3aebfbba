//! From articles to documents: [`catalog`] keeps the last good version of each article, [`filing`] says where an article belongs,
//! [`index`] keeps every feed's order and window and who gets which id, `order` one feed's articles, [`render_cache`] what is expensive to
//! make twice, [`address`] where a feed is, `admission` which tags have one, [`assemble`] makes neutral feeds of them and [`encode`]
//! documents; [`farewell`] is what is left of feeds that have ended.

pub mod address;
pub mod assemble;
pub mod catalog;
pub mod encode;
mod feed_limits;
pub mod gone_feeds;
pub mod index;
mod order;
pub mod placement;
pub mod render_cache;
pub mod window;
