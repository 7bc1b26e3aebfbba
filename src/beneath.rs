//! Opens files and folders beneath a root directory, and nothing outside it.
//!
//! [`Root`] is the directory's path, and [`Roots`] has those of all sources. [`OpenRoot`] holds a descriptor of the directory and resolves
//! paths from it. [`Folder`] holds a descriptor of a folder beneath the root. `names` keeps the names of pictures beside texts. [`Stamp`]
//! distinguishes versions of a file without reading it.
//!
//! # How is a path resolved?
//!
//! From a descriptor of the root, component by component. Links are followed if they end beneath the root. Linux does this in one call:
//! `openat2` with `RESOLVE_BENEATH` (openat2(2)). That call refuses two kinds of links that dateline accepts: absolute links into the root,
//! and links that leave the root and come back. Old kernels and some sandboxes don't have the call. In these cases the module walks
//! the path itself: it opens each component without following links, and resolves the links itself.
//!
//! # Why are files never checked and opened by name?
//!
//! The name may stand for another file between the two calls. Callers open first, check the descriptor, and read from it. Only
//! regular files are opened for reading, and with `O_NONBLOCK`, because opening a pipe or a device can block or have side effects.

mod cached_names;
mod errors;
mod folder;
mod names;
mod open_root;
mod root;
mod roots;
mod stamp;

pub use errors::{is_link, is_missing, is_outside};
pub use folder::Folder;
pub use open_root::{Links, OpenRoot};
pub use root::Root;
pub use roots::Roots;
pub use stamp::Stamp;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trees;
