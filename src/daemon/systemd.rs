//! Notifies systemd that the daemon is ready, stopping or alive.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Sends notifications (`sd_notify(3)`). Without systemd, nothing happens.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

/// The notifications by which systemd notices a daemon that hangs.
pub(super) struct Watchdog {
    /// The interval within which systemd expects a notification (`sd_watchdog_enabled(3)`). `None` if systemd expects none.
    interval: Option<Duration>,
    /// The time of the last notification.
    notified: Option<Instant>,
}

impl Watchdog {
    /// Reads from the environment whether systemd expects notifications.
    pub(super) fn from_environment() -> Watchdog {
        Watchdog { interval: sd_notify::watchdog_enabled(), notified: None }
    }

    /// Returns the longest time between two calls of [`Watchdog::notify`].
    pub(super) fn max_sleep(&self) -> Option<Duration> {
        self.interval.map(|interval| interval / 2)
    }

    /// Notifies systemd at most four times per interval: its socket holds ten unread messages, and then senders block.
    pub(super) fn notify(&mut self) {
        let is_due = |interval| self.notified.is_none_or(|notified| notified.elapsed() >= interval / 4);
        if self.interval.is_some_and(is_due) {
            notify(&[NotifyState::Watchdog]);
            self.notified = Some(Instant::now());
        }
    }
}
