//! Lists the names in folders that decide which picture belongs to which text.
//!
//! # When is a folder listed again?
//!
//! When its stamp has changed, or when the watcher calls [`Root::forget_names`]: file systems' clocks tick in milliseconds, so a folder
//! that changes twice in one tick has the same stamp.

use std::sync::{Arc, PoisonError};

use super::cached_names::Listed;
use super::open_root::Links;
use super::root::Root;
use super::stamp::Stamp;
use crate::article::pictures::FolderNames;
use crate::types::folder;

impl Root {
    /// The names of pictures and texts in a folder. Empty if the folder can't be listed.
    pub fn folder_names(&self, folder: &str) -> Arc<FolderNames> {
        let entry = self.names.entry(folder);
        // Other threads wait for the listing instead of making their own.
        let mut listed = entry.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.open().and_then(|open| open.stat(folder, Links::Follow)).map(|stat| Stamp::from(&stat));
        let Ok(stamp) = stamp else { return Arc::default() };
        match &*listed {
            Some(listed) if listed.stamp == stamp => Arc::clone(&listed.names),
            _ => {
                let names = Arc::new(self.list_names(folder));
                *listed = Some(Listed { stamp, names: Arc::clone(&names) });
                names
            }
        }
    }

    /// Keeps the names in a folder that was just listed. `stamp` is the folder's before that.
    pub fn keep_names(&self, folder: &str, stamp: Stamp, names: FolderNames) {
        let listed = Listed { stamp, names: Arc::new(names) };
        *self.names.entry(folder).lock().unwrap_or_else(PoisonError::into_inner) = Some(listed);
    }

    /// Lists a folder again when its names are needed next. `None`: all folders.
    pub fn forget_names(&self, folder: Option<&str>) {
        self.names.forget(folder);
    }

    fn list_names(&self, folder: &str) -> FolderNames {
        let mut names = FolderNames::default();
        let open = self.open().and_then(|open| open.folder(folder, Links::Follow));
        let Ok(open) = open else { return names };
        for (name, kind) in open.entries().into_iter().flatten().flatten() {
            let Some(name) = name.to_str().filter(|name| FolderNames::needs(name)) else { continue };
            let path = folder::join(folder, name);
            if !kind.is_dir() && self.matching_pattern(&path, false).is_none() {
                names.add(name);
            }
        }
        names
    }
}
