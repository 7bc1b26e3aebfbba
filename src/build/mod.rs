//! From articles to documents: [`catalog`] keeps the last good version of each article, [`filing`] says where an article belongs,
//! [`index`] keeps every feed's order and window and who gets which id, `order` one feed's articles, [`render_cache`] what is expensive to
//! make twice, [`address`] where a feed is, `admission` which tags have one, [`assemble`] makes neutral feeds of them and [`encode`]
//! documents; [`farewell`] is what is left of feeds that have ended.

pub mod address;
mod admission;
pub mod assemble;
pub mod catalog;
pub mod encode;
pub mod farewell;
pub mod filing;
pub mod index;
mod order;
pub mod render_cache;
pub mod window;
