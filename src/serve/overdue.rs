//! How long clients may take. Each connection notes where it stands; the loop that accepted it looks at all of them now and then
//! and ends those that are overdue. A timer for each request would cost more than all else that dateline does for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::ServeOptions;

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
    pub(super) fn new(options: &ServeOptions) -> Limits {
        const SHORTEST: Duration = Duration::from_millis(10);
        const LONGEST: Duration = Duration::from_secs(1);
        let shorter = options.header_timeout.min(options.write_timeout);
        let pause = (shorter / 8).clamp(SHORTEST, LONGEST);
        // One more, since the first of them is not a whole one.
        let looks =
            |limit: Duration| u32::try_from(limit.as_millis() / pause.as_millis().max(1)).unwrap_or(u32::MAX - 1) + 1;
        Limits { pause, asking: looks(options.header_timeout), taking: looks(options.write_timeout) }
    }
}

impl Looks {
    /// Another look.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// What a connection waits for.
const ASKING: u8 = 0;
const US: u8 = 1;
const TAKING: u8 = 2;

/// Where a connection stands.
#[derive(Debug)]
pub(super) struct Standing {
    looks: Arc<Looks>,
    waits_for: AtomicU8,
    /// Since which look.
    since: AtomicU32,
    /// Whether many requests are under way at a time, so that the end of an answer says nothing.
    shared: AtomicBool,
}

impl Standing {
    /// A connection on which the client has to ask first.
    pub(super) fn new(looks: &Arc<Looks>) -> Standing {
        let since = AtomicU32::new(looks.0.load(Relaxed));
        Standing { looks: Arc::clone(looks), waits_for: AtomicU8::new(ASKING), since, shared: AtomicBool::new(false) }
    }

    fn is_now(&self, waits_for: u8) {
        self.since.store(self.looks.0.load(Relaxed), Relaxed);
        self.waits_for.store(waits_for, Relaxed);
    }

    /// A request is there: it is our turn.
    pub(super) fn asked(&self) {
        self.is_now(US);
    }

    /// From now on many requests are under way at a time.
    pub(super) fn share(&self) {
        self.shared.store(true, Relaxed);
        self.is_now(US);
    }

    /// The client took something.
    pub(super) fn took(&self) {
        self.is_now(if self.shared.load(Relaxed) { US } else { ASKING });
    }

    /// The client does not take what we have for it.
    pub(super) fn refuses(&self) {
        if self.waits_for.load(Relaxed) != TAKING {
            self.is_now(TAKING);
        }
    }

    /// Whether the client takes too long.
    pub(super) fn is_overdue(&self, limits: &Limits) -> bool {
        let looks = self.looks.0.load(Relaxed).wrapping_sub(self.since.load(Relaxed));
        match self.waits_for.load(Relaxed) {
            ASKING => looks > limits.asking,
            TAKING => looks > limits.taking,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word is what happens: `look`, or a note of the connection; `!` asks whether it is overdue.
    #[test]
    fn who_waits_for_whom() {
        let options = ServeOptions {
            header_timeout: Duration::from_millis(80),
            write_timeout: Duration::from_millis(240),
            ..ServeOptions::new(|| jiff::Timestamp::UNIX_EPOCH)
        };
        let limits = Limits::new(&options);
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
            let standing = Standing::new(&looks);
            for word in history.split(' ') {
                match word {
                    "asked" => standing.asked(),
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
