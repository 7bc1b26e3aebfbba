//! Which hubs deliver.

use jiff::Timestamp;

use crate::event::HubStates;

/// Which hubs deliver, and what follows from that later.
#[derive(Debug, Default)]
pub(crate) struct Hubs {
    pub(crate) states: HubStates,
    /// When a hub is withdrawn, or named again, that may not change before.
    pub(crate) next_change: Option<Timestamp>,
}
