//! The files of archives. They are delivered one by one, long after the feeds that name them, so a complete delivery doesn't list them.

use std::collections::HashMap;

use super::file_names::file_name;
use crate::event::Delivery;
use crate::feed::Format;
use crate::ledger::archive::ArchiveName;
use crate::snapshot::FeedArchives;

/// Whether a path is that of an archive.
pub(super) fn is_archive(path: &str) -> bool {
    archive(path).is_some()
}

/// The folder, the name and the format of an archive's path.
fn archive(path: &str) -> Option<(&str, ArchiveName, Format)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (name, format) = Format::of_archive(name)?;
    Some((folder, ArchiveName::parse(name)?, format))
}

/// The archives that the output directory has, by folder.
pub(super) struct WrittenArchives<'d>(HashMap<String, &'d FeedArchives>);

impl WrittenArchives<'_> {
    pub(super) fn of(delivery: &Delivery) -> WrittenArchives<'_> {
        let written = delivery.archives.iter().filter(|(_, archives)| archives.is_written);
        WrittenArchives(written.map(|(route, archives)| (file_name(route.trim_matches('/')), &**archives)).collect())
    }

    /// Whether no document leads to the archive in this file any more. `None` if the file isn't an archive.
    pub(super) fn is_stale(&self, path: &str) -> Option<bool> {
        let (folder, name, format) = archive(path)?;
        let is_current = |feed: &&FeedArchives| {
            let found = feed.find(name).is_some_and(|found| found.archive.name() == name);
            found && feed.formats.contains(&format)
        };
        Some(!self.0.get(folder).is_some_and(is_current))
    }
}
