//! The channel of hints and orders to the worker. Hints are bounded: if the channel is full, they are dropped, and the worker scans
//! everything instead. Orders from the daemon are never dropped; a newer order replaces an older one of the same kind.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::mode::WatchLimit;
use crate::config::Watch;
use crate::event::WatchPlan;

/// The capacity of the channel. The kernel queues as many events by default (`fs.inotify.max_queued_events`).
pub(super) const MAX_HINTS: usize = if cfg!(test) { 64 } else { 16_384 };

/// A possible change. A hint says which path to check; the file system decides.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Hint {
    /// A file was renamed to this path.
    Complete(PathBuf),
    /// A file was closed after writing.
    Closed(PathBuf),
    /// Something was created or changed here.
    Changed(PathBuf),
    /// A file was written. Another hint follows when it is closed.
    Written(PathBuf),
    /// Something was removed here.
    Removed(PathBuf),
    /// A file or folder was renamed from the first path to the second. Both paths are in one hint, because a new file at the first path
    /// could otherwise be mistaken for the old one.
    Renamed(PathBuf, PathBuf),
    /// A folder was created. What happened in it before it was watched isn't known.
    NewFolder(PathBuf),
    /// The kernel lost events.
    Overflow,
    /// The system can't watch everything.
    Limited(WatchLimit),
    /// There are new orders.
    Wake,
}

/// Instructions for the worker.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Orders {
    /// End the thread.
    pub(super) stop: bool,
    /// Watch this from now on.
    pub(super) plan: Option<WatchPlan>,
    /// Find changes in this way from now on.
    pub(super) watch: Option<Watch>,
    /// Read every file again.
    pub(super) reread: bool,
    /// The system can't watch everything.
    pub(super) limited: Option<WatchLimit>,
    /// Hints were dropped.
    pub(super) has_dropped_hints: bool,
}

/// The sending end.
#[derive(Clone, Debug)]
pub(super) struct HintSender {
    hints: SyncSender<Hint>,
    orders: Arc<Mutex<Orders>>,
}

/// The worker's end of the channel.
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
    /// Sends a hint. Never blocks. Does nothing if the worker has ended.
    pub(super) fn hint(&self, hint: Hint) {
        if let Err(TrySendError::Full(hint)) = self.hints.try_send(hint) {
            self.order(|orders| match hint {
                Hint::Limited(limit) => orders.limited = Some(limit),
                _ => orders.has_dropped_hints = true,
            });
        }
    }

    /// Changes the orders and wakes the worker. If the channel is full, the worker is awake already.
    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut lock(&self.orders));
        drop(self.hints.try_send(Hint::Wake));
    }
}

impl HintReceiver {
    /// The hints received so far.
    pub(super) fn received(&self) -> Vec<Hint> {
        self.hints.try_iter().take(MAX_HINTS).collect()
    }

    /// Waits for the next hint. `None`: the time is over.
    pub(super) fn wait(&self, timeout: Duration) -> Result<Option<Hint>, RecvTimeoutError> {
        match self.hints.recv_timeout(timeout) {
            Ok(hint) => Ok(Some(hint)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the orders. Call it after taking hints, because it also says whether hints were dropped.
    pub(super) fn take_orders(&self) -> Orders {
        std::mem::take(&mut lock(&self.orders))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{self as watch, WatchOptions};
    use super::*;
    use crate::beneath::Root;
    use crate::config;
    use crate::event::Event;
    use crate::metrics::Metrics;

    #[test]
    fn full_channel_drops_hints_but_no_orders() {
        let (sender, receiver) = channel();
        let limit = || WatchLimit { reason: "no watch left".into(), advice: "raise it", is_partial: true };
        for number in 0..MAX_HINTS * 3 {
            sender.hint(Hint::Changed(PathBuf::from(number.to_string())));
        }
        sender.hint(Hint::Limited(limit()));
        sender.order(|orders| orders.watch = Some(Watch::Poll));
        sender.order(|orders| orders.watch = Some(Watch::Auto));
        sender.order(|orders| orders.reread = true);
        assert_eq!(receiver.received().len(), MAX_HINTS);
        let orders = receiver.take_orders();
        let expected = Orders {
            watch: Some(Watch::Auto),
            reread: true,
            limited: Some(limit()),
            has_dropped_hints: true,
            ..Orders::default()
        };
        assert_eq!(orders, expected);
        assert_eq!(
            (receiver.received(), receiver.take_orders()),
            (Vec::new(), Orders::default()),
            "each is received once"
        );
        sender.order(|orders| orders.stop = true);
        assert_eq!(receiver.wait(Duration::ZERO), Ok(Some(Hint::Wake)), "an order wakes the worker");
        assert!(receiver.take_orders().stop);
    }

    #[tokio::test]
    async fn scan_finds_files_whose_hints_were_dropped() {
        const TIMEOUT: Duration = Duration::from_secs(60);
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
            config: Some(file),
            config_hash: Some(config.hash),
            parse_config: config::parse,
            grace: Duration::from_millis(100),
            settle: Duration::from_millis(100),
            watch: Watch::Auto,
            hold: Duration::ZERO,
            completion: watch::coalesce::Completion::default(),
            open_limit: Duration::from_secs(60),
            safety_interval: Duration::from_secs(3_600),
            progress: Arc::default(),
        };
        let (events, mut received) = tokio::sync::mpsc::channel(1);
        let metrics = Arc::<Metrics>::default();
        let watcher = watch::start(options, (), events, Arc::clone(&metrics)).unwrap();
        let mut next = async || tokio::time::timeout(TIMEOUT, received.recv()).await.expect("in time").unwrap().event;
        assert!(matches!(next().await, Event::Rescan(_)));
        // Nobody receives the watcher's events, so it blocks and takes no hints.
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
        assert!(metrics.watch_overflows.get() > 0, "hints were dropped");
        drop(watcher);
    }
}
