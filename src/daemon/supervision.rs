//! Runs the engine, and rebuilds it after a panic.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::builder::update_horizon;
use super::context::{Daemon, Fatal};
use super::quarantine::{Verdict, Version, versions};
use crate::config::Checked;
use crate::engine::Engine;
use crate::event::{Command, Effect, Event};
use crate::ledger::Ledger;

impl Daemon {
    /// Returns an engine that has this ledger and no articles yet.
    pub(super) fn engine(&self, ledger: Ledger) -> Engine {
        Engine::with_ledger(ledger).with_dormancy()
    }

    /// Lets the engine handle one event, reports whether its records were written, and answers commands.
    pub(super) async fn handle_event(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let engine = self.dispatch(engine, event).await?;
        let engine = self.report_writability(engine).await?;
        self.withhold();
        std::mem::take(&mut self.answers).into_iter().for_each(|answer| self.execute(answer));
        Ok(engine)
    }

    /// Tells the engine when records can no longer be written, and when they can again.
    pub(super) async fn report_writability(&mut self, mut engine: Engine) -> Result<Engine, Fatal> {
        while self.persistence.is_reported_blocked != self.persistence.is_blocked() {
            self.persistence.is_reported_blocked = self.persistence.is_blocked();
            let event = if self.persistence.is_reported_blocked { Event::Unwritable } else { Event::Writable };
            engine = self.dispatch(engine, event).await?;
        }
        Ok(engine)
    }

    /// Lets the engine handle one event and executes its effects. An engine that panics is rebuilt.
    async fn dispatch(&mut self, engine: Engine, event: Event) -> Result<Engine, Fatal> {
        let event = self.relocate(event);
        let versions = versions(&event);
        let checked = match &event {
            Event::Config(checked) | Event::Command(Command::Reload { checked, .. }, _) => Some(checked.clone()),
            _ => None,
        };
        self.watchdog.notify();
        let begun = Instant::now();
        let handled = self.run_engine(engine, event).await;
        self.metrics.build_seconds.observe(begun.elapsed().as_secs_f64());
        match handled {
            Ok((engine, effects)) => {
                self.quarantine.clear_suspects(&versions);
                // The engine may have refused the configuration.
                let is_accepted = |checked: &Checked| {
                    let hash = checked.config.as_ref().map(|config| config.hash);
                    hash.is_some() && hash == engine.config().map(|config| config.hash)
                };
                if let Some(checked) = checked.filter(is_accepted) {
                    // The watch mode doesn't concern the engine, so no effect sets it.
                    checked.config.iter().for_each(|config| self.watchers.set_mode(config.content.watch));
                    // The engine's configuration still has the settings that can't change while the daemon runs.
                    engine.config().into_iter().for_each(|config| self.live_config.store(Arc::clone(config)));
                    self.checked = checked;
                }
                if self.checked.config.as_ref().is_some_and(|config| config.hash != self.config.hash) {
                    self.drop_saved_documents();
                }
                self.execute_all(effects);
                Ok(engine)
            }
            Err(panic) => self.rebuild_engine(versions, &panic).await,
        }
    }

    /// Applies the relocation to a new configuration: its links lead to the address that dateline listens on.
    fn relocate(&self, event: Event) -> Event {
        match (event, &self.relocation) {
            (Event::Config(checked), Some(relocation)) => Event::Config(relocation.of(checked)),
            (Event::Command(Command::Reload { checked, force }, ticket), Some(relocation)) => {
                Event::Command(Command::Reload { checked: relocation.of(checked), force }, ticket)
            }
            (event, _) => event,
        }
    }

    /// Replaces an engine that panicked by one with the same ledger and configuration, and makes the watcher read all files again.
    ///
    /// # Errors
    /// If the ledger can't be read, or there were too many panics.
    async fn rebuild_engine(&mut self, versions: Vec<Version>, panic: &JoinError) -> Result<Engine, Fatal> {
        tracing::error!(%panic, "engine panicked; published documents stay, and everything is rebuilt");
        match self.quarantine.record_failure(versions, Instant::now()) {
            Verdict::TryAgain => {}
            Verdict::Culprit(culprit) => tracing::error!(
                article = %culprit,
                "article quarantined: the engine panics over it; please report this with the file"
            ),
            Verdict::GiveUp => return Err(Fatal("engine panicked repeatedly; giving up".to_owned())),
        }
        // Records that wait to be written stay in force. The new engine repeats the postponed effects.
        let unreadable =
            |why| Fatal(format!("the engine failed, and the ledger that a new one needs cannot be read: {why}"));
        let ledger = self.persistence.ledger().map_err(unreadable)?;
        drop(self.persistence.take_postponed());
        self.persistence.is_reported_blocked = false;
        self.answers.clear();
        self.tickets.clear();
        let engine = self.engine(ledger);
        let (engine, effects) = self
            .run_engine(engine, Event::Config(self.checked.clone()))
            .await
            .map_err(|error| Fatal(format!("the engine fails over its configuration: {error}")))?;
        self.execute_all(effects);
        self.watchers.reread_all();
        Ok(engine)
    }

    /// Passes an event to the engine, which divides a large publication into slices ([`Effect::Resume`]). Executes the effects of all
    /// slices but the last one, and returns those of the last one.
    async fn run_engine(&mut self, engine: Engine, event: Event) -> Result<(Engine, Vec<Effect>), JoinError> {
        let (mut engine, mut effects) = self.start_slice(engine, event).await?;
        while effects.pop_if(|effect| matches!(effect, Effect::Resume)).is_some() {
            // Records and documents of a slice are written while the engine works on the next one.
            let next = self.start_slice(engine, Event::Resume);
            self.execute_all(effects);
            (engine, effects) = next.await?;
        }
        Ok((engine, effects))
    }

    /// Starts the engine on a thread that may block.
    fn start_slice(&self, mut engine: Engine, event: Event) -> JoinHandle<(Engine, Vec<Effect>)> {
        let now = (self.clock)();
        let scan_progress = (self.snapshot.load().generation == 0).then(|| Arc::clone(&self.scan_progress));
        spawn_blocking(move || {
            let effects = engine.handle(event, now);
            scan_progress.iter().for_each(|progress| update_horizon(&mut engine, progress, false));
            (engine, effects)
        })
    }
}
