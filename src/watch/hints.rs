//! The way of hints to the worker. It is bounded: hints that find it full are dropped, and everything is looked at instead. Orders of the
//! daemon are never dropped, and the newest of a kind replaces those before it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::mode::Limit;
use super::notice::Hint;
use crate::config::Watch;
use crate::event::WatchPlan;

/// So many hints wait, as many as the kernel's queue has room for (`fs.inotify.max_queued_events`).
pub(super) const MAX_HINTS: usize = if cfg!(test) { 64 } else { 16_384 };

/// What the worker is to do whatever else it hears.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Orders {
    /// To end.
    pub(super) stop: bool,
    /// What to watch changed.
    pub(super) plan: Option<WatchPlan>,
    /// How changes are to be found.
    pub(super) watch: Option<Watch>,
    /// To read everything again.
    pub(super) reread: bool,
    /// The system cannot watch everything, and why.
    pub(super) limited: Option<Limit>,
    /// Hints were dropped.
    pub(super) has_lost: bool,
}

/// The end that hints come in by.
#[derive(Clone, Debug)]
pub(super) struct HintSender {
    hints: SyncSender<Hint>,
    orders: Arc<Mutex<Orders>>,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct HintReceiver {
    hints: Receiver<Hint>,
    orders: Arc<Mutex<Orders>>,
}

pub(super) fn channel() -> (HintSender, HintReceiver) {
    let (sender, receiver) = sync_channel(MAX_HINTS);
    let orders = Arc::default();
    (HintSender { hints: sender, orders: Arc::clone(&orders) }, HintReceiver { hints: receiver, orders })
}

fn lock(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HintSender {
    /// Hints at something. Never waits. A worker that ended has nothing to do any more.
    pub(super) fn hint(&self, hint: Hint) {
        if let Err(TrySendError::Full(hint)) = self.hints.try_send(hint) {
            self.order(|orders| match hint {
                Hint::Limited(limit) => orders.limited = Some(limit),
                _ => orders.has_lost = true,
            });
        }
    }

    /// Changes what the worker is to do, and wakes it. Where the channel is full it is about to look at its orders.
    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut lock(&self.orders));
        drop(self.hints.try_send(Hint::Orders));
    }
}

impl HintReceiver {
    /// What came so far.
    pub(super) fn hints(&self) -> Vec<Hint> {
        self.hints.try_iter().take(MAX_HINTS).collect()
    }

    /// The next hint, if one comes in time.
    pub(super) fn wait(&self, patience: Duration) -> Result<Option<Hint>, RecvTimeoutError> {
        match self.hints.recv_timeout(patience) {
            Ok(hint) => Ok(Some(hint)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What to do. To be asked after hints were taken, since what found no room is there.
    pub(super) fn take_orders(&self) -> Orders {
        std::mem::take(&mut lock(&self.orders))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{self as watch, WatchOptions};
    use super::*;
    use crate::beneath::Root;
    use crate::config;
    use crate::event::Event;
    use crate::metrics::Metrics;

    #[test]
    fn full_channel_loses_hints_but_no_orders() {
        let (sender, receiver) = channel();
        let limit = || Limit { reason: "no watch left".into(), cure: "raise it", is_partial: true };
        for number in 0..MAX_HINTS * 3 {
            sender.hint(Hint::Touched(PathBuf::from(number.to_string())));
        }
        sender.hint(Hint::Limited(limit()));
        sender.order(|orders| orders.watch = Some(Watch::Poll));
        sender.order(|orders| orders.watch = Some(Watch::Auto));
        sender.order(|orders| orders.reread = true);
        assert_eq!(receiver.hints().len(), MAX_HINTS);
        let orders = receiver.take_orders();
        let expected = Orders {
            watch: Some(Watch::Auto),
            reread: true,
            limited: Some(limit()),
            has_lost: true,
            ..Orders::default()
        };
        assert_eq!(orders, expected);
        assert_eq!((receiver.hints(), receiver.take_orders()), (Vec::new(), Orders::default()), "each is told once");
        sender.order(|orders| orders.stop = true);
        assert_eq!(receiver.wait(Duration::ZERO), Ok(Some(Hint::Orders)), "an order wakes the worker");
        assert!(receiver.take_orders().stop);
    }

    #[tokio::test]
    async fn scan_finds_files_whose_hints_were_dropped() {
        const PATIENCE: Duration = Duration::from_secs(60);
        const FILES: usize = MAX_HINTS * 8;
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        std::fs::create_dir(&content).unwrap();
        let file = folder.path().join("c.toml");
        let toml = "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n";
        std::fs::write(&file, toml).unwrap();
        let config = config::parse(&file, toml.as_bytes()).config.unwrap();
        let options = WatchOptions {
            root: Root::new(&content, "content"),
            parsing: Arc::clone(&config.parsing),
            config: file,
            config_hash: config.hash,
            load: config::parse,
            grace: Duration::from_millis(100),
            settle: Duration::from_millis(100),
            watch: Watch::Auto,
            hold: Duration::ZERO,
            open_limit: Duration::from_secs(60),
            safety: Duration::from_secs(3_600),
            meanwhile: Arc::default(),
        };
        let (events, mut inbox) = tokio::sync::mpsc::channel(1);
        let meters = Arc::<Metrics>::default();
        let watcher = watch::start(options, (), events, Arc::clone(&meters)).unwrap();
        let mut next = async || tokio::time::timeout(PATIENCE, inbox.recv()).await.expect("in time").unwrap().event;
        assert!(matches!(next().await, Event::Rescan(_)));
        // Nobody takes what the watcher tells, so it waits, and does not take hints.
        for number in 0..FILES {
            std::fs::write(content.join(format!("{number}.md")), "---\ntitle: T\ndate: 2026-11-20\n---\nText.\n")
                .unwrap();
        }
        let mut found = std::collections::BTreeSet::new();
        while found.len() < FILES {
            if let Event::Files(files) = next().await {
                found.extend(files.into_iter().map(|file| file.path));
            }
        }
        assert!(meters.watch_overflows.get() > 0, "hints were dropped");
        drop(watcher);
    }
}
