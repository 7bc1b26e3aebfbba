//! The clock that file times are compared with.

use std::time::SystemTime;

/// The system's clock, which also stamps files.
#[expect(clippy::disallowed_methods, reason = "mtimes come from the system's clock")]
pub fn clock() -> SystemTime {
    SystemTime::now()
}
