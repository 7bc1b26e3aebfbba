//! How long clients may take. Each connection notes where it stands; the loop that accepted it looks at all of them now and then
//! and ends those that are overdue. A timer for each request would cost more than all else that dateline does for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A clock that counts looks.
#[derive(Debug, Default)]
pub(super) struct Looks(AtomicU32);

/// How often to look, and after how many looks what is overdue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) pause: Duration,
    asking: u32,
    taking: u32,
}

impl Limits {
    /// Of readers; those of operators, whose listener has few connections, are shorter.
    pub(super) fn new(mut header: Duration, mut write: Duration, for_operators: bool) -> Limits {
        const OPERATORS_ASK: Duration = Duration::from_secs(1);
        const OPERATORS_TAKE: Duration = Duration::from_secs(10);
        const SHORTEST: Duration = Duration::from_millis(10);
        const LONGEST: Duration = Duration::from_secs(1);
        if for_operators {
            (header, write) = (header.min(OPERATORS_ASK), write.min(OPERATORS_TAKE));
        }
        let shorter = header.min(write);
        let pause = (shorter / 8).clamp(SHORTEST, LONGEST);
        // One more, since the first of them is not a whole one.
        let looks =
            |limit: Duration| u32::try_from(limit.as_millis() / pause.as_millis().max(1)).unwrap_or(u32::MAX - 1) + 1;
        Limits { pause, asking: looks(header), taking: looks(write) }
    }
}

impl Looks {
    /// Another look.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// What a connection waits for, as the lower bits of a [`ConnectionPhase`] say it.
const ASKING: u64 = 0;
const US: u64 = 1;
const TAKING: u64 = 2;
const WAITS_FOR: u64 = 3;

/// Where a connection stands.
#[derive(Debug)]
pub(super) struct ConnectionPhase {
    looks: Arc<Looks>,
    /// What it waits for, and in the upper half since which look: one number, so that nobody sees half of a change.
    state: AtomicU64,
    /// Whether many requests are under way at a time, so that the end of an answer says nothing.
    shared: AtomicBool,
}

impl ConnectionPhase {
    /// A connection on which the client has to ask first.
    pub(super) fn new(looks: &Arc<Looks>) -> ConnectionPhase {
        let standing =
            ConnectionPhase { looks: Arc::clone(looks), state: AtomicU64::new(0), shared: AtomicBool::new(false) };
        standing.is_now(ASKING);
        standing
    }

    fn is_now(&self, waits_for: u64) {
        let since = u64::from(self.looks.0.load(Relaxed));
        self.state.store((since << 32) | waits_for, Relaxed);
    }

    /// A request is there, or the next piece of an answer has to be fetched: it is our turn.
    pub(super) fn our_turn(&self) {
        self.is_now(US);
    }

    /// From now on many requests are under way at a time.
    pub(super) fn share(&self) {
        self.shared.store(true, Relaxed);
        self.our_turn();
    }

    /// The client took something.
    pub(super) fn took(&self) {
        self.is_now(if self.shared.load(Relaxed) { US } else { ASKING });
    }

    /// The client does not take what we have for it.
    pub(super) fn refuses(&self) {
        if self.state.load(Relaxed) & WAITS_FOR != TAKING {
            self.is_now(TAKING);
        }
    }

    /// Differs from what it was when something came of the connection meanwhile.
    pub(super) fn progress(&self) -> u64 {
        self.state.load(Relaxed)
    }

    /// Whether the client takes too long.
    pub(super) fn is_overdue(&self, limits: &Limits) -> bool {
        let state = self.state.load(Relaxed);
        let looks = self.looks.0.load(Relaxed).wrapping_sub(u32::try_from(state >> 32).unwrap_or_default());
        match state & WAITS_FOR {
            ASKING => looks > limits.asking,
            TAKING => looks > limits.taking,
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
        let limits = Limits::new(Duration::from_millis(80), Duration::from_millis(240), false);
        assert_eq!((limits.pause, limits.asking, limits.taking), (Duration::from_millis(10), 9, 25));
        for (history, overdue) in [
            ("9", false),
            ("10", true),
            ("9 asked 9", false),
            ("asked 10000", false),
            ("asked 10000 took 9", false),
            ("asked took 10", true),
            ("asked took refuses 25", false),
            ("asked took refuses 26", true),
            ("asked refuses 20 refuses 6", true),
            ("asked refuses 20 took 9", false),
            ("share 10000 took 10000", false),
            ("share took refuses 26", true),
        ] {
            let looks = Arc::new(Looks::default());
            let standing = ConnectionPhase::new(&looks);
            for word in history.split(' ') {
                match word {
                    "asked" => standing.our_turn(),
                    "took" => standing.took(),
                    "refuses" => standing.refuses(),
                    "share" => standing.share(),
                    number => (0..number.parse().unwrap()).for_each(|_| looks.next()),
                }
            }
            assert_eq!(standing.is_overdue(&limits), overdue, "{history}");
        }
    }
}
