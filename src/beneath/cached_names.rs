//! The names in folders that decide which picture belongs to which text, kept while a folder stays the same.
//!
//! # Why are they kept?
//!
//! An agency's folder may have a hundred thousand files, and each of its texts has to know the pictures beside it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::stamp::Stamp;
use crate::article::pictures::FolderNames;

/// The most folders that are kept.
const MAX_FOLDERS: usize = 4_096;

/// The names in folders that were listed.
#[derive(Debug, Default)]
pub(super) struct CachedNames(Mutex<HashMap<Box<str>, Entry>>);

/// A folder. `None`: it wasn't listed yet.
pub(super) type Entry = Arc<Mutex<Option<Listed>>>;

/// The names in a folder, and its stamp before it was listed.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) stamp: Stamp,
    pub(super) names: Arc<FolderNames>,
}

impl CachedNames {
    pub(super) fn entry(&self, folder: &str) -> Entry {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if folders.len() >= MAX_FOLDERS && !folders.contains_key(folder) {
            folders.clear();
        }
        Arc::clone(folders.entry(folder.into()).or_default())
    }

    /// Forgets a folder. `None`: all folders.
    pub(super) fn forget(&self, folder: Option<&str>) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match folder {
            Some(folder) => drop(folders.remove(folder)),
            None => folders.clear(),
        }
    }
}
