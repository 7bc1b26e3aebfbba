//! Reads the configuration file when it has changed.

use std::time::Duration;

use super::super::cache::MetadataCache;
use super::super::clock::clock;
use super::super::stat::stat_anywhere;
use super::change_set::CONFIG_SETTLE;
use super::state::{Stopped, Worker};
use crate::config::Checked;
use crate::diagnostics::{Code, Diagnostic, Place, Severity};
use crate::event::Event;
use crate::types::ContentHash;

/// How long a missing configuration file may take to come back. Some editors save by removing and creating the file.
const CONFIG_ABSENCE_GRACE: Duration = Duration::from_millis(500);
/// An invalid configuration file that is younger than this may be half written, so it is read again.
const CONFIG_MIN_AGE: Duration = Duration::from_secs(1);

impl<C: MetadataCache> Worker<C> {
    /// Schedules a read if the file's stamp has changed. There is no event on network file systems, or if a link above the folder was
    /// replaced.
    pub(super) fn check_config(&mut self) {
        let Some((file, _)) = &self.config.file else { return };
        let stamp = stat_anywhere(file);
        if stamp != self.config.stamp {
            self.config.stamp = stamp;
            self.config.read_after(self.started.elapsed() + CONFIG_SETTLE);
        }
    }

    /// Reads the configuration file, and sends the configuration if it has changed.
    pub(super) fn read_config(&mut self) -> Result<(), Stopped> {
        let Some((file, _)) = &self.config.file else { return Ok(()) };
        let checked = match std::fs::read(file) {
            Ok(bytes) => {
                let hash = ContentHash::of(&bytes);
                if self.config.hash == Some(hash) {
                    return Ok(());
                }
                let checked = (self.options.parse_config)(file, &bytes);
                let is_recent = std::fs::metadata(file)
                    .and_then(|metadata| metadata.modified())
                    .is_ok_and(|modified| clock().duration_since(modified).is_ok_and(|age| age < CONFIG_MIN_AGE));
                if checked.config.is_none() && is_recent {
                    self.config.due = Some(self.now() + CONFIG_MIN_AGE / 4);
                    return Ok(());
                }
                self.config.hash = Some(hash);
                checked
            }
            Err(_) if self.config.hash.is_some() => {
                self.config.hash = None;
                self.config.due = Some(self.now() + CONFIG_ABSENCE_GRACE);
                return Ok(());
            }
            Err(error) => {
                let name = file.display().to_string();
                let diagnostic = Diagnostic::new(Code::ConfigUnreadable, format!("cannot read `{name}`: {error}"));
                debug_assert_eq!(diagnostic.severity, Severity::Error);
                Checked {
                    config: None,
                    diagnostics: vec![
                        diagnostic
                            .at(Place::file(&name))
                            .help("the current configuration stays in force; put the file back"),
                    ],
                }
            }
        };
        self.send(Event::Config(checked))
    }
}
