//! The event loop: waits for the next event, joins file events to batches, and lets the engine handle them.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;

use super::context::{Daemon, Fatal};
use crate::event::{Event, ParsedFile};
use crate::ledger::Ledger;
use crate::watch::{self, WatchEvent};

/// The most file events in one batch. The engine takes about 50 ms for them.
const MAX_BATCH_FILES: usize = 2_048;
/// The longest sleep of the event loop.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// How often the clock is read while an article waits for its time, because clocks are set and machines are suspended.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_millis(500);

impl Daemon {
    /// Handles events until `stop` resolves, beginning with the configuration.
    ///
    /// # Errors
    /// If the watcher ended, or the engine panicked repeatedly.
    pub(super) async fn run_event_loop(mut self, ledger: Ledger, stop: impl Future<Output = ()>) -> Result<(), Fatal> {
        let mut stop = std::pin::pin!(stop);
        if let Some(why) = self.persistence.unwritable.clone() {
            self.raise_alarm(&why);
        }
        let mut engine = self.handle_event(self.engine(ledger), Event::Config(self.checked.clone())).await?;
        loop {
            self.publish_roots_when_idle();
            let mut sleep = engine.wake_at().map_or(MAX_SLEEP, |instant| self.until(instant));
            sleep = self.persistence.until_retry().map_or(sleep, |retry| sleep.min(retry));
            self.write_activity();
            sleep = self.activity.until_due().map_or(sleep, |due| sleep.min(due));
            // The loop itself notifies the watchdog, so that systemd notices a loop that hangs.
            self.watchdog.notify();
            sleep = self.watchdog.max_sleep().map_or(sleep, |max| sleep.min(max));
            if self.watchers.is_any_unlisted() {
                sleep = sleep.min(CLOCK_CHECK_INTERVAL);
            }
            let queued = self.inbox.len() + self.body_inbox.len() + self.watch_events.len();
            self.metrics.event_queue.set(i64::try_from(queued).unwrap_or(i64::MAX));
            let tick = tokio::time::sleep(sleep);
            let event = tokio::select! {
                biased;
                () = &mut stop => {
                    self.write_remaining();
                    self.activity.write(&self.live_config.load());
                    return Ok(());
                }
                Some(request) = self.requests.recv() => self.accept_request(request),
                Some(query) = self.archive_queries.recv() => self.accept_archive_query(query),
                Some(event) = async { self.next_watch_event.take() } => self.accept_watch_event(event),
                event = self.inbox.recv() => {
                    event.ok_or_else(|| Fatal("event channel closed".to_owned()))?
                }
                Some(event) = self.body_inbox.recv() => {
                    self.check_changed_files(&event);
                    event
                }
                event = self.watch_events.recv() => {
                    let event = event.ok_or_else(|| Fatal("the watcher ended unexpectedly".to_owned()))?;
                    self.accept_watch_event(event)
                }
                Some(built) = self.built_archives.recv() => {
                    let delivery = built.delivery(&self.snapshot.load(), &self.archive_bytes);
                    delivery.iter().for_each(|delivery| self.deliveries.send(delivery));
                    continue;
                }
                Some(_) = self.fetches.join_next() => continue,
                () = tick => self.watchers.overdue_listing().unwrap_or(Event::Tick),
            };
            for event in self.collect_batch(event) {
                engine = self.handle_event(engine, event).await?;
            }
            // The retry comes after the event, because it may take long and a retraction mustn't wait for it.
            if self.persistence.until_retry().is_some_and(|pause| pause.is_zero()) {
                self.retry_write();
                engine = self.report_writability(engine).await?;
                self.publish_postponed();
            }
        }
    }

    /// Logs recent activity, unless it belongs to a burst that isn't over.
    fn write_activity(&mut self) {
        self.activity.is_first_scan = false;
        let is_idle = self.next_watch_event.is_none()
            && self.watch_events.is_empty()
            && self.inbox.is_empty()
            && self.body_inbox.is_empty();
        self.activity.write_when_due(is_idle, &self.live_config.load());
    }

    /// Asks the watcher to check files that no longer have the version whose body the engine asked for. Their events may be lost.
    fn check_changed_files(&self, event: &Event) {
        let Event::Unfetched(bodies) = event else { return };
        for body in bodies.iter().filter(|body| body.problem.is_none()) {
            self.watchers.check_file(&self.roots, &body.request.path);
        }
    }

    /// Records when the change began and which directory it is from. Returns the event for the engine.
    fn accept_watch_event(&mut self, watch_event: WatchEvent) -> Event {
        if matches!(watch_event.event, Event::Files(_)) {
            self.change_began = Some(watch_event.since);
        }
        self.watchers.note_event(&watch_event.event);
        if let Some(root) = watch_event.root {
            self.roots.replace(root);
            self.are_roots_pending = true;
        }
        watch_event.event
    }

    /// Joins a file event with those that wait in the queue, so that a burst is one batch. Returns the events for the engine.
    fn collect_batch(&mut self, event: Event) -> Vec<Event> {
        let config = self.live_config.load_full();
        let mut files = match event {
            Event::Files(files) => files,
            event => return self.quarantine.divide(event, &config),
        };
        while files.len() < MAX_BATCH_FILES {
            match self.watch_events.try_recv() {
                Ok(WatchEvent { event: Event::Files(more), root: None, .. }) => files.extend(more),
                Ok(other) => {
                    self.next_watch_event = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let events = self.quarantine.divide(Event::Files(files), &config);
        // A new content directory is published as a whole.
        if self.are_roots_pending || self.snapshot.load().generation == 0 {
            return events;
        }
        // Large files take long to render, so each is published alone, after the others.
        let divided = events.into_iter().flat_map(|event| match event {
            Event::Files(files) => {
                let (large, small): (Vec<ParsedFile>, Vec<_>) = files.into_iter().partition(watch::is_large);
                let small = (!small.is_empty()).then_some(Event::Files(small));
                small.into_iter().chain(large.into_iter().map(|file| Event::Files(vec![file]))).collect()
            }
            other => vec![other],
        });
        divided.collect()
    }

    /// Returns the time until an instant by the wall clock, at most [`CLOCK_CHECK_INTERVAL`].
    fn until(&self, instant: Timestamp) -> Duration {
        let milliseconds = instant.as_millisecond().saturating_sub((self.clock)().as_millisecond());
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).min(CLOCK_CHECK_INTERVAL)
    }
}
