//! How long clients may take. Each connection notes where it stands; the loop that accepted it looks at all of them now and then
//! and ends those that are overdue. A timer for each request would cost more than all else that dateline does for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A clock that counts looks.
#[derive(Debug, Default)]
pub(super) struct TickCounter(AtomicU32);

/// How often to look, and after how many looks what is overdue.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeoutLimits {
    pub(super) tick_interval: Duration,
    max_request_ticks: u32,
    max_write_ticks: u32,
}

impl TimeoutLimits {
    /// Of readers; those of operators, whose listener has few connections, are shorter.
    pub(super) fn new(mut header: Duration, mut write: Duration, is_admin: bool) -> TimeoutLimits {
        const ADMIN_HEADER_TIMEOUT: Duration = Duration::from_secs(1);
        const ADMIN_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
        const MIN_TICK_INTERVAL: Duration = Duration::from_millis(10);
        const MAX_TICK_INTERVAL: Duration = Duration::from_secs(1);
        if is_admin {
            (header, write) = (header.min(ADMIN_HEADER_TIMEOUT), write.min(ADMIN_WRITE_TIMEOUT));
        }
        let shorter = header.min(write);
        let tick_interval = (shorter / 8).clamp(MIN_TICK_INTERVAL, MAX_TICK_INTERVAL);
        // One more, since the first of them is not a whole one.
        let ticks = |limit: Duration| {
            u32::try_from(limit.as_millis() / tick_interval.as_millis().max(1)).unwrap_or(u32::MAX - 1) + 1
        };
        TimeoutLimits { tick_interval, max_request_ticks: ticks(header), max_write_ticks: ticks(write) }
    }
}

impl TickCounter {
    /// Another look.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// What a connection waits for, as the lower bits of a [`ConnectionPhase`] say it.
const AWAITING_REQUEST: u64 = 0;
const RESPONDING: u64 = 1;
const WRITE_BLOCKED: u64 = 2;
const PHASE_MASK: u64 = 3;

/// Where a connection stands.
#[derive(Debug)]
pub(super) struct ConnectionPhase {
    ticks: Arc<TickCounter>,
    /// What it waits for, and in the upper half since which look: one number, so that nobody sees half of a change.
    state: AtomicU64,
    /// Whether many requests are under way at a time, so that the end of an answer says nothing.
    is_multiplexed: AtomicBool,
}

impl ConnectionPhase {
    /// A connection on which the client has to ask first.
    pub(super) fn new(ticks: &Arc<TickCounter>) -> ConnectionPhase {
        let phase = ConnectionPhase {
            ticks: Arc::clone(ticks),
            state: AtomicU64::new(0),
            is_multiplexed: AtomicBool::new(false),
        };
        phase.set_phase(AWAITING_REQUEST);
        phase
    }

    fn set_phase(&self, phase: u64) {
        let since = u64::from(self.ticks.0.load(Relaxed));
        self.state.store((since << 32) | phase, Relaxed);
    }

    /// A request is there, or the next piece of an answer has to be fetched: it is our turn.
    pub(super) fn start_responding(&self) {
        self.set_phase(RESPONDING);
    }

    /// From now on many requests are under way at a time.
    pub(super) fn set_multiplexed(&self) {
        self.is_multiplexed.store(true, Relaxed);
        self.start_responding();
    }

    /// The client took something.
    pub(super) fn write_progressed(&self) {
        self.set_phase(if self.is_multiplexed.load(Relaxed) { RESPONDING } else { AWAITING_REQUEST });
    }

    /// The client does not take what we have for it.
    pub(super) fn write_blocked(&self) {
        if self.state.load(Relaxed) & PHASE_MASK != WRITE_BLOCKED {
            self.set_phase(WRITE_BLOCKED);
        }
    }

    /// Differs from what it was when something came of the connection meanwhile.
    pub(super) fn progress_marker(&self) -> u64 {
        self.state.load(Relaxed)
    }

    /// Whether the client takes too long.
    pub(super) fn has_timed_out(&self, limits: &TimeoutLimits) -> bool {
        let state = self.state.load(Relaxed);
        let ticks = self.ticks.0.load(Relaxed).wrapping_sub(u32::try_from(state >> 32).unwrap_or_default());
        match state & PHASE_MASK {
            AWAITING_REQUEST => ticks > limits.max_request_ticks,
            WRITE_BLOCKED => ticks > limits.max_write_ticks,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word is a note of the connection, or how often it is looked at; in the end it is overdue or not.
    #[test]
    fn who_waits_for_whom() {
        let limits = TimeoutLimits::new(Duration::from_millis(80), Duration::from_millis(240), false);
        assert_eq!(
            (limits.tick_interval, limits.max_request_ticks, limits.max_write_ticks),
            (Duration::from_millis(10), 9, 25)
        );
        for (history, timed_out) in [
            ("9", false),
            ("10", true),
            ("9 asked 9", false),
            ("asked 10000", false),
            ("asked 10000 write_progressed 9", false),
            ("asked write_progressed 10", true),
            ("asked write_progressed write_blocked 25", false),
            ("asked write_progressed write_blocked 26", true),
            ("asked write_blocked 20 write_blocked 6", true),
            ("asked write_blocked 20 write_progressed 9", false),
            ("set_multiplexed 10000 write_progressed 10000", false),
            ("set_multiplexed write_progressed write_blocked 26", true),
        ] {
            let ticks = Arc::new(TickCounter::default());
            let phase = ConnectionPhase::new(&ticks);
            for word in history.split(' ') {
                match word {
                    "asked" => phase.start_responding(),
                    "write_progressed" => phase.write_progressed(),
                    "write_blocked" => phase.write_blocked(),
                    "set_multiplexed" => phase.set_multiplexed(),
                    number => (0..number.parse().unwrap()).for_each(|_| ticks.next()),
                }
            }
            assert_eq!(phase.has_timed_out(&limits), timed_out, "{history}");
        }
    }
}
