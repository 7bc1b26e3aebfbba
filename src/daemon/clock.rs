//! The clock of the daemon.

use jiff::Timestamp;

/// A function that returns the current time.
pub type Clock = fn() -> Timestamp;

/// Returns the current time. This is the only place that reads the system's wall clock.
#[expect(clippy::disallowed_methods, reason = "the daemon's clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
