//! From articles to documents: [`catalog`] keeps the last good version of each article, [`filing`] says where an article
//! belongs, [`index`] keeps every feed's order and window and `claims` who gets which id, [`render_cache`] what is expensive to
//! make twice, [`assemble`] makes neutral feeds of them and [`encode`] documents; [`farewell`] is what is left of feeds that have
//! ended.

pub mod assemble;
pub mod catalog;
mod claims;
pub mod encode;
pub mod farewell;
pub mod filing;
pub mod index;
pub mod render_cache;
pub mod window;
