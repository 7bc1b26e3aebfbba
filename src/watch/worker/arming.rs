//! What the system is to tell of, and the configuration, which is looked at where it does not.

use std::sync::Arc;
use std::time::Duration;

use super::super::cache::MetadataCache;
use super::super::clock;
use super::super::mode::{self, WatchMode};
use super::super::mounts;
use super::super::notice::Notice;
use super::super::scan::{magic, stamp_of};
use super::{CONFIG_ABSENT, CONFIG_QUIET, Stopped, Worker};
use crate::config::{Checked, Watch};
use crate::diagnostics::{Code, Diagnostic, Place, Severity};
use crate::event::Event;
use crate::metrics::WatchStatus;
use crate::types::ContentHash;

/// A configuration that does not parse and is younger may be half written.
const CONFIG_YOUNG: Duration = Duration::from_secs(1);

impl<C: MetadataCache> Worker<C> {
    /// Watches a folder and all below it, again if it was watched. When this returns, the system's thread has dealt with all
    /// that it heard before, so that what a scan now misses will be heard of.
    pub(super) fn rearm(&mut self, folder: &str) {
        let path = self.options.root.path.join(folder);
        let Some(Err(limit)) = self.notice.as_mut().map(|notice| notice.tree(&path)) else { return };
        // A folder that is gone by now needs no watch.
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            self.limited = Some(limit);
            // What is not watched is looked at, and an operator told.
            self.next_scan = self.now();
        }
    }

    /// Has the system tell of the content directory and the configuration's folder, where it is to and as far as it can.
    pub(super) fn arm(&mut self) {
        self.limited = None;
        if self.options.watch == Watch::Poll {
            (self.notice, self.armed) = (None, false);
            self.lose_closes();
        } else {
            self.listen();
        }
        let own = magic(&self.options.root.path).and_then(mode::deaf_by_magic);
        let deaf = mode::deaf_place(&self.options.root.path, own, &mounts::parse(&self.mounts));
        let deaf = deaf.map(|(place, kind)| (self.options.root.display(&place), kind));
        let mode = WatchMode::choose(
            self.options.watch,
            deaf.as_ref().map(|(place, kind)| (place.as_str(), kind.as_str())),
            self.limited.as_ref(),
        );
        if mode != self.mode {
            let why = mode.reason_to_poll().map(tracing::field::display);
            tracing::info!(mode = %mode.name(), why, "watching {}", self.options.root.name);
            let before = WatchStatus::clone(&self.meters.watch_status.load());
            let watching = WatchStatus { mode: mode.name(), why: mode.why.clone(), ..before };
            self.meters.watch_status.store(Arc::new(watching));
            self.mode = mode;
        }
    }

    fn listen(&mut self) {
        if !self.armed {
            // What it holds is free again for the next one.
            self.notice = None;
            self.lose_closes();
            match Notice::new(self.hints.clone()) {
                Ok(notice) => self.notice = Some(notice),
                Err(limit) => self.limited = Some(limit),
            }
            self.config_due.get_or_insert(self.started.elapsed());
        }
        let Some(notice) = &mut self.notice else { return };
        // Where the system doesn't tell of the configuration, it is looked at anyway.
        notice.folder(&self.config_folder).unwrap_or_default();
        let content = notice.tree(&self.options.root.path);
        // A content directory that is not there is told by the scan. Where watches ran out, those that there are stay.
        self.armed = self.options.root.path.is_dir();
        if self.armed {
            self.limited = content.err();
        }
    }

    /// Looks whether the configuration is what it was. The system doesn't tell on network file systems, nor where a link above its folder is
    /// swapped.
    pub(super) fn look_at_config(&mut self) {
        let stamp = stamp_of(&self.options.config);
        if stamp != self.config_stamp {
            self.config_stamp = stamp;
            self.config_due.get_or_insert(self.started.elapsed() + CONFIG_QUIET);
        }
    }

    pub(super) fn read_config(&mut self) -> Result<(), Stopped> {
        let file = &self.options.config;
        let checked = match std::fs::read(file) {
            Ok(bytes) => {
                let hash = ContentHash::of(&bytes);
                if self.config_hash == Some(hash) {
                    return Ok(());
                }
                let checked = (self.options.load)(file, &bytes);
                // A file that does not parse may be half written: it gets a second to be finished.
                let young = std::fs::metadata(file)
                    .and_then(|metadata| metadata.modified())
                    .is_ok_and(|modified| clock().duration_since(modified).is_ok_and(|age| age < CONFIG_YOUNG));
                if checked.config.is_none() && young {
                    self.config_due = Some(self.now() + CONFIG_YOUNG / 4);
                    return Ok(());
                }
                self.config_hash = Some(hash);
                checked
            }
            // Between the removal and the renaming of a save there is nothing.
            Err(_) if self.config_hash.is_some() => {
                self.config_hash = None;
                self.config_due = Some(self.now() + CONFIG_ABSENT);
                return Ok(());
            }
            Err(error) => {
                let name = file.display().to_string();
                let diagnostic = Diagnostic::new(Code::ConfigUnreadable, format!("cannot read `{name}`: {error}"));
                debug_assert_eq!(diagnostic.severity, Severity::Error);
                Checked {
                    config: None,
                    diagnostics: vec![
                        diagnostic.at(Place::file(&name)).help("the configuration in force stays; put the file back"),
                    ],
                }
            }
        };
        self.send(Event::Config(checked))
    }
}
