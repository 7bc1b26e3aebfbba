//! Detects clients that take too long to send a request or to read a response.
//!
//! # Why don't requests have timers?
//!
//! A timer per request would cost more than the rest of a 304. Each connection stores its phase and the tick at which the phase began. The
//! accept loop compares all of them with the limits at every tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A coarse clock that counts ticks.
#[derive(Debug, Default)]
pub(super) struct TickCounter(AtomicU32);

/// The interval of ticks, and after how many ticks a phase has timed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeoutLimits {
    pub(super) tick_interval: Duration,
    max_request_ticks: u32,
    max_write_ticks: u32,
}

impl TimeoutLimits {
    /// The limits for readers. Admin listeners have fewer connections and shorter limits.
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
        // One more, because the first tick may come early.
        let ticks = |limit: Duration| {
            u32::try_from(limit.as_millis() / tick_interval.as_millis().max(1)).unwrap_or(u32::MAX - 1) + 1
        };
        TimeoutLimits { tick_interval, max_request_ticks: ticks(header), max_write_ticks: ticks(write) }
    }
}

impl TickCounter {
    /// Advances the clock.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Phases, stored in the low bits of a [`ConnectionPhase`].
const AWAITING_REQUEST: u64 = 0;
const RESPONDING: u64 = 1;
const WRITE_BLOCKED: u64 = 2;
const PHASE_MASK: u64 = 3;

/// The phase of a connection: awaiting a request, responding, or blocked on a client that doesn't read.
#[derive(Debug)]
pub(super) struct ConnectionPhase {
    ticks: Arc<TickCounter>,
    /// The phase in the low bits and its first tick in the upper half. One number, so that both change together.
    state: AtomicU64,
    /// Whether requests are concurrent (HTTP/2), so that the end of a response doesn't start a wait for the next request.
    is_multiplexed: AtomicBool,
    has_read: AtomicBool,
}

impl ConnectionPhase {
    /// A new connection, awaiting its first request.
    pub(super) fn new(ticks: &Arc<TickCounter>) -> ConnectionPhase {
        let phase = ConnectionPhase {
            ticks: Arc::clone(ticks),
            state: AtomicU64::new(0),
            is_multiplexed: AtomicBool::new(false),
            has_read: AtomicBool::new(false),
        };
        phase.set_phase(AWAITING_REQUEST);
        phase
    }

    fn set_phase(&self, phase: u64) {
        let since = u64::from(self.ticks.0.load(Relaxed));
        self.state.store((since << 32) | phase, Relaxed);
    }

    /// Starts the phase in which the client waits for the server.
    pub(super) fn start_responding(&self) {
        self.set_phase(RESPONDING);
    }

    /// Declares that requests are concurrent from now on.
    pub(super) fn set_multiplexed(&self) {
        self.is_multiplexed.store(true, Relaxed);
        self.start_responding();
    }

    /// Declares that the response goes on after each write.
    pub(super) fn start_streaming(&self) {
        self.set_multiplexed();
    }

    /// Records that the client sent some bytes.
    pub(super) fn record_read(&self) {
        if !self.has_read.load(Relaxed) {
            self.has_read.store(true, Relaxed);
        }
    }

    /// Whether the client has sent anything.
    pub(super) fn has_read(&self) -> bool {
        self.has_read.load(Relaxed)
    }

    /// Records that the client read some bytes.
    pub(super) fn record_write(&self) {
        self.set_phase(if self.is_multiplexed.load(Relaxed) { RESPONDING } else { AWAITING_REQUEST });
    }

    /// Records that the client's receive window is full.
    pub(super) fn record_blocked_write(&self) {
        if self.state.load(Relaxed) & PHASE_MASK != WRITE_BLOCKED {
            self.set_phase(WRITE_BLOCKED);
        }
    }

    /// A value that changes whenever the connection makes progress.
    pub(super) fn progress_marker(&self) -> u64 {
        self.state.load(Relaxed)
    }

    /// Whether the client has taken too long.
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

    /// Each word is an event of the connection or a number of ticks; the connection then has timed out or not.
    #[test]
    fn phases_time_out() {
        let limits = TimeoutLimits::new(Duration::from_millis(80), Duration::from_millis(240), false);
        assert_eq!(
            (limits.tick_interval, limits.max_request_ticks, limits.max_write_ticks),
            (Duration::from_millis(10), 9, 25)
        );
        for (history, timed_out) in [
            ("9", false),
            ("10", true),
            ("9 request 9", false),
            ("request 10000", false),
            ("request 10000 read 9", false),
            ("request read 10", true),
            ("request read blocked 25", false),
            ("request read blocked 26", true),
            ("request blocked 20 blocked 6", true),
            ("request blocked 20 read 9", false),
            ("multiplex 10000 read 10000", false),
            ("multiplex read blocked 26", true),
        ] {
            let ticks = Arc::new(TickCounter::default());
            let phase = ConnectionPhase::new(&ticks);
            for word in history.split(' ') {
                match word {
                    "request" => phase.start_responding(),
                    "read" => phase.record_write(),
                    "blocked" => phase.record_blocked_write(),
                    "multiplex" => phase.set_multiplexed(),
                    number => (0..number.parse().unwrap()).for_each(|_| ticks.next()),
                }
            }
            assert_eq!(phase.has_timed_out(&limits), timed_out, "{history}");
        }
    }
}
